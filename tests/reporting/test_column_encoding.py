"""What goes into a report's columns comes back exactly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from arena.core.errors import DataError
from arena.reporting.encoding import (
    Column,
    decimal_scale,
    pack,
    require_finite,
    significant_scale,
    to_ticks,
    unpack,
)

INTEGERS = hnp.arrays(np.int64, st.integers(0, 60), elements=st.integers(-(2**30), 2**30))


@given(INTEGERS, st.booleans())
def test_any_column_comes_back_exactly(values: np.ndarray, delta: bool) -> None:
    packed = pack([Column("before", np.arange(3)), Column("it", values, delta=delta)])
    np.testing.assert_array_equal(unpack(packed)["it"], values.astype(np.float64))


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        pytest.param([30_000.0, 29_999.0], 1.0, id="whole"),
        pytest.param([30_000.1, 29_999.9], 10.0, id="tenth ticks"),
        pytest.param([0.12345678, 0.00000001], 1e8, id="eight places"),
        pytest.param([0.0, 0.0], 1.0, id="zeros"),
        pytest.param([], 1.0, id="nothing"),
        pytest.param([1 / 3, 2 / 3], 1e7, id="no grid: seven digits"),
    ],
)
def test_scale_of_decimal_values(values: list[float], scale: float) -> None:
    assert decimal_scale(np.array(values)) == scale


@given(hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(1e-6, 1e12)))
def test_scaled_values_always_fit(values: np.ndarray) -> None:
    for scale in (decimal_scale(values), significant_scale(values, 5)):
        assert np.abs(to_ticks(values, scale)).max() <= 2**30


def test_equal_columns_give_equal_text() -> None:
    first, second = (pack([Column("x", np.arange(1000), 10.0, delta=True)]) for _ in range(2))
    assert first == second


def test_value_beyond_32_bits_is_refused() -> None:
    with pytest.raises(DataError, match="column big does not fit 32 bits"):
        pack([Column("big", np.array([2**40]))])


def test_unknown_value_is_refused_with_its_place() -> None:
    with pytest.raises(DataError, match=r"equity has 1 of 3 values that are not finite, the first at bar 1"):
        require_finite("equity", np.array([1.0, np.nan, 2.0]))
