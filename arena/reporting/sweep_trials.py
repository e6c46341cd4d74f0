"""The trials of a sweep as the page needs them: axes cut into cells, figures rounded, ranks.

Reads trials.parquet and nothing else. Invariant: a cell never mixes values of an axis out of order, and
what the page's script gets is what the static pictures are drawn from, to the last digit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from arena.backtest.sweep.record import SweepAxis, SweepRecord
from arena.core.bars import FloatArray, IntArray
from arena.core.errors import DataError
from arena.reporting.encoding import to_ticks
from arena.reporting.verdict_view import short_name

if TYPE_CHECKING:
    import polars as pl

MOST_CELLS, MOST_CELLS_OF_TWO = 100, 200
DRAWN_CELLS = 24
LARGEST_TICK = 2**29
_DIGITS = 5
_DRAWN = {"random", "latin", "optuna"}

FIGURE_FORMS: dict[str, tuple[str, str]] = {
    "sharpe": ("Sharpe", "ratio"),
    "total_return": ("Total return", "fraction"),
    "max_drawdown": ("Max drawdown", "fraction"),
    "sortino": ("Sortino", "ratio"),
    "profit_factor": ("Profit factor", "ratio"),
    "win_rate": ("Win rate", "fraction"),
    "trades": ("Trades", "count"),
    "exposure": ("Time in market", "fraction"),
    "turnover": ("Turnover a year", "multiple"),
    "fees": ("Fees", "usdt"),
}
"""Label and unit of the figures that a reader can choose."""


@dataclass(frozen=True, slots=True, eq=False)
class CellAxis:
    """One axis cut into cells: `index` is the cell of each trial, `labels` name the cells in order.

    `centres` are the cells' middle values where the axis is of numbers, else their positions.
    `values_a_cell` is 1 where each value has a cell of its own.
    """

    name: str
    labels: list[str]
    index: IntArray
    centres: FloatArray
    values_a_cell: int
    words: bool

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def title(self) -> str:
        """The axis as people read it."""
        return short_name(self.name)


@dataclass(frozen=True, slots=True, eq=False)
class SweepTrials:
    """All trials that were run: `rank` 0 is the best, `best` the row of the record's best trial.

    Figures are NaN where undefined. `worst_first` are the rows by rank, the best last.
    """

    axes: list[CellAxis]
    figures: dict[str, FloatArray]
    scales: dict[str, float]
    rank: IntArray
    worst_first: IntArray
    best: int

    def __len__(self) -> int:
        return len(self.rank)

    @property
    def free_axes(self) -> list[CellAxis]:
        """The axes that vary."""
        return [axis for axis in self.axes if len(axis) > 1]


def read_trials(record: SweepRecord, path: Path, most_cells: int | None = None) -> SweepTrials:
    """Return the trials of `record` from its Parquet file.

    Args:
        record: the sweep's record.
        path: trials.parquet.
        most_cells: cells an axis may have; by default `MOST_CELLS`, with one pair alone
            `MOST_CELLS_OF_TWO`, of drawn values `DRAWN_CELLS`.

    Raises:
        DataError: the file is not there, is no Parquet, lacks a column, or holds no trial.
    """
    names = figure_names(record.objective)
    numeric = [axis for axis in record.axes if not axis.structural]
    table = _read(path, [*(axis.name for axis in numeric), *names])
    if not len(table):
        raise DataError(f"{path} holds no trial: a report needs at least one, start the sweep again")
    batch = _whole(table, "batch") if "batch" in table.columns else np.zeros(len(table), np.int64)
    most = most_cells or _most_cells(record)
    exact = {name: _floats(table, name) for name in names}
    scales = {name: page_scale(values) for name, values in exact.items()}
    rank = ranks(exact[record.objective])
    return SweepTrials(
        axes=[
            _structural(axis, record, batch)
            if axis.structural
            else cut_axis(axis.name, table[axis.name].to_numpy(), most)
            for axis in record.axes
        ],
        figures={name: rounded(values, scales[name]) for name, values in exact.items()},
        scales=scales,
        rank=rank,
        worst_first=np.argsort(-rank, kind="stable"),
        best=_best_row(record, batch, _whole(table, "trial"), exact[record.objective]),
    )


def figure_names(objective: str) -> list[str]:
    """Return the figures of a page, the objective first."""
    return list(dict.fromkeys((objective, *FIGURE_FORMS)))


def figure_form(name: str) -> tuple[str, str]:
    """Return label and unit of a figure, of one that is seldom shown by its own name."""
    return FIGURE_FORMS.get(name, (name.replace("_", " ").capitalize(), "ratio"))


def cut_axis(name: str, values: NDArray[Any], most: int) -> CellAxis:
    """Return an axis of numbers cut into at most `most` cells of equally many neighbouring values."""
    known, place = np.unique(values, return_inverse=True)
    per = -(-len(known) // most)
    starts = np.arange(0, len(known), per)
    ends = np.minimum(starts + per, len(known)) - 1
    low, high = known[starts].astype(np.float64), known[ends].astype(np.float64)
    labels = [
        f"{a:.6g}" if a == b else f"{a:.4g} to {b:.4g}"
        for a, b in zip(low.tolist(), high.tolist(), strict=True)
    ]
    return CellAxis(name, labels, (place // per).astype(np.int64), (low + high) / 2, per, words=False)


def ranks(objective: FloatArray) -> IntArray:
    """Return the place of each trial, 0 the highest objective, ties in their order, undefined ones last."""
    order = np.argsort(-np.where(np.isnan(objective), -np.inf, objective), kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return place


def page_scale(values: FloatArray) -> float:
    """Return the power of ten that keeps 5 digits of the median size; what is far beyond it is clipped."""
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    if not len(sizes):
        return 1.0
    return float(10.0 ** max(0, _DIGITS - 1 - math.floor(math.log10(float(np.median(sizes))))))


def rounded(values: FloatArray, scale: float) -> FloatArray:
    """Return `values` as the page's script gets them: whole multiples of `1 / scale`, NaN kept."""
    known = np.isfinite(values)
    inside = np.clip(np.where(known, values, 0.0), -LARGEST_TICK / scale, LARGEST_TICK / scale)
    return np.where(known, to_ticks(inside, scale) / scale, np.nan)


def _most_cells(record: SweepRecord) -> int:
    if record.method in _DRAWN:
        return DRAWN_CELLS
    varying = sum(len(axis.values) > 1 for axis in record.axes)
    return MOST_CELLS_OF_TWO if varying <= 2 else MOST_CELLS


def _read(path: Path, names: list[str]) -> pl.DataFrame:
    import polars as pl

    try:
        present = pl.read_parquet_schema(path)
        missing = [name for name in ("trial", *names) if name not in present]
        if missing:
            raise DataError(
                f"{path} has no column {', '.join(missing)}: it is not of this sweep, run it again"
            )
        wanted = dict.fromkeys(["trial", *(["batch"] if "batch" in present else []), *names])
        return pl.read_parquet(path, columns=list(wanted))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path} cannot be read ({error}): run the sweep again") from None


def _floats(table: pl.DataFrame, name: str) -> FloatArray:
    return np.asarray(table[name].to_numpy(), np.float64)


def _whole(table: pl.DataFrame, name: str) -> IntArray:
    return np.asarray(table[name].to_numpy(), np.int64)


def _structural(axis: SweepAxis, record: SweepRecord, batch: IntArray) -> CellAxis:
    labels = [str(value) for value in axis.values]
    of_batch = np.zeros(1 + max(one.index for one in record.batches), np.int64)
    for one in record.batches:
        of_batch[one.index] = labels.index(str(one.choices[axis.name]))
    return CellAxis(
        axis.name, labels, of_batch[batch], np.arange(len(labels), dtype=np.float64), 1, words=True
    )


def _best_row(record: SweepRecord, batch: IntArray, trial: IntArray, objective: FloatArray) -> int:
    """Return the row of the record's best trial; without one, the highest objective."""
    if record.best:
        first = record.best[0]
        several = len(record.batches) > 1
        at = np.flatnonzero((trial == first.trial) & ((batch == first.batch) if several else True))
        if len(at):
            return int(at[0])
    return int(np.argmin(ranks(objective)))
