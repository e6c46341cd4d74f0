"""The sums that a run's statistics are made of, from its equity path and fills, without allocation.

No rule of the account lives here: what is summed up has been simulated. Invariant: sums are added up in
the order in which numpy adds (pairwise, eight lanes), so that they equal those of `arena.backtest.metrics`
bit for bit.
"""

from typing import Any

import numpy as np

from arena.engine.account import REASON_LIQ, REASON_LIQ_PART, REASON_OPEN_LIMIT, REASON_TAKE
from arena.engine.jit import inlined
from arena.engine.lanes import LANES, lane_extremes, lane_losses, lane_powers, lane_sum
from arena.engine.records import COMPACT_FILL_DTYPE, FillReason

LEAF = 128
"""Values that numpy's pairwise sum adds up without splitting them further."""

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


def trial_scratch(bars: int, fill_room: int, settlements: int) -> tuple[Any, ...]:
    """Return the memory one thread works in.

    Signal (3), path, returns, fills, room for sums, runs, cash, flags, signal on arrival.
    """
    leaves = bars // (LEAF // 2) + 8
    above = np.empty(-(-bars // 8) * 8, np.bool_)
    return (
        np.empty(bars),
        np.full(bars, np.nan),
        np.full(bars, np.nan),
        np.empty(bars + 1),
        np.empty(bars),
        np.empty(fill_room, COMPACT_FILL_DTYPE),
        np.empty((4, fill_room)),
        np.empty((leaves, 2), np.int64),  # leaf start; pairs to merge after it
        np.empty((DEPTH, 3), np.int64),
        np.empty((5, DEPTH)),
        np.empty(bars + 2, np.int64),  # runs of equal targets: first bar, target
        np.empty(bars + 2),
        np.empty(settlements + 1),
        above,
        above.view(np.uint64),
        np.empty((3, bars)),  # written where decisions arrive late only
    )


@inlined
def _plan(count: int, scratch: Any) -> int:
    """Write the leaves of numpy's pairwise sum of `count` values in order and return how many there are."""
    leaves, todo = scratch[7], scratch[8]
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
    rows = (end - begin) // LANES
    total = lane_sum(values, begin, rows) if rows > 0 else -0.0
    for i in range(begin + rows * LANES, end):
        total += values[np.uintp(i)]
    return float(total)


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
    leaves, sums = scratch[7], scratch[9][0]
    depth = 0
    for leaf in range(_plan(count, scratch)):
        merges = leaves[leaf, 1]
        _merge(sums, depth, _leaf(values, begin + leaves[leaf, 0], begin + leaves[leaf + 1, 0]), merges)
        depth += 1 - merges
    return float(sums[0])


@inlined
def sum_fall(path: Any, first: int, ruin: float, summary: Any, scratch: Any) -> int:
    """Sum the path up and find its deepest fall; return its points up to ruin, which become 0.

    A stretch whose lowest point over the highest so far is no deeper than the worst fall yet cannot
    hold a deeper one: division is monotone. So only few stretches are looked at point by point.
    """
    leaves, sums = scratch[7], scratch[9][0]
    count = len(path) - first
    peak, worst, depth, alive = path[first], 1.0, 0, count
    for leaf in range(_plan(count, scratch)):
        begin, end = first + leaves[leaf, 0], first + leaves[leaf + 1, 0]
        low, high = _extremes(path, begin, end)
        if low <= ruin and alive == count:
            for i in range(begin, end):
                if path[i] <= ruin:
                    alive = i + 1 - first
                    break
        if alive < count:
            for i in range(max(begin, first + alive - 1), end):
                path[i] = 0.0
            low = 0.0
        if low < worst * max(peak, high) * (1.0 + 1e-12):
            for i in range(begin, end):
                peak = max(peak, path[i])
                worst = min(worst, path[i] / peak)
        peak = max(peak, high)
        merges = leaves[leaf, 1]
        _merge(sums, depth, _leaf(path, begin, end), merges)
        depth += 1 - merges
    summary.points = count
    summary.points_sum = sums[0]
    summary.last_point = path[len(path) - 1]
    summary.max_drawdown = worst - 1.0
    return alive


@inlined
def _extremes(values: Any, begin: int, end: int) -> Any:
    """Return the lowest and the highest of values[begin:end]."""
    rows = (end - begin) // LANES
    low = high = values[np.uintp(begin)]
    if rows > 0:
        low, high = lane_extremes(values, begin, rows)
    for i in range(begin + rows * LANES, end):
        low, high = min(low, values[np.uintp(i)]), max(high, values[np.uintp(i)])
    return low, high


@inlined
def sum_moments(path: Any, first: int, alive: int, returns: Any, summary: Any, scratch: Any) -> None:
    """Write the returns of each bar up to ruin and sum their powers up."""
    leaves, sums = scratch[7], scratch[9]
    count = alive - 1
    for i in range(count):
        returns[np.uintp(i)] = path[np.uintp(first + i + 1)] / path[np.uintp(first + i)] - 1.0
    found = _plan(count, scratch)
    depth = 0
    for leaf in range(found):
        merges = leaves[leaf, 1]
        total, losses = _losses(returns, leaves[leaf, 0], leaves[leaf + 1, 0])
        _merge(sums[0], depth, total, merges)
        _merge(sums[1], depth, losses, merges)
        depth += 1 - merges
    mean = sums[0, 0] / count
    summary.returns, summary.return_sum, summary.loss_squares = count, sums[0, 0], sums[1, 0]
    depth = 0
    for leaf in range(found):
        merges = leaves[leaf, 1]
        second, third, fourth = _powers(returns, leaves[leaf, 0], leaves[leaf + 1, 0], mean)
        _merge(sums[0], depth, second, merges)
        _merge(sums[1], depth, third, merges)
        _merge(sums[2], depth, fourth, merges)
        depth += 1 - merges
    summary.second, summary.third, summary.fourth = sums[0, 0], sums[1, 0], sums[2, 0]


@inlined
def _losses(values: Any, begin: int, end: int) -> Any:
    """Return the sum of a leaf's values, and that of the squares of those below 0."""
    rows = (end - begin) // LANES
    total = losses = -0.0
    if rows > 0:
        total, losses = lane_losses(values, begin, rows)
    for i in range(begin + rows * LANES, end):
        value = values[np.uintp(i)]
        loss = min(0.0, value)
        total += value
        losses += loss * loss
    return total, losses


@inlined
def _powers(values: Any, begin: int, end: int, mean: float) -> Any:
    """Return the sums of a leaf's squares, cubes and fourth powers about `mean`."""
    rows = (end - begin) // LANES
    second = third = fourth = -0.0
    if rows > 0:
        second, third, fourth = lane_powers(values, begin, rows, mean)
    for i in range(begin + rows * LANES, end):
        apart = values[np.uintp(i)] - mean
        square = apart * apart
        second += square
        third += square * apart
        fourth += square * square
    return second, third, fourth


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
