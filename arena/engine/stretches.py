"""The pass over the bars by stretches: from one bar on which something can happen to the next.

When an order is decided, funding falls due or a price reaches a stop, `kernel` and `account` say what
happens: no rule of theirs lives here. Between, the account stands still but for funding, and equity is
written in one go. Invariant: state, fills and equity are those of `kernel.run_bars`, bit for bit.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena.core.bars import FloatArray
from arena.core.rows import line_rows
from arena.engine.account import reset_liquidation, settle_funding
from arena.engine.jit import inlined, kernel
from arena.engine.kernel import FILLS_PER_BAR, decide, is_touched, play_bar
from arena.engine.lanes import LANES, NONE, bits_up_to, load, lowest_bit, spread, store
from arena.engine.machine import borrow, give_back

BLOCK = 8
"""Bars of a block whose extremes are known."""

OPEN, LOW, HIGH, MARK_LOW, MARK_HIGH, MARK_OPEN, CLOSE, TIME = range(8)
"""Columns of a bar's row: all that an event reads lies in one line of the processor's cache. TIME is counted
in bars since the first."""

ROUNDING = 1.0 + 1e-9
"""What is paid is added up in another order here than by the account: it gives a bound only."""


class Guide(NamedTuple):
    """What all runs over a market of n bars share."""

    rows: FloatArray  # (n, 8), a bar's columns
    reach: FloatArray  # lowest low, highest high and those of the mark, of each bar: (4, n + 8)
    blocks: FloatArray  # of each block of bars
    whole: FloatArray  # of all bars
    settled: NDArray[np.uint64]  # (n,), settlements done at each bar
    charge: FloatArray  # what the first k settlements can cost a coin, (m + 1,)
    close: FloatArray  # (n + 8,): a row of lanes may begin at any bar
    costs: bool  # whether any settlement costs anything


def market_guide(market: Sequence[NDArray[Any]], step_ms: int, funding: Sequence[NDArray[Any]]) -> Guide:
    """Return what all runs over a market share.

    Args:
        market: as `run_bars` has it.
        step_ms: length of a bar.
        funding: settlements.
    """
    bars, (due, _, rate, mark) = len(market[0]), funding
    rows = line_rows(bars, TIME + 1)
    reach, blocks, whole = (_nowhere(count) for count in (bars, -(-bars // BLOCK), 1))
    settled = np.empty(bars, np.uint64)
    _fill_guide(tuple(market), step_ms, due, rows, reach, blocks, whole, settled)
    return Guide(
        rows=rows,
        reach=reach,
        blocks=blocks,
        whole=whole,
        settled=settled,
        charge=np.concatenate(([0.0], np.cumsum(np.abs(mark * rate)))),
        close=np.concatenate((market[4], np.zeros(LANES))),
        costs=bool((rate != 0.0).any()),
    )


def _nowhere(count: int) -> FloatArray:
    """Return how far `count` places reach before any is known, with a row of lanes behind: (4, count + 8)."""
    return np.repeat([[np.inf], [-np.inf]] * 2, count + LANES, axis=1)


@kernel
def _fill_guide(
    market: Any, step_ms: int, due: Any, rows: Any, reach: Any, blocks: Any, whole: Any, settled: Any
) -> None:
    """Write the rows of bars, how far they and blocks of them reach, and the settlements done at each."""
    ts, open_, high, low, close, mark_open, mark_high, mark_low = market
    done = 0
    for bar in range(len(ts)):
        i = np.uintp(bar)
        while done < len(due) and due[done] <= bar:
            done += 1
        settled[i] = done
        rows[i, OPEN], rows[i, LOW], rows[i, HIGH] = open_[i], low[i], high[i]
        rows[i, MARK_LOW], rows[i, MARK_HIGH] = mark_low[i], mark_high[i]
        rows[i, MARK_OPEN], rows[i, CLOSE] = mark_open[i], close[i]
        rows[i, TIME] = (ts[i] - ts[0]) / step_ms
        for part, at in ((reach, bar), (blocks, bar // BLOCK), (whole, 0)):
            place = np.uintp(at)
            part[0, place], part[1, place] = min(part[0, place], low[i]), max(part[1, place], high[i])
            part[2, place] = min(part[2, place], mark_low[i])
            part[3, place] = max(part[3, place], mark_high[i])


@inlined
def run_stretches(
    sides: Any,
    distances: Any,
    funding: Any,
    tier_lots: Any,
    tier_mmr: Any,
    rules: Any,
    state_array: Any,
    fills: Any,
    equity: Any,
    guide: Any,
    course: Any,
    begin: int,
    end: int,
) -> int:
    """Run bars [begin, end), or up to the one that `fills` has no room for.

    Args:
        sides: (start, target, count): the first `count` of two arrays hold where each run of equal
            targets starts, the first at bar 0, and what it is.
        distances: (stop, take-profit, offset, stop_multiple, take_multiple): a bar's distance is a multiple
            of its row in the first two, `offset` rows further on; none where that is not above 0.
        funding: settlements, as `run_bars` has them; so are the next three.
        tier_lots: tiers.
        tier_mmr: their rates.
        rules: `AccountRules`.
        state_array: (1,) of STATE_DTYPE, fresh, or as the bars before `begin` have left it.
        fills: COMPACT_FILL_DTYPE rows.
        equity: (end - begin,) written, with room for a row of lanes behind, which is written over.
        guide: `market_guide`.
        course: its `run` is the run of `sides` at bar `begin`, updated.
        begin: first bar to run.
        end: bar after the last.

    Returns:
        `end` when done, else the bar that was not run.
    """
    starts, targets, count = sides
    rows = guide.rows
    state = borrow(state_array)
    room = len(fills) - FILLS_PER_BAR
    # nothing is decided before the bar that comes ahead of the first fill, so nothing is held
    bar = min(max(rules.first_bar - 1, begin), end)
    _hold(state, begin, bar, funding, rules, tier_lots, tier_mmr, equity, begin, guide)
    at = course.run
    while bar < end:
        while at + 1 < count and starts[np.uintp(at + 1)] <= bar:
            at += 1
        if state.order_bar < 0:
            turn = _next_turn(state, targets, at, count)
            decides = max(bar, starts[np.uintp(turn)]) if turn < count else end
            stop = min(decides + 1, end)
            if state.lots != 0.0:
                stop = _untouched(state, bar, stop, rules, tier_mmr, guide)
            if stop > bar:
                _hold(state, bar, stop, funding, rules, tier_lots, tier_mmr, equity, begin, guide)
                bar = stop
                if stop == decides + 1:
                    value = equity[np.uintp(decides - begin)]
                    _decide(state, decides, targets[np.uintp(turn)], value, rows, distances, rules)
                continue
        if _is_eventful(state, bar, rows, funding[0]):
            if state.fills > room:
                give_back(state_array, state)
                return int(bar)
            _play(state, fills, bar, rows, funding, rules, tier_lots, tier_mmr)
        i = np.uintp(bar)
        value = state.cash + state.lots * rules.coins_per_lot * (rows[i, CLOSE] - state.avg)
        equity[np.uintp(bar - begin)] = value
        if targets[np.uintp(at)] != state.acted_target and state.ruined == 0:
            _decide(state, bar, targets[np.uintp(at)], value, rows, distances, rules)
        bar += 1
    course.run = at
    give_back(state_array, state)
    return int(end)


@inlined
def _next_turn(state: Any, targets: Any, at: int, count: int) -> int:
    """Return the first run from `at` on whose target is to be acted upon, else `count`."""
    if state.ruined != 0:
        return count
    while at < count and targets[np.uintp(at)] == state.acted_target:
        at += 1
    return at


@inlined
def _is_eventful(state: Any, bar: int, rows: Any, due: Any) -> bool:
    """Tell whether the account has to be played through this bar, as `run_bars` does."""
    if state.order_bar >= 0 or (state.next_funding < len(due) and due[state.next_funding] == bar):
        return True
    low, high, mark_low, mark_high = rows[:, LOW], rows[:, HIGH], rows[:, MARK_LOW], rows[:, MARK_HIGH]
    return bool(is_touched(state, low, high, mark_low, mark_high, np.uintp(bar)))


@inlined
def _play(
    state: Any, fills: Any, bar: int, rows: Any, funding: Any, rules: Any, tier_lots: Any, tier_mmr: Any
) -> None:
    pays = state.next_funding < len(funding[0]) and funding[0][state.next_funding] == bar
    market = (
        rows[:, TIME], rows[:, OPEN], rows[:, HIGH], rows[:, LOW], rows[:, CLOSE], rows[:, MARK_OPEN],
        rows[:, MARK_HIGH], rows[:, MARK_LOW],
    )  # fmt: skip
    play_bar(state, fills, bar, market, 1, pays, funding, rules, tier_lots, tier_mmr, None, None, None, None)


@inlined
def _decide(state: Any, bar: int, target: float, value: float, rows: Any, distances: Any, rules: Any) -> None:
    """Leave the order that the close of `bar` decides at equity `value`."""
    stops, takes, offset, near, far = distances
    i = np.uintp(bar + offset)
    # with a multiple of 0 the series, which is not at hand, need not be read
    levels = (
        distance_of(stops[i], near) if near != 0.0 else np.nan,
        distance_of(takes[i], far) if far != 0.0 else np.nan,
    )
    decide(state, bar, target, value, rows[np.uintp(bar), CLOSE], levels, rules, None)


@inlined
def distance_of(value: float, multiple: float) -> float:
    """Return `multiple` x `value` where that is a positive number, else NaN: none."""
    distance = multiple * value
    return distance if 0.0 < distance < np.inf else np.nan


@inlined
def _hold(
    state: Any,
    begin: int,
    end: int,
    funding: Any,
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
    equity: Any,
    base: int,
    guide: Any,
) -> None:
    """Pass bars [begin, end) on which nothing but funding happens; equity[0] is that of bar `base`."""
    if end <= begin:
        return
    last = np.int64(guide.settled[np.uintp(end - 1)])
    cash = state.cash
    if state.lots == 0.0:
        state.next_funding = last
        for bar in range(begin - base, end - base, LANES):
            store(equity, np.uintp(bar), spread(cash))
        return
    due, _, rate, mark = funding
    lots, avg, close = state.lots, state.avg, guide.close
    first, paid = state.next_funding, state.funding
    coins = lots * rules.coins_per_lot
    for k in range(first, last if guide.costs else first):
        i = np.uintp(k)
        _write_equity(begin, due[i], cash, coins, avg, close, equity, base)
        begin = due[i]
        cash, paid = settle_funding(cash, paid, lots, rate[i], mark[i], rules)
    _write_equity(begin, end, cash, coins, avg, close, equity, base)
    state.next_funding = last
    if guide.costs and last > first:  # else all is as it was
        state.cash, state.funding = cash, paid
        reset_liquidation(state, rules, tier_lots, tier_mmr)


@inlined
def _write_equity(
    begin: int, end: int, cash: float, coins: float, avg: float, close: Any, equity: Any, base: int
) -> None:
    """Write the equity at the closes of [begin, end), in whole rows: what is beyond is written again."""
    while True:
        gain = spread(coins) * (load(close, np.uintp(begin)) - spread(avg))
        store(equity, np.uintp(begin - base), spread(cash) + gain)
        begin += LANES
        if begin >= end:
            return


@inlined
def _untouched(state: Any, begin: int, end: int, rules: Any, tier_mmr: Any, guide: Any) -> int:
    """Return the first bar of [begin, end) that may reach a stop, take-profit or liquidation, else `end`.

    A bar that is named need not reach it; one that is not named cannot.
    """
    shift = _liquidation_shift(state, end, rules, tier_mmr, guide)
    if state.lots > 0.0:
        liq = state.liq + shift if state.liq > 0.0 else shift
        if shift > 0.0:
            liq *= ROUNDING
        elif liq == 0.0:
            liq = np.nan
        return int(_first_touch(begin, end, guide, state.stop, state.take, liq, np.nan))
    liq = state.liq - shift
    if shift > 0.0:
        liq /= ROUNDING
    if np.isnan(liq):
        return begin  # nothing would be left of a short: no price bounds when that is
    return int(_first_touch(begin, end, guide, state.take, state.stop, np.nan, liq))


@inlined
def _liquidation_shift(state: Any, end: int, rules: Any, tier_mmr: Any, guide: Any) -> float:
    """Return by how much the liquidation price moves at most if all funding up to bar `end` is paid.

    What is paid a coin moves it by that divided by 1 - rate (long) or 1 + rate (short), the rate being that
    of the position's tier and the fee: no more than the last tier's.
    """
    settled, charge = guide.settled, guide.charge
    paid = charge[settled[np.uintp(end - 1)]] - charge[np.uintp(state.next_funding)]
    if paid <= 0.0:
        return 0.0
    left = 1.0 - tier_mmr[len(tier_mmr) - 1] - rules.fee
    return float(paid / left if left > 0.0 else np.inf)


@inlined
def _first_touch(
    begin: int,
    end: int,
    guide: Any,
    below: float,
    above: float,
    mark_below: float,
    mark_above: float,
) -> int:
    """Return the first bar of [begin, end) whose low or high reaches a price, else `end`; NaN: no price."""
    reach, blocks, whole = guide.reach, guide.blocks, guide.whole
    if _touched(whole, 0, below, above, mark_below, mark_above) == NONE:
        return end  # no bar of all reaches them: a position without leverage and without a stop
    found = _touched(reach, begin, below, above, mark_below, mark_above)
    if found != NONE:
        return int(min(begin + lowest_bit(found), end))
    # the block that holds the bar after those: what lies before it there has been asked already
    block = (begin + LANES) // BLOCK
    while block * BLOCK < end:
        found = _touched(blocks, block, below, above, mark_below, mark_above)
        if found != NONE:
            bar = (block + lowest_bit(found)) * BLOCK
            bit = lowest_bit(_touched(reach, bar, below, above, mark_below, mark_above))
            return int(min(bar + bit, end))
        block += LANES
    return end


@inlined
def _touched(reach: Any, at: int, below: float, above: float, mark_below: float, mark_above: float) -> Any:
    """Return a bit for each of eight places from `at` on: whether it reaches one of the prices."""
    i = np.uintp(at)
    return (
        bits_up_to(load(reach[0], i), spread(below))
        | bits_up_to(spread(above), load(reach[1], i))
        | bits_up_to(load(reach[2], i), spread(mark_below))
        | bits_up_to(spread(mark_above), load(reach[3], i))
    )


@inlined
def runs_of(target: Any, starts: Any, targets: Any) -> int:
    """Write where each run of equal targets starts and what it is; return how many there are."""
    count = 0
    for i in range(len(target)):
        if count == 0 or target[i] != targets[count - 1]:
            starts[count] = i
            targets[count] = target[i]
            count += 1
    return count
