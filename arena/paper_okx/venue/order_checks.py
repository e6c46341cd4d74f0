"""Whether an order may be: ids, caps, position, tier and margin.

Changes nothing. Invariant: an order that adds risk is let in only if what it binds, and what it loses at once
to the spread, is there.
"""

from __future__ import annotations

from decimal import Decimal

from arena.paper_okx.market import Contract, Quote
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.venue.account_rows import available
from arena.paper_okx.venue.amounts import ZERO, money
from arena.paper_okx.venue.desk import Account, Desk
from arena.paper_okx.venue.funds import bound_by_orders, headroom, initial_margin, lever_of, upl
from arena.paper_okx.venue.matching import crosses, depth_within, expected_price
from arena.paper_okx.venue.records import Order
from arena.paper_okx.venue.resting import place_of
from arena.paper_okx.venue.stop_reading import check_stop_sides

__all__ = [
    "check_client_id",
    "check_margin",
    "check_order",
    "check_position",
    "check_tier",
    "largest_position",
]


def check_order(desk: Desk, account: Account, order: Order) -> None:
    """Refuse what may not be, in the order in which it costs to find out."""
    quote = desk.quote(order.inst_id)
    check_client_id(account, order.cl_ord_id)
    check_stop_sides(order, quote)
    _check_caps(desk, account, order)
    check_position(account, order)
    check_tier(desk, account, order)
    check_margin(desk, account, order, quote)


def check_client_id(account: Account, cl_ord_id: str) -> None:
    """Refuse an id that a pending order has; of an order that has ended it may be used again."""
    if cl_ord_id and account.clients.get(cl_ord_id, "") in account.live:
        raise Refusal("51016", cl_ord_id)


def _check_caps(desk: Desk, account: Account, order: Order) -> None:
    here = account.resting.orders_in(order.inst_id)
    if here >= desk.settings.max_orders_per_instrument:
        raise Refusal("51174", f"{order.inst_id} {desk.settings.max_orders_per_instrument}")
    if len(account.live) >= desk.settings.max_orders:
        raise Refusal("51174", f"account {desk.settings.max_orders}")


def pending_reducers(account: Account, order: Order, without: Order | None = None) -> Decimal:
    """Return the contracts of resting reduce-only orders on this order's side of its position."""
    spare = without.remaining if without is not None and without.only_reduces else ZERO
    return account.resting.side(place_of(order)).reducing - spare


def check_position(account: Account, order: Order, without: Order | None = None) -> None:
    """Refuse what does not go with the position: closing more than there is, or turning it by accident."""
    held = account.held(order.position_key)
    if order.only_reduces:
        if not held:
            raise Refusal("51169", order.inst_id)
        if held * order.sign > 0:
            raise Refusal("51170", order.inst_id)
        if order.remaining > _closable(account, order, without):
            raise Refusal("51112", str(_closable(account, order, without)))
    elif held * order.sign < 0:
        reducers = pending_reducers(account, order, without)
        if reducers and reducers + order.remaining > abs(held):
            raise Refusal("51148", order.inst_id)


def _closable(account: Account, order: Order, without: Order | None) -> Decimal:
    """Return what may be closed: of a leg what no other order closes, of a net position all of it."""
    if not order.closes_leg:
        return abs(account.held(order.position_key))
    spare = without.remaining if without is not None else ZERO
    return available(account, account.positions[order.position_key]) + spare


def largest_position(contract: Contract, lever: Decimal) -> Decimal:
    """Return the contracts up to which the tiers allow a leverage."""
    allowed = [tier.max_sz for tier in contract.tiers if tier.max_lever >= lever]
    return max(allowed, default=ZERO)


def check_tier(desk: Desk, account: Account, order: Order, without: Order | None = None) -> None:
    """Refuse an order with which the position could outgrow the tiers of its leverage."""
    if order.only_reduces:
        return
    held = account.held(order.position_key) * order.sign
    spare = without.remaining if without is not None else ZERO
    waiting = account.resting.side(place_of(order)).contracts - spare
    lever = lever_of(desk, account, order.inst_id, order.td_mode, order.pos_side)
    most = largest_position(desk.contract(order.inst_id), lever)
    if held + waiting + order.remaining > most:
        raise Refusal("51004", f"{order.inst_id} {lever} {most}")


def check_margin(
    desk: Desk,
    account: Account,
    order: Order,
    quote: Quote,
    without: Order | None = None,
    code: str = "51008",
) -> None:
    """Refuse an order whose margin is not there; one that binds nothing more is always let in."""
    takes = crosses(quote, order)
    price = expected_price(quote, order) if takes else order.limit
    before = bound_by_orders(desk, account)
    dear = max(price, quote.mark) if takes else price
    more = bound_by_orders(desk, account, order, dear, without) - before
    if more <= 0:
        return
    coins = order.remaining * desk.contract(order.inst_id).ct_val
    lost = money(max(ZERO, order.sign * (price - quote.mark)) * coins) if takes else ZERO
    free = headroom(desk, account)
    if order.td_mode == "isolated":
        free = min(free, account.profile.cash - before)
    if takes:
        free += _released(desk, account, order, depth_within(quote, order))
    if more + lost > free:
        raise Refusal(code, f"USDT: {money(more + lost)} needed, {max(ZERO, free)} available")


def _released(desk: Desk, account: Account, order: Order, depth: Decimal) -> Decimal:
    """Return what a position sets free that the order closes at once on its way to the other side."""
    position = account.positions.get(order.position_key)
    if position is None or position.held * order.sign >= 0:
        return ZERO
    share = min(order.remaining, depth, abs(position.held)) / abs(position.held)
    if position.mgn_mode == "cross":
        return money(initial_margin(desk, account, position) * share)
    return money((position.margin + min(ZERO, upl(desk, position))) * share)
