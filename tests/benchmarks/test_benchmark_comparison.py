"""The check that stands before every ratio has to see a difference."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.timing import Sample
from benchmarks.trades import Outcome, compare

OURS = Outcome(
    entry_bar=np.array([3, 9]),
    exit_bar=np.array([7, -1]),
    side=np.array([1, -1]),
    entry_price=np.array([100.0, 110.0]),
    exit_price=np.array([105.0, 0.0]),
    size=np.array([2.0, 1.5]),
    final_equity=1_000.0,
)


def test_equal_outcomes_are_equal():
    found = compare("peer", OURS, OURS)
    assert found.is_equal
    assert "2 trades equal" in found.sentence()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"entry_bar": np.array([3, 10])}, "entry_bar of trade 1"),
        ({"exit_bar": np.array([8, -1])}, "exit_bar of trade 0"),
        ({"side": np.array([1, 1])}, "side of trade 1"),
    ],
    ids=["entry", "exit", "side"],
)
def test_other_bar_or_side_is_named(change, says):
    found = compare("peer", OURS, replace(OURS, **change))
    assert not found.is_equal
    assert says in found.sentence()


@pytest.mark.parametrize(
    "change",
    [
        {"entry_price": OURS.entry_price * (1 + 1e-5)},
        {"exit_price": OURS.exit_price * (1 - 1e-5)},
        {"size": OURS.size * (1 + 1e-5)},
        {"final_equity": OURS.final_equity * (1 - 1e-5)},
    ],
    ids=["entry_price", "exit_price", "size", "equity"],
)
def test_number_beyond_tolerance_is_not_equal(change):
    found = compare("peer", OURS, replace(OURS, **change))
    assert found.same_bars
    assert not found.is_equal
    assert "NOT equal" in found.sentence()


def test_other_number_of_trades_is_not_equal():
    arrays = ("entry_bar", "exit_bar", "side", "entry_price", "exit_price", "size")
    shorter = replace(OURS, **{name: getattr(OURS, name)[:1] for name in arrays})
    found = compare("peer", OURS, shorter)
    assert not found.is_equal
    assert "2 of ours, 1 of theirs" in found.sentence()


def test_ratio_is_taken_round_by_round():
    ratio = Sample((10.0, 40.0, 9.0)).over(Sample((5.0, 20.0, 3.0)))
    assert (ratio.low, ratio.median, ratio.high) == (2.0, 2.0, 3.0)
