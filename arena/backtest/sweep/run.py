"""A sweep from config and axes to columns: one market, shared indicators, threads over chunks of trials.

Reads the store once through the market's door and writes at most the mapped file of daily returns.
Invariant: figures depend on neither threads nor chunk size, and equal those of single runs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.backtest.costs import cost_rate, require_funding
from arena.backtest.drawdowns import RUIN
from arena.backtest.market import RunMarket, Window, load_market
from arena.backtest.periods import day_ends
from arena.backtest.readings import require_plain
from arena.backtest.run import require_whole
from arena.backtest.sweep.axes import STRATEGY, Axes
from arena.backtest.sweep.grid import Grid, check_grid
from arena.backtest.sweep.result import SweepResult, new_daily, new_figures
from arena.backtest.sweep.statistics import Frame
from arena.backtest.sweep.work import Desk, Part, Progress
from arena.config.models import BacktestConfig
from arena.core.bars import IntArray
from arena.core.errors import ConfigError
from arena.core.timeframe import MS_PER_DAY
from arena.data.service import DataService
from arena.strategies import StrategySpec, get_strategy, parse_params
from arena.strategies.base import CrossBatch

CHUNK = 256
DAILY_BYTES = 256_000_000


def run_sweep(
    config: BacktestConfig,
    axes: Axes | Mapping[str, Sequence[float] | NDArray[Any]],
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    chunk: int = CHUNK,
    daily_bytes: int = DAILY_BYTES,
    folder: Path | None = None,
) -> SweepResult:
    """Run every combination of `axes` over `config` and return one row a trial.

    Ctrl-C between chunks ends the sweep with what is done: see `SweepResult.done`.

    Args:
        config: the validated job config that the axes change.
        axes: names and values of what varies.
        threads: trials run at once; by default one a processor.
        progress: called after each chunk with the trials done and their total, in the calling thread.
        chunk: trials handed to a thread at once.
        daily_bytes: how much of daily returns may stay in memory.
        folder: where they are mapped if they are more.

    Raises:
        ConfigError: an axis or a value is not allowed, or nothing is left to run.
        DataError: bars are missing, too few, or a cost is not known and must be.
    """
    workers = (os.cpu_count() or 1) if threads is None else threads
    if workers < 1 or chunk < 1:
        raise ConfigError(f"threads={workers} and chunk={chunk} must be at least 1")
    require_plain(config)
    began = time.perf_counter()
    spec = get_strategy(config.strategy.name)
    grid = check_grid(config, spec, axes if isinstance(axes, Axes) else Axes.of(axes))
    first = grid.axes.columns(grid.rows[:1])
    chosen = {
        name.removeprefix(STRATEGY): v[0].item() for name, v in first.items() if name.startswith(STRATEGY)
    }
    params = parse_params(spec, {**config.strategy.params, **chosen})
    checked = time.perf_counter()
    market = _load(config, grid, spec.warmup(params))
    read = time.perf_counter()
    desk = _desk(config, spec, grid, market, params.model_dump())
    traded_ts = market.bars.ts[config.signal_window :]
    daily = new_daily(len(grid), len(desk.day_ends), daily_bytes, folder)
    figures = new_figures(len(grid))
    done = np.zeros(len(grid), np.bool_)
    order = np.argsort(desk.signal_keys(grid.rows), kind="stable")
    ready = time.perf_counter()
    interrupted = False
    parts = _parts(desk, grid, order, workers, chunk)
    try:
        for trials, (found, returns) in parts:
            for name, values in found.items():
                figures[name][trials] = values
            daily[trials] = returns
            done[trials] = True
            if progress is not None:
                progress(int(np.count_nonzero(done)), len(grid))
    except KeyboardInterrupt:
        interrupted = True
    finally:
        parts.close()
    last_days = traded_ts[desk.day_ends]
    return SweepResult(
        grid=grid,
        figures=figures,
        daily_returns=daily,
        day_ts=last_days - last_days % MS_PER_DAY,
        done=done,
        interrupted=interrupted,
        dataset_hash=market.dataset_hash,
        seconds={
            "check": checked - began,
            "read": read - checked,
            "prepare": ready - read,
            "run": time.perf_counter() - ready,
        },
    )


def _load(config: BacktestConfig, grid: Grid, warmup_bars: int) -> RunMarket:
    instrument = config.symbol.instrument()
    swept = {name.removeprefix("costs."): 0.0 for name in grid.axes.names if name.startswith("costs.")}
    cost_rate(config.costs.model_copy(update=swept))  # a cost that is not set stops a sweep, too
    market = load_market(
        DataService(config.store.root),
        instrument,
        config.timeframe.timeframe(),
        Window(config.window.start_ms, config.window.end_ms, config.limit, config.signal_window),
        warmup_bars=warmup_bars,
        funding_rate_estimate=config.costs.funding_rate_estimate,
    )
    require_funding(market.plan, config.costs, instrument.inst_id)
    require_whole(market, config)
    return market


def _desk(
    config: BacktestConfig, spec: StrategySpec[Any], grid: Grid, market: RunMarket, fixed: dict[str, Any]
) -> Desk:
    instrument = config.symbol.instrument()
    return Desk(
        config=config,
        spec=spec,
        axes=grid.axes,
        instrument=instrument,
        market=market,
        frame=Frame.of(market.bars, config.signal_window, config.initial_capital, instrument),
        fixed=fixed,
        batch=_batch(spec, grid, market, fixed),
        day_ends=day_ends(market.bars.ts[config.signal_window :]),
        ruin=config.initial_capital * RUIN,
    )


def _batch(
    spec: StrategySpec[Any], grid: Grid, market: RunMarket, fixed: dict[str, Any]
) -> CrossBatch | None:
    if spec.batch is None:
        return None
    values = {name: np.array([value]) for name, value in fixed.items()}
    for name, given in zip(grid.axes.names, grid.axes.values, strict=True):
        if name.startswith(STRATEGY):
            values[name.removeprefix(STRATEGY)] = given
    return spec.batch(market.history, market.funding, values)


def _parts(
    desk: Desk, grid: Grid, order: IntArray, workers: int, chunk: int
) -> Generator[tuple[IntArray, Part]]:
    """Yield chunks as they are done: positions among the trials, and what came out."""
    chunks = (order[start : start + chunk] for start in range(0, len(order), chunk))
    if workers == 1:
        scratch = desk.scratch()
        for trials in chunks:
            yield trials, desk.run(grid.rows[trials], scratch)
        return
    free: SimpleQueue[list[Any]] = SimpleQueue()
    for _ in range(workers):
        free.put(desk.scratch())

    def work(trials: IntArray) -> Part:
        scratch = free.get()
        try:
            return desk.run(grid.rows[trials], scratch)
        finally:
            free.put(scratch)

    waiting: dict[Future[Part], IntArray] = {}
    pool = ThreadPoolExecutor(workers, thread_name_prefix="sweep")
    try:
        for trials in chunks:
            waiting[pool.submit(work, trials)] = trials
            if len(waiting) >= 2 * workers:
                yield from _finished(waiting)
        while waiting:
            yield from _finished(waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def _finished(waiting: dict[Future[Part], IntArray]) -> Iterator[tuple[IntArray, Part]]:
    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
        yield waiting.pop(future), future.result()
