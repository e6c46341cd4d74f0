"""Settlements on bars: nothing later than the close, an age beside each value, a causal interval."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena import indicators as ta
from arena.core.errors import ConfigError

NAN = math.nan
HOUR = 3_600_000
stamps = st.lists(st.integers(0, 500), unique=True, max_size=40).map(sorted)


@pytest.mark.parametrize(
    ("close_hours", "settled_hours", "expected", "age_hours"),
    [
        pytest.param([1, 2], [], [NAN, NAN], [NAN, NAN], id="none-settled"),
        pytest.param([], [1, 2], [], [], id="no-bars"),
        pytest.param([7, 8, 9], [8], [NAN, 0.0, 0.0], [NAN, 0, 1], id="known-at-the-close-it-settles-on"),
        pytest.param([8, 16, 40], [8, 16], [0.0, 1.0, 1.0], [0, 0, 24], id="old-value-is-given-with-its-age"),
        pytest.param([24], [8, 16, 24, 32], [2.0], [0], id="several-inside-one-bar-the-newest-counts"),
    ],
)
def test_newest_settlement_at_the_close(close_hours, settled_hours, expected, age_hours) -> None:
    close_ts, ts = np.array(close_hours, np.int64) * HOUR, np.array(settled_hours, np.int64) * HOUR
    value, age_ms = ta.funding_as_of(close_ts, ts, np.arange(len(ts), dtype=np.float64))
    np.testing.assert_array_equal(value, expected)
    np.testing.assert_array_equal(age_ms, np.array(age_hours, np.float64) * HOUR)


@given(closes=stamps, settled=stamps)
def test_equals_a_search_for_each_bar(closes: list[int], settled: list[int]) -> None:
    value, age_ms = ta.funding_as_of(np.array(closes, np.int64), np.array(settled, np.int64), settled)
    for close, seen, age in zip(closes, value, age_ms, strict=True):
        before = [ts for ts in settled if ts <= close]
        assert (
            (math.isnan(seen) and math.isnan(age))
            if not before
            else (seen, age) == (before[-1], close - before[-1])
        )


@pytest.mark.parametrize(
    ("hours", "per_day"),
    [
        pytest.param([0], [NAN], id="first-has-no-interval"),
        pytest.param([0, 8, 16], [NAN, 3, 3], id="every-eight-hours"),
        pytest.param([0, 4, 8], [NAN, 6, 6], id="every-four-hours"),
        pytest.param([0, 8, 24, 32], [NAN, 3, 3, 3], id="one-missing-does-not-halve-the-rate"),
        pytest.param([0, 8, 3000, 3008], [NAN, 3, 3, 3], id="hole-of-months"),
        pytest.param([0, 8, 12, 16], [NAN, 3, 6, 6], id="shortened-interval-counts-at-once"),
        pytest.param([0, 4, 8, 16, 24], [NAN, 6, 6, 6, 3], id="lengthened-interval-one-settlement-late"),
        pytest.param([0, 0.001, 8], [NAN, 24, 24], id="doubled-stamp-is-no-interval-of-seconds"),
        pytest.param([], [], id="none"),
    ],
)
def test_annualised_with_the_spacing_of_the_past(hours, per_day) -> None:
    ts = (np.array(hours, np.float64) * HOUR).astype(np.int64)
    seen = ta.annualised_funding(ts, np.full(len(ts), 1e-4))
    np.testing.assert_allclose(seen, np.array(per_day, np.float64) * 365 * 1e-4)


def test_annualised_value_never_changes_when_later_settlements_come() -> None:
    rng = np.random.default_rng(3)
    ts = np.cumsum(rng.choice([4, 8, 16], 60)) * HOUR
    rate = rng.normal(0.0, 1e-4, 60)
    full = ta.annualised_funding(ts, rate)
    for count in range(61):
        np.testing.assert_array_equal(ta.annualised_funding(ts[:count], rate[:count]), full[:count])


def test_unknown_rate_stays_on_its_settlement() -> None:
    seen = ta.annualised_funding(np.arange(4) * 8 * HOUR, [1e-4, NAN, 1e-4, 1e-4])
    assert np.isnan(seen).tolist() == [True, True, False, False]


def test_a_rate_for_each_settlement_is_demanded() -> None:
    with pytest.raises(ConfigError, match=r"different lengths \(ts 2, rate 1\)"):
        ta.annualised_funding(np.arange(2), [0.1])
    with pytest.raises(ConfigError, match=r"different lengths \(ts 2, values 1\)"):
        ta.funding_as_of(np.arange(3), np.arange(2), [0.1])
