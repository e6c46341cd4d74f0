"""Take times fairly: contestants in turn, round after round, so that a busy machine is busy for all.

Invariant: the first call of each contestant is not counted (compilation, caches, first touch of memory).
"""

from __future__ import annotations

import gc
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Job = Callable[[], object]

SHORTEST_S = 0.01
"""A call that is quicker is repeated until a round takes about this long; the round counts its mean."""

MOST_REPEATS = 200


@dataclass(frozen=True, slots=True)
class Sample:
    """What the rounds of one contestant came to, in the caller's unit."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)

    def scaled(self, factor: float) -> Sample:
        """Return the sample in another unit."""
        return Sample(tuple(value * factor for value in self.values))

    def over(self, other: Sample) -> Sample:
        """Return the ratio to `other`, round by round: both sides of a ratio saw the same machine."""
        return Sample(tuple(a / b for a, b in zip(self.values, other.values, strict=True)))


def rotation(jobs: Sequence[Job]) -> Job:
    """Return a job that does another of `jobs` at each call.

    A processor learns the branches of 20,000 bars by heart when it meets them often enough, and an engine
    then seems nearly twice as quick as it is on bars that it sees for the first time.
    """
    turn = itertools.cycle(jobs)

    def job() -> object:
        return next(turn)()

    return job


def take_turns(jobs: dict[str, Job], rounds: int, *, repeat: bool = True) -> dict[str, Sample]:
    """Return the seconds of each job: A B C, A B C, ..., the garbage collector off meanwhile.

    Args:
        jobs: contestants by name.
        rounds: turns of each.
        repeat: whether a quick job may be called several times a turn; else once, as writes want it.
    """
    repeats = {}
    for name, job in jobs.items():
        job()
        repeats[name] = _repeats(_seconds(job, 1)) if repeat else 1
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            taken[name].append(_seconds(job, repeats[name]))
    return {name: Sample(tuple(values)) for name, values in taken.items()}


def _repeats(seconds: float) -> int:
    return min(MOST_REPEATS, max(1, round(SHORTEST_S / max(seconds, 1e-9))))


def _seconds(job: Job, repeats: int) -> float:
    gc.collect()
    gc.disable()
    try:
        begin = time.perf_counter()
        for _ in range(repeats):
            job()
        return (time.perf_counter() - begin) / repeats
    finally:
        gc.enable()
