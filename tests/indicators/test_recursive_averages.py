"""EMA and Wilder's average against a slow oracle, polars and hand-made cases."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena import indicators as ta
from arena.core.errors import ConfigError

NAN = math.nan
values_with_holes = st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(NAN), st.just(math.inf)), max_size=60)


def slow_ema(values: list[float], period: int) -> list[float]:
    out, state, seen = [], None, 0
    for value in values:
        if not math.isfinite(value):
            out.append(NAN)
            continue
        state = value if state is None else state + 2.0 / (period + 1.0) * (value - state)
        seen += 1
        out.append(state if seen >= period else NAN)
    return out


def slow_rma(values: list[float], period: int) -> list[float]:
    out, known, state = [], [], None
    for value in values:
        if not math.isfinite(value):
            out.append(NAN)
            continue
        known.append(value)
        if len(known) == period:
            state = sum(known) / period
        elif len(known) > period:
            state = state + (value - state) / period
        out.append(NAN if state is None else state)
    return out


@given(values=values_with_holes, period=st.integers(1, 20))
def test_ema_equals_the_slow_one_bit_for_bit(values: list[float], period: int) -> None:
    np.testing.assert_array_equal(ta.ema(values, period), slow_ema(values, period))


@given(values=values_with_holes, period=st.integers(1, 20))
def test_rma_equals_the_slow_one(values: list[float], period: int) -> None:
    np.testing.assert_allclose(ta.rma(values, period), slow_rma(values, period), rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("period", [1, 2, 12, 26, 200])
def test_ema_equals_polars_unadjusted(walk, period: int) -> None:
    theirs = pl.Series(walk).ewm_mean(span=period, adjust=False, min_samples=period)
    np.testing.assert_allclose(ta.ema(walk, period), theirs.cast(pl.Float64).to_numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    ("values", "period", "expected"),
    [
        pytest.param([], 3, [], id="empty"),
        pytest.param([5.0], 1, [5.0], id="period-one-is-the-value"),
        pytest.param([1.0, 2.0], 3, [NAN, NAN], id="too-short"),
        pytest.param([1.0, 2.0, 3.0], 3, [NAN, NAN, 2.25], id="seeded-with-the-first-value"),
        pytest.param([4.0, NAN, 8.0], 1, [4.0, NAN, 8.0], id="hole-stays-on-its-bar"),
        pytest.param([2.0, NAN, 2.0, 2.0], 2, [NAN, NAN, 2.0, 2.0], id="hole-does-not-warm"),
    ],
)
def test_ema_by_hand(values, period: int, expected) -> None:
    np.testing.assert_allclose(ta.ema(values, period), expected)


def test_rma_starts_with_the_plain_mean_and_then_moves_by_one_part_in_period() -> None:
    np.testing.assert_allclose(ta.rma([1.0, 2.0, 6.0, 9.0], 3), [NAN, NAN, 3.0, 5.0])


@pytest.mark.parametrize("average", [ta.ema, ta.rma, ta.sma, ta.rolling_max, ta.rolling_min])
@pytest.mark.parametrize("period", [0, -1])
def test_period_below_one_is_refused(average, period: int) -> None:
    with pytest.raises(ConfigError, match=f"period={period}: an indicator needs at least 1 bars"):
        average([1.0, 2.0], period)
