"""Probability of backtest overfitting by combinatorially symmetric cross-validation (CSCV).

Pure; Bailey, Borwein, Lopez de Prado & Zhu 2015. Invariant: every half of the blocks is once in sample and
once out of sample, and a logit of 0 (the chosen trial is exactly the median) counts as overfitting.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from arena.backtest.honesty.returns import FLAT_SHARE, FloatMatrix, check_trials, read_chunks
from arena.core.bars import FloatArray
from arena.core.errors import ConfigError

MOST_BLOCKS = 20
SAME_SHARPE = 1e-12
CACHED_VALUES = 32_768
"""Values worked on at a time: the few arrays of them stay in a core's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Overfitting:
    """What happened out of sample to the trial that was best in sample, split by split.

    Attributes:
        probability: PBO, share of splits where it came in the lower half or on the median.
        logits: ln(w / (1 - w)) a split, w its relative rank out of sample.
        in_sample: its per-period Sharpe ratio in sample, a split.
        out_of_sample: the same out of sample.
        slope: of out of sample on in sample, least squares; None where in sample does not vary.
        probability_of_loss: share of splits where it lost money out of sample.
    """

    probability: float
    logits: FloatArray
    in_sample: FloatArray
    out_of_sample: FloatArray
    slope: float | None
    probability_of_loss: float

    @property
    def splits(self) -> int:
        """Number of splits: C(blocks, blocks / 2)."""
        return len(self.logits)


def estimate_overfitting(returns: FloatMatrix, blocks: int = 16) -> Overfitting:
    """Return PBO of a sweep.

    The periods are cut into `blocks` runs of equal length (the first ones are a period longer where that
    does not divide), the performance is the per-period Sharpe ratio, 0 where a half has no variance.
    A trial's rank among equals is the middle one.

    Args:
        returns: shape (trials, periods), at least 2 trials and 2 periods a block.
        blocks: even, 2 to 20.

    Raises:
        ConfigError: `blocks` is odd or out of range.
        DataError: the returns are too few or not finite.
    """
    if blocks % 2 or not 2 <= blocks <= MOST_BLOCKS:
        raise ConfigError(f"CSCV has {blocks} blocks; it takes an even number from 2 to {MOST_BLOCKS}")
    trials, _ = check_trials(returns, 2, 2 * blocks)
    sizes, sums, squares = _block_sums(returns, blocks)
    halves = _first_halves(blocks)
    chosen = np.empty((4, len(halves)))
    ranks = np.empty((2, len(halves)))
    step = max(1, CACHED_VALUES // trials)
    for start in range(0, len(halves), step):
        part = slice(start, start + step)
        near = _sharpe_of(halves[part], sizes, sums, squares)
        far = _sharpe_of(1.0 - halves[part], sizes, sums, squares)
        chosen[0, part], chosen[1, part], ranks[0, part] = _judge(near, far)
        chosen[2, part], chosen[3, part], ranks[1, part] = _judge(far, near)
    within, beyond = np.concatenate((chosen[0], chosen[2])), np.concatenate((chosen[1], chosen[3]))
    share = ranks.ravel() / (trials + 1)
    logits = np.log(share / (1.0 - share))
    return Overfitting(
        # By rank, not by logit: rounding must not decide on which side the median falls.
        probability=float(np.mean(2.0 * ranks <= trials + 1)),
        logits=logits,
        in_sample=within,
        out_of_sample=beyond,
        slope=_slope(within, beyond),
        probability_of_loss=float(np.mean(beyond < 0.0)),
    )


def _block_sums(returns: FloatMatrix, blocks: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    trials, periods = np.shape(returns)
    sizes = np.full(blocks, periods // blocks)
    sizes[: periods % blocks] += 1
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    sums, squares = np.empty((blocks, trials)), np.empty((blocks, trials))
    for rows, chunk in read_chunks(returns):
        scale = np.sqrt(np.mean(chunk**2, axis=1, keepdims=True))
        # Near 1 in size: products neither under- nor overflow, and the result is the same at any scale.
        unit = chunk / np.where(scale > 0.0, scale, 1.0)
        sums[:, rows] = np.add.reduceat(unit, starts, axis=1).T
        squares[:, rows] = np.add.reduceat(unit**2, starts, axis=1).T
    return sizes.astype(np.float64), sums, squares


def _first_halves(blocks: int) -> FloatArray:
    """Choices that hold block 0; the complements are the other half of all C(S, S/2)."""
    picks = np.array(list(combinations(range(1, blocks), blocks // 2 - 1)), np.int64)
    chosen = np.zeros((len(picks), blocks))
    chosen[:, 0] = 1.0
    np.put_along_axis(chosen, picks.reshape(len(picks), -1), 1.0, axis=1)
    return chosen


def _sharpe_of(choice: FloatArray, sizes: FloatArray, sums: FloatArray, squares: FloatArray) -> FloatArray:
    count = (choice @ sizes)[:, None]
    mean = choice @ sums
    mean /= count
    square = choice @ squares
    square /= count
    variance = mean * mean
    np.subtract(square, variance, out=variance)
    square *= FLAT_SHARE
    flat = variance <= square
    if flat.any():
        variance[flat] = 1.0
        mean[flat] = 0.0
    variance *= count / (count - 1.0)
    mean /= np.sqrt(variance, out=variance)
    return mean


def _judge(within: FloatArray, beyond: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    rows = np.arange(len(within))
    best = np.argmax(within, axis=1)
    found = beyond[rows, best]
    # Trials that are copies of each other differ by rounding, which must not rank them.
    below = np.count_nonzero(beyond < (found - SAME_SHARPE)[:, None], axis=1)
    up_to = np.count_nonzero(beyond <= (found + SAME_SHARPE)[:, None], axis=1)
    return within[rows, best], found, (below + up_to + 1) / 2.0


def _slope(within: FloatArray, beyond: FloatArray) -> float | None:
    centred = within - within.mean()
    spread = float(centred @ centred)
    if spread <= FLAT_SHARE * float(within @ within):
        return None
    return float(centred @ (beyond - beyond.mean())) / spread
