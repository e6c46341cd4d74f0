"""Case 6: sweeps. Pairs of EMA lengths over one market, beside vectorbt and backtesting.py, and alone.

Invariant: no ratio is taken before each compared trial had the trades, and the sweep the figures, of both
sides' single runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import vectorbt as vbt

from arena.backtest.sweep import Axes, SweepResult, check_grid, run_sweep
from arena.backtest.sweep.run import load_sweep_market, open_desk, run_rows
from arena.config.models import BacktestConfig
from arena.core.bars import FloatArray
from arena.indicators import ema
from arena.strategies import get_strategy
from benchmarks.engine_arena import CAPITAL, PlainRun
from benchmarks.engine_backtesting import BacktestingRun
from benchmarks.engine_vectorbt import VectorbtRun
from benchmarks.market import MIDDLE, SMALL, TIMEFRAME_OF, Market, make_market
from benchmarks.stored import backtest_config, fill_store
from benchmarks.table import Row, row
from benchmarks.timing import take_turns
from benchmarks.trades import compare, worst_of

CASE = "6. Sweeps: pairs of EMA lengths"
FEE_RATE = 0.0005
PROJECT = Path(__file__).parents[1]

ALL_AXES = range(5, 55), range(20, 220)
"""The ten thousand pairs of the job; 9,370 of them have the fast length below the slow one."""

PEER_AXES = {SMALL: (range(5, 55), range(20, 220, 5)), MIDDLE: (range(5, 55, 5), range(20, 220, 4))}
"""Every so many of them, for peers: a pair costs them the same among few and among many."""

COLUMNS = 100
"""Pairs that vectorbt is given at once: the number it is quickest with."""

BACKTESTING_PAIRS = 3
"""backtesting.py is given this many of the pairs: it takes each as a run of its own."""

TRIAL_TARGET_US = 1e6 / 15_000
THREADS_TARGET = 1 / 1.7
VECTORBT_LEAST = 150.0
COLD_TARGETS_S = {10_000: 4.0, 100_000: 15.0}
MEMORY_TARGET_MIB = 400.0
TOLERANCE = 1e-6

Pair = tuple[int, int]


def measure_sweeps(folder: Path, checks: list[str], *, quick: bool) -> list[Row]:
    """Check trades and figures, then time the plain job beside the peers and everything on alone."""
    rows = []
    for size in (SMALL,) if quick else (SMALL, MIDDLE):
        plain = _plain_config(folder, size)
        checks += _checked(plain, size)
        rows += _beside_peers(plain, size, rounds=2 if quick else 5)
        rows += _everything_on(folder, size, quick=quick)
    return rows + _command_line(folder, quick=quick)


def _plain_config(folder: Path, size: int) -> BacktestConfig:
    """Return the peers' job: long or flat, all in, a fee, no spread, stop or funding."""
    market = make_market(size)
    fill_store(folder / f"sweep-plain-{size}", market, with_funding=False)
    return backtest_config(
        [
            f"store.root={folder / f'sweep-plain-{size}'}",
            *_common(market),
            "strategy.side=long",
            "strategy.atr_stop=0",
            "costs=frictionless",
            "symbol.lot_sz=1e-7",
            "symbol.min_sz=1e-7",
            "symbol.tick_sz=0.01",
        ]
    )


def _common(market: Market) -> list[str]:
    return [f"timeframe={market.bars.timeframe}", "limit=null", "signal_window=1"]


def _pairs(size: int) -> list[Pair]:
    fasts, slows = PEER_AXES[size]
    return [(fast, slow) for fast in fasts for slow in slows if fast < slow]


def _averages(market: Market, pairs: list[Pair]) -> dict[int, FloatArray]:
    """Return the EMA of each length that the pairs name."""
    return {
        length: ema(market.bars.close, length) for length in {length for pair in pairs for length in pair}
    }


def _target(averages: dict[int, FloatArray], pair: Pair) -> FloatArray:
    """Return what ema_trend holds, written down once more: the peers know nothing of our strategies."""
    fast, slow = (averages[length] for length in pair)
    target = np.where(fast > slow, 1.0, 0.0)
    target[: 4 * pair[1]] = 0.0
    return target


def _axes(fast: range, slow: range) -> dict[str, list[int]]:
    return {"strategy.fast": list(fast), "strategy.slow": list(slow)}


def _checked(config: BacktestConfig, size: int) -> Iterator[str]:
    """Yield what was compared.

    Raises:
        RuntimeError: something differs, so that no ratio would mean anything.
    """
    market = make_market(size)
    pairs = _pairs(size)
    averages = _averages(market, pairs)
    targets = [_target(averages, pair) for pair in pairs]
    ours = [PlainRun(market, target, FEE_RATE).outcome() for target in targets]
    many = _VectorbtSweep(market, pairs)
    for name, chosen, run in (
        ("vectorbt", slice(0, None, 25), VectorbtRun),
        ("backtesting.py", slice(0, None, len(pairs) // BACKTESTING_PAIRS), BacktestingRun),
    ):
        found = [
            compare(name, one, run(market, target, FEE_RATE).outcome())
            for one, target in zip(ours[chosen], targets[chosen], strict=True)
        ]
        worst = worst_of(found)
        if not worst.is_equal:
            raise RuntimeError(f"sweep, {size:,} bars: {worst.sentence()}: not the same job, so no ratio")
        yield f"sweep, {len(found)} pairs, {size:,} bars: {worst.sentence()}"
    swept = run_sweep(config, _axes(*ALL_AXES), threads=1)
    parameters = swept.parameters()
    place = {
        pair: trial
        for trial, pair in enumerate(
            zip(parameters["strategy.fast"].tolist(), parameters["strategy.slow"].tolist(), strict=True)
        )
    }
    own = np.array([place[pair] for pair in pairs])
    equity, counts = many.figures()
    trades = (swept.figures["trades"] + swept.figures["open_trades"])[own]
    single = np.array([outcome.final_equity for outcome in ours])
    apart = float(np.max(np.abs(swept.figures["final_equity"][own] / equity - 1.0)))
    alone = float(np.max(np.abs(swept.figures["final_equity"][own] / single - 1.0)))
    if not np.array_equal(trades, counts) or max(apart, alone) > TOLERANCE:
        raise RuntimeError(f"sweep, {size:,} bars: equity {apart:.1e} apart or other trades: no ratio")
    yield (
        f"sweep, {len(pairs)} of {len(swept)} pairs, {size:,} bars: {int(trades.sum()):,} trades equal to "
        f"vectorbt's, final equity {apart:.1e} apart, {alone:.1e} from single runs"
    )


class _VectorbtSweep:
    """All pairs as columns of portfolios; averages, crosses and figures are timed, as ours are."""

    def __init__(self, market: Market, pairs: list[Pair]) -> None:
        bars = market.bars
        self.market, self.pairs = market, pairs
        self.index = pd.to_datetime(bars.ts, unit="ms")
        self.freq = pd.Timedelta(milliseconds=bars.timeframe.step_ms)
        self.close, self.open = pd.Series(bars.close, self.index), pd.Series(bars.open, self.index)

    def __call__(self) -> object:
        return [
            (
                portfolio.total_return(),
                portfolio.sharpe_ratio(),
                portfolio.max_drawdown(),
                portfolio.trades.count(),
            )
            for portfolio in self.portfolios()
        ]

    def portfolios(self) -> Iterator[vbt.Portfolio]:
        """Run once, some columns at a time."""
        averages = _averages(self.market, self.pairs)
        for start in range(0, len(self.pairs), COLUMNS):
            pairs = self.pairs[start : start + COLUMNS]
            wanted = np.stack([_target(averages, pair) for pair in pairs], axis=1) > 0
            held = np.zeros_like(wanted)
            held[1:] = wanted[:-1]
            before = np.zeros_like(held)
            before[1:] = held[:-1]
            yield vbt.Portfolio.from_signals(
                self.close,
                pd.DataFrame(held & ~before, self.index),
                pd.DataFrame(before & ~held, self.index),
                price=self.open,
                size=np.inf,
                fees=FEE_RATE,
                init_cash=CAPITAL,
                freq=self.freq,
            )

    def figures(self) -> tuple[FloatArray, np.ndarray]:
        """Return final equity and number of trades of each column."""
        found = [
            (one.value().iloc[-1].to_numpy(), one.trades.count().to_numpy()) for one in self.portfolios()
        ]
        equity, trades = zip(*found, strict=True)
        return np.concatenate(equity), np.concatenate(trades)


class _ArenaSweep:
    """All pairs, indicators included; the market has been read before, as the peers' has."""

    def __init__(self, config: BacktestConfig) -> None:
        axes = Axes.of(_axes(*ALL_AXES))
        self.config, self.grid = config, check_grid(config, get_strategy("ema_trend"), axes)
        self.market = load_sweep_market(config, self.grid)

    def __call__(self) -> object:
        desk = open_desk(self.config, self.grid, self.market)
        daily = np.empty((len(self.grid), len(desk.day_ends)), np.float32)
        return run_rows(desk, self.grid, daily, engine="threads", workers=1, seconds={})


def _beside_peers(config: BacktestConfig, size: int, *, rounds: int) -> list[Row]:
    market, pairs = make_market(size), _pairs(size)
    averages = _averages(market, pairs)
    some = pairs[:: len(pairs) // BACKTESTING_PAIRS][:BACKTESTING_PAIRS]
    few = [BacktestingRun(market, _target(averages, pair), FEE_RATE) for pair in some]
    sweep = _ArenaSweep(config)
    jobs: dict[str, Callable[[], object]] = {
        "arena": sweep,
        "vectorbt": _VectorbtSweep(market, pairs),
        "backtesting.py": lambda: [run() for run in few],
    }
    trials = {"arena": len(sweep.grid), "vectorbt": len(pairs), "backtesting.py": len(few)}
    taken = {name: sample.scaled(1e6 / trials[name]) for name, sample in take_turns(jobs, rounds).items()}
    label = f"plain pairs, {size:,} bars, one thread"
    rows = [
        row(CASE, f"{name}, {trials[name]:,} {label}", "us/trial", sample) for name, sample in taken.items()
    ]
    rows += [
        row(CASE, f"{peer} / arena, {size:,} bars", "times", taken[peer].over(taken["arena"]), least=least)
        for peer, least in (("vectorbt", VECTORBT_LEAST), ("backtesting.py", None))
    ]
    return rows


def _everything_on(folder: Path, size: int, *, quick: bool) -> list[Row]:
    """Funding, spread, stops, tiers, ticks; every figure and the daily returns of each trial."""
    market = make_market(size)
    root = folder / f"sweep-full-{size}"
    fill_store(root, market, with_funding=True)
    config = backtest_config([f"store.root={root}", *_common(market)])
    many = not quick and size == SMALL
    axes = _axes(*ALL_AXES) if many else _axes(ALL_AXES[0], range(20, 220, 8))
    trials = len(run_sweep(config, axes, threads=1))
    runs: dict[str, Callable[[], SweepResult]] = {
        f"{count}": partial(run_sweep, config, axes, threads=count) for count in (1, 2)
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}

    def timed(name: str) -> None:
        seconds[name].append(runs[name]().seconds["run"] / trials)

    taken = take_turns({name: partial(timed, name) for name in runs}, 2 if quick else 5, repeat=False)
    label = f"everything on, {trials:,} pairs, {size:,} bars of {TIMEFRAME_OF[size]}"
    spent = {name: sample.scaled(1e6 / trials) for name, sample in taken.items()}
    inner = {name: type(taken[name])(tuple(values[1:])).scaled(1e6) for name, values in seconds.items()}
    target = TRIAL_TARGET_US if size == SMALL else None
    threads = "two threads over one (two processors)"
    return [
        row(CASE, f"arena, {label}, one thread: trials alone", "us/trial", inner["1"], target),
        row(CASE, "the same with reading, checking and indicators", "us/trial", spent["1"]),
        row(CASE, f"{threads}: trials alone", "times", inner["2"].over(inner["1"]), THREADS_TARGET),
        row(CASE, f"{threads}: all of it", "times", spent["2"].over(spent["1"])),
    ]


def _command_line(folder: Path, *, quick: bool) -> list[Row]:
    """Start the job from the shell's prompt: composing, trials, record, report."""
    rows = []
    root = folder / f"sweep-full-{SMALL}"
    for trials in (10_000,) if quick else tuple(COLD_TARGETS_S):
        stops = "1" if trials == 10_000 else "1,1.5,2,2.5,3,3.5,4,4.5,5,5.5"
        arguments = [
            "jobs.backtest",
            "-m",
            f"store.root={root}",
            f"reports.root={folder / 'reports-sweep'}",
            *_common(make_market(SMALL)),
            "strategy.fast=range(5,55)",
            "strategy.slow=range(60,260)",
            f"strategy.atr_stop={stops}",
        ]
        taken = [_launch(arguments) for _ in range(2)][-1]
        label = f"command line, {trials:,} trials, {SMALL:,} bars, report and record included"
        for name, unit, value, target in (
            ("wall", "s", taken["wall_s"], COLD_TARGETS_S[trials]),
            ("peak memory", "MiB", taken["peak_mib"], MEMORY_TARGET_MIB),
        ):
            rows.append(Row(CASE, f"{label}: {name}", unit, value, value, value, target))
    return rows


def _launch(arguments: list[str]) -> dict[str, Any]:
    environment = {
        k: v for k, v in os.environ.items() if k not in {"PYTHONDONTWRITEBYTECODE", "DATABASE_URL"}
    }
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.cold_launcher", sys.executable, "-m", *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    usage: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    if usage["code"]:
        raise RuntimeError(f"{arguments[0]} ended with {usage['code']}:\n{ended.stdout}{ended.stderr}")
    return usage
