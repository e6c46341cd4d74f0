"""From the sweep group to the rows of its grid: all of them, or some drawn by a seed.

Pure; a drawn trial is a row number, 8 bytes, however many there are. Invariant: the same group and seed
draw the same rows in the same order, none twice.
"""

from __future__ import annotations

import numpy as np

from arena.backtest.sweep.axes import Axes
from arena.backtest.sweep.grid import Grid, check_grid
from arena.backtest.sweep.statistics import FIGURES
from arena.config.models import BacktestConfig
from arena.config.sweep import SweepConfig
from arena.core.bars import IntArray
from arena.core.errors import ConfigError, unknown_name
from arena.strategies import get_strategy

MOST_ROWS = 2**62
DRAWN_TWICE = "drawn twice: axes of few values cannot hold this many strata apart"


def draw_grid(config: BacktestConfig, sweep: SweepConfig) -> Grid:
    """Return what `sweep` asks to be run over `config`: checked axes, rows, what was dropped and why.

    Of `optuna`, which goes on from what it has seen, these are its first trials: a Latin hypercube.

    Raises:
        ConfigError: an axis, a value or the objective is not allowed, or there is nothing to run.
    """
    check_objective(sweep.objective)
    axes = Axes.of(sweep.numbers())
    if axes.size > MOST_ROWS:
        raise ConfigError(f"sweep.axes: {axes.size:.3g} combinations are more than can be counted (2^62)")
    spec = get_strategy(config.strategy.name)
    if sweep.method == "grid":
        return check_grid(config, spec, axes)
    drawn = draw_rows(sweep, axes)
    grid = check_grid(config, spec, axes, drawn)
    repeated = (sweep.trials or 0) - len(drawn)
    if repeated and sweep.method == "latin":
        return Grid(grid.axes, grid.rows, {**grid.dropped, DRAWN_TWICE: repeated})
    return grid


def check_objective(name: str) -> None:
    """Refuse an objective that is no figure of a trial.

    Raises:
        ConfigError: names the figures there are.
    """
    if name not in FIGURES:
        raise ConfigError(unknown_name("sweep.objective", name, FIGURES))


def draw_rows(sweep: SweepConfig, axes: Axes) -> IntArray:
    """Return distinct rows of the grid of `axes` in the order drawn, (n,), n at most `sweep.trials`.

    Raises:
        ConfigError: more trials are asked for than there are combinations.
    """
    trials = sweep.trials or axes.size
    if trials > axes.size:
        raise ConfigError(
            f"sweep.trials={trials:,} is more than the {axes.size:,} combinations there are: "
            "set sweep.method=grid or ask for fewer"
        )
    generator = np.random.default_rng(sweep.seed)
    if sweep.method == "optuna":
        return _first_of_each(_latin(generator, axes, min(sweep.batch, trials)))
    if sweep.method == "latin":
        return _first_of_each(_latin(generator, axes, trials))
    return _distinct(generator, axes.size, trials)


def _distinct(generator: np.random.Generator, size: int, count: int) -> IntArray:
    if 2 * count >= size:
        return generator.permutation(size)[:count].astype(np.int64, copy=False)
    found = np.empty(0, np.int64)
    while len(found) < count:
        more = generator.integers(size, size=count - len(found))
        found = _first_of_each(np.concatenate((found, more)))
    return found


def _latin(generator: np.random.Generator, axes: Axes, count: int) -> IntArray:
    """Draw one trial from each of `count` equal strata of every axis, strata of the axes paired at random."""
    rows = np.zeros(count, np.int64)
    for size in axes.shape:
        place = (generator.permutation(count) + generator.random(count)) / count
        rows = rows * size + np.minimum((place * size).astype(np.int64), size - 1)
    return rows


def _first_of_each(rows: IntArray) -> IntArray:
    _, first = np.unique(rows, return_index=True)
    return rows[np.sort(first)]
