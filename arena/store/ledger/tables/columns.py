"""Makers of the ledger's columns, so that one kind of value has one type everywhere.

No table is made here. Invariant: every column has a comment, and a number that an exchange sent
is a pair: its exact text in `<name>_text` and a float for queries in `<name>`.
"""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Integer, MetaData, Table, Text
from sqlalchemy import text as sql
from sqlalchemy.schema import SchemaItem

EXACT_OF = "exact_of"
"""Key in `Column.info` of an exact text: the name of the float column beside it."""

PARTITIONED = "partitioned"
"""Key in `Table.info` of a table that is partitioned by month of `ts` on PostgreSQL."""

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def table(name: str, purpose: str, *items: SchemaItem | tuple[SchemaItem, ...], **options: Any) -> Table:
    """Return a table of the ledger; pairs of columns are flattened."""
    flat: list[SchemaItem] = []
    for item in items:
        flat.extend(item if isinstance(item, tuple) else (item,))
    return Table(name, METADATA, *flat, comment=purpose, **options)


def event_table(
    name: str, purpose: str, *items: SchemaItem | tuple[SchemaItem, ...], key: str = "event_id"
) -> Table:
    """Return an append-only table with the key (`key`, ts), partitioned by month on PostgreSQL."""
    return table(
        name,
        purpose,
        text(key, "sorts by time; made by the ledger where the writer gives none", primary_key=True),
        moment("ts", "when it happened, UTC ms", primary_key=True),
        *items,
        info={PARTITIONED: True},  # not as an option of the dialect: that would import it at every start
    )


def serial(name: str, comment: str) -> Column[int]:
    """Return a whole-number primary key that the database counts up."""
    kind = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up INTEGER keys alone
    return Column(name, kind, primary_key=True, autoincrement=True, comment=comment)


def text(
    name: str,
    comment: str,
    *,
    null: bool = False,
    to: str | None = None,
    primary_key: bool = False,
    default: str | None = None,
) -> Column[str]:
    """Return a text column; `to` names the column that it refers to."""
    keys = (ForeignKey(to),) if to else ()
    given = sql(f"'{default}'") if default is not None else None
    return Column(
        name, Text, *keys, primary_key=primary_key, nullable=null, server_default=given, comment=comment
    )


def moment(name: str, comment: str, *, null: bool = False, primary_key: bool = False) -> Column[int]:
    """Return a point in time, int64 UTC ms."""
    return Column(
        name, BigInteger, primary_key=primary_key, autoincrement=False, nullable=null, comment=comment
    )


def whole(
    name: str,
    comment: str,
    *,
    null: bool = False,
    to: str | None = None,
    primary_key: bool = False,
    default: int | None = None,
) -> Column[int]:
    """Return a whole number."""
    keys = (ForeignKey(to),) if to else ()
    given = sql(str(default)) if default is not None else None
    return Column(
        name,
        BigInteger,
        *keys,
        primary_key=primary_key,
        autoincrement=False,
        nullable=null,
        server_default=given,
        comment=comment,
    )


def real(name: str, comment: str, *, null: bool = True) -> Column[float]:
    """Return a float64; null means unknown or undefined, never NaN."""
    return Column(name, Float(53), nullable=null, comment=comment)


def flag(name: str, comment: str) -> Column[bool]:
    """Return a yes or no."""
    return Column(name, Boolean, nullable=False, comment=comment)


def exact(name: str, comment: str) -> tuple[Column[str], Column[float]]:
    """Return the pair for a number that an exchange sent: exact text, and a float beside it."""
    written: Column[str] = Column(
        f"{name}_text", Text, comment=f"{comment}; exact decimal as sent", info={EXACT_OF: name}
    )
    return written, real(name, f"{comment}; for queries")
