"""Render health scans as one HTML file that needs no network and no script.

Reads results, writes nothing. Invariant: everything on the page is a number or a word of a result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from arena.audit.health_day import HealthDay
from arena.audit.health_result import HealthResult
from arena.reporting.health_view import (
    GRADES,
    SHOWN,
    FindingRow,
    KindRow,
    Timeline,
    finding_rows,
    kind_rows,
    remedies,
    severities,
    timeline,
)
from arena.reporting.page import content_policy, environment, static


@dataclass(frozen=True, slots=True)
class ScanView:
    """One scan as the page shows it; `prefix` begins the ids of its parts."""

    result: HealthResult
    name: str
    prefix: str
    timeline: Timeline
    severities: Mapping[str, int]
    kinds: list[KindRow]
    grave: list[FindingRow]
    slight: list[FindingRow]
    beyond: int
    remedies: list[tuple[str, str]]


def render_health(result: HealthResult) -> str:
    """Return the page of one scan as HTML."""
    return _page([result], result.symbol, result.grade)


def render_health_day(day: HealthDay) -> str:
    """Return the page of all scans of a day as HTML; of one scan it is that scan's page."""
    if len(day.scans) == 1:
        return render_health(day.scans[0])
    return _page(day.scans, day.day, day.grade)


def _page(scans: Sequence[HealthResult], title: str, grade: str) -> str:
    times = Counter(one.inst_id for one in scans)
    named = [one.inst_id if times[one.inst_id] == 1 else f"{one.inst_id} in {one.store}" for one in scans]
    names = [
        name if named.count(name) == 1 else f"{name}, {one.run.run_id}"
        for name, one in zip(named, scans, strict=True)
    ]
    newest = max(scans, key=lambda one: one.run.run_id)
    return (
        environment()
        .get_template("health.html.j2")
        .render(
            views=[
                _view(one, name, f"s{at}-") for at, (one, name) in enumerate(zip(scans, names, strict=True))
            ],
            title=title,
            grade=grade,
            synthetic=any(one.synthetic for one in scans),
            command=newest.run.command,
            policy=content_policy(),
            styles=static("report.css") + static("health.css"),
            grades=GRADES,
        )
    )


def _view(result: HealthResult, name: str, prefix: str) -> ScanView:
    rows = finding_rows(result.findings[:SHOWN])
    return ScanView(
        result=result,
        name=name,
        prefix=prefix,
        timeline=timeline(result),
        severities=severities(result),
        kinds=kind_rows(result),
        grave=[row for row in rows if row.severity != "info"],
        slight=[row for row in rows if row.severity == "info"],
        beyond=len(result.findings) - len(rows),
        remedies=remedies(result),
    )
