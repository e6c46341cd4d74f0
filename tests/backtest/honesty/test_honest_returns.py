"""Reading a sweep piece by piece, and the package's public names."""

import subprocess
import sys

import numpy as np
import pytest

from arena.backtest import honesty
from arena.backtest.honesty import returns as module
from arena.core.errors import DataError


def test_chunks_cover_every_trial_once_as_float64():
    returns = np.arange(35, dtype=np.float32).reshape(7, 5)
    chunks = list(module.read_chunks(returns, 10))
    assert [(rows.start, rows.stop) for rows, _ in chunks] == [(0, 2), (2, 4), (4, 6), (6, 7)]
    assert all(chunk.dtype == np.float64 for _, chunk in chunks)
    assert np.array_equal(np.concatenate([chunk for _, chunk in chunks]), returns)


def test_chunk_of_less_than_a_trial_is_a_trial():
    assert len(list(module.read_chunks(np.ones((3, 5)), 1))) == 3


def test_trial_that_is_not_finite_is_named_by_its_place_in_the_sweep():
    returns = np.ones((6, 5))
    returns[4, 1] = np.inf
    with pytest.raises(DataError, match="trial 4 "):
        list(module.read_chunks(returns, 10))


def test_reading_never_writes_into_the_sweep():
    returns = np.random.default_rng(1).normal(size=(6, 40))
    returns.flags.writeable = False
    honesty.count_effective_trials(returns)
    honesty.estimate_overfitting(returns, 4)
    honesty.compare_with_benchmark(returns, honesty.FLAT, 1, resamples=20)
    assert honesty.sharpe_of_trials(returns).shape == (6,)


def test_public_names_exist_once_each():
    assert all(hasattr(honesty, name) for name in honesty.__all__)
    assert len(set(honesty.__all__)) == len(honesty.__all__)


def test_package_needs_nothing_but_numpy():
    program = (
        "import sys, arena.backtest.honesty; "
        "print([n for n in ('numba', 'polars', 'pyarrow', 'pandas', 'scipy', 'arch') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
