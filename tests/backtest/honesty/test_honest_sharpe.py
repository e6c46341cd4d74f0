"""Deflated Sharpe, minimum track record and backtest length: published values and what has to hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.backtest.honesty import (
    SharpeSample,
    deflated_sharpe,
    deflation_level,
    expected_maximum,
    maximum_trials,
    minimum_backtest_length,
    minimum_track_record,
    sample_sharpe,
)
from arena.backtest.metrics.distributions import probabilistic_sharpe
from arena.core.errors import ConfigError, DataError

PUBLISHED_VARIANCE = 0.5 / 250
PUBLISHED_SHARPE = 2.5 / math.sqrt(250)

sharpes = st.floats(-0.5, 0.5)
trial_counts = st.floats(1.0, 1e9)
variances = st.floats(0.0, 0.1)


@pytest.mark.parametrize(
    ("skew", "kurtosis", "expected"),
    [(0.0, 3.0, 0.9817), (-2.448, 10.164, 0.9134)],
    ids=["normal", "fat left tail, classic variance (.9876 with the variance at the benchmark)"],
)
def test_probabilistic_sharpe_of_two_years_of_months(skew, kurtosis, expected):
    assert probabilistic_sharpe(0.458, 24, skew, kurtosis) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(
    ("trials", "skew", "kurtosis", "expected"),
    [(100, -3.0, 10.0, 0.9004), (46, -3.0, 10.0, 0.9505), (88, 0.0, 3.0, 0.9505)],
    ids=["100 trials", "46 trials", "88 trials, normal returns"],
)
def test_deflated_sharpe_of_the_published_example(trials, skew, kurtosis, expected):
    sample = SharpeSample(PUBLISHED_SHARPE, 1250, skew, kurtosis)
    found = deflated_sharpe(sample, trials, PUBLISHED_VARIANCE)
    assert found.probability == pytest.approx(expected, abs=5e-5)


def test_deflation_level_of_the_published_example():
    assert deflation_level(100, PUBLISHED_VARIANCE) == pytest.approx(0.1132, abs=5e-5)


@pytest.mark.parametrize(
    ("periods_a_year", "skew", "kurtosis", "years"),
    [(252, 0.0, 3.0, 2.73), (52, 0.0, 3.0, 2.83), (12, 0.0, 3.0, 3.24), (12, -0.72, 5.78, 4.99)],
    ids=["daily", "weekly", "monthly", "monthly hedge fund index"],
)
def test_track_record_to_hold_annual_sharpe_2_above_1(periods_a_year, skew, kurtosis, years):
    root = math.sqrt(periods_a_year)
    found = minimum_track_record(SharpeSample(2 / root, 100, skew, kurtosis), 1 / root)
    assert found is not None
    assert found / periods_a_year == pytest.approx(years, abs=0.005)


def test_expected_maximum_of_ten():
    assert expected_maximum(10) == pytest.approx(1.57, abs=0.005)


@pytest.mark.parametrize("trials", [20, 100, 1000])
def test_expected_maximum_is_near_the_mean_of_drawn_maxima(trials):
    draws = np.random.default_rng(3).normal(size=(4000, trials)).max(axis=1)
    assert expected_maximum(trials) == pytest.approx(draws.mean(), abs=0.05)


def test_five_years_bear_45_trials_for_sharpe_1():
    assert maximum_trials(5.0, 1.0) == 45
    assert minimum_backtest_length(45, 1.0) <= 5.0 < minimum_backtest_length(46, 1.0)


def test_one_trial_is_not_deflated():
    sample = SharpeSample(0.1, 500)
    assert deflated_sharpe(sample, 1, 0.01).level == 0.0
    assert deflated_sharpe(sample, 1, 0.01).probability == probabilistic_sharpe(0.1, 500, 0.0, 3.0)


def test_no_length_is_enough_below_the_benchmark():
    assert minimum_track_record(SharpeSample(0.05, 100), 0.05) is None
    assert minimum_track_record(SharpeSample(-0.05, 100)) is None


def test_track_record_of_that_length_reaches_the_confidence():
    sample = SharpeSample(0.08, 100, -1.0, 8.0)
    length = minimum_track_record(sample, 0.02, 0.95)
    assert length is not None
    assert probabilistic_sharpe(0.08, math.ceil(length), -1.0, 8.0, 0.02) >= 0.95
    assert probabilistic_sharpe(0.08, math.ceil(length) - 1, -1.0, 8.0, 0.02) < 0.95


def test_sample_follows_the_conventions_of_the_metrics():
    sample = sample_sharpe(np.array([0.03, -0.01, 0.02, 0.0]))
    assert sample is not None
    assert sample.count == 4
    assert sample.sharpe == pytest.approx(0.01 / math.sqrt(0.001 / 3))
    assert sample.skew == pytest.approx(0.0, abs=1e-12)
    assert sample.kurtosis == pytest.approx((2 * 0.02**4 + 2 * 0.01**4) / 4 / (0.001 / 4) ** 2)


def test_returns_that_do_not_vary_have_no_sharpe():
    assert sample_sharpe(np.zeros(10)) is None
    assert sample_sharpe(np.full(10, 0.001)) is None


@pytest.mark.parametrize(
    ("returns", "message"),
    [
        (np.array([0.1]), "at least 2 periods"),
        (np.zeros((2, 3)), "one row"),
        (np.array([0.1, np.nan, np.inf]), "2 of 3 returns are not finite"),
    ],
    ids=["one period", "matrix", "not finite"],
)
def test_unfit_track_record_is_refused(returns, message):
    with pytest.raises(DataError, match=message):
        sample_sharpe(returns)


@pytest.mark.parametrize(
    "call",
    [
        lambda: expected_maximum(0.5),
        lambda: expected_maximum(math.nan),
        lambda: deflation_level(10, -0.1),
        lambda: minimum_track_record(SharpeSample(0.1, 10), confidence=1.0),
        lambda: minimum_backtest_length(10, 0.0),
        lambda: maximum_trials(0.0, 1.0),
    ],
    ids=["half a trial", "nan trials", "negative variance", "certainty", "sharpe 0", "no years"],
)
def test_parameter_out_of_range_is_refused(call):
    with pytest.raises(ConfigError, match="it has to be"):
        call()


@given(sharpes, trial_counts, trial_counts, variances)
def test_more_trials_never_raise_the_deflated_sharpe(sharpe, some, others, variance):
    sample = SharpeSample(sharpe, 500)
    fewer = deflated_sharpe(sample, min(some, others), variance)
    more = deflated_sharpe(sample, max(some, others), variance)
    assert more.level >= fewer.level - 1e-12
    assert more.probability <= fewer.probability + 1e-12


@given(sharpes, trial_counts, variances, variances)
def test_wider_trials_never_raise_the_deflated_sharpe(sharpe, trials, one, other):
    sample = SharpeSample(sharpe, 500)
    narrow = deflated_sharpe(sample, trials, min(one, other)).probability
    wide = deflated_sharpe(sample, trials, max(one, other)).probability
    assert 0.0 <= wide <= narrow + 1e-12 <= 1.0 + 1e-12


@given(st.floats(0.05, 50.0), st.floats(0.2, 4.0))
def test_maximum_trials_is_the_inverse_of_the_minimum_length(years, sharpe):
    most = maximum_trials(years, sharpe)
    assert most >= 1
    assert minimum_backtest_length(most, sharpe) <= years
    assert most > 1e299 or minimum_backtest_length(most + 1, sharpe) > years or most > 1e12


@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-6, 1e-3, 1.0, 1e4]))
def test_sample_does_not_depend_on_the_scale_of_returns(seed, scale):
    returns = np.random.default_rng(seed).normal(0.01, 1.0, 50)
    one, other = sample_sharpe(returns), sample_sharpe(scale * returns)
    assert one is not None
    assert other is not None
    assert (other.sharpe, other.skew, other.kurtosis) == pytest.approx((one.sharpe, one.skew, one.kurtosis))
