"""Writes about stored candles: findings and repairs.

Invariant: one finding (kind, series, range) is one row, however often it is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, and_, case, null, or_, select, update

from arena.store.ledger.table_writer import TableWriter
from arena.store.ledger.tables import CANDLE_INTEGRITY_EVENTS, CANDLE_REPAIR_JOBS
from arena.store.ledger.values import mapped_values

if TYPE_CHECKING:
    from arena.store.ledger.rows import IntegrityEventRow, RepairJobRow

CONFIRMED_ABSENT = "confirmed_absent"
"""Resolution of a hole that the exchange itself has; seeing it again does not open it again."""

CONFIRMED_SAME = "confirmed_same"
"""Resolution of a finding about bars that the exchange has the same of; other details open it again."""

CONFIRMED = frozenset({CONFIRMED_ABSENT, CONFIRMED_SAME})
"""Resolutions of findings that are there and are not the store's fault."""

GONE = "gone"
"""Resolution of a finding that a later scan looked for and did not find."""

_SAME_FINDING = ("kind", "inst_id", "timeframe", "start_ts", "end_ts")
_SEEN_AFRESH = ("severity", "bars", "source", "detail_json", "run_id", "last_seen_ms")


@dataclass(frozen=True, slots=True)
class ScanScope:
    """What a scan looked at: one series, these kinds of findings; `seen_ms` is when, as in its rows."""

    inst_id: str
    timeframe: str
    kinds: frozenset[str]
    seen_ms: int


@dataclass(frozen=True, slots=True)
class KnownFinding:
    """What the ledger knows of a finding once it is written."""

    event_id: int
    first_seen_ms: int
    times_seen: int
    resolution: str | None


@dataclass(frozen=True, slots=True)
class ScanOutcome:
    """The findings of a scan in the order of its rows, and the rows of those that it closed as gone."""

    known: tuple[KnownFinding, ...]
    gone: tuple[dict[str, Any], ...]


class MarketHealthWrites(TableWriter):
    """The ledger's methods about the health of candles."""

    def record_integrity_events(self, rows: Sequence[IntegrityEventRow]) -> list[int]:
        """Write findings in one transaction and return their ids, in the rows' order.

        A known finding keeps its id and `first_seen_ms`; one that had been repaired is open again.
        """
        prepared = [_finding(row) for row in rows]
        if not prepared:
            return []
        with self._connection.write() as connection:
            return [self._record_finding(connection, values).event_id for values in prepared]

    def record_scan(self, rows: Sequence[IntegrityEventRow], scope: ScanScope) -> ScanOutcome:
        """Write what a scan of one series found, and close what it looked for and did not find any more.

        One transaction. A known finding keeps its id and `first_seen_ms`; one of `scope.kinds` that is not
        among `rows` is closed as `gone`, also where the exchange had confirmed it.
        """
        prepared = [_finding(row) for row in rows]
        columns = CANDLE_INTEGRITY_EVENTS.c
        left = (
            columns.inst_id == scope.inst_id,
            columns.timeframe == scope.timeframe,
            columns.kind.in_(sorted(scope.kinds)),
            columns.last_seen_ms != scope.seen_ms,
            or_(columns.resolution.is_(None), columns.resolution.in_(sorted(CONFIRMED))),
        )
        closed = {"resolution": GONE, "resolved_ms": scope.seen_ms}
        with self._connection.write() as connection:
            known = tuple(self._record_finding(connection, values) for values in prepared)
            gone = [dict(row) for row in connection.execute(select(*columns).where(*left)).mappings()]
            connection.execute(update(CANDLE_INTEGRITY_EVENTS).where(*left).values(closed))
        return ScanOutcome(known, tuple({**row, **closed} for row in gone))

    def resolve_integrity_event(
        self, event_id: int, resolution: str, resolved_ms: int, repair_id: str | None = None
    ) -> None:
        """Close a finding as `repaired`, `gone`, `confirmed_absent` or `confirmed_same`.

        Raises:
            DataError: there is no such finding.
        """
        changes = {"resolution": resolution, "resolved_ms": resolved_ms, "repair_id": repair_id}
        self._change(CANDLE_INTEGRITY_EVENTS, "event_id", event_id, changes)

    def start_repair_job(self, row: RepairJobRow) -> None:
        """Write that a repair has begun; a known key is left as it is."""
        self._insert_new(CANDLE_REPAIR_JOBS, row)

    def finish_repair_job(
        self,
        repair_id: str,
        status: str,
        finished_ms: int,
        *,
        outcome: str | None = None,
        source: str | None = None,
        bars_done: int | None = None,
        before_json: str | None = None,
        after_json: str | None = None,
        error: str | None = None,
    ) -> None:
        """Write how a repair has ended; what is None of `source` and `before_json` stays as it was.

        Raises:
            DataError: there is no such repair.
        """
        changes = {
            "status": status,
            "finished_ms": finished_ms,
            "outcome": outcome,
            "bars_done": bars_done,
            "after_json": after_json,
            "error": error,
        }
        later = {"source": source, "before_json": before_json}
        changes |= {name: value for name, value in later.items() if value is not None}
        self._change(CANDLE_REPAIR_JOBS, "repair_id", repair_id, changes)

    def _record_finding(self, connection: Connection, values: dict[str, Any]) -> KnownFinding:
        columns = CANDLE_INTEGRITY_EVENTS.c
        statement = self._upserting(CANDLE_INTEGRITY_EVENTS).values(values)
        same = columns.detail_json.is_not_distinct_from(statement.excluded.detail_json)
        stays = or_(columns.resolution == CONFIRMED_ABSENT, and_(columns.resolution == CONFIRMED_SAME, same))
        changes: dict[str, Any] = {name: statement.excluded[name] for name in _SEEN_AFRESH}
        changes["times_seen"] = columns.times_seen + 1
        for name in ("resolution", "resolved_ms", "repair_id"):
            changes[name] = case((stays, columns[name]), else_=null())
        upsert = statement.on_conflict_do_update(index_elements=_SAME_FINDING, set_=changes)
        told = [columns[field.name] for field in fields(KnownFinding)]
        return KnownFinding(*connection.execute(upsert.returning(*told)).one())


def _finding(row: IntegrityEventRow) -> dict[str, Any]:
    given = {field.name: getattr(row, field.name) for field in fields(row) if field.name != "seen_ms"}
    seen = {"first_seen_ms": row.seen_ms, "last_seen_ms": row.seen_ms}
    return mapped_values(CANDLE_INTEGRITY_EVENTS, {**given, **seen})
