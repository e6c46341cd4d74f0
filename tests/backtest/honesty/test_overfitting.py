"""PBO by CSCV: against a plain reading of the paper, on noise and on a real edge."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.backtest.honesty import estimate_overfitting
from arena.core.errors import ConfigError, DataError


def _sharpe(rows):
    deviation = rows.std(axis=1, ddof=1)
    return np.where(deviation > 0, rows.mean(axis=1) / np.where(deviation > 0, deviation, 1), 0.0)


def _slow_overfitting(returns, blocks):
    parts = np.array_split(np.arange(returns.shape[1]), blocks)
    trials, logits, near, far = len(returns), [], [], []
    for chosen in combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[block] for block in chosen])
        outside = np.setdiff1d(np.arange(returns.shape[1]), inside)
        within, beyond = _sharpe(returns[:, inside]), _sharpe(returns[:, outside])
        best = int(np.argmax(within))
        rank = 1 + int((beyond < beyond[best]).sum())
        share = rank / (trials + 1)
        logits.append(math.log(share / (1 - share)))
        near.append(within[best])
        far.append(beyond[best])
    return np.array(logits), np.array(near), np.array(far)


@pytest.mark.parametrize(
    ("trials", "periods", "blocks"), [(7, 60, 6), (8, 61, 6), (2, 40, 4), (20, 67, 8)], ids=str
)
def test_splits_are_those_of_the_slow_reading(trials, periods, blocks, make_noise):
    returns = make_noise(1, trials, periods)
    logits, near, far = _slow_overfitting(returns, blocks)
    found = estimate_overfitting(returns, blocks)
    assert found.probability == pytest.approx(np.mean(logits <= 1e-12))
    assert found.probability_of_loss == pytest.approx(np.mean(far < 0))
    assert found.slope == pytest.approx(np.polyfit(near, far, 1)[0])
    assert np.sort(found.logits) == pytest.approx(np.sort(logits))
    assert np.sort(found.in_sample) == pytest.approx(np.sort(near))
    assert np.sort(found.out_of_sample) == pytest.approx(np.sort(far))


def test_sixteen_blocks_make_12870_splits(make_noise):
    assert estimate_overfitting(make_noise(1, 5, 160)).splits == 12_870


def test_demeaned_noise_is_overfitted_for_certain(make_noise):
    returns = make_noise(2, 100, 800)
    assert estimate_overfitting(returns - returns.mean(axis=1, keepdims=True)).probability == 1.0


def test_noise_is_overfitted_half_of_the_time(make_noise):
    found = [estimate_overfitting(make_noise(seed, 50, 400), 8).probability for seed in range(60)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.06)


def test_one_real_edge_is_hardly_overfitted(make_noise):
    found = []
    for seed in range(20):
        returns = make_noise(seed, 100, 1250)
        returns[7] += 0.15 * 0.01
        found.append(estimate_overfitting(returns, 8).probability)
    assert np.mean(found) == pytest.approx(0.05, abs=0.03)


def test_trial_on_the_median_counts_as_overfitted():
    # Three trials: the one that is best in sample is second of three in the other half.
    returns = np.array([[3.0, 1.0, 1.0, -1.0], [-1.0, 1.0, 4.0, 1.0], [-2.0, 1.0, -2.0, 1.0]])
    found = estimate_overfitting(returns, 2)
    assert found.logits == pytest.approx([0.0, 0.0])
    assert found.probability == 1.0


def test_equal_trials_share_the_middle_rank():
    returns = np.tile(np.random.default_rng(5).normal(size=40), (4, 1))
    found = estimate_overfitting(returns, 4)
    assert found.logits == pytest.approx(np.zeros(6))


def test_trial_that_is_flat_in_a_half_has_sharpe_0_there():
    generator = np.random.default_rng(1)
    late = np.concatenate((np.zeros(20), generator.normal(1.0, 1.0, 20)))
    found = estimate_overfitting(np.stack((late, -late)), 2)
    assert 0.0 in np.round(found.in_sample, 12)
    assert np.isfinite(found.in_sample).all()


def test_sweep_that_never_trades_has_no_slope():
    found = estimate_overfitting(np.zeros((3, 40)), 4)
    assert found.slope is None
    assert found.probability == 1.0


def test_chunks_change_nothing(make_noise, monkeypatch):
    returns = make_noise(3, 30, 200).astype(np.float32)
    whole = estimate_overfitting(returns, 8)
    monkeypatch.setattr("arena.backtest.honesty.overfitting.CACHED_VALUES", 500)
    parts = estimate_overfitting(returns, 8)
    assert np.array_equal(parts.logits, whole.logits)
    assert parts.slope == pytest.approx(whole.slope)


@pytest.mark.parametrize("blocks", [0, 1, 7, 22])
def test_number_of_blocks_is_checked(blocks):
    with pytest.raises(ConfigError, match=f"CSCV has {blocks} blocks"):
        estimate_overfitting(np.zeros((3, 100)), blocks)


@pytest.mark.parametrize("shape", [(1, 100), (3, 31), (100,)], ids=str)
def test_sweep_too_small_for_its_blocks_is_refused(shape):
    with pytest.raises(DataError, match="at least 2 trials and 32 periods"):
        estimate_overfitting(np.zeros(shape))


def test_trial_with_a_hole_is_named():
    returns = np.zeros((3, 40))
    returns[2, 5] = np.nan
    with pytest.raises(DataError, match="trial 2 has a return that is not finite"):
        estimate_overfitting(returns, 4)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.sampled_from([1e-4, 1.0, 1e4]))
def test_order_and_scale_of_trials_do_not_matter(seed, trials, scale):
    generator = np.random.default_rng(seed)
    returns = generator.normal(size=(trials, 50))
    one = estimate_overfitting(returns, 6)
    other = estimate_overfitting(scale * returns[generator.permutation(trials)], 6)
    assert 0.0 <= one.probability <= 1.0
    assert other.probability == one.probability
    assert other.logits == pytest.approx(one.logits)
    assert other.probability_of_loss == one.probability_of_loss
