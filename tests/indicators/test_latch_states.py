"""The held side and crossings, by truth table and against a slow oracle."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena import indicators as ta
from arena.core.errors import ConfigError

flags = st.lists(st.tuples(*[st.booleans()] * 4), max_size=40)


def slow_latch(rows: list[tuple[bool, bool, bool, bool]]) -> list[float]:
    held, side = [], 0
    for long_entry, long_exit, short_entry, short_exit in rows:
        wants = {side_of for side_of, wanted in ((1, long_entry), (-1, short_entry)) if wanted}
        leaves = {side_of for side_of, left in ((1, long_exit), (-1, short_exit)) if left}
        wants -= leaves
        if side in leaves:
            side = 0
        if len(wants) == 1:
            side = wants.pop()
        held.append(float(side))
    return held


def latch_of(text: str) -> list[float]:
    """L long entry, l long exit, S short entry, s short exit, several on one bar side by side."""
    bars = text.split()
    return ta.latch(*([letter in bar for bar in bars] for letter in "LlSs")).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("- L - l -", [0, 1, 1, 0, 0], id="held-until-its-exit"),
        pytest.param("S - s", [-1, -1, 0], id="short-likewise"),
        pytest.param("L S", [1, -1], id="opposite-entry-reverses"),
        pytest.param("L lS", [1, -1], id="exit-and-opposite-entry-reverse"),
        pytest.param("L s -", [1, 1, 1], id="exit-of-the-other-side-does-nothing"),
        pytest.param("Ll -", [0, 0], id="exit-beats-entry-of-its-side"),
        pytest.param("L Ll", [1, 0], id="exit-beats-a-repeated-entry"),
        pytest.param("LS L LS", [0, 1, 1], id="both-entries-cancel"),
        pytest.param("LSl", [-1], id="exit-leaves-one-of-both-entries"),
        pytest.param("L LSl", [1, -1], id="exit-and-both-entries-reverse"),
        pytest.param("LSls", [0], id="everything-at-once-is-flat"),
        pytest.param("", [], id="empty"),
    ],
)
def test_truth_table(text: str, expected: list[int]) -> None:
    assert latch_of(text) == expected


@given(rows=flags)
def test_equals_the_slow_one(rows) -> None:
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    assert ta.latch(*(np.array(column, np.bool_) for column in columns)).tolist() == slow_latch(rows)


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ConfigError, match="different lengths"):
        ta.latch([True], [True], [True], [])


@pytest.mark.parametrize(
    ("values", "level", "above", "below"),
    [
        pytest.param([1, 3], 2, [0, 1], [0, 0], id="up"),
        pytest.param([3, 1], 2, [0, 0], [0, 1], id="down"),
        pytest.param([2, 3], 2, [0, 1], [0, 0], id="from-the-level-itself"),
        pytest.param([1, 2, 3], 2, [0, 0, 1], [0, 0, 0], id="touching-is-not-crossing"),
        pytest.param([3, 3], 2, [0, 0], [0, 0], id="already-there"),
        pytest.param([1, math.nan, 3], 2, [0, 0, 0], [0, 0, 0], id="unknown-in-between"),
        pytest.param([3], 2, [0], [0], id="first-bar-never"),
        pytest.param([], 2, [], [], id="empty"),
    ],
)
def test_crossings_of_a_level(values, level, above, below) -> None:
    series = np.array(values, np.float64)
    assert ta.crossed_above(series, level).tolist() == [bool(flag) for flag in above]
    assert ta.crossed_below(series, level).tolist() == [bool(flag) for flag in below]


def test_crossings_of_two_series_alternate(walk) -> None:
    fast, slow = ta.ema(walk, 5), ta.ema(walk, 30)
    up, down = ta.crossed_above(fast, slow), ta.crossed_below(fast, slow)
    order = [1 if up[t] else -1 for t in np.flatnonzero(up | down)]
    assert len(order) > 10
    assert all(left != right for left, right in itertools.pairwise(order))
