"""What an account has, what is bound, and what it can still put up.

Reads accounts, changes nothing. Invariant: equity = cash + isolated margin + unrealised profit.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from arena.paper_okx.venue.amounts import ZERO, money
from arena.paper_okx.venue.desk import Account, Desk
from arena.paper_okx.venue.margin import Leg, Pool
from arena.paper_okx.venue.records import Order, Position
from arena.paper_okx.venue.resting import Change, Place, place_of

__all__ = [
    "bound_by_orders",
    "cross_equity",
    "cross_pool",
    "equity",
    "headroom",
    "initial_margin",
    "isolated_equity",
    "isolated_pool",
    "leg_of",
    "lever_key",
    "lever_of",
    "notional",
    "pool_of",
    "pools",
    "position_lever",
    "upl",
]


def lever_key(inst_id: str, mgn_mode: str, pos_side: str) -> str:
    """Return where a leverage is kept: cross has one an instrument, isolated one a side."""
    return f"{inst_id}|{mgn_mode}|{'' if mgn_mode == 'cross' else pos_side}"


def lever_of(desk: Desk, account: Account, inst_id: str, mgn_mode: str, pos_side: str) -> Decimal:
    default = min(desk.settings.default_lever, desk.contract(inst_id).lever)
    return account.profile.levers.get(lever_key(inst_id, mgn_mode, pos_side), default)


def position_lever(desk: Desk, account: Account, position: Position) -> Decimal:
    return lever_of(desk, account, position.inst_id, position.mgn_mode, position.pos_side)


def leg_of(desk: Desk, account: Account, position: Position) -> Leg:
    contract = desk.contract(position.inst_id)
    rate = desk.tier(position).mmr + desk.fees(account).taker
    return Leg(position.inst_id, position.held * contract.ct_val, position.avg_px, rate)


def upl(desk: Desk, position: Position) -> Decimal:
    coins = position.held * desk.contract(position.inst_id).ct_val
    return money(coins * (desk.mark(position.inst_id) - position.avg_px))


def notional(desk: Desk, position: Position) -> Decimal:
    return abs(position.held) * desk.contract(position.inst_id).ct_val * desk.mark(position.inst_id)


def cross_pool(desk: Desk, account: Account) -> Pool:
    legs = tuple(leg_of(desk, account, position) for position in account.open_positions("cross"))
    return Pool(account.profile.cash, legs)


def isolated_pool(desk: Desk, account: Account, position: Position) -> Pool:
    return Pool(position.margin, (leg_of(desk, account, position),))


def pool_of(desk: Desk, account: Account, position: Position) -> Pool:
    """Return the pool that answers for a position."""
    if position.mgn_mode == "isolated":
        return isolated_pool(desk, account, position)
    return cross_pool(desk, account)


def pools(desk: Desk, account: Account) -> list[Pool]:
    """Return the account's pools: of cross positions first, then of each isolated one."""
    cross = cross_pool(desk, account)
    isolated = [isolated_pool(desk, account, position) for position in account.open_positions("isolated")]
    return [cross, *isolated] if cross.legs else isolated


def cross_equity(desk: Desk, account: Account) -> Decimal:
    return account.profile.cash + sum((upl(desk, p) for p in account.open_positions("cross")), ZERO)


def isolated_equity(desk: Desk, account: Account) -> Decimal:
    return sum((p.margin + upl(desk, p) for p in account.open_positions("isolated")), ZERO)


def equity(desk: Desk, account: Account) -> Decimal:
    return cross_equity(desk, account) + isolated_equity(desk, account)


def initial_margin(desk: Desk, account: Account, position: Position) -> Decimal:
    """Return what a cross position binds at the mark."""
    return money(notional(desk, position) / position_lever(desk, account, position))


def bound_by_orders(
    desk: Desk,
    account: Account,
    also: Order | None = None,
    px: Decimal = ZERO,
    without: Order | None = None,
) -> Decimal:
    """Return what the resting orders bind, `without` one of them, and `also` one more at the price `px`.

    That is initial margin and the taker fee. Of the orders that are against a position, as many contracts as
    it has only close it and bind nothing; the dearest are taken to be the ones beyond it, so that what is
    bound is never too little.
    """
    changes: dict[Place, list[Change]] = {}
    for order, price, sign in ((also, px, 1), (without, without.limit if without else ZERO, -1)):
        if order is not None and not order.only_reduces:
            changes.setdefault(place_of(order), []).append((price, sign * order.remaining))
    places = {*account.resting.places(), *changes}
    return sum((_bound_at(desk, account, place, changes.get(place, ())) for place in places), ZERO)


def _bound_at(desk: Desk, account: Account, place: Place, changes: Sequence[Change]) -> Decimal:
    """Return what orders of one side of one position bind, were `changes` made."""
    key, side = place
    held = account.held(key)
    closing = abs(held) if held and (held > 0) == (side == "sell") else ZERO
    value = account.resting.side(place).value_beyond(closing, changes) * desk.contract(key[0]).ct_val
    return money(value / lever_of(desk, account, *key) + value * desk.fees(account).taker)


def headroom(desk: Desk, account: Account) -> Decimal:
    """Return cross equity less initial margins and what orders bind: what can be put up; may be negative."""
    used = sum((initial_margin(desk, account, p) for p in account.open_positions("cross")), ZERO)
    return cross_equity(desk, account) - used - bound_by_orders(desk, account)
