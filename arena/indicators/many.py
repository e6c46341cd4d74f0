"""One indicator at many lengths: what a sweep shares among its trials.

Apart from `averages`, so that a single run does not load it. Invariant: each row is what the indicator of
that length alone returns, bit for bit.
"""

import numpy as np
from numba import types
from numpy.typing import ArrayLike, NDArray

from arena.core.bars import FloatArray
from arena.core.rows import line_rows
from arena.indicators.compiled import SERIES, STAMPS, as_series, as_stamps, check_period, kernel

TOGETHER = 16
"""Lengths that go through the series side by side: each step of one waits for the step before."""

_ROWS = types.Array(types.float64, 2, "C")


@kernel(SERIES, STAMPS, _ROWS)
def ema_rows_nb(values: FloatArray, periods: NDArray[np.int64], out: FloatArray) -> None:
    """Write the EMA of each period from the first value on; there is a multiple of TOGETHER periods."""
    alphas, states = np.empty(TOGETHER), np.empty(TOGETHER)
    for first in range(0, len(periods), TOGETHER):
        for k in range(TOGETHER):
            alphas[k] = 2.0 / (periods[first + k] + 1.0)
        is_begun = False
        for i in range(len(values)):
            value = values[i]
            if not np.isfinite(value):
                for k in range(TOGETHER):
                    out[first + k, i] = np.nan
                continue
            if not is_begun:
                states[:] = value
                is_begun = True
            for k in range(TOGETHER):  # so many steps, known to the compiler, are one of eight lanes
                states[k] += alphas[k] * (value - states[k])
            for k in range(TOGETHER):
                out[np.uintp(first + k), np.uintp(i)] = states[k]


def ema_rows(values: ArrayLike, periods: ArrayLike) -> FloatArray:
    """Return `ema` of each of `periods`, a row each, as long as `values` or up to seven NaN longer.

    So each row begins where a line of the processor's cache does, which is what a sweep reads fastest.

    Raises:
        ConfigError: a period is below 1.
    """
    series, lengths = as_series(values), as_stamps(periods)
    for period in lengths.tolist():
        check_period(period)
    count = len(lengths)
    whole = np.resize(lengths, -(-count // TOGETHER) * TOGETHER)
    out = line_rows(len(whole), len(series))
    ema_rows_nb(series, whole, out)
    out[:, len(series) :] = np.nan
    known = np.flatnonzero(np.isfinite(series))
    for row, length in zip(out, lengths.tolist(), strict=False):
        row[: known[length - 1] if length <= len(known) else len(row)] = np.nan
    return out[:count]
