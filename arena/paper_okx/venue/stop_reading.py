"""Attached take-profit and stop-loss: what may be asked for, and on which side of the price.

Pure. Invariant: a stop that comes out has a trigger and an order price for each part that it has.
"""

from __future__ import annotations

from decimal import Decimal

from arena.paper_okx.market import Contract, Quote
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.venue.amounts import on_grid, text
from arena.paper_okx.venue.order_reading import check_size
from arena.paper_okx.venue.records import Order
from arena.paper_okx.venue.requests import Request

__all__ = ["MARKET_PX", "PRICE_TYPES", "check_stop_sides", "read_part", "read_stops"]

PRICE_TYPES = ("last", "index", "mark")
MARKET_PX = Decimal(-1)

# which code says that take-profit, stop-loss is on the wrong side: of the order's price, of the best quote
_WRONG_SIDE = {
    ("buy", "order"): ("51046", "51047"),
    ("sell", "order"): ("51048", "51049"),
    ("buy", "quote"): ("51050", "51051"),
    ("sell", "quote"): ("51052", "51053"),
}


def read_part(contract: Contract, request: Request, part: str) -> tuple[Decimal | None, str, Decimal | None]:
    """Return trigger price, its kind and the order price of one part, "tp" or "sl"."""
    trigger = request.amount(f"{part}TriggerPx")
    order_px = request.number(f"{part}OrdPx")
    if trigger is None and order_px is None:
        return None, "", None
    if trigger is None or not on_grid(trigger, contract.tick_sz):
        raise Refusal("51000", f"{part}TriggerPx")
    if order_px is None or (
        order_px != MARKET_PX and (order_px <= 0 or not on_grid(order_px, contract.tick_sz))
    ):
        raise Refusal("51000", f"{part}OrdPx")
    return trigger, request.choice(f"{part}TriggerPxType", PRICE_TYPES, "last"), order_px


def read_stops(contract: Contract, request: Request) -> list[dict[str, str]]:
    """Return the attached stops as the order object has them."""
    return [_read_stop(contract, part) for part in request.parts("attachAlgoOrds")]


def _read_stop(contract: Contract, request: Request) -> dict[str, str]:
    tp_trigger, tp_type, tp_px = read_part(contract, request, "tp")
    sl_trigger, sl_type, sl_px = read_part(contract, request, "sl")
    if tp_trigger is None and sl_trigger is None:
        raise Refusal("51000", "attachAlgoOrds")
    request.choice("tpOrdKind", ("condition",), "condition")
    size = request.amount("sz")
    return {
        "attachAlgoId": "",
        "attachAlgoClOrdId": request.word("attachAlgoClOrdId", 32),
        "tpOrdKind": "condition" if tp_trigger is not None else "",
        "tpTriggerPx": text(tp_trigger),
        "tpTriggerPxType": tp_type,
        "tpOrdPx": text(tp_px),
        "slTriggerPx": text(sl_trigger),
        "slTriggerPxType": sl_type,
        "slOrdPx": text(sl_px),
        "sz": "" if size is None else text(check_size(contract, size, "limit")),
        "amendPxOnTriggerType": request.choice("amendPxOnTriggerType", ("0",), "0"),
        "failCode": "",
        "failReason": "",
    }


def check_stop_sides(order: Order, quote: Quote) -> None:
    """Refuse a take-profit that would lose, or a stop-loss that would win, against the order or the book."""
    best = quote.asks if order.side == "buy" else quote.bids
    against = "order" if order.px is not None or not best else "quote"
    base = order.px if order.px is not None else (best[0][0] if best else quote.last)
    for stop in order.attached:
        codes = _WRONG_SIDE[order.side, against]
        if stop["tpTriggerPx"] and order.sign * (Decimal(stop["tpTriggerPx"]) - base) <= 0:
            raise Refusal(codes[0], str(base))
        if stop["slTriggerPx"] and order.sign * (base - Decimal(stop["slTriggerPx"])) <= 0:
            raise Refusal(codes[1], str(base))
