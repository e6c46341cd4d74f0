"""Effective number of trials and the dispersion of their Sharpe ratios."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.backtest.honesty import (
    Dispersion,
    count_effective_trials,
    measure_dispersion,
    pool_dispersions,
    sample_sharpe,
    sharpe_of_trials,
)
from arena.backtest.honesty import returns as shapes
from arena.backtest.honesty import trials as module
from arena.core.errors import ConfigError, DataError


def _families(seed, families, size, own, periods=400):
    generator = np.random.default_rng(seed)
    roots = generator.normal(size=(families, periods))
    return np.repeat(roots, size, axis=0) + own * generator.normal(size=(families * size, periods))


@pytest.mark.parametrize(("families", "size"), [(1, 30), (4, 10), (12, 3)], ids=str)
def test_families_of_like_trials_are_counted_once_each(families, size):
    found = count_effective_trials(_families(1, families, size, 0.3))
    assert found.clusters == families
    groups = found.labels.reshape(families, size)
    assert (groups == groups[:, :1]).all()
    assert len(set(groups[:, 0].tolist())) == families


def test_independent_trials_all_count(make_noise):
    found = count_effective_trials(make_noise(1, 200, 300))
    assert found.clusters == 200
    assert found.implied == pytest.approx(200, rel=0.01)


def test_trial_and_its_mirror_are_two(make_noise):
    record = make_noise(1, 1, 100)
    assert count_effective_trials(np.concatenate((record, -record))).clusters == 2


def test_implied_number_follows_the_mean_correlation(make_noise):
    returns = make_noise(3, 40, 2000, 0.4)
    found = count_effective_trials(returns)
    pairs = np.corrcoef(returns)[np.triu_indices(40, 1)]
    assert found.mean_correlation == pytest.approx(pairs.mean(), abs=1e-5)
    assert found.implied == pytest.approx(pairs.mean() + (1 - pairs.mean()) * 40, abs=1e-3)


def test_leaders_are_apart_and_members_near_theirs(make_crossings):
    returns, _ = make_crossings(1, 300)
    found = count_effective_trials(returns)
    correlation = np.corrcoef(returns)
    among = correlation[np.ix_(found.leaders, found.leaders)]
    assert (among[~np.eye(found.clusters, dtype=bool)] < module.HALF_SHARED).all()
    assert (
        correlation[np.arange(len(returns)), found.leaders[found.labels]] > module.HALF_SHARED - 1e-6
    ).all()
    assert found.leaders[0] == np.argmax(sharpe_of_trials(returns))
    assert 1 < found.clusters < len(returns) / 2


def test_trials_that_never_trade_are_in_no_cluster(make_noise):
    returns = np.concatenate((np.zeros((3, 100)), make_noise(1, 4, 100)))
    found = count_effective_trials(returns)
    assert found.labels[:3].tolist() == [-1, -1, -1]
    assert found.clusters == 4
    assert found.between.count == 4


def test_sweep_that_never_trades_is_refused():
    with pytest.raises(DataError, match="nothing to count"):
        count_effective_trials(np.zeros((3, 10)))


@pytest.mark.parametrize("threshold", [0.0, 1.0, math.nan], ids=str)
def test_threshold_is_a_share(threshold):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        count_effective_trials(np.ones((2, 5)), threshold)


@pytest.mark.parametrize("size", [1, 7, 64], ids=str)
def test_block_size_changes_nothing(size, make_crossings, monkeypatch):
    returns, _ = make_crossings(2, 250)
    whole = count_effective_trials(returns)
    monkeypatch.setattr(module, "_BLOCK_ROWS", size)
    parts = count_effective_trials(returns)
    assert np.array_equal(parts.labels, whole.labels)
    assert np.array_equal(parts.leaders, whole.leaders)
    assert parts.mean_correlation == pytest.approx(whole.mean_correlation, abs=1e-6)


def test_memory_map_is_read_in_pieces(tmp_path, make_noise, monkeypatch):
    returns = make_noise(5, 60, 200, 0.6).astype(np.float32)
    np.save(tmp_path / "returns.npy", returns)
    mapped = np.load(tmp_path / "returns.npy", mmap_mode="r")
    monkeypatch.setattr(module, "_BLOCK_ROWS", 8)
    most = 0
    read = shapes.read_rows

    def watch(source, rows):
        nonlocal most
        most = max(most, len(rows))
        return read(source, rows)

    monkeypatch.setattr(module, "read_rows", watch)
    assert count_effective_trials(mapped).clusters == count_effective_trials(returns).clusters
    assert most == 8


def test_sharpe_of_trials_is_the_sample_sharpe_and_nan_where_flat(make_noise):
    returns = np.concatenate((make_noise(1, 3, 50), np.zeros((1, 50)), np.full((1, 50), 0.01)))
    found = sharpe_of_trials(returns)
    assert found[:3] == pytest.approx([sample_sharpe(row).sharpe for row in returns[:3]])
    assert np.isnan(found[3:]).all()
    assert measure_dispersion(found) == Dispersion(3, found[:3].mean(), found[:3].var(ddof=1))


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], Dispersion(0, 0.0, 0.0)), ([0.2], Dispersion(1, 0.2, 0.0)), ([math.nan], Dispersion(0, 0.0, 0.0))],
    ids=["none", "one", "undefined"],
)
def test_dispersion_of_too_few(values, expected):
    assert measure_dispersion(np.array(values)) == expected


@given(st.lists(st.lists(st.floats(-1.0, 1.0), max_size=12), max_size=6))
def test_pooled_dispersion_is_that_of_all_trials_at_once(parts):
    pooled = pool_dispersions(measure_dispersion(np.array(part)) for part in parts)
    whole = measure_dispersion(np.array([value for part in parts for value in part]))
    assert pooled.count == whole.count
    assert pooled.mean == pytest.approx(whole.mean, abs=1e-12)
    assert pooled.variance == pytest.approx(whole.variance, abs=1e-12)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 4), st.sampled_from([1e-4, 1.0, 1e4]))
def test_order_and_scale_of_trials_do_not_change_the_count(seed, families, size, scale):
    returns = _families(seed, families, size, 0.8, 80)
    order = np.random.default_rng(seed).permutation(len(returns))
    one, other = count_effective_trials(returns), count_effective_trials(scale * returns[order])
    assert 1 <= one.clusters == other.clusters <= len(returns)
    assert 1.0 - 1e-6 <= one.implied <= len(returns)
    assert np.array_equal(other.labels, one.labels[order])
    assert other.between.variance == pytest.approx(one.between.variance)
