"""One pass over the bars: when things happen to the account.

Per bar, in time order: funding due at or before the open; liquidation on the mark's open; resting
stop and take-profit that the open has jumped; the order decided at the previous close, at this
open; funding inside the bar; the intrabar path, worst case first; the decision at the close;
equity at the close. No allocation; memory for fills is handed in and the pass can be resumed.
"""

from typing import Any

import numpy as np

from arena.engine.account import SIZE_EPS, reset_liquidation, settle_funding
from arena.engine.hedge import AT_CLOSE, AT_OPEN, match_spot, with_coins
from arena.engine.jit import inlined, kernel
from arena.engine.orders import execute_order
from arena.engine.path import at_open, walk
from arena.engine.resting import place_limit, rest_at_open, walk_resting

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
    conduct: Any,
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
        conduct: (path, liquidity, limits), each None where it is off, so that its code is compiled away.
            path: (mode, finer bars or None), see `path`; liquidity: (lots an order may take of the bar,
            impact of one lot), each (n,); limits: see `resting`; spot: see `hedge`.

    Returns:
        The next bar to run; n when done.
    """
    ts, open_, high, low, close, mark_open, mark_high, mark_low = market
    target, stop_distance, take_distance = signal
    path, liquidity, limits, spot = conduct
    due = funding[0]
    state = state_array[0]
    room = len(fills) - FILLS_PER_BAR
    next_due = due[state.next_funding] if state.next_funding < len(due) else len(open_)
    for bar in range(start, len(open_)):
        i = np.uintp(bar)  # an unsigned index: none of the reads checks for a negative one
        if is_touched(state, low, high, mark_low, mark_high, i) or state.order_bar >= 0 or next_due == bar:
            if state.fills > room:
                return bar
            prices = (open_[i], high[i], low[i], mark_open[i], mark_high[i], mark_low[i])
            adjacent = bar == 0 or ts[i] - ts[np.uintp(bar - 1)] == step_ms
            depth = bar_depth(liquidity, i)
            play_bar(
                state, fills, bar, prices, close[i], adjacent, funding, rules, tier_lots, tier_mmr, path,
                depth, limits, spot,
            )  # fmt: skip
            next_due = due[state.next_funding] if state.next_funding < len(due) else len(open_)
        value = state.cash + state.lots * rules.coins_per_lot * (close[i] - state.avg)
        value = with_coins(value, state, spot, i, rules)
        if target[i] != state.acted_target and bar + 1 >= rules.first_bar and state.ruined == 0:
            decide(
                state, bar, target[i], value, close[i], (stop_distance[i], take_distance[i]), rules, limits
            )
        equity[i] = value
    return len(open_)


@inlined
def is_touched(state: Any, low: Any, high: Any, mark_low: Any, mark_high: Any, bar: Any) -> bool:
    """Tell whether bar `bar` reaches the stop, the take-profit or the liquidation price of the position."""
    if state.lots > 0.0:
        return bool(low[bar] <= state.stop or mark_low[bar] <= state.liq or high[bar] >= state.take)
    if state.lots < 0.0:
        return bool(high[bar] >= state.stop or mark_high[bar] >= state.liq or low[bar] <= state.take)
    return False


@inlined
def decide(
    state: Any,
    bar: int,
    target: float,
    equity: float,
    price: float,
    distances: Any,
    rules: Any,
    limits: Any,
) -> None:
    """Leave the order that the close of `bar` decides at `equity`; `distances`: stop, take-profit."""
    state.order_target = target
    state.order_lots = _size(state, target, equity, price, rules)
    state.order_stop, state.order_take = distances
    place_limit(state, price, rules, limits)
    state.order_bar = bar


@inlined
def play_bar(
    state: Any,
    fills: Any,
    bar: int,
    prices: Any,
    close: float,
    adjacent: bool,  # noqa: FBT001 - kernels have no keyword-only arguments
    funding: Any,
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
    path: Any,
    depth: Any,
    limits: Any,
    spot: Any,
) -> None:
    """Play the events of one bar in their order of time, up to the decision at its close."""
    due, is_at_open, rate, mark = funding
    done = state.fills
    while state.next_funding < len(due) and due[state.next_funding] == bar and is_at_open[state.next_funding]:
        _settle_next(state, rate, mark, rules, tier_lots, tier_mmr)
    if state.lots != 0.0:
        at_open(state, fills, bar, prices, rules, tier_lots, tier_mmr, depth, limits)
    rested = rest_at_open(state, fills, bar, prices[0], adjacent, rules, tier_lots, tier_mmr, limits)
    if state.order_bar >= 0 and not rested:
        if adjacent or state.order_bar < bar - 1:  # an order at work lives through a hole
            execute_order(state, fills, bar, prices[0], rules, tier_lots, tier_mmr, depth, limits)
        else:
            # the bar after the decision is missing: the decision is stale, the next close decides anew
            state.order_bar = -1
            state.expired += 1
    if spot is not None:
        match_spot(state, fills, bar, done, spot, AT_OPEN, rules, tier_lots, tier_mmr)
        done = state.fills
    while state.next_funding < len(due) and due[state.next_funding] == bar:
        _settle_next(state, rate, mark, rules, tier_lots, tier_mmr)
    _walk(state, fills, bar, prices, close, rules, tier_lots, tier_mmr, path, depth, limits)
    if spot is not None:
        match_spot(state, fills, bar, done, spot, AT_CLOSE, rules, tier_lots, tier_mmr)


@inlined
def _walk(
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
    if limits is None:
        if state.lots != 0.0:
            walk(state, fills, bar, prices, rules, tier_lots, tier_mmr, path, depth)
    elif state.lots != 0.0 or state.order_bar >= 0:
        walk_resting(state, fills, bar, prices, close, rules, tier_lots, tier_mmr, path, depth, limits)


@inlined
def bar_depth(liquidity: Any, bar: Any) -> Any:
    """Return this bar's row of the liquidity, None where it is off."""
    if liquidity is None:
        return None
    return liquidity[0][bar], liquidity[1][bar]


@inlined
def _settle_next(state: Any, rate: Any, mark: Any, rules: Any, tier_lots: Any, tier_mmr: Any) -> None:
    """Settle the next funding of the list on the position held now."""
    if state.lots != 0.0:
        due = state.next_funding
        state.cash, state.funding = settle_funding(
            state.cash, state.funding, state.lots, rate[due], mark[due], rules
        )
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
