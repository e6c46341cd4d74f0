"""A sweep from config and axes to columns: one market, shared indicators, an engine over all trials.

Reads the store once through the market's door and writes at most the mapped file of daily returns.
Invariant: figures depend on neither engine, workers nor chunk size, and equal those of single runs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from arena.backtest.costs import cost_rate, require_funding
from arena.backtest.drawdowns import RUIN
from arena.backtest.hedge import spot_market, spot_pair
from arena.backtest.market import RunMarket, load_market
from arena.backtest.periods import day_ends
from arena.backtest.run import require_whole, run_window
from arena.backtest.sweep.alone import Alone, needs_runs
from arena.backtest.sweep.axes import STRATEGY, Axes
from arena.backtest.sweep.checkpoint import Keep
from arena.backtest.sweep.engines import Engine, choose_engine
from arena.backtest.sweep.grid import Grid, check_grid
from arena.backtest.sweep.meeting import Meeting
from arena.backtest.sweep.result import SweepResult, new_daily, new_figures
from arena.backtest.sweep.statistics import Frame
from arena.backtest.sweep.work import Desk, Progress, market_columns
from arena.config.models import BacktestConfig
from arena.core.bars import IntArray
from arena.core.errors import ConfigError
from arena.core.timeframe import MS_PER_DAY
from arena.data.service import DataService
from arena.strategies import StrategySpec, get_strategy, parse_params
from arena.strategies.base import Batch

if TYPE_CHECKING:
    from arena.engine.stretches import Guide

DAILY_BYTES = 256_000_000


def run_sweep(
    config: BacktestConfig,
    axes: Grid | Axes | Mapping[str, Sequence[float] | NDArray[Any]],
    *,
    engine: str | Engine = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
    chunk: int | None = None,
    daily_bytes: int = DAILY_BYTES,
    folder: Path | None = None,
) -> SweepResult:
    """Run every combination of `axes` over `config` and return one row a trial.

    Ctrl-C between chunks ends the sweep with what is done: see `SweepResult.done`.

    Args:
        config: the validated job config that the axes change.
        axes: names and values of what varies, or a grid that was checked: then its rows are run.
        engine: auto, threads, processes, or an engine of one's own.
        threads: trials run at once; by default one a processor.
        progress: called after each chunk with the trials done and their total, in the calling thread.
        chunk: trials handed over at once; by default what suits the engine.
        daily_bytes: how much of daily returns may stay in memory.
        folder: where they are mapped if they are more.

    Raises:
        ConfigError: an axis or a value is not allowed, or nothing is left to run.
        DataError: bars are missing, too few, or a cost is not known and must be.
    """
    workers = (os.cpu_count() or 1) if threads is None else threads
    if workers < 1 or (chunk is not None and chunk < 1):
        raise ConfigError(f"threads={workers} and chunk={chunk} must be at least 1")
    began = time.perf_counter()
    if isinstance(axes, Grid):
        grid = axes
    else:
        wanted = axes if isinstance(axes, Axes) else Axes.of(axes)
        grid = check_grid(config, get_strategy(config.strategy.name), wanted)
    checked = time.perf_counter()
    market = load_sweep_market(config, grid)
    read = time.perf_counter()
    desk = open_desk(config, grid, market)
    seconds = {"check": checked - began, "read": read - checked, "prepare": time.perf_counter() - read}
    daily = new_daily(len(grid), len(desk.day_ends), daily_bytes, folder)
    return run_rows(
        desk, grid, daily, engine=engine, workers=workers, progress=progress, chunk=chunk, seconds=seconds
    )


def run_rows(
    desk: Desk,
    grid: Grid,
    daily: NDArray[np.float32],
    *,
    engine: str | Engine,
    workers: int,
    seconds: dict[str, float],
    progress: Progress | None = None,
    chunk: int | None = None,
    keep: Keep | None = None,
) -> SweepResult:
    """Run the rows of `grid`, whose axes are those of `desk`, and return one row a trial.

    Args:
        desk: market and shared indicators.
        grid: what to run.
        daily: room for daily returns, (trials, days).
        engine: as `run_sweep` has it.
        workers: trials run at once.
        seconds: time spent before.
        progress: as `run_sweep` has it.
        chunk: as `run_sweep` has it.
        keep: told each chunk when its trials are in figures and `daily`.
    """
    began = time.perf_counter()
    figures = new_figures(len(grid))
    done = np.zeros(len(grid), np.bool_)
    order = desk.order(grid.rows)
    rows = grid.rows[order]
    counted, interrupted = 0, False
    chosen = choose_engine(engine, workers, desk, rows)
    parts = chosen.run(desk, rows, chunk, (daily, order))
    try:
        for at, (found, returns) in parts:
            trials = order[at]
            for name, values in found.items():
                figures[name][trials] = values
            if returns is not None:
                daily[trials] = returns
            done[trials] = True
            counted += len(trials)
            if keep is not None:
                keep(trials, figures)
            if progress is not None:
                progress(counted, len(grid))
    except KeyboardInterrupt:
        interrupted = True
    finally:
        parts.close()
    return SweepResult(
        grid=grid,
        figures=figures,
        daily_returns=daily,
        day_ts=day_starts(desk),
        done=done,
        interrupted=interrupted,
        dataset_hash=desk.market.dataset_hash,
        seconds={**seconds, "run": time.perf_counter() - began},
        engine=chosen.name,
        workers=chosen.workers,
    )


def load_sweep_market(config: BacktestConfig, grid: Grid) -> RunMarket:
    """Read what all trials of `grid` run over.

    Raises:
        DataError: bars are missing, too few, or a cost is not known and must be.
    """
    spec = get_strategy(config.strategy.name)
    instrument = config.symbol.instrument()
    swept = {name.removeprefix("costs."): 0.0 for name in grid.axes.names if name.startswith("costs.")}
    cost_rate(config.costs.model_copy(update=swept))  # a cost that is not set stops a sweep, too
    market = load_market(
        DataService(config.store.root, known_at=config.as_of_ms),
        instrument,
        config.timeframe.timeframe(),
        run_window(config),
        warmup_bars=spec.warmup(_first_params(config, grid)),
        funding_rate_estimate=config.costs.funding_rate_estimate,
        spot_inst_id=spot_pair(config),
    )
    require_funding(market.plan, config.costs, instrument.inst_id)
    require_whole(market, config)
    spot_market(market.spot, config)
    Meeting.of(config, grid.axes, market, instrument)  # volume that is not there stops it here
    return market


def open_desk(config: BacktestConfig, grid: Grid, market: RunMarket) -> Desk:
    """Return what every chunk reads, the indicators of all values of the axes among it."""
    spec = get_strategy(config.strategy.name)
    instrument = config.symbol.instrument()
    fixed = _first_params(config, grid).model_dump()
    meeting = Meeting.of(config, grid.axes, market, instrument)
    days = day_ends(market.bars.ts[config.signal_window :])
    alone = None
    if needs_runs(config):
        alone = Alone.of(config, spec, fixed, instrument, market, len(days))
    return Desk(
        config=config,
        spec=spec,
        axes=grid.axes,
        instrument=instrument,
        market=market,
        frame=Frame.of(market.bars, config.signal_window, config.initial_capital, instrument),
        fixed=fixed,
        batch=_batch(spec, grid, market, fixed) if alone is None else None,
        day_ends=days,
        ruin=config.initial_capital * RUIN,
        guide=_guide(market) if meeting.is_plain and alone is None else None,
        meeting=meeting,
        alone=alone,
    )


def _guide(market: RunMarket) -> Guide:
    from arena.engine.stretches import market_guide

    return market_guide(*market_columns(market))


def day_starts(desk: Desk) -> IntArray:
    """Return the start of each day of the daily returns, UTC ms."""
    last = desk.market.bars.ts[desk.config.signal_window :][desk.day_ends]
    return last - last % MS_PER_DAY


def _first_params(config: BacktestConfig, grid: Grid) -> Any:
    first = grid.axes.columns(grid.rows[:1])
    chosen = {
        name.removeprefix(STRATEGY): v[0].item() for name, v in first.items() if name.startswith(STRATEGY)
    }
    return parse_params(get_strategy(config.strategy.name), {**config.strategy.params, **chosen})


def _batch(spec: StrategySpec[Any], grid: Grid, market: RunMarket, fixed: dict[str, Any]) -> Batch | None:
    if spec.batch is None:
        return None
    values = {name: np.array([value]) for name, value in fixed.items()}
    for name, given in zip(grid.axes.names, grid.axes.values, strict=True):
        if name.startswith(STRATEGY):
            values[name.removeprefix(STRATEGY)] = given
    return spec.batch(market.history, market.funding, values)
