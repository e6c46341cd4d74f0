"""python -m benchmarks.cold_backtesting BARS.parquet FIRST: an EMA cross by backtesting.py, one JSON line."""

import json
import sys
import warnings

import numpy as np
import pandas as pd
from backtesting import Strategy
from backtesting.lib import FractionalBacktest

from benchmarks.cold_rules import CAPITAL, FAST, FEE_RATE, SLOW, UNIT

warnings.simplefilter("ignore")  # it warns of the trade left open at the end

bars = pd.read_parquet(sys.argv[1])
bars.index = pd.to_datetime(bars.pop("ts"), unit="ms")
bars.columns = [name.capitalize() for name in bars.columns]
fast = bars["Close"].ewm(span=FAST, adjust=False).mean()
slow = bars["Close"].ewm(span=SLOW, adjust=False).mean()
above = ((fast > slow) & (np.arange(len(bars)) >= int(sys.argv[2]) - 1)).to_numpy(np.float64)


class Cross(Strategy):
    """Long while the fast average is above the slow one, flat otherwise."""

    def init(self) -> None:
        self.above = self.I(lambda: above, plot=False)

    def next(self) -> None:
        if self.above[-1] and not self.position:
            self.buy()
        elif not self.above[-1] and self.position:
            self.position.close()


stats = FractionalBacktest(bars, Cross, cash=CAPITAL, commission=FEE_RATE, fractional_unit=UNIT).run()
still_open = len(stats["_strategy"].trades)
figures = {
    "final_equity": float(stats["Equity Final [$]"]),
    "trades": int(stats["# Trades"]) + still_open,
    "total_return": float(stats["Return [%]"]) / 100,
    "max_drawdown": float(stats["Max. Drawdown [%]"]) / 100,
    "sharpe": float(stats["Sharpe Ratio"]),
}
sys.stdout.write(json.dumps(figures) + "\n")
