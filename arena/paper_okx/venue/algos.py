"""Algo orders: placing and cancelling what waits for a price.

conditional (a take-profit or a stop-loss), oco (both, one cancels the other), trigger and move_order_stop (a
trailing stop); other kinds are refused. Invariant: an algo binds no margin while it waits.
"""

from __future__ import annotations

from decimal import Decimal

from arena.paper_okx.market import Contract
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.venue.amounts import ZERO, on_grid
from arena.paper_okx.venue.desk import Account, Desk, Row
from arena.paper_okx.venue.endings import cancel_algo
from arena.paper_okx.venue.funds import lever_of
from arena.paper_okx.venue.order_reading import instrument_of, read_pos_side, read_size
from arena.paper_okx.venue.pushes import tell_algo
from arena.paper_okx.venue.records import Algo
from arena.paper_okx.venue.requests import Request
from arena.paper_okx.venue.stop_reading import MARKET_PX, PRICE_TYPES, read_part, read_stops
from arena.paper_okx.venue.trailing import TRAILING, read_trailing

__all__ = ["cancel_algo_order", "market_or", "place_algo"]

KINDS = ("conditional", "oco", "trigger", TRAILING)
# which code says that take-profit, stop-loss is on the wrong side of the last price
_WRONG_SIDE = {"buy": ("51277", "51278"), "sell": ("51279", "51280")}


def place_algo(desk: Desk, account: Account, request: Request) -> Row:
    """Let an algo order wait; return the acknowledgement."""
    try:
        algo = _read_algo(desk, account, request)
        _check_caps(desk, account, algo)
    except Refusal as refusal:
        names = ("clOrdId", "algoClOrdId", "tag")
        kept = {name: request.text(name) for name in names}
        raise Refusal(refusal.code, refusal.detail, **kept) from None
    algo.algo_id = desk.next_id()
    for stop in algo.attached:
        stop["attachAlgoId"] = desk.next_id()
    account.add(algo)
    desk.touch(algo)
    tell_algo(desk, account, algo)
    return {
        "algoId": algo.algo_id,
        "clOrdId": algo.cl_ord_id,
        "algoClOrdId": algo.algo_cl_ord_id,
        "sCode": "0",
        "sMsg": "",
        "tag": algo.tag,
    }


def _read_algo(desk: Desk, account: Account, request: Request) -> Algo:
    contract = instrument_of(desk, request)
    if account.profile.acct_lv == "1":
        raise Refusal("51010")
    td_mode = request.choice("tdMode", ("cross", "isolated"))
    pos_side = read_pos_side(account, request)
    fraction = request.choice("closeFraction", ("1",)) if request.has("closeFraction") else ""
    algo = Algo(
        uid=account.uid,
        algo_id="",
        algo_cl_ord_id=request.word("algoClOrdId", 32),
        cl_ord_id=request.word("clOrdId", 32),
        tag=request.word("tag", 16),
        inst_id=contract.inst_id,
        td_mode=td_mode,
        side=request.choice("side", ("buy", "sell")),
        pos_side=pos_side,
        ord_type=request.choice("ordType", KINDS),
        sz=ZERO if fraction else read_size(contract, request, "sz", "limit"),
        close_fraction=fraction,
        reduce_only=(bool(fraction) or request.flag("reduceOnly")) and not account.hedged,
        cxl_on_close_pos=request.flag("cxlOnClosePos"),
        lever=lever_of(desk, account, contract.inst_id, td_mode, pos_side),
        last=desk.prices(contract.inst_id).last,
        c_time=desk.now,
        u_time=desk.now,
    )
    if fraction and algo.ord_type not in {"conditional", "oco"}:
        raise Refusal("51000", "closeFraction")
    if fraction and not account.held(algo.position_key):
        raise Refusal("51023", contract.inst_id)
    _check_client_id(account, algo.algo_cl_ord_id)
    if algo.ord_type == "trigger":
        _read_trigger(contract, request, algo)
    elif algo.ord_type == TRAILING:
        read_trailing(contract, request, algo)
    else:
        _read_stop(contract, request, algo)
    return algo


def _check_client_id(account: Account, algo_cl_ord_id: str) -> None:
    if algo_cl_ord_id and any(a.algo_cl_ord_id == algo_cl_ord_id for a in account.live_algos.values()):
        raise Refusal("51016", algo_cl_ord_id)


def _read_trigger(contract: Contract, request: Request, algo: Algo) -> None:
    """Read a trigger order; which way the price has to come follows from where it is now."""
    trigger, order_px = request.amount("triggerPx"), request.number("orderPx")
    if trigger is None or not on_grid(trigger, contract.tick_sz) or trigger == algo.last:
        raise Refusal("51000", "triggerPx")
    if order_px is None or (
        order_px != MARKET_PX and (order_px <= 0 or not on_grid(order_px, contract.tick_sz))
    ):
        raise Refusal("51000", "orderPx")
    algo.trigger_px, algo.ord_px = trigger, order_px
    algo.trigger_px_type = request.choice("triggerPxType", PRICE_TYPES, "last")
    algo.trigger_above = trigger > algo.last
    algo.attached = read_stops(contract, request)


def _read_stop(contract: Contract, request: Request, algo: Algo) -> None:
    """Read take-profit and stop-loss; a conditional order that names both is the stop-loss alone."""
    algo.tp_trigger_px, algo.tp_trigger_px_type, algo.tp_ord_px = read_part(contract, request, "tp")
    algo.sl_trigger_px, algo.sl_trigger_px_type, algo.sl_ord_px = read_part(contract, request, "sl")
    if algo.ord_type == "oco" and (algo.tp_trigger_px is None or algo.sl_trigger_px is None):
        raise Refusal("51000", "slTriggerPx" if algo.sl_trigger_px is None else "tpTriggerPx")
    if algo.ord_type == "conditional" and algo.sl_trigger_px is not None:
        algo.tp_trigger_px, algo.tp_trigger_px_type, algo.tp_ord_px = None, "", None
    if algo.tp_trigger_px is None and algo.sl_trigger_px is None:
        raise Refusal("51000", "slTriggerPx")
    _check_side(algo)


def _check_side(algo: Algo) -> None:
    """Refuse a part that the last price has passed already."""
    sign = 1 if algo.side == "buy" else -1
    for code, trigger, way in zip(
        _WRONG_SIDE[algo.side], (algo.tp_trigger_px, algo.sl_trigger_px), (1, -1), strict=True
    ):
        if trigger is not None and sign * way * (trigger - algo.last) > 0:
            raise Refusal(code, str(algo.last))


def _check_caps(desk: Desk, account: Account, algo: Algo) -> None:
    settings = desk.settings
    caps = {"trigger": settings.max_triggers_per_instrument, TRAILING: settings.max_trailing_per_instrument}
    most = caps.get(algo.ord_type, settings.max_stops_per_instrument)
    alike = {algo.ord_type} if algo.ord_type in caps else set(KINDS) - set(caps)
    here = sum(
        1
        for other in account.live_algos.values()
        if other.inst_id == algo.inst_id and other.ord_type in alike
    )
    if here >= most:
        raise Refusal("51174", f"{algo.inst_id} {most}")


def cancel_algo_order(desk: Desk, account: Account, request: Request) -> Row:
    """Cancel by algoId, else by algoClOrdId."""
    inst_id = instrument_of(desk, request).inst_id
    algo = account.live_algos.get(request.text("algoId"))
    if not request.has("algoId"):
        name = request.need("algoClOrdId")
        algo = next((a for a in account.live_algos.values() if a.algo_cl_ord_id == name), None)
    if algo is None or algo.inst_id != inst_id:
        raise Refusal("51400", algoId=request.text("algoId"))
    cancel_algo(desk, account, algo)
    return {"algoId": algo.algo_id, "sCode": "0", "sMsg": ""}


def market_or(price: Decimal | None) -> Decimal | None:
    """Return an algo's order price, None for a market order."""
    return None if price is None or price == MARKET_PX else price
