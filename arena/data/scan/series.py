"""All checks of one series, and what comes of them: its coverage, its findings, its grade.

Pure: arrays in, a `SeriesHealth` out. Invariant: `checks` names every kind that was looked for, so that a
known finding which is not among `findings` any more is known to be gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from arena.core.bars import Bars, FundingSeries, TsArray
from arena.core.timeframe import TIMEFRAMES
from arena.data.scan import agreement, prices, settlements, stamps
from arena.data.scan.finding import DIFFERS_FROM, Finding, Severity
from arena.data.scan.rules import ScanRules

Grade = Literal["A", "B", "C", "D", "F"]
PriceKind = Literal["candles", "mark", "index"]
SeriesKind = Literal["candles", "mark", "index", "funding"]

_OF_STAMPS = ("gap", "duplicate", "off_grid", "unfinished", "stale", "bad_ohlc", "absent")
_OF_CANDLES = (
    "zero_volume",
    "spike",
    "off_mark",
    *(f"{DIFFERS_FROM}{name}" for name in (*TIMEFRAMES, "spot", "index")),
)
_OF_FUNDING = ("funding_gap", "funding_spacing", "funding_stale")
_NAMES = {3_600_000: "h", 60_000: "m"}


@dataclass(frozen=True, slots=True)
class SeriesHealth:
    """What was found about one series.

    `expected` counts the grid from `first` to `last` (opens; settlements of funding), `present` what of it
    is there. `totals` counts the findings by kind, those beyond the largest that are kept included.
    """

    kind: SeriesKind
    inst_id: str
    timeframe: str
    step_ms: int
    first: int | None
    last: int | None
    expected: int
    present: int
    findings: tuple[Finding, ...]
    totals: Mapping[str, int]
    checks: frozenset[str]
    synthetic: bool = False

    @property
    def missing(self) -> int:
        """Bars or settlements that are not there."""
        return self.expected - self.present

    @property
    def label(self) -> str:
        """What people call the series."""
        return self.kind if self.kind == "funding" else f"{self.kind} {self.timeframe}"

    def count(self, severity: Severity) -> int:
        """Return how many of the findings kept are of this severity."""
        return sum(found.severity is severity for found in self.findings)


@dataclass(frozen=True, slots=True, eq=False)
class BarChecks:
    """What the checks of a bar series need beside its bars.

    Attributes:
        now: UTC ms.
        rules: the limits.
        kind: which prices the bars are.
        known_since: when each value became known, row by row of the bars; None where that is not known.
        mark: mark prices of the same length, where stored.
        built: bars of the same length built from each finer series, by the finer timeframe.
        sources: bars of the same length of other sources, by name.
    """

    now: int
    rules: ScanRules
    kind: PriceKind = "candles"
    known_since: TsArray | None = None
    mark: Bars | None = None
    built: Mapping[str, Bars] = field(default_factory=dict)
    sources: Mapping[str, Bars] = field(default_factory=dict)


def scan_bars(bars: Bars, checks: BarChecks) -> SeriesHealth:
    """Return what is wrong with `bars`, rows in any order, doubled and misplaced stamps allowed."""
    rules, step_ms = checks.rules, bars.timeframe.step_ms
    clean, found = stamps.sort_out(bars)
    known_since = checks.known_since if clean is bars else None
    bad = prices.impossible(clean)
    found += stamps.find_missing(clean.ts, step_ms)
    found += stamps.find_unfinished(clean.ts, known_since, checks.now, step_ms)
    found += stamps.find_stale(clean.ts, checks.now, step_ms, rules)
    found += prices.find_bad(clean, bad)
    examined: tuple[str, ...] = _OF_STAMPS
    if checks.kind == "candles":
        examined += _OF_CANDLES
        found += prices.find_zero_volume(clean, rules)
        found += prices.find_spikes(clean, bad, rules, checks.mark)
        if checks.mark is not None:
            found += prices.find_off_mark(clean, bad, checks.mark, rules)
        for finer, built in checks.built.items():
            found += agreement.find_differing(clean, built, finer, rules)
        for source, other in checks.sources.items():
            found += agreement.find_apart(clean, other, source, rules)
    return _health(
        checks.kind,
        bars.inst_id,
        str(bars.timeframe),
        clean.ts,
        step_ms,
        found,
        examined,
        most=rules.most,
        synthetic=bars.is_synthetic,
    )


def scan_funding(funding: FundingSeries, interval_ms: int, now: int, rules: ScanRules) -> SeriesHealth:
    """Return what is wrong with settled funding that is due every `interval_ms`."""
    ts = np.sort(funding.ts)
    found = [
        *settlements.find_funding_gaps(ts, interval_ms),
        *settlements.find_wrong_spacing(ts, interval_ms),
        *stamps.find_stale(ts, now, interval_ms, rules, "funding_stale"),
    ]
    return _health(
        "funding",
        funding.inst_id,
        interval_name(interval_ms),
        ts,
        interval_ms,
        found,
        [*_OF_FUNDING, "absent"],
        most=rules.most,
        synthetic="synthetic" in funding.source,
    )


def absent(kind: SeriesKind, inst_id: str, timeframe: str, step_ms: int) -> SeriesHealth:
    """Return the health of a series that was asked for and is not stored."""
    missing = replace(Finding("absent", 0, 0, 0, Severity.ERROR), kind=prefix_of(kind) + "absent")
    return SeriesHealth(
        kind,
        inst_id,
        timeframe,
        step_ms,
        None,
        None,
        0,
        0,
        (missing,),
        {missing.kind: 1},
        frozenset({missing.kind}),
    )


def grade(health: SeriesHealth, findings: Iterable[Finding] | None = None) -> Grade:
    """Return a letter for the series.

    A: nothing above info. B: warnings. C: errors, and no more than a thousandth of the bars is missing.
    D: no more than a hundredth is. F: more, or nothing is stored.

    Args:
        health: the series.
        findings: those that count, where not all do (a hole that the exchange has too is no fault of the
            store).
    """
    found = health.findings if findings is None else findings
    gravest = max((one.severity for one in found), default=Severity.INFO)
    if health.first is None:
        return "F"
    if gravest is not Severity.ERROR:
        return "A" if gravest is Severity.INFO else "B"
    share = health.missing / max(1, health.expected)
    return "C" if share <= 0.001 else "D" if share <= 0.01 else "F"


def interval_name(interval_ms: int) -> str:
    """Return an interval as people write it: 8h, 90m, 1500ms."""
    for unit_ms, unit in _NAMES.items():
        if interval_ms % unit_ms == 0:
            return f"{interval_ms // unit_ms}{unit}"
    return f"{interval_ms}ms"


def prefix_of(kind: SeriesKind) -> str:
    """Return what the kinds of findings about prices of this kind begin with."""
    return f"{kind}_" if kind in {"mark", "index"} else ""


def _health(
    kind: SeriesKind,
    inst_id: str,
    timeframe: str,
    ts: TsArray,
    step_ms: int,
    found: Sequence[Finding],
    examined: Sequence[str],
    *,
    most: int,
    synthetic: bool,
) -> SeriesHealth:
    prefix = prefix_of(kind)
    named = [replace(one, kind=prefix + one.kind) for one in found] if prefix else list(found)
    return SeriesHealth(
        kind=kind,
        inst_id=inst_id,
        timeframe=timeframe,
        step_ms=step_ms,
        first=int(ts[0]) if len(ts) else None,
        last=int(ts[-1]) if len(ts) else None,
        expected=int(ts[-1] - ts[0]) // step_ms + 1 if len(ts) else 0,
        present=_on_grid(ts, step_ms),
        findings=_largest(named, most),
        totals=dict(Counter(one.kind for one in named)),
        checks=frozenset(prefix + name for name in examined),
        synthetic=synthetic,
    )


def _on_grid(ts: TsArray, step_ms: int) -> int:
    """Return how many steps of the grid that begins at the first stamp are there."""
    if not len(ts):
        return 0
    return 1 + int(np.count_nonzero(np.diff((ts - ts[0]) // step_ms)))


def _largest(found: Sequence[Finding], most: int) -> tuple[Finding, ...]:
    """Return the largest findings of each kind, by start."""
    kept = list(found)
    for kind, count in Counter(one.kind for one in found).items():
        if count > most:
            same = sorted((one for one in found if one.kind == kind), key=lambda one: (-one.bars, one.start))
            kept = [one for one in kept if one.kind != kind] + same[:most]
    return tuple(sorted(kept, key=lambda one: (one.start, one.kind, one.end)))
