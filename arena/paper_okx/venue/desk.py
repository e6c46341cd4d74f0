"""What every part of the venue works on: accounts, venue time, prices of the moment, and what changed.

No rules here. Invariant: whatever changes a record touches it; `drain` hands each changed record out once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from arena.paper_okx.market import Contract, Market, Quote, Tier
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.venue.records import (
    Algo,
    Bill,
    Closing,
    Fill,
    Order,
    Position,
    PositionKey,
    Profile,
    Record,
)
from arena.paper_okx.venue.resting import Resting
from arena.paper_okx.venue.settings import FeeRates, VenueSettings

__all__ = ["Account", "Channel", "Desk", "Event", "Prices", "Row"]

Row = dict[str, object]
Channel = Literal[
    "orders",
    "positions",
    "account",
    "balance_and_position",
    "orders-algo",
    "algo-advance",
    "liquidation-warning",
]
_FIRST_ID = 10**17  # ids have the length of the exchange's own


@dataclass(frozen=True, slots=True)
class Event:
    """Something that an account's private channels push."""

    uid: str
    channel: Channel
    inst_id: str
    rows: list[Row]
    event_type: str


@dataclass(frozen=True, slots=True)
class Prices:
    """Last, mark and index of one moment."""

    last: Decimal
    mark: Decimal
    index: Decimal

    def of(self, kind: str) -> Decimal:
        return {"last": self.last, "mark": self.mark, "index": self.index}[kind]


@dataclass(slots=True)
class Account:
    """One account's records; the dicts keep the order in which things came to be."""

    profile: Profile
    orders: dict[str, Order] = field(default_factory=dict)
    live: dict[str, Order] = field(default_factory=dict)
    clients: dict[str, str] = field(default_factory=dict)  # clOrdId to the latest order with it
    algos: dict[str, Algo] = field(default_factory=dict)
    live_algos: dict[str, Algo] = field(default_factory=dict)
    positions: dict[PositionKey, Position] = field(default_factory=dict)
    closings: dict[str, Closing] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    bills: list[Bill] = field(default_factory=list)
    resting: Resting = field(default_factory=Resting)

    @property
    def uid(self) -> str:
        return self.profile.uid

    @property
    def hedged(self) -> bool:
        return self.profile.pos_mode == "long_short_mode"

    def open_positions(self, mgn_mode: str = "") -> list[Position]:
        held = [p for p in self.positions.values() if p.held and mgn_mode in {"", p.mgn_mode}]
        return sorted(held, key=lambda p: p.position_key)  # the same order after a restart

    def held(self, key: PositionKey) -> Decimal:
        """Return the signed size of a position, 0 where there is none."""
        position = self.positions.get(key)
        return position.held if position else Decimal(0)

    def instruments(self) -> set[str]:
        """Return the instruments in which anything may happen to this account."""
        found = self.resting.instruments() | {algo.inst_id for algo in self.live_algos.values()}
        return found | {p.inst_id for p in self.positions.values() if p.held}

    def add(self, record: Record) -> None:
        """File a record that is new, or was read back."""
        if isinstance(record, Order):
            self.orders[record.ord_id] = record
            if record.cl_ord_id:
                self.clients[record.cl_ord_id] = record.ord_id
            if record.is_live:
                self.live[record.ord_id] = record
            self.resting.note(record)
        elif isinstance(record, Algo):
            self.algos[record.algo_id] = record
            if record.state == "live":
                self.live_algos[record.algo_id] = record
        elif isinstance(record, Position):
            self.positions[record.position_key] = record
        elif isinstance(record, Closing):
            self.closings[record.key] = record
        elif isinstance(record, Fill):
            self.fills.append(record)
        elif isinstance(record, Bill):
            self.bills.append(record)


class Desk:
    """The venue's working memory."""

    def __init__(self, market: Market, settings: VenueSettings) -> None:
        self.market = market
        self.settings = settings
        self.now = 0
        self.serial = 0
        self.accounts: dict[str, Account] = {}
        self.version = 0  # counts changes; what was derived from records of an older version is stale
        self.listeners: list[Callable[[Event], None]] = []
        self._dirty: dict[tuple[type[Record], str], Record] = {}
        self._outbox: list[Event] = []
        self._prices: dict[str, Prices] = {}

    def account(self, uid: str) -> Account:
        found = self.accounts.get(uid)
        if found is None:
            raise Refusal("50119", uid)
        return found

    def contract(self, inst_id: str) -> Contract:
        found = self.market.contracts.get(inst_id)
        if found is None:
            raise Refusal("51001", inst_id)
        return found

    def fees(self, account: Account) -> FeeRates:
        return self.settings.fee_levels[account.profile.fee_level]

    def tier(self, position: Position) -> Tier:
        return self.contract(position.inst_id).tier_of(abs(position.held))

    def next_id(self) -> str:
        self.serial += 1
        return str(_FIRST_ID + self.serial)

    def next_trade_id(self) -> str:
        self.serial += 1
        return str(self.serial)

    def quote(self, inst_id: str) -> Quote:
        return self.market.quote(inst_id, self.now)

    def prices(self, inst_id: str) -> Prices:
        """Return the prices of this moment: of the tick just played, else of the market's quote."""
        found = self._prices.get(inst_id)
        if found is None:
            quote = self.quote(inst_id)
            found = self._prices[inst_id] = Prices(quote.last, quote.mark, quote.index)
        return found

    def mark(self, inst_id: str) -> Decimal:
        return self.prices(inst_id).mark

    def see(self, inst_id: str, prices: Prices) -> None:
        """Take the prices of a tick as those of this moment."""
        self._prices[inst_id] = prices

    def forget_prices(self) -> None:
        self._prices.clear()

    def touch(self, record: Record) -> None:
        """Note that a record changed."""
        self.version += 1
        if isinstance(record, Order):
            self.accounts[record.uid].resting.note(record)
        self._dirty[type(record), record.key] = record

    def drain(self) -> list[Record]:
        """Return what changed since the last call."""
        changed = list(self._dirty.values())
        self._dirty.clear()
        return changed

    def tell(
        self, account: Account, channel: Channel, inst_id: str, event_type: str, row: Callable[[], Row]
    ) -> None:
        """Queue an event; its row is made now, and only where somebody listens."""
        if self.listeners:
            self._outbox.append(Event(account.uid, channel, inst_id, [row()], event_type))

    def publish(self) -> None:
        """Hand the queued events to the listeners, in the order of happening."""
        queued, self._outbox = self._outbox, []
        for event in queued:
            for listener in self.listeners:
                listener(event)
