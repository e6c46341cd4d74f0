"""Trades against the replayed book and path.

Each account is alone with the market: the book is whole again after every order, and a tick's volume is
shared among one account's orders only. Invariant: no trade is worse than its order's limit, none is larger
than what is left of the order.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from arena.paper_okx.market import Quote, Tick
from arena.paper_okx.venue.amounts import ZERO, floor_to
from arena.paper_okx.venue.desk import Account, Desk
from arena.paper_okx.venue.endings import cancel
from arena.paper_okx.venue.fills import Trade, apply_trade, fee_of
from arena.paper_okx.venue.records import Order

__all__ = ["TAKES_ON", "arrive", "crosses", "depth_within", "expected_price", "play_resting", "take"]

AT_ONCE = frozenset({"fok", "ioc", "optimal_limit_ioc"})
TAKES_ON = frozenset({"market"})  # what is left of it goes on taking when the book has filled again


def opposite(quote: Quote, order: Order) -> Iterator[tuple[Decimal, Decimal]]:
    """Yield the levels that an order may take, best first."""
    for px, sz in quote.asks if order.sign > 0 else quote.bids:
        if order.sign * (px - order.limit) > 0:
            return
        yield px, sz


def crosses(quote: Quote, order: Order) -> bool:
    return next(opposite(quote, order), None) is not None


def expected_price(quote: Quote, order: Order) -> Decimal:
    """Return the mean price at which an order would trade now, what the book lacks at its worst."""
    left, value, worst = order.remaining, ZERO, order.limit
    for px, depth in opposite(quote, order):
        part = min(left, depth)
        left, value, worst = left - part, value + part * px, px
    if order.ord_type in {"market", "optimal_limit_ioc"}:
        return (value + left * worst) / order.remaining
    return (value + left * order.limit) / order.remaining


def arrive(desk: Desk, account: Account, order: Order) -> None:
    """Let an order that was accepted meet the book."""
    quote = desk.quote(order.inst_id)
    if order.ord_type == "post_only" and crosses(quote, order):
        cancel(desk, account, order, "post_only")
    elif order.ord_type == "fok" and depth_within(quote, order) < order.remaining:
        cancel(desk, account, order, "fok")
    else:
        take(desk, account, order, quote)
        if order.is_live and order.ord_type in AT_ONCE:
            cancel(desk, account, order, "ioc")


def take(desk: Desk, account: Account, order: Order, quote: Quote) -> None:
    """Walk the book until the order is filled, the limit or the end of the book is reached."""
    for px, depth in opposite(quote, order):
        size = min(depth, _room(account, order))
        if not order.is_live or not size:
            return
        fee = fee_of(desk, account, order, px, size, maker=False)
        apply_trade(desk, account, order, Trade(px, size, fee, "T"))


def play_resting(desk: Desk, account: Account, inst_id: str, tick: Tick) -> None:
    """Fill an account's resting orders from a tick, best price first, the older first of one price."""
    orders = [order for order in account.live.values() if order.inst_id == inst_id]
    for order in [o for o in orders if o.ord_type in TAKES_ON]:
        take(desk, account, order, desk.quote(inst_id))
    left = floor_to(tick.volume * desk.settings.volume_share, desk.contract(inst_id).lot_sz)
    for order in sorted(orders, key=lambda o: (-o.sign * o.limit, o.rank)):
        if order.ord_type not in TAKES_ON and order.is_live and is_met(desk, order, tick.last):
            left -= _fill_resting(desk, account, order, left)


def is_met(desk: Desk, order: Order, last: Decimal) -> bool:
    """Whether the path at `last` fills a resting order."""
    beyond = order.sign * (order.limit - last)
    return beyond > 0 or (beyond == 0 and desk.settings.fill_rule == "touch")


def _fill_resting(desk: Desk, account: Account, order: Order, volume: Decimal) -> Decimal:
    """Fill at most `volume` of an order at its price; return how much was filled."""
    size = min(volume, _room(account, order))
    if size <= 0:
        return ZERO
    fee = fee_of(desk, account, order, order.limit, size, maker=True)
    apply_trade(desk, account, order, Trade(order.limit, size, fee, "M"))
    return size


def _room(account: Account, order: Order) -> Decimal:
    """Return what may still be filled: an order that only reduces never does more."""
    if not order.only_reduces:
        return order.remaining
    held = account.held(order.position_key)
    return min(order.remaining, abs(held)) if held * order.sign < 0 else ZERO


def depth_within(quote: Quote, order: Order) -> Decimal:
    """Return the contracts that the book offers within an order's limit."""
    return sum((sz for _, sz in opposite(quote, order)), ZERO)
