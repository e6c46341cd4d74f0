"""Orders, algo orders and fills as the exchange writes them.

Pure but for reading. Invariant: a row has the same keys whatever its values; what does not apply is "".
"""

from __future__ import annotations

from arena.paper_okx.venue.amounts import ZERO, text
from arena.paper_okx.venue.desk import Desk, Row
from arena.paper_okx.venue.records import Algo, Fill, Order, OrderTerms
from arena.paper_okx.venue.trailing import TRAILING, trailing_trigger

__all__ = ["algo_push", "algo_row", "fill_row", "order_push", "order_row"]


def lever_text(order: OrderTerms) -> str:
    """Write a leverage as orders have it, with a decimal: "3.0"."""
    value = text(order.lever)
    return value if "." in value else f"{value}.0"


def _flag(value: bool) -> str:  # noqa: FBT001 - one value, one word
    return "true" if value else "false"


def order_row(order: Order, settle: str = "USDT") -> Row:
    """Return the order object of trade/order and the lists."""
    filled = bool(order.acc_fill_sz)
    return {
        "instType": "SWAP",
        "instId": order.inst_id,
        "tgtCcy": "",
        "ccy": "",
        "ordId": order.ord_id,
        "clOrdId": order.cl_ord_id,
        "tag": order.tag,
        "px": text(order.px),
        "pxUsd": "",
        "pxVol": "",
        "pxType": "",
        "sz": text(order.sz),
        "pnl": text(order.pnl),
        "ordType": order.ord_type,
        "side": order.side,
        "posSide": order.pos_side,
        "tdMode": order.td_mode,
        "accFillSz": text(order.acc_fill_sz),
        "fillPx": text(order.fill_px) if filled else "",
        "tradeId": order.trade_id,
        "fillSz": text(order.fill_sz),
        "fillTime": str(order.fill_time) if filled else "",
        "avgPx": text(order.avg_px) if filled else "",
        "state": order.state,
        "stpId": "",
        "stpMode": order.stp_mode,
        "lever": lever_text(order),
        **_stops_of(order),
        "feeCcy": settle,
        "fee": text(order.fee),
        "rebateCcy": settle,
        "rebate": "0",
        "source": order.source,
        "category": order.category,
        "reduceOnly": _flag(order.reduce_only),
        "isTpLimit": "false",
        "cancelSource": order.cancel_source,
        "cancelSourceReason": "",
        "quickMgnType": "",
        "algoClOrdId": order.algo_cl_ord_id,
        "algoId": order.algo_id,
        "uTime": str(order.u_time),
        "cTime": str(order.c_time),
        "tradeQuoteCcy": "",
    }


def _stops_of(order: Order) -> Row:
    """Return the attached stops, and the first of them in the fields that older clients read."""
    first = order.attached[0] if order.attached else {}
    names = (
        "attachAlgoClOrdId",
        "tpTriggerPx",
        "tpTriggerPxType",
        "tpOrdPx",
        "slTriggerPx",
        "slTriggerPxType",
        "slOrdPx",
    )
    row: Row = {name: first.get(name, "") for name in names}
    row["attachAlgoOrds"] = [dict(stop) for stop in order.attached]
    row["linkedAlgoOrd"] = {"algoId": order.algo_id if order.source == "7" else ""}
    return row


def order_push(
    desk: Desk, order: Order, fill: Fill | None, request_id: str = "", *, amended: bool = False
) -> Row:
    """Return the order object with the further keys of the orders channel."""
    row = order_row(order, desk.contract(order.inst_id).settle)
    prices = desk.prices(order.inst_id)
    coin = desk.contract(order.inst_id).ct_val
    value = order.sz * coin * (order.px if order.px is not None else prices.mark)
    row["avgPx"] = text(order.avg_px)  # "0" before the first fill
    if fill is None:  # no trade of this order is told twice
        row.update(fillPx="", fillSz="0", fillTime="", tradeId="")
    row.update(
        {
            "notionalUsd": text(value),
            "fillPnl": text(fill.pnl) if fill else "0",
            "fillFee": text(fill.fee) if fill else "0",
            "fillFeeCcy": desk.contract(order.inst_id).settle if fill else "",
            "fillNotionalUsd": text(order.acc_fill_sz * coin * order.avg_px),
            "fillPxVol": "",
            "fillPxUsd": "",
            "fillMarkVol": "",
            "fillFwdPx": "",
            "fillMarkPx": text(fill.mark) if fill else "",
            "fillIdxPx": text(fill.index) if fill else "",
            "execType": fill.exec_type if fill else "",
            "amendSource": "1" if amended else "",
            "reqId": request_id,
            "amendResult": "0" if amended else "",
            "lastPx": text(prices.last),
            "code": "0",
            "msg": "",
        }
    )
    return row


def fill_row(fill: Fill, settle: str = "USDT") -> Row:
    """Return the fill object of trade/fills."""
    return {
        "instType": "SWAP",
        "instId": fill.inst_id,
        "tradeId": fill.trade_id,
        "ordId": fill.ord_id,
        "clOrdId": fill.cl_ord_id,
        "billId": fill.bill_id,
        "subType": fill.sub_type,
        "tag": fill.tag,
        "fillPx": text(fill.px),
        "fillSz": text(fill.sz),
        "fillIdxPx": text(fill.index),
        "fillPnl": text(fill.pnl),
        "fillPxVol": "",
        "fillPxUsd": "",
        "fillMarkVol": "",
        "fillFwdPx": "",
        "fillMarkPx": text(fill.mark),
        "side": fill.side,
        "posSide": fill.pos_side,
        "execType": fill.exec_type,
        "feeCcy": settle,
        "fee": text(fill.fee),
        "ts": str(fill.ts),
        "fillTime": str(fill.ts),
        "feeRate": "",
        "tradeQuoteCcy": "",
    }


_ALGO_BLANK = [
    "ccy",
    "chaseType",
    "chaseVal",
    "isTradeBorrowMode",
    "maxChaseType",
    "maxChaseVal",
    "pxLimit",
    "pxSpread",
    "pxVar",
    "quickMgnType",
    "szLimit",
    "tgtCcy",
    "timeInterval",
    "tradeQuoteCcy",
]


def algo_row(algo: Algo) -> Row:
    """Return the algo object of the lists."""
    row: Row = dict.fromkeys(_ALGO_BLANK, "")
    row.update(
        {
            "activePx": text(algo.active_px),
            "actualPx": text(algo.actual_px),
            "actualSide": algo.actual_side,
            "actualSz": text(algo.actual_sz) or "0",
            "algoClOrdId": algo.algo_cl_ord_id,
            "algoId": algo.algo_id,
            "amendPxOnTriggerType": "0",
            "attachAlgoOrds": [dict(stop) for stop in algo.attached],
            "cTime": str(algo.c_time),
            "callbackRatio": text(algo.callback_ratio),
            "callbackSpread": text(algo.callback_spread),
            "clOrdId": algo.cl_ord_id,
            "closeFraction": algo.close_fraction,
            "failCode": algo.fail_code,
            "instId": algo.inst_id,
            "instType": "SWAP",
            "last": text(algo.last),
            "lever": lever_text(algo),
            "linkedOrd": {"ordId": algo.linked_ord_id},
            "moveTriggerPx": text(trailing_trigger(algo)),
            "ordId": algo.ord_id,
            "ordIdList": [algo.ord_id] if algo.ord_id else [],
            "ordPx": text(algo.ord_px),
            "ordType": algo.ord_type,
            "posSide": algo.pos_side,
            "reduceOnly": _flag(algo.reduce_only),
            "side": algo.side,
            "slOrdPx": text(algo.sl_ord_px),
            "slTriggerPx": text(algo.sl_trigger_px),
            "slTriggerPxType": algo.sl_trigger_px_type,
            "state": algo.state,
            "sz": "" if algo.close_fraction else text(algo.sz),
            "tag": algo.tag,
            "tdMode": algo.td_mode,
            "tpOrdPx": text(algo.tp_ord_px),
            "tpTriggerPx": text(algo.tp_trigger_px),
            "tpTriggerPxType": algo.tp_trigger_px_type,
            "triggerPx": text(algo.trigger_px),
            "triggerPxType": algo.trigger_px_type,
            "triggerTime": str(algo.trigger_time) if algo.trigger_time else "",
            "uTime": str(algo.u_time),
        }
    )
    return row


_STOP_PUSH = (
    *("instType", "instId", "ccy", "ordId", "ordIdList", "algoId", "clOrdId", "sz", "closeFraction"),
    *("ordType", "side", "posSide", "tdMode", "tgtCcy", "lever", "state", "tpTriggerPx", "tpTriggerPxType"),
    *("tpOrdPx", "slTriggerPx", "slTriggerPxType", "slOrdPx", "triggerPx", "triggerPxType", "ordPx", "last"),
    *("actualSz", "actualPx", "tag", "actualSide", "triggerTime", "reduceOnly", "quickMgnType", "failCode"),
    *("algoClOrdId", "amendPxOnTriggerType", "attachAlgoOrds", "linkedOrd", "cTime", "uTime"),
    *("isTradeBorrowMode", "chaseType", "chaseVal", "maxChaseType", "maxChaseVal", "tradeQuoteCcy"),
)
_TRAILING_PUSH = (
    *("instType", "instId", "ccy", "ordId", "algoId", "clOrdId", "sz", "ordType", "side", "posSide"),
    *("tdMode", "tgtCcy", "lever", "state", "tpTriggerPx", "tpOrdPx", "slTriggerPx", "slOrdPx", "triggerPx"),
    *("ordPx", "actualSz", "actualPx", "tag", "actualSide", "triggerTime", "cTime", "pxVar", "pxSpread"),
    *("szLimit", "pxLimit", "timeInterval", "callbackRatio", "callbackSpread", "activePx", "moveTriggerPx"),
    *("failCode", "algoClOrdId", "reduceOnly", "isTradeBorrowMode", "tradeQuoteCcy"),
)


def algo_push(desk: Desk, algo: Algo) -> Row:
    """Return an algo order as its channel tells it: orders-algo, or algo-advance of a trailing stop."""
    row, trails = algo_row(algo), algo.ord_type == TRAILING
    size = algo.actual_sz if algo.close_fraction else algo.sz
    value = (size or ZERO) * desk.contract(algo.inst_id).ct_val * desk.mark(algo.inst_id)
    more = {"count": "", "pTime": str(desk.now)} if trails else {"reqId": "", "amendResult": ""}
    told = {name: row[name] for name in (_TRAILING_PUSH if trails else _STOP_PUSH)}
    return {**told, "notionalUsd": text(value), **more}
