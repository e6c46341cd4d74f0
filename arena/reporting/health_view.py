"""What the health page shows: timelines, coverage bars, counts by kind and the findings in words.

Pure. Invariant: a finding too short for a pixel is drawn as wide as one that can be seen, and the words
beside the drawing count each.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from arena.audit.health_result import CONFIRMED, FindingRecord, HealthResult, SeriesRecord
from arena.core.clock import parse_time
from arena.core.timeframe import TIMEFRAMES
from arena.data.scan.finding import DIFFERS_FROM, meaning
from arena.reporting.figures import DASH, moment, number, percent
from arena.reporting.plot import Ticks, time_ticks

WIDTH, HEIGHT = 1000, 20
SHOWN = 200
_SEEN = 5.0
"""Width of the shortest mark."""

_WORDS = {"info": 0, "warning": 1, "error": 2}
_TALL = {"error": HEIGHT, "warning": 12, "info": 6}
GRADES = {
    "A": "nothing above info",
    "B": "warnings alone",
    "C": "errors, at most 0.1% of the bars missing",
    "D": "errors, at most 1% missing",
    "F": "more than 1% missing, or nothing stored",
}
CONFIRMED_WORDS = {
    "confirmed_absent": "the exchange has none either",
    "confirmed_same": "the exchange has the same",
}
"""What a finding's status says where it is not the store's fault."""

_REPAIRED = ("gap", "bad_ohlc", "unfinished", "funding_spacing")
"""Endings of kinds of findings that a refetch can mend."""


@dataclass(frozen=True, slots=True)
class Track:
    """One series on the timeline: its drawing and what it shows, in words."""

    record: SeriesRecord
    name: str
    svg: str
    label: str
    coverage: str
    filled: float


@dataclass(frozen=True, slots=True)
class KindRow:
    """All findings of one kind in one series."""

    series: str
    kind: str
    meaning: str
    severity: str
    found: int
    bars: str
    longest: str


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding in words."""

    severity: str
    series: str
    kind: str
    start: str
    end: str
    bars: str
    status: str
    first_seen: str
    detail: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """All tracks over one axis of time."""

    tracks: list[Track]
    ticks: Ticks
    start: str
    end: str


def timeline(result: HealthResult) -> Timeline:
    """Return the tracks of all series over the time that any of them covers."""
    if all(one.first is None for one in result.series):
        return Timeline([_track(one, [], 0, 1) for one in result.series], [], DASH, DASH)
    edges = [parse_time(edge) for one in result.series for edge in (one.first, one.last) if edge is not None]
    first, last = min(edges), max(*edges, min(edges) + 1)
    of_series: dict[str, list[FindingRecord]] = {}
    for found in result.findings:
        of_series.setdefault(found.series, []).append(found)
    tracks = [_track(one, of_series.get(one.series, []), first, last) for one in result.series]
    starts = moment(min(one.first for one in result.series if one.first is not None))
    ends = moment(max(one.last for one in result.series if one.last is not None))
    return Timeline(tracks, time_ticks(first, last), starts, ends)


def kind_rows(result: HealthResult) -> list[KindRow]:
    """Return the findings counted by series and kind, the gravest first."""
    groups: dict[tuple[str, str], list[FindingRecord]] = {}
    for found in result.findings:
        groups.setdefault((found.series, found.kind), []).append(found)
    totals = {one.series: one.totals for one in result.series}
    rows = [
        _kind_row(series, kind, found, totals[series].get(kind, len(found)))
        for (series, kind), found in groups.items()
    ]
    order = {one.series: at for at, one in enumerate(result.series)}
    return sorted(rows, key=lambda row: (-_WORDS[row.severity], order[row.series], row.kind))


def finding_rows(findings: Iterable[FindingRecord]) -> list[FindingRow]:
    """Return findings in words."""
    return [
        FindingRow(
            severity=one.severity,
            series=one.series,
            kind=one.kind,
            start=DASH if one.kind.endswith("absent") else moment(one.start),
            end=DASH if one.kind.endswith("absent") else moment(one.end),
            bars=number(one.bars, 0),
            status=_status(one),
            first_seen=moment(one.first_seen),
            detail=", ".join(f"{_name(name)} {_value(name, value)}" for name, value in one.detail.items()),
        )
        for one in findings
    ]


def remedies(result: HealthResult) -> list[tuple[str, str]]:
    """Return what can be repaired: commands, each with its reason, in the store that was scanned."""
    symbol = "_".join(result.inst_id.lower().split("-"))
    found: dict[str, str] = {}
    for one in result.findings:
        mode = repair_mode(one)
        if mode is not None and one.status not in CONFIRMED:
            kind = one.series.partition(" ")[0]
            words = [] if kind == "candles" else [f"kind={kind}"]
            words += [] if kind == "funding" else [f"timeframe={one.timeframe}"]
            words = [f"symbol={symbol}", *words, f"mode={mode}", f"store.root={result.store}"]
            command = f"python -m jobs.repair {shlex.join(words)}"
            found.setdefault(command, f"{one.series}, {one.kind}: {meaning(one.kind)}")
    return list(found.items())


def repair_mode(one: FindingRecord) -> str | None:
    """Return the mode of jobs.repair that can mend a finding, None where none can."""
    if one.kind.endswith(_REPAIRED):
        return "refetch"
    other = one.kind.removeprefix(DIFFERS_FROM)
    return "rebuild" if other in TIMEFRAMES else None


def severities(result: HealthResult) -> Mapping[str, int]:
    """Return how many open findings there are of each severity."""
    counts = dict.fromkeys(("error", "warning", "info"), 0)
    for one in result.findings:
        if one.status not in CONFIRMED:
            counts[one.severity] += 1
    return counts


def _track(one: SeriesRecord, findings: Sequence[FindingRecord], first: int, last: int) -> Track:
    name = one.series if one.kind != "funding" else f"funding {one.timeframe}"
    filled = one.present / one.expected if one.expected else 0.0
    svg = "" if one.first is None or one.last is None else _draw(one, findings, first, last)
    return Track(one, name, svg, _words(one, findings), percent(_floor(filled)), 100 * filled)


def _floor(share: float) -> float:
    """Keep a share that is not whole from reading 100.00%."""
    return share if share in {0.0, 1.0} else min(share, 0.9999)


def _draw(one: SeriesRecord, findings: Sequence[FindingRecord], first: int, last: int) -> str:
    per_ms = WIDTH / (last - first)

    def place(text: str) -> float:
        return (parse_time(text) - first) * per_ms

    assert one.first is not None  # noqa: S101 - the caller draws stored series alone
    assert one.last is not None  # noqa: S101
    left, right = place(one.first), place(one.last)
    marks = [_rect(css, left, max(right, left + _SEEN), HEIGHT) for css in ("t-paper", "t-stored")]
    for severity in ("info", "warning", "error"):
        spans = sorted((place(f.start), place(f.end)) for f in findings if f.severity == severity)
        css = f"t-{severity}"
        marks += [_rect(css, a, b, _TALL[severity]) for a, b in _merged(spans)]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true" '
        f'focusable="false">{"".join(marks)}</svg>'
    )


def _merged(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the spans, each as wide as can be seen and inside the drawing, those that touch as one."""
    merged: list[tuple[float, float]] = []
    for begin, end in spans:
        left = min(max(0.0, begin), WIDTH - _SEEN)
        right = min(WIDTH, max(end, left + _SEEN))
        if merged and left <= merged[-1][1] + 0.5:
            merged[-1] = (merged[-1][0], max(merged[-1][1], right))
        else:
            merged.append((left, right))
    return merged


def _rect(css: str, left: float, right: float, height: int) -> str:
    return (
        f'<rect class="{css}" x="{left:.1f}" y="{HEIGHT - height}" width="{right - left:.1f}" '
        f'height="{height}"/>'
    )


def _words(one: SeriesRecord, findings: Sequence[FindingRecord]) -> str:
    if one.first is None:
        return f"{one.series}: not stored"
    holes = [found for found in findings if found.kind.endswith("gap")]
    said = f"{one.series}, {moment(one.first)} to {moment(one.last)} UTC: "
    said += f"{one.missing:,} of {one.expected:,} missing"
    if holes:
        longest = max(holes, key=lambda found: found.bars)
        said += (
            f" in {len(holes)} hole{'' if len(holes) == 1 else 's'}, the longest from {moment(longest.start)}"
        )
    return f"{said}; {one.errors} errors, {one.warnings} warnings, {one.infos} infos"


def _kind_row(series: str, kind: str, found: Sequence[FindingRecord], total: int) -> KindRow:
    longest = max(found, key=lambda one: one.bars)
    gravest = max(found, key=lambda one: _WORDS[one.severity]).severity
    span = DASH if kind.endswith("absent") else f"{moment(longest.start)} to {moment(longest.end)}"
    return KindRow(
        series, kind, meaning(kind), gravest, total, number(sum(one.bars for one in found), 0), span
    )


def _status(one: FindingRecord) -> str:
    if one.status in CONFIRMED_WORDS:
        return CONFIRMED_WORDS[one.status]
    return "new" if one.status == "new" else f"seen {one.times_seen} times"


def _name(name: str) -> str:
    return name.removesuffix("_ms").replace("_", " ")


def _value(name: str, value: float | str) -> str:
    if name in {"move", "usual_range", "price", "volume"} and isinstance(value, float):
        return percent(value)
    if name.endswith("_ms") and isinstance(value, int | float):
        return f"{value / 3_600_000:,.1f} h"
    return str(value)
