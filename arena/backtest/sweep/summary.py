"""From the trials of a study to its record: the best of each batch run once more as a single run.

Writes nothing. Invariant: every figure of the record is a trial's own, and the single run of the best trial
has to agree with it or the record says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from arena.backtest.judge import PastTrials
from arena.backtest.ledger_rows import backtest_record, count_trials
from arena.backtest.result import BacktestResult, RunArrays, RunInfo
from arena.backtest.run import RunIdentity, run_backtest
from arena.backtest.sweep.judge import dispersion_of, judge_sweep, sweep_trials
from arena.backtest.sweep.record import SweepAxis, SweepBatch, SweepRecord, SweepTiming, SweepTrial
from arena.backtest.sweep.study import Study, StudyResult, Values
from arena.backtest.verdict import Verdict
from arena.config.base import validate
from arena.config.models import BacktestConfig
from arena.core.clock import to_iso
from arena.core.ids import content_hash
from arena.store.ledger import BacktestRecord, Ledger

BEST_FOLDER = "best"
MOST_BEST = 20
_AGREE = ("sharpe", "total_return", "max_drawdown")


@dataclass(frozen=True, eq=False)
class BestRun:
    """The best trial of a batch as a single run; `values` is its composed config."""

    batch: int
    trial: int
    values: Values
    result: BacktestResult
    arrays: RunArrays
    past: PastTrials | None = None


@dataclass(frozen=True, eq=False)
class Conclusion:
    """What there is to write and to say of a sweep; `best` holds one run a batch, the best of all first."""

    found: StudyResult
    record: SweepRecord
    best: list[BestRun]


Count = Callable[[int, BacktestResult], PastTrials]
"""Counts the trials of a batch, of which the result is one, and says what else was tried on its data."""


def conclude(
    found: StudyResult,
    identity: RunIdentity,
    hash_of: Callable[[BacktestConfig], str],
    count: Count | None = None,
    *,
    notes: Sequence[str] = (),
) -> Conclusion:
    """Count the trials, run the best ones alone, judge the best of all, and return the record of it.

    Ctrl-C on the way ends it as interrupted, without a verdict: every trial that was run is kept. An
    interrupted search is not judged either, it is not the search that was asked for.

    Args:
        found: the trials, at least one of them done.
        identity: run id, time, command and config hash of the sweep.
        hash_of: the config hash of a single run.
        count: asked about each batch; None: nothing is counted.
        notes: what else a reader has to know.
    """
    began = time.perf_counter()
    verdict = None
    seconds: dict[str, float] = {}
    best: list[BestRun] = []
    try:
        best = run_best(found, identity, hash_of, count)
        seconds["best"] = time.perf_counter() - began
        if not found.interrupted:
            verdict = judge_best(found, best[0])
            seconds["verdict"] = time.perf_counter() - began - seconds["best"]
    except KeyboardInterrupt:  # it is raised once: what follows is not cut short
        found = replace(found, interrupted=True)
        best = best or run_best(found, identity, hash_of, count)
    record = sweep_record(found, best, verdict, identity, seconds=seconds, notes=list(notes))
    return Conclusion(found, record, best)


def run_best(
    found: StudyResult,
    identity: RunIdentity,
    hash_of: Callable[[BacktestConfig], str],
    count: Count | None,
) -> list[BestRun]:
    """Run the best trial of each batch alone, that of all first in the list but last in time.

    So it is judged when the trials of every batch are counted.
    """
    places = found.firsts()
    runs = [
        _run_alone(found, at, trial, identity, hash_of, count, judged=place == 0)
        for place, (at, trial) in reversed(list(enumerate(places)))
    ]
    return runs[::-1]


def count_in(ledger: Ledger, found: StudyResult, identity: RunIdentity) -> Count:
    """Return what counts the trials of a sweep in `ledger`."""

    def count(at: int, result: BacktestResult) -> PastTrials:
        record = sweep_trials(
            found.study.batches[at].config,
            found.results[at],
            result.market,
            synthetic=result.synthetic,
            config_hash=identity.config_hash,
            run_id=identity.run_id,
            created_ms=identity.created_ms,
            batch=at,
        )
        return count_trials(ledger, record)

    return count


def judge_best(found: StudyResult, best: BestRun) -> Verdict | None:
    """Return what the statistics say of the best trial: the one place where a sweep is judged."""
    config = found.study.batches[best.batch].config
    if not config.report.honesty:
        return None
    return judge_sweep(
        config,
        found.results[best.batch],
        best.trial,
        None if best.past is None else best.past.history,
        seed=config.seed,
        best=(best.result, best.arrays),
        unlocks=None if best.past is None else best.past.unlocks,
    )


def sweep_record(
    found: StudyResult,
    best: list[BestRun],
    verdict: Verdict | None,
    identity: RunIdentity,
    *,
    seconds: dict[str, float],
    notes: list[str],
) -> SweepRecord:
    """Return the record of what came out.

    Args:
        found: the trials.
        best: `run_best` of them, the best of all first.
        verdict: what the statistics say of that one.
        identity: run id, time, command and config hash of the sweep.
        seconds: time spent beside that of the trials.
        notes: what else a reader has to know.
    """
    winner = best[0].result
    runs = {one.batch: one.result for one in best}
    spent = _spent(found) | seconds
    ran = found.done - sum(result.earlier for result in found.results)
    config = found.study.batches[0].config
    return SweepRecord(
        synthetic=any(one.result.synthetic for one in best),
        run=RunInfo(
            run_id=identity.run_id,
            job="backtest",
            name=config.name,
            created_at=to_iso(identity.created_ms),
            command=identity.command,
        ),
        method=found.study.sweep.method,
        objective=found.study.sweep.objective,
        axes=_axes(found.study),
        batches=[_batch(found, at, runs[at]) for at in sorted(runs)],
        interrupted=found.interrupted,
        best=[_trial(found, at, trial) for at, trial in found.ranked(MOST_BEST)],
        best_run_folder=BEST_FOLDER,
        verdict=verdict,
        timing=SweepTiming(
            engine=found.results[0].engine,
            workers=found.results[0].workers,
            seconds=spent,
            trials_per_second=ran / spent["run"] if spent["run"] > 0 else 0.0,
        ),
        provenance=winner.provenance.model_copy(update={"config_hash": identity.config_hash}),
        warnings=_warnings(found, best, notes),
    )


def ledger_rows(
    end: Conclusion, identity: RunIdentity, identity_of: Callable[[BacktestConfig], dict[str, Any]]
) -> list[BacktestRecord]:
    """Return a row a batch: its best trial's figures, how many trials it stands for and their variance."""
    rows, found = [], end.found
    for place, one in enumerate(end.best):
        config, result = found.study.batches[one.batch].config, found.results[one.batch]
        whole, spread = identity_of(config), dispersion_of(config, result)
        changed = replace(
            backtest_record(one.result, one.arrays, whole),
            run_id=identity.run_id if place == 0 else f"{identity.run_id}-{one.batch}",
            job_run_id=identity.run_id,
            config_hash=content_hash(whole),
            trial_count=int(np.count_nonzero(result.done)),
            sharpe_variance=spread.variance if spread.count > 1 else None,
        )
        rows.append(changed)
    return rows


def _run_alone(
    found: StudyResult,
    at: int,
    trial: int,
    identity: RunIdentity,
    hash_of: Callable[[BacktestConfig], str],
    count: Count | None,
    *,
    judged: bool,
) -> BestRun:
    batch, result = found.study.batches[at], found.results[at]
    values = batch.single(int(result.grid.rows[trial]))
    config = validate(BacktestConfig, values)
    own = replace(identity, config_hash=hash_of(config))
    known: list[PastTrials] = []

    def past(run: BacktestResult) -> PastTrials:
        known.append(count(at, run))  # type: ignore[misc]
        return known[0]

    if not judged:
        config = config.model_copy(update={"report": config.report.model_copy(update={"honesty": False})})
    run, arrays = run_backtest(config, own, past=None if count is None else past)
    return BestRun(at, trial, values, run, arrays, known[0] if known else None)


def _axes(study: Study) -> list[SweepAxis]:
    first = study.batches[0]
    axes = [
        SweepAxis(name=name, values=values.tolist(), structural=False)
        for name, values in zip(first.grid.axes.names, first.grid.axes.values, strict=True)
    ]
    for name in first.choices:
        choices = list(dict.fromkeys(batch.choices[name] for batch in study.batches))
        axes.append(SweepAxis(name=name, values=choices, structural=True))
    return axes


def _batch(found: StudyResult, at: int, run: BacktestResult) -> SweepBatch:
    batch, result = found.study.batches[at], found.results[at]
    trials = batch.trials if result.interrupted else len(result)
    return SweepBatch(
        index=at,
        choices=batch.choices,
        strategy=run.strategy.name,
        market=run.market,
        dataset_hash=result.dataset_hash,
        combinations=trials + sum(result.grid.dropped.values()),
        dropped=result.grid.dropped,
        trials=trials,
        done=int(np.count_nonzero(result.done)),
        days=len(result.day_ts),
    )


def _trial(found: StudyResult, at: int, trial: int) -> SweepTrial:
    result = found.results[at]
    row = int(result.grid.rows[trial])
    figures = {name: float(values[trial]) for name, values in result.figures.items()}
    return SweepTrial(
        batch=at,
        trial=row,
        params=found.study.batches[at].trial(row),
        figures={name: None if np.isnan(value) else value for name, value in figures.items()},
    )


def _spent(found: StudyResult) -> dict[str, float]:
    spent = dict.fromkeys(("read", "prepare", "run"), 0.0)
    for result in found.results:
        for step, seconds in result.seconds.items():
            spent[step] = spent.get(step, 0.0) + seconds
    return spent


def _warnings(found: StudyResult, best: list[BestRun], notes: list[str]) -> list[str]:
    where: dict[str, list[int]] = {}
    for one in best:
        for text in one.result.warnings:
            where.setdefault(text, []).append(one.batch)
    said = [
        text if len(batches) == len(best) or text.startswith("SYNTHETIC") else f"{_label(found, at)}: {text}"
        for text, batches in where.items()
        for at in batches[: 1 if len(batches) == len(best) else None]
    ]
    for one in best:
        said += _disagreements(found, one)
    if found.interrupted:
        missing = found.study.trials - found.done
        of = f"{missing:,} of {found.study.trials:,} trials were not run, and " if missing else ""
        said.append(f"Interrupted: {of}nothing was judged.")
    return [*dict.fromkeys(said), *notes]


def _label(found: StudyResult, at: int) -> str:
    return " ".join(f"{key}={value}" for key, value in found.study.batches[at].choices.items())


def _disagreements(found: StudyResult, one: BestRun) -> list[str]:
    """Return a sentence a figure that the single run has otherwise: there is none, or there is a bug."""
    figures = found.results[one.batch].figures
    alone = {metric.name: metric.value for metric in one.result.primary}
    texts = []
    for name in _AGREE:
        swept, single = float(figures[name][one.trial]), alone[name]
        if (single is None) != bool(np.isnan(swept)) or (single is not None and single != swept):
            texts.append(f"A bug: {name} of the best trial is {swept!r} in the sweep and {single!r} alone.")
    return texts
