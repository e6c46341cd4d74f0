"""One pass over the bars: when things happen to the account.

Per bar, in time order: funding due at or before the open; liquidation on the mark's open; resting
stop and take-profit that the open has jumped; the order decided at the previous close, at this
open; funding inside the bar; the intrabar path, worst case first; the decision at the close;
equity at the close. No allocation; memory for fills is handed in and the pass can be resumed.
"""

from typing import Any

import numpy as np

from arena.core.rows import LINE
from arena.engine.account import SIZE_EPS, reset_liquidation, settle_funding
from arena.engine.hedge import AT_CLOSE, AT_OPEN, match_spot, with_coins
from arena.engine.jit import inlined, kernel
from arena.engine.machine import borrow, give_back, prefetch
from arena.engine.orders import execute_order
from arena.engine.path import at_open, walk
from arena.engine.resting import place_limit, rest_at_open, walk_resting

FILLS_PER_BAR = 160
"""Room that must be left before a bar begins: a step-down through 99 tiers and the orders around it."""

AHEAD = 64
"""How many bars ahead numbers are asked for."""


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
    close, due = market[4], funding[0]
    target, stop_distance, take_distance = signal
    path, liquidity, limits, spot = conduct
    state = borrow(state_array)
    room = len(fills) - FILLS_PER_BAR
    bars = len(close)
    next_due = due[state.next_funding] if state.next_funding < len(due) else bars
    bar = start
    while bar < bars:
        is_played = True
        if state.order_bar < 0:
            bar, is_played = _stand_still(state, bar, next_due, market, signal, equity, rules, spot)
            if bar == bars:
                break
        i = np.uintp(bar)  # an unsigned index: none of the reads checks for a negative one
        if is_played:
            if state.fills > room:
                break
            _ask_ahead(market, signal, bar)
            pays = next_due == bar
            play_bar(
                state, fills, bar, market, step_ms, pays, funding, rules, tier_lots, tier_mmr, path,
                bar_depth(liquidity, i), limits, spot,
            )  # fmt: skip
            if pays:
                next_due = due[state.next_funding] if state.next_funding < len(due) else bars
        value = _worth(state, close, spot, i, rules)
        if target[i] != state.acted_target and bar + 1 >= rules.first_bar and state.ruined == 0:
            distances = stop_distance[i], take_distance[i]
            decide(state, bar, target[i], value, close[i], distances, rules, limits)
        equity[i] = value
        bar += 1
    give_back(state_array, state)
    return int(bar)


@inlined
def _stand_still(
    state: Any, bar: int, until: int, market: Any, signal: Any, equity: Any, rules: Any, spot: Any
) -> tuple[int, bool]:
    """Pass the bars from `bar` to `until` on which nothing happens to an account without an order.

    A loop of its own, for here nothing of the account changes. Returns the bar that it ends on, and whether
    the account is played through that bar; else its close alone may decide something.
    """
    _, _, high, low, close, _, mark_high, mark_low = market
    target = signal[0]
    while bar < until:
        i = np.uintp(bar)
        _ask_ahead(market, signal, bar)
        if is_touched(state, low, high, mark_low, mark_high, i):
            return bar, True
        if target[i] != state.acted_target:
            return bar, False
        equity[i] = _worth(state, close, spot, i, rules)
        bar += 1
    return bar, True


@inlined
def _worth(state: Any, close: Any, spot: Any, bar: Any, rules: Any) -> float:
    """Return the equity at the bar's close."""
    value = state.cash + state.lots * rules.coins_per_lot * (close[bar] - state.avg)
    return float(with_coins(value, state, spot, bar, rules))


@inlined
def _ask_ahead(market: Any, signal: Any, bar: int) -> None:
    """Ask for what is read on few bars only: else it would be on its way from memory when it is needed."""
    if bar % LINE == 0:
        ahead = np.uintp(bar + AHEAD)
        prefetch(market[0], ahead)
        prefetch(market[1], ahead)
        prefetch(signal[1], ahead)
        prefetch(signal[2], ahead)


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
    market: Any,
    step_ms: int,
    pays: bool,  # noqa: FBT001 - kernels have no keyword-only arguments
    funding: Any,
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
    path: Any,
    depth: Any,
    limits: Any,
    spot: Any,
) -> None:
    """Play the events of one bar in their order of time, up to the decision at its close.

    `pays`: whether funding is due. A column is read where it is needed and not before: on the few bars that
    are played none of it is at hand, and most of them need little.
    """
    i = np.uintp(bar)
    done = state.fills
    if pays:
        _settle(state, bar, True, funding, rules, tier_lots, tier_mmr)  # noqa: FBT003
    if _is_met(state, market, i):
        at_open(state, fills, bar, _prices(market, i), rules, tier_lots, tier_mmr, depth, limits)
    if state.order_bar >= 0:
        _bring_order(state, fills, bar, market, step_ms, rules, tier_lots, tier_mmr, depth, limits)
    if spot is not None:
        match_spot(state, fills, bar, done, spot, AT_OPEN, rules, tier_lots, tier_mmr)
        done = state.fills
    if pays:
        _settle(state, bar, False, funding, rules, tier_lots, tier_mmr)  # noqa: FBT003
    if _is_met(state, market, i) or (limits is not None and state.order_bar >= 0):
        _walk(state, fills, bar, market, rules, tier_lots, tier_mmr, path, depth, limits)
    if spot is not None:
        match_spot(state, fills, bar, done, spot, AT_CLOSE, rules, tier_lots, tier_mmr)


@inlined
def _is_met(state: Any, market: Any, bar: Any) -> bool:
    """Tell whether the bar meets a level of the position held now; an open lies between low and high."""
    _, _, high, low, _, _, mark_high, mark_low = market
    return bool(is_touched(state, low, high, mark_low, mark_high, bar))


@inlined
def _prices(market: Any, bar: Any) -> Any:
    _, open_, high, low, _, mark_open, mark_high, mark_low = market
    return open_[bar], high[bar], low[bar], mark_open[bar], mark_high[bar], mark_low[bar]


@inlined
def _bring_order(
    state: Any,
    fills: Any,
    bar: int,
    market: Any,
    step_ms: int,
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
    depth: Any,
    limits: Any,
) -> None:
    """Bring the pending order to this bar's open."""
    i = np.uintp(bar)
    ts, price = market[0], market[1][i]
    adjacent = ts[i] - ts[np.uintp(bar - 1)] == step_ms  # no order comes to the first bar
    if rest_at_open(state, fills, bar, price, adjacent, rules, tier_lots, tier_mmr, limits):
        return
    if adjacent or state.order_bar < bar - 1:  # an order at work lives through a hole
        execute_order(state, fills, bar, price, rules, tier_lots, tier_mmr, depth, limits)
    else:
        # the bar after the decision is missing: the decision is stale, the next close decides anew
        state.order_bar = -1
        state.expired += 1


@inlined
def _walk(
    state: Any,
    fills: Any,
    bar: int,
    market: Any,
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
    path: Any,
    depth: Any,
    limits: Any,
) -> None:
    i = np.uintp(bar)
    prices = _prices(market, i)
    if limits is None:
        walk(state, fills, bar, prices, rules, tier_lots, tier_mmr, path, depth)
    else:
        walk_resting(state, fills, bar, prices, market[4][i], rules, tier_lots, tier_mmr, path, depth, limits)


@inlined
def bar_depth(liquidity: Any, bar: Any) -> Any:
    """Return this bar's row of the liquidity, None where it is off."""
    if liquidity is None:
        return None
    return liquidity[0][bar], liquidity[1][bar]


@inlined
def _settle(
    state: Any,
    bar: int,
    at_open: bool,  # noqa: FBT001 - kernels have no keyword-only arguments
    funding: Any,
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
) -> None:
    """Settle what is due on the position held now: at or before the open, or all that is left of the bar."""
    due, is_at_open, rate, mark = funding
    while state.next_funding < len(due):
        k = np.uintp(state.next_funding)
        if due[k] != bar or (at_open and not is_at_open[k]):
            break
        if state.lots != 0.0:
            state.cash, state.funding = settle_funding(
                state.cash, state.funding, state.lots, rate[k], mark[k], rules
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
