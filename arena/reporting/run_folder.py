"""Write what a run leaves behind, and make it visible in one step.

Writes under the folder it is given and nowhere else. Invariant: a run folder that can be seen
under its final name is complete, and `latest` always points to a complete one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from arena.backtest.result import BacktestResult, RunArrays
from arena.config.models import BacktestConfig
from arena.core.errors import ConfigError
from arena.reporting.figures import reason_name
from arena.reporting.frame import drawdown_of
from arena.reporting.trades import entry_reason_name

if TYPE_CHECKING:
    import pyarrow as pa

LATEST = "latest"


def write_run(
    folder: Path,
    result: BacktestResult,
    arrays: RunArrays,
    *,
    html: bool = True,
    config: BacktestConfig | None = None,
) -> None:
    """Write result.json, equity, fills and trades as Parquet and, unless `html` is off, report.html.

    Args:
        folder: where the files go; made when absent. Meant to be a staging folder that
            `publish_run` renames, so that nobody meets half a run.
        result: the run's numbers.
        arrays: the run's arrays.
        html: whether to render the report.
        config: what the run was made with, for the report.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").write_text(result.model_dump_json(indent=2) + "\n", encoding="utf-8")
    for name, table in run_tables(result, arrays).items():
        _write_table(folder / f"{name}.parquet", table)
    if html:
        from arena.reporting.html import render_report

        (folder / "report.html").write_text(render_report(result, arrays, config), encoding="utf-8")


def run_tables(result: BacktestResult, arrays: RunArrays) -> dict[str, pa.Table]:
    """Return the tables of a run as Parquet has them: equity, fills, trades, spot_fills of a hedge."""
    import pyarrow as pa

    columns = {
        "equity": _equity_columns(arrays, result.account.initial_capital),
        "fills": _fill_columns(arrays),
        "trades": _trade_columns(arrays),
    }
    if arrays.spot_fills is not None:
        columns["spot_fills"] = _record_columns(arrays.spot_fills)
    return {
        name: pa.Table.from_arrays(list(parts.values()), names=list(parts)) for name, parts in columns.items()
    }


def publish_run(staging: Path, final: Path) -> None:
    """Give a complete run its final name, then point `latest` beside it to it.

    Both folders have to lie on one file system: the rename is one step there.

    Raises:
        ConfigError: there is a run under the final name already.
    """
    if final.exists():
        raise ConfigError(f"run folder {final} exists already: runs are never overwritten, start a new one")
    final.parent.mkdir(parents=True, exist_ok=True)
    staging.rename(final)
    link = final.parent / f".{LATEST}-{final.name}"
    link.unlink(missing_ok=True)
    link.symlink_to(final.name, target_is_directory=True)
    link.replace(final.parent / LATEST)


def _equity_columns(arrays: RunArrays, initial_capital: float) -> dict[str, pa.Array]:
    columns = {
        "ts": arrays.bars.ts,
        "equity": arrays.equity,
        "hold_equity": arrays.hold_equity,
        "drawdown": drawdown_of(arrays.equity, initial_capital),
        "position": arrays.position,
        "target": arrays.signal.target,
    }
    return {name: _arrow(values) for name, values in columns.items()}


def _fill_columns(arrays: RunArrays) -> dict[str, pa.Array]:
    columns = _record_columns(arrays.fills)
    columns["reason_name"] = _names(arrays.fills["reason"], reason_name)
    return columns


def _trade_columns(arrays: RunArrays) -> dict[str, pa.Array]:
    trades, reasons = arrays.trades, arrays.signal.reasons
    columns = _record_columns(trades)
    columns["exit_reason_name"] = _names(trades["exit_reason"], reason_name)
    columns["entry_reason_name"] = _names(
        trades["entry_reason"], lambda code: entry_reason_name(code, reasons)
    )
    return columns


def _record_columns(records: NDArray[np.void]) -> dict[str, pa.Array]:
    return {name: _arrow(records[name]) for name in records.dtype.names or ()}


def _arrow(values: NDArray[np.generic]) -> pa.Array:
    """Return an Arrow array over a numpy one, by its buffer: `pa.array` would look for pandas."""
    import pyarrow as pa

    if values.dtype == np.bool_:
        bits = np.packbits(values.view(np.uint8), bitorder="little")
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits.tobytes())])
    packed = np.ascontiguousarray(values)
    kind = pa.from_numpy_dtype(packed.dtype)
    return pa.Array.from_buffers(kind, len(packed), [None, pa.py_buffer(packed)])


def _names(codes: NDArray[np.int64], name_of: Callable[[int], str]) -> pa.Array:
    """Return the words of `codes` as Arrow text."""
    import pyarrow as pa

    known = {int(code): name_of(int(code)).encode() for code in np.unique(codes)}
    words = [known[int(code)] for code in codes]
    ends = np.concatenate((np.zeros(1, np.int32), np.cumsum([len(word) for word in words], dtype=np.int32)))
    buffers = [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(b"".join(words))]
    return pa.Array.from_buffers(pa.string(), len(words), buffers)


def _write_table(path: Path, table: pa.Table) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, path, compression="zstd")
