"""Lists of what was: filters, pages, and how far back each of them reaches.

Reads only. Invariant: newest first, `after` and `before` exclusive, and with both the newest of the window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from arena.paper_okx.refusal import Refusal
from arena.paper_okx.venue.account_rows import bill_row, closing_row, position_row
from arena.paper_okx.venue.desk import Account, Desk, Row
from arena.paper_okx.venue.order_changes import find_order
from arena.paper_okx.venue.order_rows import algo_row, fill_row, order_row
from arena.paper_okx.venue.records import Algo, Bill, Closing, Fill, Order, Position
from arena.paper_okx.venue.requests import Request

__all__ = [
    "algo_by_id",
    "algo_history",
    "algos_waiting",
    "bills",
    "fills",
    "order_by_id",
    "order_history",
    "orders_waiting",
    "position_history",
    "positions",
]

_T = TypeVar("_T", Order, Algo, Fill, Bill, Closing)
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
UNFILLED_MS = 2 * _HOUR_MS  # how long an order that was cancelled unfilled can be looked up
RECENT_ORDERS_MS = 7 * _DAY_MS
RECENT_FILLS_MS = 3 * _DAY_MS
RECENT_BILLS_MS = 7 * _DAY_MS
ARCHIVE_MS = 90 * _DAY_MS


def page(
    found: Iterable[_T], request: Request, mark_of: Callable[[_T], int], ts_of: Callable[[_T], int]
) -> list[_T]:
    """Return one page of what was found, newest first."""
    after, before = request.whole("after"), request.whole("before")
    begin, end = request.whole("begin"), request.whole("end")
    kept = [
        record
        for record in found
        if (after is None or mark_of(record) < after)
        and (before is None or mark_of(record) > before)
        and (begin is None or ts_of(record) >= begin)
        and (end is None or ts_of(record) <= end)
    ]
    limit = request.whole("limit")
    if limit is not None and limit < 1:
        raise Refusal("51000", "limit")
    kept.sort(key=mark_of, reverse=True)
    return kept[: min(limit or 100, 100)]


def _of_swaps(desk: Desk, request: Request, inst_id: str) -> bool:
    """Whether instType, instFamily (or its old name uly) and instId let a record through."""
    family = request.text("instFamily") or request.text("uly")
    return (
        request.text("instType", "SWAP") in {"SWAP", "ANY"}
        and request.text("instId", inst_id) in {inst_id, ""}
        and (not family or desk.contract(inst_id).inst_family == family)
    )


def _same(request: Request, name: str, value: str) -> bool:
    return not request.has(name) or value in request.text(name).split(",")


def _gone(desk: Desk, order: Order) -> bool:
    """Whether an order is too old to be found."""
    reach = UNFILLED_MS if order.state == "canceled" and not order.acc_fill_sz else ARCHIVE_MS
    return not order.is_live and desk.now - order.u_time > reach


def order_by_id(desk: Desk, account: Account, request: Request) -> Row:
    order = find_order(desk, account, request, "51603")
    if _gone(desk, order):
        raise Refusal("51603", ordId=request.text("ordId"), clOrdId=request.text("clOrdId"))
    return order_row(order, desk.contract(order.inst_id).settle)


def _asked_for(desk: Desk, request: Request, order: Order) -> bool:
    return (
        _of_swaps(desk, request, order.inst_id)
        and _same(request, "ordType", order.ord_type)
        and _same(request, "state", order.state)
        and _same(request, "category", order.category)
    )


def orders_waiting(desk: Desk, account: Account, request: Request) -> list[Row]:
    found = (order for order in account.live.values() if _asked_for(desk, request, order))
    return [order_row(o) for o in page(found, request, lambda o: int(o.ord_id), lambda o: o.c_time)]


def order_history(desk: Desk, account: Account, request: Request, *, archive: bool) -> list[Row]:
    """Return orders that have ended, of the last seven days or three months."""
    request.need("instType")
    oldest = desk.now - (ARCHIVE_MS if archive else RECENT_ORDERS_MS)
    found = (
        order
        for order in account.orders.values()
        if not order.is_live
        and order.u_time >= oldest
        and not _gone(desk, order)
        and _asked_for(desk, request, order)
    )
    return [order_row(o) for o in page(found, request, lambda o: int(o.ord_id), lambda o: o.c_time)]


def fills(desk: Desk, account: Account, request: Request, *, archive: bool) -> list[Row]:
    """Return trades, of the last three days or three months."""
    oldest = desk.now - (ARCHIVE_MS if archive else RECENT_FILLS_MS)
    found = (
        fill
        for fill in account.fills
        if fill.ts >= oldest
        and _of_swaps(desk, request, fill.inst_id)
        and _same(request, "ordId", fill.ord_id)
        and _same(request, "subType", fill.sub_type)
    )
    return [fill_row(f) for f in page(found, request, lambda f: int(f.bill_id), lambda f: f.ts)]


def bills(desk: Desk, account: Account, request: Request, *, archive: bool) -> list[Row]:
    """Return bills, of the last seven days or three months."""
    oldest = desk.now - (ARCHIVE_MS if archive else RECENT_BILLS_MS)
    found = (bill for bill in account.bills if bill.ts >= oldest and _bill_asked_for(request, bill))
    return [bill_row(b) for b in page(found, request, lambda b: int(b.bill_id), lambda b: b.ts)]


def _bill_asked_for(request: Request, bill: Bill) -> bool:
    return (
        _same(request, "instType", "SWAP" if bill.inst_id else "")
        and _same(request, "instId", bill.inst_id)
        and _same(request, "ccy", "USDT")
        and _same(request, "mgnMode", bill.mgn_mode)
        and _same(request, "ctType", "linear" if bill.inst_id else "")
        and _same(request, "type", bill.kind)
        and _same(request, "subType", bill.sub_type)
    )


def algo_by_id(desk: Desk, account: Account, request: Request) -> Row:
    """Return an algo order, waiting or ended, by its id or the latest with a client's id."""
    if not request.has("algoId") and not request.has("algoClOrdId"):
        raise Refusal("50015", "algoId algoClOrdId")
    oldest = desk.now - ARCHIVE_MS
    for algo in reversed(account.algos.values()):
        named = _same(request, "algoId", algo.algo_id) and _same(request, "algoClOrdId", algo.algo_cl_ord_id)
        if named and (algo.state == "live" or algo.u_time >= oldest):
            return algo_row(algo)
    raise Refusal("51603", request.text("algoId") or request.text("algoClOrdId"))


def algos_waiting(desk: Desk, account: Account, request: Request) -> list[Row]:
    request.need("ordType")
    found = (a for a in account.live_algos.values() if _algo_asked_for(desk, request, a))
    return [algo_row(a) for a in page(found, request, lambda a: int(a.algo_id), lambda a: a.c_time)]


def algo_history(desk: Desk, account: Account, request: Request) -> list[Row]:
    """Return algo orders that have ended; the exchange wants a state or an id."""
    request.need("ordType")
    if not request.has("state") and not request.has("algoId"):
        raise Refusal("50015", "state algoId")
    oldest = desk.now - ARCHIVE_MS
    found = (
        algo
        for algo in account.algos.values()
        if algo.state != "live"
        and algo.u_time >= oldest
        and _same(request, "state", algo.state)
        and _algo_asked_for(desk, request, algo)
    )
    return [algo_row(a) for a in page(found, request, lambda a: int(a.algo_id), lambda a: a.c_time)]


def _algo_asked_for(desk: Desk, request: Request, algo: Algo) -> bool:
    return (
        _of_swaps(desk, request, algo.inst_id)
        and _same(request, "ordType", algo.ord_type)
        and _same(request, "algoId", algo.algo_id)
        and _same(request, "algoClOrdId", algo.algo_cl_ord_id)
    )


def positions(desk: Desk, account: Account, request: Request) -> list[Row]:
    """Return open positions; asked for by posId also those closed in the last 30 days."""
    listed = [p for p in account.positions.values() if _position_asked_for(desk, request, p)]
    listed.sort(key=lambda position: int(position.pos_id))
    return [position_row(desk, account, position) for position in listed]


def _position_asked_for(desk: Desk, request: Request, position: Position) -> bool:
    if request.text("instType", "SWAP") != "SWAP" or not _same(request, "instId", position.inst_id):
        return False
    if request.has("posId"):
        recent = bool(position.held) or desk.now - position.u_time <= 30 * _DAY_MS
        return recent and _same(request, "posId", position.pos_id)
    return bool(position.held)


def position_history(desk: Desk, account: Account, request: Request) -> list[Row]:
    oldest = desk.now - ARCHIVE_MS
    found = (
        closing
        for closing in sorted(account.closings.values(), key=lambda c: c.key)
        if closing.u_time >= oldest
        and _of_swaps(desk, request, closing.inst_id)
        and _same(request, "mgnMode", closing.mgn_mode)
        and _same(request, "type", closing.kind)
        and _same(request, "posId", closing.pos_id)
    )
    return [closing_row(desk, c) for c in page(found, request, lambda c: c.u_time, lambda c: c.u_time)]
