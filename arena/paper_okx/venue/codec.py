"""Records as text and back, exact to the last digit.

Pure. Invariant: `decode(kind, encode(record))` equals the record.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal
from typing import Any

from arena.paper_okx.venue.records import Algo, Bill, Closing, Fill, Order, Position, Profile, Record

__all__ = ["KINDS", "decode", "encode"]

KINDS: dict[str, type[Record]] = {
    "profile": Profile,
    "order": Order,
    "algo": Algo,
    "position": Position,
    "closing": Closing,
    "fill": Fill,
    "bill": Bill,
}


def _optional(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _decimals(value: dict[str, str]) -> dict[str, Decimal]:
    return {name: Decimal(number) for name, number in value.items()}


_READERS: dict[str, Callable[[Any], Any]] = {
    "Decimal": Decimal,
    "Decimal | None": _optional,
    "dict[str, Decimal]": _decimals,
}
_PARTS = {
    kind: [(part.name, _READERS.get(str(part.type))) for part in fields(record)]
    for kind, record in KINDS.items()
}


def encode(record: Record) -> str:
    """Return the record as JSON, its numbers as text."""
    return json.dumps({part.name: getattr(record, part.name) for part in fields(record)}, default=str)


def decode(kind: str, body: str) -> Record:
    """Return the record of this kind that `body` holds; a field that is younger than it has its default."""
    values = json.loads(body)
    known = ((name, reader) for name, reader in _PARTS[kind] if name in values)
    read = {name: reader(values[name]) if reader else values[name] for name, reader in known}
    return KINDS[kind](**read)
