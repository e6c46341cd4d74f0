"""What a health scan leaves: the whole of its `result.json`.

Models only. Invariant: times are ISO-8601 UTC; a finding that is open counts, one that the exchange has
confirmed is told and does not.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from arena.backtest.result import RunInfo
from arena.backtest.result_model import Finite, ResultModel

Grade = Literal["A", "B", "C", "D", "F"]
GRADES = "ABCDF"
"""From the best to the lowest."""

SeverityWord = Literal["info", "warning", "error"]
Status = Literal["new", "known", "confirmed_absent", "confirmed_same"]

CONFIRMED: frozenset[Status] = frozenset({"confirmed_absent", "confirmed_same"})
"""What is told and does not count: the exchange has the hole, too, or the same bars."""


class FindingRecord(ResultModel):
    """One thing that is wrong in [start, end)."""

    kind: str
    series: str = Field(description="candles 15m, mark 1h, funding, ...")
    timeframe: str
    start: str
    end: str
    bars: int = Field(description="bars or settlements concerned")
    severity: SeverityWord
    status: Status = Field(
        description="new: first seen by this scan; known: open since before; confirmed: by the exchange"
    )
    event_id: int
    first_seen: str
    times_seen: int
    detail: dict[str, Finite | int | str]


class GoneRecord(ResultModel):
    """A finding of an earlier scan that was not found any more and is closed by this one."""

    kind: str
    timeframe: str
    start: str
    end: str
    bars: int | None
    first_seen: str
    event_id: int


class SeriesRecord(ResultModel):
    """Coverage and grade of one series; `expected` counts the grid from first to last."""

    series: str
    kind: Literal["candles", "mark", "index", "funding"]
    timeframe: str
    first: str | None
    last: str | None
    expected: int
    present: int
    missing: int
    confirmed_absent: int = Field(description="of the missing bars those that the exchange has not either")
    grade: Grade
    errors: int
    warnings: int
    infos: int
    totals: dict[str, int] = Field(description="findings by kind; more than are listed where there are many")


class HealthResult(ResultModel):
    """The whole of `result.json` of jobs.health."""

    schema_version: Literal["1.0"] = "1.0"
    synthetic: bool
    run: RunInfo
    store: str = Field(description="store.root of the scan")
    inst_id: str
    symbol: str
    judged_at: str = Field(description="the time at which the newest bars were judged")
    fail_on: Literal["none", "info", "warning", "error"]
    failed: bool = Field(description="an open finding is as grave as fail_on")
    worst: SeverityWord | None = Field(description="of the open findings; null: there is none")
    grade: Grade = Field(description="the lowest of the series")
    series: list[SeriesRecord]
    findings: list[FindingRecord] = Field(description="the gravest first, then the largest")
    gone: list[GoneRecord]
    bars_scanned: int
    seconds: Finite = Field(description="reading and scanning, without the ledger")
