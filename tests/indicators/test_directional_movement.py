"""True range, ATR and ADX against a slow oracle that follows Wilder's worksheets."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena import indicators as ta
from arena.core.errors import ConfigError

NAN = math.nan
cent_prices = st.integers(100, 10_000).map(lambda cents: cents / 100)
bars = st.lists(st.tuples(cent_prices, cent_prices, cent_prices).map(sorted), min_size=1, max_size=60)


def wilder(values: list[float], period: int) -> list[float]:
    """Values from the `period`-th one on; NaN before."""
    out = [NAN] * min(period - 1, len(values))
    if len(values) >= period:
        out.append(sum(values[:period]) / period)
        for value in values[period:]:
            out.append((out[-1] * (period - 1) + value) / period)
    return out


def slow_true_range(high, low, close) -> list[float]:
    first = [high[0] - low[0]]
    rest = range(1, len(close))
    return first + [
        max(high[i] - low[i], abs(high[i] - close[i - 1]), abs(low[i] - close[i - 1])) for i in rest
    ]


def slow_adx(high, low, close, period: int) -> tuple[list[float], list[float], list[float]]:
    ups = [high[i] - high[i - 1] for i in range(1, len(close))]
    downs = [low[i - 1] - low[i] for i in range(1, len(close))]
    moves = list(zip(ups, downs, strict=True))
    plus = wilder([up if up > down and up > 0 else 0.0 for up, down in moves], period)
    minus = wilder([down if down > up and down > 0 else 0.0 for up, down in moves], period)
    spans = wilder(slow_true_range(high, low, close)[1:], period)
    plus_di = [100 * p / s if s > 1e-12 else s * 0 for p, s in zip(plus, spans, strict=True)]
    minus_di = [100 * m / s if s > 1e-12 else s * 0 for m, s in zip(minus, spans, strict=True)]
    pairs = list(zip(plus_di, minus_di, strict=True))[period - 1 :]
    strength = wilder([100 * abs(p - m) / (p + m) if p + m > 1e-9 else 0.0 for p, m in pairs], period)
    lead = [NAN] * min(period, len(close))
    return lead + strength, [NAN, *plus_di], [NAN, *minus_di]


@given(rows=bars)
def test_true_range_equals_the_slow_one(rows) -> None:
    low, close, high = (list(column) for column in zip(*rows, strict=True))
    np.testing.assert_array_equal(ta.true_range(high, low, close), slow_true_range(high, low, close))


@given(rows=bars, period=st.integers(1, 10))
@settings(max_examples=200)
def test_adx_and_atr_equal_the_slow_ones(rows, period: int) -> None:
    low, close, high = (list(column) for column in zip(*rows, strict=True))
    expected = slow_adx(high, low, close, period)
    for seen, wanted in zip(ta.adx(high, low, close, period), expected, strict=True):
        np.testing.assert_allclose(seen, wanted[: len(close)], rtol=1e-9, atol=1e-7)
    slow_atr = wilder(slow_true_range(high, low, close), period)
    np.testing.assert_allclose(ta.atr(high, low, close, period), slow_atr, rtol=1e-9, atol=1e-9)


def test_gap_between_bars_counts_into_the_true_range() -> None:
    high, low, close = [10.0, 20.0, 9.0], [8.0, 19.0, 7.0], [9.0, 19.5, 8.0]
    assert ta.true_range(high, low, close).tolist() == [2.0, 11.0, 12.5]


@pytest.mark.parametrize(("period", "first_di", "first_adx"), [(1, 1, 1), (2, 2, 3), (14, 14, 27)])
def test_first_values_come_where_the_docstring_says(
    candles, period: int, first_di: int, first_adx: int
) -> None:
    seen = ta.adx(*candles, period)
    assert np.flatnonzero(np.isfinite(seen.plus_di))[0] == first_di
    assert np.flatnonzero(np.isfinite(seen.minus_di))[0] == first_di
    assert np.flatnonzero(np.isfinite(seen.adx))[0] == first_adx
    assert np.flatnonzero(np.isfinite(ta.atr(*candles, period)))[0] == period - 1


def test_straight_rise_has_all_its_movement_up_and_adx_of_a_hundred() -> None:
    close = np.arange(100.0, 200.0)
    seen = ta.adx(close + 0.5, close - 0.5, close, 14)
    assert (seen.minus_di[14:] == 0.0).all()
    assert (seen.plus_di[14:] > 50.0).all()
    np.testing.assert_allclose(seen.adx[27:], 100.0)


def test_bar_that_reaches_as_far_up_as_down_moves_nowhere() -> None:
    reach = np.arange(1.0, 31.0)
    seen = ta.adx(100.0 + reach, 100.0 - reach, np.full(30, 100.0), 5)
    assert set(seen.plus_di[5:].tolist()) == set(seen.minus_di[5:].tolist()) == {0.0}


def test_market_without_any_range_has_no_direction() -> None:
    flat = np.full(60, 100.0)
    seen = ta.adx(flat, flat, flat, 14)
    assert set(seen.adx[27:].tolist()) == set(seen.plus_di[14:].tolist()) == {0.0}
    assert set(ta.atr(flat, flat, flat, 14)[13:].tolist()) == {0.0}


def test_values_stay_from_zero_to_a_hundred(candles) -> None:
    for series in ta.adx(*candles, 5):
        known = series[np.isfinite(series)]
        assert ((known >= 0.0) & (known <= 100.0)).all()


def test_hole_is_nan_on_its_bar_and_the_averages_go_on(candles) -> None:
    high, low, close = (column.copy() for column in candles)
    for column in (high, low, close):
        column[300] = NAN
    for series in (*ta.adx(high, low, close, 14), ta.atr(high, low, close, 14)):
        assert np.flatnonzero(np.isnan(series[50:])).tolist() == [250]


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"different lengths \(high 2, low 2, close 3\)"):
        ta.adx([1.0, 2.0], [1.0, 2.0], [1.0, 2.0, 3.0], 2)
    with pytest.raises(ConfigError, match="different lengths"):
        ta.atr([1.0], [1.0, 2.0], [1.0, 2.0], 2)


def test_no_bars_give_no_values() -> None:
    assert len(ta.atr([], [], [], 3)) == len(ta.adx([], [], [], 3).adx) == 0
