"""Engines of a ledger: how SQLite and PostgreSQL are opened for writing and for reading.

Knows no table. Invariant: a SQLite ledger is written, checkpointed and closed under its write
lock alone, and a reader's connection cannot write.
"""

import sqlite3
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event

from arena.core.errors import ConfigError
from arena.store.ledger.address import LedgerAddress
from arena.store.ledger.faults import ledger_faults
from arena.store.ledger.write_lock import WriteLock

_BUSY_TIMEOUT_MS = 5000
_DURABLE = "ledger_durable"


class LedgerConnection:
    """The writing side of one ledger: transactions one at a time."""

    def __init__(
        self, address: LedgerAddress, *, lock_timeout_s: float = 30.0, foreign_keys: bool = True
    ) -> None:
        self.address = address
        self.lock = WriteLock(address.path, lock_timeout_s) if address.path is not None else None
        self._engine = writing_engine(address, foreign_keys=foreign_keys)
        # Left open at exit, SQLite would fold its WAL back outside of the lock.
        self._closing = weakref.finalize(self, _close, address, self._engine, self.lock)

    @property
    def is_sqlite(self) -> bool:
        """Whether the ledger is a SQLite file."""
        return self.address.path is not None

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[Connection]:
        """Open one transaction; it is committed at the end of the block, or not at all.

        Args:
            durable: the commit is on disk when the block ends (SQLite: synchronous=FULL), so that
                not even a loss of power takes it back.

        Raises:
            DataError: the database refused, is damaged, cannot be reached, or is locked.
        """
        lock = self.lock.held() if self.lock else nullcontext()
        with (
            lock,
            ledger_faults(self.address),
            self._engine.connect().execution_options(**{_DURABLE: durable}) as connection,
            connection.begin(),
        ):
            yield connection

    def close(self) -> None:
        """Close the connections; SQLite folds its WAL back into the file, which is a write."""
        self._closing()


def _close(address: LedgerAddress, engine: Engine, lock: WriteLock | None) -> None:
    with lock.held() if lock else nullcontext(), ledger_faults(address):
        engine.dispose()


def writing_engine(address: LedgerAddress, *, foreign_keys: bool = True) -> Engine:
    """Return an engine that may write; SQLite: the caller holds the write lock.

    Args:
        address: where the ledger is.
        foreign_keys: SQLite checks them. Off for a migration alone: it makes tables anew, and to
            drop the old one would take the rows that refer to it along.
    """
    if address.path is None:
        return _postgresql_engine(address)
    path = address.path

    def connect() -> sqlite3.Connection:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = _connect_sqlite(str(path))
        opened.execute("PRAGMA journal_mode=WAL")
        opened.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
        opened.execute("PRAGMA synchronous=NORMAL")
        return opened

    engine = _sqlite_engine(connect)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def reading_engine(address: LedgerAddress) -> Engine:
    """Return an engine that can only read, and waits for no writer."""
    if address.path is None:
        return _postgresql_engine(address).execution_options(postgresql_readonly=True)
    uri = f"{address.path.absolute().as_uri()}?mode=ro"

    def connect() -> sqlite3.Connection:
        opened = _connect_sqlite(uri)
        opened.execute("PRAGMA query_only=ON")
        return opened

    return _sqlite_engine(connect)


def connect_for_check(path: Path) -> sqlite3.Connection:
    """Return a bare connection to an existing SQLite file."""
    return _connect_sqlite(str(path))


def _connect_sqlite(target: str) -> sqlite3.Connection:
    opened = sqlite3.connect(
        target,
        uri=target.startswith("file:"),
        timeout=_BUSY_TIMEOUT_MS / 1000,
        isolation_level=None,  # transactions begin and end where we say
        check_same_thread=False,  # the pool hands a connection to one thread at a time
    )
    opened.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
    return opened


def _sqlite_engine(connect: Callable[[], sqlite3.Connection]) -> Engine:
    return create_engine("sqlite+pysqlite://", creator=connect, poolclass=QueuePool, hide_parameters=True)


def _begin_immediate(connection: Connection) -> None:
    durable = connection.get_execution_options().get(_DURABLE, False)
    connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _postgresql_engine(address: LedgerAddress) -> Engine:
    options: dict[str, Any] = {"connect_timeout": 10} if "connect_timeout" not in address.url.query else {}
    try:
        return create_engine(address.url, connect_args=options, pool_pre_ping=True, hide_parameters=True)
    except ImportError as error:
        message = "DATABASE_URL names PostgreSQL, whose driver is not installed"
        raise ConfigError(f"{message}: pip install 'alpha-arena[postgres]'") from error
