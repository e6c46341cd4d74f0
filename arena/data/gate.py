"""The gate: may somebody trust these bars, to open risk on them or to judge a strategy by them?

Pure: bars, known findings and a time in, a verdict with its reasons out; no clock, no store. Invariant:
every reason is told, whether it blocks or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from arena.core.bars import Bars
from arena.core.clock import to_iso
from arena.data.scan import prices, stamps
from arena.data.scan.finding import Finding, Severity
from arena.data.scan.rules import ScanRules
from arena.data.scan.runs import Flags

Event = Mapping[str, Any]
"""A row of candle_integrity_events: kind, start_ts, end_ts, severity, bars, resolution."""

_ABSENT = "confirmed_absent"
_BLOCKING = frozenset({"absent", "gap", "duplicate", "off_grid", "unfinished", "stale", "bad_ohlc"})
_COMPUTED = frozenset({"absent", "gap", "stale", "spike", "off_mark", "zero_volume"})
"""Kinds that the gate finds in the bars itself; what the ledger knows of them may be older."""


@dataclass(frozen=True, slots=True)
class GateRules:
    """What a trade cycle asks of the newest bars.

    Attributes:
        lookback_bars: bars before now that have to be sound: what the indicators look at.
        stale_bars: bars that may have closed since the newest one; 0: the last closed bar is there.
        calm_bars: newest bars among which a spike blocks.
        quiet_bars: newest bars without volume that block: the exchange is down.
        scan: limits of the single checks.
    """

    lookback_bars: int = 300
    stale_bars: int = 0
    calm_bars: int = 3
    quiet_bars: int = 3
    scan: ScanRules = field(default_factory=ScanRules)


@dataclass(frozen=True, slots=True)
class Reason:
    """Something that is wrong in [start, end), UTC ms; `blocks` says that it alone is enough."""

    kind: str
    sentence: str
    blocks: bool
    bars: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says; the reasons that block come first."""

    reasons: tuple[Reason, ...] = ()

    @property
    def fit(self) -> bool:
        """Whether nothing blocks."""
        return not any(reason.blocks for reason in self.reasons)

    def count(self, kind: str) -> int:
        """Return how many bars the reasons of this kind concern."""
        return sum(reason.bars for reason in self.reasons if reason.kind == kind)


def judge_newest(
    bars: Bars,
    now: int,
    events: Sequence[Event] = (),
    *,
    mark: Bars | None = None,
    rules: GateRules | None = None,
) -> Verdict:
    """Say whether risk may be opened at `now` on the newest of `bars`.

    A stale, gapped, broken or spiking series blocks, and so does one on which nobody trades. A hole that
    the exchange has confirmed, and a spike that the mark price went along with, are told and do not block.

    Args:
        bars: the newest stored bars, at least as many as `rules.lookback_bars` where there are.
        now: UTC ms.
        events: the ledger's findings about this series; those that are closed are passed over.
        mark: mark prices of the same length, where stored.
        rules: the limits.
    """
    limits = rules or GateRules()
    step_ms = bars.timeframe.step_ms
    start = now // step_ms * step_ms - limits.lookback_bars * step_ms
    recent, strays = stamps.sort_out(_since(bars, start))
    if not len(recent):
        due = now // step_ms * step_ms
        return _verdict(bars, [Finding("absent", start, due, limits.lookback_bars, Severity.ERROR)])
    overdue = ScanRules(stale_bars=limits.stale_bars)
    bad = prices.impossible(recent)
    found = [
        *strays,
        *stamps.find_missing(recent.ts, step_ms),
        *_missing_before(bars, recent, start),
        *stamps.find_unfinished(recent.ts, None, now, step_ms),
        *stamps.find_stale(recent.ts, now, step_ms, overdue),
        *prices.find_bad(recent, bad),
    ]
    calm_from = int(recent.ts[-1]) - (limits.calm_bars - 1) * step_ms
    spikes = [one for one in _spikes(recent, bad, mark, limits.scan) if one.end > calm_from]
    quiet = [
        replace(one, severity=Severity.WARNING)
        for one in prices.find_zero_volume(recent, limits.scan)
        if one.end > int(recent.ts[-1]) and one.bars >= limits.quiet_bars
    ]
    alarming = frozenset({"spike", "off_mark", "zero_volume"})
    known = _of_events(events, start, now)
    return _verdict(bars, [*found, *spikes, *quiet, *known], alarming, _absences(events))


def judge_range(bars: Bars, *, start: int | None = None, end: int | None = None) -> Verdict:
    """Say whether a past range is whole and sound, edges included.

    Missing, doubled, misplaced and impossible bars block; spikes and runs without volume are told.

    Args:
        bars: rows in any order.
        start: first open, UTC ms; that of the first bar when None.
        end: first open after the range; the close of the last bar when None.
    """
    rules = ScanRules()
    clean, found = stamps.sort_out(bars)
    bad = prices.impossible(clean)
    found += stamps.find_missing(clean.ts, bars.timeframe.step_ms)
    found += _edges(clean, start, end)
    found += prices.find_bad(clean, bad)
    found += prices.find_spikes(clean, bad, rules)
    found += [one for one in prices.find_zero_volume(clean, rules) if one.severity > Severity.INFO]
    return _verdict(bars, found)


def count_bridged(history: Bars, first: int, warmup_bars: int) -> int:
    """Return at how many bars from position `first` on an indicator looks back across a hole.

    An indicator knows no time: it takes the `warmup_bars` rows up to a bar as if they adjoined.
    """
    at = np.arange(first, len(history))
    back = np.maximum(0, at - max(1, warmup_bars) + 1)
    spans = history.ts[at] - history.ts[back]
    return int(np.count_nonzero(spans != (at - back) * history.timeframe.step_ms))


def _since(bars: Bars, start: int) -> Bars:
    """Return the bars from `start` on; all of them where they do not ascend."""
    if (bars.ts[1:] < bars.ts[:-1]).any():
        return bars
    return bars.slice(int(np.searchsorted(bars.ts, start)))


def _missing_before(bars: Bars, recent: Bars, start: int) -> Iterator[Finding]:
    """Yield the hole at the old end of what is looked at, where older bars are known."""
    step_ms, first = bars.timeframe.step_ms, int(recent.ts[0])
    if first > start and len(bars) and int(bars.ts.min()) < start:
        yield Finding("gap", start, first, (first - start) // step_ms, Severity.ERROR)


def _edges(clean: Bars, start: int | None, end: int | None) -> Iterator[Finding]:
    step_ms = clean.timeframe.step_ms
    if not len(clean):
        return
    first, after = int(clean.ts[0]), int(clean.ts[-1]) + step_ms
    begin = first if start is None else -(-start // step_ms) * step_ms
    stop = after if end is None else -(-end // step_ms) * step_ms
    if begin < first:
        yield Finding("gap", begin, first, (first - begin) // step_ms, Severity.ERROR)
    if after < stop:
        yield Finding("gap", after, stop, (stop - after) // step_ms, Severity.ERROR)


def _spikes(recent: Bars, bad: Flags, mark: Bars | None, rules: ScanRules) -> list[Finding]:
    """Return spikes, that of the newest bar among them, which has one neighbour only."""
    found = prices.find_spikes(_mirrored(recent), np.append(bad, bad[-2:-1]), rules, mark)
    if mark is not None:
        found += prices.find_off_mark(recent, bad, mark, rules)
    return [one for one in found if one.start <= int(recent.ts[-1])]


def _mirrored(recent: Bars) -> Bars:
    """Return the bars with the last but one again behind the newest, as its other neighbour."""
    if len(recent) < 2:
        return recent
    step_ms = recent.timeframe.step_ms

    def longer(name: str) -> Any:
        values = getattr(recent, name)
        return np.append(values, values[-2])

    ts = np.append(recent.ts, recent.ts[-1] + step_ms)
    columns = {name: longer(name) for name in ("open", "high", "low", "close", "volume")}
    return Bars(recent.inst_id, recent.timeframe, ts, **columns, origin=recent.origin)


def _of_events(events: Sequence[Event], start: int, end: int) -> Iterator[Finding]:
    """Yield the open findings of earlier scans that the bars alone do not tell."""
    for row in events:
        touches = row["start_ts"] < end and row["end_ts"] > start
        if row["resolution"] is None and touches and row["kind"] not in _COMPUTED:
            severity = Severity[str(row["severity"]).upper()]
            if severity > Severity.INFO:
                yield Finding(row["kind"], row["start_ts"], row["end_ts"], row["bars"] or 0, severity)


def _absences(events: Sequence[Event]) -> list[tuple[int, int]]:
    return [
        (row["start_ts"], row["end_ts"])
        for row in events
        if row["kind"] == "gap" and row["resolution"] == _ABSENT
    ]


def _verdict(
    bars: Bars,
    found: Sequence[Finding],
    alarming: frozenset[str] = frozenset(),
    absences: Sequence[tuple[int, int]] = (),
) -> Verdict:
    """Return each finding once as a reason, those that block first."""
    reasons: dict[tuple[str, int, int], Reason] = {}
    for one in found:
        blocks = one.kind in _BLOCKING or (one.kind in alarming and one.severity > Severity.INFO)
        if one.kind not in _COMPUTED and one.severity is Severity.ERROR:
            blocks = True
        confirmed = one.kind == "gap" and any(a <= one.start and one.end <= b for a, b in absences)
        sentence = _sentence(bars, one, confirmed=confirmed)
        reason = Reason(one.kind, sentence, blocks and not confirmed, one.bars, one.start, one.end)
        reasons.setdefault(one.key, reason)
    order = sorted(reasons.values(), key=lambda one: (not one.blocks, one.start, one.kind))
    return Verdict(tuple(order))


def _sentence(bars: Bars, one: Finding, *, confirmed: bool) -> str:
    series = f"{bars.inst_id} {bars.timeframe}"
    if one.kind == "absent":
        return f"no bar of {series} is known since {to_iso(one.start)}"
    if one.kind == "stale":
        return f"the newest bar of {series} closed at {to_iso(one.start)}, {one.bars} bars have closed since"
    noun = "bar" if one.bars == 1 else "bars"
    beside = ", which the exchange has none of either" if confirmed else ""
    return f"{one.kind}: {one.bars} {noun} of {series} from {to_iso(one.start)}{beside}"
