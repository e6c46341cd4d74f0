"""Scan an instrument's stored data and settle what was found with the ledger.

Reads the store, writes findings to the ledger it is given. Invariant: a finding is one row there, however
often it is seen, and one that is not found any more is closed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from arena.audit.health_result import (
    GRADES,
    FindingRecord,
    GoneRecord,
    HealthResult,
    SeriesRecord,
    SeverityWord,
    Status,
)
from arena.backtest.result import RunInfo
from arena.config.health import HealthConfig, ScanConfig
from arena.core.clock import to_iso
from arena.core.errors import DataError
from arena.core.ids import canonical_json
from arena.core.timeframe import Timeframe
from arena.data.scan.finding import Finding, Severity
from arena.data.scan.rules import ScanRules
from arena.data.scan.series import SeriesHealth, grade
from arena.data.survey import SurveyRequest, survey
from arena.store.ledger import (
    CONFIRMED,
    CONFIRMED_ABSENT,
    CONFIRMED_SAME,
    IntegrityEventRow,
    Ledger,
    ScanOutcome,
    ScanScope,
)
from arena.store.market.reader import MarketReader

if TYPE_CHECKING:
    from arena.store.ledger.market_health import KnownFinding

CHECK = "jobs.health"


def check_health(
    config: HealthConfig,
    identity: RunInfo,
    ledger: Ledger,
    seen_ms: int,
    *,
    tell: Callable[[int, int], None] = lambda _done, _of: None,
) -> HealthResult:
    """Scan what `config` names, write the findings to `ledger` and return all of it.

    Args:
        config: the validated job config.
        identity: who asks.
        ledger: where findings are kept.
        seen_ms: when this scan is, UTC ms.
        tell: called with the series done and their number.

    Raises:
        DataError: nothing of the instrument is stored, or a file cannot be read.
    """
    begin = time.perf_counter()
    now = config.judged_ms(seen_ms)
    reader = MarketReader(config.store.root)
    series = survey(reader, request_of(config, config.lengths(), now), tell)
    seconds = time.perf_counter() - begin
    if all(one.first is None for one in series):
        raise DataError(
            f"nothing of {config.symbol.inst_id} is stored in {reader.location}: "
            "bring it in with python -m jobs.ingest, or name another store with store.root"
        )
    outcomes = [
        ledger.record_scan(event_rows(one, seen_ms, identity.run_id), scope_of(one, seen_ms))
        for one in series
    ]
    return _result(config, identity, now, series, outcomes, seconds)


def request_of(config: ScanConfig, timeframes: Sequence[Timeframe], now: int) -> SurveyRequest:
    """Return what a scan of these lengths of bar is asked for by `config`; `now` is UTC ms."""
    given = config.rules
    rules = ScanRules(
        stale_bars=given.stale_bars,
        zero_volume_ms=given.zero_volume_minutes * 60_000,
        spike_move=given.spike_move,
        spike_ranges=given.spike_ranges,
        mark_move=given.mark_move,
        source_move=given.source_move,
    )
    symbol = config.symbol
    interval_ms = symbol.funding_interval_hours * 3_600_000
    return SurveyRequest(symbol.inst_id, timeframes, interval_ms, now, rules, symbol.spot_inst_id)


def event_rows(series: SeriesHealth, seen_ms: int, run_id: str | None) -> list[IntegrityEventRow]:
    """Return the ledger's rows about one series."""
    return [
        IntegrityEventRow(
            kind=found.kind,
            inst_id=series.inst_id,
            timeframe=series.timeframe,
            start_ts=found.start,
            end_ts=found.end,
            severity=found.severity.word,
            seen_ms=seen_ms,
            bars=found.bars,
            source=CHECK,
            detail_json=detail_json(found),
            run_id=run_id,
        )
        for found in series.findings
    ]


def detail_json(found: Finding) -> str | None:
    """Return the details of a finding as the ledger has them."""
    return canonical_json(dict(found.detail)) if found.detail else None


def scope_of(series: SeriesHealth, seen_ms: int) -> ScanScope:
    """Return what the scan of one series may close: kinds of which every finding was kept."""
    kept = {kind: sum(found.kind == kind for found in series.findings) for kind in series.totals}
    cut = {kind for kind, total in series.totals.items() if total > kept[kind]}
    return ScanScope(series.inst_id, series.timeframe, series.checks - cut, seen_ms)


def problem_of(result: HealthResult) -> DataError | None:
    """Return what a job ends with: None where no open finding is as grave as `fail_on`."""
    if not result.failed:
        return None
    threshold = Severity[result.fail_on.upper()]
    grave = [one for one in open_findings(result) if Severity[one.severity.upper()] >= threshold]
    first = grave[0]
    return DataError(
        f"{result.inst_id}: {len(grave)} open finding{'' if len(grave) == 1 else 's'} at or above "
        f"fail_on={result.fail_on}, first {first.kind} of {first.bars:,} in {first.series} from "
        f"{first.start}: see the report, repair the series with python -m jobs.repair, or set fail_on=none"
    )


def open_findings(result: HealthResult) -> list[FindingRecord]:
    """Return the findings that count."""
    return [one for one in result.findings if one.status not in CONFIRMED]


def worst_of(findings: Sequence[FindingRecord], fail_on: str) -> tuple[SeverityWord | None, bool]:
    """Return the gravest severity of the findings, and whether it is as grave as `fail_on`."""
    worst = max((one.severity for one in findings), key=_weight, default=None)
    return worst, fail_on != "none" and worst is not None and _weight(worst) >= _weight(fail_on)


def _weight(word: str) -> Severity:
    return Severity[word.upper()]


def _result(
    config: HealthConfig,
    identity: RunInfo,
    now: int,
    series: Sequence[SeriesHealth],
    outcomes: Sequence[ScanOutcome],
    seconds: float,
) -> HealthResult:
    findings = [
        _finding(one, found, known)
        for one, outcome in zip(series, outcomes, strict=True)
        for found, known in zip(one.findings, outcome.known, strict=True)
    ]
    findings.sort(key=lambda one: (-Severity[one.severity.upper()], -one.bars, one.series, one.start))
    worst, failed = worst_of([one for one in findings if one.status not in CONFIRMED], config.fail_on)
    records = [_series(one, outcome.known) for one, outcome in zip(series, outcomes, strict=True)]
    return HealthResult(
        synthetic=any(one.synthetic for one in series),
        run=identity,
        store=config.store.root,
        inst_id=config.symbol.inst_id,
        symbol=config.symbol.symbol,
        judged_at=to_iso(now),
        fail_on=config.fail_on,
        failed=failed,
        worst=worst,
        grade=max((one.grade for one in records), key=GRADES.index),
        series=records,
        findings=findings,
        gone=[_gone(row) for outcome in outcomes for row in outcome.gone],
        bars_scanned=sum(one.present for one in series),
        seconds=seconds,
    )


def _finding(series: SeriesHealth, found: Finding, known: KnownFinding) -> FindingRecord:
    status: Status = "new" if known.times_seen == 1 else "known"
    if known.resolution == CONFIRMED_ABSENT:
        status = "confirmed_absent"
    elif known.resolution == CONFIRMED_SAME:
        status = "confirmed_same"
    return FindingRecord(
        kind=found.kind,
        series=series.label,
        timeframe=series.timeframe,
        start=to_iso(found.start),
        end=to_iso(found.end),
        bars=found.bars,
        severity=_word(found.severity),
        status=status,
        event_id=known.event_id,
        first_seen=to_iso(known.first_seen_ms),
        times_seen=known.times_seen,
        detail=dict(found.detail),
    )


def _series(series: SeriesHealth, known: Sequence[KnownFinding]) -> SeriesRecord:
    counted = [
        found for found, one in zip(series.findings, known, strict=True) if one.resolution not in CONFIRMED
    ]
    absent = sum(found.bars for found in series.findings if found.kind.endswith("gap")) - sum(
        found.bars for found in counted if found.kind.endswith("gap")
    )

    def count(severity: Severity) -> int:
        return sum(found.severity is severity for found in counted)

    return SeriesRecord(
        series=series.label,
        kind=series.kind,
        timeframe=series.timeframe,
        first=None if series.first is None else to_iso(series.first),
        last=None if series.last is None else to_iso(series.last),
        expected=series.expected,
        present=series.present,
        missing=series.missing,
        confirmed_absent=absent,
        grade=grade(series, counted),
        errors=count(Severity.ERROR),
        warnings=count(Severity.WARNING),
        infos=count(Severity.INFO),
        totals=dict(sorted(series.totals.items())),
    )


def _gone(row: dict[str, object]) -> GoneRecord:
    start, end, first = (int(str(row[name])) for name in ("start_ts", "end_ts", "first_seen_ms"))
    return GoneRecord(
        kind=str(row["kind"]),
        timeframe=str(row["timeframe"]),
        start=to_iso(start),
        end=to_iso(end),
        bars=None if row["bars"] is None else int(str(row["bars"])),
        first_seen=to_iso(first),
        event_id=int(str(row["event_id"])),
    )


def _word(severity: Severity) -> SeverityWord:
    words: dict[Severity, SeverityWord] = {
        Severity.INFO: "info",
        Severity.WARNING: "warning",
        Severity.ERROR: "error",
    }
    return words[severity]
