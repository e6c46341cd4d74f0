"""Returns of days and months compound to the total return."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.backtest.periods import day_ends, month_returns, period_returns

HOUR = 3_600_000
DAY = 24 * HOUR


def ms(*moment):
    return round(datetime(*moment, tzinfo=UTC).timestamp() * 1000)


def test_months_split_at_utc_midnight():
    ts = np.array([ms(2024, 1, 31, 22), ms(2024, 1, 31, 23), ms(2024, 2, 1, 0), ms(2024, 2, 1, 1)])
    january, february = month_returns(np.array([100.0, 101.0, 110.0, 99.0, 121.0]), ts)
    assert (january.year, january.month) == (2024, 1)
    assert january.value == pytest.approx(0.10)
    assert (february.year, february.month) == (2024, 2)
    assert february.value == pytest.approx(0.10)


def test_month_without_a_bar_has_no_row_and_the_next_holds_the_move():
    ts = np.array([ms(2023, 12, 31), ms(2024, 2, 1)])
    rows = month_returns(np.array([100.0, 100.0, 150.0]), ts)
    assert [(row.year, row.month, row.value) for row in rows] == [(2023, 12, 0.0), (2024, 2, 0.5)]


def test_no_bar_no_month():
    assert month_returns(np.array([100.0]), np.empty(0, np.int64)) == []


def test_months_after_ruin_return_nothing():
    ts = np.array([ms(2024, 1, 1), ms(2024, 2, 1), ms(2024, 3, 1)])
    assert [row.value for row in month_returns(np.array([100.0, 0.0, -5.0, 7.0]), ts)] == [-1.0, 0.0, 0.0]


def test_day_ends_are_the_last_bars_of_utc_days():
    ts = np.array([22, 23, 24, 30, 47, 96], np.int64) * HOUR
    assert day_ends(ts).tolist() == [1, 4, 5]


@given(
    equity=st.lists(st.floats(1.0, 1e6), min_size=2, max_size=80),
    step_hours=st.sampled_from([1, 24, 24 * 9]),
    start_day=st.integers(0, 20_000),
)
def test_periods_compound_to_the_total_return(equity, step_hours, start_day):
    path = np.array(equity)
    ts = start_day * DAY + np.arange(len(path) - 1, dtype=np.int64) * step_hours * HOUR
    total = path[-1] / path[0]
    months = month_returns(path, ts)
    assert np.prod([1 + row.value for row in months]) == pytest.approx(total, rel=1e-9)
    assert np.prod(1 + period_returns(path, day_ends(ts))) == pytest.approx(total, rel=1e-9)
    assert [(row.year, row.month) for row in months] == sorted({(row.year, row.month) for row in months})
