"""Settle repairs with the ledger's findings: closed, confirmed by the exchange, or still open.

Writes to the ledger it is given. Invariant: a finding is closed only by a new scan that does not find it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arena.audit.health_check import event_rows, scope_of
from arena.audit.mended import Mended
from arena.audit.repair_ranges import MOST_EVENTS, event_key
from arena.data.scan.finding import Finding, Severity
from arena.data.scan.series import SeriesHealth
from arena.store.ledger import CONFIRMED_ABSENT, CONFIRMED_SAME, Ledger, LedgerReads

_OF_STAMPS = ("absent", "duplicate", "off_grid", "stale")
"""Endings of kinds that equal values say nothing about."""


@dataclass(frozen=True, slots=True)
class Settled:
    """How many findings of a series were repaired, confirmed by the exchange, or are open, infos left out."""

    closed: int
    confirmed: int
    open: int


def settle(
    after: SeriesHealth, mended: Sequence[Mended], ledger: Ledger, reads: LedgerReads, now: int, run_id: str
) -> Settled:
    """Write the new scan of one series, `after`, to the ledger, with the repair that mended each finding."""
    own = [one for one in mended if (one.series.kind, one.series.name) == (after.kind, after.timeframe)]
    found = {one.key for one in after.findings}
    rows = reads.list_integrity_events(
        MOST_EVENTS, inst_id=after.inst_id, timeframe=after.timeframe, unresolved=True
    )
    closed = 0
    for row in rows:
        repair_id = _repaired_by(row, own)
        if repair_id is not None and row["kind"] in after.checks and event_key(row) not in found:
            ledger.resolve_integrity_event(int(row["event_id"]), "repaired", now, repair_id)
            closed += 1
    outcome = ledger.record_scan(event_rows(after, now, run_id), scope_of(after, now))
    confirmed = left = 0
    for one, known in zip(after.findings, outcome.known, strict=True):
        resolution = CONFIRMED_ABSENT if one.kind.endswith("gap") else CONFIRMED_SAME
        repair_id = _confirmed_by(one, own)
        if repair_id is not None and known.resolution is None:
            ledger.resolve_integrity_event(known.event_id, resolution, now, repair_id)
            confirmed += 1
        elif known.resolution is None and one.severity > Severity.INFO:
            left += 1
    return Settled(closed, confirmed, left)


def _repaired_by(row: Mapping[str, Any], mended: Sequence[Mended]) -> str | None:
    """Return the repair in whose range a finding lies, None where all of it was left as it was."""
    for one in mended:
        if one.start <= row["start_ts"] and row["end_ts"] <= one.end and len(one.changed):
            return one.repair_id
    return None


def _confirmed_by(finding: Finding, mended: Sequence[Mended]) -> str | None:
    """Return the repair that learned that the exchange has the same hole, or the same values."""
    if finding.kind.endswith(_OF_STAMPS):
        return None
    for one in mended:
        if one.repair is None:
            continue
        confirms = one.repair.confirms_hole if finding.kind.endswith("gap") else one.repair.confirms_rows
        if confirms(finding.start, finding.end):
            return one.repair_id
    return None
