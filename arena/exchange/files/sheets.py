"""One file's rows under our names and in our units, not yet checked.

Invariant: row i of every array is row i of the file. A time that cannot be read is `NO_TIME`, a
number that cannot be read is NaN; nothing is dropped here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arena.core.bars import FloatArray, IntArray, TsArray
from arena.core.errors import DataError
from arena.core.instrument import Instrument
from arena.exchange.files.layouts import FUNDING, INSTRUMENT_COLUMNS, Kind, Layout
from arena.exchange.files.tables import Table

if TYPE_CHECKING:
    import polars as pl

NO_TIME = np.iinfo(np.int64).min

PRICES = ("open", "high", "low", "close")
BAR_COLUMNS = (*PRICES, "volume")
FUNDING_COLUMNS = ("rate",)

_HOUR_MS = 3_600_000
_SETTLEMENT_JITTER_MS = 60_000

# Largest stamp of each unit that is still a plausible date: seconds, milliseconds, microseconds.
_LARGEST = {1000.0: 10**11, 1.0: 10**14, 1e-3: 10**17}


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """One file's rows; `values` are the columns of the kind, each as long as `ts`.

    `closed` is False where the publisher marks a bar as still running, None where it marks none.
    """

    label: str
    path: Path
    layout: Layout
    ts: TsArray
    values: dict[str, FloatArray]
    closed: np.ndarray[tuple[int], np.dtype[np.bool_]] | None

    def __len__(self) -> int:
        return len(self.ts)


def make_sheet(table: Table, layout: Layout, kind: Kind, instrument: Instrument, *, contracts: bool) -> Sheet:
    """Read all rows of `table`; volumes come out in base coin.

    Raises:
        DataError: the file is of another instrument, or holds no row.
    """
    _check_instrument(table, kind, instrument)
    columns = layout.columns_in(table, kind)
    frame = table.load(list(columns.values()), time=columns["ts"])
    if not len(frame):
        raise DataError(f"{table.label}: no rows in the file")
    ts = to_milliseconds(_stamps(frame.get_column(columns["ts"])))
    names = FUNDING_COLUMNS if kind == FUNDING else BAR_COLUMNS
    values = {name: _floats(frame, columns.get(name)) for name in names}
    if contracts and not layout.base_volume and "volume" in columns:
        values["volume"] = _to_coins(values["volume"], instrument.ct_val)
    if kind == FUNDING:
        ts = _snap_to_hour(ts)
    closed = _floats(frame, columns["closed"]) == 1 if "closed" in columns else None
    return Sheet(table.label, table.source.path, layout, ts, values, closed)


def to_milliseconds(stamps: IntArray) -> TsArray:
    """Return stamps in ms, told by magnitude from seconds, milliseconds, microseconds or nanoseconds.

    Decided row by row: Binance's archives change from ms to µs with the year 2025.
    """
    size = np.abs(stamps)
    ts = stamps.copy()
    readable = stamps != NO_TIME
    seconds = readable & (size < _LARGEST[1000.0])
    micros = readable & (size >= _LARGEST[1.0]) & (size < _LARGEST[1e-3])
    nanos = readable & (size >= _LARGEST[1e-3])
    ts[seconds] *= 1000
    ts[micros] //= 1000
    ts[nanos] //= 1_000_000
    return ts


def _stamps(column: pl.Series) -> IntArray:
    """Return a column of times as whole numbers, `NO_TIME` where there is none."""
    import polars as pl

    if isinstance(column.dtype, pl.Datetime):
        whole = column.dt.timestamp("ms")
    elif column.dtype == pl.Date:
        whole = column.cast(pl.Datetime("ms")).dt.timestamp("ms")
    elif column.dtype == pl.String:
        whole = _parse_times(column)
    elif column.dtype.is_float():
        whole = column.round().cast(pl.Int64, strict=False)
    else:
        whole = column.cast(pl.Int64, strict=False)
    filled: IntArray = whole.fill_null(NO_TIME).to_numpy()
    return filled


def _parse_times(column: pl.Series) -> pl.Series:
    import polars as pl

    text = column.str.strip_chars()
    whole = text.cast(pl.Int64, strict=False)
    if whole.null_count():
        whole = whole.fill_null(text.cast(pl.Float64, strict=False).round().cast(pl.Int64, strict=False))
    if whole.null_count():
        dates = text.str.to_datetime(time_unit="ms", time_zone="UTC", strict=False)
        whole = whole.fill_null(dates.dt.timestamp("ms"))
    return whole


def _floats(frame: pl.DataFrame, column: str | None) -> FloatArray:
    """Return a column as a writable array with NaN for null, or zeros for a column that is not there."""
    if column is None:
        return np.zeros(len(frame))
    return np.array(frame.get_column(column).fill_null(np.nan).to_numpy(), dtype=np.float64)


def _to_coins(contracts: FloatArray, ct_val: float) -> FloatArray:
    per_coin = round(1 / ct_val)
    # 87511 contracts of 0.01 are 875.11 coins: dividing by 100 rounds once, multiplying by 0.01 twice
    exact = per_coin >= 1 and abs(per_coin * ct_val - 1) < 1e-12
    return contracts / per_coin if exact else contracts * ct_val


def _snap_to_hour(ts: TsArray) -> TsArray:
    """Return settlements on the whole hour they belong to: exchanges stamp them some ms late."""
    readable = ts != NO_TIME
    hour = (np.where(readable, ts, 0) + _HOUR_MS // 2) // _HOUR_MS * _HOUR_MS
    near = readable & (np.abs(np.where(readable, ts, 0) - hour) <= _SETTLEMENT_JITTER_MS)
    return np.where(near, hour, ts)


def _check_instrument(table: Table, kind: Kind, instrument: Instrument) -> None:
    expected = {instrument.inst_id}
    if kind == "index":
        expected.add(instrument.inst_id.removesuffix("-SWAP"))  # an index has no contract
    for column in INSTRUMENT_COLUMNS:
        if column in table.columns:
            others = set(table.texts(column)) - expected
            if others:
                raise DataError(
                    f"{table.label}: rows of {', '.join(sorted(others)[:3])}, but "
                    f"{instrument.inst_id} was named; name the right symbol or take the rows apart"
                )
