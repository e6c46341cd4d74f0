"""What rows were before they were changed, and the market as it was known at a time.

Pure: columns in, columns out. A revision row holds `ts`, `old_*` and `new_*` of each value column,
`known_since` (when the old value became known), `changed_at` and `job`, plus `source` for bars.
Invariant: revisions are only appended, in the order in which they happened.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.store.market.merge import Merged
from arena.store.market.tables import Columns


def make_revisions(
    current: Columns,
    incoming: Columns,
    merged: Merged,
    values: tuple[str, ...],
    earlier: Columns | None,
    *,
    changed_at: int,
    **text: str,
) -> Columns:
    """Return the revision rows of one write; `text` are constant columns such as `job`."""
    ts = current["ts"][merged.old_rows]
    count = len(ts)
    return {
        "ts": ts,
        **{f"old_{name}": current[name][merged.old_rows] for name in values},
        **{f"new_{name}": incoming[name][merged.new_rows] for name in values},
        "known_since": _old_known_since(ts, current["known_since"][merged.old_rows], earlier),
        "changed_at": np.full(count, changed_at, np.int64),
        **{name: np.full(count, value) for name, value in text.items()},
    }


def append_revisions(earlier: Columns | None, new: Columns) -> Columns:
    """Return both, earlier rows first."""
    if earlier is None:
        return new
    return {name: np.concatenate((earlier[name], new[name])) for name in new}


def drop_unapplied(revisions: Columns, current: Columns | None, values: tuple[str, ...]) -> Columns | None:
    """Return `revisions` without those whose new values never reached the data file, None when none is.

    A writer records revisions before it replaces the data, so that a crash between the two loses no
    old value; the last revision of a row then speaks of a change that did not happen.
    """
    last = _last_rows(revisions["ts"])
    ts = revisions["ts"][last]
    applied = np.zeros(len(last), np.bool_)
    if current is not None:
        at = np.minimum(np.searchsorted(current["ts"], ts), len(current["ts"]) - 1)
        applied = current["ts"][at] == ts
        for name in values:
            applied &= current[name][at] == revisions[f"new_{name}"][last]
    if applied.all():
        return None
    keep = np.ones(len(revisions["ts"]), np.bool_)
    keep[last[~applied]] = False
    return {name: column[keep] for name, column in revisions.items()}


def restore_as_of(rows: Columns, revisions: Columns | None, values: tuple[str, ...], as_of: int) -> Columns:
    """Return `rows` as they were known at `as_of`: later rows dropped, later changes undone."""
    known = rows["known_since"] <= as_of
    rows = {name: column[known] for name, column in rows.items()}
    if revisions is None or not len(rows["ts"]):
        return rows
    later = np.flatnonzero(revisions["changed_at"] > as_of)
    order = later[np.lexsort((later, revisions["changed_at"][later], revisions["ts"][later]))]
    ts, first = np.unique(revisions["ts"][order], return_index=True)
    at = np.minimum(np.searchsorted(rows["ts"], ts), len(rows["ts"]) - 1)
    here = rows["ts"][at] == ts
    for name in values:
        old = revisions[f"old_{name}"][order][first][here]
        column = rows[name].astype(np.promote_types(rows[name].dtype, old.dtype))
        column[at[here]] = old
        rows[name] = column
    return rows


def with_changes(known: Columns, revisions: Columns) -> Columns:
    """Return `ts` and `known_since` with the time of its last change for each row that was changed."""
    if not revisions:
        return known
    last = _last_rows(revisions["ts"])
    ts, changed_at = revisions["ts"][last], revisions["changed_at"][last]
    at = np.minimum(np.searchsorted(known["ts"], ts), len(known["ts"]) - 1)
    here = known["ts"][at] == ts
    since = known["known_since"].copy()
    since[at[here]] = changed_at[here]
    return {"ts": known["ts"], "known_since": since}


def _last_rows(ts: NDArray[Any]) -> NDArray[np.intp]:
    _, from_end = np.unique(ts[::-1], return_index=True)
    return len(ts) - 1 - from_end


def _old_known_since(ts: NDArray[Any], stored: NDArray[Any], earlier: Columns | None) -> NDArray[Any]:
    """The old value is known since its own revision, or since the row was first stored."""
    if earlier is None or not len(earlier["ts"]):
        return stored
    last = _last_rows(earlier["ts"])
    at = np.minimum(np.searchsorted(earlier["ts"][last], ts), len(last) - 1)
    revised = earlier["ts"][last][at] == ts
    return np.where(revised, earlier["changed_at"][last][at], stored)
