"""What a job gets beside its config, and what makes two configs the same.

Opens nothing before it is asked for. Invariant: two configs that compute the same from the same
data have one hash, whatever the run is called and wherever it reads and writes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from logging import Logger
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arena.config.models import JobConfig
from arena.core.clock import Clock
from arena.core.errors import ArenaError
from arena.core.ids import content_hash
from jobs._progress import progress_of

if TYPE_CHECKING:
    from arena.store.ledger import Ledger

_NOT_IDENTITY = frozenset(
    {"name", "validate_only", "store", "reports", "report", "resume", "engine", "schedule"}
)
"""Keys that change what a run is called, where it reads or what it leaves behind, not what it computes.

Which data was read is told by the data set's own hash.
"""


@dataclass(frozen=True)
class JobContext:
    """What a job gets beside its config.

    `created_ms` is the time that the run id tells, UTC ms;
    `identity` is the part of the config that decides what is computed; `config_hash` is its hash.
    Files go into `folder`, which is called `final_folder` once the run is whole.
    """

    job: str
    run_id: str
    created_ms: int
    config_hash: str
    identity: dict[str, Any]
    config: dict[str, Any]
    command: str
    folder: Path
    final_folder: Path
    ledger_url: str
    log: Logger
    clock: Clock
    started: float
    last_steps: list[Callable[[], None]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)
    findings: list[ArenaError] = field(default_factory=list)

    @functools.cached_property
    def ledger(self) -> Ledger:
        """The ledger, opened at the first use."""
        from arena.store.ledger import open_ledger

        return open_ledger(self.ledger_url)

    def at_end(self, step: Callable[[], None]) -> None:
        """Have `step` done when the job's main has returned, where Ctrl-C no longer cuts in."""
        self.last_steps.append(step)

    def show(self, text: str) -> None:
        """Print `text` for the user when the run can be seen under its final name."""
        self.shown.append(text)

    def find(self, problem: ArenaError | None) -> None:
        """Have the run, whole as it is, end with `problem`: told after what is shown, and its exit code."""
        if problem is not None:
            self.findings.append(problem)

    def stopped(self, message: str) -> None:
        """Have the run end as interrupted, but keep what it has; `message` says what that is."""
        self.stops.append(message)

    def progress(self, label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show how far the block is, a bar on a terminal and a line now and then elsewhere.

        Yields `update(done)`.
        """
        return progress_of(label, total, self.log)


def identity_of(config: JobConfig) -> dict[str, Any]:
    """Return the part of `config` that decides what is computed, its numbers in one spelling."""
    values = config.model_dump(mode="json")
    for key in ("sweep", "as_of"):
        if values.get(key) is None:
            values.pop(key, None)
    return {key: _one_spelling(value) for key, value in values.items() if key not in _NOT_IDENTITY}


def hash_of(config: JobConfig) -> str:
    """Return the hash that configs which compute the same have in common."""
    return content_hash(identity_of(config))


def as_yaml(values: dict[str, Any]) -> str:
    """Return a composed config as YAML."""
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.create(values))


def rerunnable(job: str, text: str, base: str = "house") -> str:
    """Return a config as the text of a primary config that gives the same run again.

    What it does not hold comes from the primary config `base`.
    """
    return (
        f"# to run it again: python -m jobs.{job} --config-dir THIS_FOLDER --config-name config\n"
        f"defaults:\n  - {base}\n  - _self_\n{text}"
    )


def _one_spelling(value: Any) -> Any:
    """Return `value` with whole floats as integers: 3 and 3.0 ask for the same."""
    if isinstance(value, dict):
        return {key: _one_spelling(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_one_spelling(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
