"""Bring a ledger to a schema revision, and say at which one it is.

The one module that imports Alembic. Invariant: a migration is one transaction under the write
lock; stopped anywhere, the ledger is at the old revision or at the new one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from arena.core.clock import Clock, wall_clock
from arena.core.errors import DataError
from arena.store.ledger.address import DEFAULT_URL, LedgerAddress, read_address
from arena.store.ledger.connection import LedgerConnection, reading_engine
from arena.store.ledger.faults import ledger_faults
from arena.store.ledger.revision import HEAD_REVISION, REVISIONS
from arena.store.ledger.soundness import check_file, require_head, stored_revision

_LOCK_KEY = 0x616C656D  # any constant: keeps two PostgreSQL clients from migrating at once


def migrate(url: str = DEFAULT_URL, *, clock: Clock = wall_clock) -> tuple[str | None, str]:
    """Bring the ledger at `url` to the newest revision, making it where there is none.

    Returns:
        The revision before (None for an empty database) and after.

    Raises:
        ConfigError: the URL cannot be used.
        DataError: the ledger is damaged, locked, unreachable, newer than this code or no ledger.
    """
    address = read_address(url)
    connection = LedgerConnection(address, foreign_keys=False)
    try:
        if connection.lock:
            with connection.lock.held():
                check_file(address, clock(), "full")
        with _migrating(connection) as transaction:
            before = stored_revision(transaction)
            if before is not None and before not in REVISIONS:
                require_head(address, before)
            if before != HEAD_REVISION:
                command.upgrade(alembic_config(transaction), "head")
                _require_whole_references(address, connection, transaction)
            after = stored_revision(transaction)
    finally:
        connection.close()
    if after is None:
        raise DataError(f"ledger {address.shown}: the migration left no revision behind")
    return before, after


def current_revision(url: str = DEFAULT_URL) -> str | None:
    """Return the revision of the ledger at `url`, None where there is none.

    Raises:
        ConfigError: the URL cannot be used.
        DataError: the database cannot be reached, or holds something else.
    """
    address = read_address(url)
    if address.path is not None and not address.path.exists():
        return None
    engine = reading_engine(address)
    try:
        with ledger_faults(address), engine.connect() as connection:
            return stored_revision(connection)
    finally:
        engine.dispose()


def alembic_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for this package's scripts, without any ini file."""
    config = Config()
    folder = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _require_whole_references(
    address: LedgerAddress, connection: LedgerConnection, transaction: Connection
) -> None:
    if not connection.is_sqlite:
        return
    broken = transaction.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        where = f"{broken[0]} refers to rows of {broken[2]} that are not there"
        raise DataError(f"ledger {address.shown}: after the migration {where}; nothing was changed")


@contextmanager
def _migrating(connection: LedgerConnection) -> Iterator[Connection]:
    with connection.write(durable=True) as transaction:
        if not connection.is_sqlite:
            transaction.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})")
        yield transaction
