"""The pass over the bars by stretches: from one bar on which something can happen to the next.

When an order is decided, funding falls due or a price reaches a stop, `kernel` and `account` say what
happens: no rule of theirs lives here. Between, the account stands still but for funding, and equity is
written in one go. Invariant: state, fills and equity are those of `kernel.run_bars`, bit for bit.
"""

from typing import Any

import numpy as np

from arena.core.bars import FloatArray, IntArray
from arena.engine.account import reset_liquidation, settle_funding
from arena.engine.jit import inlined
from arena.engine.kernel import FILLS_PER_BAR, decide, is_touched, play_bar
from arena.engine.machine import borrow, give_back

SHORT, LONG = 8, 64
"""Bars of a block whose extremes are known; LONG is a whole number of SHORT."""

ALL_ABOVE, NONE = np.uint64(0x0101010101010101), np.uint64(0)
"""Eight bars' flags in one word."""

ROUNDING = 1.0 + 1e-9
"""Sums of funding are added up in another order here than by the account: they are bounds only."""


def market_guide(
    extremes: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
    due: IntArray,
    rate: FloatArray,
    mark: FloatArray,
) -> tuple[Any, ...]:
    """Return what all runs over a market share: where prices reach, and what funding can cost.

    Args:
        extremes: low, high, mark low and mark high of each bar, (n,).
        due: bar of each settlement, (m,), ascending.
        rate: its rate.
        mark: its price.
    """
    bars = len(extremes[0])
    lowest = (np.minimum, np.maximum, np.minimum, np.maximum)
    blocks = [
        [np.ascontiguousarray(pick.reduceat(values, np.arange(0, bars, size))) for size in (SHORT, LONG)]
        for pick, values in zip(lowest, extremes, strict=True)
    ]
    settled = np.searchsorted(due, np.arange(bars), side="right").astype(np.uint64)
    charge = np.concatenate(([0.0], np.cumsum(np.abs(mark * rate))))
    short, long = (tuple(block[level] for block in blocks) for level in range(2))
    return short, long, settled, charge


@inlined
def run_stretches(
    market: Any,
    step_ms: int,
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
    purse: Any,
) -> int:
    """Run all bars, or up to the one that `fills` has no room for.

    Args:
        market: as `run_bars` has it; so are all others not named here.
        step_ms: length of a bar.
        sides: (start, target, count): the first `count` of two arrays hold where each run of equal
            targets starts, the first at bar 0, and what it is.
        distances: (stop_distance, take_distance), each (n,).
        funding: settlements.
        tier_lots: tiers.
        tier_mmr: their rates.
        rules: `AccountRules`.
        state_array: (1,) of STATE_DTYPE, fresh.
        fills: COMPACT_FILL_DTYPE rows.
        equity: (n,) written.
        guide: `market_guide`.
        purse: (m + 1,) memory for cash after each settlement.

    Returns:
        n when done, else the bar that was not run.
    """
    starts, targets, count = sides
    close = market[4]
    state = borrow(state_array)
    room = len(fills) - FILLS_PER_BAR
    bars = len(close)
    bar = min(max(rules.first_bar - 1, 0), bars)  # nothing is decided before, so nothing is held
    _hold(state, 0, bar, close, funding, rules, tier_lots, tier_mmr, equity, guide, purse)
    at = 0
    while bar < bars:
        while at + 1 < count and starts[np.uintp(at + 1)] <= bar:
            at += 1
        if state.order_bar < 0:
            turn = _next_turn(state, targets, at, count)
            decides = max(bar, starts[np.uintp(turn)]) if turn < count else bars
            end = min(decides + 1, bars)
            if state.lots != 0.0:
                end = _untouched(state, bar, end, market, rules, tier_lots, tier_mmr, guide)
            if end > bar:
                _hold(state, bar, end, close, funding, rules, tier_lots, tier_mmr, equity, guide, purse)
                bar = end
                if end == decides + 1:
                    _decide(state, decides, targets[np.uintp(turn)], equity[decides], close, distances, rules)
                continue
        if _is_eventful(state, bar, market, funding[0]):
            if state.fills > room:
                give_back(state_array, state)
                return int(bar)
            _play(state, fills, bar, market, step_ms, funding, rules, tier_lots, tier_mmr)
        i = np.uintp(bar)
        equity[i] = state.cash + state.lots * rules.coins_per_lot * (close[i] - state.avg)
        if targets[np.uintp(at)] != state.acted_target and state.ruined == 0:
            _decide(state, bar, targets[np.uintp(at)], equity[i], close, distances, rules)
        bar += 1
    give_back(state_array, state)
    return int(bars)


@inlined
def _next_turn(state: Any, targets: Any, at: int, count: int) -> int:
    """Return the first run from `at` on whose target is to be acted upon, else `count`."""
    if state.ruined != 0:
        return count
    while at < count and targets[np.uintp(at)] == state.acted_target:
        at += 1
    return at


@inlined
def _is_eventful(state: Any, bar: int, market: Any, due: Any) -> bool:
    """Tell whether the account has to be played through this bar, as `run_bars` does."""
    if state.order_bar >= 0 or (state.next_funding < len(due) and due[state.next_funding] == bar):
        return True
    _, _, high, low, _, _, mark_high, mark_low = market
    return bool(is_touched(state, low, high, mark_low, mark_high, np.uintp(bar)))


@inlined
def _play(
    state: Any,
    fills: Any,
    bar: int,
    market: Any,
    step_ms: int,
    funding: Any,
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
) -> None:
    pays = state.next_funding < len(funding[0]) and funding[0][state.next_funding] == bar
    play_bar(
        state, fills, bar, market, step_ms, pays, funding, rules, tier_lots, tier_mmr, None, None, None, None
    )


@inlined
def _decide(
    state: Any, bar: int, target: float, value: float, close: Any, distances: Any, rules: Any
) -> None:
    """Leave the order that the close of `bar` decides at equity `value`."""
    i = np.uintp(bar)
    decide(state, bar, target, value, close[i], (distances[0][i], distances[1][i]), rules, None)


@inlined
def _hold(
    state: Any,
    begin: int,
    end: int,
    close: Any,
    funding: Any,
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
    equity: Any,
    guide: Any,
    purse: Any,
) -> None:
    """Pass bars [begin, end) on which nothing but funding happens to the account."""
    if end <= begin:
        return
    settled = guide[2]
    last = np.int64(settled[np.uintp(end - 1)])
    if state.lots == 0.0:
        state.next_funding = last
        cash = state.cash
        for bar in range(begin, end):
            equity[np.uintp(bar)] = cash
        return
    rate, mark = funding[2], funding[3]
    first = state.next_funding
    purse[np.uintp(first)] = state.cash
    for k in range(first, last):
        i = np.uintp(k)
        settle_funding(state, rate[i], mark[i], rules)
        purse[np.uintp(k + 1)] = state.cash
    if last > first:
        state.next_funding = last
        reset_liquidation(state, rules, tier_lots, tier_mmr)
    coins, avg = state.lots * rules.coins_per_lot, state.avg
    for bar in range(begin, end):
        i = np.uintp(bar)
        equity[i] = purse[settled[i]] + coins * (close[i] - avg)


@inlined
def _untouched(
    state: Any, begin: int, end: int, market: Any, rules: Any, tier_lots: Any, tier_mmr: Any, guide: Any
) -> int:
    """Return the first bar of [begin, end) that may reach a stop, take-profit or liquidation, else `end`.

    The liquidation price moves with each funding: here it stands where it would if all of them up to the
    end were paid, so a bar that is named need not reach it, and one that is not named cannot.
    """
    settled, charge = guide[2], guide[3]
    liq, cash, margin = state.liq, state.cash, state.iso_margin
    last = settled[np.uintp(end - 1)]
    paid = charge[last] - charge[np.uintp(state.next_funding)]
    if paid > 0.0:
        paid *= abs(state.lots) * rules.coins_per_lot * ROUNDING
        state.cash -= paid
        state.iso_margin -= paid
        reset_liquidation(state, rules, tier_lots, tier_mmr)
    if state.lots > 0.0:
        found = _first_touch(begin, end, market, guide, state.stop, state.take, state.liq, np.nan)
    elif np.isnan(state.liq):  # nothing would be left of a short: no price bounds when that is
        found = begin
    else:
        found = _first_touch(begin, end, market, guide, state.take, state.stop, np.nan, state.liq)
    state.liq, state.cash, state.iso_margin = liq, cash, margin
    return found


@inlined
def _first_touch(
    begin: int,
    end: int,
    market: Any,
    guide: Any,
    below: float,
    above: float,
    mark_below: float,
    mark_above: float,
) -> int:
    """Return the first bar of [begin, end) whose low or high reaches a price, else `end`; NaN: no price."""
    prices = (market[3], market[2], market[7], market[6])
    bar = begin
    while bar < end:
        if bar % SHORT == 0:
            if bar % LONG == 0 and not _touches(guide[1], bar // LONG, below, above, mark_below, mark_above):
                bar += LONG
                continue
            if not _touches(guide[0], bar // SHORT, below, above, mark_below, mark_above):
                bar += SHORT
                continue
        if _touches(prices, bar, below, above, mark_below, mark_above):
            return bar
        bar += 1
    return end


@inlined
def _touches(
    extremes: Any, at: int, below: float, above: float, mark_below: float, mark_above: float
) -> bool:
    low, high, mark_low, mark_high = extremes
    i = np.uintp(at)
    return bool(
        (low[i] <= below) | (high[i] >= above) | (mark_low[i] <= mark_below) | (mark_high[i] >= mark_above)
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


@inlined
def cross_runs(
    upper: Any,
    lower: Any,
    begin: int,
    offset: int,
    up: float,
    down: float,
    starts: Any,
    targets: Any,
    above: Any,
    words: Any,
) -> int:
    """Write the runs of `up` above and `down` below from bar `begin` on, 0 before; return how many there are.

    Args:
        upper: one series; bar 0 of the run is its position `offset`.
        lower: the other.
        begin: first bar that may hold a side.
        offset: see above.
        up: target above.
        down: target below.
        starts: written.
        targets: written.
        above: memory for a flag a bar, whole words of eight.
        words: the same memory as words.

    Returns:
        -1 where both are equal or unknown on a bar: what is held then hangs on the bar before.
    """
    bars = len(starts) - 2
    starts[0], targets[0] = 0, 0.0
    if begin >= bars:
        return 1
    unclear = 0
    for bar in range(begin, bars):
        i = np.uintp(bar + offset)
        is_above = upper[i] > lower[i]
        above[np.uintp(bar)] = is_above
        unclear += is_above == (upper[i] < lower[i])
    if unclear > 0:
        return -1
    count = 1
    before = not above[np.uintp(begin)]
    word = begin // 8
    while word * 8 < bars:
        if (
            word * 8 < begin
            or word * 8 + 8 > bars
            or words[np.uintp(word)] != (ALL_ABOVE if before else NONE)
        ):
            for bar in range(max(begin, word * 8), min(word * 8 + 8, bars)):
                side = above[np.uintp(bar)]
                # written on every bar and kept where the side turns: cheaper than a branch guessed wrong
                starts[np.uintp(count)] = bar
                targets[np.uintp(count)] = up if side else down
                count += side != before
                before = side
        word += 1
    return count
