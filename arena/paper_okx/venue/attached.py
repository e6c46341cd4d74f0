"""Take-profit and stop-loss that came with an order and wait once it has ended.

Invariant: stops begin to wait when their order ends, for as much as was filled of it, once.
"""

from __future__ import annotations

from decimal import Decimal

from arena.paper_okx.venue.desk import Account, Desk
from arena.paper_okx.venue.pushes import tell_algo
from arena.paper_okx.venue.records import Algo, Order

__all__ = ["attach_stops"]


def attach_stops(desk: Desk, account: Account, order: Order) -> None:
    """Let the stops of an order that has ended wait for their prices."""
    if order.is_live or not order.acc_fill_sz:
        return
    for stop in order.attached:
        _wait(desk, account, order, stop)


def _wait(desk: Desk, account: Account, order: Order, stop: dict[str, str]) -> None:
    both = bool(stop["tpTriggerPx"] and stop["slTriggerPx"])
    asked = Decimal(stop["sz"]) if stop["sz"] else order.acc_fill_sz
    algo = Algo(
        uid=account.uid,
        algo_id=desk.next_id(),
        algo_cl_ord_id=stop["attachAlgoClOrdId"],
        cl_ord_id="",
        tag=order.tag,
        inst_id=order.inst_id,
        td_mode=order.td_mode,
        side="sell" if order.side == "buy" else "buy",
        pos_side=order.pos_side,
        ord_type="oco" if both else "conditional",
        sz=min(asked, order.acc_fill_sz),
        close_fraction="",
        reduce_only=True,
        cxl_on_close_pos=False,
        lever=order.lever,
        last=desk.prices(order.inst_id).last,
        c_time=desk.now,
        u_time=desk.now,
        tp_trigger_px=_price(stop["tpTriggerPx"]),
        tp_trigger_px_type=stop["tpTriggerPxType"],
        tp_ord_px=_price(stop["tpOrdPx"]),
        sl_trigger_px=_price(stop["slTriggerPx"]),
        sl_trigger_px_type=stop["slTriggerPxType"],
        sl_ord_px=_price(stop["slOrdPx"]),
        linked_ord_id=order.ord_id,
    )
    account.add(algo)
    desk.touch(algo)
    tell_algo(desk, account, algo)


def _price(value: str) -> Decimal | None:
    return Decimal(value) if value else None
