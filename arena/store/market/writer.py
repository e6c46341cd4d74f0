"""The one writer of the market store.

Takes closed bars and settled funding only, merges them partition by partition and keeps what they
change. Never deletes a row. Invariant: whenever the process dies, each partition is either as it was
or as it should be, no old value is lost, and writing the same again completes the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from arena.core.bars import Bars, FundingSeries, TsArray
from arena.core.clock import Clock, to_iso
from arena.core.errors import DataError
from arena.store.market.files import open_files
from arena.store.market.layout import (
    MARKET_FOLDER,
    REVISIONS_FOLDER,
    SUFFIX,
    FundingInfo,
    Kind,
    Series,
    SeriesInfo,
    split_by_period,
)
from arena.store.market.merge import Merged, OnConflict, WriteReport, merge_rows
from arena.store.market.revisions import append_revisions, drop_unapplied, make_revisions
from arena.store.market.tables import Columns, Part, read_table, write_table

_LOCK_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class _Write:
    """One call's facts, the same for each partition that it touches."""

    series: Series
    origin: frozenset[str]
    on_conflict: OnConflict
    now_ms: int
    text: dict[str, str]  # constant columns of its revisions


class MarketWriter:
    """Writes bars and funding below `<root>/market`."""

    def __init__(self, root: str | Path, *, clock: Clock, lock_timeout_s: float = _LOCK_TIMEOUT_S) -> None:
        self._files = open_files(root, MARKET_FOLDER)
        self._clock = clock
        self._lock_timeout_s = lock_timeout_s

    def write_bars(
        self,
        kind: Kind,
        bars: Bars,
        *,
        source: str,
        job: str = "",
        on_conflict: OnConflict = "revise",
    ) -> WriteReport:
        """Merge closed bars into their series.

        Args:
            kind: which prices these are; the volume of mark and index prices is not stored.
            bars: closed bars; their instrument, timeframe and origin (or `source`) name the series.
            source: who the values come from, for the revisions.
            job: id of the job run that writes, for the revisions.
            on_conflict: `revise` takes new values and keeps the old ones as a revision, `keep` leaves
                stored rows alone.

        Raises:
            DataError: a stamp is off the grid or out of order, a value is not finite, a stored file
                cannot be read, or another writer holds the partition.
        """
        series = SeriesInfo(Kind(kind), bars.inst_id, bars.timeframe)
        columns: Columns = {"ts": bars.ts, **{name: getattr(bars, name) for name in series.values}}
        _check_stamps(series, bars.ts)
        _check_grid(series, bars.ts, bars.timeframe.step_ms)
        _check_values(series, columns)
        origin = bars.origin or frozenset({source})
        return self._write(
            columns,
            _Write(series, _check_origin(origin), on_conflict, self._clock(), {"source": source, "job": job}),
        )

    def write_funding(self, funding: FundingSeries, *, job: str = "") -> WriteReport:
        """Merge settled funding; a settlement with another rate or source is revised.

        Raises:
            DataError: as `write_bars`.
        """
        series = FundingInfo(funding.inst_id)
        columns: Columns = {
            "ts": funding.ts,
            "rate": funding.rate,
            "source": np.array(funding.source, dtype=np.str_),
        }
        _check_stamps(series, funding.ts)
        _check_values(series, columns)
        origin = _check_origin(frozenset(funding.source))
        return self._write(columns, _Write(series, origin, "revise", self._clock(), {"job": job}))

    def _write(self, columns: Columns, write: _Write) -> WriteReport:
        report = WriteReport()
        for period, rows in split_by_period(columns["ts"], write.series.calendar_unit):
            part = {name: np.ascontiguousarray(column[rows]) for name, column in columns.items()}
            part["known_since"] = np.full(len(part["ts"]), write.now_ms, np.int64)
            try:
                report += self._write_partition(period, part, write)
            except OSError as error:
                raise DataError(
                    f"{write.series.label}, {period}: could not be written ({error}): stored rows are "
                    "as they were; mend space or permissions and write again"
                ) from error
        return report

    def _write_partition(self, period: str, incoming: Columns, write: _Write) -> WriteReport:
        name = f"{write.series.folder}/{period}{SUFFIX}"
        revisions_name = f"{REVISIONS_FOLDER}/{name}"
        self._files.make_folder(write.series.folder)
        holder = f"writing {write.series.label} since {to_iso(write.now_ms)}"
        with self._files.lock(name, holder=holder, timeout_s=self._lock_timeout_s):
            self._recover(name, revisions_name, write.series.values)
            current = self._read(name)
            rows = None if current is None else current.columns
            merged = merge_rows(rows, incoming, write.series.values, write.on_conflict)
            if merged.columns is None:
                return merged.report
            temp = self._files.temp_path(name)
            origin = write.origin if current is None else write.origin | current.origin
            write_table(temp, merged.columns, origin)
            self._files.sync(temp)
            if rows is not None and merged.report.revised:
                self._record_revisions(revisions_name, rows, incoming, merged, write)
            self._files.publish(temp, name)
        return merged.report

    def _record_revisions(
        self, name: str, current: Columns, incoming: Columns, merged: Merged, write: _Write
    ) -> None:
        earlier = self._read(name)
        earlier_rows = None if earlier is None else earlier.columns
        values = write.series.values
        new = make_revisions(
            current, incoming, merged, values, earlier_rows, changed_at=write.now_ms, **write.text
        )
        self._replace(name, append_revisions(earlier_rows, new))

    def _recover(self, name: str, revisions_name: str, values: tuple[str, ...]) -> None:
        """Clear up after a writer that died: its data temp file says that it may have got half-way.

        The temp file goes last, so that dying here leaves the same work to the next writer.
        """
        strays = self._files.stray_temps(name)
        if not strays:
            return
        revisions = self._read(revisions_name)
        if revisions is not None:
            current = self._read(name)
            applied = drop_unapplied(revisions.columns, None if current is None else current.columns, values)
            if applied is not None:
                self._replace(revisions_name, applied)
        for stray in [*self._files.stray_temps(revisions_name), *strays]:
            stray.unlink()

    def _replace(self, name: str, columns: Columns) -> None:
        self._files.make_folder(name.rpartition("/")[0])
        temp = self._files.temp_path(name)
        write_table(temp, columns)
        self._files.sync(temp)
        self._files.publish(temp, name)

    def _read(self, name: str) -> Part | None:
        return read_table(self._files.path(name)) if self._files.exists(name) else None


def _check_stamps(series: Series, ts: TsArray) -> None:
    if len(ts) == 0:
        return
    if ts[0] < 0:
        raise DataError(f"{series.label}: stamp {ts[0]} lies before 1970: stamps are UTC milliseconds")
    back = np.flatnonzero(ts[1:] <= ts[:-1])
    if len(back):
        row = int(back[0]) + 1
        raise DataError(
            f"{series.label}: row {row} ({to_iso(int(ts[row]))}) does not come after the row before it "
            f"({to_iso(int(ts[row - 1]))}): sort the rows and drop duplicates first"
        )


def _check_grid(series: SeriesInfo, ts: TsArray, step_ms: int) -> None:
    off = np.flatnonzero(ts % step_ms)
    if len(off):
        raise DataError(
            f"{series.label}: {len(off)} of {len(ts)} stamps are off the {series.timeframe} grid, first "
            f"{to_iso(int(ts[off[0]]))}: check that the timeframe is right and stamps are bar opens in UTC"
        )


def _check_values(series: Series, columns: Columns) -> None:
    size = len(columns["ts"])
    for name, column in columns.items():
        if len(column) != size:
            raise DataError(f"{series.label}: column {name} has {len(column)} rows and ts has {size}")
        if column.dtype.kind == "f" and not np.isfinite(column).all():
            row = int(np.flatnonzero(~np.isfinite(column))[0])
            raise DataError(
                f"{series.label}: {name} is {column[row]} at {to_iso(int(columns['ts'][row]))}: "
                "only finite values are stored"
            )


def _check_origin(origin: frozenset[str]) -> frozenset[str]:
    wrong = [name for name in origin if not name or "," in name]
    if wrong:
        raise DataError(f"source '{wrong[0]}' cannot be kept: write a name without commas, like okx")
    return origin
