"""Funding: what positions pay or get at a settlement.

Invariant: positions x contract size x mark x rate, once for each settlement that was passed with a position.
"""

from __future__ import annotations

from decimal import Decimal

from arena.paper_okx.market import Settlement
from arena.paper_okx.venue.amounts import ZERO, money
from arena.paper_okx.venue.desk import Account, Desk
from arena.paper_okx.venue.ledger import MARGIN_MOVED, book, move_margin
from arena.paper_okx.venue.pushes import tell_account
from arena.paper_okx.venue.records import Bill, Position

__all__ = ["settle"]

_PAID, _RECEIVED = "173", "174"


def settle(desk: Desk, inst_id: str, settlement: Settlement) -> None:
    """Settle every position in an instrument, at the mark of this moment."""
    mark = desk.quote(inst_id).mark
    for account in desk.accounts.values():
        for position in account.open_positions():
            if position.inst_id == inst_id:
                _settle_position(desk, account, position, mark, settlement.rate)


def _settle_position(desk: Desk, account: Account, position: Position, mark: Decimal, rate: Decimal) -> None:
    amount = -money(position.held * desk.contract(position.inst_id).ct_val * mark * rate)
    if not amount:
        return
    short = -amount - account.profile.cash
    if position.mgn_mode == "isolated" and short > 0:  # what the cash lacks comes out of the margin
        move_margin(desk, account, position, -min(short, position.margin), MARGIN_MOVED)
    position.funding += amount
    position.u_time = desk.now
    desk.touch(position)
    bill = Bill(
        uid=account.uid,
        bill_id=desk.next_id(),
        kind="8",
        sub_type=_PAID if amount < 0 else _RECEIVED,
        ts=desk.now,
        bal_chg=amount,
        bal=ZERO,
        pos_bal=position.margin,
        sz=abs(position.held),
        px=mark,
        pnl=amount,
        inst_id=position.inst_id,
        mgn_mode=position.mgn_mode,
    )
    book(desk, account, bill)
    tell_account(desk, account, position, "funding_fee")
