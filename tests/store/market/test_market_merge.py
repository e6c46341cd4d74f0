import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from arena.store.market.merge import WriteReport, merge_rows
from arena.store.market.tables import Columns

ROWS = st.dictionaries(st.integers(0, 20), st.integers(0, 2), max_size=12)


def columns_of(rows: dict[int, int], known_since: int) -> Columns:
    ts = sorted(rows)
    return {
        "ts": np.array(ts, np.int64),
        "rate": np.array([rows[t] for t in ts], np.float64),
        "source": np.array(["x" * (1 + rows[t]) for t in ts], np.str_),
        "known_since": np.full(len(ts), known_since, np.int64),
    }


@given(ROWS.filter(bool), ROWS, st.sampled_from(["revise", "keep"]))
def test_merge_equals_a_dictionary_update(old: dict[int, int], new: dict[int, int], policy: str) -> None:
    current, incoming = columns_of(old, 1), columns_of(new, 2)
    merged = merge_rows(current, incoming, ("rate", "source"), policy)
    expected = {**old, **new} if policy == "revise" else {**new, **old}
    got = merged.columns or current
    assert got["ts"].tolist() == sorted(expected)
    assert got["rate"].tolist() == [expected[t] for t in sorted(expected)]
    assert got["source"].tolist() == ["x" * (1 + expected[t]) for t in sorted(expected)]
    assert got["known_since"].tolist() == [1 if t in old else 2 for t in sorted(expected)]
    changed = sum(old[t] != new[t] for t in old.keys() & new.keys())
    assert merged.report == WriteReport(
        inserted=len(new.keys() - old.keys()),
        unchanged=len(old.keys() & new.keys()) - changed,
        revised=changed if policy == "revise" else 0,
        kept=changed if policy == "keep" else 0,
    )
    assert (merged.columns is None) == (expected == old)


@given(ROWS.filter(bool), ROWS)
def test_merge_writes_into_no_array_that_came_in(old: dict[int, int], new: dict[int, int]) -> None:
    current, incoming = columns_of(old, 1), columns_of(new, 2)
    for column in (*current.values(), *incoming.values()):
        column.flags.writeable = False
    assert merge_rows(current, incoming, ("rate", "source")).report.inserted == len(new.keys() - old.keys())
