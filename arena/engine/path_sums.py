"""The sums over an equity path, added up a piece of the path after the other.

No rule of the account lives here: what is summed up has been simulated. Invariant: the order of additions
is that of `arena.backtest.metrics.sums`, wherever the path is cut into pieces, so the sums equal those of
a single run bit for bit.
"""

from typing import Any

import numpy as np

from arena.engine.jit import inlined
from arena.engine.lanes import (
    LANES,
    all_equal,
    higher,
    highest,
    load,
    lower,
    lowest,
    spread,
    store,
    total,
    where_above,
)

BLOCK = 16 * LANES
"""Points whose sums are formed on their own."""

PIECE = 32 * BLOCK
"""Bars of a piece: whole blocks, and few enough that what they need stays in the processor's cache."""

SUMS = 6
"""Points, returns, squares of losses, and the second to fourth powers of returns: eight lanes each."""

ROUNDING = 1.0 + 1e-12
MOST_SHIFT = 0.5
"""Share of the squares that may lie in the mean: beyond, the difference would lose digits."""


@inlined
def begin_sums(course: Any, sums: Any, at: int, capital: float, bars: int) -> None:
    """Begin a path of `bars` at `capital`; its sums are sums[at : at + SUMS * LANES]."""
    course.value = course.peak = course.day_value = capital
    course.worst = 1.0
    course.alive = bars + 1
    for row in range(at, at + SUMS * LANES, LANES):
        store(sums, np.uintp(row), spread(0.0))


@inlined
def sum_piece(
    path: Any,
    begin: int,
    end: int,
    first: int,
    bars: int,
    ruin: float,
    course: Any,
    sums: Any,
    at: int,
    edge: Any,
) -> None:
    """Add the points of bars [begin, end) to the sums, block by block; from ruin on points become 0.

    In a block without a new peak the lowest point is the deepest; in one with a new peak no fall is deeper
    than from it to the lowest point: division is monotone. So few blocks are looked at point by point.

    Args:
        path: the equity before bar `begin`, at each of the closes, and room for a row of lanes.
        begin: first bar; from bar `first` on, pieces are whole blocks but for the last.
        end: bar after the last.
        first: first bar that counts; the equity before it is the capital.
        bars: of the run.
        ruin: equity that counts as ruin.
        course: how far the path has come, updated.
        sums: see `begin_sums`.
        at: see there.
        edge: ones, then zeros.
    """
    size, origin = end - begin, max(first - begin, 0)
    if origin >= size:
        return
    if course.alive <= begin + 1:
        path[: size + 1] = 0.0
        return
    if end == bars:
        for point in range(size + 1, size + 1 + LANES):
            path[np.uintp(point)] = path[np.uintp(size)]  # a bar that is not there has no return
    peak, worst = course.peak, course.worst
    row = np.uintp(at)
    points, gains = load(sums, row), load(sums, row + np.uintp(LANES))
    losses, second = load(sums, row + np.uintp(2 * LANES)), load(sums, row + np.uintp(3 * LANES))
    third, fourth = load(sums, row + np.uintp(4 * LANES)), load(sums, row + np.uintp(5 * LANES))
    for point in range(origin + 1, size + 1, BLOCK):
        stop = min(point + BLOCK, size + 1)
        low, high, found = _sum_block(path, point, stop, size + 1, edge)
        if low <= ruin and course.alive > bars:
            course.alive = begin + _stop_at_ruin(path, point, ruin)
            _, high, found = _sum_block(path, point, stop, size + 1, edge)
            low = 0.0
        if high <= peak:
            worst = min(worst, low / peak)
        elif low < worst * high * ROUNDING:
            worst = _deepest(path, point, stop, peak, worst)
        peak = max(peak, high)
        points, gains, losses = points + found[0], gains + found[1], losses + found[2]
        second, third, fourth = second + found[3], third + found[4], fourth + found[5]
    course.peak, course.worst = peak, worst
    store(sums, row, points)
    store(sums, row + np.uintp(LANES), gains)
    store(sums, row + np.uintp(2 * LANES), losses)
    store(sums, row + np.uintp(3 * LANES), second)
    store(sums, row + np.uintp(4 * LANES), third)
    store(sums, row + np.uintp(5 * LANES), fourth)


@inlined
def _sum_block(path: Any, begin: int, stop: int, end: int, edge: Any) -> Any:
    """Return the lowest and the highest point of the rows that begin before `stop`, and their sums.

    One pass for all sums: what waits for a division gives way to what does not.
    """
    zero, one = spread(0.0), spread(1.0)
    points = gains = losses = second = third = fourth = zero
    low = high = load(path, np.uintp(begin))
    for row in range(begin, stop, LANES):
        now, before = load(path, np.uintp(row)), load(path, np.uintp(row - 1))
        low, high = lower(low, now), higher(high, now)
        if row + LANES > end:
            points += now * load(edge, np.uintp(row + LANES - end))
        else:
            points += now
        if all_equal(now, before):
            continue  # no position: returns of 0 add nothing
        gain = where_above(before, zero, now / before - one, zero)
        square = gain * gain
        gains += gain
        losses += where_above(zero, gain, square, zero)
        second += square
        third += square * gain
        fourth += square * square
    return lowest(low), highest(high), (points, gains, losses, second, third, fourth)


@inlined
def _deepest(path: Any, begin: int, stop: int, peak: float, worst: float) -> float:
    """Return the lowest ratio of a point to the highest so far: `worst` or one of points [begin, stop)."""
    for point in range(begin, stop):
        peak = max(peak, path[np.uintp(point)])
        worst = min(worst, path[np.uintp(point)] / peak)
    return worst


@inlined
def _stop_at_ruin(path: Any, begin: int, ruin: float) -> int:
    """Set the path to 0 from its first point at or below `ruin` on; return how far it was alive, that in."""
    point = begin
    while path[np.uintp(point)] > ruin:
        point += 1
    path[point:] = 0.0
    return point + 1


@inlined
def write_days(
    path: Any, begin: int, first: int, day_ends: Any, day: int, stop: int, daily: Any, course: Any, ends: Any
) -> None:
    """Write the growth from each day's end to the next for days [day, stop), which end in this piece.

    `ends` has room for a number a day and one more: divisions of numbers that stand in a row go many at once.
    """
    ends[day] = course.day_value
    for one in range(day, stop):
        ends[np.uintp(one + 1)] = path[np.uintp(first + 1 + day_ends[np.uintp(one)] - begin)]
    for one in range(day, stop):
        i = np.uintp(one)
        before, now = ends[i], ends[i + np.uintp(1)]
        daily[i] = now / before - 1.0 if before > 0.0 else 0.0
    course.day_value = ends[stop]


@inlined
def finish_sums(
    path: Any,
    begin: int,
    first: int,
    bars: int,
    capital: float,
    course: Any,
    sums: Any,
    at: int,
    apart: Any,
    summary: Any,
) -> None:
    """Write what the path's sums say, after its last piece, which began at bar `begin`.

    Moments come from sums about 0 where that loses no digits. Where it does, they are taken about the mean
    by another pass over the path, if the last piece was all of it; else `second` is NaN.
    """
    row = np.uintp(at)
    gains, second = total(load(sums, row + np.uintp(LANES))), total(load(sums, row + np.uintp(3 * LANES)))
    third, fourth = (
        total(load(sums, row + np.uintp(4 * LANES))),
        total(load(sums, row + np.uintp(5 * LANES))),
    )
    count = course.alive - 1 - first
    mean = gains / count
    shift = gains * mean
    summary.final_equity = course.value
    summary.points = bars + 1 - first
    summary.points_sum = capital + total(load(sums, row))
    summary.last_point = path[np.uintp(bars - begin)]
    summary.max_drawdown = course.worst - 1.0
    summary.loss_squares = total(load(sums, row + np.uintp(2 * LANES)))
    summary.returns, summary.return_sum = count, gains
    if shift <= MOST_SHIFT * second:
        summary.second = second - shift
        summary.third = third - mean * (3.0 * second - 2.0 * shift)
        summary.fourth = fourth - mean * (4.0 * third - mean * (6.0 * second - 3.0 * shift))
    elif begin <= first:
        origin = first - begin
        summary.second, summary.third, summary.fourth = _about(mean, path, origin, count, apart)
    else:
        summary.second = np.nan


@inlined
def _about(mean: float, path: Any, origin: int, count: int, apart: Any) -> Any:
    """Return the sums of powers about `mean` of the `count` returns after point `origin`."""
    for i in range(count):
        apart[i] = path[origin + i + 1] / path[origin + i] - 1.0 - mean
    apart[count : count + LANES] = 0.0
    second = third = fourth = spread(0.0)
    for begin in range(0, count, BLOCK):
        block_second = block_third = block_fourth = spread(0.0)
        for row in range(begin, min(begin + BLOCK, count), LANES):
            gain = load(apart, np.uintp(row))
            square = gain * gain
            block_second += square
            block_third += square * gain
            block_fourth += square * square
        second, third, fourth = second + block_second, third + block_third, fourth + block_fourth
    return total(second), total(third), total(fourth)
