"""How orders and algo orders end, and what ends with a position.

Invariant: a state that ends an order is never left again.
"""

from __future__ import annotations

from arena.paper_okx.venue.attached import attach_stops
from arena.paper_okx.venue.desk import Account, Desk
from arena.paper_okx.venue.funds import headroom
from arena.paper_okx.venue.pushes import tell_algo, tell_order
from arena.paper_okx.venue.records import Algo, Order, Position

__all__ = ["cancel", "cancel_algo", "complete", "drop_unaffordable", "end_with_position"]

SOURCE = {
    "user": "1",
    "reduce_only": "2",
    "risk": "3",
    "fok": "13",
    "ioc": "14",
    "closed_at_market": "17",
    "cancel_all_after": "20",
    "post_only": "31",
}


def complete(desk: Desk, account: Account, order: Order) -> None:
    """File an order that is filled: what was attached to it begins to wait."""
    order.state = "filled"
    account.live.pop(order.ord_id, None)
    desk.touch(order)


def cancel(desk: Desk, account: Account, order: Order, source: str) -> None:
    """Cancel what is left of an order; what was filled of it gets the stops attached to it."""
    order.state = "canceled"
    order.cancel_source = SOURCE[source]
    order.u_time = desk.now
    account.live.pop(order.ord_id, None)
    desk.touch(order)
    tell_order(desk, account, order)
    attach_stops(desk, account, order)


def cancel_algo(desk: Desk, account: Account, algo: Algo) -> None:
    algo.state = "canceled"
    algo.u_time = desk.now
    account.live_algos.pop(algo.algo_id, None)
    desk.touch(algo)
    tell_algo(desk, account, algo)


def drop_unaffordable(desk: Desk, account: Account, closed_by: Order) -> None:
    """Cancel, newest first, orders that were to close what another has closed and that are not affordable.

    Without the position they would open one on the other side.
    """
    if headroom(desk, account) >= 0:
        return
    turned = [
        order
        for order in account.live.values()
        if order.position_key == closed_by.position_key
        and order.side == closed_by.side
        and order is not closed_by
        and not order.only_reduces
    ]
    while turned and headroom(desk, account) < 0:
        cancel(desk, account, turned.pop(), "risk")


def end_with_position(desk: Desk, account: Account, position: Position) -> None:
    """Cancel what can do nothing once a position is closed: orders that only reduce it, and its own stops."""
    key = position.position_key
    for order in [o for o in account.live.values() if o.position_key == key and o.only_reduces]:
        cancel(desk, account, order, "reduce_only")
    for algo in [a for a in account.live_algos.values() if a.position_key == key]:
        if algo.cxl_on_close_pos or algo.close_fraction:
            cancel_algo(desk, account, algo)
