"""Orders that come by socket: place, cancel and amend, one or up to twenty.

Passes them to the venue and words its answers; holds no order. Invariant: every argument has one row in the
reply, in the same sequence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from arena.paper_okx.auth import ApiKey
from arena.paper_okx.clock import VenueClock
from arena.paper_okx.codes import message
from arena.paper_okx.envelope import summary
from arena.paper_okx.exchange import PaperExchange
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.replay.numerals import is_whole
from arena.paper_okx.sockets.messages import Message

__all__ = ["ORDER_OPS", "OrderOp", "answer_order"]

Order: TypeAlias = dict[str, object]
_MOST_ORDERS = 20


@dataclass(frozen=True, slots=True)
class OrderOp:
    """An operation: the venue's method, the REST endpoint whose limit it shares, and its kind."""

    method: str
    endpoint: str
    many: bool = False
    places: bool = True  # new and amended orders heed expTime and count for the account


ORDER_OPS = {
    "order": OrderOp("place_order", "order"),
    "batch-orders": OrderOp("place_order", "batch-orders", many=True),
    "cancel-order": OrderOp("cancel_order", "cancel-order", places=False),
    "batch-cancel-orders": OrderOp("cancel_order", "cancel-batch-orders", many=True, places=False),
    "amend-order": OrderOp("amend_order", "amend-order"),
    "batch-amend-orders": OrderOp("amend_order", "amend-batch-orders", many=True),
}


def answer_order(exchange: PaperExchange, key: ApiKey, request: Mapping[str, object]) -> Message:
    """Do what an order request asks and return its reply.

    A request that cannot be read, comes too often or too late changes nothing and has no rows.
    """
    op, came = ORDER_OPS[str(request["op"])], exchange.clock.now()
    rows: list[Order] = []
    try:
        orders = _orders(op, request.get("args"))
        _check(exchange, key, op, orders, request.get("expTime"))
        exchange.follow()
        rows = [_row(exchange, key.uid, op, order) for order in orders]
        code, msg = summary(rows), ""
    except Refusal as refusal:
        code, msg = refusal.code, message(refusal.code, refusal.detail)
    head: Message = {"id": request["id"]} if request.get("id") is not None else {}
    times = {"inTime": str(came * 1000), "outTime": str(exchange.clock.now() * 1000)}
    return head | {"op": request["op"], "code": code, "msg": msg, "data": rows} | times


def _orders(op: OrderOp, args: object) -> list[Order]:
    most = _MOST_ORDERS if op.many else 1
    if not isinstance(args, list) or not 1 <= len(args) <= most:
        raise Refusal("60013", f"args is a list of 1 to {most} objects")
    if not all(isinstance(order, Mapping) for order in args):
        raise Refusal("60013", "each of args is an object")
    return [dict(order) for order in args]


def _check(exchange: PaperExchange, key: ApiKey, op: OrderOp, orders: list[Order], deadline: object) -> None:
    if not key.may_trade:
        raise Refusal("50120")
    if op.places and deadline not in (None, ""):
        _check_deadline(str(deadline), exchange.clock)
    for order in orders:
        _name_instrument(exchange, order)
    path = f"/api/v5/trade/{op.endpoint}"
    for inst_id, count in Counter(str(order.get("instId", "")) for order in orders).items():
        exchange.limits.take("POST", path, {"user": key.uid, "instId": inst_id}, orders=count)
    if op.places:
        exchange.limits.take_account({"user": key.uid}, len(orders))


def _check_deadline(deadline: str, clock: VenueClock) -> None:
    if not is_whole(deadline):
        raise Refusal("51000", f"expTime (found '{deadline}')")
    now = clock.nearest(int(deadline))  # by the clock that the sender goes by
    if int(deadline) < now:
        raise Refusal("50036", f"expTime {deadline}, now {now}")


def _name_instrument(exchange: PaperExchange, order: Order) -> None:
    """Put instId in the place of instIdCode; a code that is not listed names nothing."""
    code = order.pop("instIdCode", None)
    if code in (None, "") or order.get("instId"):
        return
    named = [one.inst_id for one in exchange.market.contracts.values() if str(one.code) == str(code)]
    order["instId"] = named[0] if named else str(code)


def _row(exchange: PaperExchange, uid: str, op: OrderOp, order: Order) -> Order:
    try:
        row: Order = getattr(exchange.venue, op.method)(uid, order)
    except Refusal as refusal:
        return _refused_row(op, order, refusal, exchange.clock.now())
    return row


def _refused_row(op: OrderOp, order: Order, refusal: Refusal, now: int) -> Order:
    row: Order = {"ordId": str(order.get("ordId") or ""), "clOrdId": str(order.get("clOrdId") or "")}
    if op.method == "place_order":
        row["tag"] = str(order.get("tag") or "")
    if op.method == "amend_order":
        row["reqId"] = str(order.get("reqId") or "")
    return row | {
        "ts": str(now),
        "sCode": refusal.code,
        "sMsg": message(refusal.code, refusal.detail),
        **refusal.data,
    }
