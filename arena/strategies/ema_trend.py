"""Follow the trend: long while the fast EMA is above the slow one, short while it is below.

Reads bars only, never funding. Invariant: a side is left on the bar where the averages stand the other
way round; the ADX filter delays entries and never forces an exit.
"""

from collections.abc import Callable
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from arena import indicators as ta
from arena.core.bars import Bars, FloatArray, FundingSeries, IntArray
from arena.core.signal import Signal
from arena.strategies.base import Columns, CrossBatch, CrossRows, StrategyParams, StrategySpec
from arena.strategies.pieces import Side, after_warmup, atr_distance, make_signal, share_of
from arena.strategies.registry import register

REASONS = ("none", "trend_up", "trend_down", "adx_too_low", "side_barred")


class Params(StrategyParams):
    """Parameters of ema_trend."""

    fast: int = Field(12, ge=2, le=500, description="fast EMA length, bars; below slow")
    slow: int = Field(26, ge=3, le=2000, description="slow EMA length, bars")
    adx_period: int = Field(14, ge=2, le=500, description="ADX length, bars")
    adx_min: float = Field(0.0, ge=0, le=100, description="enter while ADX is at least this; 0: no filter")
    atr_period: int = Field(14, ge=2, le=500, description="ATR length, bars")
    atr_stop: float = Field(3.0, ge=0, le=50, description="stop distance in ATR; 0: no stop")
    atr_take: float = Field(0.0, ge=0, le=100, description="take-profit distance in ATR; 0: none")
    side: Side = Field("both", description="sides that may be held: both, long or short")

    @model_validator(mode="after")
    def _fast_is_faster(self) -> Self:
        if self.fast >= self.slow:
            raise ValueError(f"strategy.fast={self.fast} must be below strategy.slow={self.slow}")
        return self


def warmup(params: Params) -> int:
    """Return four slow lengths, after which the EMA's seed weighs 0.03 %, or what ADX and ATR need."""
    adx_bars = 2 * params.adx_period - 1 if params.adx_min > 0 else 0
    return max(4 * params.slow, adx_bars, params.atr_period)


def signal(bars: Bars, _funding: FundingSeries, params: Params) -> Signal:
    """Return the side of the averages; confidence is their distance in ATR, cut at 1."""
    fast, slow = ta.ema(bars.close, params.fast), ta.ema(bars.close, params.slow)
    atr = ta.atr(bars.high, bars.low, bars.close, params.atr_period)
    up, down = fast > slow, fast < slow
    ready = after_warmup(len(bars), warmup(params))
    strong = np.ones(len(bars), np.bool_)
    if params.adx_min > 0:
        strong = ta.adx(bars.high, bars.low, bars.close, params.adx_period).adx >= params.adx_min
    enter = ready & strong
    held = ta.latch(
        up & enter & (params.side != "short"),
        down,
        down & enter & (params.side != "long"),
        up,
    )
    return make_signal(
        held,
        stop_distance=atr_distance(atr, params.atr_stop),
        take_distance=atr_distance(atr, params.atr_take),
        confidence=np.where(held != 0.0, share_of(fast - slow, atr), 0.0),
        reason=_reasons(held, up | down, ready, strong),
        reasons=REASONS,
    )


def batch(bars: Bars, _funding: FundingSeries, values: Columns) -> CrossBatch:
    """Return the signals of many parameter sets: each EMA, ADX and ATR once a distinct length."""
    lengths = np.union1d(values["fast"], values["slow"]).astype(np.int64)
    filtered = bool((values["adx_min"] > 0).any())
    adx_lengths = np.unique(values["adx_period"] if filtered else values["adx_period"][:0]).astype(np.int64)
    ranged = bool((values["atr_stop"] > 0).any() or (values["atr_take"] > 0).any())
    atr_lengths = np.unique(values["atr_period"] if ranged else values["atr_period"][:0]).astype(np.int64)
    high, low, close = bars.high, bars.low, bars.close

    def rows_of(wanted: IntArray, indicator: Callable[[int], FloatArray]) -> FloatArray:
        held = np.empty((len(wanted), len(bars)))  # a list first would hold a thousand lengths twice
        for row, length in enumerate(wanted.tolist()):
            held[row] = indicator(length)
        return held

    return CrossBatch(
        series=ta.ema_rows(close, lengths),
        gates=rows_of(adx_lengths, lambda length: ta.adx(high, low, close, length).adx),
        ranges=rows_of(atr_lengths, lambda length: ta.atr(high, low, close, length)),
        rows=partial(_rows, lengths, adx_lengths, atr_lengths),
    )


def _rows(lengths: IntArray, adx_lengths: IntArray, atr_lengths: IntArray, columns: Columns) -> CrossRows:
    slow, adx_min = columns["slow"], columns["adx_min"]
    gated = adx_min > 0
    adx_bars = np.where(gated, 2 * columns["adx_period"] - 1, 0)
    return CrossRows(
        upper=np.searchsorted(lengths, columns["fast"]),
        lower=np.searchsorted(lengths, slow),
        ready=np.maximum(np.maximum(4 * slow, adx_bars), columns["atr_period"]),
        gate=np.where(gated, np.searchsorted(adx_lengths, columns["adx_period"]), -1),
        gate_least=np.asarray(adx_min, np.float64),
        long=columns["side"] != "short",
        short=columns["side"] != "long",
        range=np.searchsorted(atr_lengths, columns["atr_period"]) if len(atr_lengths) else np.array([-1]),
        stop_multiple=np.asarray(columns["atr_stop"], np.float64),
        take_multiple=np.asarray(columns["atr_take"], np.float64),
    )


def _reasons(
    held: FloatArray, apart: NDArray[np.bool_], ready: NDArray[np.bool_], strong: NDArray[np.bool_]
) -> NDArray[np.int64]:
    waiting = ready & apart
    return np.select([held > 0, held < 0, waiting & ~strong, waiting], [1, 2, 3, 4], 0)


EMA_TREND = register(
    StrategySpec(
        name="ema_trend",
        description="EMA cross with an optional ADX filter and ATR stop",
        params=Params,
        signal=signal,
        warmup=warmup,
        batch=batch,
    )
)
