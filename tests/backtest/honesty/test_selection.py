"""Choosing again and again: what was chosen, what it earned, and how that compares."""

import numpy as np
import pytest

from arena.backtest.honesty import Split, split_anchored, split_rolling, walk_forward
from arena.backtest.honesty import selection as module
from arena.core.errors import ConfigError


def _turning(periods=200):
    """Two trials: the first earns in the first half, the second in the other."""
    noise = np.random.default_rng(1).normal(0.0, 0.2, (2, periods))
    noise[0, : periods // 2] += 1.0
    noise[1, periods // 2 :] += 1.0
    return noise


def test_rolling_choice_follows_the_market_a_training_later():
    returns = _turning()
    found = walk_forward(returns, split_rolling(200, 7, 25))
    assert found.chosen.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert found.periods.tolist() == list(range(25, 200))
    expected = np.concatenate((returns[0, 25:125], returns[1, 125:]))
    assert np.array_equal(found.returns, expected)


def test_in_sample_and_ratio_are_those_of_the_chosen():
    returns = _turning()
    splits = split_anchored(200, 3, first_train=50)
    found = walk_forward(returns, splits)
    near = [returns[found.chosen[fold], : split.train[0].stop] for fold, split in enumerate(splits)]
    assert found.in_sample == pytest.approx([part.mean() / part.std(ddof=1) for part in near])
    assert found.out_of_sample == pytest.approx(found.returns.mean() / found.returns.std(ddof=1))
    assert found.ratio == pytest.approx(found.out_of_sample / found.in_sample.mean())


def test_noise_earns_nothing_out_of_sample(make_noise):
    ratios = [walk_forward(make_noise(seed, 40, 400), split_rolling(400, 5, 100)).ratio for seed in range(60)]
    assert np.mean(ratios) == pytest.approx(0.0, abs=0.15)


def test_real_edge_survives(make_noise):
    returns = make_noise(1, 40, 400)
    returns[5] += 0.005
    found = walk_forward(returns, split_anchored(400, 5))
    assert set(found.chosen.tolist()) == {5}
    assert found.ratio == pytest.approx(1.0, abs=0.4)


def test_no_later_return_moves_an_earlier_choice(make_noise):
    returns = make_noise(3, 20, 300)
    splits = split_rolling(300, 4, 80, purge=5)
    before = walk_forward(returns, splits)
    for fold, split in enumerate(splits):
        poisoned = returns.copy()
        poisoned[:, split.train[0].stop :] = 9.0
        assert np.array_equal(walk_forward(poisoned, splits).chosen[: fold + 1], before.chosen[: fold + 1])


def test_sweep_that_never_trades_has_no_ratio():
    found = walk_forward(np.zeros((3, 60)), split_anchored(60, 2))
    assert (found.out_of_sample, found.ratio) == (None, None)


def test_chunks_change_nothing(make_noise, monkeypatch):
    returns, splits = make_noise(1, 30, 120), split_anchored(120, 3)
    whole = walk_forward(returns, splits)
    read = module.read_chunks
    monkeypatch.setattr(module, "read_chunks", lambda source: read(source, 7 * 120))
    parts = walk_forward(returns, splits)
    assert np.array_equal(parts.chosen, whole.chosen)
    assert np.array_equal(parts.returns, whole.returns)


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ([], "no split"),
        ([Split((range(5),), (range(5, 9),)), Split((range(5),), (range(8, 10),))], "overlap"),
        ([Split((range(1),), (range(5, 9),))], "fewer than 2 periods"),
        ([Split((range(5),), (range(5, 12),))], "reaches position 11"),
    ],
    ids=["none", "overlap", "short training", "beyond the end"],
)
def test_splits_that_cannot_be_walked_are_refused(splits, message):
    with pytest.raises(ConfigError, match=message):
        walk_forward(np.ones((2, 10)), splits)
