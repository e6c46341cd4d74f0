"""Algo orders whose price has come: they become orders, or fail with the code that the order would get.

Invariant: an algo fires once.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from arena.paper_okx.refusal import Refusal
from arena.paper_okx.venue.account_rows import available
from arena.paper_okx.venue.algos import market_or
from arena.paper_okx.venue.amounts import ZERO
from arena.paper_okx.venue.desk import Account, Desk, Prices
from arena.paper_okx.venue.funds import lever_of
from arena.paper_okx.venue.order_checks import check_order
from arena.paper_okx.venue.order_reading import limit_within, market_limit
from arena.paper_okx.venue.orders import accept
from arena.paper_okx.venue.pushes import tell_algo
from arena.paper_okx.venue.records import Algo, Order
from arena.paper_okx.venue.trailing import TRAILING, follow, next_px, trailing_trigger

__all__ = ["fire_due", "watched_levels"]

_TRIGGERED, _STOPPED, _TRAILED = "6", "7", "25"  # an order's source


@dataclass(frozen=True, slots=True)
class Level:
    """One price that an algo waits for: kind of price, from which side, and the part that it sets off."""

    kind: str
    above: bool
    px: Decimal
    part: str

    def is_met(self, prices: Prices) -> bool:
        price = prices.of(self.kind)
        return price >= self.px if self.above else price <= self.px


def levels_of(algo: Algo) -> list[Level]:
    """Return what an algo waits for; of an oco the stop-loss comes first."""
    levels = []
    closes_long = algo.side == "sell"
    if algo.sl_trigger_px is not None:
        levels.append(Level(algo.sl_trigger_px_type, not closes_long, algo.sl_trigger_px, "sl"))
    if algo.tp_trigger_px is not None:
        levels.append(Level(algo.tp_trigger_px_type, closes_long, algo.tp_trigger_px, "tp"))
    if algo.trigger_px is not None:
        levels.append(Level(algo.trigger_px_type, algo.trigger_above, algo.trigger_px, ""))
    trailing = trailing_trigger(algo)
    if trailing is not None:
        levels.append(Level("last", not closes_long, trailing, ""))
    return levels


def watched_levels(algo: Algo) -> list[Level]:
    """Return the prices at which something happens to an algo: it fires, or it follows the last price."""
    levels, moving = levels_of(algo), next_px(algo)
    if moving is not None:
        levels.append(Level("last", algo.side == "sell", moving, ""))
    return levels


def fire_due(desk: Desk, account: Account, inst_id: str) -> None:
    """Fire what the prices of this moment have reached, the older first."""
    prices = desk.prices(inst_id)
    for algo in [a for a in account.live_algos.values() if a.inst_id == inst_id]:
        if algo.ord_type == TRAILING and follow(algo, prices.last):
            desk.touch(algo)
        met = next((level for level in levels_of(algo) if level.is_met(prices)), None)
        if met is not None and algo.state == "live":
            _fire(desk, account, algo, met.part)


def _fire(desk: Desk, account: Account, algo: Algo, part: str) -> None:
    account.live_algos.pop(algo.algo_id)
    algo.trigger_time = algo.u_time = desk.now
    algo.actual_side = part
    desk.touch(algo)
    try:
        order = _order_of(desk, account, algo, part)
        check_order(desk, account, order)
    except Refusal as refusal:
        algo.state, algo.fail_code = "order_failed", refusal.code
        tell_algo(desk, account, algo)
        return
    algo.state, algo.fail_code = "effective", "0"
    algo.actual_sz, algo.actual_px = order.sz, order.px
    accept(desk, account, order)
    algo.ord_id = order.ord_id
    tell_algo(desk, account, algo)


def _order_of(desk: Desk, account: Account, algo: Algo, part: str) -> Order:
    """Return the order that an algo becomes."""
    asked = {"tp": algo.tp_ord_px, "sl": algo.sl_ord_px, "": algo.ord_px}[part]
    px, quote = market_or(asked), desk.quote(algo.inst_id)
    order = Order(
        uid=account.uid,
        ord_id="",
        cl_ord_id=algo.cl_ord_id,
        tag=algo.tag,
        inst_id=algo.inst_id,
        td_mode=algo.td_mode,
        side=algo.side,
        pos_side=algo.pos_side,
        ord_type="market" if px is None else "limit",
        sz=algo.sz,
        px=px,
        limit=market_limit(quote, algo.side)
        if px is None
        else limit_within(quote, algo.side, px, amend=False),
        reduce_only=algo.reduce_only,
        lever=lever_of(desk, account, algo.inst_id, algo.td_mode, algo.pos_side),
        c_time=desk.now,
        u_time=desk.now,
        source=_source(algo, part),
        algo_id=algo.algo_id,
        algo_cl_ord_id=algo.algo_cl_ord_id,
        attached=[dict(stop) for stop in algo.attached],
    )
    if order.only_reduces or algo.close_fraction:
        order.sz = _size_to_close(account, order, algo)
    return order


def _source(algo: Algo, part: str) -> str:
    if algo.ord_type == TRAILING:
        return _TRAILED
    return _STOPPED if part else _TRIGGERED


def _size_to_close(account: Account, order: Order, algo: Algo) -> Decimal:
    """Return what a closing algo closes: what it was made for, but not more than there is."""
    position = account.positions.get(order.position_key)
    if position is None or not position.held:
        raise Refusal("51169", order.inst_id)
    there = available(account, position) if order.closes_leg else abs(position.held)
    size = there if algo.close_fraction else min(algo.sz, there)
    if size <= ZERO:
        raise Refusal("51112", order.inst_id)
    return size
