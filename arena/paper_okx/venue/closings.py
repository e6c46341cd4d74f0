"""The history of a position: one row a life, from its first reduction on.

Invariant: its parts add up: realised = pnl + fee + funding + liquidation penalty.
"""

from __future__ import annotations

from decimal import Decimal

from arena.paper_okx.venue.amounts import fine
from arena.paper_okx.venue.desk import Account, Desk
from arena.paper_okx.venue.funds import position_lever
from arena.paper_okx.venue.records import Closing, Position

__all__ = ["note_closing"]


def note_closing(desk: Desk, account: Account, position: Position, left: Decimal, category: str) -> None:
    """Write or bring up to date the row of a life that was just reduced to `left`.

    Called before `held` changes, so that the direction is still known.
    """
    lever = position_lever(desk, account, position)
    value = position.avg_px * position.open_max * desk.contract(position.inst_id).ct_val
    closing = Closing(
        uid=account.uid,
        pos_id=position.pos_id,
        inst_id=position.inst_id,
        mgn_mode=position.mgn_mode,
        pos_side=position.pos_side,
        direction=position.direction,
        kind=_kind(left, category),
        lever=lever,
        c_time=position.c_time,
        u_time=desk.now,
        open_avg_px=position.avg_px,
        close_avg_px=fine(position.closed_value / position.closed_sz),
        open_max=position.open_max,
        closed_sz=position.closed_sz,
        pnl=position.pnl,
        fee=position.fee,
        funding=position.funding,
        liq_penalty=position.liq_penalty,
        pnl_ratio=fine(position.realized * lever / value),
        trigger_px=desk.mark(position.inst_id) if category.endswith("liquidation") else None,
    )
    account.add(closing)
    desk.touch(closing)


def _kind(left: Decimal, category: str) -> str:
    if category.endswith("liquidation"):
        return "4" if left else "3"
    return "1" if left else "2"
