"""Checks of when bars open: doubled, misplaced, missing, unfinished and overdue ones.

Pure. Invariant: the series that `sort_out` gives ascends strictly on its grid, so that every other check
may take neighbours for granted.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from arena.core.bars import Bars, TsArray
from arena.data.health import find_gaps
from arena.data.scan.finding import Finding, Severity
from arena.data.scan.rules import ScanRules
from arena.data.scan.runs import cells, runs_of


def sort_out(bars: Bars) -> tuple[Bars, list[Finding]]:
    """Return the first row of each stamp on the grid, ascending, and findings about the other rows."""
    ts, step_ms = bars.ts, bars.timeframe.step_ms
    on_grid = ts % step_ms == 0
    ascending = bool((ts[1:] > ts[:-1]).all())
    if ascending and on_grid.all():
        return bars, []
    stray = np.sort(ts[~on_grid] // step_ms * step_ms)
    order = np.flatnonzero(on_grid)
    order = order[np.argsort(ts[order], kind="stable")]
    first = np.concatenate(([True], np.diff(ts[order]) > 0)) if len(order) else np.zeros(0, np.bool_)
    doubled = ts[order][~first]
    return _taken(bars, order[first]), [
        *_of_cells("duplicate", doubled, step_ms),
        *_of_cells("off_grid", stray, step_ms),
    ]


def find_missing(ts: TsArray, step_ms: int) -> list[Finding]:
    """Return the holes between first and last stamp."""
    return [Finding("gap", gap.start, gap.end, gap.bars, Severity.ERROR) for gap in find_gaps(ts, step_ms)]


def find_unfinished(ts: TsArray, known_since: TsArray | None, now: int, step_ms: int) -> list[Finding]:
    """Return bars that had not closed when they were stored, or have not by `now`.

    Args:
        ts: opens, ascending.
        known_since: when each value became known, UTC ms; None where that is not known.
        now: UTC ms.
        step_ms: length of a bar.
    """
    close = ts + step_ms
    early = close > now if known_since is None else (close > now) | (known_since < close)
    return [
        Finding("unfinished", start, end, part.stop - part.start, Severity.ERROR)
        for start, end, part in runs_of(ts, early, step_ms)
    ]


def find_stale(ts: TsArray, now: int, step_ms: int, rules: ScanRules, kind: str = "stale") -> list[Finding]:
    """Return a finding where more than `rules.stale_bars` bars have closed since the newest one.

    Its range is the first bar that is overdue, so that it stays the same finding until one arrives.
    """
    if not len(ts):
        return []
    due = int(ts[-1]) + step_ms
    overdue = (now - due) // step_ms
    if overdue <= rules.stale_bars:
        return []
    return [Finding(kind, due, due + step_ms, overdue, Severity.WARNING, {"overdue_ms": now - due})]


def _of_cells(kind: str, opens: TsArray, step_ms: int) -> list[Finding]:
    return [
        Finding(kind, start, end, part.stop - part.start, Severity.ERROR)
        for start, end, part in cells(opens, step_ms)
    ]


def _taken(bars: Bars, rows: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Bars:
    columns = ("ts", "open", "high", "low", "close", "volume")
    return replace(bars, **{name: getattr(bars, name)[rows] for name in columns})
