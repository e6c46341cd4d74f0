"""How much an account could still trade, and at what fee.

Reads only. Invariant: a limit order of maxBuy contracts at the price asked about would be let in.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from arena.paper_okx.market import Contract, Quote
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.venue.amounts import ZERO, floor_to, text
from arena.paper_okx.venue.desk import Account, Desk, Row
from arena.paper_okx.venue.funds import headroom, lever_of
from arena.paper_okx.venue.leverage import free_cash
from arena.paper_okx.venue.order_checks import largest_position
from arena.paper_okx.venue.requests import Request

__all__ = ["available_rows", "fee_row", "size_rows"]

MODES = ("cross", "isolated")


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of one instrument: margin mode, price and leverage, None for those in force."""

    contract: Contract
    td_mode: str
    px: Decimal | None
    lever: Decimal | None


def size_rows(desk: Desk, account: Account, request: Request) -> list[Row]:
    """Return account/max-size."""
    td_mode = request.choice("tdMode", MODES)
    px, lever = request.amount("px"), request.amount("leverage")
    return [
        _size_row(desk, account, _Question(desk.contract(inst_id), td_mode, px, lever))
        for inst_id in request.need("instId").split(",")
    ]


def _size_row(desk: Desk, account: Account, question: _Question) -> Row:
    return {
        "instId": question.contract.inst_id,
        "ccy": question.contract.settle,
        "maxBuy": text(_size(desk, account, question, 1)),
        "maxSell": text(_size(desk, account, question, -1)),
    }


def _size(desk: Desk, account: Account, question: _Question, sign: int) -> Decimal:
    """Return what may be closed on the way (net mode) and opened then; a position frees nothing before."""
    contract = question.contract
    leg = ("long" if sign > 0 else "short") if account.hedged else "net"
    key = (contract.inst_id, question.td_mode, leg)
    held = account.held(key) * sign
    waiting = account.resting.side((key, "buy" if sign > 0 else "sell")).contracts
    closing = max(ZERO, -held - waiting)
    lever = question.lever or lever_of(desk, account, *key)
    each = _cost(desk, account, question, sign, lever)
    opening = (
        max(ZERO, _free(desk, account, question.td_mode) - closing * _spread(desk, question, sign)) / each
    )
    room = largest_position(contract, lever) - held - waiting - closing
    return closing + floor_to(max(ZERO, min(opening, room)), contract.lot_sz)


def _cost(desk: Desk, account: Account, question: _Question, sign: int, lever: Decimal) -> Decimal:
    """Return what opening one contract takes: margin, fee, and what is lost to the mark."""
    dear = max(_price(desk, question, sign), desk.mark(question.contract.inst_id))
    share = 1 / lever + desk.fees(account).taker
    return question.contract.ct_val * dear * share + _spread(desk, question, sign)


def _spread(desk: Desk, question: _Question, sign: int) -> Decimal:
    lost = sign * (_price(desk, question, sign) - desk.mark(question.contract.inst_id))
    return question.contract.ct_val * max(ZERO, lost)


def _price(desk: Desk, question: _Question, sign: int) -> Decimal:
    """Return the price asked about, else the best one of the book."""
    return question.px or _best(desk.quote(question.contract.inst_id), sign)


def _best(quote: Quote, sign: int) -> Decimal:
    book = quote.asks if sign > 0 else quote.bids
    return book[0][0] if book else quote.last


def _free(desk: Desk, account: Account, td_mode: str) -> Decimal:
    return free_cash(desk, account) if td_mode == "isolated" else max(ZERO, headroom(desk, account))


def available_rows(desk: Desk, account: Account, request: Request) -> list[Row]:
    """Return account/max-avail-size: the USDT that orders may bind, the same for both sides."""
    free = text(_free(desk, account, request.choice("tdMode", MODES)))
    return [
        {"instId": desk.contract(inst_id).inst_id, "availBuy": free, "availSell": free}
        for inst_id in request.need("instId").split(",")
    ]


def fee_row(desk: Desk, account: Account, request: Request) -> Row:
    """Return account/trade-fee; rates are negative where they are charged."""
    inst_type = request.choice("instType", ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION"))
    if inst_type != "SWAP":
        raise Refusal("51000", "instType")
    rates = desk.fees(account)
    row: Row = {
        "level": account.profile.fee_level,
        "delivery": "",
        "exercise": "",
        "instType": inst_type,
        "ruleType": "normal",
        "category": "1",
        "ts": str(desk.now),
        "fiat": [],
    }
    for kind in ("", "U", "USDC"):
        row[f"taker{kind}"] = text(-rates.taker)
        row[f"maker{kind}"] = text(-rates.maker)
    return row
