"""What a repair leaves: the whole of `result.json` of jobs.repair.

Models only. Invariant: times are ISO-8601 UTC, ranges half-open; what is still missing is said.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from arena.backtest.result import RunInfo
from arena.backtest.result_model import Finite, ResultModel

Outcome = Literal["repaired", "unchanged", "confirmed_absent", "partial", "failed"]
Reading = Literal["bars", "detail", "mark", "funding"]


class Hole(ResultModel):
    """Missing bars in [start, end)."""

    start: str
    end: str
    bars: int


class RepairedRange(ResultModel):
    """One range of a repair."""

    repair_id: str
    timeframe: str = Field(description="length of bar; the interval of funding")
    start: str
    end: str
    asked_by: list[str] = Field(description="kinds of findings that asked for it; empty: the user named it")
    asked: int = Field(description="bars that the range has room for")
    inserted: int
    revised: int
    kept: int = Field(
        description="coarser bars that came from elsewhere: they differ from the mended ones and stay"
    )
    missing_before: int
    missing_after: int
    confirmed_absent: list[Hole] = Field(description="holes that the exchange says it has, too")
    refused: int = Field(description="rows of the exchange that no market can have made")
    source: str
    outcome: Outcome
    error: str | None


class Figures(ResultModel):
    """Headline numbers of a run; null where undefined."""

    total_return: Finite | None
    sharpe: Finite | None
    max_drawdown: Finite | None
    trades: Finite | None


class AffectedRun(ResultModel):
    """A past run that read bars which were changed."""

    run_id: str
    name: str
    strategy: str
    timeframe: str
    start: str
    end: str
    made_at: str
    reading: Reading = Field(
        description="bars: the run's own series; detail: finer bars inside its own, where ambiguous; "
        "mark: mark prices; funding: settlements"
    )
    bars_inside: int = Field(description="changed bars in the run's window")
    bars_before: int = Field(description="changed bars in the history that its indicators read")
    trades: int
    trades_touching: int = Field(description="trades that a changed bar lies in, the deciding bar included")
    then: Figures
    now: Figures | None = Field(None, description="the run made again on the mended bars, with rerun=true")
    not_rerun: str | None = Field(None, description="why it could not be made again")


class AffectedDecision(ResultModel):
    """A decision of a trade cycle that read bars which were changed."""

    decision_id: str
    cycle_id: str | None
    bar: str
    strategy: str | None
    action: str
    target: Finite | None
    own_bar: bool = Field(description="the bar at whose close it was made was changed itself")


class RepairResult(ResultModel):
    """The whole of `result.json` of jobs.repair."""

    schema_version: Literal["1.0"] = "1.0"
    synthetic: bool
    run: RunInfo
    inst_id: str
    symbol: str
    kind: Literal["candles", "mark", "index", "funding"]
    timeframe: str
    mode: Literal["refetch", "resample", "rebuild"]
    planned: bool = Field(description="the ranges were found by a scan; false: the user named one")
    ranges: list[RepairedRange]
    coarser: list[RepairedRange] = Field(description="coarser stored series that followed the mended bars")
    taken_up: list[str] = Field(
        description="earlier repairs whose run did not end well: what they changed is counted here"
    )
    closed: int = Field(description="open findings that are repaired now")
    confirmed: int = Field(
        description="findings that the exchange confirms: it has the hole, too, or the same bars"
    )
    open: int = Field(description="findings of the series that are still open, infos left out")
    changed_bars: int = Field(description="bars or settlements of the series")
    changed_others: dict[str, int] = Field(
        description="the same of other series: coarser ones that followed, and what was taken up"
    )
    runs: list[AffectedRun] = Field(description="the blast radius: past runs that read changed bars")
    decisions: list[AffectedDecision]
