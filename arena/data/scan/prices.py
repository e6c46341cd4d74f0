"""Checks of what bars say: impossible values, no trading, and prices far out of what is around them.

Pure. Bars ascend strictly on their grid. Invariant: a bar is compared with the neighbours on the grid
alone; where one is missing, or is itself impossible, nothing is said about a spike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from arena.core.bars import Bars, FloatArray
from arena.data.scan.finding import Finding, Severity
from arena.data.scan.rules import RANGE_BLOCK, ScanRules
from arena.data.scan.runs import Flags, runs_of

Rows = slice | np.ndarray[tuple[int], np.dtype[np.intp]] | Flags
"""Rows of an array: all of them, positions or flags."""

_ALL = slice(None)


def impossible(bars: Bars) -> Flags:
    """Return which bars no market can have made."""
    top, bottom = np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close)
    # written as what has to hold, so that a NaN fails
    sound = (bars.low > 0) & (bars.low <= bottom) & (top <= bars.high) & (bars.volume >= 0)
    return ~(sound & (bars.high < np.inf) & (bars.volume < np.inf))


def find_bad(bars: Bars, bad: Flags) -> list[Finding]:
    """Return the runs of impossible bars, each with the values of its first."""
    found = []
    for start, end, part in runs_of(bars.ts, bad, bars.timeframe.step_ms):
        detail = {name: repr(float(getattr(bars, name)[part.start])) for name in _VALUES}
        found.append(Finding("bad_ohlc", start, end, part.stop - part.start, Severity.ERROR, detail))
    return found


def find_zero_volume(bars: Bars, rules: ScanRules) -> list[Finding]:
    """Return the runs of bars without volume; `flat` counts those of one price."""
    found = []
    for start, end, part in runs_of(bars.ts, bars.volume == 0, bars.timeframe.step_ms):
        severity = Severity.WARNING if end - start >= rules.zero_volume_ms else Severity.INFO
        flat = int(np.count_nonzero(bars.high[part] == bars.low[part]))
        found.append(Finding("zero_volume", start, end, part.stop - part.start, severity, {"flat": flat}))
    return found


def find_spikes(bars: Bars, bad: Flags, rules: ScanRules, mark: Bars | None = None) -> list[Finding]:
    """Return the bars that leave the range of both neighbours by far more than bars around them do.

    One that the mark price of the same bar confirms is told as info: the market moved, the data is right.

    Args:
        bars: the series.
        bad: which bars are impossible: neither judged nor a measure for others.
        rules: the limits.
        mark: mark prices of the same length, where stored.
    """
    if len(bars) < 3:
        return []
    move, limit = spike_moves(bars, bad, rules)
    flagged = move > limit
    rows = np.flatnonzero(flagged)
    confirmed = _confirmed(bars, rows, mark, rules)
    found = []
    for start, end, part in runs_of(bars.ts, flagged, bars.timeframe.step_ms):
        agreed = all(bool(confirmed[np.searchsorted(rows, row)]) for row in range(part.start, part.stop))
        detail: Mapping[str, float | str] = {
            "move": round(float(move[part].max()), 6),
            "usual_range": round(float(limit[part].min()) / rules.spike_ranges, 6),
        }
        severity = Severity.INFO if agreed else Severity.WARNING
        found.append(Finding("spike", start, end, part.stop - part.start, severity, detail))
    return found


def spike_moves(bars: Bars, bad: Flags, rules: ScanRules) -> tuple[FloatArray, FloatArray]:
    """Return how far each bar leaves both neighbours' range and from where on that is a spike, fractions.

    The move is 0 where a neighbour on the grid is missing or one of the three bars is impossible.
    """
    move = np.zeros(len(bars))
    with np.errstate(invalid="ignore", divide="ignore"):
        above = bars.high[1:-1] / np.maximum(bars.high[:-2], bars.high[2:]) - 1
        below = 1 - bars.low[1:-1] / np.minimum(bars.low[:-2], bars.low[2:])
    beside = bars.ts[2:] - bars.ts[:-2] == 2 * bars.timeframe.step_ms
    judged = beside & ~(bad[:-2] | bad[1:-1] | bad[2:])
    move[1:-1] = np.where(judged, np.maximum(above, below), 0.0)
    # most bars are far below the least move: the usual range is asked for only where one is above it
    limit = np.full(len(bars), np.inf)
    rows = np.flatnonzero(move > rules.spike_move)
    if len(rows):
        limit[rows] = np.maximum(rules.spike_move, rules.spike_ranges * _usual_range_at(bars, bad, rows))
    return move, limit


def usual_range(bars: Bars, bad: Flags) -> FloatArray:
    """Return the mean (high - low) / close of the other bars in each bar's block of the grid, 0 if alone."""
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(bad, 0.0, (bars.high - bars.low) / bars.close)
    block = bars.ts // (RANGE_BLOCK * bars.timeframe.step_ms)
    first = np.flatnonzero(np.concatenate(([True], block[1:] != block[:-1])))
    sizes = np.diff(first, append=len(block))
    total = np.repeat(np.add.reduceat(relative, first), sizes) - relative
    others = np.repeat(np.add.reduceat((~bad).astype(np.float64), first), sizes) - ~bad
    return np.where(others > 0, total / np.maximum(others, 1), 0.0)


def _usual_range_at(bars: Bars, bad: Flags, rows: np.ndarray[tuple[int], np.dtype[np.intp]]) -> FloatArray:
    """Return the usual range of the bars at ascending `rows`, from their blocks alone."""
    length = RANGE_BLOCK * bars.timeframe.step_ms
    begins = np.unique(bars.ts[rows] // length) * length
    first, stop = np.searchsorted(bars.ts, begins), np.searchsorted(bars.ts, begins + length)
    sizes = stop - first
    places = np.repeat(first - np.cumsum(sizes) + sizes, sizes) + np.arange(int(sizes.sum()))
    columns = {name: getattr(bars, name)[places] for name in ("ts", *_VALUES)}
    usual = usual_range(replace(bars, **columns), bad[places])
    return usual[np.searchsorted(places, rows)]


def find_off_mark(bars: Bars, bad: Flags, mark: Bars, rules: ScanRules) -> list[Finding]:
    """Return the bars whose high or low lies far outside that of the mark price."""
    at, there = matched(bars, mark)
    move = np.zeros(len(bars))
    above = bars.high[there] / mark.high[at] - 1
    below = 1 - bars.low[there] / mark.low[at]
    move[there] = np.maximum(above, below)
    found = []
    for start, end, part in runs_of(bars.ts, (move > rules.mark_move) & ~bad, bars.timeframe.step_ms):
        detail = {"move": round(float(move[part].max()), 6)}
        found.append(Finding("off_mark", start, end, part.stop - part.start, Severity.WARNING, detail))
    return found


def matched(bars: Bars, other: Bars) -> tuple[Rows, Rows]:
    """Return where in `other`, and where in `bars`, the stamps are that both have.

    Both index an array of their series; where the stamps are all the same they take all of it as it is.
    """
    if np.array_equal(bars.ts, other.ts):
        return _ALL, _ALL
    if not len(other):
        return np.zeros(0, np.intp), np.zeros(len(bars), np.bool_)
    at = np.searchsorted(other.ts, bars.ts)
    there = other.ts[np.minimum(at, len(other) - 1)] == bars.ts
    return at[there], there


def _confirmed(
    bars: Bars, rows: np.ndarray[tuple[int], np.dtype[np.intp]], mark: Bars | None, rules: ScanRules
) -> Flags:
    """Return which of the bars at `rows` the mark price went along with."""
    if mark is None or not len(mark):
        return np.zeros(len(rows), np.bool_)
    at = np.minimum(np.searchsorted(mark.ts, bars.ts[rows]), len(mark) - 1)
    high = bars.high[rows] <= mark.high[at] * (1 + rules.mark_move / 2)
    low = bars.low[rows] >= mark.low[at] * (1 - rules.mark_move / 2)
    agreed: Flags = (mark.ts[at] == bars.ts[rows]) & high & low
    return agreed


_VALUES = ("open", "high", "low", "close", "volume")
