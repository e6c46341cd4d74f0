"""Falls from a peak, by hand and against a plain walk."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.backtest.drawdowns import drawdown_series, find_episodes, stop_at_ruin, top_drawdowns

HOUR = 3_600_000
PATHS = st.lists(st.floats(0.0, 1e6), min_size=0, max_size=60).map(lambda rest: np.array([100.0, *rest]))


def stamps(count):
    return np.arange(count, dtype=np.int64) * HOUR


def test_series_of_a_hand_worked_path():
    equity = np.array([100.0, 110.0, 99.0, 121.0, 60.5])
    assert drawdown_series(equity) == pytest.approx([0.0, 0.0, -0.1, 0.0, -0.5])


def test_top_drawdowns_come_deepest_first_with_their_dates():
    equity = np.array([100.0, 120.0, 108.0, 120.0, 90.0, 96.0, 130.0, 117.0])
    deepest, tie_first, tie_second = top_drawdowns(equity, stamps(7), HOUR)
    assert deepest.depth == pytest.approx(-0.25)
    assert deepest.peak == "1970-01-01T03:00:00Z"
    assert deepest.trough == "1970-01-01T04:00:00Z"
    assert deepest.recovered == "1970-01-01T06:00:00Z"
    assert deepest.bars == 3
    assert tie_first.depth == pytest.approx(-0.1)
    assert (tie_first.recovered, tie_first.bars) == ("1970-01-01T03:00:00Z", 2)
    assert (tie_second.recovered, tie_second.bars) == (None, 1)


def test_fall_from_the_starting_capital_counts():
    (fall,) = top_drawdowns(np.array([100.0, 90.0, 95.0]), stamps(2), HOUR)
    assert (fall.peak, fall.trough, fall.recovered, fall.bars) == (
        "1970-01-01T00:00:00Z",
        "1970-01-01T01:00:00Z",
        None,
        2,
    )


def test_only_the_asked_number_is_given():
    equity = np.array([100.0, 99.0, 100.0, 98.0, 100.0, 97.0])
    assert [round(fall.depth, 2) for fall in top_drawdowns(equity, stamps(5), HOUR, 2)] == [-0.03, -0.02]


@pytest.mark.parametrize(
    "equity", [[100.0], [100.0, 100.0, 100.0], [100.0, 101.0, 102.0]], ids=["no-bar", "flat", "rising"]
)
def test_path_that_never_falls_has_none(equity):
    assert top_drawdowns(np.array(equity), stamps(len(equity) - 1), HOUR) == []


def test_nothing_comes_back_from_ruin():
    equity = np.array([100.0, 50.0, -3.0, 20.0, 200.0])
    assert stop_at_ruin(equity).tolist() == [100.0, 50.0, 0.0, 0.0, 0.0]
    (fall,) = top_drawdowns(equity, stamps(4), HOUR)
    assert (fall.depth, fall.recovered) == (-1.0, None)
    assert equity[4] == 200.0


def test_rounding_left_over_by_a_takeover_is_ruin():
    assert stop_at_ruin(np.array([10_000.0, 1.8e-12, 1.8e-12])).tolist() == [10_000.0, 0.0, 0.0]


@given(PATHS)
def test_episodes_are_what_a_plain_walk_finds(equity):
    depths = drawdown_series(equity)
    assert np.isfinite(depths).all()
    assert ((depths >= -1.0) & (depths <= 0.0)).all()
    expected, start = [], None
    for point, depth in enumerate(depths):
        if depth < 0 and start is None:
            start = point - 1
        if depth == 0 and start is not None:
            expected.append((start, point, min(depths[start : point + 1]), True))
            start = None
    if start is not None:
        expected.append((start, len(depths) - 1, min(depths[start:]), False))
    found = find_episodes(depths)
    assert list(zip(found.peak, found.end, found.depth, found.recovered, strict=True)) == expected
