"""A sweep that Optuna leads: it proposes trials in batches, they run as any others, it is told the objective.

The study is a journal in the sweep's folder, so that what was interrupted goes on. Invariant: each batch
is proposed by a sampler seeded with the seed and the trials before it, so that a sweep that was interrupted
and went on proposes what one that never stopped would have.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from arena.backtest.sweep.axes import Axes
from arena.backtest.sweep.engines import Engine
from arena.backtest.sweep.grid import Grid, drop_rows
from arena.backtest.sweep.result import SweepResult, new_daily, new_figures
from arena.backtest.sweep.run import DAILY_BYTES, day_starts, load_sweep_market, open_desk, run_rows
from arena.backtest.sweep.sampling import draw_grid
from arena.backtest.sweep.work import Desk, Progress
from arena.config.models import BacktestConfig
from arena.config.sweep import SweepConfig
from arena.core.bars import IntArray
from arena.core.errors import ConfigError
from arena.core.interrupts import uncut

if TYPE_CHECKING:
    import optuna

JOURNAL = "optuna.log"
STUDY = "sweep"
SPACE = "space"
STARTUP = 10
"""Trials that were told before the sampler learns from them."""

REPEATED = "proposed again: its figures are known"


def run_optuna(
    config: BacktestConfig,
    sweep: SweepConfig,
    folder: Path,
    *,
    engine: str | Engine = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
    daily_bytes: int = DAILY_BYTES,
    mark: Callable[[Path], None] | None = None,
) -> SweepResult:
    """Run `sweep.trials` trials over `config` as Optuna proposes them; go on with the study in `folder`.

    The first batch is a Latin hypercube. Trials that were told before are run again for their figures,
    which the study does not hold. Ctrl-C ends with what is done; the same call goes on.
    `mark` is told the journal whenever a batch was proposed and none of it told: a study goes on from there
    as if it had never stopped.

    Raises:
        ConfigError: optuna is not installed, an axis is not allowed, or the study in `folder` is another's.
        DataError: bars are missing, too few, or a cost is not known and must be.
    """
    _require_optuna()
    clock = [time.perf_counter()]
    grid = draw_grid(config, sweep)
    clock.append(time.perf_counter())
    market = load_sweep_market(config, grid)
    clock.append(time.perf_counter())
    desk = open_desk(config, grid, market)
    clock.append(time.perf_counter())
    workers = (os.cpu_count() or 1) if threads is None else threads
    spent = dict(zip(("check", "read", "prepare"), np.diff(clock).tolist(), strict=True))
    led = _Led(config, sweep, desk, engine, workers, seconds={**spent, "run": 0.0})
    study = _open_study(folder, sweep, desk)
    trials = sweep.trials or 0
    led.daily = new_daily(trials, len(desk.day_ends), daily_bytes, folder)
    led.figures = new_figures(trials)
    told = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    led.run(_rows(grid.axes, [trial.params for trial in told]))
    if not told and not study.get_trials(deepcopy=False):
        with uncut():
            for row in grid.rows:
                study.enqueue_trial(_places(grid.axes, int(row)))
    journal, whole = folder / JOURNAL, None
    try:
        while not led.interrupted and len(told) < trials:
            whole = journal.stat().st_size
            asked = _ask(study, sweep, grid.axes, min(sweep.batch, trials - len(told)))
            whole = None
            if mark is not None:
                mark(journal)
            rows = _rows(grid.axes, [trial.params for trial in asked])
            led.run(rows)
            told += led.tell(study, asked, rows)
            if progress is not None:
                progress(len(told), trials)
    except KeyboardInterrupt:
        led.interrupted = True
        if whole is not None:  # half a batch was proposed: it is proposed again, all of it
            os.truncate(journal, whole)
    return led.result()


@dataclass(eq=False)
class _Led:
    """What has been run so far: each distinct row once, in the order proposed."""

    config: BacktestConfig
    sweep: SweepConfig
    desk: Desk
    engine: str | Engine
    workers: int
    figures: dict[str, NDArray[Any]] = field(default_factory=dict)
    daily: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    places: dict[int, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    invalid: set[int] = field(default_factory=set)
    seconds: dict[str, float] = field(default_factory=dict)
    ran_on: tuple[str, int] = ("threads", 1)
    interrupted: bool = False

    def run(self, rows: IntArray) -> None:
        """Run those of `rows` that are valid and not known yet."""
        axes = self.desk.axes
        valid, dropped = drop_rows(self.config, self.desk.spec, axes, rows)
        self.invalid |= set(rows.tolist()) - set(valid.tolist())
        new = [row for row in dict.fromkeys(valid.tolist()) if row not in self.places]
        repeated = len(valid) - len(new)
        for reason, count in (*dropped.items(), *([(REPEATED, repeated)] if repeated else [])):
            self.dropped[reason] = self.dropped.get(reason, 0) + count
        if not new:
            return
        grid = Grid(axes, np.array(new, np.int64), {})
        daily = np.full((len(new), self.daily.shape[1]), np.nan, np.float32)
        found = run_rows(self.desk, grid, daily, engine=self.engine, workers=self.workers, seconds={})
        begin, ran = len(self.places), np.flatnonzero(found.done)
        end = begin + len(ran)
        for name, values in found.figures.items():
            self.figures[name][begin:end] = values[ran]
        self.daily[begin:end] = found.daily_returns[ran]
        self.places.update({new[trial]: begin + at for at, trial in enumerate(ran.tolist())})
        self.seconds["run"] += found.seconds["run"]
        self.interrupted = found.interrupted
        self.ran_on = (found.engine, found.workers)

    def tell(self, study: optuna.Study, asked: Sequence[Any], rows: IntArray) -> list[Any]:
        """Tell the objective of the trials that were run; one that is invalid or undefined is pruned."""
        from optuna.trial import TrialState

        told = []
        for trial, row in zip(asked, rows.tolist(), strict=True):
            if row not in self.places and row not in self.invalid:
                continue  # interrupted before: it stays open for the next call
            value = math.nan
            if row in self.places:
                value = float(self.figures[self.sweep.objective][self.places[row]])
            with uncut():
                if math.isnan(value):
                    study.tell(trial.number, state=TrialState.PRUNED)
                else:
                    study.tell(trial.number, value)
            told.append(trial)
        return told

    def result(self) -> SweepResult:
        """Return what was run as a sweep over the rows proposed."""
        count = len(self.places)
        return SweepResult(
            grid=Grid(self.desk.axes, np.array(list(self.places), np.int64), self.dropped),
            figures={name: values[:count] for name, values in self.figures.items()},
            daily_returns=self.daily[:count],
            day_ts=day_starts(self.desk),
            done=np.ones(count, np.bool_),
            interrupted=self.interrupted,
            dataset_hash=self.desk.market.dataset_hash,
            seconds=self.seconds,
            engine=self.ran_on[0],
            workers=self.ran_on[1],
        )


def _require_optuna() -> None:
    try:
        import optuna
    except ImportError:
        raise ConfigError(
            "sweep.method=optuna needs the package optuna: pip install 'alpha-arena[optuna]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def _open_study(folder: Path, sweep: SweepConfig, desk: Desk) -> optuna.Study:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    folder.mkdir(parents=True, exist_ok=True)
    storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    with uncut():
        study = optuna.create_study(
            storage=storage, study_name=STUDY, direction="maximize", load_if_exists=True
        )
    space = _space(sweep, desk)
    if study.user_attrs.get(SPACE, space) != space:
        raise ConfigError(
            f"{JOURNAL} in {folder.name} is the study of another sweep or other data: "
            "give the same axes, objective, seed and window, or start anew"
        )
    with uncut():
        study.set_user_attr(SPACE, space)
    return study


def _space(sweep: SweepConfig, desk: Desk) -> str:
    """Return what a study belongs to; more trials may be asked of it later."""
    told = sweep.model_copy(update={"trials": None}).model_dump_json()
    digest = hashlib.sha256(told.encode())
    digest.update(
        desk.config.model_dump_json(exclude={"name", "store", "reports", "report", "sweep"}).encode()
    )
    digest.update(desk.market.dataset_hash.encode())
    return digest.hexdigest()


def _ask(study: optuna.Study, sweep: SweepConfig, axes: Axes, count: int) -> list[Any]:
    """Return trials left open by an interrupt, else `count` new ones."""
    import optuna
    from optuna.distributions import IntDistribution
    from optuna.trial import TrialState

    left = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    if left:
        return list(left)
    before = len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))
    seed = int(np.random.SeedSequence([sweep.seed, before]).generate_state(1)[0])
    study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP)
    # positions on the axis, not values: neighbours stay neighbours, however the values are spread
    space: dict[str, Any] = {
        name: IntDistribution(0, size - 1) for name, size in zip(axes.names, axes.shape, strict=True)
    }
    asked = []
    for _ in range(count):
        with uncut():  # cut off while it holds the journal's lock, Optuna fails over that instead of ending
            asked.append(study.ask(space))
    return asked


def _places(axes: Axes, row: int) -> dict[str, int]:
    found = axes.positions(np.array([row], np.int64))
    return {name: int(at[0]) for name, at in zip(axes.names, found, strict=True)}


def _rows(axes: Axes, proposed: Sequence[dict[str, Any]]) -> IntArray:
    rows = np.zeros(len(proposed), np.int64)
    for name, size in zip(axes.names, axes.shape, strict=True):
        rows = rows * size + np.array([int(places[name]) for places in proposed], np.int64)
    return rows
