"""The way of the price through a bar, and which of its levels it meets in which order.

A bar gives four prices and no order, so the order is an assumption: the adverse extreme first (`worst`,
which is compiled in when no path is handed in), the favourable one first (`best`), the nearer one first
(`ohlc`), or that of finer bars (`detail`). Invariant: a bar in which one level is met ends alike in all.
"""

from typing import Any

import numpy as np

from arena.engine.account import REASON_STOP, REASON_TAKE, book_exit, liquidate, market_price, order_cost
from arena.engine.jit import inlined

WORST, BEST, OHLC = 0, 1, 2


@inlined
def exit_whole(state: Any, fills: Any, bar: int, ref: float, reason: int, rules: Any, depth: Any) -> None:
    """Close the whole position by a resting order that has been triggered."""
    state.orders += 1
    price = market_price(ref, state.lots < 0.0, order_cost(state.lots, depth, rules), rules)
    book_exit(state, fills, bar, ref, price, reason, rules, rules.fee)
    state.liq = np.nan


@inlined
def at_open(
    state: Any,
    fills: Any,
    bar: int,
    prices: Any,
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
    depth: Any,
    limits: Any,
) -> None:
    """Liquidation on the mark's open, then resting orders that the open has jumped: they fill at the open."""
    open_, mark = prices[0], prices[3]
    sign = 1.0 if state.lots > 0.0 else -1.0
    if sign * (mark - state.liq) <= 0.0:
        liquidate(state, fills, bar, mark, rules, tier_lots, tier_mmr, depth)
    if state.lots != 0.0:
        if sign * (open_ - state.stop) <= 0.0:
            exit_whole(state, fills, bar, open_, REASON_STOP, rules, depth)
        elif takes(sign * (open_ - state.take), limits):
            take_profit(state, fills, bar, open_, rules, depth, limits)
    drop_order(state, sign)


@inlined
def takes(beyond: float, limits: Any) -> bool:
    """Whether a price `beyond` the take-profit sets it off; where it rests as an order, whether it fills."""
    if limits is None:
        return beyond >= 0.0
    return beyond > 0.0 if limits[4] and limits[2] else beyond >= 0.0


@inlined
def take_profit(state: Any, fills: Any, bar: int, ref: float, rules: Any, depth: Any, limits: Any) -> None:
    """Close the whole position by its take-profit: by market at `ref`, or at its level where it rests."""
    if limits is None or not limits[4]:
        exit_whole(state, fills, bar, ref, REASON_TAKE, rules, depth)
    else:
        state.orders += 1
        level = state.take
        book_exit(state, fills, bar, level, level, REASON_TAKE, rules, limits[3])
        state.liq = np.nan


@inlined
def drop_order(state: Any, sign: float) -> None:
    """Drop a pending order that would have resized a position that is gone now; an opposite order stands."""
    if state.lots == 0.0 and state.order_bar >= 0 and sign * state.order_lots > 0.0:
        state.acted_target = state.order_target
        state.order_bar = -1
        state.expired += 1


@inlined
def walk(
    state: Any,
    fills: Any,
    bar: int,
    prices: Any,
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
    path: Any,
    depth: Any,
) -> None:
    """Walk the bar's path with the position held; a bar that meets more than one level is counted."""
    _, high, low, _, mark_high, mark_low = prices
    sign = 1.0 if state.lots > 0.0 else -1.0
    worst, best, mark_worst = (low, high, mark_low) if sign > 0.0 else (high, low, mark_high)
    stopped = sign * (worst - state.stop) <= 0.0
    liquidated = sign * (mark_worst - state.liq) <= 0.0
    taken = sign * (best - state.take) >= 0.0
    ambiguous = (stopped & liquidated) | (taken & (stopped | liquidated))
    state.ambiguous += ambiguous
    if path is None:
        _adverse(state, fills, bar, prices, rules, tier_lots, tier_mmr, depth)
        _favourable(state, fills, bar, prices, rules, depth)
    else:
        _walk_by(state, fills, bar, prices, rules, tier_lots, tier_mmr, ambiguous, path[0], path[1], depth)
    drop_order(state, sign)


@inlined
def _walk_by(
    state: Any,
    fills: Any,
    bar: int,
    prices: Any,
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
    ambiguous: bool,  # noqa: FBT001 - kernels have no keyword-only arguments
    mode: int,
    fine: Any,
    depth: Any,
) -> None:
    """Walk by `mode`, or along the finer bars where these are handed in and have any for this bar."""
    if fine is None:
        _walk_coarse(state, fills, bar, prices, rules, tier_lots, tier_mmr, mode, depth)
    else:
        first, count, wanted = fine[0], fine[1], fine[2]
        if not ambiguous or count[bar] == 0:
            wanted[bar] = ambiguous
            _walk_coarse(state, fills, bar, prices, rules, tier_lots, tier_mmr, mode, depth)
            return
        for row in range(first[bar], first[bar] + count[bar]):
            part = (
                fine[3][row], fine[4][row], fine[5][row], fine[6][row], fine[7][row], fine[8][row],
            )  # fmt: skip
            if row > first[bar] and state.lots != 0.0:
                at_open(state, fills, bar, part, rules, tier_lots, tier_mmr, depth, None)
            if state.lots != 0.0:
                _walk_coarse(state, fills, bar, part, rules, tier_lots, tier_mmr, WORST, depth)


@inlined
def _walk_coarse(
    state: Any,
    fills: Any,
    bar: int,
    prices: Any,
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
    mode: int,
    depth: Any,
) -> None:
    """Visit the bar's two extremes in the order that `mode` says; a tie of `ohlc` is read as `worst`."""
    open_, high, low = prices[:3]
    rise, fall = high - open_, open_ - low
    nearer = rise < fall if state.lots > 0.0 else fall < rise
    if mode == BEST or (mode == OHLC and nearer):
        _favourable(state, fills, bar, prices, rules, depth)
        _adverse(state, fills, bar, prices, rules, tier_lots, tier_mmr, depth)
    else:
        _adverse(state, fills, bar, prices, rules, tier_lots, tier_mmr, depth)
        _favourable(state, fills, bar, prices, rules, depth)


@inlined
def _adverse(
    state: Any, fills: Any, bar: int, prices: Any, rules: Any, tier_lots: Any, tier_mmr: Any, depth: Any
) -> None:
    """Visit the extreme against the position.

    Of stop and liquidation the one nearer to the open comes first, the liquidation on a tie. Everything
    is mirrored for a short by `sign`.
    """
    open_, high, low, mark_open, mark_high, mark_low = prices
    sign = 1.0 if state.lots > 0.0 else -1.0
    worst, mark_worst = (low, mark_low) if sign > 0.0 else (high, mark_high)
    while state.lots != 0.0:
        stopped = sign * (worst - state.stop) <= 0.0
        if sign * (mark_worst - state.liq) <= 0.0 and not (stopped and sign * (state.stop - state.liq) > 0.0):
            price = sign * min(sign * state.liq, sign * mark_open)
            liquidate(state, fills, bar, price, rules, tier_lots, tier_mmr, depth)
        elif stopped:
            exit_whole(
                state, fills, bar, sign * min(sign * state.stop, sign * open_), REASON_STOP, rules, depth
            )
        else:
            break


@inlined
def _favourable(state: Any, fills: Any, bar: int, prices: Any, rules: Any, depth: Any) -> None:
    """Visit the extreme in favour of the position, if there is one still."""
    if state.lots == 0.0:
        return
    open_, high, low = prices[:3]
    sign = 1.0 if state.lots > 0.0 else -1.0
    best = high if sign > 0.0 else low
    if sign * (best - state.take) >= 0.0:
        exit_whole(state, fills, bar, sign * max(sign * state.take, sign * open_), REASON_TAKE, rules, depth)
