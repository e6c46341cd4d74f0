"""A request to trade read into an order: what each parameter may be.

Changes nothing. Invariant: what comes out lies on the grids of its instrument and names a side that the
account's position mode knows.
"""

from __future__ import annotations

from decimal import Decimal

from arena.paper_okx.market import Contract, Quote
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.venue.amounts import on_grid
from arena.paper_okx.venue.desk import Account, Desk
from arena.paper_okx.venue.funds import lever_of
from arena.paper_okx.venue.records import Order
from arena.paper_okx.venue.requests import Request

__all__ = [
    "UNPRICED",
    "check_size",
    "instrument_of",
    "limit_within",
    "market_limit",
    "read_order",
    "read_pos_side",
    "read_price",
    "read_size",
]

PRICED = ("limit", "post_only", "fok", "ioc")
UNPRICED = ("market", "optimal_limit_ioc")
STP_MODES = ("cancel_maker", "cancel_taker", "cancel_both")


def instrument_of(desk: Desk, request: Request) -> Contract:
    """Return the instrument that instId names, or instIdCode where orders come over a socket."""
    if not request.has("instId") and request.has("instIdCode"):
        code = request.whole("instIdCode")
        for contract in desk.market.contracts.values():
            if contract.code == code:
                return contract
        raise Refusal("51001", str(code))
    return desk.contract(request.need("instId"))


def read_pos_side(account: Account, request: Request) -> str:
    """Return net, or the leg that a long_short account has to name."""
    known = ("long", "short") if account.hedged else ("net",)
    value = request.text("posSide", "" if account.hedged else "net")
    if value not in known:
        raise Refusal("51000", "posSide")
    return value


def read_size(contract: Contract, request: Request, name: str, ord_type: str) -> Decimal:
    size = request.amount(name)
    if size is None:
        raise Refusal("50014", name)
    return check_size(contract, size, ord_type)


def check_size(contract: Contract, size: Decimal, ord_type: str) -> Decimal:
    """Return `size` if it lies between the smallest and the largest order, on the lot grid."""
    if size < contract.min_sz:
        raise Refusal("51020", str(contract.min_sz))
    if not on_grid(size, contract.lot_sz):
        raise Refusal("51121", str(contract.lot_sz))
    if ord_type in UNPRICED and size > contract.max_mkt_sz:
        raise Refusal("51202", str(contract.max_mkt_sz))
    if size > contract.max_lmt_sz:
        raise Refusal("51203", str(contract.max_lmt_sz))
    return size


def read_price(contract: Contract, request: Request, name: str) -> Decimal:
    """Return a price on the tick grid."""
    price = request.amount(name)
    if price is None or not on_grid(price, contract.tick_sz):
        raise Refusal("51000", name)
    return price


def limit_within(quote: Quote, side: str, price: Decimal, *, amend: bool) -> Decimal:
    """Return the price if the band allows it, or the nearest one that it does where that was asked for."""
    best = min(price, quote.highest) if side == "buy" else max(price, quote.lowest)
    if best != price and not amend:
        raise Refusal("51006", f"{quote.highest} {quote.lowest}")
    return best


def market_limit(quote: Quote, side: str) -> Decimal:
    """Return the most aggressive price inside the band: a market order is a limit order there."""
    return quote.highest if side == "buy" else quote.lowest


def read_order(desk: Desk, account: Account, request: Request) -> Order:
    """Return the order that a request asks for, without an id; nothing is known yet of whether it may be."""
    contract = instrument_of(desk, request)
    if account.profile.acct_lv == "1":
        raise Refusal("51010")
    td_mode = request.choice("tdMode", ("cross", "isolated"))
    side = request.choice("side", ("buy", "sell"))
    ord_type = request.choice("ordType", (*PRICED, *UNPRICED))
    pos_side = read_pos_side(account, request)
    quote = desk.quote(contract.inst_id)
    if ord_type in UNPRICED:
        px, limit = None, market_limit(quote, side)
    else:
        amend = request.choice("pxAmendType", ("0", "1"), "0") == "1"
        px = limit = limit_within(quote, side, read_price(contract, request, "px"), amend=amend)
    return Order(
        uid=account.uid,
        ord_id="",
        cl_ord_id=request.word("clOrdId", 32),
        tag=request.word("tag", 16),
        inst_id=contract.inst_id,
        td_mode=td_mode,
        side=side,
        pos_side=pos_side,
        ord_type=ord_type,
        sz=read_size(contract, request, "sz", ord_type),
        px=px,
        limit=limit,
        reduce_only=request.flag("reduceOnly") and not account.hedged,
        lever=lever_of(desk, account, contract.inst_id, td_mode, pos_side),
        c_time=desk.now,
        u_time=desk.now,
        stp_mode=request.choice("stpMode", STP_MODES, "cancel_maker"),
    )
