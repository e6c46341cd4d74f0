"""The account: what a fill, a funding settlement and a liquidation do to cash and position.

Linear USDT swap, one position, net mode. Sizes are whole lots (exact in float64), prices leave
on the tick grid, every change of cash is booked to exactly one of price, fee, slippage, funding
or penalty. No decisions here: `kernel` says when, this module says what it costs.
Written rules: docs/engine.md. Formulas of margin and liquidation: OKX, see there.
"""

from typing import Any, NamedTuple

import numpy as np

from arena.engine.jit import inlined
from arena.engine.records import FillReason

SIZE_EPS = 1e-6
"""Lots and ticks closer than this to the next whole number count as that number (binary dust)."""

NOTABLE_CUT = 0.99
"""An order is clipped when it ends more than a lot below this share; the open's drift cuts a little."""

REASON_OPEN = int(FillReason.OPEN)
REASON_CLOSE = int(FillReason.CLOSE)
REASON_STOP = int(FillReason.STOP_LOSS)
REASON_TAKE = int(FillReason.TAKE_PROFIT)
REASON_LIQ_PART = int(FillReason.LIQUIDATION_PARTIAL)
REASON_LIQ = int(FillReason.LIQUIDATION)
REASON_OPEN_LIMIT = int(FillReason.OPEN_LIMIT)

STATE_DTYPE = np.dtype(
    [
        ("cash", np.float64),
        ("lots", np.float64),  # signed
        ("avg", np.float64),  # average entry price
        ("stop", np.float64),  # trigger prices; NaN: none
        ("take", np.float64),
        ("liq", np.float64),  # mark price at which the position is liquidated; NaN: none
        ("iso_margin", np.float64),  # margin set aside for an isolated position (still part of cash)
        ("last_ref", np.float64),  # reference price of the last booking of price PnL
        ("price_pnl", np.float64),
        ("fees", np.float64),
        ("slippage", np.float64),
        ("funding", np.float64),
        ("penalty", np.float64),
        ("acted_target", np.float64),  # the last target that was acted upon
        ("order_target", np.float64),  # the pending order: one at most
        ("order_lots", np.float64),
        ("order_stop", np.float64),
        ("order_take", np.float64),
        ("order_bar", np.int64),  # bar that decided it; -1: no pending order
        ("orders", np.int64),  # ids given so far
        ("fills", np.int64),
        ("expired", np.int64),
        ("rejected", np.int64),
        ("clipped", np.int64),
        ("next_funding", np.int64),
        ("ruined", np.int64),
        ("order_limit", np.float64),  # price at which the pending order rests, where orders rest
        ("unfilled", np.int64),  # resting orders that ended without a fill
        ("ambiguous", np.int64),  # bars that met more than one level of the position
    ],
    align=True,
)


class AccountRules(NamedTuple):
    """Scalars of one run; sizes in lots, rates as fractions."""

    coins_per_lot: float
    lot_sz: float
    tick: float
    ticks_per_unit: float  # 1 / tick
    exact_ticks: bool  # whether that is a whole number: then a price is its ticks divided by it, exactly
    min_lots: float
    max_order_lots: float
    max_position_lots: float  # largest size the tiers allow at this leverage
    margin_rate: float  # 1 / leverage: initial margin of a position
    order_rate: float  # margin_rate + fee: what adding a position asks for
    fee: float
    cost: float  # half spread + slippage
    isolated: bool
    size_mode: int  # 0 equity share, 1 notional, 2 contracts
    size_value: float
    first_bar: int  # no fill before this bar


@inlined
def tick_below(price: float, rules: Any) -> float:
    """Return the highest price on the tick grid that is at most `price`, give or take binary dust."""
    ticks = np.floor(price * rules.ticks_per_unit + SIZE_EPS)
    return float(ticks / rules.ticks_per_unit if rules.exact_ticks else ticks * rules.tick)


@inlined
def tick_above(price: float, rules: Any) -> float:
    """Return the lowest price on the tick grid that is at least `price`, give or take binary dust."""
    ticks = np.ceil(price * rules.ticks_per_unit - SIZE_EPS)
    return float(ticks / rules.ticks_per_unit if rules.exact_ticks else ticks * rules.tick)


@inlined
def order_cost(lots: float, depth: Any, rules: Any) -> float:
    """Return by what share a market order of `lots` moves its price: spread, slippage, square-root impact."""
    if depth is None:
        return float(rules.cost)
    _, impact = depth
    return float(rules.cost + impact * np.sqrt(abs(lots)))


@inlined
def market_price(ref: float, side: float, cost: float, rules: Any) -> float:
    """Return what a market order pays at `ref`: moved against it by the share `cost`, then by rounding.

    Both sides are worked out and one is picked: the side hangs on the fill before, the prices do not,
    and so they are ready when it is known.
    """
    ask = tick_above(ref * (1.0 + cost), rules)
    bid = tick_below(ref * (1.0 - cost), rules)
    return ask if side > 0.0 else bid


@inlined
def tier_index(lots: float, tier_lots: Any) -> int:
    """Return the 0-based tier of a position of `lots`; its rates hold for the whole position."""
    size = abs(lots)
    for index in range(len(tier_lots)):
        if size <= tier_lots[index] + SIZE_EPS:
            return index
    return len(tier_lots) - 1


@inlined
def margin_equity(state: Any, mark: float, rules: Any) -> float:
    """Return what stands behind the position at `mark`: the account (cross) or its own margin (isolated)."""
    base = state.iso_margin if rules.isolated else state.cash
    return float(base + state.lots * rules.coins_per_lot * (mark - state.avg))


@inlined
def reset_liquidation(state: Any, rules: Any, tier_lots: Any, tier_mmr: Any) -> None:
    """Recompute the liquidation mark price: equity = notional x (mmr + fee), OKX's margin ratio of 100 %."""
    if state.lots == 0.0:
        state.liq = np.nan
        return
    rate = tier_mmr[tier_index(state.lots, tier_lots)] + rules.fee
    coins = state.lots * rules.coins_per_lot
    base = state.iso_margin if rules.isolated else state.cash
    # base + coins (p - avg) = |coins| p rate
    price = (coins * state.avg - base) / (coins - abs(coins) * rate)
    state.liq = price if price > 0.0 else np.nan


@inlined
def settle_funding(state: Any, rate: float, mark: float, rules: Any) -> None:
    """Pay or receive funding: position value at mark x rate; longs pay a positive rate."""
    amount = -state.lots * rules.coins_per_lot * mark * rate
    state.cash += amount
    state.funding += amount


@inlined
def book_fill(
    state: Any,
    fills: Any,
    bar: int,
    lots: float,
    ref: float,
    price: float,
    reason: int,
    signal_bar: int,
    rules: Any,
    fee_rate: float,
) -> None:
    """Apply a fill of signed `lots` at `price` and record it.

    A fill only opens, adds, reduces or closes: one that would cross zero is booked as two.
    """
    coins = lots * rules.coins_per_lot
    held = state.lots
    state.price_pnl += held * rules.coins_per_lot * (ref - state.last_ref)
    state.last_ref = ref
    shift = coins * (price - ref)
    if reason == REASON_LIQ:
        state.penalty += shift
    else:
        state.slippage += shift
    fee = abs(coins) * price * fee_rate
    state.fees += fee
    state.cash -= fee
    state.lots = held + lots
    if held == 0.0:
        state.avg = price
        state.iso_margin = abs(coins) * price * rules.margin_rate
    elif (held > 0.0) == (lots > 0.0):
        state.avg = (held * state.avg + lots * price) / state.lots
        state.iso_margin += abs(coins) * price * rules.margin_rate
    else:
        state.cash -= coins * (price - state.avg)
        if state.lots == 0.0:
            state.avg = 0.0
            state.iso_margin = 0.0
            state.stop = np.nan
            state.take = np.nan
        else:
            state.iso_margin *= state.lots / held
    row = fills[np.uintp(state.fills)]
    row.bar = bar
    row.signal_bar = signal_bar
    row.order_id = state.orders
    row.reason = reason
    row.lots = lots
    row.ref_price = ref
    row.price = price
    row.cash = state.cash
    row.funding_total = state.funding
    state.fills += 1


@inlined
def market_fill(
    state: Any,
    fills: Any,
    bar: int,
    lots: float,
    ref: float,
    reason: int,
    signal_bar: int,
    rules: Any,
    cost: float,
) -> None:
    """Fill signed `lots` by market order: `ref` moved against the order by the share `cost`."""
    price = market_price(ref, lots, cost, rules)
    book_fill(state, fills, bar, lots, ref, price, reason, signal_bar, rules, rules.fee)


@inlined
def bankruptcy_price(state: Any, rules: Any) -> float:
    """Return the price at which closing whole, fee paid, leaves the margin at exactly zero."""
    coins = state.lots * rules.coins_per_lot
    base = state.iso_margin if rules.isolated else state.cash
    # base + coins (p - avg) - |coins| p fee = 0
    return float((coins * state.avg - base) / (coins - abs(coins) * rules.fee))


@inlined
def liquidate(
    state: Any, fills: Any, bar: int, mark: float, rules: Any, tier_lots: Any, tier_mmr: Any, depth: Any
) -> None:
    """Liquidate at `mark`: step down two tiers at a time from tier 3 up, else take the position over whole.

    A step is a market order at the mark. A take-over happens at the bankruptcy price: what is left
    of the margin goes to the insurance fund, what is short of it is the fund's.
    """
    due = True  # the caller saw the mark at or beyond the liquidation price: rounding must not argue
    while state.lots != 0.0:
        tier = tier_index(state.lots, tier_lots)
        equity = margin_equity(state, mark, rules)
        notional = abs(state.lots) * rules.coins_per_lot * mark
        if not due and equity > notional * (tier_mmr[tier] + rules.fee):
            break
        due = False
        state.orders += 1
        sign = 1.0 if state.lots > 0.0 else -1.0
        kept = np.floor(tier_lots[tier - 2] + SIZE_EPS) if tier >= 2 else 0.0
        if equity > 0.0 and kept > 0.0:
            step = abs(state.lots) - kept
            cost = order_cost(step, depth, rules)
            market_fill(state, fills, bar, -sign * step, mark, REASON_LIQ_PART, -1, rules, cost)
            continue
        price = bankruptcy_price(state, rules)
        book_fill(state, fills, bar, -state.lots, mark, price, REASON_LIQ, -1, rules, rules.fee)
        if not rules.isolated:
            state.ruined = 1
    reset_liquidation(state, rules, tier_lots, tier_mmr)


@inlined
def affordable_lots(state: Any, price: float, rules: Any) -> float:
    """Return the largest absolute position, not rounded, that margin and fee allow when adding at `price`.

    Initial margin is notional / leverage (OKX); the fee of the added part has to be there, too.
    """
    held = abs(state.lots)
    value = rules.coins_per_lot * price
    lots_per_usdt = 1.0 / (value * rules.order_rate)  # does not wait for the fill before it
    if rules.isolated:
        lots = held + max(0.0, (state.cash - state.iso_margin) * lots_per_usdt)
    else:
        equity = state.cash + state.lots * rules.coins_per_lot * (price - state.avg)
        lots = (equity + held * value * rules.fee) * lots_per_usdt
    return float(min(lots, rules.max_position_lots, held + rules.max_order_lots))


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
    cost = order_cost(wanted - held, depth, rules)
    sign = 1.0 if wanted > 0.0 else -1.0
    if held != 0.0 and (wanted == 0.0 or (held > 0.0) != (wanted > 0.0)):
        market_fill(state, fills, bar, -held, ref, REASON_CLOSE, decided, rules, cost)
    elif abs(wanted) < abs(held):
        if abs(held) - abs(wanted) >= rules.min_lots:
            market_fill(state, fills, bar, wanted - held, ref, REASON_CLOSE, decided, rules, cost)
        else:
            state.rejected += 1
    if abs(wanted) > abs(state.lots):
        price = market_price(ref, sign, cost, rules)
        if not _comes_to_rest(state, ref, held, decided, limits):
            price = _no_worse(state, price, sign, limits)
            add_lots(state, fills, bar, wanted, ref, price, REASON_OPEN, decided, rules, rules.fee)
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
    cut = 0
    sign = 1.0 if wanted > 0.0 else -1.0
    size = abs(wanted)
    most = affordable_lots(state, price, rules)
    if size > most:  # a branch, so that the usual order does not wait for what it could have cost
        size = np.floor(most + SIZE_EPS)
        if size < NOTABLE_CUT * abs(wanted) - 1.0:
            cut = 1
    added = size - abs(state.lots)
    if added < rules.min_lots or added <= 0.0:
        state.rejected += 1
    else:
        state.clipped += cut
        book_fill(state, fills, bar, sign * added, ref, price, reason, decided, rules, fee_rate)
        state.stop, state.take = levels_from(state, state.avg, sign, rules)


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
