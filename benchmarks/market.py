"""Generated bars and one shared signal for all engines.

Seeded. The open of a bar is the close of the bar before, so that "fill at this close" and "fill at the
next open" mean the same price; prices lie on ticks of 0.01. Invariant: all engines get these very arrays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from arena.config.models import SymbolConfig
from arena.core.bars import Bars, FloatArray
from arena.core.instrument import Instrument, MarginTier, TierTable
from arena.core.signal import Signal
from arena.core.timeframe import Timeframe
from arena.engine.settlements import Settlements, expected_settlements, place_settlements
from arena.engine.simulate import MarkPrices
from arena.indicators import ema

SEED = 20_260_101
FIRST_MS = 1_609_459_200_000  # 2021-01-01: 1,576,800 one-minute bars later a year ends
HOURLY_SIGMA = 0.005
FUNDING_RATE = 0.0001
FAST, SLOW = 12, 26

SMALL, MIDDLE, LARGE = 20_000, 105_000, 1_576_800
TIMEFRAME_OF = {SMALL: "1h", MIDDLE: "15m", LARGE: "1m"}


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """Bars with funding every eight hours; the mark price is the last price."""

    bars: Bars
    settlements: Settlements
    mark: MarkPrices


@cache
def make_market(size: int, number: int = 0) -> Market:
    """Return `size` bars of random walk `number`; its volatility per hour is the same in every timeframe."""
    timeframe = Timeframe.parse(TIMEFRAME_OF[size])
    rng = np.random.default_rng(SEED + number)
    sigma = HOURLY_SIGMA * (timeframe.step_ms / 3_600_000) ** 0.5
    steps = rng.standard_normal(size) * sigma
    close = np.round(30_000.0 * np.exp(np.cumsum(steps)), 2)
    open_ = np.concatenate(([30_000.0], close[:-1]))
    wick = np.abs(rng.standard_normal((2, size))) * sigma / 2
    high = np.round(np.maximum(open_, close) * (1.0 + wick[0]), 2)
    low = np.round(np.minimum(open_, close) * (1.0 - wick[1]), 2)
    ts = FIRST_MS + np.arange(size, dtype=np.int64) * timeframe.step_ms
    volume = np.round(rng.lognormal(2.0, 1.0, size), 3)
    bars = Bars("BTC-USDT-SWAP", timeframe, ts, open_, high, low, close, volume, frozenset({"synthetic"}))
    due = expected_settlements(int(ts[0]), int(bars.close_ts[-1]), 8 * 3_600_000)
    price = open_[np.searchsorted(ts, due, side="right") - 1]
    settlements = place_settlements(ts, timeframe.step_ms, due, np.full(len(due), FUNDING_RATE), price)
    return Market(bars, settlements, MarkPrices(open_, high, low))


@cache
def cross_target(size: int, number: int = 0) -> FloatArray:
    """Return +1 while the fast EMA is above the slow one, -1 while it is below, 0 before both are known."""
    close = make_market(size, number).bars.close
    fast, slow = ema(close, FAST), ema(close, SLOW)
    return np.where(fast > slow, 1.0, np.where(fast < slow, -1.0, 0.0))


def reversing_target(size: int) -> FloatArray:
    """Return a target that changes side on every bar but the first, which backtesting.py does not see."""
    target = np.where(np.arange(size) % 2 == 0, 1.0, -1.0)
    target[0] = 0.0
    return target


def plain_signal(target: FloatArray) -> Signal:
    """Return a signal without stops."""
    none = np.full(len(target), np.nan)
    return _signal(target, none, none)


def guarded_signal(market: Market, target: FloatArray) -> Signal:
    """Return a signal with a stop at 2.5 and a take-profit at 10 usual moves of an hour."""
    move = market.bars.close * HOURLY_SIGMA
    return _signal(target, 2.5 * move, 10.0 * move)


def _signal(target: FloatArray, stop: FloatArray, take: FloatArray) -> Signal:
    size = len(target)
    return Signal(target, stop, take, np.ones(size), np.zeros(size, np.int16), ("none",))


@cache
def listed_instrument() -> Instrument:
    """Return the swap as conf has it: real grids and all of its tiers."""
    path = Path(__file__).parents[1] / "conf" / "symbol" / "btc_usdt_swap.yaml"
    return SymbolConfig(**yaml.safe_load(path.read_text())).instrument()


@cache
def fine_instrument() -> Instrument:
    """Return a swap so finely divided that rounding cannot tell engines apart: lots of a billionth of a coin.

    The tick is the grid of the generated prices, and there is no spread: fills are exact.
    """
    tiers = TierTable("2026-01-01", "benchmark", (MarginTier(1e9, 0.004, 0.01),))
    return replace(
        listed_instrument(),
        ct_val=1.0,
        lot_sz=1e-9,
        min_sz=1e-9,
        tick_sz=0.01,
        max_market_sz=1e9,
        tiers=tiers,
    )
