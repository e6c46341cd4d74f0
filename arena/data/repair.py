"""Mend a range of a stored series: from an exchange, or out of finer stored bars.

Reads and writes through the store; the old values of what is changed go to its revisions. Invariant: a bar
that no source has stays missing; nothing is interpolated, carried forward or deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from arena.core.bars import SYNTHETIC, Bars, TsArray, empty_bars
from arena.core.errors import DataError
from arena.core.timeframe import Timeframe
from arena.data.health import RangeHealth, range_health
from arena.data.ingest_origin import check_origin
from arena.data.repair_plan import Mode, Outcome, Repair, RepairRange
from arena.data.resample import resample
from arena.data.scan.prices import impossible
from arena.exchange.port import BarPage, FundingHistory, PriceKind
from arena.store.market.layout import Kind, SeriesInfo
from arena.store.market.merge import OnConflict
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter

_COLUMNS = ("open", "high", "low", "close", "volume")


class RepairFeed(Protocol):
    """What a refetch needs of an exchange; every `MarketFeed` has it."""

    @property
    def source(self) -> str:
        """Who publishes the values."""

    def server_time(self) -> int:
        """Return the exchange's time, UTC ms."""

    def bars(
        self, kind: PriceKind, inst_id: str, timeframe: Timeframe, start_ms: int, end_ms: int
    ) -> Iterator[BarPage]:
        """Yield the closed bars with start <= open < end page by page; pages adjoin."""

    def funding(self, inst_id: str, start_ms: int) -> FundingHistory:
        """Return the settlements at and after `start_ms`, as far back as the exchange gives them."""


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Bars that a source gave for a range, who it was, and whether it spoke for all of the range."""

    bars: Bars
    source: str
    speaks_for_all: bool
    refused: int = 0


class SeriesRepair:
    """Repairs of one series of bars."""

    def __init__(
        self,
        root: str,
        inst_id: str,
        timeframe: Timeframe,
        mode: Mode,
        writer: MarketWriter,
        *,
        kind: Kind = Kind.CANDLES,
        feed: RepairFeed | None = None,
        run_id: str = "",
    ) -> None:
        """Prepare it.

        Args:
            root: the store.
            inst_id: exchange's id of the instrument.
            timeframe: length of the bars.
            mode: where bars come from.
            writer: writes to the same store.
            kind: which prices.
            feed: the exchange, needed to refetch.
            run_id: who repairs, for the revisions.

        Raises:
            ConfigError: the exchange's prices are generated and the stored ones observed, or the reverse.
            DataError: there is no finer series to build from.
            ExchangeError: the exchange does not answer.
        """
        self._reader, self._writer = MarketReader(root), writer
        self._inst_id, self._timeframe, self._mode, self._run_id = inst_id, timeframe, mode, run_id
        self._feed, self._kind = feed, kind
        self._finer = self._list_finer()
        self._closed_by: int | None = None
        if mode == "refetch":
            if feed is None:
                raise ValueError("a refetch needs a feed")
            self._closed_by = timeframe.floor(feed.server_time())
            check_origin(self._reader, inst_id, generated=feed.source == SYNTHETIC)
        elif not self._finer:
            raise DataError(
                f"mode={mode}: no {kind} finer than {timeframe} are stored of {inst_id} in "
                f"{self._reader.location}: ingest them, or take mode=refetch"
            )

    def mend(self, wanted: RepairRange) -> Repair:
        """Mend one range and look at it again.

        Raises:
            DataError: the store cannot be read or written.
            ExchangeError: the exchange failed; nothing of the range was changed.
        """
        asked = self._on_grid(wanted)
        before = self._stored(asked)
        found = self._find(asked, before)
        self._write(found, before)
        after = self._stored(asked)
        return self._outcome(replace(wanted, start=asked.start, end=asked.end), before, after, found)

    def _on_grid(self, wanted: RepairRange) -> RepairRange:
        """Return the whole bars of the range, closed ones alone where the exchange is asked."""
        step_ms = self._timeframe.step_ms
        start = -(-wanted.start // step_ms) * step_ms
        end = -(-wanted.end // step_ms) * step_ms
        if self._closed_by is not None:
            end = max(start, min(end, self._closed_by))
        return replace(wanted, start=start, end=end)

    def _stored(self, asked: RepairRange) -> Bars:
        return self._reader.read_bars(
            self._kind, self._inst_id, self._timeframe, start=asked.start, end=asked.end
        )

    def _find(self, asked: RepairRange, before: Bars) -> _Found:
        if asked.start >= asked.end:
            return _Found(empty_bars(self._inst_id, self._timeframe), "", speaks_for_all=False)
        if self._mode == "refetch":
            return self._fetch(asked)
        found = self._build(asked)
        if self._mode == "resample":
            fresh = ~np.isin(found.bars.ts, before.ts)
            return replace(found, bars=taken(found.bars, fresh))
        return found

    def _fetch(self, asked: RepairRange) -> _Found:
        assert self._feed is not None  # noqa: S101 - the constructor has seen to it
        pages = list(
            self._feed.bars(self._kind.value, self._inst_id, self._timeframe, asked.start, asked.end)
        )
        pages.sort(key=lambda page: page.start_ms)
        parts = [page.bars for page in pages if len(page.bars)]
        refused = sum(sum(page.refused.values()) for page in pages)
        bars = _joined(parts, self._inst_id, self._timeframe)
        inside = (bars.ts >= asked.start) & (bars.ts < asked.end)
        whole = _adjoin(pages, asked) and not refused
        return _Found(taken(bars, inside), self._feed.source, speaks_for_all=whole, refused=refused)

    def _build(self, asked: RepairRange) -> _Found:
        """Return bars out of the coarsest finer series that has them, stamp by stamp."""
        found = empty_bars(self._inst_id, self._timeframe)
        names = []
        for finer in self._finer:
            bars = self._reader.read_bars(self._kind, self._inst_id, finer, start=asked.start, end=asked.end)
            sound = taken(bars, ~impossible(bars))
            built = resample(sound, self._timeframe)
            fresh = ~np.isin(built.ts, found.ts)
            if fresh.any():
                names.append(finer.name)
                found = _joined([found, taken(built, fresh)], self._inst_id, self._timeframe)
        return _Found(found, f"derived from {'+'.join(names)}" if names else "", speaks_for_all=False)

    def _write(self, found: _Found, before: Bars) -> None:
        if not len(found.bars):
            return
        conflict: OnConflict = "keep" if self._mode == "resample" else "revise"
        bars = replace(found.bars, origin=found.bars.origin or before.origin)
        self._writer.write_bars(self._kind, bars, source=found.source, job=self._run_id, on_conflict=conflict)

    def _outcome(self, asked: RepairRange, before: Bars, after: Bars, found: _Found) -> Repair:
        inserted, revised = changed_bars(before, after)
        step_ms = self._timeframe.step_ms
        health = range_health(after, start=asked.start, end=asked.end)
        outcome, error = self._judge(asked, found, after, health, len(inserted) + len(revised))
        return Repair(
            range=asked,
            asked=max(0, asked.end - asked.start) // step_ms,
            inserted=len(inserted),
            revised=len(revised),
            source=found.source,
            before=range_health(before, start=asked.start, end=asked.end),
            after=health,
            changed=np.sort(np.concatenate((inserted, revised))),
            stored=after.ts,
            confirmed=health.gaps if found.speaks_for_all else (),
            same=self._same(found, inserted, revised),
            refused=found.refused,
            outcome=outcome,
            error=error,
        )

    def _same(self, found: _Found, inserted: TsArray, revised: TsArray) -> TsArray:
        if self._mode != "refetch":
            return np.empty(0, np.int64)
        return np.setdiff1d(found.bars.ts, np.concatenate((inserted, revised)))

    def _judge(
        self, asked: RepairRange, found: _Found, after: Bars, health: RangeHealth, changed: int
    ) -> tuple[Outcome, str | None]:
        fault = self._fault(asked, found, after)
        if fault is not None:
            return "failed", fault
        if not health.missing and changed:
            return "repaired", None
        if not health.missing:
            why = self._unmended(asked, found)
            return ("unchanged" if why is None else "failed"), why
        if found.speaks_for_all:
            return ("partial" if changed else "confirmed_absent"), None
        why = "the finer series have holes there, too"
        if self._mode == "refetch":
            why = f"the exchange did not answer for all of it, or rows of it were refused ({found.refused})"
        return ("partial" if changed else "failed"), f"{health.missing} bars are still missing: {why}"

    def _fault(self, asked: RepairRange, found: _Found, after: Bars) -> str | None:
        """Return why the range cannot be whole, whatever came."""
        if asked.start >= asked.end:
            return "no bar of the range has closed yet"
        if not _holds(after, found.bars):
            return "what was written is not what is stored: another writer was at work"
        bad = int(np.count_nonzero(impossible(after)))
        return f"{bad} stored bars are still impossible: the source has no better ones" if bad else None

    def _unmended(self, asked: RepairRange, found: _Found) -> str | None:
        """Return why a range in which nothing is missing and nothing was changed is not simply unchanged."""
        if found.refused:
            return f"{found.refused} rows of the exchange were refused, nothing was changed"
        if asked.kinds and self._mode != "refetch":
            made = found.source.removeprefix("derived from ")
            return f"the {made} bars make the same bars: what denies them is to be repaired itself"
        return None

    def _list_finer(self) -> list[Timeframe]:
        """Return the finer stored series that the bars can be built from, the coarsest first."""
        step_ms = self._timeframe.step_ms
        stored = [
            one.timeframe
            for one in self._reader.list_series()
            if one == SeriesInfo(self._kind, self._inst_id, one.timeframe)
        ]
        return sorted(
            (one for one in stored if one.step_ms < step_ms and step_ms % one.step_ms == 0), reverse=True
        )


def changed_bars(before: Bars, after: Bars) -> tuple[TsArray, TsArray]:
    """Return the opens of the bars that are new and of those that have other values."""
    inserted: TsArray = after.ts[~np.isin(after.ts, before.ts)]
    at = np.searchsorted(before.ts, after.ts)
    same = np.isin(after.ts, before.ts)
    differs = np.zeros(len(after), np.bool_)
    for name in _COLUMNS:
        differs[same] |= getattr(before, name)[at[same]] != getattr(after, name)[same]
    revised: TsArray = after.ts[differs]
    return inserted, revised


def _holds(stored: Bars, found: Bars) -> bool:
    """Whether every bar of `found` is stored with its values."""
    if not np.isin(found.ts, stored.ts).all():
        return False
    at = np.searchsorted(stored.ts, found.ts)
    return all(bool((getattr(stored, name)[at] == getattr(found, name)).all()) for name in _COLUMNS)


def _adjoin(pages: Sequence[BarPage], asked: RepairRange) -> bool:
    """Whether the pages speak for every moment of the range."""
    reached = asked.start
    for page in pages:
        if page.start_ms > reached:
            return False
        reached = max(reached, page.end_ms)
    return reached >= asked.end


def _joined(parts: Sequence[Bars], inst_id: str, timeframe: Timeframe) -> Bars:
    """Return the parts as one series, ascending."""
    if not parts:
        return empty_bars(inst_id, timeframe)
    ts = np.concatenate([part.ts for part in parts])
    order = np.argsort(ts, kind="stable")
    columns = {name: np.concatenate([getattr(part, name) for part in parts])[order] for name in _COLUMNS}
    origin = frozenset[str]().union(*(part.origin for part in parts))
    return Bars(inst_id, timeframe, ts[order], **columns, origin=origin)


def taken(bars: Bars, rows: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Bars:
    """Return the flagged bars."""
    if rows.all():
        return bars
    columns = {name: getattr(bars, name)[rows] for name in ("ts", *_COLUMNS)}
    return replace(bars, **columns)
