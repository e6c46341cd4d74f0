"""The few kinds of write that every subject of the ledger is made of.

Knows no subject. Invariant: one call is one transaction; an event once written is never changed.
"""

import itertools
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table, select, update

from arena.core.clock import Clock
from arena.core.errors import DataError
from arena.store.ledger.connection import LedgerConnection
from arena.store.ledger.partitions import Month, make_partitions, months_of
from arena.store.ledger.values import Values, mapped_values, row_values

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert


class TableWriter:
    """Base of the ledger's subjects."""

    def __init__(self, connection: LedgerConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._partitions: dict[str, set[Month]] = {}
        self._count = itertools.count()
        self._process = os.urandom(4).hex()

    def _upserting(self, table: Table) -> "SqliteInsert | PostgresInsert":
        if self._connection.is_sqlite:
            from sqlalchemy.dialects.sqlite import insert as sqlite_insert

            return sqlite_insert(table)
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert

        return postgresql_insert(table)

    def _insert_new(self, table: Table, row: "DataclassInstance", *, durable: bool = False) -> bool:
        """Insert unless a unique key is there already; return whether it was new."""
        values = row_values(table, row)
        with self._connection.write(durable=durable) as connection:
            return self._insert_unless_known(connection, table, values)

    def _insert_unless_known(self, connection: Connection, table: Table, values: Values) -> bool:
        statement = self._upserting(table).values(values).on_conflict_do_nothing()
        key = next(iter(table.primary_key.columns))
        return connection.execute(statement.returning(key)).first() is not None

    def _replace(self, table: Table, row: "DataclassInstance") -> None:
        """Insert, or overwrite the row with the same primary key."""
        values = row_values(table, row)
        keys = list(table.primary_key.columns.keys())
        statement = self._upserting(table).values(values)
        changes = {name: statement.excluded[name] for name in values if name not in keys}
        with self._connection.write() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes))

    def _change(
        self,
        table: Table,
        key: str,
        value: str | int,
        changes: Mapping[str, Any],
        *,
        durable: bool = False,
    ) -> None:
        """Change named columns of one row.

        Raises:
            DataError: there is no such row, or nothing to change.
        """
        values = mapped_values(table, changes)
        if not values:
            raise DataError(f"{table.name} '{value}': no column to change was named")
        with self._connection.write(durable=durable) as connection:
            statement = update(table).where(table.c[key] == value).values(values)
            if connection.execute(statement).rowcount != 1:
                where = f"ledger {self._connection.address.shown}"
                raise DataError(f"{where}: {table.name} has no {key} '{value}'")

    def _append(self, table: Table, rows: Sequence["DataclassInstance"]) -> list[str]:
        """Append events and return their keys; an event whose key is there already is left as it is."""
        key = table.primary_key.columns.keys()[0]
        prepared = [row_values(table, row) for row in rows]
        for values in prepared:
            values[key] = values[key] or self._event_key(values["ts"])
        if not prepared:
            return []
        done = self._partitions.setdefault(table.name, set())
        missing = set() if self._connection.is_sqlite else months_of(v["ts"] for v in prepared) - done
        with self._connection.write() as connection:
            make_partitions(connection, table, missing)
            connection.execute(self._upserting(table).on_conflict_do_nothing(), prepared)
        done |= missing  # after the commit: a partition that was rolled back is made again
        return [values[key] for values in prepared]

    def _event_key(self, ts: int) -> str:
        return f"{max(ts, 0):012x}{next(self._count):08x}{self._process}"

    def _known_id(
        self, connection: Connection, table: Table, key: str, same: Mapping[str, Any]
    ) -> int | None:
        conditions = [table.c[name] == value for name, value in same.items()]
        found = connection.execute(select(table.c[key]).where(*conditions)).scalar()
        return None if found is None else int(found)
