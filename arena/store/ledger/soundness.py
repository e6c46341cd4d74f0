"""Is a ledger fit to be opened: whole on disk, and at the schema revision of this code?

Reads only, but for a day number in the header of a SQLite file. Never imports Alembic.
"""

import sqlite3
from contextlib import closing
from typing import Literal

from sqlalchemy import Connection, inspect, text

from arena.core.errors import DataError
from arena.store.ledger.address import LedgerAddress
from arena.store.ledger.connection import connect_for_check
from arena.store.ledger.faults import corrupt, ledger_faults
from arena.store.ledger.revision import HEAD_REVISION, REVISIONS

IntegrityCheck = Literal["quick", "full"]

_ALWAYS_CHECKED_BYTES = 16 * 1024 * 1024  # about 16 ms
_DAY_MS = 86_400_000


def check_file(address: LedgerAddress, now_ms: int, check: IntegrityCheck = "quick") -> None:
    """Refuse a damaged SQLite file; the caller holds the write lock.

    A quick check reads every page, so a file beyond 16 MB is looked at on the first opening of a
    day (its `user_version` holds the day of the last clean check) or when `check` is "full".

    Raises:
        DataError: the file is damaged or no database.
    """
    path = address.path
    if path is None or not path.exists() or path.stat().st_size == 0:
        return
    today = now_ms // _DAY_MS
    large = path.stat().st_size > _ALWAYS_CHECKED_BYTES
    with ledger_faults(address), closing(connect_for_check(path)) as database:
        if check == "quick" and large and _number(database, "PRAGMA user_version") == today:
            return
        pragma = "integrity_check" if check == "full" else "quick_check"
        found = str(database.execute(f"PRAGMA {pragma}(1)").fetchone()[0])
        if found == "ok" and large:
            database.execute(f"PRAGMA user_version={today}")
    if found != "ok":
        raise corrupt(address, found.splitlines()[0])


def stored_revision(connection: Connection) -> str | None:
    """Return the schema revision of the database, None for one without any table.

    Raises:
        DataError: the database holds tables, but no ledger.
    """
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
        )
    else:
        found = connection.exec_driver_sql("SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL")
    if found.scalar() is not None:
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if revision is not None:
            return str(revision)
    names = set(inspect(connection).get_table_names()) - {"alembic_version"}
    if not names:
        return None
    shown = ", ".join(sorted(names)[:5])
    raise DataError(f"the database holds other tables ({shown}) and no ledger: choose another DATABASE_URL")


def require_head(address: LedgerAddress, revision: str | None) -> None:
    """Refuse a ledger whose revision is not the one of this code.

    Raises:
        DataError: the ledger is empty, older or newer; says which and what to do.
    """
    if revision == HEAD_REVISION:
        return
    where = f"ledger {address.shown}"
    if revision is None:
        raise DataError(f"{where} is empty: run `python -m jobs.migrate`")
    if revision in REVISIONS:
        raise DataError(
            f"{where} has the older schema revision {revision}, this code needs {HEAD_REVISION}: "
            "run `python -m jobs.migrate`"
        )
    raise DataError(
        f"{where} has schema revision {revision}, newer than the {HEAD_REVISION} of this code: "
        "update the code, or choose another DATABASE_URL"
    )


def _number(database: sqlite3.Connection, pragma: str) -> int:
    return int(database.execute(pragma).fetchone()[0])
