"""Sweeps that are worth nothing, sweeps with one edge, and the reference package for bootstraps."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from arena.core.bars import FloatArray

WINDOWS = (2, 3, 5, 8, 12, 16, 20, 30, 40, 60, 80)


def _noise(seed: int, trials: int, periods: int, shared: float = 0.0) -> FloatArray:
    generator = np.random.default_rng([seed, trials, periods])
    common = np.sqrt(shared) * generator.normal(size=periods)
    return 0.01 * (common + np.sqrt(1.0 - shared) * generator.normal(size=(trials, periods)))


def _crossings(seed: int, periods: int) -> tuple[FloatArray, FloatArray]:
    """Returns of every pair of moving averages on a random walk, and of the walk itself."""
    longest = max(WINDOWS)
    asset = 0.01 * np.random.default_rng([seed, periods]).normal(size=periods + longest)
    path = np.concatenate(([0.0], np.cumsum(asset)))
    sums = np.concatenate(([0.0], np.cumsum(path)))
    last = np.arange(longest, len(path)) + 1
    means = [(sums[last] - sums[last - window]) / window for window in WINDOWS]
    held = asset[longest:]
    sides = [
        np.sign(fast - slow)[:-1] * held for place, fast in enumerate(means) for slow in means[place + 1 :]
    ]
    return np.array(sides), held


@pytest.fixture(scope="session")
def make_noise() -> Callable[..., FloatArray]:
    """Sweeps of pure noise, by seed, trials, periods and share of variance in common."""
    return _noise


@pytest.fixture(scope="session")
def make_crossings() -> Callable[[int, int], tuple[FloatArray, FloatArray]]:
    """Sweeps of moving-average pairs on noise, by seed and periods."""
    return _crossings


@pytest.fixture(scope="session")
def arch_bootstrap() -> ModuleType:
    """The reference implementation; what it warns of on import is not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(
            "arch.bootstrap", reason="no arch: the bootstrap's oracle is not installed"
        )
