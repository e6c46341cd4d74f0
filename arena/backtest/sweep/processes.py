"""Trials over processes: for strategies whose signals are plain Python, which threads would take in turns.

The market is written once to a file that every worker maps, so memory does not grow with workers.
Invariant: a worker runs the same code on the same arrays as a thread, so figures are equal bit for bit.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import pickle
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from arena.backtest.sweep.engines import CHUNK, Done
from arena.backtest.sweep.statistics import Part
from arena.backtest.sweep.work import Bench, Desk, Into
from arena.core.bars import IntArray
from arena.core.errors import ArenaError

ALIGNED = 64
CHUNK_S = 0.5
"""What a chunk should take: short enough for Ctrl-C and progress, long beside handing it over."""

GROWTH = 4


@dataclass(frozen=True, slots=True)
class Parcel:
    """A desk on its way to a worker: its pickle without the arrays, and where in a file those lie."""

    head: bytes
    path: str
    spans: tuple[tuple[int, int], ...]

    def unpack(self) -> Desk:
        """Return the desk; its arrays are the file's pages, private once written to."""
        if not any(end > begin for begin, end in self.spans):
            return _loaded(self.head, [b""] * len(self.spans))
        with Path(self.path).open("rb") as file:
            pages = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        return _loaded(self.head, [pages[begin:end] for begin, end in self.spans])


@dataclass(frozen=True, slots=True)
class Processes:
    """Processes of this machine."""

    workers: int
    name: str = "processes"

    def run(self, desk: Desk, rows: IntArray, chunk: int | None = None, _into: Into | None = None) -> Done:
        """Yield the chunks of `rows` as they are done.

        Raises:
            ArenaError: a worker died.
        """
        with parcel_of(desk) as parcel, _pool(min(self.workers, len(rows)), parcel) as pool:
            waiting: dict[Future[tuple[Part, float]], IntArray] = {}
            start, size = 0, chunk or 1
            while start < len(rows) or waiting:
                while start < len(rows) and len(waiting) < 2 * self.workers:
                    at = np.arange(start, min(start + size, len(rows)), dtype=np.int64)
                    waiting[pool.submit(_run, rows[at])] = at
                    start += len(at)
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    at = waiting.pop(future)
                    part, seconds = _result(future)
                    if chunk is None:
                        wanted = len(at) * CHUNK_S / max(seconds, 1e-9)
                        size = int(min(max(wanted, 1), GROWTH * len(at), CHUNK))
                    yield at, part


@contextmanager
def parcel_of(desk: Desk) -> Iterator[Parcel]:
    """Yield `desk` as a parcel; its file is removed at the end."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(desk, protocol=5, buffer_callback=buffers.append)
    with tempfile.NamedTemporaryFile(prefix="arena-sweep-") as file:
        spans = []
        for buffer in buffers:
            file.write(b"\0" * (-file.tell() % ALIGNED))
            begin = file.tell()
            file.write(buffer.raw())
            spans.append((begin, file.tell()))
        file.flush()
        yield Parcel(head, file.name, tuple(spans))


@contextmanager
def _pool(workers: int, parcel: Parcel) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool whose workers begin clean: a fork of a process with threads may hang."""
    clean = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context: Any = multiprocessing.get_context(clean)
    if clean == "forkserver":
        context.set_forkserver_preload(["arena.engine.trials", __name__])
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_take_seat, initargs=(parcel,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _result(future: Future[tuple[Part, float]]) -> tuple[Part, float]:
    try:
        return future.result()
    except BrokenProcessPool:
        raise ArenaError(
            "a worker process of the sweep died, for want of memory or by a signal: run with fewer workers"
        ) from None


class _Seat:
    """What a worker process keeps from one chunk to the next."""

    parcel: Parcel | None = None
    desk: Desk | None = None
    bench: Bench | None = None


def _take_seat(parcel: Parcel) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    _Seat.parcel = parcel
    threading.Thread(target=_leave_with_parent, args=(parcel.path,), daemon=True).start()


def _leave_with_parent(path: str) -> None:
    """End this process when its parent was killed: it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        Path(path).unlink(missing_ok=True)
        os._exit(1)


def _run(rows: IntArray) -> tuple[Part, float]:
    if _Seat.desk is None or _Seat.bench is None:
        if _Seat.parcel is None:
            raise ArenaError("a worker without a desk")
        _Seat.desk = _Seat.parcel.unpack()
        _Seat.bench = _Seat.desk.bench()
    began = time.perf_counter()
    return _Seat.desk.run(rows, _Seat.bench), time.perf_counter() - began


def _loaded(head: bytes, buffers: list[Any]) -> Desk:
    desk = pickle.loads(head, buffers=buffers)  # noqa: S301 - our own, from our own parent
    if not isinstance(desk, Desk):
        raise ArenaError("the parcel holds no desk")
    return desk
