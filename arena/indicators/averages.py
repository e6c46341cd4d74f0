"""Recursive averages: exponential and Wilder's.

One pass, two additions a bar. Invariant: a value that is not finite gives NaN on its own bar and
leaves the average as it was, so a hole never spreads.
"""

import numpy as np
from numpy.typing import ArrayLike

from arena.core.bars import FloatArray
from arena.indicators.compiled import COUNT, SERIES, as_series, check_period, kernel


@kernel(SERIES, COUNT)
def ema_nb(values: FloatArray, period: int) -> FloatArray:
    out = np.full(len(values), np.nan)
    alpha = 2.0 / (period + 1.0)
    state = 0.0
    seen = 0
    for i in range(len(values)):
        value = values[i]
        if not np.isfinite(value):
            continue
        state = value if seen == 0 else state + alpha * (value - state)
        seen += 1
        if seen >= period:
            out[i] = state
    return out


@kernel(SERIES, COUNT)
def rma_nb(values: FloatArray, period: int) -> FloatArray:
    out = np.full(len(values), np.nan)
    state = 0.0
    seen = 0
    for i in range(len(values)):
        value = values[i]
        if not np.isfinite(value):
            continue
        seen += 1
        if seen < period:
            state += value
            continue
        state = (state + value) / period if seen == period else state + (value - state) / period
        out[i] = state
    return out


def ema(values: ArrayLike, period: int) -> FloatArray:
    """Return the exponential moving average e[t] = e[t-1] + 2 / (period + 1) * (x[t] - e[t-1]).

    Seeded with the first value, NaN on the first `period - 1` bars: the same as polars'
    `ewm_mean(span=period, adjust=False, min_samples=period)`. After `period` bars the seed still
    weighs 13 %, after `4 * period` 0.03 %.
    """
    return ema_nb(as_series(values), check_period(period))


def rma(values: ArrayLike, period: int) -> FloatArray:
    """Return Wilder's average r[t] = r[t-1] + (x[t] - r[t-1]) / period.

    Seeded on bar `period - 1` with the plain mean of the first `period` values, NaN before
    (J. Welles Wilder, New Concepts in Technical Trading Systems, 1978).
    """
    return rma_nb(as_series(values), check_period(period))
