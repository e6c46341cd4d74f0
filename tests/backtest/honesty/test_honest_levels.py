"""On noise, the share of sweeps called significant stays at the stated level; a real edge is called so.

Small sweeps with fixed seeds: independent trials, trials that share half of their variance, and pairs of
moving averages, where most trials are near copies of others.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from arena.backtest.honesty import (
    FLAT,
    compare_with_benchmark,
    count_effective_trials,
    deflated_sharpe,
    estimate_overfitting,
    measure_dispersion,
    sample_sharpe,
    sharpe_of_trials,
)

SWEEPS = 300
PERIODS = 250
LEVEL = 0.05
SCATTER = 2.0 * np.sqrt(LEVEL * (1 - LEVEL) / SWEEPS)  # two standard errors of a share of so many sweeps
KINDS = ("independent", "shared", "crossings")

Sweeps = Callable[[str], Iterator[np.ndarray]]


@pytest.fixture
def sweeps(make_noise, make_crossings) -> Sweeps:
    def make(kind: str) -> Iterator[np.ndarray]:
        for seed in range(SWEEPS):
            if kind == "crossings":
                yield make_crossings(seed, PERIODS)[0]
            else:
                yield make_noise(seed, 20, PERIODS, 0.5 if kind == "shared" else 0.0)

    return make


def _deflated(returns, *, grouped=False, trials=None):
    sharpes = sharpe_of_trials(returns)
    best = sample_sharpe(returns[int(np.nanargmax(sharpes))])
    spread = count_effective_trials(returns).between if grouped else measure_dispersion(sharpes)
    return deflated_sharpe(best, trials or spread.count, spread.variance).probability


@pytest.mark.parametrize("kind", KINDS)
def test_deflated_sharpe_keeps_its_level_on_noise(kind, sweeps):
    assert np.mean([_deflated(returns) > 0.95 for returns in sweeps(kind)]) <= LEVEL + SCATTER


@pytest.mark.parametrize("kind", KINDS)
def test_deflated_sharpe_of_groups_keeps_its_level_on_noise(kind, sweeps):
    assert np.mean([_deflated(returns, grouped=True) > 0.95 for returns in sweeps(kind)]) <= LEVEL + SCATTER


def test_near_copies_keep_the_level_by_the_plain_count_and_not_by_groups(make_noise):
    copies = [make_noise(seed, 20, PERIODS, 0.9) for seed in range(SWEEPS)]
    assert np.mean([_deflated(returns) > 0.95 for returns in copies]) <= LEVEL + SCATTER
    # One group is no deflation: docs/honesty.md warns of it.
    assert np.mean([_deflated(returns, grouped=True) > 0.95 for returns in copies]) > 2 * LEVEL


@pytest.mark.parametrize("kind", KINDS)
def test_sharpe_of_the_best_without_deflation_does_not(kind, sweeps):
    assert np.mean([_deflated(returns, trials=1) > 0.95 for returns in sweeps(kind)]) > 0.25


@pytest.mark.parametrize("kind", KINDS)
def test_superiority_keeps_its_level_on_noise(kind, sweeps):
    found = [compare_with_benchmark(returns, FLAT, 1, resamples=199) for returns in sweeps(kind)]
    assert np.mean([one.consistent < LEVEL for one in found]) <= LEVEL + SCATTER
    assert np.mean([one.reality_check < LEVEL for one in found]) <= LEVEL + SCATTER


def test_superiority_over_holding_keeps_its_level_on_noise(make_crossings):
    found = []
    for seed in range(SWEEPS):
        returns, market = make_crossings(seed, PERIODS)
        found.append(compare_with_benchmark(returns, market, 1, resamples=199).consistent)
    assert np.mean(np.array(found) < LEVEL) <= LEVEL + SCATTER


@pytest.mark.parametrize("kind", KINDS)
def test_overfitting_is_even_on_noise_and_seldom_looks_small(kind, sweeps):
    found = np.array([estimate_overfitting(returns, 8).probability for returns in sweeps(kind)])
    assert found.mean() == pytest.approx(0.5, abs=0.06)
    assert np.mean(found < LEVEL) <= LEVEL


def test_real_edge_is_called_significant_by_all_three(sweeps):
    found = []
    for returns in sweeps("independent"):
        returns[3] += 0.004
        found.append(
            (
                _deflated(returns) > 0.95,
                compare_with_benchmark(returns, FLAT, 1, resamples=199).consistent < LEVEL,
                estimate_overfitting(returns, 8).probability < LEVEL,
            )
        )
    assert (np.mean(found, axis=0) > 0.8).all()
