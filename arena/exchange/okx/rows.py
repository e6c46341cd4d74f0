"""OKX's rows of orders, fills and algo orders as the house's snapshots; of REST and of streams alike.

Pure. Invariant: the same row gives the same snapshot, and every snapshot keeps the row whole.
"""

from __future__ import annotations

from arena.core.account import AlgoSnapshot, FillSnapshot, OrderSnapshot
from arena.core.quantity import Contracts, Price, Usdt
from arena.core.trading import AlgoState, AlgoType, OrderState, OrderType, PositionSide, Raw
from arena.exchange.okx.fields import Fields
from arena.exchange.okx.words import (
    ALGO_STATES,
    ALGO_TYPES,
    LIQUIDITY,
    MARGIN_MODES,
    ORDER_STATES,
    ORDER_TYPES,
    POSITION_SIDES,
    SIDES,
    TRIGGERS,
)

__all__ = ["fill_of_order_push", "read_algo", "read_fill", "read_order"]


def read_order(raw: Raw) -> OrderSnapshot:
    """Return an order of `/trade/order*` or of the orders channel."""
    row = Fields(raw, "order")
    row.settled_in_usdt("feeCcy")
    return OrderSnapshot(
        inst_id=row.text("instId"),
        order_id=row.text("ordId"),
        client_id=row.maybe("clOrdId"),
        side=row.word("side", SIDES),
        position_side=_position_side(row),
        margin_mode=row.maybe_word("tdMode", MARGIN_MODES),
        type=ORDER_TYPES.get(row.text("ordType"), OrderType.UNKNOWN),
        state=ORDER_STATES.get(row.text("state"), OrderState.UNKNOWN),
        size=row.number("sz", Contracts),
        price=row.maybe_number("px", Price),
        filled=row.maybe_number("accFillSz", Contracts) or Contracts(0),
        average_price=row.maybe_number("avgPx", Price) or None,  # streams say 0 before the first fill
        fee=row.maybe_number("fee", Usdt),
        realized_pnl=row.maybe_number("pnl", Usdt),
        reduce_only=row.flag("reduceOnly"),
        category=row.maybe("category") or "normal",
        cancel_source=row.maybe("cancelSource"),
        algo_id=row.maybe("algoId"),
        algo_client_id=row.maybe("algoClOrdId"),
        created_ms=row.maybe_ms("cTime"),
        updated_ms=row.maybe_ms("uTime"),
        raw=raw,
    )


def read_fill(raw: Raw) -> FillSnapshot:
    """Return a fill of `/trade/fills*`."""
    row = Fields(raw, "fill")
    row.settled_in_usdt("feeCcy")
    return FillSnapshot(
        inst_id=row.text("instId"),
        trade_id=row.text("tradeId"),
        order_id=row.text("ordId"),
        client_id=row.maybe("clOrdId"),
        bill_id=row.text("billId"),
        side=row.word("side", SIDES),
        position_side=_position_side(row),
        price=row.number("fillPx", Price),
        size=row.number("fillSz", Contracts),
        fee=row.maybe_number("fee", Usdt),
        realized_pnl=row.maybe_number("fillPnl", Usdt),
        liquidity=row.maybe_word("execType", LIQUIDITY),
        ts=row.maybe_ms("fillTime") or row.ms("ts"),
        raw=raw,
    )


def fill_of_order_push(raw: Raw) -> FillSnapshot | None:
    """Return the fill that a push of the orders channel tells, None where it tells something else."""
    row = Fields(raw, "pushed order")
    if row.maybe("tradeId") is None or not row.maybe_number("fillSz", Contracts):
        return None
    row.settled_in_usdt("fillFeeCcy")
    return FillSnapshot(
        inst_id=row.text("instId"),
        trade_id=row.text("tradeId"),
        order_id=row.text("ordId"),
        client_id=row.maybe("clOrdId"),
        bill_id=None,
        side=row.word("side", SIDES),
        position_side=_position_side(row),
        price=row.number("fillPx", Price),
        size=row.number("fillSz", Contracts),
        fee=row.maybe_number("fillFee", Usdt),
        realized_pnl=row.maybe_number("fillPnl", Usdt),
        liquidity=row.maybe_word("execType", LIQUIDITY),
        ts=row.ms("fillTime"),
        raw=raw,
    )


def read_algo(raw: Raw) -> AlgoSnapshot:
    """Return an algo order of `/trade/orders-algo-*`."""
    row = Fields(raw, "algo order")
    ids = raw.get("ordIdList")
    sent = [str(order_id) for order_id in ids if order_id] if isinstance(ids, list) else []
    if not sent and row.maybe("ordId"):
        sent = [row.text("ordId")]
    return AlgoSnapshot(
        inst_id=row.text("instId"),
        algo_id=row.text("algoId"),
        client_id=row.maybe("algoClOrdId"),
        type=ALGO_TYPES.get(row.text("ordType"), AlgoType.UNKNOWN),
        state=ALGO_STATES.get(row.text("state"), AlgoState.UNKNOWN),
        side=row.word("side", SIDES),
        position_side=_position_side(row),
        margin_mode=row.maybe_word("tdMode", MARGIN_MODES),
        size=row.maybe_number("sz", Contracts) or None,
        stop=row.maybe_number("slTriggerPx", Price),
        take=row.maybe_number("tpTriggerPx", Price),
        trigger_by=row.maybe_word("slTriggerPxType", TRIGGERS) or row.maybe_word("tpTriggerPxType", TRIGGERS),
        reduce_only=row.flag("reduceOnly"),
        order_ids=tuple(sent),
        fail_code=row.maybe("failCode"),
        created_ms=row.maybe_ms("cTime"),
        triggered_ms=row.maybe_ms("triggerTime"),
        raw=raw,
    )


def _position_side(row: Fields) -> PositionSide:
    return row.maybe_word("posSide", POSITION_SIDES) or PositionSide.NET
