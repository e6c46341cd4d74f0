"""What an exchange says of an account: orders, fills, positions, balance, bills, as they stood when asked.

Pure. Numbers are exact and typed, None where the exchange leaves a field empty; `raw` keeps the row whole.
Invariant: a size is in contracts, money is in USDT; below zero is a short position, a fee charged, a loss.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

from arena.core.quantity import Coins, Contracts, Price, Usdt
from arena.core.trading import (
    AlgoState,
    AlgoType,
    Liquidity,
    MarginMode,
    OrderState,
    OrderType,
    PositionMode,
    PositionSide,
    Raw,
    Side,
    TriggerBy,
)

__all__ = [
    "AccountConfig",
    "AlgoLookup",
    "AlgoSnapshot",
    "Balance",
    "Bill",
    "BillKind",
    "FillSnapshot",
    "Found",
    "Holding",
    "Leverage",
    "NotFound",
    "OrderLookup",
    "OrderSnapshot",
    "PositionSnapshot",
    "Unknown",
]

Money = TypeVar("Money", Usdt, Coins)
Order_co = TypeVar("Order_co", bound="OrderSnapshot | AlgoSnapshot", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountConfig:
    """How the account is set up."""

    uid: str
    level: str  # the exchange's account mode: 1 spot, 2 futures, 3 multi-currency, 4 portfolio margin
    position_mode: PositionMode
    permissions: frozenset[str]  # of the key: read_only, trade, withdraw
    raw: Raw = field(repr=False, hash=False)

    @property
    def can_trade_swaps(self) -> bool:
        """Whether account mode and key allow orders of swaps."""
        return self.level != "1" and "trade" in self.permissions


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding(Generic[Money]):
    """One currency of the balance, in its own unit."""

    currency: str
    equity: Money
    cash: Money
    available: Money | None  # free for new orders
    frozen: Money | None
    unrealized_pnl: Money | None
    raw: Raw = field(repr=False, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """USDT, and whatever coins lie beside it."""

    ts: int
    usdt: Holding[Usdt]
    coins: tuple[Holding[Coins], ...]
    raw: Raw = field(repr=False, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionSnapshot:
    """A position; `size` is signed, also where the exchange tells the leg apart and counts both upwards."""

    inst_id: str
    position_id: str
    side: PositionSide
    margin_mode: MarginMode
    size: Contracts
    average_price: Price | None
    mark_price: Price | None
    liquidation_price: Price | None
    unrealized_pnl: Usdt | None
    realized_pnl: Usdt | None
    fee: Usdt | None
    funding: Usdt | None
    margin: Usdt | None  # held for it: initial margin in cross, what was put in where isolated
    maintenance_margin: Usdt | None
    margin_ratio: Decimal | None  # the exchange liquidates at 1
    leverage: Decimal | None
    trade_id: str | None  # last fill
    created_ms: int | None
    updated_ms: int | None
    raw: Raw = field(repr=False, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSnapshot:
    """An order as it stood."""

    inst_id: str
    order_id: str
    client_id: str | None
    side: Side
    position_side: PositionSide
    margin_mode: MarginMode | None
    type: OrderType
    state: OrderState
    size: Contracts
    price: Price | None
    filled: Contracts
    average_price: Price | None
    fee: Usdt | None
    realized_pnl: Usdt | None
    reduce_only: bool
    category: str  # normal, full_liquidation, partial_liquidation, adl, ...
    cancel_source: str | None  # the exchange's number for who or what ended it
    algo_id: str | None  # the algo order that sent it
    algo_client_id: str | None
    created_ms: int | None
    updated_ms: int | None
    raw: Raw = field(repr=False, hash=False)

    @property
    def remaining(self) -> Contracts:
        """What is still to be filled, if it goes on."""
        return self.size - self.filled

    @property
    def is_forced(self) -> bool:
        """Whether the exchange sent it: liquidation or auto-deleveraging."""
        return self.category in {"full_liquidation", "partial_liquidation", "adl"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FillSnapshot:
    """One fill; `(inst_id, trade_id)` tells it from every other of the account."""

    inst_id: str
    trade_id: str
    order_id: str
    client_id: str | None
    bill_id: str | None  # not told by a stream
    side: Side
    position_side: PositionSide
    price: Price
    size: Contracts
    fee: Usdt | None
    realized_pnl: Usdt | None
    liquidity: Liquidity | None  # None for forced fills
    ts: int
    raw: Raw = field(repr=False, hash=False)

    @property
    def key(self) -> tuple[str, str]:
        """What to count it once by."""
        return self.inst_id, self.trade_id


class BillKind(StrEnum):
    """Why the balance changed."""

    TRANSFER = "transfer"
    TRADE = "trade"
    LIQUIDATION = "liquidation"
    MARGIN = "margin"
    FUNDING = "funding"
    ADL = "adl"
    CLAWBACK = "clawback"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """One change of the USDT balance."""

    bill_id: str
    kind: BillKind
    sub_type: str  # the exchange's number: 173 funding paid, 174 funding received, ...
    inst_id: str | None
    change: Usdt
    balance: Usdt
    realized_pnl: Usdt | None
    fee: Usdt | None
    size: Contracts | None  # where it is about a position
    price: Price | None
    order_id: str | None
    trade_id: str | None
    ts: int
    raw: Raw = field(repr=False, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgoSnapshot:
    """A stop, take profit or trigger order as it stood."""

    inst_id: str
    algo_id: str
    client_id: str | None
    type: AlgoType
    state: AlgoState
    side: Side
    position_side: PositionSide
    margin_mode: MarginMode | None
    size: Contracts | None  # None: the whole position
    stop: Price | None
    take: Price | None
    trigger_by: TriggerBy | None
    reduce_only: bool
    order_ids: tuple[str, ...]  # of the orders that it sent
    fail_code: str | None
    created_ms: int | None
    triggered_ms: int | None
    raw: Raw = field(repr=False, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leverage:
    inst_id: str
    margin_mode: MarginMode
    position_side: PositionSide
    leverage: Decimal
    raw: Raw = field(repr=False, hash=False)


@dataclass(frozen=True, slots=True)
class Found(Generic[Order_co]):
    """The exchange has the order."""

    order: Order_co


@dataclass(frozen=True, slots=True)
class NotFound:
    """The exchange says that it has no such order.

    It may still be on its way until its deadline has passed; one cancelled without a fill is forgotten
    after two hours.
    """

    message: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The exchange could not be asked, or gave an answer that proves nothing: ask again."""

    message: str


OrderLookup: TypeAlias = Found[OrderSnapshot] | NotFound | Unknown
AlgoLookup: TypeAlias = Found[AlgoSnapshot] | NotFound | Unknown
