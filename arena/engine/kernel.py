"""One pass over the bars: when things happen to the account.

Per bar, in time order: funding due at or before the open; liquidation on the mark's open; resting
stop and take-profit that the open has jumped; the order decided at the previous close, at this
open; funding inside the bar; the intrabar path, worst case first; the decision at the close;
equity at the close. No allocation; memory for fills is handed in and the pass can be resumed.
"""

from typing import Any

import numpy as np

from arena.engine.account import (
    REASON_STOP,
    REASON_TAKE,
    SIZE_EPS,
    execute_order,
    liquidate,
    market_fill,
    reset_liquidation,
    settle_funding,
)
from arena.engine.jit import inlined, kernel

FILLS_PER_BAR = 160
"""Room that must be left before a bar begins: a step-down through 99 tiers and the orders around it."""


@kernel
def run_bars(
    market: Any,
    step_ms: int,
    signal: Any,
    funding: Any,
    tier_lots: Any,
    tier_mmr: Any,
    rules: Any,
    state_array: Any,
    fills: Any,
    equity: Any,
    start: int,
) -> int:
    """Run bars from `start` until the end or until `fills` is nearly full.

    Args:
        market: (ts, open, high, low, close, mark_open, mark_high, mark_low), each (n,).
        step_ms: length of a bar.
        signal: (target, stop_distance, take_distance), each (n,), known at each close.
        funding: (bar, at_open, rate, mark), each (m,), ascending; rows of one bar with at_open first.
        tier_lots: largest size of each tier in lots.
        tier_mmr: its maintenance margin rate.
        rules: `AccountRules`.
        state_array: (1,) of STATE_DTYPE, updated in place.
        fills: COMPACT_FILL_DTYPE rows, written from state.fills on.
        equity: (n,) written; USDT at each close.
        start: first bar to run.

    Returns:
        The next bar to run; n when done.
    """
    ts, open_, high, low, close, mark_open, mark_high, mark_low = market
    target, stop_distance, take_distance = signal
    due = funding[0]
    state = state_array[0]
    room = len(fills) - FILLS_PER_BAR
    next_due = due[state.next_funding] if state.next_funding < len(due) else len(open_)
    for bar in range(start, len(open_)):
        i = np.uintp(bar)  # an unsigned index: none of the reads checks for a negative one
        lots = state.lots
        if lots > 0.0:
            hit = low[i] <= state.stop or mark_low[i] <= state.liq or high[i] >= state.take
        elif lots < 0.0:
            hit = high[i] >= state.stop or mark_high[i] >= state.liq or low[i] <= state.take
        else:
            hit = False
        if hit or state.order_bar >= 0 or next_due == bar:
            if state.fills > room:
                return bar
            prices = (open_[i], high[i], low[i], mark_open[i], mark_high[i], mark_low[i])
            adjacent = bar == 0 or ts[i] - ts[np.uintp(bar - 1)] == step_ms
            _play_bar(state, fills, bar, prices, adjacent, funding, rules, tier_lots, tier_mmr)
            next_due = due[state.next_funding] if state.next_funding < len(due) else len(open_)
        value = state.cash + state.lots * rules.coins_per_lot * (close[i] - state.avg)
        if target[i] != state.acted_target and bar + 1 >= rules.first_bar and state.ruined == 0:
            state.order_target = target[i]
            state.order_lots = _size(state, target[i], value, close[i], rules)
            state.order_stop = stop_distance[i]
            state.order_take = take_distance[i]
            state.order_bar = bar
        equity[i] = value
    return len(open_)


@inlined
def _play_bar(
    state: Any,
    fills: Any,
    bar: int,
    prices: Any,
    adjacent: bool,  # noqa: FBT001 - kernels have no keyword-only arguments
    funding: Any,
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
) -> None:
    """Play the events of one bar in their order of time, up to the decision at its close."""
    due, at_open, rate, mark = funding
    while state.next_funding < len(due) and due[state.next_funding] == bar and at_open[state.next_funding]:
        _settle_next(state, rate, mark, rules, tier_lots, tier_mmr)
    if state.lots != 0.0:
        _at_open(state, fills, bar, prices, rules, tier_lots, tier_mmr)
    if state.order_bar >= 0:
        if adjacent:
            execute_order(state, fills, bar, prices[0], rules, tier_lots, tier_mmr)
        else:
            # the bar after the decision is missing: the decision is stale, the next close decides anew
            state.order_bar = -1
            state.expired += 1
    while state.next_funding < len(due) and due[state.next_funding] == bar:
        _settle_next(state, rate, mark, rules, tier_lots, tier_mmr)
    if state.lots != 0.0:
        _walk(state, fills, bar, prices, rules, tier_lots, tier_mmr)


@inlined
def _settle_next(state: Any, rate: Any, mark: Any, rules: Any, tier_lots: Any, tier_mmr: Any) -> None:
    """Settle the next funding of the list on the position held now."""
    if state.lots != 0.0:
        settle_funding(state, rate[state.next_funding], mark[state.next_funding], rules)
        reset_liquidation(state, rules, tier_lots, tier_mmr)
    state.next_funding += 1


@inlined
def _size(state: Any, target: float, equity: float, price: float, rules: Any) -> float:
    """Return the signed lots that `target` means at the decision's own price and equity."""
    value = rules.coins_per_lot * price
    if state.lots * target < 0.0:
        equity -= abs(state.lots) * value * (rules.fee + rules.cost)  # a reversal first pays for its close
    if rules.size_mode == 0:
        # margin, fee and expected slippage together are the share of equity, so that the order fits
        lots_per_usdt = abs(target) * rules.size_value / (value * (1.0 + rules.cost) * rules.order_rate)
        lots = lots_per_usdt * max(0.0, equity)
    elif rules.size_mode == 1:
        lots = abs(target) * rules.size_value / value
    else:
        lots = abs(target) * rules.size_value / rules.lot_sz
    lots = np.floor(lots + SIZE_EPS)
    return float(lots if target > 0.0 else -lots)


@inlined
def _at_open(
    state: Any, fills: Any, bar: int, prices: Any, rules: Any, tier_lots: Any, tier_mmr: Any
) -> None:
    """Liquidation on the mark's open, then resting orders that the open has jumped: they fill at the open."""
    open_, mark = prices[0], prices[3]
    sign = 1.0 if state.lots > 0.0 else -1.0
    if sign * (mark - state.liq) <= 0.0:
        liquidate(state, fills, bar, mark, rules, tier_lots, tier_mmr)
    if state.lots != 0.0:
        if sign * (open_ - state.stop) <= 0.0:
            _exit(state, fills, bar, open_, REASON_STOP, rules)
        elif sign * (open_ - state.take) >= 0.0:
            _exit(state, fills, bar, open_, REASON_TAKE, rules)
    if state.lots == 0.0 and state.order_bar >= 0 and sign * state.order_lots > 0.0:
        # it would have resized a position that is gone now; an opposite order stands
        state.acted_target = state.order_target
        state.order_bar = -1
        state.expired += 1


@inlined
def _exit(state: Any, fills: Any, bar: int, ref: float, reason: int, rules: Any) -> None:
    """Close the whole position by a resting order that has been triggered."""
    state.orders += 1
    market_fill(state, fills, bar, -state.lots, ref, reason, -1, rules)
    state.liq = np.nan


@inlined
def _walk(state: Any, fills: Any, bar: int, prices: Any, rules: Any, tier_lots: Any, tier_mmr: Any) -> None:
    """Walk the bar's path, the adverse extreme first.

    Of stop and liquidation the one nearer to the open comes first, the liquidation on a tie; the
    take-profit comes last. Everything is mirrored for a short by `sign`.
    """
    open_, high, low, mark_open, mark_high, mark_low = prices
    sign = 1.0 if state.lots > 0.0 else -1.0
    worst, best, mark_worst = (low, high, mark_low) if sign > 0.0 else (high, low, mark_high)
    while state.lots != 0.0:
        stopped = sign * (worst - state.stop) <= 0.0
        if sign * (mark_worst - state.liq) <= 0.0 and not (stopped and sign * (state.stop - state.liq) > 0.0):
            price = sign * min(sign * state.liq, sign * mark_open)
            liquidate(state, fills, bar, price, rules, tier_lots, tier_mmr)
        elif stopped:
            _exit(state, fills, bar, sign * min(sign * state.stop, sign * open_), REASON_STOP, rules)
        elif sign * (best - state.take) >= 0.0:
            _exit(state, fills, bar, sign * max(sign * state.take, sign * open_), REASON_TAKE, rules)
        else:
            break
