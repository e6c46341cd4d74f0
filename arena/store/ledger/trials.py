"""The trial ledger: what was ever tried on a market, and how often its lockbox was opened.

A market is an instrument and a bar length, generated data apart from real; trials count together where
their times overlap. Invariant: the same config on the same arrays counts once, however often it is run.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection

from arena.core.ids import canonical_json
from arena.store.ledger import queries
from arena.store.ledger.record import TrialRecord, TrialTally
from arena.store.ledger.table_writer import TableWriter
from arena.store.ledger.tables import AUDIT_LOG, TRIALS
from arena.store.ledger.values import mapped_values

_KEY = ("config_hash", "dataset_hash", "batch")
_FIRST_STAYS = (*_KEY, "created_ms")


class TrialWrites(TableWriter):
    """The ledger's methods about trials."""

    def record_trials(self, record: TrialRecord) -> TrialTally:
        """Count parameter sets that were run, and return all on the same market, these included.

        Again with more sets (a sweep that was interrupted and went on) the row is brought up to date; with
        fewer it stays. Reading bars that were kept back is written into the audit log: with
        `window.unlock`, or by a run that keeps nothing back where others did.

        Raises:
            DataError: a value cannot be stored.
        """
        values = mapped_values(TRIALS, {column.name: getattr(record, column.name) for column in TRIALS.c})
        statement = self._upserting(TRIALS).values(values)
        newer = {name: statement.excluded[name] for name in values if name not in _FIRST_STAYS}
        upsert = statement.on_conflict_do_update(
            index_elements=list(_KEY), set_=newer, where=statement.excluded.sets >= TRIALS.c.sets
        )
        with self._connection.write() as connection:
            how = _opening(connection, record)
            connection.execute(upsert)
            tally = None if how is not None else _tally(connection, record)
        if tally is None:
            self._log_unlock(record, str(how))
            with self._connection.write() as connection:
                tally = _tally(connection, record)
        return tally

    def record_reading(self, record: TrialRecord, by: str) -> bool:
        """Write into the audit log that `by` read kept-back bars again, where `record` reads any; no trial.

        Raises:
            DataError: a value cannot be stored.
        """
        with self._connection.write() as connection:
            how = _opening(connection, record)
        if how is not None:
            self._log_unlock(record, f"{by}: {how}")
        return how is not None

    def _log_unlock(self, record: TrialRecord, how: str) -> None:
        from arena.store.ledger.rows import AuditRow

        start, end = _opened_range(record)
        row = AuditRow(
            event_id=f"{record.created_ms:012x}-{record.run_id}-{market_key(record)}",  # once a run
            ts=record.created_ms,
            actor=record.kind,
            action=queries.UNLOCK,
            subject_kind=queries.MARKET,
            subject_id=market_key(record),
            run_id=record.run_id,
            detail_json=canonical_json({"start_ms": start, "end_ms": end, "how": how}),
        )
        self._append(AUDIT_LOG, [row])


def _tally(connection: Connection, record: TrialRecord) -> TrialTally:
    sums = connection.execute(queries.trial_sums(*_range(record), synthetic=record.synthetic))
    opened = connection.execute(queries.unlocks(market_key(record))).scalars()
    return tally_of(dict(sums.mappings().one()), count_overlapping(list(opened), record))


def tally_of(sums: dict[str, Any], unlocks: int) -> TrialTally:
    """Return the sums of `queries.trial_sums` as a tally; the variance is that of all sets together."""
    count = int(sums["sharpes"])
    mean = float(sums["total"]) / count if count else None
    variance = None
    if mean is not None and count > 1:
        between = float(sums["squares"]) - count * mean * mean
        variance = max(0.0, (float(sums["within"]) + between) / (count - 1))
    return TrialTally(
        sets=int(sums["sets"]),
        runs=int(sums["runs"]),
        sweeps=int(sums["sweeps"]),
        sharpes=count,
        sharpe_mean=mean,
        sharpe_variance=variance,
        effective=float(sums["effective"]),
        first_ms=int(sums["first_ms"] or 0),
        unlocks=unlocks,
    )


def market_key(record: TrialRecord) -> str:
    """Return the name of a market in the audit log."""
    return f"{record.inst_id} {record.timeframe}{' synthetic' if record.synthetic else ''}"


def count_overlapping(details: list[str | None], record: TrialRecord) -> int:
    """Return how many of the logged openings overlap what `record` read or kept back."""
    start, end = record.start_ms, max(record.end_ms, record.held_end_ms or 0)
    ranges = [json.loads(text) for text in details if text]
    return sum(1 for one in ranges if one["end_ms"] > start and one["start_ms"] < end)


def _opening(connection: Connection, record: TrialRecord) -> str | None:
    """Return how this record opens a lockbox, None where it does not."""
    if record.unlocked:
        return "window.unlock"
    if record.held_start_ms is not None:
        return None
    found = connection.execute(queries.held_before(*_range(record), synthetic=record.synthetic)).first()
    return None if found is None else "no holdout"


def _opened_range(record: TrialRecord) -> tuple[int, int]:
    if record.held_start_ms is None or record.held_end_ms is None:
        return record.start_ms, record.end_ms
    return record.held_start_ms, record.held_end_ms


def _range(record: TrialRecord) -> tuple[str, str, int, int]:
    return record.inst_id, record.timeframe, record.start_ms, record.end_ms
