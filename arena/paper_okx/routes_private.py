"""Routes of an account: which method of the venue serves which path.

A table. Invariant: the venue sees a request as it came, with "" and null taken for absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from arena.paper_okx.exchange import PaperExchange
from arena.paper_okx.http import Call, Handle, Route, Shape
from arena.paper_okx.refusal import Refusal

__all__ = ["PRIVATE_ROUTES"]

_READS = {
    "account/balance": "balance",
    "account/positions": "positions",
    "account/positions-history": "positions_history",
    "account/bills": "bills",
    "account/bills-archive": "bills_archive",
    "account/leverage-info": "leverage_info",
    "account/max-size": "max_size",
    "account/max-avail-size": "max_avail_size",
    "account/trade-fee": "trade_fee",
    "trade/order": "get_order",
    "trade/orders-pending": "orders_pending",
    "trade/orders-history": "orders_history",
    "trade/orders-history-archive": "orders_history_archive",
    "trade/fills": "fills",
    "trade/fills-history": "fills_history",
    "trade/order-algo": "get_algo",
    "trade/orders-algo-pending": "algos_pending",
    "trade/orders-algo-history": "algos_history",
}

_CHANGES = {
    "account/set-leverage": "set_leverage",
    "account/set-position-mode": "set_position_mode",
    "account/position/margin-balance": "margin_balance",
    "trade/close-position": "close_position",
    "trade/cancel-all-after": "cancel_all_after",
}

_ORDER = ("ordId", "clOrdId", "tag", "ts")
_CANCEL = ("ordId", "clOrdId", "ts")
_AMEND = ("ordId", "clOrdId", "reqId", "ts")
_ALGO = ("algoId", "clOrdId", "algoClOrdId", "tag")


def _method(name: str) -> Handle:
    """Return the route to one method of the venue, which gives a row or a list of them."""

    def handle(exchange: PaperExchange, call: Call) -> Sequence[object]:
        request = call.params if call.method == "GET" else _object(call.body)
        answer = getattr(exchange.venue, name)(call.uid, dict(request))
        return answer if isinstance(answer, list) else [answer]

    return handle


def _config(exchange: PaperExchange, call: Call) -> Sequence[object]:
    return [exchange.venue.config(call.uid)]


def _object(body: object) -> Mapping[str, object]:
    if not isinstance(body, dict):
        raise Refusal("51000", "body (an object is wanted)")
    return body


def _single(name: str, blank: tuple[str, ...], shape: Shape = Shape.ORDER, *, counted: bool = False) -> Route:
    return Route(_method(name), private=True, shape=shape, changes=True, blank=blank, counted=counted)


def _many(
    name: str,
    blank: tuple[str, ...],
    most: int = 20,
    shape: Shape = Shape.BATCH,
    *,
    counted: bool = False,
) -> Route:
    return Route(
        _method(name), private=True, shape=shape, changes=True, blank=blank, most=most, counted=counted
    )


_POSTS = {
    **{path: Route(_method(name), private=True, changes=True) for path, name in _CHANGES.items()},
    "trade/order": _single("place_order", _ORDER, counted=True),
    "trade/cancel-order": _single("cancel_order", _CANCEL),
    "trade/amend-order": _single("amend_order", _AMEND, counted=True),
    "trade/order-algo": _single("place_algo", _ALGO, Shape.ALGO),
    "trade/batch-orders": _many("place_order", _ORDER, counted=True),
    "trade/cancel-batch-orders": _many("cancel_order", _CANCEL),
    "trade/amend-batch-orders": _many("amend_order", _AMEND, counted=True),
    "trade/cancel-algos": _many("cancel_algo", ("algoId",), 10, Shape.ALGO_BATCH),
}

_GETS = {
    "account/config": _config,
    **{path: _method(name) for path, name in _READS.items()},
}

PRIVATE_ROUTES = {
    **{("GET", f"/api/v5/{path}"): Route(handle, private=True) for path, handle in _GETS.items()},
    **{("POST", f"/api/v5/{path}"): route for path, route in _POSTS.items()},
}
