"""Two axes of a sweep as a grid of cells: the best or the mean over all others, and the neighbourhood.

Pure arrays. `static/sweep.js` does the same sums in the same order. Invariant: the neighbourhood mean
counts known cells only, the cell itself among them, and is unknown where the cell is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from arena.core.bars import FloatArray, IntArray
from arena.reporting.heat import LEVELS
from arena.reporting.sweep_trials import CellAxis, SweepTrials

How = Literal["best", "mean"]
OUTLIERS = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """A grid of (len(y), len(x)): figure, how many trials stand behind each cell, neighbourhood mean.

    `values` are NaN where no trial is or the figure is undefined; `best` and `plateau` are flat positions
    of the highest value and neighbourhood mean, -1 without any.
    """

    x: CellAxis
    y: CellAxis
    values: FloatArray
    counts: IntArray
    around: FloatArray
    best: int
    plateau: int


@dataclass(frozen=True, slots=True)
class Span:
    """Where colours begin and end on each side of zero; outliers beyond take the strongest."""

    loss_from: float
    loss_to: float
    gain_from: float
    gain_to: float

    @classmethod
    def of(cls, values: FloatArray) -> Span:
        """Return the span of the known `values`, the outer 2% at each end left out."""
        known = np.sort(values[~np.isnan(values)], axis=None)
        if not len(known):
            return cls(0.0, 0.0, 0.0, 0.0)
        low = float(known[math.floor(OUTLIERS * (len(known) - 1))])
        high = float(known[math.ceil((1 - OUTLIERS) * (len(known) - 1))])
        return cls(min(high, 0.0), min(low, 0.0), max(low, 0.0), max(high, 0.0))

    def css(self, value: float) -> str:
        """Return the heat class of a value: gain or loss by its sign, 1 faint to `LEVELS` strong."""
        if math.isnan(value):
            return "undefined"
        if value == 0:
            return "zero"
        start, end = (self.gain_from, self.gain_to) if value > 0 else (self.loss_from, self.loss_to)
        share = (value - start) / (end - start) if end != start else 0.5
        level = min(LEVELS, max(1, math.ceil(LEVELS * share)))
        return f"{'gain' if value > 0 else 'loss'}-{level}"


def best_rows(trials: SweepTrials, x: CellAxis, y: CellAxis) -> IntArray:
    """Return for each cell, flat, the row of its best ranked trial; -1 where no trial is."""
    first = np.full(len(x) * len(y), -1, np.int64)
    last_first = trials.worst_first  # of several to one place the last one stays: the best ranked
    first[(y.index * len(x) + x.index)[last_first]] = last_first
    return first


def pair_cells(trials: SweepTrials, x: CellAxis, y: CellAxis, figure: str, how: How) -> Cells:
    """Return the grid of two axes; of the trials in a cell the best ranked one, or the mean of all.

    Args:
        trials: all of them.
        x: the axis from left to right.
        y: the axis from bottom to top.
        figure: the figure to show.
        how: "best" shows the figure of the best ranked trial, whatever the figure.
    """
    shape = (len(y), len(x))
    cell = y.index * len(x) + x.index
    counts = np.bincount(cell, minlength=len(x) * len(y)).reshape(shape)
    values = trials.figures[figure]
    if how == "best":
        found = figure_of(values, best_rows(trials, x, y))
    else:
        found = mean_of(cell, values, len(x) * len(y))
    return grid_cells(x, y, found.reshape(shape), counts)


def grid_cells(x: CellAxis, y: CellAxis, values: FloatArray, counts: IntArray) -> Cells:
    """Return cells with their neighbourhood mean and their marks."""
    around = neighbourhood(values)
    return Cells(x, y, values, counts, around, _highest(values), _highest(around))


def neighbourhood(values: FloatArray) -> FloatArray:
    """Return the mean of each known cell and its known neighbours, up to eight."""
    rows, columns = values.shape
    total, count = np.zeros(values.shape), np.zeros(values.shape)
    padded = np.full((rows + 2, columns + 2), np.nan)
    padded[1:-1, 1:-1] = values
    for down in range(3):
        for right in range(3):
            some = padded[down : down + rows, right : right + columns]
            known = ~np.isnan(some)
            total[known] += some[known]
            count += known
    with np.errstate(invalid="ignore"):
        return np.where(np.isnan(values), np.nan, total / count)


def figure_of(values: FloatArray, rows: IntArray) -> FloatArray:
    """Return the figure of `rows`, NaN for row -1."""
    return np.where(rows >= 0, values[rows], np.nan)


def mean_of(cell: IntArray, values: FloatArray, size: int) -> FloatArray:
    """Return the mean of the known values of each of `size` cells, NaN where there is none."""
    known = ~np.isnan(values)
    total = np.bincount(cell[known], weights=values[known], minlength=size)
    count = np.bincount(cell[known], minlength=size)
    with np.errstate(invalid="ignore"):
        return total / np.where(count, count, np.nan)


def _highest(values: FloatArray) -> int:
    return -1 if np.isnan(values).all() else int(np.nanargmax(values))
