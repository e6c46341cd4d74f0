"""Bills: the one way in which cash changes.

Invariant: an account's cash is the sum of its bills, to the last digit.
"""

from __future__ import annotations

from decimal import Decimal

from arena.paper_okx.venue.amounts import ZERO
from arena.paper_okx.venue.desk import Account, Desk
from arena.paper_okx.venue.records import Bill, Position

__all__ = ["MARGIN_ADDED", "MARGIN_MOVED", "MARGIN_REDUCED", "book", "move_margin"]

MARGIN_ADDED = "160"
MARGIN_REDUCED = "161"
MARGIN_MOVED = "162"  # by the venue, with a trade


def book(desk: Desk, account: Account, bill: Bill) -> Bill:
    """Put a bill into the account and its change into the cash; `bal` is set here."""
    profile = account.profile
    profile.cash += bill.bal_chg
    profile.u_time = desk.now
    bill.bal = profile.cash
    account.add(bill)
    desk.touch(bill)
    desk.touch(profile)
    return bill


def move_margin(
    desk: Desk, account: Account, position: Position, amount: Decimal, sub_type: str, ord_id: str = ""
) -> None:
    """Move `amount` of cash into an isolated position's margin, or out of it where it is negative."""
    if amount == 0:
        return
    position.margin += amount
    position.warned = False  # its ratio changed: it may be warned of again
    desk.touch(position)
    bill = Bill(
        uid=account.uid,
        bill_id=desk.next_id(),
        kind="6",
        sub_type=sub_type,
        ts=desk.now,
        bal_chg=-amount,
        bal=ZERO,
        pos_bal_chg=amount,
        pos_bal=position.margin,
        inst_id=position.inst_id,
        mgn_mode="isolated",
        ord_id=ord_id,
    )
    book(desk, account, bill)
