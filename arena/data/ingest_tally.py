"""Count what was written of one series while it comes in, and make its report.

Pure. Invariant: rows of the report are those of the blocks that were written, no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from arena.core.bars import Bars, FundingSeries, TsArray
from arena.core.clock import to_iso
from arena.core.timeframe import Timeframe
from arena.data.health import find_gaps
from arena.data.ingest_plan import BarsPlan, FundingPlan
from arena.data.ingest_report import SeriesReport
from arena.exchange.port import BarPage
from arena.store.market.merge import WriteReport

_LONGEST_INTERVAL_MS = 8 * 3_600_000


@dataclass
class BarsTally:
    """What was written of one bar series so far."""

    written: WriteReport = field(default_factory=WriteReport)
    refused: Counter[str] = field(default_factory=Counter)
    stamps: list[TsArray] = field(default_factory=list)
    span: int = 0

    def add(self, bars: Bars, written: WriteReport, pages: Sequence[BarPage]) -> None:
        """Count one block."""
        self.written += written
        self.stamps.append(bars.ts)
        for page in pages:
            self.refused.update(page.refused)

    def spanned(self, pages: Sequence[BarPage], step_ms: int) -> int:
        """Return how many bars the pages have room for, and add them to `span`."""
        room = sum(page.end_ms - page.start_ms for page in pages) // step_ms
        self.span += room
        return room

    def report(self, plan: BarsPlan, *, source: str, layout: str, seconds: float) -> SeriesReport:
        """Return the report of the series."""
        ts = np.unique(np.concatenate([np.empty(0, np.int64), *self.stamps]))
        report = series_report(
            plan.kind,
            plan.inst_id,
            plan.timeframe,
            ts,
            self.written,
            source=source,
            layout=layout,
            seconds=seconds,
        )
        refused = dict(self.refused)
        return replace(report, rows_read=len(ts) + sum(refused.values()), refused=refused)


def series_report(
    kind: str,
    inst_id: str,
    timeframe: Timeframe | None,
    ts: TsArray,
    written: WriteReport,
    *,
    source: str,
    layout: str,
    seconds: float,
) -> SeriesReport:
    """Return the report of a series of which all rows read, at `ts`, were written."""
    holes = [] if timeframe is None else find_gaps(ts, timeframe.step_ms)
    return SeriesReport(
        kind=kind,
        inst_id=inst_id,
        timeframe=None if timeframe is None else timeframe.name,
        source=source,
        format=layout,
        rows_read=len(ts),
        accepted=len(ts),
        inserted=written.inserted,
        unchanged=written.unchanged,
        revised=written.revised,
        kept=written.kept,
        first_ts=int(ts[0]) if len(ts) else None,
        last_ts=int(ts[-1]) if len(ts) else None,
        seconds=seconds,
        gaps=len(holes),
        missing=sum(hole.bars for hole in holes),
    )


def funding_report(
    plan: FundingPlan,
    series: FundingSeries,
    written: WriteReport,
    *,
    source: str,
    layout: str,
    seconds: float,
    notes: tuple[str, ...],
) -> SeriesReport:
    """Return the report of a funding series."""
    report = series_report(
        "funding", plan.inst_id, None, series.ts, written, source=source, layout=layout, seconds=seconds
    )
    return replace(report, notes=notes)


def reach_note(plan: FundingPlan, reach_ms: int, stored: TsArray) -> tuple[str, ...]:
    """Say what is missing because the exchange gives no older settlements and none are stored."""
    wanted_from = plan.start + _LONGEST_INTERVAL_MS
    older = stored[stored < reach_ms]
    if reach_ms <= wanted_from or (len(older) and older[0] <= wanted_from):
        return ()
    return (
        f"{plan.inst_id} funding: the exchange gives none before {to_iso(reach_ms)}; settlements since "
        f"{to_iso(plan.start)} have to come from files (exchange=files kind=funding)",
    )
