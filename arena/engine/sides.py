"""What the trials of a group want: the side to hold at each bar, as runs of equal targets or bar by bar.

Reads series that trials share and writes into the group's memory. Invariant: what is written is what the
strategy's own signal says, bit for bit.
"""

from typing import Any

import numpy as np

from arena.engine.crosses import compare_series, cross_runs, lead_of
from arena.engine.jit import inlined
from arena.engine.stretches import distance_of, runs_of

GIVEN = -1
"""In place of a row: memory already holds the trial's signal, nothing gates its entries, or no range."""

UNCLEAR = 2.0


@inlined
def make_sides(batch: Any, leader: int, last: int, memory: Any, columns: Any) -> int:
    """Write what trials [leader, last) want, and return the first of them that there is no room for.

    That is runs of targets or, where bars are passed one by one, the signal of one trial. There is always
    room for the first; if it asks for more fills than there can be, it has all there is.
    """
    is_given = batch[4][leader] == GIVEN
    if columns is not None:
        if not is_given:
            _make_target(memory.target, batch, leader)
            _make_distance(memory.stop, batch, leader, batch[12][leader])
            _make_distance(memory.take, batch, leader, batch[13][leader])
        return leader + 1
    runs_from = runs = fills_to = 0
    if is_given:
        runs = runs_of(memory.target, memory.starts, memory.targets)
    else:
        compare_series(
            batch[0], batch[4], batch[5], batch[6], batch[3], len(memory.target), leader, last, memory.crosses
        )
    for trial in range(leader, last):
        course = memory.course[trial - leader]
        sides = 2.0
        if not is_given:
            runs_from += runs
            if len(memory.starts) - runs_from < len(memory.target) + 1:
                return trial
            runs = _make_runs(batch, trial, trial - leader, runs_from, memory)
            sides = abs(batch[9][trial]) + abs(batch[10][trial])
        course.runs_from, course.runs, course.run = runs_from, runs, 0
        course.fills_from = fills_to
        # a run is entered and left once; only what is stepped down by liquidations comes on top
        fills_to += int(sides) * runs + memory.spare
        if fills_to > len(memory.fills) and trial > leader:
            return trial
        course.fills_to = min(fills_to, len(memory.fills))
    return last


@inlined
def _make_runs(batch: Any, trial: int, number: int, runs_from: int, memory: Any) -> int:
    """Write the runs of the trial's target from place `runs_from` on and return how many there are."""
    words, unclear = memory.crosses
    starts, targets = memory.starts[runs_from:], memory.targets[runs_from:]
    if batch[7][trial] == GIVEN and not unclear[number]:
        offset, up, down = batch[3], batch[9][trial], batch[10][trial]
        begin = max(batch[6][trial] - offset, 0)
        bars = len(memory.target)
        return int(cross_runs(words[number], lead_of(offset), begin, bars, up, down, starts, targets))
    _make_target(memory.target, batch, trial)
    return int(runs_of(memory.target, starts, targets))


@inlined
def _make_target(target: Any, batch: Any, trial: int) -> None:
    """Write the side of `upper` against `lower`: +1 above, -1 below, and what was held where they are equal.

    `up` and `down` are the sides that may be held, 0 for one that is barred; no entry before bar
    `ready` of the series and, with a gate, none on a bar whose gate value is below `gate_least`.
    """
    offset, ready = batch[3], batch[6][trial]
    upper, lower = batch[0][batch[4][trial]], batch[0][batch[5][trial]]
    up, down = batch[9][trial], batch[10][trial]
    if batch[7][trial] != GIVEN:
        _gated_target(
            target, upper, lower, batch[1][batch[7][trial]], batch[8][trial], ready, up, down, offset
        )
    else:
        _plain_target(target, upper, lower, ready, up, down, offset)
    for i in range(min(max(ready - offset, 0), len(target))):
        target[i] = 0.0


@inlined
def _gated_target(
    target: Any,
    upper: Any,
    lower: Any,
    gate: Any,
    least: float,
    ready: int,
    up: float,
    down: float,
    offset: int,
) -> None:
    side = 0.0
    for bar in range(ready, offset + len(target)):
        i = np.uintp(bar)
        enter = gate[i] >= least
        if upper[i] > lower[i]:
            side = up if enter and up != 0.0 else max(side, 0.0)
        elif upper[i] < lower[i]:
            side = down if enter and down != 0.0 else min(side, 0.0)
        if bar >= offset:
            target[np.uintp(bar - offset)] = side


@inlined
def _plain_target(
    target: Any, upper: Any, lower: Any, ready: int, up: float, down: float, offset: int
) -> None:
    """Without a gate a bar's side follows from that bar alone, except where both are equal."""
    begin = max(ready - offset, 0)
    unclear = False
    for i in range(begin, len(target)):
        a, b = upper[np.uintp(i + offset)], lower[np.uintp(i + offset)]
        target[np.uintp(i)] = up if a > b else down if a < b else UNCLEAR
        unclear |= not (a > b or a < b)
    if not unclear:
        return
    side = 0.0
    for bar in range(offset - 1, ready - 1, -1):  # what was held as the run began
        if upper[bar] > lower[bar] or upper[bar] < lower[bar]:
            side = up if upper[bar] > lower[bar] else down
            break
    for i in range(begin, len(target)):
        if target[i] == UNCLEAR:
            target[i] = side
        side = target[i]


@inlined
def _make_distance(distance: Any, batch: Any, trial: int, multiple: float) -> None:
    """Write the trial's multiple of its range, NaN where there is none."""
    row, offset = batch[11][trial], batch[3]
    for i in range(len(distance)):
        near = np.nan if row == GIVEN else batch[2][row, np.uintp(i + offset)]
        distance[np.uintp(i)] = distance_of(near, multiple)
