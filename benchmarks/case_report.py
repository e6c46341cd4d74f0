"""Case 5: what one backtest of 20,000 bars spends on each step, in a warm process.

Invariant: the steps are those of the job itself, called in its order.
"""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path

from arena.backtest.run import RunIdentity, run_backtest
from arena.backtest.trades import build_trades
from arena.reporting.html import render_report
from arena.reporting.run_folder import write_run
from benchmarks.market import SMALL, listed_instrument, make_market
from benchmarks.stored import backtest_config, fill_store
from benchmarks.table import Row, row
from benchmarks.timing import Sample

STEPS = {
    "read": "read candles, mark and funding, hash them, place settlements",
    "strategy": "decide (ema_trend)",
    "engine": "simulate",
    "metrics": "fills, trades, buy and hold, metrics, drawdowns, months",
    "trades": "the trade table alone (part of the step above)",
    "json": "result.json as text",
    "parquet": "result.json and three Parquet files written",
    "html": "the HTML report rendered",
}


def measure_steps(folder: Path, *, quick: bool) -> list[Row]:
    """Return milliseconds a step; the first run is not counted."""
    root = folder / "steps"
    fill_store(root, make_market(SMALL), with_funding=True)
    config = backtest_config([f"store.root={root}", f"limit={SMALL}", "timeframe=1h", "report.timings=true"])
    identity = RunIdentity("benchmark", 0, "python -m benchmarks", "0" * 12)
    spent: dict[str, list[float]] = defaultdict(list)
    trades = 0
    for number in range(4 if quick else 10):
        result, arrays = run_backtest(config, identity, started=time.perf_counter())
        trades = len(arrays.trades)
        took = dict(result.timings_ms or {})
        watch = _Watch(took)
        build_trades(
            arrays.fills,
            arrays.bars,
            arrays.signal,
            ct_val=listed_instrument().ct_val,
            initial_capital=config.initial_capital,
            final_funding_total=result.pnl.funding,
        )
        watch.lap("trades")
        result.model_dump_json(indent=2)
        watch.lap("json")
        write_run(root / f"run-{number}", result, arrays, html=False)
        watch.lap("parquet")
        render_report(result, arrays)
        watch.lap("html")
        if number:
            for step, milliseconds in took.items():
                spent[step].append(milliseconds)
    case = f"5. Steps of one backtest, warm, {SMALL:,} bars of 1h, {trades:,} trades"
    return [
        row(case, words, "ms", Sample(tuple(spent[step]))) for step, words in STEPS.items() if step in spent
    ]


class _Watch:
    def __init__(self, steps: dict[str, float]) -> None:
        self._steps, self._last = steps, time.perf_counter()

    def lap(self, step: str) -> None:
        now = time.perf_counter()
        self._steps[step] = (now - self._last) * 1e3
        self._last = now
