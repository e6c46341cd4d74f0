"""Liquidation: when margin is exhausted, orders that add risk go first, then the position by tiers, or whole.

From tier 3 up the position is cut to the largest size two tiers lower at the book's prices, again until the
margin holds. In tiers 1 and 2, or without equity, it is taken over at the price where nothing is left: the
rest of the margin goes to the insurance fund (liqPenalty), what is missing is the fund's.
Invariant: an isolated position loses its margin at most, and a take-over of cross positions leaves no debt.
"""

from __future__ import annotations

from decimal import Decimal

from arena.paper_okx.venue.amounts import ZERO, ceil_to, floor_to, money
from arena.paper_okx.venue.desk import Account, Desk
from arena.paper_okx.venue.endings import cancel
from arena.paper_okx.venue.fills import Trade, apply_trade
from arena.paper_okx.venue.funds import cross_pool, isolated_pool, notional, upl
from arena.paper_okx.venue.margin import Pool
from arena.paper_okx.venue.order_changes import closing_order
from arena.paper_okx.venue.pushes import tell_order, tell_warning
from arena.paper_okx.venue.records import Order, Position

__all__ = ["WARNING_RATIO", "check_account"]

WARNING_RATIO = Decimal(3)


def check_account(desk: Desk, account: Account, inst_id: str) -> None:
    """Warn of, and liquidate, what the mark of an instrument has brought down."""
    for position in account.open_positions("isolated"):
        if position.inst_id == inst_id:
            _check_pool(desk, account, [position])
    crossed = account.open_positions("cross")
    if any(position.inst_id == inst_id for position in crossed):
        _check_pool(desk, account, crossed)


def _pool(desk: Desk, account: Account, positions: list[Position]) -> Pool:
    if positions[0].mgn_mode == "isolated":
        return isolated_pool(desk, account, positions[0])
    return cross_pool(desk, account)


def _check_pool(desk: Desk, account: Account, positions: list[Position]) -> None:
    pool = _pool(desk, account, positions)
    if not pool.exhausted(desk.mark, WARNING_RATIO):
        return
    for position in positions:
        if not position.warned:
            position.warned = True
            desk.touch(position)
            tell_warning(desk, account, position)
    if pool.exhausted(desk.mark):
        _liquidate(desk, account, positions)


def _liquidate(desk: Desk, account: Account, positions: list[Position]) -> None:
    """Cancel, step down, take over, until the margin holds or nothing is held."""
    _cancel_risk(desk, account, positions)
    held = [position for position in positions if position.held]
    while held and _pool(desk, account, held).exhausted(desk.mark):
        above = [position for position in held if _kept_size(desk, position)]
        if above and _pool(desk, account, held).equity(desk.mark) > 0:
            largest = max(above, key=lambda p: notional(desk, p) * desk.tier(p).mmr)
            _step_down(desk, account, largest, held, abs(largest.held) - _kept_size(desk, largest))
        else:
            _take_over(desk, account, held)
        held = [position for position in positions if position.held]


def _cancel_risk(desk: Desk, account: Account, positions: list[Position]) -> None:
    """Cancel what does not merely reduce: of an isolated position its own orders, else all of the account."""
    keys = {position.position_key for position in positions}
    isolated = positions[0].mgn_mode == "isolated"
    for order in list(account.live.values()):
        touched = order.position_key in keys or not isolated
        if touched and not order.only_reduces:
            cancel(desk, account, order, "risk")


def _kept_size(desk: Desk, position: Position) -> Decimal:
    """Return what stays of a position that is stepped down: the largest size two tiers lower."""
    contract = desk.contract(position.inst_id)
    index = contract.tiers.index(desk.tier(position))
    return floor_to(contract.tiers[index - 2].max_sz, contract.lot_sz) if index >= 2 else ZERO


def _step_down(desk: Desk, account: Account, position: Position, held: list[Position], size: Decimal) -> None:
    """Close `size` at the book's prices, but nowhere below what the pool can bear."""
    order = _open_order(desk, account, position, size, "partial_liquidation")
    worst = _bankruptcy(desk, account, position, _pool(desk, account, held).equity(desk.mark))
    quote = desk.quote(position.inst_id)
    levels = list(quote.asks if order.sign > 0 else quote.bids) or [(quote.mark, size)]
    for index, (px, depth) in enumerate(levels):
        part = order.remaining if index == len(levels) - 1 else min(depth, order.remaining)
        if part:
            price = min(px, worst) if order.sign > 0 else max(px, worst)
            charge = -money(part * desk.contract(position.inst_id).ct_val * price * desk.fees(account).taker)
            apply_trade(desk, account, order, Trade(price, part, charge, ""))


def _take_over(desk: Desk, account: Account, held: list[Position]) -> None:
    """Close positions whole where nothing is left of their pool; each bears its share of the equity."""
    whole = _pool(desk, account, held).equity(desk.mark)
    weight = {p.key: notional(desk, p) * desk.tier(p).mmr for p in held}
    total = sum(weight.values(), ZERO)
    for position in held[:-1]:
        _take_one(desk, account, position, money(whole * weight[position.key] / total), last=False)
    last = held[-1]
    base = last.margin if last.mgn_mode == "isolated" else account.profile.cash
    _take_one(desk, account, last, base + upl(desk, last), last=True)


def _take_one(desk: Desk, account: Account, position: Position, share: Decimal, *, last: bool) -> None:
    """Close one position at the price that uses up its share; the last one leaves exactly nothing."""
    price = _bankruptcy(desk, account, position, share)
    size = abs(position.held)
    coins = position.held * desk.contract(position.inst_id).ct_val
    left = share + money(coins * (price - desk.mark(position.inst_id)))
    if last:
        base = position.margin if position.mgn_mode == "isolated" else account.profile.cash
        left = base + money((price - position.avg_px) * coins)
    order = _open_order(desk, account, position, size, "full_liquidation")
    apply_trade(desk, account, order, Trade(price, size, -left, ""))


def _bankruptcy(desk: Desk, account: Account, position: Position, share: Decimal) -> Decimal:
    """Return the price at which a share of equity is used up by closing, fee and all.

    On the tick grid, rounded in the account's favour: what the rounding leaves goes to the fund.
    """
    contract = desk.contract(position.inst_id)
    coins = position.held * contract.ct_val
    # share + coins (p - mark) - |coins| p fee = 0
    price = (coins * desk.mark(position.inst_id) - share) / (coins - abs(coins) * desk.fees(account).taker)
    price = max(price, contract.tick_sz)
    return ceil_to(price, contract.tick_sz) if position.held > 0 else floor_to(price, contract.tick_sz)


def _open_order(desk: Desk, account: Account, position: Position, size: Decimal, category: str) -> Order:
    """Put the venue's own order on record; it trades at once."""
    order = closing_order(desk, account, position, "", "")
    order.sz, order.category = size, category
    order.ord_id = desk.next_id()
    order.rank = desk.serial
    account.add(order)
    desk.touch(order)
    tell_order(desk, account, order)
    return order
