"""How much an account could still trade, and at what fee.

Reads only. Invariant: an order of maxBuy at the price asked about would be let in.
"""

from __future__ import annotations

from decimal import Decimal

from arena.paper_okx.market import Contract
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.venue.amounts import ONE, ZERO, floor_to, text
from arena.paper_okx.venue.desk import Account, Desk, Row
from arena.paper_okx.venue.funds import headroom, initial_margin, lever_of
from arena.paper_okx.venue.leverage import free_cash
from arena.paper_okx.venue.order_checks import largest_position
from arena.paper_okx.venue.requests import Request

__all__ = ["available_rows", "fee_row", "size_rows"]

MODES = ("cross", "isolated")


def size_rows(desk: Desk, account: Account, request: Request) -> list[Row]:
    """Return account/max-size."""
    td_mode = request.choice("tdMode", MODES)
    return [
        _size_row(desk, account, desk.contract(i), td_mode, request)
        for i in request.need("instId").split(",")
    ]


def _size_row(desk: Desk, account: Account, contract: Contract, td_mode: str, request: Request) -> Row:
    px = request.amount("px")
    sizes = [
        _size(desk, account, contract, td_mode, sign, px, request.amount("leverage")) for sign in (1, -1)
    ]
    return {
        "instId": contract.inst_id,
        "ccy": contract.settle,
        "maxBuy": text(sizes[0]),
        "maxSell": text(sizes[1]),
    }


def _size(
    desk: Desk,
    account: Account,
    contract: Contract,
    td_mode: str,
    sign: int,
    px: Decimal | None,
    asked: Decimal | None,
) -> Decimal:
    """Return the contracts that may be opened on one side, and closed on the way there in net mode."""
    side = ("long" if sign > 0 else "short") if account.hedged else "net"
    lever = asked or lever_of(desk, account, contract.inst_id, td_mode, side)
    quote = desk.quote(contract.inst_id)
    book = quote.asks if sign > 0 else quote.bids
    price = px or (book[0][0] if book else quote.last)
    lost = max(ZERO, sign * (price - quote.mark))
    dear = max(price, quote.mark)
    each = contract.ct_val * (dear / lever + dear * desk.fees(account).taker + lost)
    free = free_cash(desk, account) if td_mode == "isolated" else max(ZERO, headroom(desk, account))
    position = account.positions.get((contract.inst_id, td_mode, side))
    held = position.held if position else ZERO
    closing = abs(held) if held * sign < 0 else ZERO
    if closing and position is not None and td_mode == "cross":
        free += initial_margin(desk, account, position) - contract.ct_val * closing * (
            lost + dear * desk.fees(account).taker
        )
    opening = min(max(ZERO, free) / each, largest_position(contract, lever) - max(ZERO, held * sign))
    return closing + floor_to(max(ZERO, opening), contract.lot_sz)


def available_rows(desk: Desk, account: Account, request: Request) -> list[Row]:
    """Return account/max-avail-size: the USDT that orders may bind, the same for both sides."""
    td_mode = request.choice("tdMode", MODES)
    free = free_cash(desk, account) if td_mode == "isolated" else max(ZERO, headroom(desk, account))
    return [
        {"instId": desk.contract(inst_id).inst_id, "availBuy": text(free), "availSell": text(free)}
        for inst_id in request.need("instId").split(",")
    ]


def fee_row(desk: Desk, account: Account, request: Request) -> Row:
    """Return account/trade-fee; rates are negative where they are charged."""
    inst_type = request.choice("instType", ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION"))
    if inst_type != "SWAP":
        raise Refusal("51000", "instType")
    rates = desk.fees(account)
    maker, taker = text(-ONE * rates.maker), text(-ONE * rates.taker)
    return {
        "level": account.profile.fee_level,
        "taker": taker,
        "maker": maker,
        "takerU": taker,
        "makerU": maker,
        "takerUSDC": taker,
        "makerUSDC": maker,
        "delivery": "",
        "exercise": "",
        "instType": inst_type,
        "ruleType": "normal",
        "category": "1",
        "ts": str(desk.now),
        "fiat": [],
    }
