"""Trade back to the mean: buy below the lower band, sell above the upper one, only in a calm market.

Calm is a band width and an ADX below their limits. Reads bars only, never funding. Invariant: a side is
entered on the bar that crosses its band and left at the middle band, or when the market is calm no more.
"""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from arena import indicators as ta
from arena.core.bars import Bars, FloatArray, FundingSeries, IntArray
from arena.core.signal import Signal
from arena.strategies.base import Columns, StrategyParams, StrategySpec, WrittenBatch
from arena.strategies.pieces import Side, after_warmup, atr_distance, make_signal, share_of
from arena.strategies.registry import register

REASONS = ("none", "below_lower_band", "above_upper_band", "mid_reached", "range_ended", "no_range")


class Params(StrategyParams):
    """Parameters of bollinger_range."""

    period: int = Field(20, ge=2, le=1000, description="length of the bands, bars")
    deviations: float = Field(2.0, ge=0.1, le=10, description="band distance in standard deviations")
    max_width: float = Field(
        0.05, ge=0.0001, le=10, description="range: (upper - lower) / mid is at most this"
    )
    adx_period: int = Field(14, ge=2, le=500, description="ADX length, bars")
    adx_max: float = Field(25.0, ge=0, le=100, description="range: ADX is at most this; 100: no filter")
    exit_with_range: bool = Field(default=True, description="leave when the range ends, not only at mid")
    atr_period: int = Field(14, ge=2, le=500, description="ATR length, bars")
    atr_stop: float = Field(2.0, ge=0, le=50, description="stop distance in ATR; 0: no stop")
    side: Side = Field("both", description="sides that may be held: both, long or short")


def warmup(params: Params) -> int:
    """Return the bars that bands, ADX and ATR need, and one more to see a crossing."""
    return max(params.period, 2 * params.adx_period - 1, params.atr_period)


def signal(bars: Bars, _funding: FundingSeries, params: Params) -> Signal:
    """Return the side of the way back; confidence is the distance to mid in half band widths, cut at 1."""
    close = bars.close
    bands = ta.bollinger(close, params.period, params.deviations)
    adx = ta.adx(bars.high, bars.low, close, params.adx_period).adx
    calm = (bands.width <= params.max_width) & (adx <= params.adx_max)
    ready = after_warmup(len(bars), warmup(params))
    enter = calm & ready
    over = ~calm if params.exit_with_range else np.zeros(len(bars), np.bool_)
    held = ta.latch(
        enter & ta.crossed_below(close, bands.lower) & (params.side != "short"),
        (close >= bands.mid) | over,
        enter & ta.crossed_above(close, bands.upper) & (params.side != "long"),
        (close <= bands.mid) | over,
    )
    atr = ta.atr(bars.high, bars.low, close, params.atr_period)
    return make_signal(
        held,
        stop_distance=atr_distance(atr, params.atr_stop),
        confidence=np.where(held != 0.0, share_of(close - bands.mid, bands.upper - bands.mid), 0.0),
        reason=_reasons(held, ready & ~calm, over),
        reasons=REASONS,
    )


def batch(bars: Bars, _funding: FundingSeries, values: Columns) -> WrittenBatch:
    """Return the signals of many parameter sets: each moving average, ADX and ATR once a distinct length."""
    high, low, close = bars.high, bars.low, bars.close
    periods, adx_periods, atr_periods = (
        np.unique(values[name]).astype(np.int64) for name in ("period", "adx_period", "atr_period")
    )
    shared = (
        close,
        np.array([ta.sma(close, period) for period in periods.tolist()]),
        np.array([ta.rolling_std(close, period) for period in periods.tolist()]),
        np.array([ta.adx(high, low, close, period).adx for period in adx_periods.tolist()]),
        np.array([ta.atr(high, low, close, period) for period in atr_periods.tolist()]),
    )
    return WrittenBatch(shared, partial(_rows, periods, adx_periods, atr_periods), _write)


def _rows(
    periods: IntArray, adx_periods: IntArray, atr_periods: IntArray, columns: Columns
) -> tuple[NDArray[Any], ...]:
    period, adx_period, atr_period = (columns[name] for name in ("period", "adx_period", "atr_period"))
    return (
        np.searchsorted(periods, period),
        np.searchsorted(adx_periods, adx_period),
        np.searchsorted(atr_periods, atr_period),
        np.maximum(np.maximum(period, 2 * adx_period - 1), atr_period),
        columns["deviations"],
        columns["max_width"],
        columns["adx_max"],
        columns["exit_with_range"],
        columns["side"] != "short",
        columns["side"] != "long",
        columns["atr_stop"],
    )


def _write(
    shared: tuple[NDArray[Any], ...],
    arguments: tuple[Any, ...],
    first: int,
    target: FloatArray,
    stop: FloatArray,
    take: FloatArray,
) -> None:
    from arena.strategies._kernels import write_bands, write_distance

    close, mid, deviation, adx, atr = shared
    band, strength, distance, ready, deviations, max_width, adx_max, leaves, longs, shorts, multiple = (
        arguments
    )
    write_bands(
        close, mid[band], deviation[band], adx[strength], deviations, max_width, adx_max, leaves,
        longs, shorts, ready, first, target,
    )  # fmt: skip
    write_distance(atr[distance], multiple, first, stop)
    take.fill(np.nan)


def _reasons(held: FloatArray, wild: NDArray[np.bool_], over: NDArray[np.bool_]) -> NDArray[np.int64]:
    left = np.zeros(len(held), np.bool_)
    left[1:] = (held[1:] == 0.0) & (held[:-1] != 0.0)
    return np.select([held > 0, held < 0, left & over, left, wild], [1, 2, 4, 3, 5], 0)


BOLLINGER_RANGE = register(
    StrategySpec(
        name="bollinger_range",
        description="mean reversion inside Bollinger bands, only while band width and ADX say range",
        params=Params,
        signal=signal,
        warmup=warmup,
        batch=batch,
    )
)
