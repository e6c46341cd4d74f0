"""Where the trials of a sweep run: a small protocol, threads, and which engine suits a strategy.

Knows no rule of trading. Invariant: an engine decides where and when a trial runs, never what comes out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Protocol

import numpy as np

from arena.backtest.sweep.statistics import Part
from arena.backtest.sweep.work import Bench, Desk, Into
from arena.core.bars import IntArray
from arena.core.errors import ConfigError, unknown_name

CHUNK = 1536
CHUNK_BARS = 30_000_000
"""A thread is handed at most so many trials at once, or trials of about so many bars: a tenth of a second."""

PARTS_A_WORKER = 4
"""Chunks a thread gets of a sweep at least, so that none waits long for the last of the others."""

ALONE_BARS = 200_000
"""As CHUNK_BARS, where each trial is a run of its own."""

PROCESSES_PAY_S = 3.0
"""Signals that take longer than this in all are worth the start of processes."""

ENGINES = ("auto", "threads", "processes", "ray")

Done = Generator[tuple[IntArray, Part]]
"""Chunks as they are finished: positions among the rows handed in, and what came out."""


class Engine(Protocol):
    """Runs rows of a desk's grid somewhere.

    `run` takes rows in the order of their signals, a chunk of them at a time (its own size where None),
    and yields each chunk once, in any order. An engine of this process writes daily returns to `into` at
    once, if that is given, and yields none. It stops what it started when the generator is closed, and
    leaves a KeyboardInterrupt to the caller.
    """

    @property
    def name(self) -> str:
        """Name in config and records."""
        ...

    @property
    def workers(self) -> int:
        """Trials that run at once."""
        ...

    def run(self, desk: Desk, rows: IntArray, chunk: int | None = None, into: Into | None = None) -> Done:
        """Yield the chunks of `rows` as they are done."""
        ...


@dataclass(frozen=True, slots=True)
class Threads:
    """Threads of this process: for kernels, which run beside each other."""

    workers: int
    name: str = "threads"

    def run(self, desk: Desk, rows: IntArray, chunk: int | None = None, into: Into | None = None) -> Done:
        """Yield the chunks of `rows` as they are done."""
        size = chunk or _chunk(len(rows), desk, self.workers)
        chunks = (
            np.arange(start, min(start + size, len(rows)), dtype=np.int64)
            for start in range(0, len(rows), size)
        )
        if self.workers == 1:
            bench = desk.bench()
            for at in chunks:
                yield at, desk.run(rows[at], bench, _places(into, at))
            return
        free: SimpleQueue[Bench] = SimpleQueue()
        for _ in range(self.workers):
            free.put(desk.bench())

        def work(at: IntArray) -> Part:
            bench = free.get()
            try:
                return desk.run(rows[at], bench, _places(into, at))
            finally:
                free.put(bench)

        waiting: dict[Future[Part], IntArray] = {}
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="sweep")
        try:
            for at in chunks:
                waiting[pool.submit(work, at)] = at
                if len(waiting) >= 2 * self.workers:
                    yield from _finished(waiting)
            while waiting:
                yield from _finished(waiting)
        finally:
            pool.shutdown(cancel_futures=True)


def _places(into: Into | None, at: IntArray) -> Into | None:
    return None if into is None else (into[0], into[1][at])


def _chunk(trials: int, desk: Desk, workers: int) -> int:
    """Return how many trials a thread is handed at once: whole groups of those that are compared together."""
    from arena.engine.crosses import SIDE_BY_SIDE

    bars = len(desk.market.bars)
    if desk.alone is not None:
        return max(1, ALONE_BARS // max(bars, 1))
    share = -(-trials // (workers * PARTS_A_WORKER)) if workers > 1 else trials
    wanted = max(min(share, CHUNK_BARS // max(bars, 1)), SIDE_BY_SIDE)
    return min(CHUNK, wanted - wanted % SIDE_BY_SIDE)


def choose_engine(
    wanted: str | Engine, workers: int, desk: Desk, rows: IntArray, address: str = "auto"
) -> Engine:
    """Return the engine called `wanted`; `auto` is threads, or processes where Python takes long.

    A batch form runs in kernels that hold no lock, so threads do. Without one each signal is the
    strategy's own Python, as is most of a trial that is a run of its own, and one thread at a time may run
    that: once all of it takes longer than processes take to start, those are quicker. Ray is only used
    when asked for; its cluster is at `address` and has as many workers as it has processors.

    Raises:
        ConfigError: there is no such engine, or less than one worker.
    """
    if not isinstance(wanted, str):
        return wanted
    if workers < 1:
        raise ConfigError(f"workers={workers} must be at least 1")
    if wanted not in ENGINES:
        raise ConfigError(unknown_name("engine", wanted, ENGINES))
    if wanted == "ray":
        from arena.backtest.sweep.ray_engine import RayCluster

        return RayCluster(address)
    if wanted == "threads":
        return Threads(workers)
    if wanted == "auto" and not _python_is_slow(workers, desk, rows):
        return Threads(workers if desk.alone is None else 1)  # two would take turns, and open bars twice
    from arena.backtest.sweep.processes import Processes

    return Processes(workers)


def _python_is_slow(workers: int, desk: Desk, rows: IntArray) -> bool:
    if workers == 1 or desk.batch is not None or not len(rows):
        return False
    work: Callable[[IntArray, Bench], object] = desk.decide
    times = 1 + int(np.count_nonzero(np.diff(desk.signal_keys(rows))))
    if desk.alone is not None:
        work, times = desk.run, len(rows)
    bench = desk.bench()
    for _ in range(2):  # the first call may compile or import
        began = time.perf_counter()
        work(rows[:1], bench)
        if times * (time.perf_counter() - began) < PROCESSES_PAY_S:
            return False
    return True


def _finished(waiting: dict[Future[Part], IntArray]) -> Iterator[tuple[IntArray, Part]]:
    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
        yield waiting.pop(future), future.result()
