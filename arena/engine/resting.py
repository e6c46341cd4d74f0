"""Bars with orders in the book: entries that rest at a limit, and take-profits that do.

A buy rests below the price and a sell above it, so a bar's path decides whether they are filled and what
comes after. The rules of the levels are those of `path`. Invariant: a resting order fills at its own price,
with the maker fee and no slippage, and never better.

`limits` is (offset, bars it rests for, whether the price has to trade through it, maker fee, whether
take-profits rest, too), or None where no order rests: then nothing of this module is compiled in.
"""

from typing import Any

from arena.engine.account import (
    REASON_OPEN_LIMIT,
    REASON_STOP,
    liquidate,
    reset_liquidation,
    tick_above,
    tick_below,
)
from arena.engine.jit import inlined
from arena.engine.orders import add_lots, levels_from
from arena.engine.path import BEST, OHLC, WORST, at_open, drop_order, exit_whole, take_profit, takes


@inlined
def place_limit(state: Any, close: float, rules: Any, limits: Any) -> None:
    """Give the order that is decided at this close its limit; one that still rested is replaced by it."""
    if limits is not None:
        state.unfilled += state.order_bar >= 0
        if state.order_lots > 0.0:
            state.order_limit = tick_below(close * (1.0 - limits[0]), rules)
        else:
            state.order_limit = tick_above(close * (1.0 + limits[0]), rules)


@inlined
def rest_at_open(
    state: Any,
    fills: Any,
    bar: int,
    open_: float,
    adjacent: bool,  # noqa: FBT001 - kernels have no keyword-only arguments
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
    limits: Any,
) -> bool:
    """Handle an order that rested before this bar: it ends, or the open jumps it. Tell if there is one."""
    if limits is None:
        return False
    if state.order_bar < 0 or state.order_bar == bar - 1:
        return False
    if bar > state.order_bar + limits[1] or not adjacent:
        state.order_bar = -1
        state.unfilled += 1
    elif _meets(state, open_, limits):
        fill_limit(state, fills, bar, rules, tier_lots, tier_mmr, limits)
    return True


@inlined
def _meets(state: Any, price: float, limits: Any) -> bool:
    """Whether a price fills the resting order: at its limit, or only beyond it."""
    beyond = state.order_limit - price if state.order_lots > 0.0 else price - state.order_limit
    return bool(beyond > 0.0 if limits[2] else beyond >= 0.0)


@inlined
def fill_limit(
    state: Any, fills: Any, bar: int, rules: Any, tier_lots: Any, tier_mmr: Any, limits: Any
) -> None:
    """Fill the resting order at its limit."""
    decided, limit = state.order_bar, state.order_limit
    state.order_bar = -1
    state.orders += 1
    add_lots(state, fills, bar, state.order_lots, limit, limit, REASON_OPEN_LIMIT, decided, rules, limits[3])
    reset_liquidation(state, rules, tier_lots, tier_mmr)


@inlined
def walk_resting(
    state: Any,
    fills: Any,
    bar: int,
    prices: Any,
    close: float,
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
    path: Any,
    depth: Any,
    limits: Any,
) -> None:
    """Walk the bar's path with what is held and what rests; a bar that meets more than one is counted."""
    met = _levels_met(state, prices, rules, limits)
    if met == 0:
        return
    state.ambiguous += met > 1
    _walk_by(state, fills, bar, prices, close, rules, tier_lots, tier_mmr, met > 1, path, depth, limits)


@inlined
def _levels_met(state: Any, prices: Any, rules: Any, limits: Any) -> int:
    """Count what the bar's range meets: stop, liquidation and take-profit of the position, the resting order.

    From flat, the stop and the take-profit that the order would have count once it is met.
    """
    _, high, low, _, mark_high, mark_low = prices
    met = 0
    if state.order_bar >= 0:
        met += _meets(state, low if state.order_lots > 0.0 else high, limits)
        if state.lots == 0.0:
            if met == 0:
                return 0
            sign = 1.0 if state.order_lots > 0.0 else -1.0
            stop, take = levels_from(state, state.order_limit, sign, rules)
            worst, best = (low, high) if sign > 0.0 else (high, low)
            met += sign * (worst - stop) <= 0.0
            met += takes(sign * (best - take), limits)
            return int(met)
    sign = 1.0 if state.lots > 0.0 else -1.0
    worst, best, mark_worst = (low, high, mark_low) if sign > 0.0 else (high, low, mark_high)
    met += sign * (worst - state.stop) <= 0.0
    met += sign * (mark_worst - state.liq) <= 0.0
    met += takes(sign * (best - state.take), limits)
    return int(met)


@inlined
def _walk_by(
    state: Any,
    fills: Any,
    bar: int,
    prices: Any,
    close: float,
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
    ambiguous: bool,  # noqa: FBT001 - kernels have no keyword-only arguments
    path: Any,
    depth: Any,
    limits: Any,
) -> None:
    if path is None:
        _walk_coarse(state, fills, bar, prices, close, rules, tier_lots, tier_mmr, WORST, depth, limits)
    else:
        mode, fine = path
        _walk_fine(
            state, fills, bar, prices, close, rules, tier_lots, tier_mmr, ambiguous, mode, fine, depth, limits
        )


@inlined
def _walk_fine(
    state: Any,
    fills: Any,
    bar: int,
    prices: Any,
    close: float,
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
    ambiguous: bool,  # noqa: FBT001 - kernels have no keyword-only arguments
    mode: int,
    fine: Any,
    depth: Any,
    limits: Any,
) -> None:
    """Walk along the finer bars of an ambiguous bar, where there are any, else by `mode`."""
    if fine is None:
        _walk_coarse(state, fills, bar, prices, close, rules, tier_lots, tier_mmr, mode, depth, limits)
    else:
        first, count, wanted = fine[0], fine[1], fine[2]
        if not ambiguous or count[bar] == 0:
            wanted[bar] = ambiguous
            _walk_coarse(state, fills, bar, prices, close, rules, tier_lots, tier_mmr, mode, depth, limits)
            return
        for row in range(first[bar], first[bar] + count[bar]):
            part = (
                fine[3][row], fine[4][row], fine[5][row], fine[6][row], fine[7][row], fine[8][row],
            )  # fmt: skip
            if row > first[bar]:
                if state.lots != 0.0:
                    at_open(state, fills, bar, part, rules, tier_lots, tier_mmr, depth, limits)
                if state.order_bar >= 0 and _meets(state, part[0], limits):
                    fill_limit(state, fills, bar, rules, tier_lots, tier_mmr, limits)
            if state.lots != 0.0 or state.order_bar >= 0:
                end = fine[9][row]
                _walk_coarse(state, fills, bar, part, end, rules, tier_lots, tier_mmr, WORST, depth, limits)


@inlined
def _walk_coarse(
    state: Any,
    fills: Any,
    bar: int,
    prices: Any,
    close: float,
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
    mode: int,
    depth: Any,
    limits: Any,
) -> None:
    """Go from the open to one extreme, to the other, and to the close, in the order that `mode` says.

    `worst` puts the extreme against the position first, and last where an entry rests and nothing is held:
    then what follows the entry is the worst. `best` is the other way round; from flat it lets the price
    touch the entry and go straight to the favourable extreme.
    """
    open_, high, low, mark_open, mark_high, mark_low = prices
    rise, fall = high - open_, open_ - low
    start = open_
    if state.lots != 0.0:
        is_long = state.lots > 0.0
        nearer = rise < fall if is_long else fall < rise
        low_first = is_long != (mode == BEST or (mode == OHLC and nearer))
    else:
        is_long = state.order_lots > 0.0
        if mode == BEST and _meets(state, low if is_long else high, limits):
            start = state.order_limit
            fill_limit(state, fills, bar, rules, tier_lots, tier_mmr, limits)
            low_first = not is_long
        else:
            nearer = fall < rise if is_long else rise < fall
            low_first = is_long == (mode == OHLC and nearer)
    for leg in range(2):
        up = low_first == (leg == 1)
        extreme, mark = (high, mark_high) if up else (low, mark_low)
        start = _leg(
            state, fills, bar, up, start, extreme, mark_open, mark, rules, tier_lots, tier_mmr, depth, limits
        )
    if state.lots != 0.0 and (state.lots > 0.0) != low_first:
        # the last way leads from the extreme against the position to the close
        sign = 1.0 if state.lots > 0.0 else -1.0
        if takes(sign * (close - state.take), limits):
            take_profit(state, fills, bar, sign * max(sign * state.take, sign * start), rules, depth, limits)


@inlined
def _leg(
    state: Any,
    fills: Any,
    bar: int,
    up: bool,  # noqa: FBT001 - kernels have no keyword-only arguments
    start: float,
    extreme: float,
    mark_open: float,
    mark: float,
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
    depth: Any,
    limits: Any,
) -> float:
    """Go to one extreme and do what is met on the way, the nearer first; return where an entry was made."""
    while True:
        side = 1.0 if state.lots > 0.0 else -1.0
        against = state.lots != 0.0 and (side < 0.0) == up
        stopped = against and side * (extreme - state.stop) <= 0.0
        liquidated = against and side * (mark - state.liq) <= 0.0
        if state.order_bar >= 0 and (state.order_lots < 0.0) == up and _meets(state, extreme, limits):
            limit = state.order_limit
            before = (stopped and side * (state.stop - limit) > 0.0) or (
                liquidated and side * (state.liq - limit) > 0.0
            )
            if not before:
                fill_limit(state, fills, bar, rules, tier_lots, tier_mmr, limits)
                start = limit
                continue
        if liquidated and not (stopped and side * (state.stop - state.liq) > 0.0):
            price = side * min(side * state.liq, side * mark_open)
            liquidate(state, fills, bar, price, rules, tier_lots, tier_mmr, depth)
        elif stopped:
            price = side * min(side * state.stop, side * start)
            exit_whole(state, fills, bar, price, REASON_STOP, rules, depth)
        elif state.lots != 0.0 and not against and takes(side * (extreme - state.take), limits):
            price = side * max(side * state.take, side * start)
            take_profit(state, fills, bar, price, rules, depth, limits)
        else:
            return start
        drop_order(state, side)
