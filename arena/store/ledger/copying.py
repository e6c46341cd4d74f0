"""The newest rows of a ledger as a SQLite file, for whoever can look at nothing else.

Reads in one transaction that cannot write. Invariant: the copy is the ledger of one moment, its tables are
those of the schema, and how much of each was left out is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, create_engine, func, select

from arena.store.ledger.tables import METADATA

_TIMES = ("created_ms", "ts", "started_ms", "updated_ms", "first_seen_ms")
_LONGEST = "60s"


@dataclass(frozen=True, slots=True)
class TableCopy:
    """A table of the copy: how many rows the ledger has, and how many of them, the newest, were copied."""

    name: str
    rows: int
    copied: int


def copy_newest(source: Connection, path: Path, most: int) -> list[TableCopy]:
    """Write the newest `most` rows of each table into a new SQLite file at `path`.

    Args:
        source: an open connection to the ledger, on PostgreSQL; a statement may take a minute.
        path: the file to make.
        most: rows of each table at most.
    """
    source.exec_driver_sql(f"SET LOCAL statement_timeout = '{_LONGEST}'")
    target = create_engine(f"sqlite:///{path}", hide_parameters=True)
    try:
        METADATA.create_all(target)
        return [_copy(source, target, table, most) for table in METADATA.sorted_tables]
    finally:
        target.dispose()


def _copy(source: Connection, target: Engine, table: Table, most: int) -> TableCopy:
    times = [table.c[name] for name in _TIMES if name in table.c][:1]
    order = [column.desc() for column in (*times, *table.primary_key.columns)]
    rows = [dict(row) for row in source.execute(select(table).order_by(*order).limit(most)).mappings()]
    total = len(rows)
    if total == most:
        total = int(source.execute(select(func.count()).select_from(table)).scalar_one())
    if rows:
        with target.begin() as connection:
            connection.execute(table.insert(), rows)
    return TableCopy(table.name, total, len(rows))
