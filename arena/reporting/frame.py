"""What the charts draw: a run's bars on a true time axis, thinned only where there are too many.

Pure. Time is counted in slots of the bar length from the first bar, so a missing bar is an empty
slot. Invariant: thinning never hides a high, a low, a deepest drawdown or a missing stretch, and
`bars_per_candle` says how strong it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena.backtest.result import RunArrays
from arena.core.bars import FloatArray, IntArray
from arena.core.errors import DataError
from arena.reporting.encoding import (
    Column,
    PackedColumns,
    decimal_scale,
    pack,
    require_finite,
    significant_scale,
    to_ticks,
)

MAX_CANDLES = 100_000
_SLACK = 1.25  # a run of just under the limit keeps its candles when some bars are missing


@dataclass(frozen=True, slots=True, eq=False)
class ChartFrame:
    """Candles and account curves, one row a candle, with `slot` the place on the time axis.

    `gap_start` and `gap_end` are the half-open missing stretches, counted in bars even where a
    candle shows several, so that a hole smaller than a candle is still drawn.
    """

    first_ts: int
    step_ms: int
    slots: int
    bars_per_candle: int
    slot: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    equity: FloatArray
    hold: FloatArray
    drawdown: FloatArray
    position: FloatArray
    gap_start: IntArray
    gap_end: IntArray

    def __len__(self) -> int:
        return len(self.slot)


def drawdown_of(equity: FloatArray, initial_capital: float) -> FloatArray:
    """Return equity against its highest value so far, the initial capital included: fractions <= 0."""
    peak = np.maximum(np.maximum.accumulate(equity), initial_capital)
    return equity / peak - 1.0


def chart_frame(arrays: RunArrays, initial_capital: float, max_candles: int = MAX_CANDLES) -> ChartFrame:
    """Return the run ready to draw.

    Raises:
        DataError: the run has no bars, or a value that is not finite.
    """
    bars = arrays.bars
    if not len(bars):
        raise DataError("the run has no bars: a report needs at least one; widen the run's window")
    for name in ("open", "high", "low", "close", "volume"):
        require_finite(f"{bars.inst_id} {bars.timeframe} {name}", getattr(bars, name))
    require_finite("equity", arrays.equity)
    require_finite("buy and hold equity", arrays.hold_equity)
    step_ms = bars.timeframe.step_ms
    slot = (bars.ts - bars.ts[0]) // step_ms
    slots = int(slot[-1]) + 1
    holes = np.flatnonzero(np.diff(slot) > 1)
    full = ChartFrame(
        first_ts=int(bars.ts[0]),
        step_ms=step_ms,
        slots=slots,
        bars_per_candle=1,
        slot=slot,
        open=bars.open,
        high=bars.high,
        low=bars.low,
        close=bars.close,
        volume=bars.volume,
        equity=arrays.equity,
        hold=arrays.hold_equity,
        drawdown=drawdown_of(arrays.equity, initial_capital),
        position=arrays.position,
        gap_start=slot[holes] + 1,
        gap_end=slot[holes + 1],
    )
    if len(bars) <= max_candles and slots <= max_candles * _SLACK:
        return full
    return _thin(full, -(-slots // max_candles))


def pack_frame(frame: ChartFrame, initial_capital: float) -> tuple[PackedColumns, float]:
    """Return the frame's columns packed, and the slope of buy and hold over the close.

    Prices are exact, curves good to a thousandth of a percent. Open, high and low travel as
    distances from the close and the body; buy and hold, which moves with the close, as the distance
    from `floor(slope * close + 0.5)`, all in ticks: most of it is then nearly nothing to store.
    """
    prices = np.concatenate((frame.open, frame.high, frame.low, frame.close))
    price = decimal_scale(prices)
    opened, high, low, close = (
        to_ticks(values, price) for values in (frame.open, frame.high, frame.low, frame.close)
    )
    before = np.concatenate((np.zeros(1, np.int64), close[:-1]))
    volume = significant_scale(frame.volume, digits=3)
    money = significant_scale(np.array([initial_capital]), digits=6)
    hold = to_ticks(frame.hold, money)
    slope = _slope(close, hold)
    columns = [
        Column("slot", frame.slot, delta=True),
        Column("close", close, price, delta=True),
        Column("open", opened - before, price),  # against the close before
        Column("high", high - np.maximum(opened, close), price),  # above the body
        Column("low", np.minimum(opened, close) - low, price),  # below the body
        Column("volume", to_ticks(frame.volume, volume), volume),
        Column("equity", to_ticks(frame.equity, money), money, delta=True),
        Column("hold", hold - np.floor(slope * close + 0.5).astype(np.int64), money, delta=True),
        Column("position", to_ticks(frame.position, lots := decimal_scale(frame.position)), lots, delta=True),
        Column("gap_start", frame.gap_start, delta=True),
        Column("gap_bars", frame.gap_end - frame.gap_start),
    ]
    if frame.bars_per_candle > 1:  # else the page derives it from equity
        columns.append(Column("drawdown", to_ticks(frame.drawdown, 1e5), 1e5, delta=True))
    return pack(columns), slope


def _slope(x: IntArray, y: IntArray) -> float:
    """Return the least-squares slope of the steps of y over the steps of x."""
    dx, dy = np.diff(x).astype(np.float64), np.diff(y).astype(np.float64)
    power = float(dx @ dx)
    return float(dx @ dy) / power if power else 0.0


def _thin(full: ChartFrame, per_candle: int) -> ChartFrame:
    bucket = full.slot // per_candle
    start = np.flatnonzero(np.diff(bucket, prepend=-1))
    last = np.append(start[1:], len(bucket)) - 1
    return ChartFrame(
        first_ts=full.first_ts,
        step_ms=full.step_ms * per_candle,
        slots=int(bucket[-1]) + 1,
        bars_per_candle=per_candle,
        slot=bucket[start],
        open=full.open[start],
        high=np.maximum.reduceat(full.high, start),
        low=np.minimum.reduceat(full.low, start),
        close=full.close[last],
        volume=np.add.reduceat(full.volume, start),
        equity=full.equity[last],
        hold=full.hold[last],
        drawdown=np.minimum.reduceat(full.drawdown, start),
        position=full.position[last],
        gap_start=full.gap_start,
        gap_end=full.gap_end,
    )
