"""Trials over a Ray cluster: the same chunks as elsewhere, on as many machines as there are.

The only module that knows Ray, which is imported with the first run. Invariant: a worker runs the same
code, of the same versions, on the same arrays as a thread, so figures are equal bit for bit; a chunk
whose worker is lost is run again somewhere else.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import platform
import re
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any
from uuid import uuid4

import numpy as np

import arena
from arena.backtest.sweep.engines import Done
from arena.backtest.sweep.statistics import Part
from arena.backtest.sweep.work import Desk, Into
from arena.core.bars import IntArray
from arena.core.errors import ArenaError, ConfigError
from arena.core.interrupts import uncut

AUTO = "auto"
CHUNK_S = 0.5
"""What a chunk should take: short enough for progress and for what a lost worker costs."""

FIRST_CHUNK, LARGEST_CHUNK, GROWTH = 16, 8192, 4
CHUNKS_AHEAD = 2
"""Chunks handed over for each worker, so that none waits for the next."""

MAX_RETRIES = 5
"""How often a chunk is run again after it lost its worker; one that kills each worker has to end."""

CONNECT_TIMEOUT_S = 5.0

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}")

Packed = tuple[str, bytes, list[Any]]
"""Name of a desk, its pickle without the arrays, and the arrays."""


class RayCluster:
    """Workers of a Ray cluster, one trial at a time on each of its processors.

    Args:
        address: HOST:PORT of a running cluster; `auto` for the one running on this machine, else one that
            is started here.

    Attributes:
        chunks_by_node: how many chunks each node has answered.

    Raises:
        ConfigError: the address is neither.
    """

    name = "ray"

    def __init__(self, address: str = AUTO) -> None:
        if address != AUTO and not _ADDRESS.fullmatch(address):
            raise ConfigError(f"engine.address='{address}' is no cluster: write auto, or HOST:PORT")
        self.address = address
        self.chunks_by_node: Counter[str] = Counter()
        self._sent: tuple[Desk, Any] | None = None
        self._connected = False

    @property
    def workers(self) -> int:
        """Trials that run at once: the processors of the nodes that are alive now."""
        return max(1, int(self._ray().cluster_resources().get("CPU", 1)))

    def run(self, desk: Desk, rows: IntArray, chunk: int | None = None, _into: Into | None = None) -> Done:
        """Yield the chunks of `rows` as they are done.

        Raises:
            ConfigError: Ray is not installed, or no cluster is at the address.
            ArenaError: the workers have other versions, or a chunk lost its worker again and again.
        """
        ray = self._ray()
        sent = self._send(desk)
        task = ray.remote(num_cpus=1, max_retries=MAX_RETRIES)(run_chunk)
        expected = versions()
        waiting: dict[Any, IntArray] = {}
        start, size = 0, chunk or FIRST_CHUNK
        try:
            while start < len(rows) or waiting:
                room = CHUNKS_AHEAD * self.workers if start < len(rows) else 0
                while start < len(rows) and len(waiting) < room:
                    at = np.arange(start, min(start + size, len(rows)), dtype=np.int64)
                    waiting[task.remote(sent, rows[at], expected)] = at
                    start += len(at)
                for reference in ray.wait(list(waiting), num_returns=1)[0]:
                    with _worker_faults(ray):
                        part, seconds, node = ray.get(reference)
                    at = waiting.pop(reference)
                    self.chunks_by_node[node] += 1
                    if chunk is None:
                        wanted = len(at) * CHUNK_S / max(seconds, 1e-9)
                        size = int(min(max(wanted, 1), GROWTH * len(at), LARGEST_CHUNK))
                    yield at, part
        finally:
            for reference in waiting:
                ray.cancel(reference, force=False)

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        self._sent = None
        if self._connected:
            self._connected = False
            self._ray_module().shutdown()

    def _send(self, desk: Desk) -> Any:
        """Put the desk into the object store, once for all chunks of all runs over it."""
        if self._sent is None or self._sent[0] is not desk:
            self._sent = (desk, self._ray().put(pack(desk)))
        return self._sent[1]

    def _ray(self) -> Any:
        """Return Ray, connected."""
        ray = self._ray_module()
        if not ray.is_initialized():
            _connect(ray, self.address)
            self._connected = True
        return ray

    @staticmethod
    def _ray_module() -> Any:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError:
            raise ConfigError(
                "engine=ray needs Ray: pip install 'alpha-arena[ray]', or use engine=auto"
            ) from None
        return ray


def pack(desk: Desk) -> Packed:
    """Return `desk` as a name, a pickle and its arrays, which the object store shares between workers."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(desk, protocol=5, buffer_callback=buffers.append)
    return uuid4().hex, head, [np.frombuffer(buffer.raw(), np.uint8) for buffer in buffers]


def unpack(packed: Packed) -> Desk:
    """Return the desk over the memory of `packed`, which has to outlive it.

    Stored arrays come back read-only, and compiled kernels know writable ones only; a copy a worker
    would cost each machine its memory many times over. So a writable view is laid over the same bytes:
    the kernels only read them, as the threads of one process do.
    """
    desk = pickle.loads(packed[1], buffers=[_view(array) for array in packed[2]])  # noqa: S301 - our own
    if not isinstance(desk, Desk):
        raise ArenaError("the object store holds no desk under this name")
    return desk


def versions() -> dict[str, str]:
    """Return what has to be equal on all machines for results to be equal."""
    libraries = {name: version(name) for name in ("numba", "numpy", "polars")}
    return {"arena": arena.__version__, "python": platform.python_version(), **libraries}


def run_chunk(packed: Packed, rows: IntArray, expected: dict[str, str]) -> tuple[Part, float, str]:
    """Run rows of a desk in a worker; return what came out, the seconds it took and the node."""
    import ray

    found = versions()
    wrong = [
        f"{name} {found[name]} instead of {wanted}"
        for name, wanted in expected.items()
        if found[name] != wanted
    ]
    if wrong:
        raise ConfigError(f"a worker has {', '.join(wrong)}: install the same versions on all nodes")
    # a worker outlives a cancelled chunk: cut off in an import it would have half a module from then on
    with uncut():
        seat = _Seat.of(packed)
        began = time.perf_counter()
        part = seat.desk.run(rows, seat.bench)
        seconds = time.perf_counter() - began
    return part, seconds, ray.get_runtime_context().get_node_id()


class _Seat:
    """What a worker process keeps from one chunk to the next."""

    current: _Seat | None = None

    def __init__(self, packed: Packed) -> None:
        self.packed = packed  # holds the memory that the desk's arrays lie in
        self.desk = unpack(packed)
        self.bench = self.desk.bench()

    @classmethod
    def of(cls, packed: Packed) -> _Seat:
        if cls.current is None or cls.current.packed[0] != packed[0]:
            cls.current = None  # let go of the last one first
            cls.current = cls(packed)
        return cls.current


def _view(array: Any) -> memoryview:
    if not array.nbytes:
        return memoryview(bytearray())
    return memoryview((ctypes.c_ubyte * array.nbytes).from_address(array.ctypes.data)).cast("B")


def _connect(ray: Any, address: str) -> None:
    quiet = {"logging_level": "ERROR", "log_to_driver": False}
    if address != AUTO:
        _knock(address)  # Ray itself tries for minutes
    ending = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        if address != AUTO:
            raise _no_cluster(address, error) from error
        # a cluster of this machine alone: without this its servers listen on every network it is in
        ray._private.ray_constants.ENABLE_RAY_CLUSTER = False  # noqa: SLF001 - else an environment variable
        ray.init(include_dashboard=False, **quiet)
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, ending)  # Ray puts its own there, and a job has one already


def _knock(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT_S).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, error) from None


def _no_cluster(address: str, error: BaseException) -> ConfigError:
    return ConfigError(
        f"engine.address={address}: no Ray cluster answers there ({_first_line(error)}): start one with "
        "ray start --head, or use engine.address=auto"
    )


@contextmanager
def _worker_faults(ray: Any) -> Iterator[None]:
    """Raise what a worker raised, and a sentence where the workers themselves were lost."""
    faults = ray.exceptions
    try:
        yield
    except faults.RayTaskError as error:
        raise getattr(error, "cause", error) from None
    except (
        faults.WorkerCrashedError,
        faults.NodeDiedError,
        faults.ObjectLostError,
        faults.OutOfMemoryError,
    ) as error:
        raise ArenaError(
            f"a chunk of the sweep lost its worker {MAX_RETRIES + 1} times ({_first_line(error)}): give the "
            "nodes more memory, or run with fewer trials at once"
        ) from error


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
