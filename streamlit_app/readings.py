"""What the monitor shows, as plain rows: read through DataService, without a word of Streamlit.

Writes nothing. Invariant: a part that cannot be read is a sentence in `problems`, never an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from arena.core.clock import Clock, to_iso
from arena.core.errors import ArenaError
from arena.data.overview import StoreOverview
from arena.data.scan.finding import Severity
from arena.data.scan.series import SeriesHealth, grade

HOUR_MS = 3_600_000
MOST_ROWS = 500

Row = dict[str, Any]
Part = TypeVar("Part")


@dataclass
class Readings:
    """Everything on the page; `problems` are the parts that could not be read, in words."""

    location: str
    now_ms: int
    is_empty: bool = False
    synthetic: bool = False
    series: list[Row] = field(default_factory=list)
    gaps: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    repairs: list[Row] = field(default_factory=list)
    revisions: list[Row] = field(default_factory=list)
    jobs: list[Row] = field(default_factory=list)
    bytes_stored: int = 0
    problems: list[str] = field(default_factory=list)


def read_all(service: StoreOverview, location: str, clock: Clock) -> Readings:
    """Return the state of the store now."""
    found = Readings(location, clock())
    found.is_empty = not _part(found, "the market", service.list_series, [None])
    healths = _part(found, "the market", lambda: service.survey_all(found.now_ms), [])
    sizes = _part(found, "the sizes of the series", service.get_sizes, {})
    found.synthetic = any(health.synthetic for health in healths)
    found.bytes_stored = sum(sizes.values())
    found.series = [_series_row(one, found.now_ms, sizes) for one in healths]
    found.gaps = [row for one in healths for row in _gap_rows(one)]
    found.revisions = _part(found, "the revisions", lambda: _revisions(service), [])
    ledger = _part(found, "the ledger", lambda: service.ledger, None)
    if ledger is not None:
        found.events = _part(found, "the findings", lambda: _events(service), [])
        found.repairs = _part(found, "the repairs", lambda: _repairs(ledger.list_repair_jobs(MOST_ROWS)), [])
        found.jobs = _part(found, "the job runs", lambda: _jobs(ledger.list_job_runs(MOST_ROWS)), [])
    return found


def _part(found: Readings, what: str, read: Callable[[], Part], instead: Part) -> Part:
    try:
        return read()
    except ArenaError as error:
        found.problems.append(f"{what} cannot be shown: {error}")
    except OSError as error:
        found.problems.append(f"{what} cannot be read ({error.strerror or error})")
    return instead


def _series_row(health: SeriesHealth, now_ms: int, sizes: dict[str, int]) -> Row:
    age_ms = None if health.last is None else now_ms - health.last - _length(health)
    return {
        "grade": grade(health),
        "instrument": health.inst_id,
        "series": health.label,
        "kind": health.kind,
        "timeframe": health.timeframe,
        "coverage": health.present / health.expected if health.expected else 0.0,
        "bars": health.present,
        "expected": health.expected,
        "missing": health.missing,
        "errors": health.count(Severity.ERROR),
        "warnings": health.count(Severity.WARNING),
        "notes": health.count(Severity.INFO),
        "first": _utc(health.first),
        "last": _utc(health.last),
        "age_hours": None if age_ms is None else age_ms / HOUR_MS,
        "behind": None if age_ms is None else max(0, age_ms // health.step_ms),
        "bytes": sizes.get(_path(health), 0),
        "synthetic": health.synthetic,
        "why": _why(health),
    }


def _length(health: SeriesHealth) -> int:
    return 0 if health.kind == "funding" else health.step_ms


def _path(health: SeriesHealth) -> str:
    parts = (health.kind, health.inst_id) if health.kind == "funding" else (
        health.kind, health.inst_id, health.timeframe,
    )  # fmt: skip
    return "/".join(parts)


def _why(health: SeriesHealth) -> str:
    counts = sorted(health.totals.items(), key=lambda item: -item[1])
    return ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in counts) or "nothing found"


def _gap_rows(health: SeriesHealth) -> list[Row]:
    shown = [one for one in health.findings if one.kind.endswith(("gap", "zero_volume"))]
    return [
        {
            "instrument": health.inst_id,
            "series": health.label,
            "kind": "no trading" if one.kind.endswith("zero_volume") else "missing",
            "start": one.start,
            "end": one.end,
            "bars": one.bars,
        }
        for one in shown
    ]


def _events(service: StoreOverview) -> list[Row]:
    return [
        {
            "severity": row["severity"],
            "kind": row["kind"],
            "instrument": row["inst_id"],
            "timeframe": row["timeframe"],
            "from": _utc(row["start_ts"]),
            "to": _utc(row["end_ts"]),
            "bars": row["bars"],
            "first seen": _utc(row["first_seen_ms"]),
            "seen": row["times_seen"],
            "state": row["resolution"] or "open",
            "detail": row["detail_json"] or "",
        }
        for row in service.get_integrity_events(limit=MOST_ROWS)
    ]


def _repairs(rows: Iterable[Row]) -> list[Row]:
    return [
        {
            "when": _utc(row["created_ms"]),
            "instrument": row["inst_id"],
            "timeframe": row["timeframe"],
            "mode": row["mode"],
            "source": row["source"],
            "from": _utc(row["start_ts"]),
            "to": _utc(row["end_ts"]),
            "asked": row["bars_asked"],
            "done": row["bars_done"],
            "outcome": row["outcome"] or row["status"],
            "error": row["error"] or "",
        }
        for row in rows
    ]


def _jobs(rows: Sequence[Row]) -> list[Row]:
    return [
        {
            "started": _utc(row["started_ms"]),
            "job": row["job"],
            "status": row["status"],
            "seconds": None
            if row["finished_ms"] is None
            else round((row["finished_ms"] - row["started_ms"]) / 1000, 1),
            "exit code": row["exit_code"],
            "message": row["error"] or "",
            "run": row["run_id"],
        }
        for row in rows
    ]


def _revisions(service: StoreOverview) -> list[Row]:
    found = []
    for series in service.list_series():
        changes = service.get_revisions(series.inst_id, series.timeframe, kind=series.kind)
        if changes is not None:
            found.append(
                {
                    "instrument": series.inst_id,
                    "series": f"{series.kind} {series.timeframe}",
                    "changed bars": changes.bars,
                    "changes": changes.changes,
                    "newest change": _utc(changes.newest_ms),
                }
            )
    return found


def _utc(ts: int | None) -> str:
    return "" if ts is None else to_iso(ts)[:19].replace("T", " ").rstrip("Z")
