"""python -m benchmarks.cold_vectorbt BARS.parquet FIRST: an EMA cross by vectorbt, one JSON line."""

import json
import sys

import numpy as np
import pandas as pd
import vectorbt as vbt

from benchmarks.cold_rules import CAPITAL, FAST, FEE_RATE, SLOW

bars = pd.read_parquet(sys.argv[1])
bars.index = pd.to_datetime(bars["ts"], unit="ms")
fast = bars["close"].ewm(span=FAST, adjust=False).mean()
slow = bars["close"].ewm(span=SLOW, adjust=False).mean()
above = (fast > slow) & (np.arange(len(bars)) >= int(sys.argv[2]) - 1)
held = above.shift(1, fill_value=False)
before = held.shift(1, fill_value=False)
portfolio = vbt.Portfolio.from_signals(
    bars["close"],
    entries=held & ~before,
    exits=~held & before,
    price=bars["open"],
    size=np.inf,
    fees=FEE_RATE,
    init_cash=CAPITAL,
    freq="1h",
)
figures = {
    "final_equity": float(portfolio.value().iloc[-1]),
    "trades": int(portfolio.trades.count()),
    "total_return": float(portfolio.total_return()),
    "max_drawdown": float(portfolio.max_drawdown()),
    "sharpe": float(portfolio.sharpe_ratio()),
}
sys.stdout.write(json.dumps(figures) + "\n")
