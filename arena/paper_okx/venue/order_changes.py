"""Cancelling, amending, closing at market, and the dead man's switch.

Invariant: only a pending order changes, and its size never falls below what was filled.
"""

from __future__ import annotations

from dataclasses import replace

from arena.paper_okx.refusal import Refusal
from arena.paper_okx.venue.amounts import ZERO
from arena.paper_okx.venue.attached import attach_stops
from arena.paper_okx.venue.desk import Account, Desk, Row
from arena.paper_okx.venue.endings import cancel, complete
from arena.paper_okx.venue.funds import position_lever
from arena.paper_okx.venue.matching import crosses, take
from arena.paper_okx.venue.order_checks import check_client_id, check_margin, check_position, check_tier
from arena.paper_okx.venue.order_reading import (
    UNPRICED,
    instrument_of,
    limit_within,
    market_limit,
    read_pos_side,
    read_price,
    read_size,
)
from arena.paper_okx.venue.orders import accept
from arena.paper_okx.venue.pushes import tell_order
from arena.paper_okx.venue.records import Order, Position
from arena.paper_okx.venue.requests import Request

__all__ = [
    "amend_order",
    "cancel_all_after",
    "cancel_order",
    "close_position",
    "closing_order",
    "find_order",
    "fire_timers",
]


def find_order(desk: Desk, account: Account, request: Request, missing: str) -> Order:
    """Return the order that ordId names, else the latest with this clOrdId; `missing` is the code if none."""
    inst_id = instrument_of(desk, request).inst_id
    ord_id = request.text("ordId")
    if not ord_id:
        if not request.has("clOrdId"):
            raise Refusal("51003", clOrdId="")
        ord_id = account.clients.get(request.text("clOrdId"), "")
    order = account.orders.get(ord_id)
    if order is None or order.inst_id != inst_id:
        raise Refusal(missing, **_named(request))
    return order


def _named(request: Request) -> dict[str, str]:
    return {"ordId": request.text("ordId"), "clOrdId": request.text("clOrdId")}


def cancel_order(desk: Desk, account: Account, request: Request) -> Row:
    order = find_order(desk, account, request, "51400")
    if not order.is_live:
        raise Refusal("51400", **_named(request))
    cancel(desk, account, order, "user")
    return {"ordId": order.ord_id, "clOrdId": order.cl_ord_id, "ts": str(desk.now), "sCode": "0", "sMsg": ""}


def amend_order(desk: Desk, account: Account, request: Request) -> Row:
    """Change size, price or both; with cxlOnFail an order that cannot be changed so is cancelled."""
    order = find_order(desk, account, request, "51603")
    if not order.is_live:
        raise Refusal("51503", reqId=request.text("reqId"), **_named(request))
    cancel_on_fail = request.flag("cxlOnFail")
    try:
        changed = _read_change(desk, order, request)
        _check_change(desk, account, order, changed)
    except Refusal as refusal:
        if cancel_on_fail:
            cancel(desk, account, order, "user")
        raise Refusal(refusal.code, refusal.detail, reqId=request.text("reqId"), **_named(request)) from None
    _apply_change(desk, account, order, changed, request.text("reqId"))
    return {
        "ordId": order.ord_id,
        "clOrdId": order.cl_ord_id,
        "reqId": request.text("reqId"),
        "ts": str(desk.now),
        "sCode": "0",
        "sMsg": "",
    }


def _read_change(desk: Desk, order: Order, request: Request) -> Order:
    """Return the order as it is asked to be."""
    contract = desk.contract(order.inst_id)
    if not request.has("newSz") and not request.has("newPx"):
        raise Refusal("51500")
    changed = replace(order)
    if request.has("newPx"):
        if order.ord_type in UNPRICED:
            raise Refusal("51506", order.ord_type)
        amend = request.choice("pxAmendType", ("0", "1"), "0") == "1"
        price = read_price(contract, request, "newPx")
        changed.px = changed.limit = limit_within(desk.quote(order.inst_id), order.side, price, amend=amend)
    if request.has("newSz"):
        changed.sz = read_size(contract, request, "newSz", order.ord_type)
    return changed


def _check_change(desk: Desk, account: Account, order: Order, changed: Order) -> None:
    if changed.sz <= order.acc_fill_sz:
        return
    quote = desk.quote(order.inst_id)
    if order.ord_type == "post_only" and crosses(quote, changed):
        raise Refusal("51511", str(changed.limit))
    if changed.sz > order.sz:
        check_position(account, changed, order)
        check_tier(desk, account, changed, order)
    check_margin(desk, account, changed, quote, order, "51502")


def _apply_change(desk: Desk, account: Account, order: Order, changed: Order, request_id: str) -> None:
    if changed.limit != order.limit or changed.sz > order.sz:
        desk.serial += 1
        order.rank = desk.serial
    order.sz = max(changed.sz, order.acc_fill_sz)
    order.px, order.limit = changed.px, changed.limit
    order.u_time = desk.now
    desk.touch(order)
    if not order.remaining:
        complete(desk, account, order)
    tell_order(desk, account, order, request_id=request_id, amended=True)
    if order.is_live:
        take(desk, account, order, desk.quote(order.inst_id))
    else:
        attach_stops(desk, account, order)


def cancel_all_after(desk: Desk, account: Account, request: Request) -> Row:
    """Arm, arm anew or (0) disarm the switch of a tag; without a tag it is for every order."""
    seconds = request.whole("timeOut")
    if seconds is None:
        raise Refusal("50014", "timeOut")
    if seconds and not 10 <= seconds <= 120:
        raise Refusal("51000", "timeOut")
    tag = request.word("tag", 16)
    timers = account.profile.timers
    if seconds:
        timers[tag] = desk.now + seconds * 1000
    else:
        timers.pop(tag, None)
    desk.touch(account.profile)
    return {"triggerTime": str(timers.get(tag, 0)), "tag": tag, "ts": str(desk.now)}


def fire_timers(desk: Desk, account: Account) -> None:
    """Cancel the orders of every switch that is due."""
    timers = account.profile.timers
    for tag in [tag for tag, due in timers.items() if due <= desk.now]:
        del timers[tag]
        desk.touch(account.profile)
        for order in [o for o in account.live.values() if tag in {"", o.tag}]:
            cancel(desk, account, order, "cancel_all_after")


def close_position(desk: Desk, account: Account, request: Request) -> Row:
    """Close a position whole, at market."""
    inst_id = instrument_of(desk, request).inst_id
    mgn_mode = request.choice("mgnMode", ("cross", "isolated"))
    pos_side = read_pos_side(account, request)
    cl_ord_id, tag = request.word("clOrdId", 32), request.word("tag", 16)
    position = account.positions.get((inst_id, mgn_mode, pos_side))
    if position is None or not position.held:
        raise Refusal("51023", inst_id)
    check_client_id(account, cl_ord_id)
    closing = _closing_orders(account, position)
    if closing and not request.flag("autoCxl"):
        raise Refusal("51115", inst_id)
    for order in closing:
        cancel(desk, account, order, "closed_at_market")
    accept(desk, account, closing_order(desk, account, position, cl_ord_id, tag))
    return {"instId": inst_id, "posSide": pos_side, "clOrdId": cl_ord_id, "tag": tag}


def _closing_orders(account: Account, position: Position) -> list[Order]:
    return [
        order
        for order in account.live.values()
        if order.position_key == position.position_key and order.sign * position.held < 0
    ]


def closing_order(desk: Desk, account: Account, position: Position, cl_ord_id: str, tag: str) -> Order:
    """Return the market order that closes a position whole."""
    side = "sell" if position.held > ZERO else "buy"
    return Order(
        uid=account.uid,
        ord_id="",
        cl_ord_id=cl_ord_id,
        tag=tag,
        inst_id=position.inst_id,
        td_mode=position.mgn_mode,
        side=side,
        pos_side=position.pos_side,
        ord_type="market",
        sz=abs(position.held),
        px=None,
        limit=market_limit(desk.quote(position.inst_id), side),
        reduce_only=not account.hedged,
        lever=position_lever(desk, account, position),
        c_time=desk.now,
        u_time=desk.now,
    )
