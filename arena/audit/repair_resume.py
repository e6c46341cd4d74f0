"""What repairs left whose run did not end well: rows that still say running, changes nobody was told of.

Closes rows in the ledger it is given; reads the store. Invariant: a bar that a repair changed is told of in
the result of a run that ended well, that repair's own or the next one's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args

import numpy as np

from arena.audit.mended import Mended, MendedSeries
from arena.core.bars import TsArray
from arena.core.timeframe import Timeframe
from arena.data.scan.series import SeriesKind
from arena.store.ledger import Ledger, LedgerReads
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader

_FEW, _MOST = 100, 100_000
_ENDED_BADLY = frozenset({"failed", "interrupted"})
_KINDS: dict[str, SeriesKind] = {kind: kind for kind in get_args(SeriesKind)}


def close_dead(ledger: Ledger, reads: LedgerReads, now: int) -> None:
    """Close the rows of repairs whose run has ended without closing them: its process was killed."""
    for row in reads.list_repair_jobs(_MOST, status="running"):
        if _run_status(reads, row) != "running":
            repair_id = str(row["repair_id"])
            ledger.finish_repair_job(repair_id, "failed", now, outcome="failed", error="its process was gone")


def leftovers(reads: LedgerReads, root: str, inst_id: str) -> list[Mended]:
    """Return the ranges of an instrument since its last repair that ended well, those with changes alone.

    Args:
        reads: of the ledger, which several stores may share.
        root: the store.
        inst_id: exchange's id of the instrument.

    Raises:
        DataError: a stored file cannot be read.
    """
    reader = MarketReader(root)
    since = _last_ended_well(reads, root, inst_id)
    found = []
    for row in reads.list_repair_jobs(_MOST, inst_id=inst_id, start_ms=since):
        if row["run_id"] is None:
            continue
        run = reads.get_job_run(str(row["run_id"]))
        if run["status"] in _ENDED_BADLY and _store_of(run) == root:
            one = _leftover(reader, row)
            found += [one] if len(one.changed) else []
    return found


def _leftover(reader: MarketReader, row: Mapping[str, Any]) -> Mended:
    kind, name = _KINDS[str(row["kind"])], str(row["timeframe"])
    series = MendedSeries(kind, name, None if kind == "funding" else Timeframe.parse(name))
    start, end, began = int(row["start_ts"]), int(row["end_ts"]), int(row["created_ms"])
    changed = _changed(reader, str(row["inst_id"]), series, began)
    inside = (changed >= start) & (changed < end)
    return Mended(str(row["repair_id"]), series, start, end, began, changed[inside])


def _changed(reader: MarketReader, inst_id: str, series: MendedSeries, since: int) -> TsArray:
    """Return the stamps of a series whose values the store knows since a time or later."""
    if series.timeframe is None:
        known = reader.read_funding_known_since(inst_id)
    else:
        known = reader.read_known_since(Kind(series.kind), inst_id, series.timeframe)
    if not known:
        return np.empty(0, np.int64)
    changed: TsArray = known["ts"][known["known_since"] >= since]
    return changed


def _last_ended_well(reads: LedgerReads, root: str, inst_id: str) -> int:
    """Return when the newest repair of an instrument began whose run ended well, UTC ms; 0 for none."""
    most = _FEW
    while True:
        runs = reads.list_job_runs(most, job="repair", status="done")
        for run in runs:
            named = json.loads(run["config_json"]).get("symbol", {}).get("inst_id")
            if named == inst_id and _store_of(run) == root:
                return int(run["started_ms"])
        if len(runs) < most:
            return 0
        most *= 10


def _store_of(run: Mapping[str, Any]) -> str | None:
    root = json.loads(run["config_json"]).get("store", {}).get("root")
    return None if root is None else str(root)


def _run_status(reads: LedgerReads, row: Mapping[str, Any]) -> str:
    """Return the status of the run that a repair belongs to; one without a run counts as interrupted."""
    if row["run_id"] is None:
        return "interrupted"
    return str(reads.get_job_run(str(row["run_id"]))["status"])
