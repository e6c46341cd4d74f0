"""Statistics over the last `period` bars: mean, deviation, bands, extremes.

A constant number of steps a bar whatever the period. Invariant: a value that is not finite makes NaN of
the windows that contain it and of no other.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from arena.core.bars import FloatArray
from arena.core.errors import ConfigError
from arena.indicators.compiled import COUNT, NUMBER, SERIES, as_series, check_period, kernel


class Bollinger(NamedTuple):
    """Bands around a moving mean; `width` is (upper - lower) / mid, a fraction of the price."""

    mid: FloatArray
    upper: FloatArray
    lower: FloatArray
    width: FloatArray


@kernel(SERIES, COUNT, COUNT, NUMBER)
def sums_nb(values: FloatArray, start: int, stop: int, anchor: float) -> tuple[float, float, int]:
    total = 0.0
    squares = 0.0
    holes = 0
    for i in range(start, stop):
        if np.isfinite(values[i]):
            distance = values[i] - anchor
            total += distance
            squares += distance * distance
        else:
            holes += 1
    return total, squares, holes


@kernel(SERIES, COUNT, COUNT)
def moments_nb(values: FloatArray, period: int, ddof: int) -> tuple[FloatArray, FloatArray]:
    n = len(values)
    mean = np.full(n, np.nan)
    std = np.full(n, np.nan)
    anchor = 0.0  # sums are of distances from a value of the window: squares of prices would lose digits
    total = 0.0
    squares = 0.0
    holes = 0
    run = 0  # equal values in a row: a flat window has deviation 0, not the rounding left in the sums
    for i in range(n):
        value = values[i]
        run = run + 1 if i > 0 and value == values[i - 1] else 1
        if i % period == 0:  # sums start afresh, so that rounding errors cannot pile up over a long series
            anchor = value if np.isfinite(value) else 0.0
            total, squares, holes = sums_nb(values, max(0, i - period + 1), i + 1, anchor)
        else:
            if np.isfinite(value):
                distance = value - anchor
                total += distance
                squares += distance * distance
            else:
                holes += 1
            if i >= period:
                if np.isfinite(values[i - period]):
                    distance = values[i - period] - anchor
                    total -= distance
                    squares -= distance * distance
                else:
                    holes -= 1
        if i < period - 1 or holes > 0:
            continue
        if run >= period:
            mean[i] = value
            std[i] = 0.0
        else:
            mean[i] = anchor + total / period
            std[i] = np.sqrt(max(squares - total * total / period, 0.0) / (period - ddof))
    return mean, std


@kernel(SERIES, COUNT, COUNT)
def extreme_nb(values: FloatArray, period: int, sign: int) -> FloatArray:
    n = len(values)
    out = np.full(n, np.nan)
    ring = np.empty(period, np.int64)  # bars that may still become the extreme, best first
    head = 0
    size = 0
    last_hole = -1 - period
    for i in range(n):
        if size > 0 and ring[head] <= i - period:
            head = (head + 1) % period
            size -= 1
        if not np.isfinite(values[i]):
            last_hole = i
            continue
        value = sign * values[i]
        while size > 0 and sign * values[ring[(head + size - 1) % period]] <= value:
            size -= 1
        ring[(head + size) % period] = i
        size += 1
        if i >= period - 1 and i - last_hole >= period:
            out[i] = values[ring[head]]
    return out


def sma(values: ArrayLike, period: int) -> FloatArray:
    """Return the mean of the last `period` values, NaN on the first `period - 1` bars."""
    return moments_nb(as_series(values), check_period(period), 0)[0]


def rolling_std(values: ArrayLike, period: int, ddof: int = 0) -> FloatArray:
    """Return the standard deviation of the last `period` values, NaN on the first `period - 1` bars.

    `ddof=0` is the population's deviation, which Bollinger bands use; exactly 0 over equal values.
    Sums start afresh every `period` bars; until then a value a million times larger than its
    neighbours leaves a rounding error behind, for less than `period` bars after it left the window.

    Raises:
        ConfigError: `ddof` is not below `period`.
    """
    if not 0 <= ddof < check_period(period):
        raise ConfigError(f"ddof={ddof}: must be from 0 to period - 1 = {period - 1}")
    return moments_nb(as_series(values), period, ddof)[1]


def bollinger(values: ArrayLike, period: int, deviations: float) -> Bollinger:
    """Return mid = sma, upper and lower = mid +- deviations * population deviation.

    NaN on the first `period - 1` bars; the width is NaN where mid is 0
    (John Bollinger, Bollinger on Bollinger Bands, 2001).
    """
    mid, std = moments_nb(as_series(values), check_period(period), 0)
    reach = deviations * std
    width = np.full(len(mid), np.nan)
    np.divide(2.0 * reach, mid, out=width, where=mid != 0.0)
    return Bollinger(mid, mid + reach, mid - reach, width)


def rolling_max(values: ArrayLike, period: int) -> FloatArray:
    """Return the largest of the last `period` values, NaN on the first `period - 1` bars."""
    return extreme_nb(as_series(values), check_period(period), 1)


def rolling_min(values: ArrayLike, period: int) -> FloatArray:
    """Return the smallest of the last `period` values, NaN on the first `period - 1` bars."""
    return extreme_nb(as_series(values), check_period(period), -1)
