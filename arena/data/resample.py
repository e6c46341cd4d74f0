"""Build coarser bars out of finer ones.

Pure: bars in, bars out. Invariant: a bar is built only where every finer bar inside it is present,
so that a hole stays a hole; buckets are those of the UTC grid.
"""

from __future__ import annotations

import numpy as np

from arena.core.bars import Bars, FloatArray, empty_bars
from arena.core.errors import ConfigError
from arena.core.timeframe import TIMEFRAMES, Timeframe

_SHORT = 16


def resample(bars: Bars, timeframe: Timeframe) -> Bars:
    """Return `bars` as bars of `timeframe`: first open, highest high, lowest low, last close, summed volume.

    Raises:
        ConfigError: `timeframe` is not a multiple of the bars' own.
    """
    per_bucket, rest = divmod(timeframe.step_ms, bars.timeframe.step_ms)
    if rest or per_bucket < 2:
        raise ConfigError(
            f"{timeframe} bars cannot be built from {bars.timeframe} bars "
            f"(possible: {', '.join(_coarser_than(bars.timeframe)) or 'none'})"
        )
    if not len(bars):
        return empty_bars(bars.inst_id, timeframe)
    bucket = bars.ts - bars.ts % timeframe.step_ms
    starts = np.flatnonzero(np.concatenate(([True], bucket[1:] != bucket[:-1])))
    counts = np.diff(starts, append=len(bucket))
    whole = np.repeat(counts == per_bucket, counts)

    def buckets(values: FloatArray) -> FloatArray:
        block: FloatArray = values[whole].reshape(-1, per_bucket)
        return block

    return Bars(
        bars.inst_id,
        timeframe,
        bucket[whole][::per_bucket].copy(),
        buckets(bars.open)[:, 0].copy(),
        _reduced(np.maximum, buckets(bars.high)),
        _reduced(np.minimum, buckets(bars.low)),
        buckets(bars.close)[:, -1].copy(),
        buckets(bars.volume).sum(axis=1),
        bars.origin,
    )


def _reduced(pick: np.ufunc, block: FloatArray) -> FloatArray:
    """Return the extreme of each row; short rows are gone through column by column, which is quicker."""
    if block.shape[1] > _SHORT:
        longest: FloatArray = pick.reduce(block, axis=1)
        return longest
    found = block[:, 0].copy()
    for column in range(1, block.shape[1]):
        pick(found, block[:, column], out=found)
    return found


def _coarser_than(timeframe: Timeframe) -> list[str]:
    known = [Timeframe.parse(name) for name in TIMEFRAMES]
    step_ms = timeframe.step_ms
    return [other.name for other in known if other.step_ms > step_ms and other.step_ms % step_ms == 0]
