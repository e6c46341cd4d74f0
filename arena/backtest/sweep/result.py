"""What a sweep leaves: one row a trial in columns, with the daily returns beside them.

Writes the trials as Parquet and reads nothing. Invariant: only rows in `done` count; nothing else
is written.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from arena.backtest.sweep.grid import Grid
from arena.backtest.sweep.statistics import FIGURES
from arena.core.bars import IntArray, TsArray
from arena.core.durable import whole_file
from arena.core.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

DAILY_FILE = "daily_returns.npy"
ROWS_A_GROUP = 100_000
ROWS_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class SweepResult:
    """The trials of a sweep in grid order.

    Args:
        grid: axes, rows of the grid that were to be run, combinations dropped by reason.
        figures: (trials,) a name of `FIGURES`; NaN where a single run has null.
        daily_returns: (trials, days) float32, in memory or mapped from `DAILY_FILE`.
        day_ts: start of each of those days, UTC ms.
        done: (trials,) whether the trial was run; daily returns of others may hold anything.
        interrupted: whether it was stopped before the end.
        dataset_hash: of the market that was read, as in a single result.
        seconds: time spent a step.
        engine: where the trials ran.
        workers: how many ran at once.
        earlier: trials of `done` that come from a sweep before this one, which `seconds` does not hold.
    """

    grid: Grid
    figures: dict[str, NDArray[Any]]
    daily_returns: NDArray[np.float32]
    day_ts: TsArray
    done: NDArray[np.bool_]
    interrupted: bool
    dataset_hash: str
    seconds: dict[str, float]
    engine: str = "threads"
    workers: int = 1
    earlier: int = 0

    def __len__(self) -> int:
        return len(self.done)

    @property
    def trials_per_second(self) -> float:
        """Trials done a second of simulating and measuring; 0 without any."""
        spent = self.seconds["run"]
        return float(np.count_nonzero(self.done) - self.earlier) / spent if spent > 0.0 else 0.0

    def parameters(self, trials: IntArray | slice = slice(None)) -> dict[str, NDArray[Any]]:
        """Return for each axis its value in `trials`, worked out from their place in the grid."""
        return self.grid.axes.columns(self.grid.rows[trials])

    def write_trials(self, path: Path) -> None:
        """Write the trials that were run to `path` as Parquet, whole or not at all.

        Columns: `trial` (row of the grid), a column an axis, a column a figure; null where undefined.
        """
        write_trials(path, [self])

    def columns(self, trials: IntArray) -> dict[str, NDArray[Any]]:
        """Return what is written of `trials`: row of the grid, parameters, figures."""
        columns = {"trial": self.grid.rows[trials], **self.parameters(trials)}
        return columns | {name: values[trials] for name, values in self.figures.items()}


def write_trials(path: Path, results: Sequence[SweepResult]) -> None:
    """Write the trials of one sweep, or of batches over the same axes, to one Parquet file.

    With several, the first column is `batch`; the others are those of `SweepResult.columns`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    none = np.empty(0, np.int64)
    kinds = [{name: values.dtype for name, values in result.columns(none).items()} for result in results]
    kind = {name: np.result_type(*(one[name] for one in kinds)) for name in kinds[0]}

    def table(batch: int, trials: IntArray) -> pa.Table:
        columns = results[batch].columns(trials)
        arrays = {name: _arrow(values.astype(kind[name], copy=False)) for name, values in columns.items()}
        if len(results) > 1:
            arrays = {"batch": _arrow(np.full(len(trials), batch, np.int64)), **arrays}
        return pa.Table.from_arrays(list(arrays.values()), names=list(arrays))

    with (
        whole_file(path) as file,
        pq.ParquetWriter(file, table(0, none).schema, compression="zstd") as writer,
    ):
        for batch, result in enumerate(results):
            chosen = np.flatnonzero(result.done)
            for start in range(0, len(chosen), ROWS_A_GROUP):
                writer.write_table(table(batch, chosen[start : start + ROWS_A_GROUP]))


def new_figures(trials: int) -> dict[str, NDArray[Any]]:
    """Return a column a figure: NaN, 0 or False until a trial is run."""
    return {
        name: np.full(trials, np.nan) if kind is np.float64 else np.zeros(trials, kind)
        for name, kind in FIGURES.items()
    }


def new_daily(trials: int, days: int, most_bytes: int, folder: Path | None) -> NDArray[np.float32]:
    """Return room for daily returns: in memory up to `most_bytes`, else a mapped file in `folder`.

    Raises:
        ConfigError: they are more and there is no folder.
    """
    needed = 4 * trials * days
    if needed <= most_bytes:
        return np.full((trials, days), np.nan, np.float32)
    if folder is None:
        raise ConfigError(
            f"daily returns of {trials:,} trials over {days:,} days take {needed / 1e6:,.0f} MB, more than "
            f"the {most_bytes / 1e6:,.0f} MB for them: give a folder, or raise daily_bytes"
        )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / DAILY_FILE
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(trials, days))


@dataclass(frozen=True, eq=False)
class Pieces:
    """Daily returns that lie in several arrays, one after the other: the arrays and which rows of each."""

    parts: tuple[tuple[NDArray[np.float32], IntArray], ...]

    def __len__(self) -> int:
        return sum(len(rows) for _, rows in self.parts)

    def copy_to(self, target: NDArray[np.float32], at: IntArray) -> None:
        """Copy them to the rows `at` of `target`; of what is mapped only some stays in memory."""
        begin = 0
        for array, rows in self.parts:
            for start in range(0, len(rows), ROWS_AT_ONCE):
                some = rows[start : start + ROWS_AT_ONCE]
                target[at[begin : begin + len(some)]] = array[some]
                begin += len(some)
                let_go(target)
                let_go(array)


def let_go(daily: NDArray[np.float32] | NDArray[np.float64]) -> None:
    """Take mapped daily returns out of this process's memory; what was written stays in the file."""
    mapped = getattr(daily, "_mmap", None)
    if mapped is not None:
        mapped.madvise(mmap.MADV_DONTNEED)


def _arrow(values: NDArray[Any]) -> pa.Array:
    """Return an Arrow array over a numpy one, by its buffer: `pa.array` would look for pandas."""
    import pyarrow as pa

    if values.dtype == np.bool_:
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, _bits(values)])
    packed = np.ascontiguousarray(values)
    known = None
    if packed.dtype.kind == "f" and np.isnan(packed).any():
        known = _bits(~np.isnan(packed))
    return pa.Array.from_buffers(
        pa.from_numpy_dtype(packed.dtype), len(packed), [known, pa.py_buffer(packed)]
    )


def _bits(flags: NDArray[np.bool_]) -> pa.Buffer:
    import pyarrow as pa

    return pa.py_buffer(np.packbits(flags.view(np.uint8), bitorder="little").tobytes())
