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
    ticks_per_unit: float  # 1 / tick
    tick_num: float  # a price is its ticks * tick_num / tick_den: where a unit has a whole number of ticks,
    tick_den: float  # they are divided by it, exactly; else they are multiplied by the tick
    min_lots: float
    max_order_lots: float
    max_position_lots: float  # largest size the tiers allow at this leverage
    margin_rate: float  # 1 / leverage: initial margin of a position
    order_rate: float  # margin_rate + add_rate: what adding a position asks for
    add_rate: float  # of it, what is spent at once: fee, and the price of the spot leg where there is one
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
    return float(ticks * rules.tick_num / rules.tick_den)


@inlined
def tick_above(price: float, rules: Any) -> float:
    """Return the lowest price on the tick grid that is at least `price`, give or take binary dust."""
    ticks = np.ceil(price * rules.ticks_per_unit - SIZE_EPS)
    return float(ticks * rules.tick_num / rules.tick_den)


@inlined
def order_cost(lots: float, depth: Any, rules: Any) -> float:
    """Return by what share a market order of `lots` moves its price: spread, slippage, square-root impact."""
    if depth is None:
        return float(rules.cost)
    _, impact = depth
    return float(rules.cost + impact * np.sqrt(abs(lots)))


@inlined
def market_price(ref: float, buys: bool, cost: float, rules: Any) -> float:  # noqa: FBT001 - a kernel
    """Return what a market order pays at `ref`: moved against it by the share `cost`, then by rounding."""
    if buys:
        return tick_above(ref * (1.0 + cost), rules)
    return tick_below(ref * (1.0 - cost), rules)


@inlined
def tier_index(lots: float, tier_lots: Any) -> int:
    """Return the 0-based tier of a position of `lots`; its rates hold for the whole position."""
    size = abs(lots)
    for index in range(len(tier_lots)):
        if size <= tier_lots[index] + SIZE_EPS:
            return index
    return len(tier_lots) - 1


@inlined
def _backing(state: Any, rules: Any) -> float:
    """Return what stands behind the position: the account (cross) or its own margin (isolated)."""
    return float(state.iso_margin if rules.isolated else state.cash)


@inlined
def margin_equity(state: Any, mark: float, rules: Any) -> float:
    """Return what stands behind the position at `mark`: the account (cross) or its own margin (isolated)."""
    base = _backing(state, rules)
    return float(base + state.lots * rules.coins_per_lot * (mark - state.avg))


@inlined
def reset_liquidation(state: Any, rules: Any, tier_lots: Any, tier_mmr: Any) -> None:
    """Recompute the liquidation mark price: equity = notional x (mmr + fee), OKX's margin ratio of 100 %."""
    if state.lots == 0.0:
        state.liq = np.nan
        return
    rate = tier_mmr[tier_index(state.lots, tier_lots)] + rules.fee
    coins = state.lots * rules.coins_per_lot
    base = _backing(state, rules)
    # base + coins (p - avg) = |coins| p rate
    price = (coins * state.avg - base) / (coins - abs(coins) * rate)
    state.liq = price if price > 0.0 else np.nan


@inlined
def settle_funding(cash: float, funding: float, lots: float, rate: float, mark: float, rules: Any) -> Any:
    """Return cash and funding after value at mark x rate was paid or received; longs pay a positive rate."""
    amount = -lots * rules.coins_per_lot * mark * rate
    return cash + amount, funding + amount


@inlined
def enter(state: Any, lots: float, ref: float, price: float, rules: Any, fee_rate: float) -> None:
    """Open the position by signed `lots` at `price`, or enlarge it."""
    coins = lots * rules.coins_per_lot
    margin = abs(coins) * price * rules.margin_rate
    if state.lots == 0.0:
        state.lots = lots
        state.avg = price
        state.iso_margin = margin
    else:
        _move_reference(state, ref, rules)
        held = state.lots
        state.lots = held + lots
        state.avg = (held * state.avg + lots * price) / state.lots
        state.iso_margin += margin
    state.last_ref = ref
    state.slippage += coins * (price - ref)
    _pay_fee(state, coins, price, fee_rate)


@inlined
def leave_in_part(state: Any, lots: float, ref: float, price: float, rules: Any) -> None:
    """Take signed `lots` off the position by a market order at `price`; some of it is left."""
    held = state.lots
    _realize(state, lots, ref, price, REASON_CLOSE, rules, rules.fee)
    state.lots = held + lots
    state.iso_margin *= state.lots / held


@inlined
def leave(state: Any, ref: float, price: float, reason: int, rules: Any, fee_rate: float) -> None:
    """Close the whole position at `price`."""
    _realize(state, -state.lots, ref, price, reason, rules, fee_rate)
    state.lots = 0.0
    state.avg = 0.0
    state.iso_margin = 0.0
    state.stop = np.nan
    state.take = np.nan


@inlined
def _realize(
    state: Any, lots: float, ref: float, price: float, reason: int, rules: Any, fee_rate: float
) -> None:
    """Book what signed `lots` against the position bring at `price`."""
    coins = lots * rules.coins_per_lot
    _move_reference(state, ref, rules)
    state.last_ref = ref
    shift = coins * (price - ref)
    if reason == REASON_LIQ:
        state.penalty += shift
    else:
        state.slippage += shift
    _pay_fee(state, coins, price, fee_rate)
    state.cash -= coins * (price - state.avg)


@inlined
def _move_reference(state: Any, ref: float, rules: Any) -> None:
    """Book what the position has won since the last reference price."""
    state.price_pnl += state.lots * rules.coins_per_lot * (ref - state.last_ref)


@inlined
def _pay_fee(state: Any, coins: float, price: float, fee_rate: float) -> None:
    fee = abs(coins) * price * fee_rate
    state.fees += fee
    state.cash -= fee


@inlined
def record_fill(
    state: Any,
    fills: Any,
    bar: int,
    lots: float,
    ref: float,
    price: float,
    reason: int,
    signal_bar: int,
) -> None:
    """Write down the fill that has just been booked."""
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
def book_exit(
    state: Any, fills: Any, bar: int, ref: float, price: float, reason: int, rules: Any, fee_rate: float
) -> None:
    """Close the whole position at `price` and write it down; no close decided it."""
    lots = -state.lots
    leave(state, ref, price, reason, rules, fee_rate)
    record_fill(state, fills, bar, lots, ref, price, reason, -1)


@inlined
def bankruptcy_price(state: Any, rules: Any) -> float:
    """Return the price at which closing whole, fee paid, leaves the margin at exactly zero."""
    coins = state.lots * rules.coins_per_lot
    base = _backing(state, rules)
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
            price = market_price(mark, sign < 0.0, order_cost(step, depth, rules), rules)
            leave_in_part(state, -sign * step, mark, price, rules)
            record_fill(state, fills, bar, -sign * step, mark, price, REASON_LIQ_PART, -1)
            continue
        price = bankruptcy_price(state, rules)
        book_exit(state, fills, bar, mark, price, REASON_LIQ, rules, rules.fee)
        if not rules.isolated:
            state.ruined = 1
    reset_liquidation(state, rules, tier_lots, tier_mmr)


@inlined
def affordable_lots(state: Any, price: float, rules: Any) -> float:
    """Return the largest absolute position, not rounded, that margin and fee allow when adding at `price`.

    Initial margin is notional / leverage (OKX); fee and hedge of the added part have to be there, too.
    """
    held = abs(state.lots)
    value = rules.coins_per_lot * price
    lots_per_usdt = 1.0 / (value * rules.order_rate)  # does not wait for the fill before it
    if rules.isolated:
        lots = held + max(0.0, (state.cash - state.iso_margin) * lots_per_usdt)
    else:
        equity = state.cash + state.lots * rules.coins_per_lot * (price - state.avg)
        lots = (equity + held * value * rules.add_rate) * lots_per_usdt
    return float(min(lots, rules.max_position_lots, held + rules.max_order_lots))
