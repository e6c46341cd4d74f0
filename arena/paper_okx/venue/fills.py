"""What one trade does to an order, a position, the cash and the records.

Invariant: every trade makes one fill and one bill of the same id; pnl and fee of the bill are what the cash
changed by, margin of isolated positions moves in bills of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from arena.paper_okx.venue.amounts import ZERO, fine, money
from arena.paper_okx.venue.attached import attach_stops
from arena.paper_okx.venue.closings import note_closing
from arena.paper_okx.venue.desk import Account, Desk
from arena.paper_okx.venue.endings import complete, drop_unaffordable, end_with_position
from arena.paper_okx.venue.funds import position_lever
from arena.paper_okx.venue.ledger import MARGIN_MOVED, book, move_margin
from arena.paper_okx.venue.pushes import tell_account, tell_order
from arena.paper_okx.venue.records import Bill, Fill, Order, Position, PositionKey

__all__ = ["Trade", "apply_trade", "fee_of"]

_IDLE_MS = 30 * 86_400_000  # a position closed for longer gets a new posId
_SUB_TYPES = {
    ("buy", "net"): "1",
    ("sell", "net"): "2",
    ("buy", "long"): "3",
    ("sell", "short"): "4",
    ("sell", "long"): "5",
    ("buy", "short"): "6",
}
_LIQUIDATED = {("sell", "long"): 0, ("buy", "short"): 1, ("buy", "net"): 2, ("sell", "net"): 3}
_FIRST_SUB_TYPE = {"partial_liquidation": 100, "full_liquidation": 104}


@dataclass(frozen=True, slots=True)
class Trade:
    """Price, contracts, what is charged (negative), and the part in it: M, T, or "" in a liquidation."""

    px: Decimal
    sz: Decimal
    fee: Decimal
    exec_type: str


def fee_of(desk: Desk, account: Account, order: Order, px: Decimal, sz: Decimal, *, maker: bool) -> Decimal:
    """Return the fee of a trade, negative where it is charged."""
    rates = desk.fees(account)
    value = sz * desk.contract(order.inst_id).ct_val * px
    return -money(value * (rates.maker if maker else rates.taker))


def apply_trade(desk: Desk, account: Account, order: Order, trade: Trade) -> Fill:
    """Apply one trade of an order; the position it reduces first and opens after may be the same one."""
    position = position_of(desk, account, order.position_key)
    liquidated = order.category in _FIRST_SUB_TYPE
    trade_id = ("-" if liquidated else "") + desk.next_trade_id()
    held = position.held
    closing = min(trade.sz, abs(held)) if held * order.sign < 0 else ZERO
    pnl = money((trade.px - position.avg_px) * closing * _ct_val(desk, order) * (1 if held > 0 else -1))
    fill = _record(desk, account, order, trade, pnl, trade_id)
    position.trade_id = trade_id
    closing_fee = trade.fee if closing == trade.sz else money(trade.fee * closing / trade.sz)
    if closing:
        _reduce(desk, account, position, order, trade, closing, closing_fee, pnl)
    if trade.sz > closing:
        _increase(desk, account, position, order, trade, trade.sz - closing, trade.fee - closing_fee)
    _advance_order(desk, order, trade, pnl, trade_id)
    if not order.remaining:
        complete(desk, account, order)
    tell_order(desk, account, order, fill)
    tell_account(desk, account, position, "liquidation" if liquidated else "filled", fill)
    if closing and closing == abs(held):
        end_with_position(desk, account, position)
    if closing:
        drop_unaffordable(desk, account, order)
    if order.state == "filled":  # one that was cancelled has been seen to
        attach_stops(desk, account, order)
    return fill


def position_of(desk: Desk, account: Account, key: PositionKey) -> Position:
    """Return the position of a key; one that was closed more than 30 days ago starts anew with a new id."""
    found = account.positions.get(key)
    if found is not None and (found.held or desk.now - found.u_time <= _IDLE_MS):
        return found
    position = Position(account.uid, desk.next_id(), *key, c_time=desk.now, u_time=desk.now)
    account.add(position)
    return position


def _ct_val(desk: Desk, order: Order) -> Decimal:
    return desk.contract(order.inst_id).ct_val


def _reduce(
    desk: Desk,
    account: Account,
    position: Position,
    order: Order,
    trade: Trade,
    closed: Decimal,
    fee: Decimal,
    pnl: Decimal,
) -> None:
    held = position.held
    share = position.margin if closed == abs(held) else money(position.margin * closed / abs(held))
    move_margin(desk, account, position, -share, MARGIN_MOVED, order.ord_id)
    position.pnl += pnl
    if order.category in _FIRST_SUB_TYPE:
        position.liq_penalty += fee
    else:
        position.fee += fee
    position.closed_sz += closed
    position.warned = False
    position.closed_value += closed * trade.px
    position.u_time = desk.now
    note_closing(desk, account, position, held + order.sign * closed, order.category)
    position.held = held + order.sign * closed
    desk.touch(position)


def _increase(
    desk: Desk,
    account: Account,
    position: Position,
    order: Order,
    trade: Trade,
    opened: Decimal,
    fee: Decimal,
) -> None:
    size = abs(position.held)
    if not size:
        _begin_life(desk, position)
    position.avg_px = fine((position.avg_px * size + trade.px * opened) / (size + opened))
    position.held += order.sign * opened
    position.warned = False
    position.open_max = max(position.open_max, abs(position.held))
    position.fee += fee
    position.u_time = desk.now
    desk.touch(position)
    if position.mgn_mode == "isolated":
        value = opened * _ct_val(desk, order) * trade.px
        amount = money(value / position_lever(desk, account, position))
        move_margin(desk, account, position, amount, MARGIN_MOVED, order.ord_id)


def _begin_life(desk: Desk, position: Position) -> None:
    position.c_time = desk.now
    position.avg_px = position.pnl = position.fee = position.funding = position.liq_penalty = ZERO
    position.open_max = position.closed_sz = position.closed_value = ZERO


def _advance_order(desk: Desk, order: Order, trade: Trade, pnl: Decimal, trade_id: str) -> None:
    filled = order.acc_fill_sz + trade.sz
    order.avg_px = fine((order.avg_px * order.acc_fill_sz + trade.px * trade.sz) / filled)
    order.acc_fill_sz = filled
    order.fill_px, order.fill_sz, order.fill_time = trade.px, trade.sz, desk.now
    order.trade_id = trade_id
    order.fee += trade.fee
    order.pnl += pnl
    order.state = "partially_filled"
    order.u_time = desk.now
    desk.touch(order)


def _sub_type(order: Order) -> str:
    first = _FIRST_SUB_TYPE.get(order.category)
    if first is None:
        return _SUB_TYPES[order.side, order.pos_side]
    return str(first + _LIQUIDATED[order.side, order.pos_side])


def _record(desk: Desk, account: Account, order: Order, trade: Trade, pnl: Decimal, trade_id: str) -> Fill:
    """Write the fill and its bill."""
    prices = desk.prices(order.inst_id)
    fill = Fill(
        uid=account.uid,
        bill_id=desk.next_id(),
        trade_id=trade_id,
        ord_id=order.ord_id,
        cl_ord_id=order.cl_ord_id,
        tag=order.tag,
        inst_id=order.inst_id,
        td_mode=order.td_mode,
        side=order.side,
        pos_side=order.pos_side,
        sub_type=_sub_type(order),
        exec_type=trade.exec_type,
        px=trade.px,
        sz=trade.sz,
        pnl=pnl,
        fee=trade.fee,
        mark=prices.mark,
        index=prices.index,
        ts=desk.now,
    )
    account.add(fill)
    desk.touch(fill)
    book(desk, account, _bill_of(fill, "5" if order.category in _FIRST_SUB_TYPE else "2"))
    return fill


def _bill_of(fill: Fill, kind: str) -> Bill:
    return Bill(
        uid=fill.uid,
        bill_id=fill.bill_id,
        kind=kind,
        sub_type=fill.sub_type,
        ts=fill.ts,
        bal_chg=fill.pnl + fill.fee,
        bal=ZERO,
        sz=fill.sz,
        px=fill.px,
        pnl=fill.pnl,
        fee=fill.fee,
        inst_id=fill.inst_id,
        mgn_mode=fill.td_mode,
        ord_id=fill.ord_id,
        cl_ord_id=fill.cl_ord_id,
        tag=fill.tag,
        exec_type=fill.exec_type,
        trade_id=fill.trade_id,
        mark=fill.mark,
        index=fill.index,
        fill_time=fill.ts,
    )
