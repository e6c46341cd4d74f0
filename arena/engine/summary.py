"""What is known of a trial in sums, and those over its fills: round trips, what was traded.

No rule of the account lives here: what is summed up has been simulated. Invariant: sums are added up in
the order in which numpy adds (pairwise, eight lanes), so that they equal those of `arena.backtest.trades`
bit for bit.
"""

from typing import Any

import numpy as np

from arena.engine.account import REASON_LIQ, REASON_LIQ_PART, REASON_OPEN_LIMIT, REASON_TAKE
from arena.engine.jit import inlined
from arena.engine.lanes import LANES, load, total
from arena.engine.records import FillReason

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


def pairwise_memory(values: int) -> tuple[Any, ...]:
    """Return memory for sums of up to `values` numbers.

    Four columns of them; leaves: where each starts, pairs to merge after it; the stacks of sums and of
    what is still to be split.
    """
    return (
        np.empty((4, values)),
        np.empty((2 * values // LEAF + 8, 2), np.int64),
        np.empty(DEPTH),
        np.empty((DEPTH, 3), np.int64),
    )


@inlined
def _plan(count: int, memory: Any) -> int:
    """Write the leaves of numpy's pairwise sum of `count` values in order and return how many there are."""
    _, leaves, _, todo = memory
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
def _sum(values: Any, begin: int, count: int, memory: Any) -> float:
    """Return what numpy's sum of values[begin : begin + count] is."""
    if count <= LEAF:
        return float(_leaf(values, begin, begin + count))
    _, leaves, sums, _ = memory
    depth = 0
    for leaf in range(_plan(count, memory)):
        merges = leaves[leaf, 1]
        _merge(sums, depth, _leaf(values, begin + leaves[leaf, 0], begin + leaves[leaf + 1, 0]), merges)
        depth += 1 - merges
    return float(sums[0])


@inlined
def sum_round_trips(
    fills: Any, state: Any, rules: Any, ct_val: float, bars: int, limits: Any, summary: Any, memory: Any
) -> None:
    """Pair fills into round trips as `arena.backtest.trades` does, and count and sum them.

    `limits` is None or the terms of orders that rest, see `resting`.
    """
    columns = memory[0]
    paid, fees, won, lost = columns[0], columns[1], columns[2], columns[3]
    count = state.fills
    winners = losers = closed = liquidations = steps = in_market = 0
    held, begin, begin_funding, reached = 0.0, 0, 0.0, rules.first_bar
    for k in range(count):
        i = np.uintp(k)
        row = fills[i]
        contracts = abs(row.lots) * rules.lot_sz
        side = 1.0 if row.lots > 0.0 else -1.0
        paid[i] = side * contracts * row.price
        won[i] = contracts * row.price
        fees[i] = abs(row.lots * rules.coins_per_lot) * row.price * _fee_rate(row.reason, rules, limits)
    summary.traded = _sum(won, 0, count, memory)
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
        in_market += max(stop - max(fills[np.uintp(begin)].bar, reached), 0)
        reached = max(reached, stop)
        if is_open:
            continue
        closed += 1
        # net of the price PnL at fill prices; numpy adds a group's first value last
        net = (
            -_group(paid, begin, k, memory) * ct_val
            - _group(fees, begin, k, memory)
            + (row.funding_total - begin_funding)
        )
        # no branch: whether a trip has won is what a processor guesses worst
        won[np.uintp(winners)] = lost[np.uintp(losers)] = net
        winners += net > 0.0
        losers += net < 0.0
    summary.closed, summary.open = closed, 1 if held != 0.0 else 0
    summary.winners, summary.won = winners, _sum(won, 0, winners, memory)
    summary.losers, summary.lost = losers, _sum(lost, 0, losers, memory)
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
def _group(values: Any, begin: int, last: int, memory: Any) -> float:
    """Return what numpy's reduceat makes of values[begin : last + 1]."""
    total = values[np.uintp(begin)]
    if last == begin + 1:
        return float(total + values[np.uintp(last)])  # in once and out once, as most trips are
    return float(total + _sum(values, begin + 1, last - begin, memory) if last > begin else total)
