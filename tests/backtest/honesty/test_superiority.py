"""Reality check and SPA against the reference implementation, and what has to hold of any sweep."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.backtest.honesty import (
    FLAT,
    SuperiorityTest,
    compare_one,
    compare_with_benchmark,
    draw_indices,
)
from arena.backtest.honesty import superiority as module
from arena.core.errors import ConfigError, DataError

DRAWS = 3000
SCATTER = 0.035  # four standard errors of the difference of two p-values near .5, from DRAWS each


def _uneven(seed, trials=20, periods=300):
    generator = np.random.default_rng([seed, trials])
    spread = generator.uniform(0.5, 2.0, (trials, 1))
    return spread * generator.normal(0.03 * seed - 0.02, 1.0, (trials, periods))


def _reference(arch_bootstrap, returns, benchmark):
    # The reference takes losses, and does not divide by deviations: that is left to the caller.
    test = arch_bootstrap.SPA(-benchmark, -returns.T, block_size=5, reps=DRAWS, seed=1)
    test.compute()
    return test


@pytest.mark.parametrize("seed", range(4))
def test_reality_check_is_that_of_the_reference(seed, arch_bootstrap):
    returns = _uneven(seed)
    benchmark = np.random.default_rng(seed).normal(size=300)
    reference = _reference(arch_bootstrap, returns, benchmark)
    found = compare_with_benchmark(returns, benchmark, 3, resamples=DRAWS, block=5.0)
    assert found.reality_check == pytest.approx(reference.pvalues["upper"], abs=SCATTER)


@pytest.mark.parametrize("seed", range(4))
def test_studentised_p_values_are_those_of_the_reference_on_studentised_trials(seed, arch_bootstrap):
    returns = _uneven(seed)
    flat = np.zeros(300)
    deviation = np.sqrt(_reference(arch_bootstrap, returns, flat)._loss_diff_var)
    reference = _reference(arch_bootstrap, returns / deviation[:, None], flat)
    found = compare_with_benchmark(returns, FLAT, 3, resamples=DRAWS, block=5.0)
    assert found.statistic == pytest.approx(np.sqrt(300) * (returns.mean(axis=1) / deviation).max())
    for name in ("lower", "consistent", "upper"):
        assert getattr(found, name) == pytest.approx(reference.pvalues[name], abs=SCATTER), name


def test_size_at_ten_percent_is_near_ten_percent(make_noise):
    found = [
        compare_with_benchmark(make_noise(seed, 10, 200), FLAT, seed, resamples=199, block=2.0).consistent
        for seed in range(300)
    ]
    assert np.mean(np.array(found) <= 0.1) == pytest.approx(0.11, abs=0.05)


def test_real_edge_is_found_and_named(make_noise):
    returns = make_noise(1, 50, 500)
    returns[31] += 0.003
    found = compare_with_benchmark(returns, FLAT, 1)
    assert found.best == 31
    assert found.consistent < 0.01
    assert found.reality_check < 0.01


def test_edge_that_only_follows_the_market_does_not_beat_holding_it():
    market = np.random.default_rng(4).normal(0.003, 0.01, 500)
    trials = np.linspace(0.2, 0.9, 8)[:, None] * market
    assert compare_with_benchmark(trials, FLAT, 1).consistent < 0.01
    assert compare_with_benchmark(trials, market, 1).consistent == 1.0


def test_sweep_of_losers_has_p_value_1(make_noise):
    found = compare_with_benchmark(make_noise(1, 20, 300) - 0.01, FLAT, 1)
    assert (found.lower, found.consistent, found.upper) == (1.0, 1.0, 1.0)
    assert found.statistic == 0.0


def test_hopeless_trials_do_not_weaken_the_consistent_p_value(make_noise):
    good, hopeless = make_noise(1, 5, 400), make_noise(2, 100, 400)
    good[0] += 0.0012
    sweep = np.concatenate((good, hopeless - 0.005))
    alone = compare_with_benchmark(good, FLAT, 1, block=2.0)
    found = compare_with_benchmark(sweep, FLAT, 1, block=2.0)
    assert found.consistent == pytest.approx(alone.consistent, abs=0.01)
    assert found.upper > 3 * found.consistent


def test_trials_equal_to_the_benchmark_are_not_compared(make_noise):
    returns = np.concatenate((np.zeros((4, 100)), make_noise(1, 3, 100)))
    found = compare_with_benchmark(returns, FLAT, 1, resamples=100)
    assert found.compared == 3
    assert found.best is not None
    assert found.best >= 4
    idle = compare_with_benchmark(np.zeros((4, 100)), FLAT, 1, resamples=100)
    assert (idle.best, idle.consistent, idle.compared) == (None, 1.0, 0)


def test_chunks_change_nothing(make_noise, monkeypatch):
    returns = make_noise(1, 40, 100).astype(np.float32)
    whole = compare_with_benchmark(returns, FLAT, 1, resamples=100)
    monkeypatch.setattr(module, "CHUNK_VALUES", 700)
    assert compare_with_benchmark(returns, FLAT, 1, resamples=100).consistent == whole.consistent


def test_benchmark_of_other_periods_is_refused():
    with pytest.raises(ConfigError, match="the benchmark has 9 periods and the trials 10"):
        compare_with_benchmark(np.ones((2, 10)), np.ones(9), 1)


@pytest.mark.parametrize("block", [0.5, 31.0, float("inf"), float("nan")], ids=str)
def test_block_longer_than_the_record_or_below_one_is_refused(block, make_noise):
    with pytest.raises(ConfigError, match="from 1 to the 30 periods"):
        compare_with_benchmark(make_noise(1, 2, 30), FLAT, 1, block=block)


def test_benchmark_that_is_not_finite_is_refused():
    with pytest.raises(DataError, match="finite"):
        compare_with_benchmark(np.ones((2, 10)), float("nan"), 1)


def test_too_few_periods_are_refused():
    with pytest.raises(DataError, match="10 periods"):
        compare_with_benchmark(np.ones((2, 9)), FLAT, 1)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.sampled_from([1e-4, 1.0, 1e4]))
def test_order_and_scale_do_not_matter_and_bounds_are_in_order(seed, trials, scale):
    generator = np.random.default_rng(seed)
    returns = generator.normal(0.0, 1.0, (trials, 60)) + generator.normal(0.0, 0.3, (trials, 1))
    one = compare_with_benchmark(returns, FLAT, 1, resamples=60, block=3.0)
    shuffled = scale * returns[generator.permutation(trials)]
    other = compare_with_benchmark(shuffled, FLAT, 1, resamples=60, block=3.0)
    assert 0.0 < one.lower <= one.consistent <= one.upper <= 1.0
    assert 0.0 < one.reality_check <= 1.0
    assert (other.lower, other.consistent, other.upper) == (one.lower, one.consistent, one.upper)
    assert other.statistic == pytest.approx(one.statistic)


def test_several_benchmarks_with_the_same_draws_are_as_one_by_one(make_noise):
    returns, held = make_noise(3, 300, 90, 0.3), make_noise(4, 1, 90, 0.0)[0]
    test = SuperiorityTest([np.zeros(90), held], 2.0, 7, 200)
    for start in range(0, 300, 70):
        test.add(start, returns[start : start + 70])
    alone = [compare_with_benchmark(returns, one, 7, resamples=200, block=2.0) for one in (FLAT, held)]
    found = test.finish()
    assert [(one.best, one.compared, one.consistent, one.lower, one.upper) for one in found] == [
        (one.best, one.compared, one.consistent, one.lower, one.upper) for one in alone
    ]
    assert [one.statistic for one in found] == pytest.approx([one.statistic for one in alone])


def test_single_precision_moves_no_p_value_by_more_than_a_draw(make_noise):
    returns = make_noise(5, 100, 120, 0.5)
    found = []
    for single in (False, True):
        test = SuperiorityTest([np.zeros(120)], 1.5, 3, 500, single=single)
        test.add(0, returns)
        found.append(test.finish()[0].consistent)
    assert found[0] == pytest.approx(found[1], abs=1.5 / 500)


@pytest.mark.parametrize("seed", range(4))
def test_one_record_is_a_sweep_of_one(seed, make_noise):
    record = make_noise(seed, 1, 150, 0.0)[0] + 0.0005
    draws = draw_indices(150, 2.0, 400, np.random.default_rng(9))
    whole = compare_with_benchmark(record[None, :], FLAT, 9, resamples=400, block=2.0)
    assert compare_one(record, FLAT, draws) == pytest.approx(whole.consistent, abs=1e-12)


def test_record_below_the_benchmark_has_p_value_1():
    draws = draw_indices(50, 1.0, 20, np.random.default_rng(1))
    assert compare_one(np.full(50, -0.001), FLAT, draws) == 1.0
    assert compare_one(np.full(50, 0.001), np.full(50, 0.002), draws) == 1.0
