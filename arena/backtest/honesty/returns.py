"""Shapes of the arrays that every statistic here takes, and their checks.

Pure; holds no statistic. A track record is (periods,), a sweep is (trials, periods) in float32 or float64,
simple returns, oldest first. Invariant: what passes a check is finite and long enough to have a Sharpe ratio.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from arena.core.bars import FloatArray
from arena.core.errors import ConfigError, DataError

FloatMatrix = NDArray[np.float32] | NDArray[np.float64]
"""Returns of trials, shape (trials, periods); may be a memory map."""

CHUNK_VALUES = 2_000_000
"""Values worked on at a time: 16 MB as float64."""

FLAT_SHARE = 1e-12
"""A variance below this share of the mean square is rounding, not risk."""


def check_record(returns: FloatMatrix, least: int = 2) -> FloatArray:
    """Return one track record as float64.

    Raises:
        DataError: not one-dimensional, shorter than `least`, or holding a value that is not finite.
    """
    record = np.asarray(returns, np.float64)
    if record.ndim != 1 or len(record) < least:
        raise DataError(f"returns have shape {record.shape}; needed is one row of at least {least} periods")
    bad = len(record) - int(np.isfinite(record).sum())
    if bad:
        raise DataError(f"{bad} of {len(record)} returns are not finite; leave out or fill them first")
    return record


def check_trials(returns: FloatMatrix, least_trials: int = 1, least_periods: int = 2) -> tuple[int, int]:
    """Return (trials, periods) of a sweep; values are checked when they are read, chunk by chunk.

    Raises:
        DataError: not two-dimensional, or with too few trials or periods.
    """
    shape = np.shape(returns)
    if len(shape) != 2 or shape[0] < least_trials or shape[1] < least_periods:
        raise DataError(
            f"trial returns have shape {shape}; needed is (trials, periods) with at least "
            f"{least_trials} trials and {least_periods} periods"
        )
    return shape[0], shape[1]


def read_chunks(returns: FloatMatrix, values: int = CHUNK_VALUES) -> Iterator[tuple[slice, FloatArray]]:
    """Yield (rows, their returns as float64), a bounded number of values at a time.

    Raises:
        DataError: a value is not finite.
    """
    trials, periods = np.shape(returns)
    step = max(1, values // periods)
    for start in range(0, trials, step):
        rows = slice(start, min(start + step, trials))
        yield rows, read_rows(returns, np.arange(rows.start, rows.stop))


def read_rows(returns: FloatMatrix, rows: NDArray[np.int64]) -> FloatArray:
    """Return some trials as float64.

    Raises:
        DataError: a value is not finite.
    """
    block = np.asarray(returns[rows], np.float64)
    finite = np.isfinite(block).all(axis=1)
    if not finite.all():
        first = int(rows[int(np.argmin(finite))])
        raise DataError(
            f"trial {first} has a return that is not finite; a ruined account returns 0 from there on"
        )
    return block


def check_share(name: str, value: float) -> None:
    """Refuse what is not strictly between 0 and 1.

    Raises:
        ConfigError: it is not.
    """
    if not 0.0 < value < 1.0:
        raise ConfigError(f"{name} is {value}; it has to be between 0 and 1, both excluded")


def check_at_least(name: str, value: float, least: float) -> None:
    """Refuse what is below `least` or not a number.

    Raises:
        ConfigError: it is.
    """
    if not value >= least:
        raise ConfigError(f"{name} is {value}; it has to be at least {least}")
