"""Turn flagged bars into ranges.

Pure. Invariant: ranges are half-open, on the grid, sorted and disjoint; neighbours on the grid are one range.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from arena.core.bars import IntArray, TsArray

Flags = NDArray[np.bool_]


def runs_of(ts: TsArray, flagged: Flags, step_ms: int) -> Iterator[tuple[int, int, slice]]:
    """Yield start, end (UTC ms) and positions of each run of flagged bars.

    `ts` ascends strictly on the grid of `step_ms`.
    """
    at = np.flatnonzero(flagged)
    for start, end, part in cells(ts[at], step_ms):
        yield start, end, slice(int(at[part.start]), int(at[part.stop - 1]) + 1)


def cells(opens: TsArray | IntArray, step_ms: int) -> Iterator[tuple[int, int, slice]]:
    """Yield start, end and positions of each run of adjoining cells of the grid; `opens` ascends.

    A cell may be there more than once.
    """
    if not len(opens):
        return
    breaks = np.flatnonzero(np.diff(opens) > step_ms) + 1
    firsts = np.concatenate(([0], breaks)).tolist()
    stops = np.concatenate((breaks, [len(opens)])).tolist()
    for first, stop in zip(firsts, stops, strict=True):
        yield int(opens[first]), int(opens[stop - 1]) + step_ms, slice(first, stop)
