"""backtesting.py on the shared bars: whole units of a billionth of a coin, filled at the next open."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from backtesting import Strategy
from backtesting.lib import FractionalBacktest

from arena.core.bars import FloatArray
from benchmarks.engine_arena import CAPITAL
from benchmarks.market import Market
from benchmarks.trades import Outcome

UNIT = 1e-9


class Follow(Strategy):
    """Hold the side of `target`, all in."""

    target: FloatArray | None = None

    def init(self) -> None:
        self.wanted = self.I(lambda: self.target, plot=False)

    def next(self) -> None:
        wanted = self.wanted[-1]
        held = self.position.size
        if wanted == 0.0:
            if held:
                self.position.close()
        elif wanted > 0.0 and held <= 0:
            if held:
                self.position.close()
            self.buy()
        elif wanted < 0.0 and held >= 0:
            if held:
                self.position.close()
            self.sell()


class BacktestingRun:
    """A prepared run; the data frame is made beforehand and not timed."""

    def __init__(self, market: Market, target: FloatArray, fee_rate: float) -> None:
        bars = market.bars
        columns = {
            name.capitalize(): getattr(bars, name) for name in ("open", "high", "low", "close", "volume")
        }
        self.frame = pd.DataFrame(columns, index=pd.to_datetime(bars.ts, unit="ms"))
        self.target, self.fee_rate = target, fee_rate

    def __call__(self) -> pd.Series:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of the trade left open at the end
            test = FractionalBacktest(
                self.frame, Follow, cash=CAPITAL, commission=self.fee_rate, fractional_unit=UNIT
            )
            return test.run(target=self.target)

    def outcome(self) -> Outcome:
        """Run once and return its trades in our shape; the one left open is read from its strategy."""
        stats = self()
        closed = stats["_trades"]
        still = stats["_strategy"].trades
        size = np.concatenate((closed["Size"], [trade.size * UNIT for trade in still]))
        return Outcome(
            np.concatenate((closed["EntryBar"], [trade.entry_bar for trade in still])).astype(np.int64),
            np.concatenate((closed["ExitBar"], [-1 for _ in still])).astype(np.int64),
            np.sign(size).astype(np.int64),
            np.concatenate((closed["EntryPrice"], [trade.entry_price / UNIT for trade in still])),
            np.concatenate((closed["ExitPrice"], [0.0 for _ in still])),
            np.abs(size),
            float(stats["Equity Final [$]"]),
        )
