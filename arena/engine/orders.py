"""Orders: how far one gets in a bar, what it opens, and the levels that it leaves behind.

The account's arithmetic is `account`'s. Invariant: the position never goes beyond what was ordered, nor
beyond what volume, limits and margin allow.
"""

from typing import Any

import numpy as np

from arena.engine.account import (
    NOTABLE_CUT,
    REASON_CLOSE,
    REASON_OPEN,
    SIZE_EPS,
    affordable_lots,
    enter,
    leave,
    leave_in_part,
    market_price,
    order_cost,
    record_fill,
    reset_liquidation,
    tick_above,
    tick_below,
)
from arena.engine.jit import inlined


@inlined
def reachable(state: Any, rules: Any, depth: Any) -> float:
    """Return the signed lots, on the way from those held to those ordered, that this bar's volume allows."""
    wanted = state.order_lots
    if depth is None:
        return float(wanted)
    room, _ = depth
    held = state.lots
    if abs(wanted - held) <= room:
        return float(wanted)
    step = np.floor(room + SIZE_EPS)
    if step < rules.min_lots:
        return float(held)
    goal = held + (step if wanted > held else -step)
    if goal * held < 0.0 and abs(goal) < rules.min_lots:
        return 0.0  # what would be opened is too small: this bar closes, the next one opens
    return float(goal)


@inlined
def _carry_over(state: Any, goal: float, decided: int, depth: Any) -> None:
    """Keep the order for the next bar where the bar's volume alone kept it from being done."""
    if depth is not None and state.lots == goal and goal != state.order_lots:
        state.order_bar = decided


@inlined
def execute_order(
    state: Any,
    fills: Any,
    bar: int,
    ref: float,
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
    depth: Any,
    limits: Any,
) -> None:
    """Bring the position to the pending order's size at `ref`, as far as volume, limits and margin allow.

    `depth` is None or (lots that an order may take of this bar, impact of one lot); what is beyond stays
    pending. All that an order does in a bar, the closing part of a reversal included, moves its price.
    With `limits` what opens rests at state.order_limit and stays pending, unless the open is there already.
    """
    wanted = reachable(state, rules, depth)
    held = state.lots
    decided = state.order_bar
    state.order_bar = -1
    state.acted_target = state.order_target
    if state.order_lots == 0.0 and state.order_target != 0.0 and decided == bar - 1:
        state.rejected += 1  # the account is too small for one lot
    if wanted == held:
        _carry_over(state, wanted, decided, depth)
        return
    state.orders += 1
    # all of it goes one way, so it is one price
    price = market_price(ref, wanted > held, order_cost(wanted - held, depth, rules), rules)
    if held != 0.0 and held * wanted <= 0.0:
        leave(state, ref, price, REASON_CLOSE, rules, rules.fee)
        record_fill(state, fills, bar, -held, ref, price, REASON_CLOSE, decided)
    elif abs(wanted) < abs(held):
        if abs(held) - abs(wanted) >= rules.min_lots:
            leave_in_part(state, wanted - held, ref, price, rules)
            record_fill(state, fills, bar, wanted - held, ref, price, REASON_CLOSE, decided)
        else:
            state.rejected += 1
    if abs(wanted) > abs(state.lots) and not _comes_to_rest(state, ref, held, decided, limits):
        entry = _no_worse(state, price, 1.0 if wanted > 0.0 else -1.0, limits)
        add_lots(state, fills, bar, wanted, ref, entry, REASON_OPEN, decided, rules, rules.fee)
    _carry_over(state, wanted, decided, depth)
    reset_liquidation(state, rules, tier_lots, tier_mmr)


@inlined
def add_lots(
    state: Any,
    fills: Any,
    bar: int,
    wanted: float,
    ref: float,
    price: float,
    reason: int,
    decided: int,
    rules: Any,
    fee_rate: float,
) -> None:
    """Open or enlarge the position to `wanted` at `price`, cut to what margin and limits allow there."""
    added = _affordable_part(state, wanted, price, rules)
    if added != 0.0:
        enter(state, added, ref, price, rules, fee_rate)
        record_fill(state, fills, bar, added, ref, price, reason, decided)
        state.stop, state.take = levels_from(state, state.avg, 1.0 if wanted > 0.0 else -1.0, rules)


@inlined
def _affordable_part(state: Any, wanted: float, price: float, rules: Any) -> float:
    """Return the signed lots to add towards `wanted` at `price`; 0 and a rejection where none can be."""
    size = abs(wanted)
    most = affordable_lots(state, price, rules)
    cut = 0
    if size > most:  # a branch, so that the usual order does not wait for what it could have cost
        size = np.floor(most + SIZE_EPS)
        if size < NOTABLE_CUT * abs(wanted) - 1.0:
            cut = 1
    added = size - abs(state.lots)
    if added < rules.min_lots or added <= 0.0:
        state.rejected += 1
        return 0.0
    state.clipped += cut
    return float(added if wanted > 0.0 else -added)


@inlined
def _comes_to_rest(state: Any, ref: float, held: float, decided: int, limits: Any) -> bool:
    """Leave the opening part of an order in the book where it rests there and the open has not reached it."""
    if limits is None:
        return False
    reached = ref <= state.order_limit if state.order_lots > 0.0 else ref >= state.order_limit
    if reached:
        return False
    state.order_bar = decided
    if state.lots == held:
        state.orders -= 1  # an order gets its number with its first fill
    return True


@inlined
def _no_worse(state: Any, price: float, sign: float, limits: Any) -> float:
    """Return `price`, of an order that rests by its limit but is met on arrival no worse than that."""
    if limits is None:
        return price
    return float(sign * min(sign * price, sign * state.order_limit))


@inlined
def levels_from(state: Any, entry: float, sign: float, rules: Any) -> Any:
    """Return the order's stop and take-profit for an average entry, rounded away from it onto the grid."""
    stop = entry - sign * state.order_stop
    take = entry + sign * state.order_take
    if sign > 0.0:
        stop = tick_below(stop, rules) if stop > 0.0 else np.nan
        take = tick_above(take, rules) if take > 0.0 else np.nan
    else:
        stop = tick_above(stop, rules) if stop > 0.0 else np.nan
        take = tick_below(take, rules) if take > 0.0 else np.nan
    return stop, take
