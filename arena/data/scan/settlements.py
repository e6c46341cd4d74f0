"""Checks of settled funding: missing settlements and a wrong spacing.

Pure. Invariant: `ts` ascends; a step between two settlements is either right, a hole or a wrong spacing.
"""

from __future__ import annotations

import numpy as np

from arena.core.bars import TsArray
from arena.data.scan.finding import Finding, Severity


def find_funding_gaps(ts: TsArray, interval_ms: int) -> list[Finding]:
    """Return the holes: steps of several intervals; the range begins at the first missing settlement."""
    steps = np.diff(ts)
    rows = np.flatnonzero((steps > interval_ms) & (steps % interval_ms == 0))
    return [
        Finding(
            "funding_gap",
            int(ts[row]) + interval_ms,
            int(ts[row + 1]),
            int(steps[row]) // interval_ms - 1,
            Severity.ERROR,
        )
        for row in rows
    ]


def find_wrong_spacing(ts: TsArray, interval_ms: int) -> list[Finding]:
    """Return the stretches in which settlements follow each other at another interval than the instrument's.

    A range begins at the last settlement before the first wrong step and ends at the one after the last.
    """
    steps = np.diff(ts)
    wrong = np.flatnonzero((steps % interval_ms != 0) | (steps == 0))
    found = []
    for part in np.split(wrong, np.flatnonzero(np.diff(wrong) > 1) + 1):
        if len(part):
            shortest = int(steps[part].min())
            start, end = int(ts[part[0]]), int(ts[part[-1] + 1])
            found.append(
                Finding("funding_spacing", start, end, len(part), Severity.WARNING, {"shortest_ms": shortest})
            )
    return found
