"""Hold the side that funding pays: short while longs pay, long while shorts pay.

One leg only: coins against it are the account's matter (hedge=spot), without them the price risk stays.
Invariant: without a settlement
that is known and young enough the target is 0.
"""

from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from arena import indicators as ta
from arena.core.bars import Bars, FloatArray, FundingSeries, IntArray
from arena.core.signal import Signal
from arena.strategies.base import Columns, StrategyParams, StrategySpec, WrittenBatch
from arena.strategies.pieces import Side, after_warmup, atr_distance, make_signal, share_of
from arena.strategies.registry import register

MS_PER_HOUR = 3_600_000
REASONS = ("none", "shorts_are_paid", "longs_are_paid", "apr_too_small", "side_barred", "funding_unknown")


class Params(StrategyParams):
    """Parameters of funding_rate_arbitrage."""

    entry_apr: float = Field(0.20, ge=0.001, le=50, description="enter at this funding a year, a fraction")
    exit_apr: float = Field(
        0.10, ge=0, le=50, description="leave below this funding a year; at most entry_apr"
    )
    max_age_hours: float = Field(24.0, ge=1, le=720, description="older settlements count as unknown, hours")
    atr_period: int = Field(14, ge=2, le=500, description="ATR length, bars")
    atr_stop: float = Field(0.0, ge=0, le=50, description="stop distance in ATR; 0: no stop")
    side: Side = Field("both", description="sides that may be held: both, long or short")

    @model_validator(mode="after")
    def _exit_is_lower(self) -> Self:
        if self.exit_apr > self.entry_apr:
            raise ValueError(
                f"strategy.exit_apr={self.exit_apr:g} must be at most strategy.entry_apr={self.entry_apr:g}"
            )
        return self


def warmup(params: Params) -> int:
    """Return the bars of the ATR where a stop needs it: funding itself needs no bars."""
    return params.atr_period if params.atr_stop > 0 else 0


def signal(bars: Bars, funding: FundingSeries, params: Params) -> Signal:
    """Return the paid side; confidence is annualised funding over twice the entry threshold, cut at 1."""
    yearly = ta.annualised_funding(funding.ts, funding.rate)
    apr, age_ms = ta.funding_as_of(bars.close_ts, funding.ts, yearly)
    known = np.isfinite(apr) & (age_ms <= params.max_age_hours * MS_PER_HOUR)
    ready = after_warmup(len(bars), warmup(params))
    enter = known & ready
    held = ta.latch(
        enter & (apr <= -params.entry_apr) & (params.side != "short"),
        ~known | (apr > -params.exit_apr) | (apr >= 0.0),
        enter & (apr >= params.entry_apr) & (params.side != "long"),
        ~known | (apr < params.exit_apr) | (apr <= 0.0),
    )
    stop = None
    if params.atr_stop > 0:
        atr = ta.atr(bars.high, bars.low, bars.close, params.atr_period)
        stop = atr_distance(atr, params.atr_stop)
    return make_signal(
        held,
        stop_distance=stop,
        confidence=np.where(held != 0.0, share_of(apr, 2.0 * params.entry_apr), 0.0),
        reason=_reasons(held, ready, known, np.abs(apr) >= params.entry_apr),
        reasons=REASONS,
    )


def batch(bars: Bars, funding: FundingSeries, values: Columns) -> WrittenBatch:
    """Return the signals of many parameter sets: yearly funding once, each ATR once a distinct length."""
    apr, age_ms = ta.funding_as_of(bars.close_ts, funding.ts, ta.annualised_funding(funding.ts, funding.rate))
    lengths = np.unique(values["atr_period"]).astype(np.int64)
    atr = np.array([ta.atr(bars.high, bars.low, bars.close, length) for length in lengths.tolist()])
    return WrittenBatch((apr, age_ms, atr), partial(_rows, lengths), _write)


def _rows(lengths: IntArray, columns: Columns) -> tuple[NDArray[Any], ...]:
    multiple, atr_period = columns["atr_stop"], columns["atr_period"]
    return (
        columns["entry_apr"],
        columns["exit_apr"],
        columns["max_age_hours"] * MS_PER_HOUR,
        columns["side"] != "short",
        columns["side"] != "long",
        np.where(multiple > 0, atr_period, 0),
        np.searchsorted(lengths, atr_period),
        multiple,
    )


def _write(
    shared: tuple[NDArray[Any], ...],
    arguments: tuple[Any, ...],
    first: int,
    target: FloatArray,
    stop: FloatArray,
    take: FloatArray,
) -> None:
    from arena.strategies._kernels import write_distance, write_paid_side

    apr, age_ms, atr = shared
    entry_apr, exit_apr, most_age_ms, longs, shorts, ready, distance, multiple = arguments
    write_paid_side(apr, age_ms, entry_apr, exit_apr, most_age_ms, longs, shorts, ready, first, target)
    write_distance(atr[distance], multiple, first, stop)
    take.fill(np.nan)


def _reasons(
    held: FloatArray, ready: NDArray[np.bool_], known: NDArray[np.bool_], enough: NDArray[np.bool_]
) -> NDArray[np.int64]:
    return np.select([held < 0, held > 0, ~ready, ~known, enough], [1, 2, 0, 5, 4], 3)


FUNDING_RATE_ARBITRAGE = register(
    StrategySpec(
        name="funding_rate_arbitrage",
        description="hold the side that is paid while annualised funding is beyond a threshold",
        params=Params,
        signal=signal,
        warmup=warmup,
        batch=batch,
    )
)
