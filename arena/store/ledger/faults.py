"""Turn what a database driver raises into the project's errors.

Invariant: a message names the ledger and what to do, and never holds a password or row values.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from arena.core.errors import DataError
from arena.store.ledger.address import LedgerAddress

_CORRUPT = ("malformed", "not a database", "file is encrypted")


@contextmanager
def ledger_faults(address: LedgerAddress) -> Iterator[None]:
    """Raise a `DataError` in place of any database error.

    Raises:
        DataError: the database refused, is damaged or cannot be reached.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise DataError(_sentence(address, error)) from error


def corrupt(address: LedgerAddress, finding: str) -> DataError:
    """Return the error for a damaged SQLite file."""
    return DataError(
        f"ledger {address.shown} is damaged ({finding}): stop all jobs, copy the file and its -wal away, "
        f"then restore a backup or save its rows with `sqlite3 {address.shown} .recover`"
    )


def _sentence(address: LedgerAddress, error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    lines = str(cause).strip().splitlines() or [type(cause).__name__]
    finding = address.redact(lines[0])
    if any(word in finding for word in _CORRUPT):
        return str(corrupt(address, finding))
    if isinstance(error, IntegrityError):
        return f"ledger {address.shown} refused a row: {finding}; nothing of this write was kept"
    if address.path is not None:
        return f"ledger {address.shown}: {finding}; check that the file is writable and the disk is not full"
    return f"ledger {address.shown}: {finding}; check that the server runs and DATABASE_URL is right"
