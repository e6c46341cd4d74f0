"""Reads of the market store.

Never writes, never locks and never waits: a file is replaced at one stroke, so whatever is opened is
whole. Invariant: a read opens only the partitions that can hold rows of its range, newest first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from arena.core.bars import Bars, FundingSeries, TsArray, empty_bars
from arena.core.timeframe import TIMEFRAMES, Timeframe
from arena.store.market.files import StoredFile, open_files
from arena.store.market.layout import (
    FUNDING_FOLDER,
    MARKET_FOLDER,
    REVISIONS_FOLDER,
    SUFFIX,
    FundingInfo,
    Kind,
    Series,
    SeriesInfo,
    is_period,
    period_of,
)
from arena.store.market.revisions import restore_as_of, with_changes
from arena.store.market.tables import Columns, Part, read_extent, read_table

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Coverage:
    """Extent of a stored series: opens of its first and last bar, and how many there are.

    `expected` counts the grid from first to last, `missing` what of it is not stored.
    """

    first: int
    last: int
    present: int
    expected: int
    missing: int


class MarketReader:
    """Reads bars and funding below `<root>/market`.

    Arrays handed out are writable, C-contiguous copies of their own, so that compiled kernels see one
    array type whatever the number of files; nobody else holds them.
    """

    def __init__(self, root: str | Path) -> None:
        self._files = open_files(root, MARKET_FOLDER)

    @property
    def location(self) -> StoredFile:
        """Folder of the market's files, for messages."""
        root: StoredFile = self._files.root
        return root

    def read_bars(
        self,
        kind: Kind,
        inst_id: str,
        timeframe: Timeframe,
        *,
        start: int | None = None,
        end: int | None = None,
        limit: int | None = None,
        as_of: int | None = None,
    ) -> Bars:
        """Return the newest `limit` bars with `start` <= open < `end`; empty when none is stored.

        Args:
            kind: which prices.
            inst_id: exchange's id of the instrument.
            timeframe: length of the stored bars.
            start: first open, UTC ms.
            end: first open not wanted, UTC ms.
            limit: how many at most.
            as_of: UTC ms; rows stored later are left out and values changed later are as they were.

        Raises:
            DataError: a stored file cannot be read.
        """
        series = SeriesInfo(Kind(kind), inst_id, timeframe)
        return _bars(series, self._read_newest(series, start, end, limit, as_of))

    def read_known_bars(self, kind: Kind, inst_id: str, timeframe: Timeframe) -> tuple[Bars, TsArray]:
        """Return all bars of a series and since when each is known as it is, UTC ms; one read for both.

        Raises:
            DataError: a stored file cannot be read.
        """
        series = SeriesInfo(Kind(kind), inst_id, timeframe)
        names = ("ts", *series.values, "known_since")
        parts = self._each(lambda one: read_table(self._path(series, one), names), self._periods(series))
        bars = _bars(series, parts)
        if not len(bars):
            return bars, np.empty(0, np.int64)
        known = {"ts": bars.ts, **_join(parts, ("known_since",))}
        since: TsArray = with_changes(known, self._revisions(series))["known_since"]
        return bars, since

    def read_funding(
        self,
        inst_id: str,
        *,
        start: int | None = None,
        end: int | None = None,
        limit: int | None = None,
        as_of: int | None = None,
    ) -> FundingSeries:
        """Return the newest `limit` settlements with `start` <= ts < `end`; empty when none is stored.

        Raises:
            DataError: a stored file cannot be read.
        """
        parts = self._read_newest(FundingInfo(inst_id), start, end, limit, as_of)
        if not any(map(len, parts)):
            return FundingSeries(inst_id, np.empty(0, np.int64), np.empty(0, np.float64), ())
        columns = _join(parts, ("ts", "rate", "source"))
        return FundingSeries(inst_id, columns["ts"], columns["rate"], tuple(columns["source"].tolist()))

    def list_series(self) -> list[SeriesInfo]:
        """Return the stored bar series, by kind, instrument and length of bar."""
        found = {
            SeriesInfo(kind, folders[0], Timeframe.parse(folders[1]))
            for kind in Kind
            for *folders, name in self._tree(kind)
            if len(folders) == 2 and folders[1] in TIMEFRAMES
        }
        return sorted(found)

    def list_funding(self) -> list[str]:
        """Return the instruments with stored funding."""
        return sorted({folders[0] for *folders, _ in self._tree(FUNDING_FOLDER) if len(folders) == 1})

    def coverage(self, kind: Kind, inst_id: str, timeframe: Timeframe) -> Coverage | None:
        """Return the extent of a series from the footers of its files, None when it is not stored."""
        series = SeriesInfo(Kind(kind), inst_id, timeframe)
        extents = self._each(lambda period: read_extent(self._path(series, period)), self._periods(series))
        if not extents:
            return None
        first, last = extents[0].first, extents[-1].last
        present = sum(extent.rows for extent in extents)
        expected = (last - first) // timeframe.step_ms + 1
        return Coverage(first, last, present, expected, expected - present)

    def read_known_since(self, kind: Kind, inst_id: str, timeframe: Timeframe) -> Columns:
        """Return `ts` and `known_since` of a series: since when the store has known its present values.

        A bar that was changed is known as it is since its last change. No column when nothing is stored.
        """
        return self._known_since(SeriesInfo(Kind(kind), inst_id, timeframe))

    def read_funding_known_since(self, inst_id: str) -> Columns:
        """Return `ts` and `known_since` of settled funding, as `read_known_since` does."""
        return self._known_since(FundingInfo(inst_id))

    def _known_since(self, series: Series) -> Columns:
        names = ("ts", "known_since")
        parts = self._each(lambda one: read_table(self._path(series, one), names), self._periods(series))
        if not parts:
            return {}
        return with_changes(_join(parts, names), self._revisions(series))

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each stored series by its folder; its revisions are counted with it."""
        found: Counter[str] = Counter()
        for name, size in self._files.list_sizes("").items():
            folder = name.removeprefix(f"{REVISIONS_FOLDER}/").rpartition("/")[0]
            found[folder] += size
        return dict(found)

    def read_revisions(self, kind: Kind, inst_id: str, timeframe: Timeframe) -> Columns:
        """Return every changed value of a series, in the order of the changes inside each partition.

        Columns: `ts`, `old_*` and `new_*` of each value, `known_since` (UTC ms at which the old value
        became known), `changed_at`, `source`, `job`. No column when nothing ever changed.
        """
        return self._revisions(SeriesInfo(Kind(kind), inst_id, timeframe))

    def read_funding_revisions(self, inst_id: str) -> Columns:
        """Return every changed settlement; columns as `read_revisions`, of `rate` and `source`."""
        return self._revisions(FundingInfo(inst_id))

    def _revisions(self, series: Series) -> Columns:
        stems = self._files.list_stems(f"{REVISIONS_FOLDER}/{series.folder}", SUFFIX)
        parts = [read_table(self._path(series, stem, REVISIONS_FOLDER)) for stem in stems if is_period(stem)]
        return _join(parts, tuple(parts[0].columns)) if parts else {}

    def _read_newest(
        self, series: Series, start: int | None, end: int | None, limit: int | None, as_of: int | None
    ) -> list[Part]:
        if limit is None:
            periods = self._periods(series, start, end)
            return self._each(lambda one: self._read_period(series, one, start, end, None, as_of), periods)
        parts: list[Part] = []
        wanted = limit
        for period in reversed(self._periods(series, start, end)):
            if wanted <= 0:
                break
            part = self._read_period(series, period, start, end, wanted, as_of)
            parts.append(part)
            wanted -= len(part)
        return parts[::-1]

    def _read_period(
        self,
        series: Series,
        period: str,
        start: int | None,
        end: int | None,
        limit: int | None,
        as_of: int | None,
    ) -> Part:
        path = self._path(series, period)
        names = ("ts", *series.values)
        if as_of is None:
            return read_table(path, names, start=start, end=end, limit=limit)
        part = read_table(path, (*names, "known_since"), start=start, end=end)
        # Revisions are recorded before the data changes: read in this order, none can be overlooked.
        revisions_path = self._path(series, period, REVISIONS_FOLDER)
        revisions = read_table(revisions_path).columns if revisions_path.is_file() else None
        rows = restore_as_of(part.columns, revisions, series.values, as_of)
        if limit is not None:
            rows = {name: column[max(0, len(column) - limit) :] for name, column in rows.items()}
        return Part(rows, part.origin)

    def _tree(self, folder: str) -> Iterator[list[str]]:
        """Yield the folders and the name of each partition below `folder`, found in one walk."""
        for path in self._files.list_tree(folder):
            if path.endswith(SUFFIX) and is_period(path.rpartition("/")[2].removesuffix(SUFFIX)):
                yield path.split("/")

    def _periods(self, series: Series, start: int | None = None, end: int | None = None) -> list[str]:
        stems = filter(is_period, self._files.list_stems(series.folder, SUFFIX))
        oldest = "" if start is None else period_of(start, series.calendar_unit)
        newest = "~" if end is None else period_of(end - 1, series.calendar_unit)
        return [stem for stem in stems if oldest <= stem <= newest]

    def _path(self, series: Series, period: str, above: str = "") -> StoredFile:
        path: StoredFile = self._files.path(f"{above}/{series.folder}/{period}{SUFFIX}".lstrip("/"))
        return path

    def _each(self, work: Callable[[str], Result], periods: list[str]) -> list[Result]:
        """Return `work` of each period, several at once where waiting for answers costs the time."""
        workers = min(self._files.parallel_reads, len(periods))
        if workers < 2:
            return [work(period) for period in periods]
        with ThreadPoolExecutor(workers, thread_name_prefix="market") as pool:
            return list(pool.map(work, periods))


def _bars(series: SeriesInfo, parts: list[Part]) -> Bars:
    if not any(map(len, parts)):
        return empty_bars(series.inst_id, series.timeframe)
    columns = _join(parts, ("ts", *series.values))
    volume = columns["volume"] if "volume" in columns else np.zeros(len(columns["ts"]))
    return Bars(
        series.inst_id,
        series.timeframe,
        ts=columns["ts"],
        open=columns["open"],
        high=columns["high"],
        low=columns["low"],
        close=columns["close"],
        volume=volume,
        origin=frozenset[str]().union(*(part.origin for part in parts)),
    )


def _join(parts: list[Part], names: tuple[str, ...]) -> Columns:
    if len(parts) == 1:
        return {name: np.ascontiguousarray(parts[0].columns[name]) for name in names}
    return {name: np.concatenate([part.columns[name] for part in parts]) for name in names}
