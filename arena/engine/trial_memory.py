"""The memory that one thread runs trials in, made once and written over by each group of them.

Allocates and computes nothing. Invariant: memory does not grow with trials, and what is never written is
never touched.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena.core.bars import FloatArray
from arena.engine.crosses import SIDE_BY_SIDE, cross_memory
from arena.engine.kernel import FILLS_PER_BAR
from arena.engine.lanes import LANES
from arena.engine.path_sums import PIECE, SUMS
from arena.engine.records import COMPACT_FILL_DTYPE
from arena.engine.summary import pairwise_memory

COURSE_DTYPE = np.dtype(
    [
        ("value", np.float64),  # equity at the last close that was passed
        ("peak", np.float64),  # highest point of the path so far
        ("worst", np.float64),  # lowest ratio of a point to the peak before it
        ("day_value", np.float64),  # point at the end of the last whole day, 0 from ruin on
        ("alive", np.int64),  # points up to ruin, that in
        ("runs_from", np.int64),  # where its runs of equal targets begin
        ("runs", np.int64),  # how many there are
        ("run", np.int64),  # the one that the pass is at
        ("fills_from", np.int64),  # where its fills begin
        ("fills_to", np.int64),  # where room for them ends
    ],
    align=True,
)
"""How far a trial has come, and which part of the memory is its own."""

TRIALS_IN_FULL = 4
"""Trials with an order on each bar whose runs and fills there is room for: of usual ones it is many more."""

SPARE = 2 * FILLS_PER_BAR


class TrialMemory(NamedTuple):
    """Room for a group of trials over n bars, a piece of them at a time.

    A group has up to `len(course)` trials: fewer where `starts` or `fills` have no room for more. Their runs
    and fills lie close together, for each page of memory that is touched costs as much as many of them. A
    piece has as many bars as `path` has room for.
    """

    target: FloatArray  # (n,), where the signal is given; so are the next two
    stop: FloatArray
    take: FloatArray
    late: FloatArray  # (3, n), the same as known at each close: written where decisions arrive late only
    starts: NDArray[np.int64]  # runs of equal targets: first bar, target
    targets: FloatArray
    crosses: tuple[Any, ...]  # `cross_memory`
    fills: NDArray[np.void]  # of COMPACT_FILL_DTYPE
    spare: int  # room for fills that each trial gets beyond what its runs ask for
    course: NDArray[np.void]  # (group,) of COURSE_DTYPE
    sums: FloatArray  # (group x SUMS x LANES,) of the path so far
    path: FloatArray  # equity before the piece, at each of its closes, and a row of lanes behind
    ends: FloatArray  # (n + 1,), equity at the ends of days
    apart: FloatArray  # (n + LANES,), returns less their mean: touched where these are steady only
    edge: FloatArray  # ones, then zeros: what counts of a row at the path's end
    pairwise: tuple[Any, ...]  # `pairwise_memory`


def trial_memory(bars: int, fill_room: int, *, spare: int = SPARE, whole: bool = False) -> TrialMemory:
    """Return memory for trials over `bars` with room for `fill_room` fills in all.

    `whole`: one trial at a time and all bars as one piece.
    """
    group, piece = (1, bars) if whole else (SIDE_BY_SIDE, min(bars, PIECE))
    runs = TRIALS_IN_FULL * (bars + 2)
    return TrialMemory(
        target=np.empty(bars),
        stop=np.full(bars, np.nan),
        take=np.full(bars, np.nan),
        late=np.empty((3, bars)),
        starts=np.empty(runs, np.int64),
        targets=np.empty(runs),
        crosses=cross_memory(bars),
        fills=np.empty(fill_room, COMPACT_FILL_DTYPE),
        spare=spare,
        course=np.zeros(group, COURSE_DTYPE),
        sums=np.zeros(group * SUMS * LANES),
        path=np.empty(piece + 1 + LANES),
        ends=np.empty(bars + 1),
        apart=np.empty(bars + LANES),
        edge=np.repeat([1.0, 0.0], LANES),
        pairwise=pairwise_memory(fill_room),
    )
