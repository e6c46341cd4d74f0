"""What the ledger's tables and columns hold, in words, for whoever shows them.

Pure. Invariant: the words are those of the tables themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

from arena.store.ledger.tables import METADATA


@dataclass(frozen=True, slots=True)
class TableWords:
    """What a table holds, and each of its columns by name."""

    name: str
    purpose: str
    columns: dict[str, str]


def describe_tables() -> list[TableWords]:
    """Return every table of the ledger, in the order they are made."""
    return [
        TableWords(table.name, str(table.comment), {one.name: str(one.comment) for one in table.c})
        for table in METADATA.sorted_tables
    ]
