"""Range and direction of bars after Wilder: true range, ATR, directional movement, ADX.

Source: J. Welles Wilder, New Concepts in Technical Trading Systems, 1978; seeds as his worksheets.
Invariant: a bar whose range is not finite is NaN in the output and leaves all averages as they were.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from arena.core.bars import FloatArray
from arena.indicators.averages import rma
from arena.indicators.compiled import COUNT, SERIES, as_series, check_period, check_same_length, kernel


class Directional(NamedTuple):
    """Strength of the trend and the two directional indicators, all from 0 to 100."""

    adx: FloatArray
    plus_di: FloatArray
    minus_di: FloatArray


@kernel(SERIES, SERIES, SERIES)
def true_range_nb(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    n = len(close)
    out = np.full(n, np.nan)
    if n > 0:
        out[0] = high[0] - low[0]
    for i in range(1, n):
        span = high[i] - low[i]
        up = abs(high[i] - close[i - 1])
        down = abs(low[i] - close[i - 1])
        if not np.isfinite(span):
            continue
        # Without a close to compare with, the bar's own range is what is known.
        out[i] = max(span, up, down) if np.isfinite(close[i - 1]) else span
    return out


@kernel(SERIES, SERIES, SERIES, COUNT)
def adx_nb(
    high: FloatArray, low: FloatArray, close: FloatArray, period: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    n = len(close)
    adx = np.full(n, np.nan)
    plus_di = np.full(n, np.nan)
    minus_di = np.full(n, np.nan)
    plus = 0.0
    minus = 0.0
    span = 0.0
    strength = 0.0
    moves = 0
    previous = -1  # last whole bar
    for i in range(n):
        if not np.isfinite(high[i] + low[i] + close[i]):
            continue
        last = previous
        previous = i
        if last < 0:
            continue
        up = high[i] - high[last]
        down = low[last] - low[i]
        plus_move = up if up > down and up > 0.0 else 0.0
        minus_move = down if down > up and down > 0.0 else 0.0
        reach = max(high[i] - low[i], abs(high[i] - close[last]), abs(low[i] - close[last]))
        moves += 1
        if moves < period:
            plus += plus_move
            minus += minus_move
            span += reach
            continue
        if moves == period:
            plus = (plus + plus_move) / period
            minus = (minus + minus_move) / period
            span = (span + reach) / period
        else:
            plus += (plus_move - plus) / period
            minus += (minus_move - minus) / period
            span += (reach - span) / period
        # A market without any range has no direction: 0, not 0 / 0.
        plus_di[i] = 100.0 * min(plus / span, 1.0) if span > 0.0 else 0.0
        minus_di[i] = 100.0 * min(minus / span, 1.0) if span > 0.0 else 0.0
        both = plus_di[i] + minus_di[i]
        dx = 100.0 * abs(plus_di[i] - minus_di[i]) / both if both > 0.0 else 0.0
        known = moves - period + 1
        if known < period:
            strength += dx
            continue
        strength = (strength + dx) / period if known == period else strength + (dx - strength) / period
        adx[i] = strength
    return adx, plus_di, minus_di


def true_range(high: ArrayLike, low: ArrayLike, close: ArrayLike) -> FloatArray:
    """Return max(high - low, |high - previous close|, |low - previous close|); first bar: high - low."""
    highs, lows, closes = as_series(high), as_series(low), as_series(close)
    check_same_length(high=highs, low=lows, close=closes)
    return true_range_nb(highs, lows, closes)


def atr(high: ArrayLike, low: ArrayLike, close: ArrayLike, period: int) -> FloatArray:
    """Return the average true range in quote currency: Wilder's average (`rma`) of `true_range`.

    First value on bar `period - 1`, the mean of the first `period` true ranges.
    """
    return rma(true_range(high, low, close), period)


def adx(high: ArrayLike, low: ArrayLike, close: ArrayLike, period: int) -> Directional:
    """Return ADX, +DI and -DI.

    +DM = up move where it is the larger and positive, -DM likewise; +-DI = 100 * rma(+-DM) / rma(TR)
    over bars from 1 on; DX = 100 * |+DI - -DI| / (+DI + -DI), 0 where both are 0; ADX = rma(DX).
    First DI on bar `period`, first ADX on bar `2 * period - 1`.
    """
    highs, lows, closes = as_series(high), as_series(low), as_series(close)
    check_same_length(high=highs, low=lows, close=closes)
    return Directional(*adx_nb(highs, lows, closes, check_period(period)))
