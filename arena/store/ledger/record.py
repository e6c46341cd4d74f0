"""What a caller hands to the ledger about one backtest.

Apart from the other rows, so that a backtest does not wait for them to load. Imports no database
library.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestRecord:
    """Everything that the ledger keeps of one backtest.

    `metrics` are all metrics by name, None where undefined. `orders` and `decisions` are rows with
    the columns of `backtest_orders` and `backtest_decisions` but `run_id` and `seq`; all rows of
    one table name the same columns.
    """

    run_id: str
    name: str
    created_ms: int
    job: str
    strategy: str
    inst_id: str
    symbol: str
    timeframe: str
    config_hash: str
    config_json: str
    dataset_hash: str
    code_version: str
    synthetic: bool
    start_ms: int
    end_ms: int
    bars: int
    metrics: Mapping[str, float | None]
    orders: Sequence[Mapping[str, Any]] = ()
    decisions: Sequence[Mapping[str, Any]] = ()
    job_run_id: str | None = None
    notes: str = ""
    tags: Sequence[str] = ()
    status: str = "done"
    trial_count: int = 1
    sharpe_variance: float | None = None
