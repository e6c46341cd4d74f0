"""Repair a series and settle it with the ledger: what was asked, what was done, what it touches.

Writes to the store through its repairs and to the ledger it is given. Invariant: each range is a row of
candle_repair_jobs from before its first row is written, and a finding is closed only by a new scan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from arena.audit.blast_radius import affected_decisions, affected_runs, rerun
from arena.audit.mended import Changes, Mended, MendedSeries, changes_of
from arena.audit.repair_ranges import find_ranges, interval_of, scan, series_of
from arena.audit.repair_result import Hole, RepairedRange, RepairResult
from arena.audit.repair_resume import close_dead, leftovers
from arena.audit.repair_settle import settle
from arena.backtest.result import BacktestResult, RunInfo
from arena.config.health import RepairConfig
from arena.config.models import BacktestConfig
from arena.core.clock import Clock, to_iso
from arena.core.errors import ArenaError, DataError
from arena.core.ids import canonical_json
from arena.data.health import RangeHealth
from arena.data.repair import RepairFeed, SeriesRepair
from arena.data.repair_coarser import Following, coarser_series, follow, plan_following
from arena.data.repair_funding import FundingRepair
from arena.data.repair_plan import Mode, Repair, RepairRange
from arena.store.ledger import Ledger, LedgerReads, RepairJobRow
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter

_Mend = Callable[[RepairRange], Repair]


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for a repair, and what it is done with."""

    identity: RunInfo
    ledger: Ledger
    reads: LedgerReads
    clock: Clock
    feed: RepairFeed | None
    tell: Callable[[int, int], None] = lambda _done, _of: None
    read: Callable[[BacktestResult, BacktestConfig], None] = lambda _result, _config: None


def repair_series(config: RepairConfig, asking: Asking) -> RepairResult:
    """Mend ranges of a series and let coarser ones follow; close what is repaired, list what is touched.

    Raises:
        ConfigError: the exchange's prices do not belong into this store.
        DataError: the series is not stored, or cannot be mended this way.
        ExchangeError: the exchange failed; the ranges before that are mended and written down.
    """
    return _RepairRun(config, asking).run()


def problem_of(result: RepairResult) -> DataError | None:
    """Return what a job ends with: None where every range is mended, or as whole as the exchange has it."""
    failed = [one for one in result.ranges if one.error is not None]
    if not failed:
        return None
    first = failed[0]
    return DataError(
        f"{len(failed)} of {len(result.ranges)} ranges of {result.inst_id} {result.timeframe} could not be "
        f"mended by mode={result.mode}, first {first.start} to {first.end}: {first.error}"
    )


class _RepairRun:
    """One repair: its rows are numbered through, whichever series they are of."""

    def __init__(self, config: RepairConfig, asking: Asking) -> None:
        self._config, self._asking = config, asking
        self._inst_id = config.symbol.inst_id
        self._reader = MarketReader(config.store.root)
        self._writer = MarketWriter(config.store.root, clock=asking.clock)
        self._series = series_of(config)
        self._rows = 0

    def run(self) -> RepairResult:
        config, asking = self._config, self._asking
        begun = asking.clock()
        close_dead(asking.ledger, asking.reads, begun)
        left_over = leftovers(asking.reads, config.store.root, self._inst_id)
        (before,) = scan(config, [self._series], begun)
        ranges = find_ranges(config, before, asking.reads)
        own = self._mend_all(ranges)
        coarser = [one for change in self._changes([*left_over, *own]) for one in self._follow(change)]
        mended = [*left_over, *own, *coarser]
        changes = self._changes(mended)
        touched = list(dict.fromkeys([self._series, *(one.series for one in changes)]))
        now = asking.clock()
        healths = scan(config, touched, now)
        settled = [
            settle(one, mended, asking.ledger, asking.reads, now, asking.identity.run_id) for one in healths
        ]
        runs = affected_runs(asking.reads, changes)
        if config.rerun:
            runs = rerun(runs, Path(config.reports.root), root=config.store.root, read=asking.read)
        return RepairResult(
            synthetic=any(one.synthetic for one in healths),
            run=asking.identity,
            inst_id=self._inst_id,
            symbol=config.symbol.symbol,
            kind=self._series.kind,
            timeframe=self._series.name,
            mode=config.mode,
            planned=config.planned,
            ranges=list(_records(own)),
            coarser=list(_records(coarser)),
            closed=sum(one.closed for one in settled),
            confirmed=sum(one.confirmed for one in settled),
            open=settled[0].open,
            taken_up=[one.repair_id for one in left_over],
            changed_bars=sum(len(one.ts) for one in changes if one.series == self._series),
            changed_others={one.series.label: len(one.ts) for one in changes if one.series != self._series},
            runs=runs,
            decisions=affected_decisions(asking.reads, changes),
        )

    def _changes(self, mended: Sequence[Mended]) -> list[Changes]:
        return changes_of(self._inst_id, mended)

    def _mend_all(self, ranges: Sequence[RepairRange]) -> list[Mended]:
        """Mend the ranges that were asked for, one after the other."""
        if not ranges:
            return []
        mend, feed = self._opened(), self._asking.feed
        source = None if feed is None else feed.source
        done = []
        for number, wanted in enumerate(ranges):
            self._asking.tell(number, len(ranges))
            done.append(self._recorded(self._series, self._config.mode, source, wanted, mend))
        self._asking.tell(len(ranges), len(ranges))
        return done

    def _opened(self) -> _Mend:
        """Return what mends a range of the series; the exchange is asked for its time once."""
        config, feed, run_id = self._config, self._asking.feed, self._asking.identity.run_id
        timeframe = self._series.timeframe
        if timeframe is not None:
            return SeriesRepair(
                config.store.root,
                self._inst_id,
                timeframe,
                config.mode,
                self._writer,
                kind=Kind(self._series.kind),
                feed=feed,
                run_id=run_id,
            ).mend
        if feed is None:
            raise ValueError("funding needs a feed")
        return FundingRepair(
            config.store.root, self._inst_id, interval_of(config), self._writer, feed=feed, run_id=run_id
        ).mend

    def _follow(self, change: Changes) -> Iterator[Mended]:
        """Let the coarser series follow what was changed, each as a repair of its own."""
        source = change.series.timeframe
        if source is None:
            return
        kind = Kind(change.series.kind)
        for target in coarser_series(self._reader, kind, self._inst_id, source):
            plan = plan_following(
                self._reader, kind, self._inst_id, source, target, change.ts, change.changed_at - 1
            )
            if plan is not None:
                series = MendedSeries(change.series.kind, target.name, target)
                mend = partial(self._write_following, kind, plan)
                yield self._recorded(series, "rebuild", plan.source, plan.range, mend)

    def _write_following(self, kind: Kind, plan: Following, _range: RepairRange) -> Repair:
        return follow(self._reader, self._writer, kind, plan, run_id=self._asking.identity.run_id)

    def _recorded(
        self, series: MendedSeries, mode: Mode, source: str | None, wanted: RepairRange, mend: _Mend
    ) -> Mended:
        """Mend a range with a row in the ledger around it."""
        asking, began = self._asking, self._asking.clock()
        repair_id = f"{asking.identity.run_id}-{self._rows}"
        self._rows += 1
        step_ms = interval_of(self._config) if series.timeframe is None else series.timeframe.step_ms
        row = RepairJobRow(
            repair_id=repair_id,
            inst_id=self._inst_id,
            kind=series.kind,
            timeframe=series.name,
            mode=mode,
            start_ts=wanted.start,
            end_ts=wanted.end,
            created_ms=began,
            run_id=asking.identity.run_id,
            source=source,
            bars_asked=(wanted.end - wanted.start) // step_ms,
        )
        asking.ledger.start_repair_job(row)
        try:
            repair = mend(wanted)
        except ArenaError as error:
            asking.ledger.finish_repair_job(
                repair_id, "failed", asking.clock(), outcome="failed", error=str(error)
            )
            raise
        self._finish(repair_id, repair)
        return Mended(repair_id, series, repair.range.start, repair.range.end, began, repair.changed, repair)

    def _finish(self, repair_id: str, repair: Repair) -> None:
        self._asking.ledger.finish_repair_job(
            repair_id,
            "failed" if repair.outcome == "failed" else "done",
            self._asking.clock(),
            outcome=repair.outcome,
            source=repair.source or None,
            bars_done=repair.inserted + repair.revised,
            before_json=_health_json(repair.before),
            after_json=_health_json(repair.after),
            error=repair.error,
        )


def _health_json(health: RangeHealth) -> str:
    return canonical_json(
        {
            "expected": health.expected,
            "present": health.present,
            "missing": health.missing,
            "flat": health.flat,
            "gaps": [[gap.start, gap.end] for gap in health.gaps[:100]],
        }
    )


def _records(mended: Sequence[Mended]) -> Iterator[RepairedRange]:
    for one in mended:
        if one.repair is not None:
            yield _record(one.repair_id, one.series, one.repair)


def _record(repair_id: str, series: MendedSeries, repair: Repair) -> RepairedRange:
    return RepairedRange(
        repair_id=repair_id,
        timeframe=series.name,
        start=to_iso(repair.range.start),
        end=to_iso(repair.range.end),
        asked_by=list(repair.range.kinds),
        asked=repair.asked,
        inserted=repair.inserted,
        revised=repair.revised,
        kept=repair.kept,
        missing_before=repair.before.missing,
        missing_after=repair.after.missing,
        confirmed_absent=[
            Hole(start=to_iso(hole.start), end=to_iso(hole.end), bars=hole.bars) for hole in repair.confirmed
        ],
        refused=repair.refused,
        source=repair.source,
        outcome=repair.outcome,
        error=repair.error,
    )
