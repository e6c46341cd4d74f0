"""Stationary bootstrap: draws, block length against theory and the reference, intervals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.backtest.honesty import bootstrap as module
from arena.backtest.honesty import choose_block_length, draw_indices, estimate_intervals
from arena.core.errors import ConfigError


def _autoregression(seed, count, memory):
    shocks = np.random.default_rng([seed, count]).normal(size=count + 50)
    series = np.zeros(count + 50)
    for place in range(1, count + 50):
        series[place] = memory * series[place - 1] + shocks[place]
    return series[50:]


@pytest.mark.parametrize(("count", "expected"), [(200, 11.47), (800, 18.20)], ids=str)
def test_block_length_of_known_memory_is_that_of_theory(count, expected):
    # So many lags that the flat half of the window holds all of rho^k that matters.
    assert module.block_length_of(0.7 ** np.arange(200), count) == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize(("count", "expected"), [(200, 11.47), (800, 18.20)], ids=str)
def test_estimated_block_length_scatters_around_theory(count, expected):
    found = [choose_block_length(_autoregression(seed, count, 0.7)) for seed in range(200)]
    assert np.mean(found) == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("memory", [-0.3, 0.0, 0.3, 0.7, 0.95], ids=str)
def test_block_length_is_that_of_the_reference(memory, arch_bootstrap):
    series = [_autoregression(seed, count, memory) for count in (250, 900) for seed in range(25)]
    found = np.array([choose_block_length(one) for one in series])
    reference = [float(arch_bootstrap.optimal_block_length(one)["stationary"].iloc[0]) for one in series]
    # The reference divides autocovariances by the variance of a part of the series, the paper by that of
    # the whole: a lag just at the edge of significance may then fall on either side.
    same = np.isclose(found, np.maximum(reference, 1.0), rtol=1e-9)
    assert same.mean() >= 0.94


@pytest.mark.parametrize(
    "returns", [np.zeros(50), np.full(50, 0.1), np.arange(9.0)], ids=["0", "equal", "short"]
)
def test_series_without_memory_to_measure_has_blocks_of_one(returns):
    assert choose_block_length(returns) == 1.0


def test_block_of_one_draws_each_place_alone():
    drawn = draw_indices(50, 1.0, 400, np.random.default_rng(1))
    follows = (np.diff(drawn, axis=1) % 50 == 1).mean()
    assert follows == pytest.approx(1 / 50, abs=0.005)


@pytest.mark.parametrize("block", [2.0, 5.0, 12.5], ids=str)
def test_blocks_have_their_mean_length_and_wrap_around(block):
    length = 100
    drawn = draw_indices(length, block, 1000, np.random.default_rng(2))
    follows = np.diff(drawn, axis=1) % length == 1
    # A new block starts with 1 / block and follows the old one by chance in 1 of `length`.
    assert follows.mean() == pytest.approx(1 - (1 / block) * (1 - 1 / length), abs=0.005)
    assert ((drawn[:, :-1] == length - 1) & (drawn[:, 1:] == 0)).any()
    assert np.bincount(drawn.ravel(), minlength=length) == pytest.approx(np.full(length, 1000), rel=0.25)


@given(st.integers(1, 60), st.floats(1.0, 200.0), st.integers(1, 10), st.integers(0, 2**32 - 1))
def test_indices_are_places_and_repeat_with_the_seed(length, block, resamples, seed):
    drawn = draw_indices(length, block, resamples, np.random.default_rng(seed))
    assert drawn.shape == (resamples, length)
    assert ((drawn >= 0) & (drawn < length)).all()
    assert np.array_equal(drawn, draw_indices(length, block, resamples, np.random.default_rng(seed)))


@pytest.mark.parametrize(("length", "block", "resamples"), [(0, 1.0, 1), (5, 0.5, 1), (5, 1.0, 0)], ids=str)
def test_impossible_draw_is_refused(length, block, resamples):
    with pytest.raises(ConfigError, match="has to be at least 1"):
        draw_indices(length, block, resamples, np.random.default_rng(1))


def test_estimates_are_the_record_itself():
    found = estimate_intervals(np.array([0.1, -0.5, 0.2, 0.0]), 1, block=1.0)
    assert found.total_return.estimate == pytest.approx(1.1 * 0.5 * 1.2 - 1)
    assert found.max_drawdown.estimate == pytest.approx(-0.5)
    assert found.sharpe.estimate == pytest.approx(-0.05 / np.std([0.1, -0.5, 0.2, 0.0], ddof=1))


def test_first_loss_is_a_drawdown_from_the_start():
    assert estimate_intervals(np.array([-0.2, 0.5]), 1).max_drawdown.estimate == pytest.approx(-0.2)


def test_ruin_in_a_draw_is_a_loss_of_everything():
    found = estimate_intervals(np.array([0.5, -1.5, 0.5, 3.0]), 1, resamples=200)
    assert found.total_return.estimate == -1.0
    assert found.max_drawdown.low == -1.0


def test_interval_of_a_normal_sharpe_has_its_known_width(make_noise):
    found = estimate_intervals(make_noise(4, 1, 500)[0], 1, block=1.0, resamples=4000)
    width = found.sharpe.high - found.sharpe.low
    assert width == pytest.approx(2 * 1.645 / math.sqrt(500), rel=0.06)


def test_sharpe_interval_holds_the_truth_as_often_as_it_says(make_noise):
    hits = 0
    for record in make_noise(8, 300, 250):
        found = estimate_intervals(record, 5, resamples=300).sharpe
        hits += found.low <= 0.0 <= found.high
    assert hits / 300 == pytest.approx(0.9, abs=0.045)


def test_memory_widens_the_interval():
    record = 0.01 * _autoregression(1, 800, 0.7)
    wide, narrow = estimate_intervals(record, 1), estimate_intervals(record, 1, block=1.0)
    assert wide.block > 10
    assert wide.sharpe.high - wide.sharpe.low > 1.5 * (narrow.sharpe.high - narrow.sharpe.low)


def test_same_seed_same_numbers_another_seed_others(make_noise):
    record = make_noise(5, 1, 300)[0]
    assert estimate_intervals(record, 1) == estimate_intervals(record, 1)
    assert estimate_intervals(record, 1) != estimate_intervals(record, 2)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(2, 80))
def test_intervals_are_ordered_and_within_bounds(seed, count):
    record = np.random.default_rng(seed).normal(0.0, 0.05, count)
    found = estimate_intervals(record, 1, resamples=100)
    for interval in (found.sharpe, found.total_return, found.max_drawdown):
        assert interval.low <= interval.high
    assert -1.0 <= found.max_drawdown.low <= found.max_drawdown.high <= 0.0
    assert 0.0 <= found.loss_share <= 1.0
    scaled = estimate_intervals(record / 7, 1, resamples=100, block=found.block)
    assert (scaled.sharpe.low, scaled.sharpe.high) == pytest.approx((found.sharpe.low, found.sharpe.high))
