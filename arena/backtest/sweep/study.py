"""A sweep as a whole: batches that share axes, run one after the other, ranked together.

Writes nothing but what `run_sweep` maps. Invariant: everything is checked before the first trial runs, and
what was interrupted and goes on later ends in the same trials and figures as what never stopped.
"""

from __future__ import annotations

import copy
import functools
import math
import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from arena.backtest.sweep.axes import STRATEGY
from arena.backtest.sweep.checkpoint import Keep, Keeper, daily_folder
from arena.backtest.sweep.engines import Engine, choose_engine
from arena.backtest.sweep.grid import Grid
from arena.backtest.sweep.result import Pieces, SweepResult, let_go, new_daily, new_figures
from arena.backtest.sweep.run import load_sweep_market, open_desk, run_rows
from arena.backtest.sweep.sampling import draw_grid
from arena.backtest.sweep.work import Progress
from arena.config.base import validate
from arena.config.models import BacktestConfig, EngineConfig
from arena.config.sweep import SweepConfig
from arena.core.bars import IntArray
from arena.core.errors import ConfigError, DataError
from arena.strategies import StrategySpec, get_strategy, parse_params

Values = dict[str, Any]

DAILY_BYTES = 40_000_000
"""Daily returns that stay in memory, a batch; more of them are mapped."""

MAPPED_BYTES = 8_000_000
"""Of mapped ones, how much is written before it is let go."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Trials that share a market and a strategy.

    `choices` tell it from the others; `values` is the composed config that `config` was validated from,
    its group `sweep` included; `grid` holds the trials to run.
    """

    choices: dict[str, str]
    values: Values
    config: BacktestConfig
    grid: Grid

    @property
    def sweep(self) -> SweepConfig:
        """How trials are drawn."""
        if self.config.sweep is None:
            raise ConfigError("a batch without the group sweep: choose sweep=NAME")
        return self.config.sweep

    @property
    def is_led(self) -> bool:
        """Whether trials are proposed as it goes: then `grid` holds the first of them only."""
        return self.sweep.method == "optuna"

    @property
    def trials(self) -> int:
        """Trials that are asked for."""
        return self.sweep.trials or 0 if self.is_led else len(self.grid)

    def trial(self, row: int) -> Values:
        """Return what the axes say in `row` of the grid, as plain numbers."""
        return {name: values[0].item() for name, values in self.grid.axes.columns(np.array([row])).items()}

    def single(self, row: int) -> Values:
        """Return the composed config of a single run of `row`."""
        values = copy.deepcopy(self.values)
        values.pop("sweep", None)
        for name, value in self.trial(row).items():
            group, _, key = name.rpartition(".")
            (values[group] if group else values)[key] = value
        return values


@dataclass(frozen=True, eq=False)
class Study:
    """What is to be run; the axes are the same in every batch."""

    batches: tuple[Batch, ...]

    @property
    def trials(self) -> int:
        """Trials of all batches."""
        return sum(batch.trials for batch in self.batches)

    @property
    def dropped(self) -> int:
        """Combinations that no run would accept."""
        return sum(sum(batch.grid.dropped.values()) for batch in self.batches)

    @property
    def sweep(self) -> SweepConfig:
        """How trials are drawn: the same way in every batch."""
        return self.batches[0].sweep


@dataclass(frozen=True, eq=False)
class Earlier:
    """Trials of one batch that an interrupted or killed sweep has left: rows of the grid and what came out.

    `journal` is the study of what was proposed, where trials were; of a killed one, `journal_bytes` of it
    are whole.
    """

    rows: IntArray
    figures: dict[str, NDArray[Any]]
    daily_returns: NDArray[np.float32] | Pieces
    dataset_hash: str
    journal: Path | None = None
    journal_bytes: int | None = None

    @property
    def pieces(self) -> Pieces:
        """The daily returns of `rows`."""
        found = self.daily_returns
        return found if isinstance(found, Pieces) else Pieces(((found, np.arange(len(found))),))


@dataclass(frozen=True, eq=False)
class StudyResult:
    """What came out: one result a batch that was begun, in order."""

    study: Study
    results: tuple[SweepResult, ...]
    interrupted: bool

    @property
    def done(self) -> int:
        """Trials that were run."""
        return sum(int(np.count_nonzero(result.done)) for result in self.results)

    def ranked(self, count: int) -> list[tuple[int, int]]:
        """Return batch and trial of the `count` best by the objective; undefined ones come last."""
        return self._places(count)[:count]

    def firsts(self) -> list[tuple[int, int]]:
        """Return batch and trial of the best of each batch, the best of all first."""
        return self._places(1)

    def _places(self, count: int) -> list[tuple[int, int]]:
        places: list[tuple[float, int, int]] = []
        for at, result in enumerate(self.results):
            trials = np.flatnonzero(result.done)
            score = -result.figures[self.study.sweep.objective][trials].astype(np.float64)
            order = np.lexsort((result.grid.rows[trials], score))[:count]
            found = zip(score[order].tolist(), trials[order].tolist(), strict=True)
            places += [(value, at, trial) for value, trial in found]
        places.sort(key=lambda place: (math.isnan(place[0]), place[0], place[1]))
        return [(at, trial) for _, at, trial in places]


def plan_batch(choices: Mapping[str, str], values: Values) -> Batch:
    """Return a batch over the composed `values`, every value of every axis checked.

    Raises:
        ConfigError: a key, an axis or a value is not allowed, or nothing is left to run.
    """
    config = validate(BacktestConfig, values)
    if config.sweep is None:
        raise ConfigError("there is nothing to sweep: give an axis, like strategy.fast=range(5,30)")
    spec = get_strategy(config.strategy.name)
    _check_fixed(spec, config.strategy.params)
    grid = draw_grid(config, config.sweep)
    if len(grid):
        first = {name: column[0].item() for name, column in grid.axes.columns(grid.rows[:1]).items()}
        chosen = {key.removeprefix(STRATEGY): one for key, one in first.items() if key.startswith(STRATEGY)}
        parse_params(spec, {**config.strategy.params, **chosen})
    return Batch(dict(choices), values, config, grid)


def _check_fixed(spec: StrategySpec[Any], params: Values) -> None:
    """Refuse a parameter that no combination could run with; what is at odds with an axis may pass."""
    try:
        spec.params.model_validate(params)
    except ValidationError as error:
        if any(entry["loc"] for entry in error.errors(include_url=False)):
            parse_params(spec, params)  # raises with sentences


def run_study(
    study: Study,
    folder: Path,
    *,
    progress: Progress | None = None,
    earlier: Mapping[int, Earlier] | None = None,
    keeper: Keeper | None = None,
) -> StudyResult:
    """Run what `earlier` does not have; Ctrl-C ends with what is done.

    Args:
        study: the batches.
        folder: where daily returns are mapped if they are many.
        progress: told the trials done and their total.
        earlier: trials of an interrupted sweep, by batch.
        keeper: told the trials as they are done, and closed.

    Raises:
        DataError: the market is not the one of the interrupted sweep, or not fit.
        KeyboardInterrupt: somebody asked to stop before a trial was done.
    """
    results: list[SweepResult] = []
    interrupted = False
    total, before = study.trials, 0
    if len(study.batches) > 1:  # what is missing is said before the first trial, not after a thousand
        for batch in study.batches:
            load_sweep_market(batch.config, batch.grid)
    try:
        with nullcontext() if keeper is None else closing(keeper):
            for at, batch in enumerate(study.batches):
                tell = None if progress is None else _shifted(progress, before, total)
                known = (earlier or {}).get(at)
                result = _run_batch(batch, at, daily_folder(folder, at), tell, known, keeper)
                results.append(result)
                before += batch.trials
                if result.interrupted:
                    interrupted = True
                    break
    except KeyboardInterrupt:
        interrupted = True
    found = StudyResult(study, tuple(results), interrupted)
    if interrupted and not found.done:
        raise KeyboardInterrupt
    return found


def _run_batch(
    batch: Batch,
    number: int,
    folder: Path,
    progress: Progress | None,
    earlier: Earlier | None,
    keeper: Keeper | None,
) -> SweepResult:
    if batch.is_led:
        mark = None if keeper is None else functools.partial(keeper.journal, number)
        return _run_led(batch, folder, progress, earlier, mark)
    opened = None if keeper is None else functools.partial(keeper.trials, number)
    if earlier is None:
        return _run_grid(batch, batch.grid, folder, progress, opened)
    rows = batch.grid.rows
    missing = rows[~np.isin(rows, earlier.rows)]
    # with none missing, one that is known tells whether the market is still the same
    again = Grid(batch.grid.axes, missing if len(missing) else rows[:1], {})
    tell = None if progress is None else _shifted(progress, len(rows) - len(again), None)
    rest = _run_grid(batch, again, folder, tell, opened, earlier.dataset_hash)
    return _joined(batch.grid, earlier, rest, folder / "joined")


def _run_led(
    batch: Batch,
    folder: Path,
    progress: Progress | None,
    earlier: Earlier | None,
    mark: Callable[[Path], None] | None,
) -> SweepResult:
    """Have the trials proposed; what the journal of an interrupted study has, is proposed again."""
    from arena.backtest.sweep.study_optuna import JOURNAL, run_optuna

    if earlier is not None and earlier.journal is not None:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(earlier.journal, folder / JOURNAL)
        if earlier.journal_bytes is not None:
            os.truncate(folder / JOURNAL, earlier.journal_bytes)
    asked = batch.config.engine
    # where trials run is no part of what the journal is a study of
    config = batch.config.model_copy(update={"resume": None, "engine": EngineConfig()})
    engine: str | Engine = asked.name
    if asked.name == "ray":
        from arena.backtest.sweep.ray_engine import RayCluster

        engine = RayCluster(asked.address)
    return run_optuna(
        config,
        batch.sweep,
        folder,
        engine=engine,
        threads=asked.workers,
        progress=progress,
        daily_bytes=DAILY_BYTES,
        mark=mark,
    )


def _run_grid(
    batch: Batch,
    grid: Grid,
    folder: Path,
    progress: Progress | None,
    opened: Callable[[IntArray, NDArray[np.float32], str], Keep] | None,
    known_hash: str | None = None,
) -> SweepResult:
    """Run the rows of `grid`; of mapped daily returns only some stay in memory."""
    began = time.perf_counter()
    market = load_sweep_market(batch.config, grid)
    if known_hash is not None and known_hash != market.dataset_hash:
        raise DataError(
            f"the market has changed since the sweep was interrupted (data set {known_hash[:12]} "
            f"then, {market.dataset_hash[:12]} now): start the sweep anew"
        )
    read = time.perf_counter()
    desk = open_desk(batch.config, grid, market)
    seconds = {"read": read - began, "prepare": time.perf_counter() - read}
    daily = new_daily(len(grid), len(desk.day_ends), DAILY_BYTES, folder)
    at_once = max(1, MAPPED_BYTES // max(1, 4 * daily.shape[1]))
    freed = 0

    def tell(done: int, total: int) -> None:
        nonlocal freed
        if done - freed >= at_once:
            let_go(daily)
            freed = done
        if progress is not None:
            progress(done, total)

    asked = batch.config.engine
    workers = asked.workers or os.cpu_count() or 1
    rows = grid.rows[np.argsort(desk.signal_keys(grid.rows))]
    engine = choose_engine(asked.name, workers, desk, rows, asked.address)
    keep = None if opened is None else opened(grid.rows, daily, market.dataset_hash)
    result = run_rows(
        desk, grid, daily, engine=engine, workers=workers, progress=tell, seconds=seconds, keep=keep
    )
    let_go(daily)
    return replace(result, engine=engine.name, workers=engine.workers)


def _joined(grid: Grid, earlier: Earlier, rest: SweepResult, folder: Path) -> SweepResult:
    """Return one result over the whole grid, from what was left and what was run now."""
    figures, done = new_figures(len(grid)), np.zeros(len(grid), np.bool_)
    daily = new_daily(len(grid), rest.daily_returns.shape[1], DAILY_BYTES, folder)
    order = np.argsort(grid.rows, kind="stable")
    ran = np.flatnonzero(rest.done)
    now = {name: values[ran] for name, values in rest.figures.items()}
    for rows, given, returns in (
        (rest.grid.rows[ran], now, Pieces(((rest.daily_returns, ran),))),
        (earlier.rows, earlier.figures, earlier.pieces),
    ):
        at = order[np.searchsorted(grid.rows, rows, sorter=order)]
        for name, values in given.items():
            figures[name][at] = values
        returns.copy_to(daily, at)
        done[at] = True
    return SweepResult(
        grid=grid,
        figures=figures,
        daily_returns=daily,
        day_ts=rest.day_ts,
        done=done,
        interrupted=rest.interrupted,
        dataset_hash=rest.dataset_hash,
        seconds=rest.seconds,
        engine=rest.engine,
        workers=rest.workers,
        earlier=int(np.count_nonzero(done)) - len(ran),
    )


def _shifted(progress: Progress, before: int, total: int | None) -> Progress:
    return lambda done, of: progress(before + done, before + of if total is None else total)
