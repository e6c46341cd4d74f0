"""What a live connection to an exchange tells, one event at a time.

Pure. Invariant: whenever something may have been missed there is a `Gap` between the events before it and
those after it, and what it covers has to be read again by request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from arena.core.account import Balance, FillSnapshot, OrderSnapshot, PositionSnapshot
from arena.core.quantity import Coins, Contracts, Price, Usdt

__all__ = [
    "AccountEvent",
    "BalanceUpdate",
    "ClosedBar",
    "Gap",
    "Lost",
    "MarketEvent",
    "OrderUpdate",
    "PositionsUpdate",
]


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is gone or about to go: nothing is known from here on, until the `Gap`."""

    at_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Connected again. What happened in [since_ms, until_ms] may not have been told: read it by request."""

    since_ms: int
    until_ms: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedBar:
    """A bar that will not change any more."""

    inst_id: str
    timeframe: str
    ts: int  # its open, UTC ms
    open: Price
    high: Price
    low: Price
    close: Price
    contracts: Contracts
    volume: Coins
    turnover: Usdt
    raw: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """An order as it now stands, and the fill that changed it if that is new."""

    order: OrderSnapshot
    fill: FillSnapshot | None


@dataclass(frozen=True, slots=True)
class PositionsUpdate:
    """Positions that changed; in a `snapshot` all there are, so that one that is missing is flat."""

    positions: tuple[PositionSnapshot, ...]
    snapshot: bool


@dataclass(frozen=True, slots=True)
class BalanceUpdate:
    balance: Balance


MarketEvent: TypeAlias = ClosedBar | Lost | Gap
AccountEvent: TypeAlias = OrderUpdate | PositionsUpdate | BalanceUpdate | Lost | Gap
