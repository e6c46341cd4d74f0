"""What a caller hands to the ledger about a backtest and its trials, and what it is told of all trials.

Apart from the other rows, so that a backtest does not wait for them to load. Imports no database
library.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """Parameter sets that were run on one market: those of a run, or of a batch of a sweep that were done.

    `config_hash`, `dataset_hash` and `batch` tell whether the same was counted before. Times are UTC ms,
    ranges half-open; `held_*` is what was kept back, `unlocked` whether it was read all the same. The
    Sharpe ratios are a bar's, over the `sharpes` sets that have one.
    """

    config_hash: str
    dataset_hash: str
    run_id: str
    kind: Literal["run", "sweep"]
    strategy: str
    inst_id: str
    timeframe: str
    synthetic: bool
    start_ms: int
    end_ms: int
    created_ms: int
    batch: int = 0
    held_start_ms: int | None = None
    held_end_ms: int | None = None
    unlocked: bool = False
    sets: int = 1
    sharpes: int = 0
    sharpe_mean: float | None = None
    sharpe_variance: float | None = None
    effective: float | None = None


@dataclass(frozen=True, slots=True)
class TrialTally:
    """All that was ever tried on a market over an overlapping time.

    `unlocks` counts how often bars that had been kept back were read.
    """

    sets: int
    runs: int
    sweeps: int
    sharpes: int
    sharpe_mean: float | None
    sharpe_variance: float | None
    effective: float
    first_ms: int
    unlocks: int
