"""Find what is wrong with stored candles: holes, flat bars, doubled and misplaced stamps.

Pure: takes arrays, returns counts and ranges; never touches the store or the exchange.
Invariant: gap ranges are half-open [start, end), sorted, disjoint, on the timeframe's grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena.core.bars import Bars, TsArray


@dataclass(frozen=True, slots=True)
class GapRange:
    """Missing bars: open of the first one, open of the next present one, and how many."""

    start: int
    end: int
    bars: int


@dataclass(frozen=True, slots=True)
class RangeHealth:
    """What a range should hold and what it does.

    `missing` = `expected` - `present` = the sum of `gaps`, edges of the range included.
    `duplicates` counts rows beyond the first of a stamp, `off_grid` rows that open no bar;
    neither is present.
    """

    expected: int
    present: int
    missing: int
    flat: int
    duplicates: int
    off_grid: int
    gaps: tuple[GapRange, ...]

    @property
    def is_whole(self) -> bool:
        """Whether each expected bar is there once and nothing else is."""
        return not (self.missing or self.duplicates or self.off_grid)


def find_gaps(ts: TsArray, step_ms: int) -> list[GapRange]:
    """Return the half-open ranges where bars are missing between the first and last stamp.

    `ts` ascends and lies on the grid of `step_ms`.
    """
    before = np.flatnonzero(np.diff(ts) > step_ms)
    starts = (ts[before] + step_ms).tolist()
    ends = ts[before + 1].tolist()
    return [GapRange(start, end, (end - start) // step_ms) for start, end in zip(starts, ends, strict=True)]


def count_flat(bars: Bars) -> int:
    """Return how many bars show no trading: one price and no volume, as exchange outages leave them.

    Series without volume (mark, index) are judged by price alone.
    """
    return int(np.count_nonzero((bars.high == bars.low) & (bars.volume == 0)))


def range_health(bars: Bars, *, start: int | None = None, end: int | None = None) -> RangeHealth:
    """Compare `bars` with the full grid of `start` <= open < `end`.

    Args:
        bars: rows in any order, duplicates and misplaced stamps allowed.
        start: UTC ms; the first stamp when None.
        end: UTC ms, exclusive; the end of the last bar when None.
    """
    step_ms = bars.timeframe.step_ms
    if not len(bars) and (start is None or end is None):
        return RangeHealth(0, 0, 0, 0, 0, 0, ())
    begin = int(bars.ts.min()) if start is None else start
    stop = int(bars.ts.max()) + step_ms if end is None else end
    first, after = _next_open(begin, step_ms), max(_next_open(stop, step_ms), _next_open(begin, step_ms))

    inside = (bars.ts >= begin) & (bars.ts < stop)
    on_grid = inside & (bars.ts % step_ms == 0)
    stamps = _distinct(bars.ts[on_grid])
    expected = (after - first) // step_ms
    fenced = np.concatenate(([first - step_ms], stamps, [after]))
    flat = (bars.high == bars.low) & (bars.volume == 0)
    return RangeHealth(
        expected=expected,
        present=len(stamps),
        missing=expected - len(stamps),
        flat=int(np.count_nonzero(flat & on_grid)),
        duplicates=int(np.count_nonzero(on_grid)) - len(stamps),
        off_grid=int(np.count_nonzero(inside & ~on_grid)),
        gaps=tuple(find_gaps(fenced, step_ms)),
    )


def _distinct(ts: TsArray) -> TsArray:
    if (ts[1:] > ts[:-1]).all():  # as stored: nothing to sort
        return ts
    ordered = np.sort(ts)
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))]


def _next_open(ts: int, step_ms: int) -> int:
    return -(-ts // step_ms) * step_ms
