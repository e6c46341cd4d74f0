"""p-values by counting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.backtest.honesty import count_p_value, permutation_p_value
from arena.core.errors import DataError


@pytest.mark.parametrize(
    ("observed", "expected"), [(9.0, 1 / 5), (3.0, 3 / 5), (2.5, 3 / 5), (-1.0, 1.0)], ids=str
)
def test_share_of_draws_at_least_as_extreme(observed, expected):
    assert permutation_p_value(observed, np.array([1.0, 2.0, 3.0, 4.0])) == expected


@pytest.mark.parametrize(("extreme", "draws"), [(0, 0), (-1, 5), (6, 5)], ids=str)
def test_impossible_count_is_refused(extreme, draws):
    with pytest.raises(DataError, match="cannot be as extreme"):
        count_p_value(extreme, draws)


def test_value_that_is_not_a_number_is_refused():
    with pytest.raises(DataError, match="not a number"):
        permutation_p_value(float("nan"), np.ones(3))


@given(st.integers(1, 10_000), st.data())
def test_p_value_is_never_0_and_never_above_1(draws, data):
    extreme = data.draw(st.integers(0, draws))
    assert 0.0 < count_p_value(extreme, draws) <= 1.0
