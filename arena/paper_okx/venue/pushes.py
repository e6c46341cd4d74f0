"""What the private channels are told when something happened.

Changes nothing. Invariant: an order's events come in the order of its life: live, fills, end.
"""

from __future__ import annotations

from arena.paper_okx.venue.account_rows import balance_row, position_row
from arena.paper_okx.venue.amounts import text
from arena.paper_okx.venue.desk import Account, Channel, Desk, Row
from arena.paper_okx.venue.order_rows import algo_push, order_push
from arena.paper_okx.venue.records import Algo, Fill, Order, Position
from arena.paper_okx.venue.trailing import TRAILING

__all__ = ["tell_account", "tell_algo", "tell_order", "tell_warning"]


def tell_order(
    desk: Desk,
    account: Account,
    order: Order,
    fill: Fill | None = None,
    *,
    request_id: str = "",
    amended: bool = False,
) -> None:
    desk.tell(
        account,
        "orders",
        order.inst_id,
        "event_update",
        lambda: order_push(desk, order, fill, request_id, amended=amended),
    )


def tell_algo(desk: Desk, account: Account, algo: Algo) -> None:
    channel: Channel = "algo-advance" if algo.ord_type == TRAILING else "orders-algo"
    desk.tell(account, channel, algo.inst_id, "event_update", lambda: algo_push(desk, algo))


def tell_account(
    desk: Desk, account: Account, position: Position | None, cause: str, fill: Fill | None = None
) -> None:
    """Tell the three channels about balance and position; `cause` as balance_and_position names it."""
    inst_id = position.inst_id if position else ""
    if position is not None:
        desk.tell(
            account,
            "positions",
            inst_id,
            "event_update",
            lambda: {**position_row(desk, account, position), "pTime": str(desk.now)},
        )
    desk.tell(account, "account", "", "event_update", lambda: balance_row(desk, account))
    desk.tell(
        account,
        "balance_and_position",
        inst_id,
        cause,
        lambda: _both(desk, account, position, cause, fill),
    )


def tell_warning(desk: Desk, account: Account, position: Position) -> None:
    desk.tell(
        account,
        "liquidation-warning",
        position.inst_id,
        "event_update",
        lambda: {**position_row(desk, account, position), "pTime": str(desk.now)},
    )


def _both(desk: Desk, account: Account, position: Position | None, cause: str, fill: Fill | None) -> Row:
    profile = account.profile
    return {
        "pTime": str(desk.now),
        "eventType": cause,
        "balData": [{"ccy": "USDT", "cashBal": text(profile.cash), "uTime": str(profile.u_time)}],
        "posData": [] if position is None else [_brief(desk, position)],
        "trades": [] if fill is None else [{"instId": fill.inst_id, "tradeId": fill.trade_id}],
    }


def _brief(desk: Desk, position: Position) -> Row:
    return {
        "posId": position.pos_id,
        "tradeId": position.trade_id,
        "instId": position.inst_id,
        "instType": "SWAP",
        "mgnMode": position.mgn_mode,
        "posSide": position.pos_side,
        "pos": text(position.held if position.pos_side == "net" else abs(position.held)),
        "ccy": desk.contract(position.inst_id).settle,
        "posCcy": "",
        "avgPx": text(position.avg_px) if position.held else "",
        "nonSettleAvgPx": "",
        "settledPnl": "",
        "uTime": str(position.u_time),
    }
