"""Moving mean, deviation, bands and extremes against a window-by-window oracle."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena import indicators as ta
from arena.core.errors import ConfigError

NAN = math.nan
prices = st.lists(st.one_of(st.floats(1.0, 1e5), st.sampled_from([100.0, NAN])), max_size=60)


def per_window(values, period: int, function) -> list[float]:
    out = []
    for t in range(len(values)):
        window = list(values[max(0, t - period + 1) : t + 1])
        whole = len(window) == period and all(map(math.isfinite, window))
        out.append(function(window) if whole else NAN)
    return out


@given(values=prices, period=st.integers(1, 15))
def test_mean_equals_every_window_on_its_own(values: list[float], period: int) -> None:
    np.testing.assert_allclose(
        ta.sma(values, period), per_window(values, period, statistics.fmean), rtol=1e-10
    )


@given(values=prices, period=st.integers(1, 15))
def test_deviation_equals_every_window_on_its_own(values: list[float], period: int) -> None:
    expected = per_window(values, period, lambda window: float(np.std(window)))
    np.testing.assert_allclose(ta.rolling_std(values, period), expected, rtol=1e-6, atol=1e-3)


@given(values=prices, period=st.integers(1, 15))
def test_extremes_equal_every_window_on_its_own(values: list[float], period: int) -> None:
    np.testing.assert_array_equal(ta.rolling_max(values, period), per_window(values, period, max))
    np.testing.assert_array_equal(ta.rolling_min(values, period), per_window(values, period, min))


@pytest.mark.parametrize("period", [2, 20, 499])
def test_deviation_on_prices_is_exact_to_nine_digits(walk, period: int) -> None:
    for ddof in (0, 1):
        expected = per_window(walk, period, lambda window, ddof=ddof: float(np.std(window, ddof=ddof)))
        np.testing.assert_allclose(ta.rolling_std(walk, period, ddof), expected, rtol=1e-9, atol=1e-8)


def test_errors_do_not_grow_over_a_million_bars() -> None:
    values = 60_000.0 + np.cumsum(np.random.default_rng(1).normal(0.0, 10.0, 1_000_000))
    last = values[-20:]
    np.testing.assert_allclose(ta.sma(values, 20)[-1], last.mean(), rtol=1e-14)
    np.testing.assert_allclose(ta.rolling_std(values, 20)[-1], last.std(), rtol=1e-10)


def test_flat_window_has_mean_of_the_price_and_deviation_zero_exactly() -> None:
    values = np.concatenate((np.random.default_rng(2).normal(0.1, 1.0, 50), np.full(30, 0.1)))
    bands = ta.bollinger(values, 20, 2.0)
    assert set(bands.mid[70:].tolist()) == {0.1}
    assert set(bands.upper[70:].tolist()) == set(bands.lower[70:].tolist()) == {0.1}
    assert set(bands.width[70:].tolist()) == {0.0}


@pytest.mark.parametrize("name", ["sma", "rolling_std", "rolling_max", "rolling_min"])
def test_hole_makes_nan_of_its_own_windows_only(walk, name: str) -> None:
    spoilt = walk.copy()
    spoilt[500] = NAN
    whole, seen = getattr(ta, name)(walk, 20), getattr(ta, name)(spoilt, 20)
    assert np.isnan(seen[500:520]).all()
    rest = np.r_[19:500, 520:1000]
    np.testing.assert_allclose(seen[rest], whole[rest], rtol=1e-9, atol=1e-8)


def test_bands_stand_deviations_away_from_the_mean(walk) -> None:
    bands = ta.bollinger(walk, 20, 2.5)
    mean, std = ta.sma(walk, 20), ta.rolling_std(walk, 20)
    np.testing.assert_array_equal(bands.mid, mean)
    np.testing.assert_array_equal(bands.upper, mean + 2.5 * std)
    np.testing.assert_array_equal(bands.lower, mean - 2.5 * std)
    np.testing.assert_allclose(bands.width[19:], 5.0 * std[19:] / mean[19:], rtol=1e-15)


def test_width_is_nan_where_the_mean_is_zero() -> None:
    assert np.isnan(ta.bollinger([1.0, -1.0, 1.0], 2, 2.0).width).all()


@pytest.mark.parametrize("ddof", [-1, 5])
def test_degrees_of_freedom_must_leave_some(ddof: int) -> None:
    with pytest.raises(ConfigError, match=f"ddof={ddof}: must be from 0 to period - 1 = 4"):
        ta.rolling_std([1.0] * 9, 5, ddof)


@pytest.mark.parametrize("name", ["sma", "rolling_std", "rolling_max", "rolling_min"])
def test_empty_and_short_series_are_all_nan(name: str) -> None:
    assert len(getattr(ta, name)([], 5)) == 0
    assert np.isnan(getattr(ta, name)([1.0, 2.0], 5)).all()
