"""Every changed bit is found, named and counted; wording is not a number."""

import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.audit.comparison import Comparison, compare_results, compare_tables

RESULT = {
    "run": {"run_id": "one"},
    "primary": [{"name": "sharpe", "label": "Sharpe", "value": 1.5, "note": "a year"}],
    "costs": [{"cost": "fee", "amount": 0.0}],
    "monthly": [{"year": 2025, "value": 0.1}, {"year": 2026, "value": 0.2}],
    "counts": {"fills": 3},
    "warnings": ["few"],
    "timings_ms": None,
}


def _results(stored, again):
    found = Comparison()
    compare_results(stored, again, found)
    return found


def _tables(stored, again):
    found = Comparison()
    compare_tables("t.parquet", pa.table(stored), pa.table(again), found)
    return found


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"primary": [{**RESULT["primary"][0], "value": math.nextafter(1.5, 2)}]}, "primary[sharpe].value"),
        ({"costs": [{"cost": "fee", "amount": -0.0}]}, "costs[fee].amount"),
        ({"counts": {"fills": 3.0}}, "counts.fills"),
        ({"counts": {"fills": None}}, "counts.fills"),
        ({"monthly": RESULT["monthly"][:1]}, "monthly[1].year"),
        ({"counts": {"fills": 3, "more": 1}}, "counts.more"),
    ],
)
def test_a_changed_number_is_named_by_its_place(change, place):
    found = _results(RESULT, {**RESULT, **change})
    assert not found.equal
    assert found.differences[0].place == f"result.json {place}"


def test_who_ran_it_and_new_parts_do_not_count_and_wording_counts_apart():
    again = {**RESULT, "run": {"run_id": "two"}, "warnings": ["many"], "causality": {"passed": True}}
    again["primary"] = [{**RESULT["primary"][0], "note": "a day"}]
    found = _results(RESULT, again)
    assert found.equal
    assert found.wording == ["primary[sharpe].note", "warnings[0]"]
    assert found.values == {"result.json": 9}


def test_a_changed_row_is_named_by_place_and_time():
    stored = {"ts": [0, 3_600_000, 7_200_000], "equity": [1.0, 2.0, 3.0]}
    found = _tables(stored, {**stored, "equity": [1.0, 2.5, 3.5]})
    (one,) = found.differences
    assert (one.place, one.first_row, one.first_time) == ("t.parquet equity", 1, "1970-01-01T01:00:00Z")
    assert (one.stored, one.again, one.rows) == ("2.0", "2.5", 2)


@pytest.mark.parametrize(
    ("stored", "again", "place", "values"),
    [
        ({"a": [1.0, 2.0]}, {"a": [1.0]}, "t.parquet rows", ("2", "1")),
        ({"a": [1.0]}, {"b": [1.0]}, "t.parquet a", ("double", "absent")),
        ({"a": [1.0]}, {"a": [1]}, "t.parquet a", ("double", "int64")),
        ({"a": [0.0]}, {"a": [-0.0]}, "t.parquet a", ("0.0", "-0.0")),
        ({"a": ["x", "y"]}, {"a": ["x", "z"]}, "t.parquet a", ("y", "z")),
        ({"a": [True]}, {"a": [False]}, "t.parquet a", ("True", "False")),
        ({"a": [1.0, None]}, {"a": [1.0, 2.0]}, "t.parquet a", ("None", "2.0")),
    ],
)
def test_tables_differ_in(stored, again, place, values):
    first = _tables(stored, again).differences[0]
    assert (first.place, (first.stored, first.again)) == (place, values)


@given(st.lists(st.floats(), max_size=20), st.data())
def test_any_flipped_value_is_found_where_it_is(values, data):
    table = {"x": pa.array(values, pa.float64())}
    assert _tables(table, table).equal  # NaN included: the same bits are the same
    if not values:
        return
    at = data.draw(st.integers(0, len(values) - 1))
    other = 1.0 if values[at] != 1.0 else 2.0
    changed = {"x": pa.array([*values[:at], other, *values[at + 1 :]], pa.float64())}
    (one,) = _tables(table, changed).differences
    assert (one.first_row, one.rows) == (at, 1)


def test_tables_in_several_pieces_are_compared_as_one():
    whole = pa.table({"x": [1.0, 2.0, 3.0]})
    pieces = pa.concat_tables([whole.slice(0, 1), whole.slice(1)])
    found = Comparison()
    compare_tables("t", pieces, whole, found)
    assert found.equal
    assert found.values == {"t": 3}
