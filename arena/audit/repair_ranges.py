"""Which ranges a repair is for: those that a scan asks for, or the one that the user names.

Reads the store and the ledger. Invariant: what the exchange has confirmed is asked for only by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from arena.audit.health_check import detail_json, request_of
from arena.audit.mended import MendedSeries
from arena.config.health import RepairConfig
from arena.core.clock import to_iso
from arena.core.errors import DataError
from arena.core.timeframe import Timeframe
from arena.data.repair_plan import RepairRange, plan_ranges
from arena.data.scan.series import SeriesHealth, absent, interval_name
from arena.data.survey import survey
from arena.store.ledger import CONFIRMED_ABSENT, CONFIRMED_SAME, LedgerReads
from arena.store.market.reader import MarketReader

MOST_EVENTS = 100_000


def series_of(config: RepairConfig) -> MendedSeries:
    """Return the series that is to be mended."""
    if config.kind == "funding":
        return MendedSeries("funding", interval_name(interval_of(config)), None)
    timeframe = config.timeframe.timeframe()
    return MendedSeries(config.kind, timeframe.name, timeframe)


def interval_of(config: RepairConfig) -> int:
    """Return the time between two settlements, ms."""
    return config.symbol.funding_interval_hours * 3_600_000


def scan(config: RepairConfig, series: Sequence[MendedSeries], now: int) -> list[SeriesHealth]:
    """Return the health of each series, in their order; `now` is the clock, UTC ms.

    Raises:
        DataError: a stored file cannot be read.
    """
    lengths = {one.timeframe for one in series if one.timeframe is not None} or {Timeframe.parse("1d")}
    request = request_of(config, sorted(lengths), config.judged_ms(now))
    found = {(one.kind, one.timeframe): one for one in survey(MarketReader(config.store.root), request)}
    return [
        found.get((one.kind, one.name))
        or absent(one.kind, config.symbol.inst_id, one.name, one.timeframe.step_ms if one.timeframe else 0)
        for one in series
    ]


def find_ranges(config: RepairConfig, health: SeriesHealth, reads: LedgerReads) -> list[RepairRange]:
    """Return the ranges to mend of a series, from its scan or as the user names them.

    Raises:
        DataError: the series is not stored and no range of it is named.
    """
    if config.planned and health.first is None:
        raise DataError(
            f"{_noun(health)} of {health.inst_id} are not stored in "
            f"{MarketReader(config.store.root).location}: bring them in with python -m jobs.ingest, "
            "or name what to mend by range_start and range_end"
        )
    return _planned(config, health, reads) if config.planned else [_named(config, health)]


def event_key(row: Mapping[str, Any]) -> tuple[str, int, int]:
    """Return what makes a row of the ledger the same finding as one of a scan."""
    return str(row["kind"]), int(row["start_ts"]), int(row["end_ts"])


def _planned(config: RepairConfig, health: SeriesHealth, reads: LedgerReads) -> list[RepairRange]:
    rows = reads.list_integrity_events(MOST_EVENTS, inst_id=health.inst_id, timeframe=health.timeframe)
    details = {one.key: detail_json(one) for one in health.findings}
    settled = frozenset(
        event_key(row)
        for row in rows
        if row["resolution"] == CONFIRMED_ABSENT
        or (row["resolution"] == CONFIRMED_SAME and row["detail_json"] == details.get(event_key(row)))
    )
    return plan_ranges(health.findings, config.mode, settled, health.kind)


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
    if start is not None and config.kind == "funding":  # settlements are counted from the UTC grid on
        start = -(-start // health.step_ms) * health.step_ms if health.step_ms else start
    if start is None or end is None or start >= end:
        known = (
            "nothing"
            if health.first is None or health.last is None
            else f"{to_iso(health.first)} to {to_iso(health.last + health.step_ms)}"
        )
        raise DataError(
            f"range_start={config.range_start} and range_end={config.range_end} make no range of "
            f"{health.inst_id} {health.label} (stored: {known}): name both"
        )
    return RepairRange(start, end)


def _noun(health: SeriesHealth) -> str:
    return "settlements" if health.kind == "funding" else f"{health.timeframe} {health.kind}"
