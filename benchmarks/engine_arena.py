"""Our engine on the shared bars: runs to time and outcomes to compare."""

from __future__ import annotations

import numpy as np

from arena.backtest.trades import build_trades
from arena.core.bars import FloatArray
from arena.core.signal import Signal
from arena.engine.records import expand_fills
from arena.engine.settlements import Settlements
from arena.engine.simulate import AccountCourse, AccountSettings, simulate
from benchmarks.market import Market, fine_instrument, listed_instrument, plain_signal
from benchmarks.trades import Outcome

CAPITAL = 10_000.0


def account(
    *, fee_rate: float, leverage: float = 1.0, share: float = 1.0, slippage: float = 0.0
) -> AccountSettings:
    """Return a cross-margin account that puts up `share` of its equity as margin."""
    return AccountSettings(
        initial_capital=CAPITAL,
        fee_rate=fee_rate,
        cost_rate=slippage,
        leverage=leverage,
        isolated=False,
        size_mode="equity",
        size_value=share,
        first_bar=0,
    )


class FullRun:
    """A prepared run with everything on: funding, stops, take-profits, tiers, leverage 3, real grids."""

    def __init__(self, market: Market, signal: Signal, fee_rate: float, share: float) -> None:
        self.market = market
        self.signal = signal
        self.instrument = listed_instrument()
        self.settings = account(fee_rate=fee_rate, leverage=3.0, share=share, slippage=fee_rate / 5)

    def __call__(self) -> AccountCourse:
        return simulate(
            self.market.bars,
            self.signal,
            self.market.settlements,
            self.market.mark,
            self.instrument,
            self.settings,
        )


class PlainRun:
    """What the peers can run, too: all in, no funding, stops or spread; with the totals asked of them."""

    def __init__(self, market: Market, target: FloatArray, fee_rate: float) -> None:
        nothing = np.empty(0)
        self.no_funding = Settlements(np.empty(0, np.int64), np.empty(0, np.int64), nothing, nothing)
        self.market, self.signal = market, plain_signal(target)
        self.settings = account(fee_rate=fee_rate)

    def __call__(self) -> tuple[float, float, int]:
        course = self.course()
        peak = np.maximum.accumulate(course.equity)
        drawdown = float(np.min(course.equity / peak)) - 1.0
        return float(course.equity[-1]) / CAPITAL - 1.0, drawdown, len(course.compact_fills)

    def course(self) -> AccountCourse:
        """Run once."""
        return simulate(
            self.market.bars, self.signal, self.no_funding, self.market.mark, fine_instrument(), self.settings
        )

    def outcome(self) -> Outcome:
        """Run once and pair the fills with the product's own trade table."""
        course, instrument = self.course(), fine_instrument()
        bars = self.market.bars
        fills = expand_fills(
            course.compact_fills,
            bars.ts,
            lot_sz=instrument.lot_sz,
            ct_val=instrument.ct_val,
            fee_rate=self.settings.fee_rate,
            capital=CAPITAL,
        )
        trades = build_trades(
            fills,
            bars,
            self.signal,
            ct_val=instrument.ct_val,
            initial_capital=CAPITAL,
            final_funding_total=course.funding,
        )
        is_open = trades["is_open"]
        return Outcome(
            trades["entry_bar"],
            np.where(is_open, -1, trades["exit_bar"]),
            trades["side"],
            trades["entry_price"],
            np.where(is_open, 0.0, trades["exit_price"]),
            trades["contracts"] * instrument.ct_val,
            float(course.equity[-1]),
        )
