"""One writer at a time on one partition: by a lock file, or by the ledger's database.

Knows names and holders, nothing of what is written. Invariant: a lock ends with the process or the
session that holds it, so a dead writer blocks nobody.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from arena.core.errors import DataError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from arena.store.ledger.address import LedgerAddress

Check = Callable[[], None]
"""Raises a `DataError` when the lock is not held any more."""

_FILE_POLL_S = 0.005
_SESSION_POLL_S = 0.05
_LONGEST_NAME = 63  # bytes that PostgreSQL keeps of an application_name

_HELD = (
    "FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND ((l.classid::bigint << 32) | l.objid::bigint) = :key AND l.objsubid = 1"
)
_MINE = f"SELECT count(*) {_HELD} AND l.pid = pg_backend_pid()"
_HOLDER = f"SELECT a.application_name FROM pg_stat_activity a WHERE a.pid IN (SELECT l.pid {_HELD})"  # noqa: S608


@contextmanager
def file_lock(path: Path, *, holder: str, timeout_s: float) -> Iterator[None]:
    """Hold the lock file `path`.

    Raises:
        DataError: another writer held it for `timeout_s`; the message names it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _acquire_file(descriptor, path, timeout_s)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}, {holder}".encode(), 0)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def ledger_lock(url: str, resource: str, *, holder: str, timeout_s: float) -> Iterator[Check]:
    """Hold the lock of `resource` among all writers that share the ledger at `url`.

    On PostgreSQL an advisory lock of the session, on SQLite a lock file beside the ledger.

    Raises:
        ConfigError: the URL cannot be used.
        DataError: another writer held it for `timeout_s`, or the database cannot be reached.
    """
    from arena.store.ledger.address import read_address

    address = read_address(url)
    key = int.from_bytes(hashlib.blake2b(resource.encode(), digest_size=8).digest(), "big", signed=True)
    if address.path is None:
        with _session_lock(address, key, resource, holder, timeout_s) as check:
            yield check
        return
    address.path.parent.mkdir(parents=True, exist_ok=True)
    lock_path = address.path.with_name(f".{address.path.name}.{key & (1 << 64) - 1:016x}.lock")
    with file_lock(lock_path, holder=f"{holder} ({resource})", timeout_s=timeout_s):
        yield lambda: None


@contextmanager
def _session_lock(
    address: LedgerAddress, key: int, resource: str, holder: str, timeout_s: float
) -> Iterator[Check]:
    from arena.store.ledger.connection import writing_engine
    from arena.store.ledger.faults import ledger_faults

    engine = writing_engine(address)
    try:
        with (
            ledger_faults(address),
            engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
        ):
            _acquire_session(connection, key, resource, holder, timeout_s)
            yield lambda: _check_session(connection, address, key, resource)
    finally:
        engine.dispose()  # ends the session, and the lock with it


def _acquire_session(connection: Connection, key: int, resource: str, holder: str, timeout_s: float) -> None:
    from sqlalchemy import text

    name = f"process {os.getpid()} of {os.uname().nodename}, {holder}".encode()[:_LONGEST_NAME]
    named = {"name": name.decode(errors="ignore")}
    connection.execute(text("SELECT set_config('application_name', :name, false)"), named)
    deadline = time.monotonic() + timeout_s
    while not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar():
        if time.monotonic() >= deadline:
            found = connection.execute(text(_HOLDER), {"key": key}).scalar() or "an unnamed session"
            raise _held(resource, timeout_s, found)
        time.sleep(_SESSION_POLL_S)


def _check_session(connection: Connection, address: LedgerAddress, key: int, resource: str) -> None:
    """Ask for the lock and not only for an answer: a new session answers, too, and holds nothing."""
    from sqlalchemy import text

    from arena.store.ledger.faults import ledger_faults

    with ledger_faults(address):
        held = connection.execute(text(_MINE), {"key": key}).scalar()
    if not held:
        raise DataError(
            f"the lock of {resource} in ledger {address.shown} was lost before the write: stored rows are "
            "as they were; write again"
        )


def _acquire_file(descriptor: int, path: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                found = os.pread(descriptor, 200, 0).decode(errors="replace") or "an unnamed process"
                raise _held(str(path), timeout_s, found) from None
            time.sleep(_FILE_POLL_S)
        else:
            return


def _held(what: str, timeout_s: float, found: str) -> DataError:
    return DataError(
        f"{what} has been held for {timeout_s:g} s by {found}: "
        "wait until that writer ends, or stop it, and run again"
    )
