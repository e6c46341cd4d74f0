"""Stationary bootstrap: what else could have happened to the same returns.

Pure; every draw comes from a generator that the caller seeds. Politis & Romano 1994: blocks of geometric
length with random starts, the series closed to a ring. Invariant: the same seed gives the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from arena.backtest.honesty.returns import (
    CHUNK_VALUES,
    FLAT_SHARE,
    FloatMatrix,
    check_at_least,
    check_record,
    check_share,
)
from arena.core.bars import FloatArray, IntArray

ROWS_AT_ONCE = 64
_FEWEST_INSIGNIFICANT = 5


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the two quantiles of its bootstrap distribution around it."""

    low: float
    estimate: float
    high: float


@dataclass(frozen=True, slots=True)
class BootstrapIntervals:
    """Intervals of one track record: Sharpe per period, return and drawdown as fractions.

    `max_drawdown` is at most 0; its `low` is the bad end. `loss_share` is the share of resamples that
    lost money, `block` the mean block length in periods.
    """

    sharpe: Interval
    total_return: Interval
    max_drawdown: Interval
    loss_share: float
    block: float
    resamples: int
    confidence: float


def draw_indices(length: int, block: float, resamples: int, generator: np.random.Generator) -> IntArray:
    """Return positions of stationary bootstrap samples, shape (resamples, length).

    A new block starts with probability 1 / block at a uniform place; a block that reaches the end goes
    on from the beginning.

    Raises:
        ConfigError: a length, block or count below 1.
    """
    check_at_least("length", length, 1)
    check_at_least("block length", block, 1.0)
    check_at_least("resamples", resamples, 1)
    place = np.arange(length)
    fresh = generator.random((resamples, length)) < 1.0 / block
    fresh[:, 0] = True
    start = generator.integers(0, length, (resamples, length))
    last = np.maximum.accumulate(np.where(fresh, place, 0), axis=1)
    drawn: IntArray = (np.take_along_axis(start, last, axis=1) + place - last) % length
    return drawn


def draw_chunks(
    length: int, block: float, resamples: int, generator: np.random.Generator
) -> Iterator[IntArray]:
    """Yield `draw_indices` in parts whose size depends on `length` alone, so that memory is bounded."""
    step = max(1, CHUNK_VALUES // max(1, length))
    for start in range(0, resamples, step):
        yield draw_indices(length, block, min(step, resamples - start), generator)


def rows_at_once(draws: IntArray) -> Iterator[IntArray]:
    """Yield draws a few rows at a time: what is made of them stays small."""
    for start in range(0, len(draws), ROWS_AT_ONCE):
        yield draws[start : start + ROWS_AT_ONCE]


def choose_block_length(returns: FloatMatrix) -> float:
    """Return the mean block length that suits the series' own memory, at least 1.

    Politis & White 2004 with the correction of Patton, Politis & White 2009: flat-top lag window up to
    twice the first lag after which five autocorrelations in a row are insignificant; at most
    min(3 sqrt(n), n / 3). 1 where the returns do not vary or are fewer than 10.
    """
    record = check_record(returns, 1)
    count = len(record)
    centred = record - record.mean()
    if count < 10 or float(centred @ centred) <= FLAT_SHARE * float(record @ record):
        return 1.0
    run = max(_FEWEST_INSIGNIFICANT, int(math.log10(count)))
    most = min(math.ceil(math.sqrt(count)) + run, count - 1)
    covariance = np.array([centred[lag:] @ centred[: count - lag] / count for lag in range(most + 1)])
    band = 2.0 * math.sqrt(math.log10(count) / count)
    window = _window(np.abs(covariance / covariance[0]) < band, run, most)
    longest = math.ceil(min(3.0 * math.sqrt(count), count / 3.0))
    return min(max(block_length_of(covariance[: window + 1], count), 1.0), float(longest))


def block_length_of(covariance: FloatArray, count: int) -> float:
    """Return the optimal mean block length for autocovariances of lags 0 to M and `count` observations.

    (G^2 / g^2 n)^(1/3), G = sum of |k| R(k) and g = sum of R(k) over all lags, both under the flat-top
    window: 1 up to M / 2, then down to 0 at M.
    """
    lags = np.arange(1, len(covariance))
    share = lags / max(1, len(covariance) - 1)
    weights = 2.0 * np.where(share <= 0.5, 1.0, 2.0 * (1.0 - share)) * covariance[1:]
    long_run = float(covariance[0] + weights.sum())
    if long_run == 0.0:
        return math.inf
    return math.cbrt((float(weights @ lags) / long_run) ** 2 * count)


def estimate_intervals(
    returns: FloatMatrix,
    seed: int,
    *,
    resamples: int = 2000,
    confidence: float = 0.9,
    block: float | None = None,
    draws: IntArray | None = None,
) -> BootstrapIntervals:
    """Return percentile intervals of Sharpe ratio, total return and maximum drawdown.

    Args:
        returns: simple returns a period, shape (periods,).
        seed: of the draws.
        resamples: number of draws.
        confidence: share of the draws between `low` and `high`.
        block: mean block length in periods; None chooses it from the returns.
        draws: positions from `draw_indices` to use instead of drawing; `block` tells their length.
    """
    check_share("confidence", confidence)
    record = check_record(returns)
    length = choose_block_length(record) if block is None else block
    if draws is None:
        generator = np.random.default_rng(seed)
        chunks = draw_chunks(len(record), length, resamples, generator)
    else:
        chunks, resamples = rows_at_once(draws), len(draws)
    parts = [_statistics(record[drawn]) for drawn in chunks]
    drawn_values = np.concatenate(parts, axis=1)
    observed = _statistics(record[None, :])[:, 0]
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(drawn_values, (tail, 1.0 - tail), axis=1)
    sharpe, total, drawdown = (
        Interval(float(low[row]), float(observed[row]), float(high[row])) for row in range(3)
    )
    return BootstrapIntervals(
        sharpe, total, drawdown, float(np.mean(drawn_values[1] < 0.0)), length, resamples, confidence
    )


def _window(insignificant: np.ndarray[tuple[int], np.dtype[np.bool_]], run: int, most: int) -> int:
    # The window reaches to twice the first lag of the run, as in the authors' own program.
    for lag in range(1, most - run + 1):
        if insignificant[lag : lag + run].all():
            return min(2 * lag, most)
    return most


def _statistics(samples: FloatArray) -> FloatArray:
    """Sharpe, total return and maximum drawdown of each row, shape (3, rows)."""
    mean, deviation = samples.mean(axis=1), samples.std(axis=1, ddof=1)
    varies = deviation**2 > FLAT_SHARE * np.mean(samples**2, axis=1)
    sharpe = np.where(varies, mean, 0.0) / np.where(varies, deviation, 1.0)
    wealth = np.cumprod(np.maximum(1.0 + samples, 0.0), axis=1)
    peak = np.maximum(np.maximum.accumulate(wealth, axis=1), 1.0)
    return np.stack((sharpe, wealth[:, -1] - 1.0, (wealth / peak - 1.0).min(axis=1)))
