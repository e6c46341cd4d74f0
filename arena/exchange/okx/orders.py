"""Orders at OKX: place, change, cancel, look up, list; and their fills.

Nothing here sends a request again by itself. Invariant: an order that OKX may have is never reported as
refused, and an order is found or not found only by OKX's own word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from arena.core.account import FillSnapshot, Found, NotFound, OrderLookup, OrderSnapshot, Unknown
from arena.core.errors import ExchangeError, Rejected
from arena.core.trading import (
    Ack,
    AmendRequest,
    MarginMode,
    OrderRef,
    OrderRequest,
    Outcome,
    PositionSide,
    Protection,
    check_client_id,
)
from arena.exchange.okx.desk import Desk
from arena.exchange.okx.limits import Priority
from arena.exchange.okx.reading import DAY_MS, History
from arena.exchange.okx.rows import read_fill, read_order
from arena.exchange.okx.words import OKX_ORDER_TYPES

__all__ = ["BATCH", "Orders"]

BATCH = 20
"""Orders that OKX takes at once."""

_NO_SUCH_ORDER = "51603"
_ORDERS = History("trade/orders-history", "trade/orders-history-archive", 7 * DAY_MS, "ordId")
_FILLS = History("trade/fills", "trade/fills-history", 3 * DAY_MS, "billId")


class Orders(Desk):
    """The gateway's methods about orders and fills."""

    def place_order(self, request: OrderRequest) -> Ack:
        """Place an order; it is void if it comes too late."""
        return self._act_once("trade/order", order_body(request), _priority([request]), expires=True)

    def place_orders(self, requests: Sequence[OrderRequest]) -> list[Outcome]:
        """Place up to 20 orders at once and return what became of each."""
        bodies = [order_body(request) for request in requests]
        return self._act_on_all("trade/batch-orders", bodies, _priority(requests), most=BATCH, expires=True)

    def cancel_order(self, order: OrderRef) -> Ack:
        """Ask OKX to cancel an order: the ack is not the cancellation, which its state tells."""
        return self._act_once("trade/cancel-order", ref_body(order), Priority.EXIT)

    def cancel_orders(self, orders: Sequence[OrderRef]) -> list[Outcome]:
        """Ask OKX to cancel up to 20 orders and return what became of each request."""
        bodies = [ref_body(order) for order in orders]
        return self._act_on_all("trade/cancel-batch-orders", bodies, Priority.EXIT, most=BATCH)

    def amend_order(self, request: AmendRequest) -> Ack:
        """Change size or price of a waiting order; what came of it, its next state tells."""
        return self._act_once("trade/amend-order", amend_body(request), Priority.ENTRY, expires=True)

    def close_position(
        self, inst_id: str, margin_mode: MarginMode, side: PositionSide, client_id: str
    ) -> None:
        """Close a whole position at market, and cancel the orders that wait to close it.

        Raises:
            OutcomeUnknown: read the position before anything else.
        """
        leg = {} if side is PositionSide.NET else {"posSide": side.value}
        body = {"instId": inst_id, "mgnMode": margin_mode.value, **leg, "autoCxl": True}
        self._act("trade/close-position", {**body, "clOrdId": check_client_id(client_id)}, Priority.EXIT)

    def cancel_all_after(self, timeout_s: int) -> int | None:
        """Let OKX cancel all orders in `timeout_s` seconds unless it is told so again; 0 takes it back.

        Returns:
            When it will, UTC ms; None when taken back.
        """
        if timeout_s and not 10 <= timeout_s <= 120:
            raise Rejected(f"not sent: cancel-all-after takes 0 or 10 to 120 seconds, not {timeout_s}")
        rows = self._act("trade/cancel-all-after", {"timeOut": str(timeout_s)}, Priority.EXIT)
        told = str(rows[0].get("triggerTime", "")) if rows else ""
        return int(told) if told.isdigit() and int(told) > 0 else None

    def find_order(self, order: OrderRef) -> OrderLookup:
        """Look up one order; never guesses.

        By client id it is the newest that bore it.
        """
        try:
            rows = self._read("trade/order", ref_body(order))
            match = [found for found in map(read_order, rows) if _is(found, order)]
        except ExchangeError as error:
            if error.code == _NO_SUCH_ORDER:
                return NotFound(str(error))
            return Unknown(str(error))
        if len(match) == len(rows) == 1:
            return Found(match[0])
        return Unknown(
            f"OKX answered with {len(rows)} orders, {len(match)} of them the one asked for: {order}"
        )

    def open_orders(self, inst_id: str | None = None) -> list[OrderSnapshot]:
        """Return the orders that wait or are filled in part, oldest first."""
        params = {"instType": "SWAP", "instId": inst_id}
        return _oldest_first(read_order(row) for row in self._pages("trade/orders-pending", params, "ordId"))

    def order_history(
        self, inst_id: str | None = None, *, begin_ms: int | None = None, end_ms: int | None = None
    ) -> list[OrderSnapshot]:
        """Return the orders that are done and were made in [begin_ms, end_ms], oldest first.

        Without `begin_ms` those of the last seven days. OKX forgets one that was cancelled without a fill
        after two hours.

        Raises:
            DataError: `begin_ms` is further back than OKX remembers.
        """
        rows = self._history(_ORDERS, {"instType": "SWAP", "instId": inst_id}, begin_ms, end_ms)
        return _oldest_first(map(read_order, rows))

    def fills(
        self, inst_id: str | None = None, *, begin_ms: int | None = None, end_ms: int | None = None
    ) -> list[FillSnapshot]:
        """Return the fills of [begin_ms, end_ms], oldest first; without `begin_ms` of the last three days.

        Raises:
            DataError: `begin_ms` is further back than OKX remembers.
        """
        rows = self._history(_FILLS, {"instType": "SWAP", "instId": inst_id}, begin_ms, end_ms)
        return list(map(read_fill, rows))

    def fills_of_order(self, inst_id: str, order_id: str) -> list[FillSnapshot]:
        """Return the fills of one order, oldest first, as far as the last three days go."""
        params = {"instType": "SWAP", "instId": inst_id, "ordId": order_id}
        return [read_fill(row) for row in self._pages("trade/fills", params, "billId")][::-1]


def order_body(request: OrderRequest) -> dict[str, Any]:
    """Return an order as OKX takes it."""
    body: dict[str, Any] = {
        "instId": request.inst_id,
        "tdMode": request.margin_mode.value,
        "clOrdId": request.client_id,
        "side": request.side.value,
        "ordType": OKX_ORDER_TYPES[request.type],
        "sz": str(request.size),
    }
    if request.price is not None:
        body["px"] = str(request.price)
    if request.position_side is not None:
        body["posSide"] = request.position_side.value
    if request.reduce_only:
        body["reduceOnly"] = True
    if request.protection is not None:
        body["attachAlgoOrds"] = [_protection_body(request.protection)]
    return body


def ref_body(order: OrderRef) -> dict[str, str]:
    """Return what names an order; where both ids are known OKX goes by its own."""
    ids = {"ordId": order.order_id, "clOrdId": order.client_id}
    return {"instId": order.inst_id, **{key: value for key, value in ids.items() if value}}


def amend_body(request: AmendRequest) -> dict[str, Any]:
    """Return a change of an order as OKX takes it."""
    body: dict[str, Any] = {**ref_body(request.order), "reqId": request.request_id}
    if request.size is not None:
        body["newSz"] = str(request.size)
    if request.price is not None:
        body["newPx"] = str(request.price)
    if request.cancel_on_fail:
        body["cxlOnFail"] = True
    return body


def _protection_body(protection: Protection) -> dict[str, str]:
    body = {"attachAlgoClOrdId": protection.client_id}
    for name, trigger in (("sl", protection.stop), ("tp", protection.take)):
        if trigger is not None:
            body[f"{name}TriggerPx"] = str(trigger)
            body[f"{name}OrdPx"] = "-1"  # at market
            body[f"{name}TriggerPxType"] = protection.trigger_by.value
    return body


def _priority(requests: Sequence[OrderRequest]) -> Priority:
    """Exits go first; a batch that opens anything queues with the entries."""
    return Priority.EXIT if all(request.is_exit for request in requests) else Priority.ENTRY


def _is(found: OrderSnapshot, asked: OrderRef) -> bool:
    if asked.order_id is not None:
        return (found.inst_id, found.order_id) == (asked.inst_id, asked.order_id)
    return (found.inst_id, found.client_id) == (asked.inst_id, asked.client_id)


def _oldest_first(orders: Any) -> list[OrderSnapshot]:
    return sorted(orders, key=lambda order: (order.created_ms or 0, int(order.order_id)))
