"""Bit for bit: where two results differ, field by field and row by row.

Pure: values and Arrow tables in, differences out. Invariant: 0.0 and -0.0 differ, as do 1 and 1.0;
wording (labels, notes, warnings) is counted apart and never makes two results differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from arena.audit.archive import numbers_of
from arena.core.clock import to_iso

if TYPE_CHECKING:
    import pyarrow as pa

NOT_OF_THE_NUMBERS = frozenset({"run", "provenance", "timings_ms", "causality", "schema_version"})
"""Parts of a result that tell who ran it, on what, or how long it took."""

WORDING = frozenset({"label", "note", "reason", "source", "warnings"})

_ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where two results differ: the first value there, and in how many rows."""

    place: str
    stored: str
    again: str
    rows: int = 1
    first_row: int | None = None
    first_time: str | None = None


@dataclass
class Comparison:
    """What was compared and what differed, in order."""

    values: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    wording: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether no number differed."""
        return not self.differences


def compare_results(stored: Mapping[str, Any], again: Mapping[str, Any], into: Comparison) -> None:
    """Compare two results as JSON has them; parts that one of them does not have are left out."""
    count = 0
    for part, value in stored.items():
        if part in NOT_OF_THE_NUMBERS or value is None or again.get(part) is None:
            continue
        left, right = dict(_leaves(part, value)), dict(_leaves(part, again[part]))
        for place in [*left, *(place for place in right if place not in left)]:
            a, b = left.get(place, _ABSENT), right.get(place, _ABSENT)
            if _is_wording(place):
                if a != b:
                    into.wording.append(place)
                continue
            count += 1
            if a != b:
                into.differences.append(Difference(f"result.json {place}", a, b))
    into.values["result.json"] = count


def compare_tables(name: str, stored: pa.Table, again: pa.Table, into: Comparison) -> None:
    """Compare two tables column by column; `name` is what people call the file."""
    into.values[name] = again.num_rows * again.num_columns
    if stored.num_rows != again.num_rows:
        into.differences.append(Difference(f"{name} rows", str(stored.num_rows), str(again.num_rows)))
    names = [*stored.column_names, *(one for one in again.column_names if one not in stored.column_names)]
    for column in names:
        was, now = (_kind_of(table, column) for table in (stored, again))
        if was != now:
            into.differences.append(Difference(f"{name} {column}", was, now))
            continue
        rows = min(stored.num_rows, again.num_rows)
        left, right = (table.column(column).slice(0, rows).combine_chunks() for table in (stored, again))
        changed = _changed(left, right)
        if changed.any():
            first = int(np.argmax(changed))
            into.differences.append(
                Difference(
                    f"{name} {column}",
                    str(left[first].as_py()),
                    str(right[first].as_py()),
                    rows=int(np.count_nonzero(changed)),
                    first_row=first,
                    first_time=_time_of(stored, first),
                )
            )


def _leaves(place: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the place and the JSON of each value; parts of a list go by their name where they have one."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _leaves(f"{place}.{key}", part)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            named = isinstance(part, Mapping) and (part.get("name") or part.get("cost"))
            yield from _leaves(f"{place}[{named or index}]", part)
    else:
        yield place, json.dumps(value)


def _is_wording(place: str) -> bool:
    return place.rpartition(".")[2].partition("[")[0] in WORDING


def _changed(left: pa.Array, right: pa.Array) -> NDArray[np.bool_]:
    """Return where two arrays of one type and length differ in a bit."""
    if not len(left) or (left.equals(right) and not _is_float(left)):
        return np.zeros(len(left), np.bool_)
    if _is_float(left) and left.null_count == right.null_count == 0:
        return np.asarray(numbers_of(left).view(np.int64) != numbers_of(right).view(np.int64))
    return np.array([a != b for a, b in zip(left.to_pylist(), right.to_pylist(), strict=True)], np.bool_)


def _kind_of(table: pa.Table, column: str) -> str:
    return str(table.schema.field(column).type) if column in table.column_names else _ABSENT


def _is_float(values: pa.Array) -> bool:
    return str(values.type) == "double"


def _time_of(table: pa.Table, row: int) -> str | None:
    for name in ("ts", "entry_ts"):
        if name in table.column_names:
            return to_iso(int(table.column(name)[row].as_py()))
    return None
