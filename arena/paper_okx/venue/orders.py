"""Placing orders: the answer comes before the first trade.

Invariant: what is refused has changed nothing; what is accepted is told as live before it trades.
"""

from __future__ import annotations

from arena.paper_okx.refusal import Refusal
from arena.paper_okx.venue.desk import Account, Desk, Row
from arena.paper_okx.venue.matching import arrive
from arena.paper_okx.venue.order_checks import check_order
from arena.paper_okx.venue.order_reading import read_order
from arena.paper_okx.venue.pushes import tell_order
from arena.paper_okx.venue.records import Order
from arena.paper_okx.venue.requests import Request
from arena.paper_okx.venue.stop_reading import read_stops

__all__ = ["accept", "place"]


def place(desk: Desk, account: Account, request: Request) -> Row:
    """Accept an order and let it meet the book; return the acknowledgement."""
    try:
        order = read_order(desk, account, request)
        order.attached = read_stops(desk.contract(order.inst_id), request)
        check_order(desk, account, order)
    except Refusal as refusal:
        kept = {"clOrdId": request.text("clOrdId"), "tag": request.text("tag")}
        raise Refusal(refusal.code, refusal.detail, **kept) from None
    accept(desk, account, order)
    return {
        "ordId": order.ord_id,
        "clOrdId": order.cl_ord_id,
        "tag": order.tag,
        "ts": str(order.c_time),
        "sCode": "0",
        "sMsg": "",
    }


def accept(desk: Desk, account: Account, order: Order) -> None:
    """Give an order its id, tell of it, and let it meet the book."""
    order.ord_id = desk.next_id()
    order.rank = desk.serial
    for stop in order.attached:
        stop["attachAlgoId"] = desk.next_id()
    account.add(order)
    desk.touch(order)
    tell_order(desk, account, order)
    arrive(desk, account, order)
