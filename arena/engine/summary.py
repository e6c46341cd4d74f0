"""The sums that a run's statistics are made of, from its equity path and fills, without allocation.

No rule of the account lives here: what is summed up has been simulated. Invariant: sums are added up in
the order in which numpy adds (pairwise, eight lanes), so that they equal those of `arena.backtest.metrics`
bit for bit.
"""

from typing import Any

import numpy as np

from arena.engine.account import REASON_LIQ, REASON_LIQ_PART, REASON_OPEN_LIMIT, REASON_TAKE
from arena.engine.crosses import cross_memory
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
    total,
    where_above,
)
from arena.engine.records import COMPACT_FILL_DTYPE, FillReason

LEAF = 128
"""Values that numpy's pairwise sum adds up without splitting them further."""

BLOCK = 16 * LANES
"""Points whose sums are formed on their own."""

ROUNDING = 1.0 + 1e-12
MOST_SHIFT = 0.5
"""Share of the squares that may lie in the mean: beyond, the difference would lose digits."""

DEPTH = 64
REASON_CLOSE = int(FillReason.CLOSE)

SUMMARY_DTYPE = np.dtype(
    [
        ("final_equity", np.float64),
        ("last_point", np.float64),  # the same, or 0 after ruin
        ("points", np.int64),  # of the equity path: the capital and each traded close
        ("points_sum", np.float64),  # of the path, 0 from ruin on
        ("max_drawdown", np.float64),
        ("returns", np.int64),  # up to ruin
        ("return_sum", np.float64),
        ("loss_squares", np.float64),  # sum of min(r, 0)^2
        ("second", np.float64),  # sums of (r - mean)^2, ^3, ^4
        ("third", np.float64),
        ("fourth", np.float64),
        ("closed", np.int64),  # round trips
        ("open", np.int64),
        ("winners", np.int64),
        ("losers", np.int64),
        ("won", np.float64),  # net PnL of winners, USDT
        ("lost", np.float64),  # of losers, <= 0
        ("traded", np.float64),  # contracts x price over all fills
        ("bars_in_market", np.int64),
        ("liquidations", np.int64),
        ("partial_liquidations", np.int64),
    ],
    align=True,
)


def trial_scratch(bars: int, fill_room: int) -> tuple[Any, ...]:
    """Return the memory one thread works in.

    Signal (3), path, returns, fills, room for sums, runs, signal on
    arrival, bits of crosses.
    """
    leaves = 2 * fill_room // LEAF + 8
    return (
        np.empty(bars),
        np.full(bars, np.nan),
        np.full(bars, np.nan),
        np.empty(bars + 1 + LANES),
        np.empty(bars + LANES),
        np.empty(fill_room, COMPACT_FILL_DTYPE),
        np.empty((4, fill_room)),
        np.empty((leaves, 2), np.int64),  # leaf start; pairs to merge after it
        np.repeat([1.0, 0.0], LANES),
        np.empty(DEPTH),
        np.empty((DEPTH, 3), np.int64),
        np.empty(bars + 2, np.int64),  # runs of equal targets: first bar, target
        np.empty(bars + 2),
        np.empty((3, bars)),  # written where decisions arrive late only
        cross_memory(bars),
    )


@inlined
def _plan(count: int, scratch: Any) -> int:
    """Write the leaves of numpy's pairwise sum of `count` values in order and return how many there are."""
    leaves, todo = scratch[7], scratch[10]
    todo[0, 0], todo[0, 1], todo[0, 2] = 0, count, 0
    depth, found = 1, 0
    while depth > 0:
        depth -= 1
        begin, size, merges = todo[depth, 0], todo[depth, 1], todo[depth, 2]
        if size <= LEAF:
            leaves[found, 0], leaves[found, 1] = begin, merges
            found += 1
            continue
        half = size // 2
        half -= half % 8
        todo[depth, 0], todo[depth, 1], todo[depth, 2] = begin + half, size - half, merges + 1
        todo[depth + 1, 0], todo[depth + 1, 1], todo[depth + 1, 2] = begin, half, 0
        depth += 2
    leaves[found, 0] = count
    return found


@inlined
def _leaf(values: Any, begin: int, end: int) -> float:
    """Return the sum of at most LEAF values, in eight lanes."""
    whole = begin + (end - begin) // LANES * LANES
    found = -0.0
    if whole > begin:
        lanes = load(values, np.uintp(begin))
        for row in range(begin + LANES, whole, LANES):
            lanes += load(values, np.uintp(row))
        found = total(lanes)
    for i in range(whole, end):
        found += values[np.uintp(i)]
    return float(found)


@inlined
def _merge(sums: Any, depth: int, value: float, merges: int) -> None:
    """Put a leaf's sum on the stack `sums` at `depth` and add up as many pairs as end with it."""
    for step in range(merges):
        value = sums[depth - 1 - step] + value
    sums[depth - merges] = value


@inlined
def _sum(values: Any, begin: int, count: int, scratch: Any) -> float:
    """Return what numpy's sum of values[begin : begin + count] is."""
    if count <= LEAF:
        return float(_leaf(values, begin, begin + count))
    leaves, sums = scratch[7], scratch[9]
    depth = 0
    for leaf in range(_plan(count, scratch)):
        merges = leaves[leaf, 1]
        _merge(sums, depth, _leaf(values, begin + leaves[leaf, 0], begin + leaves[leaf + 1, 0]), merges)
        depth += 1 - merges
    return float(sums[0])


@inlined
def sum_path(path: Any, first: int, bars: int, ruin: float, summary: Any, scratch: Any) -> None:
    """Sum up the path from point `first` on, block by block; from ruin on its points become 0.

    `path` has a point more than there are bars, and room for a row after them. In a block without a new
    peak the lowest point is the deepest; in one with a new peak no fall is deeper than from it to the lowest
    point: division is monotone. So only few blocks are looked at point by point.
    """
    edge, zero = scratch[8], spread(0.0)
    end = bars + 1
    alive = end
    for point in range(end, len(path)):
        path[np.uintp(point)] = path[bars]  # a bar that is not there has no return
    peak, worst = path[first], 1.0
    points = gains = losses = second = third = fourth = zero
    for begin in range(first + 1, end, BLOCK):
        stop = min(begin + BLOCK, end)
        low, high, sums = _sum_block(path, begin, stop, end, edge)
        if low <= ruin and alive == end:
            alive = _stop_at_ruin(path, begin, ruin)
            _, high, sums = _sum_block(path, begin, stop, end, edge)
            low = 0.0
        if high <= peak:
            worst = min(worst, low / peak)
        elif low < worst * high * ROUNDING:
            worst = _deepest(path, begin, stop, peak, worst)
        peak = max(peak, high)
        points, gains, losses = points + sums[0], gains + sums[1], losses + sums[2]
        second, third, fourth = second + sums[3], third + sums[4], fourth + sums[5]
    summary.points = end - first
    summary.points_sum = path[first] + total(points)
    summary.last_point = path[bars]
    summary.max_drawdown = worst - 1.0
    summary.loss_squares = total(losses)
    _centre(path, first, alive, (total(gains), total(second), total(third), total(fourth)), summary, scratch)


@inlined
def _sum_block(path: Any, begin: int, stop: int, end: int, edge: Any) -> Any:
    """Return the lowest and the highest point of the rows that begin before `stop`, and their sums.

    The sums are of points, returns, squares of losses, and the second to fourth powers of returns, eight
    lanes each. One pass for all: what waits for a division gives way to what does not.
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
def _centre(path: Any, first: int, alive: int, powers: Any, summary: Any, scratch: Any) -> None:
    """Write the sums of powers about the mean, from those about 0 where that loses no digits."""
    gains, second, third, fourth = powers
    count = alive - 1 - first
    mean = gains / count
    shift = gains * mean
    summary.returns, summary.return_sum = count, gains
    if shift <= MOST_SHIFT * second:
        summary.second = second - shift
        summary.third = third - mean * (3.0 * second - 2.0 * shift)
        summary.fourth = fourth - mean * (4.0 * third - mean * (6.0 * second - 3.0 * shift))
    else:
        summary.second, summary.third, summary.fourth = _about(mean, path, first, alive, scratch[4])


@inlined
def _about(mean: float, path: Any, first: int, alive: int, apart: Any) -> Any:
    """Return the sums of powers of the returns about `mean`, with a second pass over them."""
    count = alive - 1 - first
    for i in range(count):
        apart[i] = path[first + i + 1] / path[first + i] - 1.0 - mean
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


@inlined
def write_days(path: Any, first: int, day_ends: Any, daily: Any, trial: int) -> None:
    """Write the growth of the path from each day's end to the next."""
    before = path[first]
    for day in range(len(day_ends)):
        now = path[first + 1 + day_ends[day]]
        daily[trial, day] = now / before - 1.0 if before > 0.0 else 0.0
        before = now


@inlined
def sum_round_trips(
    fills: Any, state: Any, rules: Any, ct_val: float, bars: int, limits: Any, summary: Any, scratch: Any
) -> None:
    """Pair fills into round trips as `arena.backtest.trades` does, and count and sum them.

    `limits` is None or the terms of orders that rest, see `resting`.
    """
    paid, fees, won, lost = scratch[6][0], scratch[6][1], scratch[6][2], scratch[6][3]
    count = state.fills
    winners = losers = closed = liquidations = steps = in_market = 0
    held, begin, begin_funding, reached = 0.0, 0, 0.0, rules.first_bar
    for k in range(count):
        row = fills[np.uintp(k)]
        contracts = abs(row.lots) * rules.lot_sz
        side = 1.0 if row.lots > 0.0 else -1.0
        paid[k] = side * contracts * row.price
        won[k] = contracts * row.price
        fees[k] = abs(row.lots * rules.coins_per_lot) * row.price * _fee_rate(row.reason, rules, limits)
    summary.traded = _sum(won, 0, count, scratch)
    for k in range(count):
        row = fills[np.uintp(k)]
        if held == 0.0:
            begin, begin_funding = k, row.funding_total
        held += row.lots
        liquidations += row.reason == REASON_LIQ
        steps += row.reason == REASON_LIQ_PART
        is_open = held != 0.0
        if is_open and k + 1 < count:
            continue
        exit_bar, left_at_open = (bars - 1, False) if is_open else (row.bar, row.reason == REASON_CLOSE)
        stop = exit_bar + (not left_at_open)
        in_market += max(stop - max(fills[begin].bar, reached), 0)
        reached = max(reached, stop)
        if is_open:
            continue
        closed += 1
        # net of the price PnL at fill prices; numpy adds a group's first value last
        net = (
            -_group(paid, begin, k, scratch) * ct_val
            - _group(fees, begin, k, scratch)
            + (row.funding_total - begin_funding)
        )
        if net > 0.0:
            won[winners] = net
            winners += 1
        elif net < 0.0:
            lost[losers] = net
            losers += 1
    summary.closed, summary.open = closed, 1 if held != 0.0 else 0
    summary.winners, summary.won = winners, _sum(won, 0, winners, scratch)
    summary.losers, summary.lost = losers, _sum(lost, 0, losers, scratch)
    summary.bars_in_market = in_market
    summary.liquidations, summary.partial_liquidations = liquidations, steps


@inlined
def _fee_rate(reason: int, rules: Any, limits: Any) -> float:
    """Return the fee of a fill: the maker's for what rested in the book, else the taker's."""
    if limits is None:
        return float(rules.fee)
    rested = reason == REASON_OPEN_LIMIT or (limits[4] and reason == REASON_TAKE)
    return float(limits[3] if rested else rules.fee)


@inlined
def _group(values: Any, begin: int, last: int, scratch: Any) -> float:
    """Return what numpy's reduceat makes of values[begin : last + 1]."""
    total = values[begin]
    return float(total + _sum(values, begin + 1, last - begin, scratch) if last > begin else total)
