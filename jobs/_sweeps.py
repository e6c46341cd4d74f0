"""From what a user asks to sweep to a study, and from that to a run: axes of `-m`, `sweep`, or `resume`.

Writes nothing but by `run_asked`. Invariant: a study that exists can be run; whatever is wrong with it ends
in sentences before there is a folder.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arena.core.errors import ConfigError
from arena.core.ids import resume_command
from jobs._context import as_yaml, hash_of, identity_of, rerunnable
from jobs._staging import take_up

if TYPE_CHECKING:
    from arena.backtest.sweep.study import Study
    from jobs._context import JobContext

Values = dict[str, Any]

_ONCE = frozenset({"sweep", "resume", "reports", "engine"})
_WITH_RESUME = frozenset({"resume", "reports", "store", "report", "name", "validate_only", "engine"})
"""Groups and keys that do not change what is computed: `resume` takes them from its own command line."""


@dataclass(frozen=True)
class Asked:
    """Composed configs of the batches with the choices that tell them apart, `sweep` filled in.

    `texts` are the overrides of `-m` as typed; empty where the sweep is all in the config.
    """

    batches: list[tuple[Mapping[str, str], Values]]
    texts: Mapping[str, str] = field(default_factory=dict)

    def study(self) -> Study:
        """Return the study, every value of every axis checked.

        Raises:
            ConfigError: what is wrong, and in which batch.
        """
        from arena.backtest.sweep.study import Batch, Study, plan_batch

        planned: list[Batch] = []
        problems: dict[str, list[str]] = {}
        for choices, values in self.batches:
            try:
                planned.append(plan_batch(choices, values))
            except ConfigError as error:
                for line in str(error).splitlines():
                    problems.setdefault(line, []).append(_label(choices))
        if problems:
            raise ConfigError("\n".join(self._told(line, where) for line, where in problems.items()))
        return Study(tuple(planned))

    def _told(self, problem: str, batches: list[str]) -> str:
        """Return a problem with the first batch that has it, if not all have."""
        text = problem.removeprefix("sweep.axes.") if self.texts else problem
        return text if len(batches) == len(self.batches) else f"{batches[0]}{text}"

    def rerunnable(self, job: str) -> str:
        """Return a config.yaml that gives the same sweep again.

        Batches that differ in more than numbers are composed anew from the choices in `conf`.
        """
        if len(self.batches) == 1:
            return rerunnable(job, as_yaml(self.batches[0][1] | {"resume": None}))
        hydra = {"mode": "MULTIRUN", "sweeper": {"params": dict(self.texts)}}
        return rerunnable(job, as_yaml({"hydra": hydra}), base=job)


def can_vary(key: str) -> bool:
    """Whether numbers under `key` can be columns of one batch: the account's and strategies' numbers."""
    from arena.backtest.sweep.axes import ACCOUNT_AXES, STRATEGY
    from arena.strategies import get_strategy, strategy_names

    if not key.startswith(STRATEGY):
        return key in ACCOUNT_AXES
    name = key.removeprefix(STRATEGY)
    specs = [get_strategy(strategy) for strategy in strategy_names()]
    kinds = [spec.params.model_fields[name].annotation for spec in specs if name in spec.params.model_fields]
    return all(kind in {int, float} for kind in kinds)


def from_command_line(
    batches: Sequence[tuple[Mapping[str, str], Values]],
    axes: Mapping[str, Sequence[float]],
    texts: Mapping[str, str],
) -> Asked:
    """Return what `-m` asks for: the axes as numbers beside those of the group `sweep`, if there are.

    Raises:
        ConfigError: batches of which not all can be one sweep.
    """
    for choices, _ in batches:
        for key in choices:
            if key.split(".")[0] in _ONCE:
                raise ConfigError(f"{key} cannot vary within a sweep: give it one value")
    if any(values.get("resume") is not None for _, values in batches):
        raise ConfigError("resume goes on with a sweep as it was: leave -m and the axes out")
    return Asked([(choices, _with_axes(values, axes)) for choices, values in batches], texts)


def from_config(values: Values, arguments: Sequence[str], job: str) -> Asked:
    """Return what the config itself asks for: its group `sweep`, or the run that `resume` names.

    Raises:
        ConfigError: there is no such run, or it is given more than where to read and write.
    """
    wanted = values.get("resume")
    if wanted is None:
        return Asked([({}, values)])
    from arena.reporting.sweep_folder import read_plan

    given = [word for word in arguments if "=" in word and not word.startswith("-")]
    groups = {word: word.lstrip("+").partition("=")[0].split(".")[0] for word in given}
    more = [word for word, group in groups.items() if group not in _WITH_RESUME]
    if more:
        raise ConfigError(f"resume goes on with a sweep as it was: leave {' '.join(more)} out")
    folder = run_folder(str(wanted), Path(str(values["reports"]["root"])) / job)
    kept = {key: values[key] for key in ("validate_only", "reports", "resume")}
    kept |= {key: values[key] for key in ("store", "report", "name", "engine") if key in groups.values()}
    resumed = kept | {"resume": str(folder)}
    return Asked([(choices, {**planned, **resumed}) for choices, planned in read_plan(folder).batches])


def run_folder(run: str, parent: Path) -> Path:
    """Return the folder of a run given by its id or by its path, that of a killed one included.

    Raises:
        ConfigError: there is neither, or a killed one has kept nothing.
    """
    for folder in (parent / run, Path(run)):
        found = take_up(folder)
        if found is not None:
            return found.resolve()
    raise ConfigError(f"resume={run}: there is no such run in {parent}, and no such folder")


def identity_of_sweep(study: Study) -> dict[str, Any]:
    """Return what decides what a sweep computes."""
    return {"sweep": [identity_of(batch.config) for batch in study.batches]}


def _with_axes(values: Values, axes: Mapping[str, Sequence[float]]) -> Values:
    """Return `values` with the axes in its group `sweep`; without one and without axes, one trial."""
    group = dict(values.get("sweep") or {})
    known = dict(group.get("axes") or {})
    named = {name: {"values": list(numbers)} for name, numbers in axes.items()}
    if not known and not named:
        named = {"leverage": {"values": [values["leverage"]]}}
    return {**values, "sweep": {**group, "axes": {**known, **named}}}


def _label(choices: Mapping[str, str]) -> str:
    return f"[{' '.join(f'{key}={value}' for key, value in choices.items())}] " if choices else ""


def run_asked(study: Study, context: JobContext) -> float | None:
    """Run the trials, write one folder and the rows in the ledger, print the best; return its objective."""
    from arena.backtest.run import RunIdentity
    from arena.backtest.sweep.checkpoint import Keeper
    from arena.backtest.sweep.study import run_study
    from arena.backtest.sweep.summary import conclude, count_in, ledger_rows
    from arena.reporting.sweep_console import sweep_headline
    from arena.reporting.sweep_folder import resume_from, seal_sweep, write_sweep

    config = study.batches[0].config
    identity = RunIdentity(context.run_id, context.created_ms, context.command, context.config_hash)
    earlier, notes = resume_from(config.resume, study)
    keeper = Keeper(context.folder, study, earlier=config.resume, warn=context.log.warning)
    with context.progress("trials", study.trials) as update:
        found = run_study(
            study, context.folder, progress=lambda done, _total: update(done), earlier=earlier, keeper=keeper
        )
    count = count_in(context.ledger, found, identity)
    end = conclude(found, identity, hash_of, count, notes=notes)
    text = rerunnable("backtest", as_yaml(end.best[0].values))
    context.at_end(lambda: write_sweep(context.folder, end, best_config=text, html=config.report.html))
    for row in ledger_rows(end, identity, identity_of):
        context.at_end(functools.partial(context.ledger.record_backtest, row))
    context.at_end(lambda: seal_sweep(context.folder, end.record))
    if end.found.interrupted:
        kept = f"{end.found.done:,} of {study.trials:,} trials are kept"
        context.stopped(f"{kept}; to go on: {resume_command(context.final_folder)}")
    context.show(sweep_headline(end.record, context.final_folder, html=config.report.html))
    return end.record.best[0].figures[end.record.objective]
