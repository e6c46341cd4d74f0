"""vectorbt on the shared bars: `Portfolio.from_signals`, filled at the open after the signal."""

from __future__ import annotations

import numpy as np
import pandas as pd
import vectorbt as vbt

from arena.core.bars import FloatArray
from benchmarks.engine_arena import CAPITAL
from benchmarks.market import Market
from benchmarks.trades import Outcome


class VectorbtRun:
    """All in on the side of the target; pandas inputs are made beforehand and not timed."""

    def __init__(self, market: Market, target: FloatArray, fee_rate: float) -> None:
        bars = market.bars
        index = pd.to_datetime(bars.ts, unit="ms")
        self.freq = pd.Timedelta(milliseconds=bars.timeframe.step_ms)
        self.close, self.open = pd.Series(bars.close, index), pd.Series(bars.open, index)
        held = np.concatenate(([0.0], target[:-1]))  # decided at a close, filled at the next open
        before = np.concatenate(([0.0], held[:-1]))
        changed = held != before
        self.signals = {
            "entries": pd.Series(changed & (held > 0), index),
            "exits": pd.Series(changed & (before > 0) & (held <= 0), index),
        }
        if (target < 0).any():
            self.signals["short_entries"] = pd.Series(changed & (held < 0), index)
            self.signals["short_exits"] = pd.Series(changed & (before < 0) & (held >= 0), index)
        self.fee_rate = fee_rate

    def __call__(self) -> tuple[float, float, int]:
        portfolio = self.portfolio()
        portfolio.value()
        return portfolio.total_return(), portfolio.max_drawdown(), int(portfolio.trades.count())

    def portfolio(self) -> vbt.Portfolio:
        """Run once."""
        return vbt.Portfolio.from_signals(
            self.close,
            price=self.open,
            size=np.inf,
            fees=self.fee_rate,
            init_cash=CAPITAL,
            freq=self.freq,
            **self.signals,
        )

    def outcome(self) -> Outcome:
        """Run once and return its trades in our shape."""
        portfolio = self.portfolio()
        records = portfolio.trades.values
        is_open = records["status"] == 0
        return Outcome(
            records["entry_idx"],
            np.where(is_open, -1, records["exit_idx"]),
            np.where(records["direction"] == 0, 1, -1),
            records["entry_price"],
            np.where(is_open, 0.0, records["exit_price"]),
            records["size"],
            float(portfolio.value().iloc[-1]),
        )
