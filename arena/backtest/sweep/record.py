"""What a sweep leaves behind: the model of `sweep.json`; the trials themselves are in `trials.parquet`.

Models only. Invariant: every number of the report comes from this record or from the two Parquet files
beside it, and nothing is NaN or infinite.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from arena.backtest.result import MarketInfo, Provenance, RunInfo
from arena.backtest.result_model import Finite, ResultModel
from arena.backtest.verdict import Verdict

SWEEP_SCHEMA_VERSION = "1.0"


class SweepAxis(ResultModel):
    """One thing that varies: numbers of a column, or choices that need a batch each."""

    name: str
    values: list[Any]
    structural: bool = Field(description="a choice of market, strategy or window: one batch a value")


class SweepBatch(ResultModel):
    """The trials that share a market and a strategy; `choices` tell it from the others."""

    index: int
    choices: dict[str, Any]
    strategy: str
    market: MarketInfo
    dataset_hash: str
    combinations: int
    dropped: dict[str, int] = Field(description="combinations that no run would accept, by reason")
    trials: int
    done: int
    days: int = Field(description="days of daily returns kept a trial")


class SweepTrial(ResultModel):
    """One row of trials.parquet, written out."""

    batch: int
    trial: int = Field(description="row of the batch's grid")
    params: dict[str, Finite]
    figures: dict[str, Finite | None]


class SweepTiming(ResultModel):
    """Where the time went."""

    engine: str
    workers: int
    seconds: dict[str, Finite]
    trials_per_second: Finite


class SweepRecord(ResultModel):
    """The whole of `sweep.json`."""

    schema_version: Literal["1.0"] = "1.0"
    synthetic: bool
    run: RunInfo
    method: Literal["grid", "random", "latin", "optuna", "list"]
    objective: str = Field(description="figure that ranks the trials, higher is better")
    axes: list[SweepAxis]
    batches: list[SweepBatch]
    interrupted: bool
    best: list[SweepTrial] = Field(description="best first, at most 20")
    best_run_folder: str | None = Field(
        None, description="full report of the best trial, inside the sweep's folder"
    )
    verdict: Verdict | None
    timing: SweepTiming
    provenance: Provenance
    warnings: list[str]
