"""Repair a series and settle it with the ledger: what was asked, what was done, what it touches.

Writes to the store through its repair and to the ledger it is given. Invariant: each range is a row of
candle_repair_jobs from before its first bar is written, and a finding is closed only by a new scan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from arena.audit.blast_radius import ChangedBars, affected_decisions, affected_runs, rerun
from arena.audit.health_check import event_rows, scope_of
from arena.audit.repair_result import Hole, RepairedRange, RepairResult
from arena.backtest.result import BacktestResult, RunInfo
from arena.config.health import RepairConfig
from arena.config.models import BacktestConfig
from arena.core.clock import Clock, to_iso
from arena.core.errors import ArenaError, DataError
from arena.core.ids import canonical_json
from arena.core.timeframe import Timeframe
from arena.data.health import RangeHealth
from arena.data.repair import BarFeed, Repair, RepairRange, SeriesRepair, plan_ranges
from arena.data.scan.finding import Severity
from arena.data.scan.rules import ScanRules
from arena.data.scan.series import SeriesHealth
from arena.data.survey import SurveyRequest, survey
from arena.store.ledger import CONFIRMED_ABSENT, Ledger, LedgerReads, RepairJobRow
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter

_MOST_EVENTS = 100_000


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for a repair, and what it is done with."""

    identity: RunInfo
    ledger: Ledger
    reads: LedgerReads
    clock: Clock
    feed: BarFeed | None
    tell: Callable[[int, int], None] = lambda _done, _of: None
    read: Callable[[BacktestResult, BacktestConfig], None] = lambda _result, _config: None


def repair_series(config: RepairConfig, asking: Asking) -> RepairResult:
    """Mend the ranges of one candle series, close what is repaired, and list what the changes touch.

    Raises:
        ConfigError: the exchange's prices do not belong into this store.
        DataError: the series is not stored, or cannot be mended this way.
        ExchangeError: the exchange failed; the ranges before that are mended and written down.
    """
    timeframe = config.timeframe.timeframe()
    begun = asking.clock()
    _close_dead(config, asking, begun)
    before = _scan(config, timeframe, begun)
    planned = config.range_start is None and config.range_end is None
    ranges = _planned(config, before, asking.reads) if planned else [_named(config, before)]
    repairs = _mend_all(config, timeframe, ranges, asking)
    now = asking.clock()
    after = _scan(config, timeframe, now)
    closed, confirmed, left = _settle(after, repairs, asking, now)
    changed = ChangedBars(
        config.symbol.inst_id,
        timeframe,
        np.unique(np.concatenate([np.empty(0, np.int64), *(one.changed for _, one in repairs)])),
        begun,
    )
    runs = affected_runs(asking.reads, changed)
    if config.rerun:
        runs = rerun(runs, Path(config.reports.root), root=config.store.root, read=asking.read)
    return RepairResult(
        synthetic=after.synthetic,
        run=asking.identity,
        inst_id=config.symbol.inst_id,
        symbol=config.symbol.symbol,
        timeframe=timeframe.name,
        mode=config.mode,
        planned=planned,
        ranges=[_record(repair_id, one) for repair_id, one in repairs],
        closed=closed,
        confirmed=confirmed,
        open=left,
        changed_bars=len(changed.ts),
        runs=runs,
        decisions=affected_decisions(asking.reads, changed),
    )


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


def _close_dead(config: RepairConfig, asking: Asking, now: int) -> None:
    """Close the rows of repairs whose run has ended without closing them: its process was killed."""
    rows = asking.reads.list_repair_jobs(
        _MOST_EVENTS, inst_id=config.symbol.inst_id, timeframe=config.timeframe.name
    )
    for row in rows:
        if row["status"] != "running":
            continue
        run = asking.reads.get_job_run(str(row["run_id"])) if row["run_id"] is not None else None
        if run is None or run["status"] != "running":
            asking.ledger.finish_repair_job(
                str(row["repair_id"]), "failed", now, outcome="failed", error="its process was gone"
            )


def _scan(config: RepairConfig, timeframe: Timeframe, now: int) -> SeriesHealth:
    symbol, reader = config.symbol, MarketReader(config.store.root)
    interval_ms = symbol.funding_interval_hours * 3_600_000
    request = SurveyRequest(symbol.inst_id, [timeframe], interval_ms, now, ScanRules(), symbol.spot_inst_id)
    health = survey(reader, request)[0]
    if health.first is None and config.range_start is None:
        raise DataError(
            f"{timeframe} candles of {symbol.inst_id} are not stored in {reader.location}: bring them in "
            "with python -m jobs.ingest, or name what to build by range_start and range_end"
        )
    return health


def _planned(config: RepairConfig, health: SeriesHealth, reads: LedgerReads) -> list[RepairRange]:
    rows = reads.list_integrity_events(
        _MOST_EVENTS, inst_id=config.symbol.inst_id, timeframe=health.timeframe
    )
    settled = frozenset(_key(row) for row in rows if row["resolution"] == CONFIRMED_ABSENT)
    return plan_ranges(health.findings, config.mode, settled)


def _named(config: RepairConfig, health: SeriesHealth) -> RepairRange:
    """Return the range that the user names; an end that is not named is that of what is stored.

    Raises:
        DataError: it is not clear where it begins or ends.
    """
    start, end = config.start_ms, config.end_ms
    if start is None:
        start = health.first
    if end is None and health.last is not None:
        end = health.last + health.step_ms
    if start is None or end is None or start >= end:
        known = (
            "nothing"
            if health.first is None or health.last is None
            else (f"{to_iso(health.first)} to {to_iso(health.last + health.step_ms)}")
        )
        raise DataError(
            f"range_start={config.range_start} and range_end={config.range_end} make no range of "
            f"{health.inst_id} {health.timeframe} (stored: {known}): name both"
        )
    return RepairRange(start, end)


def _mend_all(
    config: RepairConfig, timeframe: Timeframe, ranges: Sequence[RepairRange], asking: Asking
) -> list[tuple[str, Repair]]:
    if not ranges:
        return []
    writer = MarketWriter(config.store.root, clock=asking.clock)
    run_id = asking.identity.run_id
    work = SeriesRepair(
        config.store.root,
        config.symbol.inst_id,
        timeframe,
        config.mode,
        writer,
        feed=asking.feed,
        run_id=run_id,
    )
    done = []
    for number, wanted in enumerate(ranges):
        asking.tell(number, len(ranges))
        repair_id = f"{run_id}-{number}"
        asking.ledger.start_repair_job(_row(repair_id, config, wanted, timeframe, asking))
        try:
            repair = work.mend(wanted)
        except ArenaError as error:
            asking.ledger.finish_repair_job(
                repair_id, "failed", asking.clock(), outcome="failed", error=str(error)
            )
            raise
        _finish(asking, repair_id, repair)
        done.append((repair_id, repair))
    asking.tell(len(ranges), len(ranges))
    return done


def _row(
    repair_id: str, config: RepairConfig, wanted: RepairRange, timeframe: Timeframe, asking: Asking
) -> RepairJobRow:
    return RepairJobRow(
        repair_id=repair_id,
        inst_id=config.symbol.inst_id,
        timeframe=timeframe.name,
        mode=config.mode,
        start_ts=wanted.start,
        end_ts=wanted.end,
        created_ms=asking.clock(),
        run_id=asking.identity.run_id,
        source=None if asking.feed is None else asking.feed.source,
        bars_asked=(wanted.end - wanted.start) // timeframe.step_ms,
    )


def _finish(asking: Asking, repair_id: str, repair: Repair) -> None:
    asking.ledger.finish_repair_job(
        repair_id,
        "failed" if repair.outcome == "failed" else "done",
        asking.clock(),
        outcome=repair.outcome,
        source=repair.source or None,
        bars_done=repair.inserted + repair.revised,
        before_json=_health_json(repair.before),
        after_json=_health_json(repair.after),
        error=repair.error,
    )


def _settle(
    after: SeriesHealth, repairs: Sequence[tuple[str, Repair]], asking: Asking, now: int
) -> tuple[int, int, int]:
    """Close what the new scan does not find any more; return repaired, confirmed absent and open findings."""
    ledger, found = asking.ledger, {one.key for one in after.findings}
    rows = asking.reads.list_integrity_events(
        _MOST_EVENTS, inst_id=after.inst_id, timeframe=after.timeframe, unresolved=True
    )
    closed = 0
    for row in rows:
        repair_id = _repaired_by(row, repairs)
        if repair_id is not None and row["kind"] in after.checks and _key(row) not in found:
            ledger.resolve_integrity_event(int(row["event_id"]), "repaired", now, repair_id)
            closed += 1
    outcome = ledger.record_scan(event_rows(after, now, asking.identity.run_id), scope_of(after, now))
    confirmed = left = 0
    for one, known in zip(after.findings, outcome.known, strict=True):
        repair_id = _confirmed_by(one.start, one.end, repairs) if one.kind == "gap" else None
        if repair_id is not None and known.resolution is None:
            ledger.resolve_integrity_event(known.event_id, CONFIRMED_ABSENT, now, repair_id)
            confirmed += 1
        elif known.resolution is None and one.severity > Severity.INFO:
            left += 1
    return closed, confirmed, left


def _repaired_by(row: dict[str, Any], repairs: Sequence[tuple[str, Repair]]) -> str | None:
    """Return the repair in whose range a finding lies, None where bars of it were left as they were."""
    for repair_id, repair in repairs:
        inside = repair.range.start <= row["start_ts"] and row["end_ts"] <= repair.range.end
        if inside and repair.inserted + repair.revised:
            return repair_id
    return None


def _confirmed_by(start: int, end: int, repairs: Sequence[tuple[str, Repair]]) -> str | None:
    """Return the repair that learned that the exchange has none of these bars."""
    for repair_id, repair in repairs:
        if any(hole.start <= start and end <= hole.end for hole in repair.confirmed):
            return repair_id
    return None


def _key(row: dict[str, Any]) -> tuple[str, int, int]:
    return str(row["kind"]), int(row["start_ts"]), int(row["end_ts"])


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


def _record(repair_id: str, repair: Repair) -> RepairedRange:
    return RepairedRange(
        repair_id=repair_id,
        start=to_iso(repair.range.start),
        end=to_iso(repair.range.end),
        asked_by=list(repair.range.kinds),
        asked=repair.asked,
        inserted=repair.inserted,
        revised=repair.revised,
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
