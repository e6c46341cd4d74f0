"""Merge new rows into the rows of one partition.

Pure: columns in, columns out; arrays that come in are never written to.
Invariant: the result is sorted and unique by `ts`, and no row that was there is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from arena.store.market.tables import Columns

OnConflict = Literal["revise", "keep"]
IndexArray = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class WriteReport:
    """What a write did, in rows; `kept` rows differed and the stored values stayed."""

    inserted: int = 0
    unchanged: int = 0
    revised: int = 0
    kept: int = 0

    def __add__(self, other: WriteReport) -> WriteReport:
        return WriteReport(
            self.inserted + other.inserted,
            self.unchanged + other.unchanged,
            self.revised + other.revised,
            self.kept + other.kept,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """The merged columns (None when nothing changes) and which rows were revised.

    `old_rows` are positions in the current columns, `new_rows` the positions of the values that
    replace them in the incoming ones.
    """

    columns: Columns | None
    report: WriteReport
    old_rows: IndexArray
    new_rows: IndexArray


def merge_rows(
    current: Columns | None, incoming: Columns, values: tuple[str, ...], on_conflict: OnConflict = "revise"
) -> Merged:
    """Merge `incoming` into `current`; a revised row keeps its `known_since`."""
    none = np.empty(0, np.intp)
    size = len(incoming["ts"])
    if current is None:
        return Merged(incoming, WriteReport(inserted=size), none, none)
    if size == 0:
        return Merged(None, WriteReport(), none, none)
    if incoming["ts"][0] > current["ts"][-1]:
        joined = {name: np.concatenate((current[name], incoming[name])) for name in current}
        return Merged(joined, WriteReport(inserted=size), none, none)

    at = np.searchsorted(current["ts"], incoming["ts"])
    known = current["ts"][np.minimum(at, len(current["ts"]) - 1)] == incoming["ts"]
    differs = np.zeros(size, np.bool_)
    for name in values:
        differs[known] |= current[name][at[known]] != incoming[name][known]
    fresh_rows = np.flatnonzero(~known)
    new_rows = np.flatnonzero(differs) if on_conflict == "revise" else none
    old_rows = at[new_rows]
    changed = int(np.count_nonzero(differs))
    report = WriteReport(
        inserted=len(fresh_rows),
        unchanged=size - len(fresh_rows) - changed,
        revised=len(new_rows),
        kept=changed - len(new_rows),
    )
    if not len(fresh_rows) and not len(new_rows):
        return Merged(None, report, none, none)
    merged: Columns = {}
    for name, column in current.items():
        # concatenate and not assign: text columns grow to the wider of the two
        pool = np.concatenate((column, incoming[name][new_rows])) if name in values else column
        if name in values and len(new_rows):
            take = np.arange(len(column))
            take[old_rows] = len(column) + np.arange(len(new_rows))
            pool = pool[take]
        merged[name] = _insert(pool, at[fresh_rows], incoming[name][fresh_rows])
    return Merged(merged, report, old_rows, new_rows)


def _insert(column: NDArray[np.generic], at: IndexArray, rows: NDArray[np.generic]) -> NDArray[np.generic]:
    if not len(rows):
        return column
    wide = np.promote_types(column.dtype, rows.dtype)
    return np.insert(column.astype(wide, copy=False), at, rows)
