"""Mend settled funding from the exchange that settled it.

Reads and writes through the store; the old rates of what is changed go to its revisions. Invariant: a rate
that no exchange gave is not made up, and a stored one that the exchange confirms keeps its source.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from arena.core.bars import SYNTHETIC, FundingSeries, TsArray
from arena.core.clock import to_iso
from arena.data.health import GapRange, RangeHealth, find_gaps
from arena.data.ingest_origin import check_origin
from arena.data.repair import RepairFeed
from arena.data.repair_plan import Outcome, Repair, RepairRange
from arena.exchange.port import FundingHistory
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter


class FundingRepair:
    """Repairs of the funding of one instrument."""

    def __init__(
        self,
        root: str,
        inst_id: str,
        interval_ms: int,
        writer: MarketWriter,
        *,
        feed: RepairFeed,
        run_id: str = "",
    ) -> None:
        """Prepare it.

        Args:
            root: the store.
            inst_id: exchange's id of the instrument.
            interval_ms: time between two settlements.
            writer: writes to the same store.
            feed: the exchange.
            run_id: who repairs, for the revisions.

        Raises:
            ConfigError: the exchange's rates are generated and the stored ones observed, or the reverse.
            ExchangeError: the exchange does not answer.
        """
        self._reader, self._writer, self._feed = MarketReader(root), writer, feed
        self._inst_id, self._interval_ms, self._run_id = inst_id, interval_ms, run_id
        self._settled_by = feed.server_time()
        check_origin(self._reader, inst_id, generated=feed.source == SYNTHETIC)

    def mend(self, wanted: RepairRange) -> Repair:
        """Mend one range and look at it again.

        Raises:
            DataError: the store cannot be read or written.
            ExchangeError: the exchange failed; nothing of the range was changed.
        """
        asked = replace(wanted, end=max(wanted.start, min(wanted.end, self._settled_by)))
        before = self._stored(asked)
        history = self._feed.funding(self._inst_id, asked.start)
        given = _inside(history.series, asked)
        same = _same(before, given)
        fresh = ~np.isin(given.ts, same)
        if fresh.any():
            self._writer.write_funding(_taken(given, fresh), job=self._run_id)
        return self._outcome(asked, before, self._stored(asked), history, same)

    def _stored(self, asked: RepairRange) -> FundingSeries:
        return self._reader.read_funding(self._inst_id, start=asked.start, end=asked.end)

    def _outcome(
        self,
        asked: RepairRange,
        before: FundingSeries,
        after: FundingSeries,
        history: FundingHistory,
        same: TsArray,
    ) -> Repair:
        health = _health(after.ts, asked, self._interval_ms)
        fresh = after.ts[~np.isin(after.ts, same)]
        changed: TsArray = fresh[~np.isin(fresh, _same(before, after))]
        inserted = int(np.count_nonzero(~np.isin(changed, before.ts)))
        reach_ms = history.reach_ms if len(history.series) else self._settled_by
        confirmed = tuple(hole for hole in health.gaps if hole.start >= reach_ms)
        outcome, error = _judge(asked, health, confirmed, len(changed), reach_ms)
        return Repair(
            range=asked,
            asked=health.expected,
            inserted=inserted,
            revised=len(changed) - inserted,
            source=self._feed.source if len(history.series) else "",
            before=_health(before.ts, asked, self._interval_ms),
            after=health,
            changed=changed,
            stored=after.ts,
            confirmed=confirmed,
            same=same,
            refused=0,
            outcome=outcome,
            error=error,
        )


def _judge(
    asked: RepairRange, health: RangeHealth, confirmed: tuple[GapRange, ...], changed: int, reach_ms: int
) -> tuple[Outcome, str | None]:
    if asked.start >= asked.end:
        return "failed", "no settlement of the range is due yet"
    if not health.missing:
        return ("repaired" if changed else "unchanged"), None
    if health.gaps == confirmed:
        return ("partial" if changed else "confirmed_absent"), None
    why = (
        f"{health.missing} settlements are still missing: the exchange gives none before {to_iso(reach_ms)}, "
        "bring older ones in from files with python -m jobs.ingest kind=funding"
    )
    return ("partial" if changed else "failed"), why


def _health(ts: TsArray, asked: RepairRange, interval_ms: int) -> RangeHealth:
    """Compare settlements with one every `interval_ms` from the range's start on, to the nearest of them."""
    expected = -(-(asked.end - asked.start) // interval_ms)
    cells = np.unique((ts - asked.start + interval_ms // 2) // interval_ms)
    cells = cells[cells < expected]
    fenced = np.concatenate(([-1], cells, [expected]))
    gaps = tuple(
        GapRange(asked.start + gap.start * interval_ms, asked.start + gap.end * interval_ms, gap.bars)
        for gap in find_gaps(fenced, 1)
    )
    return RangeHealth(expected, len(cells), expected - len(cells), 0, 0, 0, gaps)


def _same(one: FundingSeries, other: FundingSeries) -> TsArray:
    """Return the settlements of which both have the same rate."""
    both, at, there = np.intersect1d(one.ts, other.ts, assume_unique=True, return_indices=True)
    same: TsArray = both[one.rate[at] == other.rate[there]]
    return same


def _inside(series: FundingSeries, asked: RepairRange) -> FundingSeries:
    return _taken(series, (series.ts >= asked.start) & (series.ts < asked.end))


def _taken(series: FundingSeries, rows: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> FundingSeries:
    source = tuple(name for name, wanted in zip(series.source, rows.tolist(), strict=True) if wanted)
    return FundingSeries(series.inst_id, series.ts[rows], series.rate[rows], source)
