"""Is the best of a sweep better than a benchmark, or only the luckiest of many?

Pure and seeded. White's reality check (2000) and Hansen's test of superior predictive ability (2005) on
stationary bootstrap samples. Invariant: lower <= consistent <= upper, each in (0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arena.backtest.honesty.bootstrap import choose_block_length, draw_chunks, rows_at_once
from arena.backtest.honesty.permutation import permutation_p_value
from arena.backtest.honesty.returns import (
    CHUNK_VALUES,
    FLAT_SHARE,
    FloatMatrix,
    check_at_least,
    check_record,
    check_trials,
    read_chunks,
)
from arena.core.bars import FloatArray, IntArray
from arena.core.errors import ConfigError, DataError

FLAT = 0.0
"""The benchmark of holding nothing."""

LEAST_PERIODS = 10
ROWS_AT_ONCE = 128
"""Trials worked on at a time: what they are resampled to stays in a core's cache."""


@dataclass(frozen=True, slots=True)
class Superiority:
    """p-values of "no trial is better than the benchmark", in mean return.

    Attributes:
        consistent: Hansen's p-value: the one to read.
        lower: its lower bound; trials worse than the benchmark are taken as exactly that bad.
        upper: its upper bound; all trials are taken to be as good as the benchmark.
        reality_check: White's p-value: as `upper`, without dividing by each trial's own deviation.
        best: position of the trial with the highest studentised excess, None where none varies.
        statistic: that excess, in standard errors, 0 where no trial beats the benchmark.
        compared: trials that differ from the benchmark at all; the others cannot beat it.
        block: mean block length in periods.
        resamples: number of draws.
    """

    consistent: float
    lower: float
    upper: float
    reality_check: float
    best: int | None
    statistic: float
    compared: int
    block: float
    resamples: int


def compare_with_benchmark(
    returns: FloatMatrix,
    benchmark: FloatArray | float,
    seed: int,
    *,
    resamples: int = 1000,
    block: float | None = None,
) -> Superiority:
    """Test whether any trial of a sweep has a higher mean return than the benchmark.

    Args:
        returns: shape (trials, periods).
        benchmark: returns of the same periods (buy and hold), or `FLAT`.
        seed: of the draws.
        resamples: number of draws; memory is 8 bytes times this times the periods.
        block: mean block length in periods; None chooses it from the trial with the highest mean.

    Raises:
        ConfigError: the benchmark is of other periods, or the block is longer than the record.
        DataError: fewer than 10 periods, or returns that are not finite.
    """
    _, periods = check_trials(returns, 1, LEAST_PERIODS)
    held = _benchmark_row(benchmark, periods)
    if block is None:
        block = choose_block_length(_best_excess(returns, held))
    test = SuperiorityTest([held], block, seed, resamples)
    for rows, chunk in read_chunks(returns, min(CHUNK_VALUES, ROWS_AT_ONCE * periods)):
        test.add(rows.start, chunk)
    return test.finish()[0]


def compare_one(returns: FloatArray, benchmark: FloatArray | float, draws: IntArray) -> float:
    """Return the p-value of "this one record is no better than the benchmark", in mean return.

    What `compare_with_benchmark` comes to for a single trial: the deviation that studentises cancels, and a
    record below the benchmark has p = 1.

    Args:
        returns: shape (periods,).
        benchmark: returns of the same periods, or `FLAT`.
        draws: positions from `draw_indices`, shape (resamples, periods).
    """
    record = check_record(returns)
    excess = record - _benchmark_row(benchmark, len(record))
    mean = float(excess.mean())
    if not mean > 0.0:
        return 1.0
    means = [excess[some].mean(axis=1) for some in rows_at_once(draws)]
    return permutation_p_value(mean, np.concatenate(means) - mean)


class SuperiorityTest:
    """The test taken chunk by chunk, against several benchmarks with the same draws.

    Memory is 8 bytes times resamples times periods, whatever the number of trials.
    """

    def __init__(
        self,
        benchmarks: Sequence[FloatArray],
        block: float,
        seed: int,
        resamples: int,
        *,
        single: bool = False,
    ) -> None:
        """Draw.

        Args:
            benchmarks: returns of each, shape (periods,).
            block: mean block length in periods.
            seed: of the draws.
            resamples: number of draws.
            single: resample in float32: twice as fast, and p-values need no more digits.

        Raises:
            ConfigError: the block is longer than the record, or there is no draw.
        """
        periods = len(benchmarks[0])
        check_at_least("resamples", resamples, 1)
        if not 1.0 <= block <= periods:
            raise ConfigError(
                f"the mean block length is {block}; it has to be from 1 to the {periods} periods"
            )
        self._block = block
        counts = _draw_counts(periods, block, resamples, np.random.default_rng(seed))
        self._kind = np.float32 if single else np.float64
        self._counts = np.ascontiguousarray(counts.T, self._kind)
        self._spectrum = _variance_weights(periods, block)
        self._tallies = [
            _Tally(held, (counts @ (held - held.mean()) / math.sqrt(periods)).astype(self._kind))
            for held in benchmarks
        ]

    def add(self, first: int, returns: FloatArray) -> None:
        """Take in some trials' returns, shape (rows, periods), the first of them at position `first`."""
        centred = returns - returns.mean(axis=1, keepdims=True)
        noise = (centred / math.sqrt(returns.shape[1])).astype(self._kind, copy=False) @ self._counts
        for tally in self._tallies:
            tally.add(first, returns, noise, self._spectrum)

    def finish(self) -> list[Superiority]:
        """Return the p-values against each benchmark, in order."""
        return [tally.finish(self._block) for tally in self._tallies]


class _Tally:
    """The observed maxima and, for each draw, the maxima under the four ways of centring."""

    def __init__(self, held: FloatArray, noise: FloatMatrix) -> None:
        self.held, self.noise = held, noise
        self.drawn = np.full((4, len(noise)), -math.inf)
        self.studentised, self.raw = -math.inf, -math.inf
        self.best: int | None = None
        self.compared = 0

    def add(self, first: int, returns: FloatArray, noise: FloatMatrix, spectrum: FloatArray) -> None:
        """Take in some trials: their returns, (rows, periods), and resampled means, (rows, resamples)."""
        periods = returns.shape[1]
        excess = returns - self.held
        mean = excess.mean(axis=1)
        centred = excess - mean[:, None]
        varies = np.mean(centred**2, axis=1) > FLAT_SHARE * np.mean(excess**2, axis=1)
        if not varies.any():
            return
        if not varies.all():
            mean, centred, noise = mean[varies], centred[varies], noise[varies]
        root = math.sqrt(periods)
        deviation = np.sqrt((np.abs(np.fft.rfft(centred, axis=1)) ** 2) @ spectrum)
        observed = root * mean / deviation
        self._keep_best(first + np.flatnonzero(varies), observed)
        self.raw = max(self.raw, root * float(mean.max()))
        moved = noise - self.noise
        self._keep_maxima(3, moved)
        moved *= (1.0 / deviation)[:, None].astype(moved.dtype)
        # Hansen's three ways: a trial far below the benchmark may keep its mean, so it cannot win.
        threshold = -math.sqrt(2.0 * math.log(math.log(periods)))
        far = np.where(observed < threshold, observed, 0.0)
        self._keep_maxima(2, moved)
        moved += far[:, None].astype(moved.dtype)
        self._keep_maxima(1, moved)
        moved += (np.minimum(observed, 0.0) - far)[:, None].astype(moved.dtype)
        self._keep_maxima(0, moved)

    def finish(self, block: float) -> Superiority:
        """Return the p-values; 1 where no trial varies."""
        resamples = self.drawn.shape[1]
        if self.best is None:
            return Superiority(1.0, 1.0, 1.0, 1.0, None, 0.0, 0, block, resamples)
        statistic = max(self.studentised, 0.0)
        lower, consistent, upper = (
            permutation_p_value(statistic, np.maximum(self.drawn[row], 0.0)) for row in range(3)
        )
        check = permutation_p_value(self.raw, self.drawn[3])
        return Superiority(
            consistent, lower, upper, check, self.best, statistic, self.compared, block, resamples
        )

    def _keep_best(self, places: np.ndarray[tuple[int], np.dtype[np.int64]], observed: FloatArray) -> None:
        self.compared += len(places)
        top = int(np.argmax(observed))
        if observed[top] > self.studentised:
            self.studentised, self.best = float(observed[top]), int(places[top])

    def _keep_maxima(self, row: int, values: FloatMatrix) -> None:
        np.maximum(self.drawn[row], values.max(axis=0), out=self.drawn[row])


def _benchmark_row(benchmark: FloatArray | float, periods: int) -> FloatArray:
    if isinstance(benchmark, float | int):
        if not math.isfinite(benchmark):
            raise DataError(f"the benchmark's return is {benchmark}; it has to be a finite number")
        return np.full(periods, float(benchmark))
    held = check_record(benchmark)
    if len(held) != periods:
        raise ConfigError(f"the benchmark has {len(held)} periods and the trials {periods}; cut them alike")
    return held


def _best_excess(returns: FloatMatrix, held: FloatArray) -> FloatArray:
    highest, row = -math.inf, held
    for _, chunk in read_chunks(returns):
        means = chunk.mean(axis=1)
        top = int(np.argmax(means))
        if means[top] > highest:
            highest, row = float(means[top]), chunk[top] - held
    return row


def _draw_counts(periods: int, block: float, resamples: int, generator: np.random.Generator) -> FloatArray:
    """How often each period is in each sample: turns all sample means into one matrix product."""
    counts = np.empty((resamples, periods))
    start = 0
    for drawn in draw_chunks(periods, block, resamples, generator):
        rows = len(drawn)
        flat = (drawn + np.arange(rows)[:, None] * periods).ravel()
        counts[start : start + rows] = np.bincount(flat, minlength=rows * periods).reshape(rows, periods)
        start += rows
    return counts


def _variance_weights(periods: int, block: float) -> FloatArray:
    """Weights of the power spectrum that give the bootstrap variance of sqrt(n) times the mean.

    Hansen 2005 has it as autocovariances under the kernel (1 - i/n)(1 - q)^i + (i/n)(1 - q)^(n - i),
    q = 1 / block. That kernel is symmetric on the ring, so the sum is one over frequencies.
    """
    lag = np.arange(periods)
    keep = 1.0 - 1.0 / block
    kernel = (1.0 - lag / periods) * keep**lag + (lag / periods) * keep ** (periods - lag)
    weights = np.maximum(np.fft.rfft(kernel).real, 0.0) / periods**2
    weights[1 : (periods + 1) // 2] *= 2.0
    result: FloatArray = weights
    return result
