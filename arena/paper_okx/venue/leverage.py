"""Leverage, position mode and the margin of isolated positions.

Invariant: no change leaves a position with less initial margin than its new leverage asks for.
"""

from __future__ import annotations

from decimal import Decimal

from arena.paper_okx.market import Contract
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.venue.amounts import ONE, ZERO, money, on_grid, text
from arena.paper_okx.venue.desk import Account, Desk, Row
from arena.paper_okx.venue.funds import (
    bound_by_orders,
    cross_equity,
    headroom,
    initial_margin,
    lever_key,
    lever_of,
    notional,
    position_lever,
    upl,
)
from arena.paper_okx.venue.ledger import MARGIN_ADDED, MARGIN_MOVED, MARGIN_REDUCED, move_margin
from arena.paper_okx.venue.order_reading import instrument_of, read_pos_side
from arena.paper_okx.venue.pushes import tell_account
from arena.paper_okx.venue.records import Position
from arena.paper_okx.venue.requests import Request

__all__ = ["change_margin", "free_cash", "leverage_rows", "set_leverage", "set_position_mode"]

MODES = ("cross", "isolated")
_LEVER_STEP = Decimal("0.01")


def free_cash(desk: Desk, account: Account) -> Decimal:
    """Return what may leave the cash for an isolated position."""
    return max(ZERO, min(headroom(desk, account), account.profile.cash - bound_by_orders(desk, account)))


def set_leverage(desk: Desk, account: Account, request: Request) -> Row:
    """Set the leverage of an instrument, isolated in long_short mode of one leg."""
    contract = instrument_of(desk, request)
    mgn_mode = request.choice("mgnMode", MODES)
    lever = request.number("lever")
    if lever is None:
        raise Refusal("50014", "lever")
    if not on_grid(lever, _LEVER_STEP):
        raise Refusal("51000", "lever")
    pos_side = read_pos_side(account, request) if mgn_mode == "isolated" else "net"
    positions = [
        p
        for p in account.open_positions(mgn_mode)
        if p.inst_id == contract.inst_id and (mgn_mode == "cross" or p.pos_side == pos_side)
    ]
    _check_range(desk, contract, lever, positions)
    _check_pending(account, contract, mgn_mode)
    if mgn_mode == "cross":
        _check_cross(desk, account, lever, positions)
    else:
        _fill_up(desk, account, lever, positions)
    account.profile.levers[lever_key(contract.inst_id, mgn_mode, pos_side)] = lever
    desk.touch(account.profile)
    for position in positions:
        tell_account(desk, account, position, "set_leverage")
    return {"lever": text(lever), "mgnMode": mgn_mode, "instId": contract.inst_id, "posSide": pos_side}


def _check_range(desk: Desk, contract: Contract, lever: Decimal, positions: list[Position]) -> None:
    if lever < ONE:
        raise Refusal("59105", "1")
    most = min([contract.lever, *(desk.tier(position).max_lever for position in positions)])
    if lever > most:
        raise Refusal("59102", text(most))


def _check_pending(account: Account, contract: Contract, mgn_mode: str) -> None:
    for order in account.live.values():
        if order.inst_id == contract.inst_id and order.td_mode == mgn_mode:
            raise Refusal("59107" if mgn_mode == "cross" else "59101", contract.inst_id)
    for algo in account.live_algos.values():
        if algo.inst_id == contract.inst_id and algo.td_mode == mgn_mode == "isolated":
            raise Refusal("59668", contract.inst_id)


def _check_cross(desk: Desk, account: Account, lever: Decimal, positions: list[Position]) -> None:
    needed = sum((money(notional(desk, p) / lever) for p in positions), ZERO)
    bound = sum((initial_margin(desk, account, p) for p in positions), ZERO)
    if needed > bound and needed > cross_equity(desk, account):
        raise Refusal("59109", text(needed))
    if needed > bound and needed - bound > headroom(desk, account):
        raise Refusal("59108", text(needed - bound))


def _fill_up(desk: Desk, account: Account, lever: Decimal, positions: list[Position]) -> None:
    """Bring margin up to what a lower leverage asks for; a higher one leaves the margin where it is."""
    for position in positions:
        entry = abs(position.held) * desk.contract(position.inst_id).ct_val * position.avg_px
        missing = money(entry / lever) - position.margin
        if missing <= 0:
            continue
        if missing > free_cash(desk, account):
            raise Refusal("59103", text(missing))
        move_margin(desk, account, position, missing, MARGIN_MOVED)


def leverage_rows(desk: Desk, account: Account, request: Request) -> list[Row]:
    """Return account/leverage-info: one row, or one a leg."""
    mgn_mode = request.choice("mgnMode", MODES)
    sides = ("long", "short") if account.hedged and mgn_mode == "isolated" else ("net",)
    return [
        {
            "instId": inst_id,
            "mgnMode": mgn_mode,
            "posSide": side,
            "lever": text(lever_of(desk, account, desk.contract(inst_id).inst_id, mgn_mode, side)),
            "ccy": "",
        }
        for inst_id in request.need("instId").split(",")
        for side in sides
    ]


def set_position_mode(desk: Desk, account: Account, request: Request) -> Row:
    """Change between net and long_short, which needs an account without positions and orders."""
    mode = request.choice("posMode", ("net_mode", "long_short_mode"))
    if mode != account.profile.pos_mode:
        if account.open_positions() or account.live or account.live_algos:
            raise Refusal("59000")
        account.profile.pos_mode = mode
        desk.touch(account.profile)
    return {"posMode": mode}


def change_margin(desk: Desk, account: Account, request: Request) -> Row:
    """Add margin to an isolated position, or take out what it has beyond its initial margin."""
    contract = instrument_of(desk, request)
    pos_side = read_pos_side(account, request)
    adding = request.choice("type", ("add", "reduce")) == "add"
    amount = request.amount("amt")
    if amount is None:
        raise Refusal("50014", "amt")
    amount = money(amount)
    position = account.positions.get((contract.inst_id, "isolated", pos_side))
    if position is None or not position.held:
        raise Refusal("59300", contract.inst_id)
    most = free_cash(desk, account) if adding else _spare_margin(desk, account, position)
    if amount > most:
        raise Refusal("59301", text(most))
    sub_type = MARGIN_ADDED if adding else MARGIN_REDUCED
    move_margin(desk, account, position, amount if adding else -amount, sub_type)
    tell_account(desk, account, position, "adjust_margin")
    return {
        "instId": contract.inst_id,
        "posSide": pos_side,
        "amt": text(amount),
        "type": "add" if adding else "reduce",
        "leverage": text(position_lever(desk, account, position)),
        "ccy": contract.settle,
    }


def _spare_margin(desk: Desk, account: Account, position: Position) -> Decimal:
    needed = initial_margin(desk, account, position)
    return max(ZERO, position.margin + min(ZERO, upl(desk, position)) - needed)
