"""Heatmaps of a sweep as the page shows them before any choice, and the data for all other choices.

Pure. Few cells become a table with numbers, many a drawing. Invariant: `static/sweep.js` draws the same
from the same numbers, so a reader without script sees what others see first.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from arena.core.bars import FloatArray, IntArray
from arena.reporting.encoding import Column, PackedColumns, pack, to_ticks
from arena.reporting.figures import DASH, number, percent
from arena.reporting.heat import LEVELS
from arena.reporting.plot import Ticks
from arena.reporting.sweep_cells import (
    Cells,
    How,
    Span,
    best_rows,
    figure_of,
    grid_cells,
    mean_of,
    pair_cells,
)
from arena.reporting.sweep_trials import CellAxis, SweepTrials, figure_form, rounded

MOST_ROWS = 20_000
"""Above this many trials the page holds sums over pairs of axes instead of the trials."""
TABLE_COLUMNS, TABLE_ROWS = 12, 24
UNKNOWN_TICK = -(2**30)
_MOST_NUMBERS = 300_000


@dataclass(frozen=True, slots=True)
class TableCell:
    """One cell of a heat table."""

    text: str
    css: str
    marked: bool


@dataclass(frozen=True, slots=True)
class HeatTable:
    """A heat table, rows from the highest value of y down."""

    head: list[str]
    rows: list[tuple[str, list[TableCell]]]


@dataclass(frozen=True, slots=True)
class HeatGrid:
    """A drawn heatmap, its labels in percent of the box; `aspect` is width by height."""

    svg: str
    x_ticks: Ticks
    y_ticks: Ticks
    aspect: float

    @property
    def gutter(self) -> int:
        """Letters that the labels at the left need."""
        return max(len(text) for _, text in self.y_ticks)


@dataclass(frozen=True, slots=True)
class HeatView:
    """Value and neighbourhood mean side by side, with what the colours mean."""

    x: CellAxis
    y: CellAxis
    label: str
    values: HeatTable | HeatGrid
    around: HeatTable | HeatGrid
    drawn: bool
    legend: list[tuple[str, str]]
    empty: int
    words: list[str]

    @property
    def shared(self) -> bool:
        """Whether neighbouring values of an axis share a cell."""
        return max(self.x.values_a_cell, self.y.values_a_cell) > 1


def heat_view(cells: Cells, figure: str) -> HeatView:
    """Return the two heatmaps of `cells`, coloured on one scale."""
    label, unit = figure_form(figure)
    span = Span.of(cells.values)
    drawn = len(cells.x) > TABLE_COLUMNS or len(cells.y) > TABLE_ROWS

    def make(values: FloatArray, marked: int) -> HeatTable | HeatGrid:
        if drawn:
            return _grid(cells, values, span, marked, wide=values is cells.around)
        return _table(cells, values, span, unit, marked)

    return HeatView(
        x=cells.x,
        y=cells.y,
        label=label,
        values=make(cells.values, cells.best),
        around=make(cells.around, cells.plateau),
        drawn=drawn,
        legend=legend(span, unit),
        empty=int((cells.counts == 0).sum()),
        words=_words(cells, label, unit),
    )


def value_text(value: float, unit: str) -> str:
    """Return a figure as a cell shows it, with its unit where it has one."""
    if math.isnan(value):
        return DASH
    if unit == "fraction":
        return percent(value, 1)
    if unit == "usdt":
        return f"{number(value, 0)} USDT"
    if unit == "multiple":
        return f"{number(value, 1)}×"
    return number(value, 0 if unit == "count" else 2)


def legend(span: Span, unit: str) -> list[tuple[str, str]]:
    """Return heat classes from the lowest to the highest with what they stand for, ends only named."""
    found: list[tuple[str, str]] = []
    if span.loss_to < 0:
        ends = {LEVELS: f"{value_text(span.loss_to, unit)} or less", 1: value_text(span.loss_from, unit)}
        found += [(f"loss-{level}", ends.get(level, "")) for level in range(LEVELS, 0, -1)]
    if span.gain_to > 0:
        ends = {LEVELS: f"{value_text(span.gain_to, unit)} or more", 1: value_text(span.gain_from, unit)}
        if found:
            ends[1] = ""
        found += [(f"gain-{level}", ends.get(level, "")) for level in range(1, LEVELS + 1)]
    return found


def page_columns(trials: SweepTrials) -> tuple[str, PackedColumns]:
    """Return how the page holds the trials, "rows" or "pairs", and the columns for it."""
    if len(trials) <= MOST_ROWS:
        columns = [Column("rank", trials.rank)]
        columns += [Column(f"a{at}", axis.index) for at, axis in enumerate(trials.free_axes)]
        columns += [
            Column(f"f{at}", _ticks(values, trials.scales[name]), trials.scales[name])
            for at, (name, values) in enumerate(trials.figures.items())
        ]
        return "rows", pack(columns)
    columns = []
    for at, (x, y) in enumerate(itertools.combinations(trials.free_axes, 2)):
        columns += _pair_columns(trials, x, y, f"p{at}")
    return "pairs", pack(columns)


def _pair_columns(trials: SweepTrials, x: CellAxis, y: CellAxis, name: str) -> list[Column]:
    cell, size = y.index * len(x) + x.index, len(x) * len(y)
    rows = best_rows(trials, x, y)
    columns = [Column(f"{name}_count", np.bincount(cell, minlength=size).astype(np.int64))]
    for place, (figure, values) in enumerate(trials.figures.items()):
        scale = trials.scales[figure]
        for how, found in (("best", figure_of(values, rows)), ("mean", mean_of(cell, values, size))):
            columns.append(Column(f"{name}_f{place}_{how}", _ticks(found, scale), scale))
    return columns


def page_cells(trials: SweepTrials, x: CellAxis, y: CellAxis, figure: str, how: How) -> Cells:
    """Return the cells of a pair as the page's script has them."""
    cells = pair_cells(trials, x, y, figure, how)
    if len(trials) <= MOST_ROWS:
        return cells
    return grid_cells(x, y, rounded(cells.values, trials.scales[figure]), cells.counts)


def numbers_of_pairs(sizes: list[int], figures: int) -> int:
    """Return how many numbers the page would hold for axes of `sizes` cells."""
    cells = sum(a * b for a, b in itertools.combinations(sizes, 2))
    return cells * (1 + 2 * figures)


def cells_that_fit(axis_values: list[int], figures: int, most: int) -> int:
    """Return how many cells an axis may have so that all pairs together stay small, at least 4."""
    while most > 4 and numbers_of_pairs([min(most, size) for size in axis_values], figures) > _MOST_NUMBERS:
        most = max(4, most * 4 // 5)
    return most


def _ticks(values: FloatArray, scale: float) -> IntArray:
    known = ~np.isnan(values)
    return np.where(known, to_ticks(np.where(known, values, 0.0), scale), UNKNOWN_TICK)


def _table(cells: Cells, values: FloatArray, span: Span, unit: str, marked: int) -> HeatTable:
    rows = []
    for row in range(len(cells.y) - 1, -1, -1):
        line = []
        for column in range(len(cells.x)):
            value = float(values[row, column])
            none = not cells.counts[row, column]
            line.append(
                TableCell(
                    "×" if none else value_text(value, unit),
                    "dropped" if none else span.css(value),
                    row * len(cells.x) + column == marked,
                )
            )
        rows.append((cells.y.labels[row], line))
    return HeatTable(cells.x.labels, rows)


def _grid(cells: Cells, values: FloatArray, span: Span, marked: int, *, wide: bool) -> HeatGrid:
    rows, columns = values.shape
    paths: dict[str, list[str]] = {}
    for row in range(rows):
        names = [
            span.css(value) if count else ""
            for value, count in zip(values[row].tolist(), cells.counts[row].tolist(), strict=True)
        ]
        at = 0
        for css, run in itertools.groupby(names):
            length = len(list(run))
            if css:
                paths.setdefault(css, []).append(f"M{at} {rows - 1 - row}h{length}v1h-{length}z")
            at += length
    body = [f'<path class="{css}" d="{"".join(parts)}"/>' for css, parts in sorted(paths.items())]
    if marked >= 0:
        body.append(_mark(marked, rows, columns, wide=wide))
    svg = (
        f'<svg viewBox="0 0 {columns} {rows}" preserveAspectRatio="none" shape-rendering="crispEdges" '
        f'aria-hidden="true" focusable="false">{"".join(body)}</svg>'
    )
    below = tick_cells(columns, _fitting(cells.x))
    x_ticks = [(100 * (at + 0.5) / columns, cells.x.labels[at]) for at in below]
    y_ticks = [(100 * (rows - at - 0.5) / rows, cells.y.labels[at]) for at in tick_cells(rows, 8)]
    return HeatGrid(svg, x_ticks, y_ticks, columns / rows)


def _fitting(axis: CellAxis) -> int:
    """Return how many labels stand side by side on a phone, where there is room for some 36 characters."""
    return min(6, max(2, 36 // (max(len(label) for label in axis.labels) + 1)))


def tick_cells(count: int, most: int) -> list[int]:
    """Return the cells of an axis that get a label: every so many, the first among them."""
    return list(range(0, count, -(-count // most)))


def _mark(at: int, rows: int, columns: int, *, wide: bool) -> str:
    row, column = rows - 1 - at // columns, at % columns
    if not wide:
        place = f"M{column + 0.5} {row + 0.5}h0"
        return f'<path class="halo dots" d="{place}"/><path class="best-dot dots" d="{place}"/>'
    left, top = max(0, column - 1), max(0, row - 1)
    right, bottom = min(columns, column + 2), min(rows, row + 2)
    box = f"M{left} {top}H{right}V{bottom}H{left}z"
    return f'<path class="halo box" d="{box}"/><path class="best-box" d="{box}"/>'


def _words(cells: Cells, label: str, unit: str) -> list[str]:
    """Return what the marks show, in sentences."""
    if cells.best < 0:
        return [f"{label} is undefined in every cell."]

    def place(at: int) -> str:
        row, column = divmod(at, len(cells.x))
        return f"{cells.x.title} {cells.x.labels[column]}, {cells.y.title} {cells.y.labels[row]}"

    best, plateau = cells.best, cells.plateau
    own = label if label == "Sharpe" else label.lower()
    value, beside = float(cells.values.flat[best]), float(cells.around.flat[best])
    around = float(cells.around.flat[plateau])
    return [
        f"Highest {own}: {value_text(value, unit)} at {place(best)}; the mean of its neighbourhood is "
        f"{value_text(beside, unit)}.",
        f"Highest neighbourhood: mean {value_text(around, unit)} around {place(plateau)}.",
    ]
