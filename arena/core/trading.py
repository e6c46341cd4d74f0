"""What is asked of a trading account, and the words for it.

Pure. The words are the house's own; a connector translates them. Invariant: a request that exists can be
sent: its client id is one the exchange takes, its size is above zero, its prices fit its type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from arena.core.errors import ExchangeError, Rejected
from arena.core.quantity import Contracts, Price

__all__ = [
    "Ack",
    "AlgoRequest",
    "AlgoState",
    "AlgoType",
    "AmendRequest",
    "Liquidity",
    "MarginMode",
    "OrderRef",
    "OrderRequest",
    "OrderState",
    "OrderType",
    "Outcome",
    "PositionMode",
    "PositionSide",
    "Protection",
    "Side",
    "TriggerBy",
    "check_client_id",
]

Raw = Mapping[str, Any]
"""A row as the exchange sent it, whole."""

_CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class PositionSide(StrEnum):
    """The leg that an order or a position belongs to; NET where the account has one leg only."""

    NET = "net"
    LONG = "long"
    SHORT = "short"


class PositionMode(StrEnum):
    NET = "net"
    LONG_SHORT = "long_short"


class MarginMode(StrEnum):
    CROSS = "cross"
    ISOLATED = "isolated"


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    POST_ONLY = "post_only"
    FOK = "fok"  # all at once or nothing
    IOC = "ioc"  # what can be filled at once; the rest is cancelled
    MARKET_IOC = "market_ioc"
    UNKNOWN = "unknown"  # only in what the exchange says


class OrderState(StrEnum):
    """Where an order stands, in the ledger's words; UNKNOWN for a word of the exchange that is not known."""

    OPEN = "open"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELED = "canceled"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Whether no more can happen to it, but for fills that are told late."""
        return self in {OrderState.FILLED, OrderState.CANCELED}


class Liquidity(StrEnum):
    MAKER = "maker"
    TAKER = "taker"


class AlgoType(StrEnum):
    """An order that waits at the exchange for a trigger."""

    CONDITIONAL = "conditional"  # a stop loss or a take profit
    OCO = "oco"  # both; the one that triggers ends the other
    TRIGGER = "trigger"
    TRAILING = "trailing"
    UNKNOWN = "unknown"  # only in what the exchange says


class AlgoState(StrEnum):
    WAITING = "waiting"
    PAUSED = "paused"
    PARTLY_TRIGGERED = "partly_triggered"
    TRIGGERED = "triggered"
    CANCELED = "canceled"
    FAILED = "failed"  # triggered, and the exchange then refused its order
    UNKNOWN = "unknown"


class TriggerBy(StrEnum):
    """The price that is watched."""

    LAST = "last"
    MARK = "mark"
    INDEX = "index"


def check_client_id(client_id: str, what: str = "client order id") -> str:
    """Return `client_id`, which the exchange takes: 1 to 32 ASCII letters and digits.

    Raises:
        Rejected: it does not; nothing was sent.
    """
    if _CLIENT_ID.fullmatch(client_id):
        return client_id
    raise Rejected(f"not sent: {what} '{client_id[:64]}' has to be 1 to 32 letters and digits")


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """Stop loss and take profit at market, to come to life with the first fill of the order they ride on."""

    client_id: str
    stop: Price | None = None
    take: Price | None = None
    trigger_by: TriggerBy = TriggerBy.LAST

    def __post_init__(self) -> None:
        check_client_id(self.client_id, "client id of a protection")
        _check_triggers(self.stop, self.take)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """An order to be placed. `position_side` stays None on an account with one leg."""

    inst_id: str
    client_id: str
    side: Side
    type: OrderType
    size: Contracts
    price: Price | None = None
    margin_mode: MarginMode = MarginMode.CROSS
    position_side: PositionSide | None = None
    reduce_only: bool = False
    protection: Protection | None = None

    def __post_init__(self) -> None:
        check_client_id(self.client_id)
        _check_size(self.size, self.client_id)
        if self.type is OrderType.UNKNOWN:
            raise Rejected(f"not sent: {self.client_id} has no order type")
        at_market = self.type in {OrderType.MARKET, OrderType.MARKET_IOC}
        if at_market != (self.price is None) or (self.price is not None and self.price.value <= 0):
            raise Rejected(f"not sent: {self.client_id} is a {self.type} order with the price {self.price}")

    @property
    def is_exit(self) -> bool:
        """Whether it can only make a position smaller; exits go first where requests have to queue."""
        if self.position_side is PositionSide.LONG:
            return self.side is Side.SELL
        if self.position_side is PositionSide.SHORT:
            return self.side is Side.BUY
        return self.reduce_only


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRef:
    """An order at the exchange, by our id or by its own."""

    inst_id: str
    client_id: str | None = None
    order_id: str | None = None

    def __post_init__(self) -> None:
        if self.client_id is not None:
            check_client_id(self.client_id)
        elif not self.order_id:
            raise Rejected(f"not sent: an order of {self.inst_id} is named by client_id or order_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendRequest:
    """A new size or price of a waiting order; the size counts what is filled already."""

    order: OrderRef
    request_id: str
    size: Contracts | None = None
    price: Price | None = None
    cancel_on_fail: bool = False

    def __post_init__(self) -> None:
        check_client_id(self.request_id, "id of a change")
        if self.size is None and self.price is None:
            raise Rejected(f"not sent: change {self.request_id} names neither size nor price")
        if self.size is not None:
            _check_size(self.size, self.request_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgoRequest:
    """A stop loss, a take profit or both, waiting at the exchange and filled at market.

    `size` None closes the whole position, whatever its size is when the trigger comes.
    """

    inst_id: str
    client_id: str
    side: Side
    size: Contracts | None
    stop: Price | None = None
    take: Price | None = None
    trigger_by: TriggerBy = TriggerBy.LAST
    margin_mode: MarginMode = MarginMode.CROSS
    position_side: PositionSide | None = None
    reduce_only: bool = True

    def __post_init__(self) -> None:
        check_client_id(self.client_id)
        _check_triggers(self.stop, self.take)
        if self.size is not None:
            _check_size(self.size, self.client_id)

    @property
    def type(self) -> AlgoType:
        """OCO where it has two triggers."""
        return AlgoType.CONDITIONAL if self.stop is None or self.take is None else AlgoType.OCO


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """The exchange took a request. It says nothing about fills."""

    inst_id: str
    id: str  # the exchange's id of the order or the algo order
    client_id: str | None
    ts: int | None  # when the exchange took it, UTC ms
    raw: Raw = field(repr=False, hash=False)


Outcome: TypeAlias = Ack | ExchangeError
"""What became of one request of a batch: an error is what the request alone would have raised."""


def _check_size(size: Contracts, name: str) -> None:
    if size.value <= 0:
        raise Rejected(f"not sent: {name} has the size {size}: it has to be above zero")


def _check_triggers(stop: Price | None, take: Price | None) -> None:
    prices = [price for price in (stop, take) if price is not None]
    if not prices or any(price.value <= 0 for price in prices):
        raise Rejected(f"not sent: stop {stop} and take profit {take}: one is needed, above zero")
