"""All that was scanned on one day: the newest look at each series of each instrument of each store.

Pure. Invariant: a series stands in one scan of the day, the newest that looked at it; each scan keeps when it
was made and how its newest bars were judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from arena.audit.health_check import open_findings, worst_of
from arena.audit.health_result import GRADES, Grade, HealthResult
from arena.backtest.result_model import ResultModel


class HealthDay(ResultModel):
    """The whole of `db_stats_YYYYMMDD.json`."""

    schema_version: Literal["1.0"] = "1.0"
    day: str = Field(description="UTC, like 2026-01-31")
    synthetic: bool = Field(description="any of it was generated")
    grade: Grade = Field(description="the lowest of all series")
    scans: list[HealthResult] = Field(description="by instrument; series that a later scan saw are left out")


def add_scan(day: str, earlier: Sequence[HealthResult], newest: HealthResult) -> HealthDay:
    """Return the day with one scan more; what it looked at replaces what earlier scans say about it.

    Args:
        day: UTC, like 2026-01-31.
        earlier: the scans of the day before it.
        newest: the scan that was made last.
    """
    left = [part for one in earlier if (part := _without(one, newest)) is not None]
    scans = sorted([*left, newest], key=lambda one: (one.inst_id, one.store, one.run.run_id))
    return HealthDay(
        day=day,
        synthetic=any(one.synthetic for one in scans),
        grade=max((one.grade for one in scans), key=GRADES.index),
        scans=scans,
    )


def _without(one: HealthResult, newest: HealthResult) -> HealthResult | None:
    """Return a scan without the series that a newer one looked at, None where none is left."""
    if (one.store, one.inst_id) != (newest.store, newest.inst_id):
        return one
    seen = {series.series for series in newest.series}
    series = [kept for kept in one.series if kept.series not in seen]
    if not series:
        return None
    left = one.model_copy(
        update={
            "series": series,
            "findings": [found for found in one.findings if found.series not in seen],
            "gone": [],
            "grade": max((kept.grade for kept in series), key=GRADES.index),
            "bars_scanned": sum(kept.present for kept in series),
        }
    )
    worst, failed = worst_of(open_findings(left), one.fail_on)
    return left.model_copy(update={"worst": worst, "failed": failed})
