"""One range that a repair mended, whichever series it is of and whichever run did it.

Types alone. Invariant: what a dead run left and what this one did are told apart by `repair` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arena.core.bars import TsArray
from arena.core.timeframe import Timeframe
from arena.data.repair_plan import Repair
from arena.data.scan.series import SeriesKind


@dataclass(frozen=True, slots=True)
class MendedSeries:
    """A stored series; `name` is its length of bar or interval, `timeframe` None for funding."""

    kind: SeriesKind
    name: str
    timeframe: Timeframe | None

    @property
    def label(self) -> str:
        """What people call the series."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, eq=False)
class Mended:
    """A row of candle_repair_jobs.

    Attributes:
        repair_id: its key.
        series: what was mended.
        start: first stamp of the range, UTC ms.
        end: end of the range, not included.
        began: when it was started, UTC ms.
        changed: stamps of its bars or settlements that have other values since then, ascending.
        repair: what came of it; None where its run died.
    """

    repair_id: str
    series: MendedSeries
    start: int
    end: int
    began: int
    changed: TsArray
    repair: Repair | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """What was changed of one series: stamps, ascending, and since when, UTC ms."""

    inst_id: str
    series: MendedSeries
    ts: TsArray
    changed_at: int


def changes_of(inst_id: str, mended: Sequence[Mended]) -> list[Changes]:
    """Return what was changed, series by series, those without a change left out."""
    groups: dict[MendedSeries, list[Mended]] = {}
    for one in mended:
        if len(one.changed):
            groups.setdefault(one.series, []).append(one)
    return [
        Changes(
            inst_id,
            series,
            np.unique(np.concatenate([one.changed for one in group])),
            min(one.began for one in group),
        )
        for series, group in groups.items()
    ]
