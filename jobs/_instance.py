"""One scheduled instance of a job at a time on one store.

A file says who runs and when it last gave a sign of life, and is locked by the system while it does.
Invariant: the lock ends with the process, so what a dead instance leaves behind blocks nobody.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from arena.core.clock import Clock, to_iso, wall_clock
from arena.core.errors import ConfigError

BEAT_S = 5.0
_SILENT_MS = 60_000


@dataclass(frozen=True, slots=True)
class Owner:
    """Who runs: process and machine, since when, and its last sign of life, UTC ms."""

    pid: int
    host: str
    since_ms: int
    alive_ms: int


@contextmanager
def only_instance(
    path: Path, what: str, *, clock: Clock = wall_clock, beat_s: float = BEAT_S, host: str | None = None
) -> Iterator[Owner | None]:
    """Be the one instance while the block runs; yields the dead owner that was taken over from.

    Raises:
        ConfigError: another instance runs, or the file cannot be written.
    """
    here = host or os.uname().nodename
    descriptor = _open(path)
    try:
        before = _read(descriptor)
        locked = _try_lock(descriptor)
        # a lock of the system does not always reach another machine: there its sign of life counts
        elsewhere = before is not None and before.host != here and clock() - before.alive_ms < _SILENT_MS
        if not locked or elsewhere:
            raise _taken(what, path, before, clock())
        with _beating(descriptor, Owner(os.getpid(), here, clock(), clock()), clock, beat_s):
            yield before
        os.ftruncate(descriptor, 0)  # a clean end leaves no owner behind
    finally:
        os.close(descriptor)


@contextmanager
def _beating(descriptor: int, owner: Owner, clock: Clock, beat_s: float) -> Iterator[None]:
    """Give a sign of life now and every `beat_s` seconds."""
    ended = threading.Event()

    def beat() -> None:
        while True:
            _write(descriptor, Owner(owner.pid, owner.host, owner.since_ms, clock()))
            if ended.wait(beat_s):
                return

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ConfigError(f"the lock file {path} cannot be opened ({error.strerror})") from error


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(descriptor: int) -> Owner | None:
    try:
        return Owner(**json.loads(os.pread(descriptor, 1_000, 0)))
    except (ValueError, TypeError):
        return None


def _write(descriptor: int, owner: Owner) -> None:
    text = json.dumps(asdict(owner)).encode()
    os.pwrite(descriptor, text.ljust(200), 0)  # one length: a reader never sees the end of a longer one


def _taken(what: str, path: Path, owner: Owner | None, now_ms: int) -> ConfigError:
    who = "another process"
    if owner is not None:
        ago = max(0, now_ms - owner.alive_ms) // 1000
        since = to_iso(owner.since_ms // 1000 * 1000)
        who = f"process {owner.pid} of {owner.host}, since {since}, alive {ago} s ago"
    return ConfigError(f"{what} is running already ({who}; {path}): stop that one first")
