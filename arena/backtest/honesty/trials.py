"""How many different things were tried, and how far their Sharpe ratios lie apart.

Pure; reads a sweep in chunks, so memory does not grow with it. Invariant: the order of trials and the
chunk size change no count; between 1 and the number of trials that vary.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arena.backtest.honesty.returns import (
    FLAT_SHARE,
    FloatMatrix,
    check_share,
    check_trials,
    read_chunks,
    read_rows,
)
from arena.core.bars import FloatArray, IntArray
from arena.core.errors import DataError

HALF_SHARED = math.sqrt(0.5)
"""Correlation from which two trials share half of their variance."""

NO_CLUSTER = -1
_BLOCK_ROWS = 512


@dataclass(frozen=True, slots=True)
class Dispersion:
    """Number, mean and variance (n - 1) of per-period Sharpe ratios of trials: a ledger row's worth."""

    count: int
    mean: float
    variance: float


@dataclass(frozen=True, slots=True, eq=False)
class EffectiveTrials:
    """How many independent trials a sweep amounts to.

    Attributes:
        clusters: number of groups of trials that are one bet.
        labels: the group of each trial, 0 the one with the best Sharpe ratio; -1 for trials that never
            varied.
        leaders: position of each group's leader, its trial with the highest Sharpe ratio.
        between: dispersion of the groups' mean Sharpe ratios; goes with `clusters`.
        mean_correlation: over all pairs of trials.
        implied: mean correlation + (1 - mean correlation) times the number of trials (Bailey & Lopez de
            Prado 2014, appendix 3): a second opinion, without groups.
    """

    clusters: int
    labels: IntArray
    leaders: IntArray
    between: Dispersion
    mean_correlation: float
    implied: float


def sharpe_of_trials(returns: FloatMatrix) -> FloatArray:
    """Return the per-period Sharpe ratio of each trial, NaN where its returns do not vary."""
    trials, periods = check_trials(returns)
    found = np.empty(trials)
    for rows, chunk in read_chunks(returns):
        mean = chunk.mean(axis=1)
        variance = np.mean((chunk - mean[:, None]) ** 2, axis=1)
        varies = variance > FLAT_SHARE * np.mean(chunk**2, axis=1)
        deviation = np.sqrt(np.where(varies, variance, 1.0) * periods / (periods - 1))
        found[rows] = np.where(varies, mean / deviation, math.nan)
    return found


def measure_dispersion(sharpes: FloatArray) -> Dispersion:
    """Return number, mean and variance of the Sharpe ratios that are defined.

    Trials that never traded are left out: counted as zeros they would shrink the variance and with it
    the level that luck has to be granted. The variance of fewer than two is 0.
    """
    defined = sharpes[np.isfinite(sharpes)]
    count = len(defined)
    if count == 0:
        return Dispersion(0, 0.0, 0.0)
    return Dispersion(count, float(defined.mean()), float(defined.var(ddof=1)) if count > 1 else 0.0)


def pool_dispersions(parts: Iterable[Dispersion]) -> Dispersion:
    """Return the dispersion of all trials together, exactly as if it had been measured at once.

    All parts have to be of the same period (all daily, say).
    """
    count, mean, squares = 0, 0.0, 0.0
    for part in parts:
        if part.count == 0:
            continue
        total = count + part.count
        shift = part.mean - mean
        squares += part.variance * (part.count - 1) + shift * shift * count * part.count / total
        mean += shift * part.count / total
        count = total
    return Dispersion(count, mean, squares / (count - 1) if count > 1 else 0.0)


def count_effective_trials(returns: FloatMatrix, threshold: float = HALF_SHARED) -> EffectiveTrials:
    """Group trials whose returns are nearly the same bet, and count the groups.

    Leader clustering (Hartigan 1975, chapter 3): trials are taken from the best Sharpe ratio down; each
    joins the first leader it is correlated with by at least `threshold`, or becomes a leader. So leaders
    are pairwise below the threshold. Grouping trials before deflating is Lopez de Prado & Lewis 2019, who
    use k-means on the whole correlation matrix; this needs no matrix, no random start and no number of
    groups, at trials x groups x periods operations.

    Args:
        returns: shape (trials, periods).
        threshold: correlation, between 0 and 1.

    Raises:
        DataError: no trial varies, or returns are not finite.
    """
    check_share("correlation threshold", threshold)
    sharpes = sharpe_of_trials(returns)
    order = np.argsort(-sharpes, kind="stable")[: int(np.isfinite(sharpes).sum())]
    if not len(order):
        raise DataError("no trial's returns vary; there is nothing to count")
    labels = np.full(len(sharpes), NO_CLUSTER, np.int64)
    leaders: list[int] = []
    total = np.zeros(np.shape(returns)[1])
    for start in range(0, len(order), _BLOCK_ROWS):
        rows = order[start : start + _BLOCK_ROWS]
        unit = _unit_rows(returns, rows)
        total += unit.sum(axis=0, dtype=np.float64)
        labels[rows] = _known_leaders(returns, unit, np.array(leaders, np.int64), threshold)
        _name_leaders(unit, rows, labels, leaders, threshold)
    return _summarise(sharpes, labels, leaders, float(total @ total))


def _known_leaders(returns: FloatMatrix, unit: FloatMatrix, leaders: IntArray, threshold: float) -> IntArray:
    found = np.full(len(unit), NO_CLUSTER, np.int64)
    for start in range(0, len(leaders), _BLOCK_ROWS):
        free = np.flatnonzero(found == NO_CLUSTER)
        if not len(free):
            break
        close = unit[free] @ _unit_rows(returns, leaders[start : start + _BLOCK_ROWS]).T >= threshold
        hit = close.any(axis=1)
        found[free[hit]] = start + np.argmax(close[hit], axis=1)
    return found


def _name_leaders(
    unit: FloatMatrix, rows: IntArray, labels: IntArray, leaders: list[int], threshold: float
) -> None:
    free = np.flatnonzero(labels[rows] == NO_CLUSTER)
    close = unit[free] @ unit[free].T >= threshold
    taken = np.zeros(len(free), np.bool_)
    for place, position in enumerate(free):
        if taken[place]:
            continue
        joins = close[place] & ~taken
        joins[place] = True
        labels[rows[free[joins]]] = len(leaders)
        leaders.append(int(rows[position]))
        taken |= joins


def _summarise(
    sharpes: FloatArray, labels: IntArray, leaders: list[int], norm_of_sum: float
) -> EffectiveTrials:
    active = labels != NO_CLUSTER
    count = int(active.sum())
    sizes = np.bincount(labels[active], minlength=len(leaders))
    means = np.bincount(labels[active], weights=sharpes[active], minlength=len(leaders)) / sizes
    # Rows have length 1, so the squared length of their sum is the sum of all correlations.
    mean_correlation = (norm_of_sum - count) / (count * (count - 1)) if count > 1 else 0.0
    mean_correlation = min(1.0, mean_correlation)
    return EffectiveTrials(
        clusters=len(leaders),
        labels=labels,
        leaders=np.array(leaders, np.int64),
        between=measure_dispersion(means),
        mean_correlation=mean_correlation,
        implied=min(float(count), mean_correlation + (1.0 - mean_correlation) * count),
    )


def _unit_rows(returns: FloatMatrix, rows: IntArray) -> NDArray[np.float32]:
    block = read_rows(returns, rows)
    block -= block.mean(axis=1, keepdims=True)
    block /= np.sqrt((block * block).sum(axis=1, keepdims=True))
    # float32: half the memory and time, and a correlation needs no more digits.
    return block.astype(np.float32)
