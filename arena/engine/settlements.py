"""Which funding settlements fall on which bar.

Pure arrays. A settlement is known by its time; a bar takes those that fall after the close of
the bar before it and before its own close. One that falls on or before the open (also inside a
hole of the data) is paid by the position carried into the bar, one inside the bar by the
position held after the open's fill.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena.core.bars import FloatArray, IntArray, TsArray


@dataclass(frozen=True, slots=True, eq=False)
class Settlements:
    """Funding of a run, (m,) each: `bar` index, `at_open` 1 or 0, `rate` fraction, `mark` price."""

    bar: IntArray
    at_open: IntArray
    rate: FloatArray
    mark: FloatArray


def place_settlements(
    bar_ts: TsArray, step_ms: int, ts: TsArray, rate: FloatArray, mark: FloatArray
) -> Settlements:
    """Place settlements at `ts` (ascending) on the bars that open at `bar_ts`.

    Those at or before the first bar's open, or at or after the last bar's close, are left out: the
    run holds nothing there.
    """
    if len(bar_ts) == 0 or len(ts) == 0:
        none = np.empty(0, np.int64)
        return Settlements(none, none, np.empty(0), np.empty(0))
    inside = (ts > bar_ts[0]) & (ts < bar_ts[-1] + step_ms)
    when = ts[inside]
    index = np.searchsorted(bar_ts, when, side="right") - 1
    beyond = when >= bar_ts[index] + step_ms  # in a hole: the next bar's open pays
    index = index + beyond
    at_open = when <= bar_ts[index]
    return Settlements(
        index.astype(np.int64),
        at_open.astype(np.int64),
        np.ascontiguousarray(rate[inside], np.float64),
        np.ascontiguousarray(mark[inside], np.float64),
    )


def expected_settlements(start_ms: int, end_ms: int, interval_ms: int) -> TsArray:
    """Return the settlement times in (start_ms, end_ms): multiples of the interval, UTC."""
    first = (start_ms // interval_ms + 1) * interval_ms
    return np.arange(first, end_ms, interval_ms, dtype=np.int64)
