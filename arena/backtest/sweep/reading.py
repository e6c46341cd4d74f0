"""One reading of all daily returns of a sweep: which trial each training would choose, and Hansen's test.

Memory does not grow with the trials. Invariant: every trial that was done is read once, and the order and
size of the chunks change nothing but rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from arena.backtest.honesty.bootstrap import choose_block_length
from arena.backtest.honesty.returns import FLAT_SHARE, FloatMatrix, read_rows
from arena.backtest.honesty.superiority import LEAST_PERIODS, ROWS_AT_ONCE, Superiority, SuperiorityTest
from arena.backtest.honesty.walkforward import Split
from arena.backtest.sweep.result import let_go
from arena.core.bars import FloatArray, IntArray

DRAWS = 1000
PRODUCTS = 2e9
"""Products that the test may take: beyond, days are taken together in longer periods."""

LEAST_LONG_PERIODS = 100


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """`chosen` is the position of the trial that is best in each training; `tests` one a benchmark."""

    chosen: IntArray
    tests: list[Superiority]


def read_sweep(
    daily: FloatMatrix,
    trials: IntArray,
    splits: Sequence[Split],
    benchmarks: Sequence[FloatArray],
    best: int,
    seed: int,
) -> Reading:
    """Read the daily returns of `trials` once.

    Args:
        daily: returns, (all trials, days); may be a memory map.
        trials: positions to read, ascending.
        splits: walk-forward splits whose trainings are one range each.
        benchmarks: daily returns of each, (days,).
        best: position of the best trial: the block length is that of its returns.
        seed: of the draws.

    Raises:
        DataError: a return is not finite.
    """
    days = daily.shape[1]
    periods = period_edges(len(trials), days)
    trains = [split.train[0] for split in splits]
    bounds = sorted({edge for train in trains for edge in (train.start, train.stop)} | {0})
    bounds = [edge for edge in bounds if edge < days]
    choice = _Choice(trains, bounds)
    test = None
    if benchmarks and len(periods) >= LEAST_PERIODS:
        held = [np.add.reduceat(one, periods) for one in benchmarks]
        own = np.add.reduceat(read_rows(daily, np.array([best]))[0], periods)
        test = SuperiorityTest(held, choose_block_length(own - held[-1]), seed, DRAWS, single=True)
    for first, chunk in _chunks(daily, trials):
        if trains:
            choice.add(trials[first : first + len(chunk)], chunk)
        if test is not None:
            test.add(first, np.add.reduceat(chunk, periods, axis=1))
    return Reading(choice.chosen, [] if test is None else test.finish())


def period_edges(trials: int, days: int) -> IntArray:
    """Return where the periods of Hansen's test start: days, or as many together as keep it bounded.

    The test is about mean returns, which sums of days have as well.
    """
    affordable = max(LEAST_LONG_PERIODS, int(PRODUCTS / (DRAWS * max(1, trials))))
    count = min(days, affordable)
    return np.arange(count, dtype=np.int64) * days // max(1, count)


class _Choice:
    """The best Sharpe ratio in each training so far, from sums between the trainings' ends."""

    def __init__(self, trains: Sequence[range], bounds: list[int]) -> None:
        self.chosen = np.zeros(len(trains), np.int64)
        self._best = np.full(len(trains), -np.inf)
        self._trains, self._bounds = trains, bounds

    def add(self, positions: IntArray, chunk: FloatArray) -> None:
        """Take in the daily returns of the trials at `positions`."""
        sums, squares = self._running(chunk), self._running(chunk * chunk)
        for fold, train in enumerate(self._trains):
            low, high = self._place(train.start), self._place(train.stop)
            count = len(train)
            mean = (sums[:, high] - sums[:, low]) / count
            square = (squares[:, high] - squares[:, low]) / count
            variance = square - mean * mean
            varies = variance > FLAT_SHARE * square
            sharpe = np.where(varies, mean / np.sqrt(np.where(varies, variance, 1.0)), 0.0)
            top = int(np.argmax(sharpe))
            if sharpe[top] > self._best[fold]:
                self._best[fold], self.chosen[fold] = sharpe[top], positions[top]

    def _running(self, values: FloatArray) -> FloatArray:
        parts = np.add.reduceat(values, self._bounds, axis=1)
        return np.concatenate((np.zeros((len(parts), 1)), np.cumsum(parts, axis=1)), axis=1)

    def _place(self, edge: int) -> int:
        return self._bounds.index(edge) if edge in self._bounds else len(self._bounds)


def _chunks(daily: FloatMatrix, trials: IntArray) -> Iterator[tuple[int, FloatArray]]:
    for start in range(0, len(trials), ROWS_AT_ONCE):
        yield start, read_rows(daily, trials[start : start + ROWS_AT_ONCE])
        let_go(daily)
