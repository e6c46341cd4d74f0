"""What a repair is asked for and what comes of it; which ranges the findings of a scan ask for.

Pure. Invariant: ranges are half-open and disjoint; a finding that the mode cannot mend asks for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from arena.core.bars import TsArray
from arena.data.health import GapRange, RangeHealth
from arena.data.scan.finding import DIFFERS_FROM, Finding, Severity
from arena.data.scan.series import SeriesKind, prefix_of

Mode = Literal["refetch", "resample", "rebuild"]
Outcome = Literal["repaired", "unchanged", "confirmed_absent", "partial", "failed"]

_MENDED: Mapping[Mode, frozenset[str]] = {
    "refetch": frozenset({"gap", "bad_ohlc", "unfinished", "funding_gap", "funding_spacing"}),
    "resample": frozenset({"gap"}),
    "rebuild": frozenset({"gap", "bad_ohlc", "unfinished"}),
}


@dataclass(frozen=True, slots=True)
class RepairRange:
    """Rows to mend, stamps in [start, end), UTC ms, and the kinds of findings that ask for it."""

    start: int
    end: int
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Repair:
    """What came of one range; rows are bars, or settlements of funding.

    Attributes:
        range: what was asked for.
        asked: rows that the range has room for.
        inserted: rows that were missing and are there now.
        revised: rows that have other values now; the old ones are in the revisions.
        kept: stored bars that differ from what finer ones make and stay, because they came from elsewhere.
        source: where the rows came from, empty where none came.
        before: health of the range before.
        after: health of the range after.
        changed: stamps of inserted and revised rows, UTC ms.
        stored: stamps that are stored in the range now.
        confirmed: holes left that the exchange says it has, too.
        same: stamps of which the exchange has the same values; none where it was not asked.
        refused: rows of the exchange that no market can have made, not stored.
        outcome: how it ended.
        error: why it did not end well, None where it did.
    """

    range: RepairRange
    asked: int
    inserted: int
    revised: int
    source: str
    before: RangeHealth
    after: RangeHealth
    changed: TsArray
    stored: TsArray
    confirmed: tuple[GapRange, ...]
    same: TsArray
    refused: int
    outcome: Outcome
    error: str | None
    kept: int = 0

    def confirms_hole(self, start: int, end: int) -> bool:
        """Whether the exchange has none of the rows of [start, end) either."""
        return any(hole.start <= start and end <= hole.end for hole in self.confirmed)

    def confirms_rows(self, start: int, end: int) -> bool:
        """Whether the exchange has the same values of every stored row of [start, end)."""
        inside = self.stored[(self.stored >= start) & (self.stored < end)]
        whole = self.range.start <= start and end <= self.range.end
        return whole and len(inside) > 0 and bool(np.isin(inside, self.same).all())


def plan_ranges(
    findings: Sequence[Finding],
    mode: Mode,
    closed: frozenset[tuple[str, int, int]] = frozenset(),
    kind: SeriesKind = "candles",
) -> list[RepairRange]:
    """Return the ranges that the findings of a series ask to be mended, those that touch as one.

    Args:
        findings: of the series, from a scan.
        mode: how it is going to be mended; a kind that this cannot mend asks for nothing.
        closed: keys of findings that are known and settled, like a hole that the exchange has too.
        kind: what the series holds.
    """
    wanted = [
        one
        for one in findings
        if one.key not in closed
        and one.severity > Severity.INFO
        and _is_mended(one.kind.removeprefix(prefix_of(kind)), mode)
    ]
    ranges: list[RepairRange] = []
    for one in sorted(wanted, key=lambda one: (one.start, one.end)):
        last = ranges[-1] if ranges else None
        if last is not None and one.start <= last.end:
            kinds = tuple(dict.fromkeys((*last.kinds, one.kind)))
            ranges[-1] = RepairRange(last.start, max(last.end, one.end), kinds)
        else:
            ranges.append(RepairRange(one.start, one.end, (one.kind,)))
    return ranges


def _is_mended(kind: str, mode: Mode) -> bool:
    if kind in _MENDED[mode]:
        return True
    other = kind.removeprefix(DIFFERS_FROM)
    return mode != "resample" and other != kind and other not in {"index", "spot"}
