"""Render docs/database.md from the tables, so that the two cannot drift apart.

`python -m arena.store.ledger.database_document` writes the file; a test compares it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, Table, UniqueConstraint

from arena.store.ledger.revision import HEAD_REVISION
from arena.store.ledger.tables import (
    METADATA,
    PARTITIONED,
    backtests,
    decisions,
    jobs,
    market_health,
    trading,
)

DOCUMENT = Path(__file__).parents[3] / "docs" / "database.md"

_CHAPTERS = (jobs, backtests, market_health, decisions, trading)

_PREFACE = f"""# The ledger's tables

Written by `python -m arena.store.ledger.database_document` from `arena/store/ledger/tables`; not by hand.
Schema revision {HEAD_REVISION}. The same tables stand in SQLite (the default,
`sqlite:///data/ledger.sqlite`) and in PostgreSQL (`DATABASE_URL=postgresql://...`,
`pip install 'alpha-arena[postgres]'`).

- Times are int64 UTC milliseconds. `ts` is when a thing happened, or the open of a bar; `*_ms` is when it was
  written, seen or changed. Ranges are half-open: the end is not part of them.
- A number that an exchange sent is kept twice: `<name>_text` is its exact decimal text, `<name>` a
  float64 for queries and sums that need no last digit.
- `raw` and `*_json` are JSON text, whole.
- Null means unknown or undefined. NaN and infinity are never stored.
- *Partitioned by month*: an append-only table that PostgreSQL keeps in one partition a month of `ts`
  (`risk_events_y2026m01`), made when a row first needs it, beside a DEFAULT partition. SQLite keeps one
  table.

To change a table: edit it, add the next module in `arena/store/ledger/migrations/versions` and its name to
`REVISIONS` in `arena/store/ledger/revision.py`, then write this file anew. A test holds the migrated schema
against the tables on both databases. `python -m jobs.migrate` brings an existing ledger up to date.
"""


def render_document() -> str:
    """Return the whole of docs/database.md."""
    tables = [table for chapter in _CHAPTERS for table in _tables_of(chapter)]
    contents = ["| table | holds |", "|---|---|"]
    contents += [f"| [{table.name}](#{table.name}) | {table.comment} |" for table in tables]
    sections = ["\n".join(_section(table)) for table in tables]
    return "\n".join([_PREFACE, *contents, "", "\n\n".join(sections), ""])


def _tables_of(chapter: object) -> list[Table]:
    found = [value for value in vars(chapter).values() if isinstance(value, Table)]
    return sorted(found, key=list(METADATA.tables.values()).index)


def _section(table: Table) -> Iterator[str]:
    yield f"## {table.name}"
    yield ""
    yield f"{table.comment}." + (" Partitioned by month." if PARTITIONED in table.info else "")
    yield ""
    yield "| column | type | null | meaning |"
    yield "|---|---|---|---|"
    for column in table.c:
        null = "yes" if column.nullable else ""
        yield f"| `{column.name}` | {_type(column)} | {null} | {_meaning(column)} |"
    yield ""
    yield f"- primary key: {_names(table.primary_key.columns)}"
    for names in sorted(_names(c.columns) for c in table.constraints if isinstance(c, UniqueConstraint)):
        yield f"- unique: {names}"
    for names in sorted(_names(index.columns) for index in table.indexes):
        yield f"- index: {names}"


def _names(columns: Any) -> str:
    return ", ".join(f"`{column.name}`" for column in columns)


def _type(column: Column[Any]) -> str:
    if isinstance(column.type, Boolean):
        return "bool"
    if isinstance(column.type, (BigInteger, Integer)):
        return "int64"
    return "float64" if isinstance(column.type, Float) else "text"


def _meaning(column: Column[Any]) -> str:
    parts = [str(column.comment)]
    parts += [f"refers to `{key.target_fullname}`" for key in column.foreign_keys]
    if column.server_default is not None:
        parts.append(f"default `{getattr(column.server_default, 'arg', '')}`")
    return "; ".join(parts)


if __name__ == "__main__":
    DOCUMENT.write_text(render_document(), encoding="utf-8")
