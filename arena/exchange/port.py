"""What the house asks of an exchange, whichever it is.

Types and protocols only. Invariant: prices and sizes that an order may be made of are exact decimals;
bars are float64, as the store keeps them; times are UTC ms.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol

from arena.core.account import (
    AccountConfig,
    AlgoLookup,
    AlgoSnapshot,
    Balance,
    Bill,
    BillKind,
    FillSnapshot,
    Leverage,
    OrderLookup,
    OrderSnapshot,
    PositionSnapshot,
)
from arena.core.bars import Bars, FundingSeries
from arena.core.events import AccountEvent, MarketEvent
from arena.core.lots import Lots
from arena.core.quantity import Coins, Contracts, Price
from arena.core.timeframe import Timeframe
from arena.core.trading import (
    Ack,
    AlgoRequest,
    AlgoState,
    AlgoType,
    AmendRequest,
    MarginMode,
    OrderRef,
    OrderRequest,
    Outcome,
    PositionMode,
    PositionSide,
)

PriceKind = Literal["candles", "mark", "index"]


@dataclass(frozen=True, slots=True)
class Listing:
    """One instrument as the exchange lists it; sizes in contracts, one is `ct_val` of the base coin."""

    inst_id: str
    state: str
    linear: bool
    settle: str
    ct_val: Decimal
    lot_sz: Decimal
    min_sz: Decimal
    tick_sz: Decimal
    max_market_sz: Decimal
    max_limit_sz: Decimal
    max_leverage: Decimal
    listed_ms: int

    @property
    def lots(self) -> Lots:
        """What its sizes and prices are counted in."""
        sizes = Coins(self.ct_val), Contracts(self.lot_sz), Contracts(self.min_sz), Price(self.tick_sz)
        return Lots(self.inst_id, *sizes)


@dataclass(frozen=True, slots=True, eq=False)
class BarPage:
    """Closed bars of [start_ms, end_ms), whole as far as the exchange has them.

    `refused` counts rows that no market can have made, by reason.
    """

    bars: Bars
    start_ms: int
    end_ms: int
    refused: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class FundingHistory:
    """Settlements from `reach_ms` on; older ones than that the exchange does not give."""

    series: FundingSeries
    reach_ms: int


@dataclass(frozen=True, slots=True)
class Ticker:
    """Best prices and the last trade."""

    inst_id: str
    last: Decimal
    bid: Decimal
    ask: Decimal
    ts: int


@dataclass(frozen=True, slots=True)
class MarkPrice:
    """The price that margin and funding are counted at."""

    inst_id: str
    price: Decimal
    ts: int


@dataclass(frozen=True, slots=True)
class PositionTier:
    """One row of the position tiers; sizes in contracts, rates for the whole position."""

    tier: int
    min_contracts: Decimal
    max_contracts: Decimal
    mmr: Decimal
    imr: Decimal
    max_leverage: Decimal


@dataclass(frozen=True, slots=True)
class FeeRates:
    """Shares of the notional that a fill costs; a negative maker rate is a rebate."""

    maker: Decimal
    taker: Decimal


class MarketFeed(Protocol):
    """Market data of one exchange.

    Each call raises an `ExchangeError` of arena.core.errors; reads have been sent again by then.
    """

    @property
    def name(self) -> str:
        """What messages call the exchange."""

    @property
    def source(self) -> str:
        """Who publishes the values, for the store: `okx`, or `synthetic` where no market made them."""

    def close(self) -> None:
        """Give up what is on its way and let go of what is held."""

    def server_time(self) -> int:
        """Return the exchange's time, UTC ms."""

    def instrument(self, inst_id: str) -> Listing:
        """Return one instrument."""

    def bars(
        self,
        kind: PriceKind,
        inst_id: str,
        timeframe: Timeframe,
        start_ms: int,
        end_ms: int,
        *,
        backwards: bool = False,
    ) -> Iterator[BarPage]:
        """Yield the closed bars with start <= open < end page by page, the oldest or newest page first.

        Pages adjoin and each ascends; one may hold no bar. Going on where a page ended gives the rest.
        Backwards they end with the first bar that there is.
        """

    def funding(self, inst_id: str, start_ms: int) -> FundingHistory:
        """Return the settlements at and after `start_ms`, as far back as the exchange gives them."""

    def ticker(self, inst_id: str) -> Ticker:
        """Return best prices and last trade."""

    def mark_price(self, inst_id: str) -> MarkPrice:
        """Return the mark price."""

    def position_tiers(self, inst_id: str) -> Sequence[PositionTier]:
        """Return the tiers of a cross position, smallest first."""

    def fee_rates(self, inst_id: str) -> FeeRates:
        """Return what a fill of this account costs; asks with its key."""


class TradingGateway(Protocol):
    """One account at one exchange.

    Reads raise an `ExchangeError` when they were not answered whole: they never come back short. Acting calls
    raise `Rejected` (it was not done), `Retryable` (it was turned away unread) or `OutcomeUnknown` (it may
    have been done: look it up), and `TradingDisabled` where the gateway only reads. `ConfigError` means
    credentials. Lists are oldest first.
    """

    @property
    def order_deadline_ms(self) -> int:
        """How long after it was asked for an order can still come to life."""

    def server_time(self) -> int:
        """Return the exchange's time, UTC ms."""

    def config(self) -> AccountConfig:
        """Return how the account is set up."""

    def balance(self) -> Balance:
        """Return what the account holds."""

    def positions(self, inst_id: str | None = None) -> list[PositionSnapshot]:
        """Return all positions that are not flat; none is the exchange's word, not a failure."""

    def leverage(self, inst_id: str, margin_mode: MarginMode) -> list[Leverage]:
        """Return the leverage of an instrument, leg by leg where there are two."""

    def set_leverage(
        self,
        inst_id: str,
        leverage: Decimal,
        margin_mode: MarginMode,
        position_side: PositionSide | None = None,
    ) -> list[Leverage]:
        """Set the leverage of an instrument or of one leg."""

    def set_position_mode(self, mode: PositionMode) -> None:
        """Set whether the account has one leg or two."""

    def place_order(self, request: OrderRequest) -> Ack:
        """Place an order; it is void `order_deadline_ms` later."""

    def place_orders(self, requests: Sequence[OrderRequest]) -> list[Outcome]:
        """Place a batch and return what became of each."""

    def cancel_order(self, order: OrderRef) -> Ack:
        """Ask for an order to be cancelled."""

    def cancel_orders(self, orders: Sequence[OrderRef]) -> list[Outcome]:
        """Ask for a batch to be cancelled and return what became of each request."""

    def amend_order(self, request: AmendRequest) -> Ack:
        """Change size or price of a waiting order."""

    def close_position(
        self, inst_id: str, margin_mode: MarginMode, side: PositionSide, client_id: str
    ) -> None:
        """Close a whole position at market."""

    def cancel_all_after(self, timeout_s: int) -> int | None:
        """Have all orders cancelled in so many seconds unless told so again; return when that is."""

    def find_order(self, order: OrderRef) -> OrderLookup:
        """Look up one order: found, not found, or unknown."""

    def open_orders(self, inst_id: str | None = None) -> list[OrderSnapshot]:
        """Return the orders that wait or are filled in part."""

    def order_history(
        self, inst_id: str | None = None, *, begin_ms: int | None = None, end_ms: int | None = None
    ) -> list[OrderSnapshot]:
        """Return the orders that are done and were made in [begin_ms, end_ms]."""

    def fills(
        self, inst_id: str | None = None, *, begin_ms: int | None = None, end_ms: int | None = None
    ) -> list[FillSnapshot]:
        """Return the fills of [begin_ms, end_ms]."""

    def fills_of_order(self, inst_id: str, order_id: str) -> list[FillSnapshot]:
        """Return the fills of one order."""

    def bills(
        self,
        *,
        kind: BillKind | None = None,
        inst_id: str | None = None,
        begin_ms: int | None = None,
        end_ms: int | None = None,
    ) -> list[Bill]:
        """Return the changes of the USDT balance in [begin_ms, end_ms]."""

    def place_algo(self, request: AlgoRequest) -> Ack:
        """Place a stop loss, a take profit or both."""

    def cancel_algos(self, inst_id: str, algo_ids: Sequence[str]) -> list[Outcome]:
        """Cancel algo orders of one instrument and return what became of each."""

    def open_algos(self, inst_id: str | None = None) -> list[AlgoSnapshot]:
        """Return all algo orders that still wait."""

    def algo_history(
        self, kind: AlgoType, state: AlgoState, inst_id: str | None = None
    ) -> list[AlgoSnapshot]:
        """Return the algo orders of one type that ended in `state`."""

    def find_algo(self, inst_id: str, client_id: str, kind: AlgoType) -> AlgoLookup:
        """Look up one algo order by our id: found, not found, or unknown."""


class MarketStreams(Protocol):
    """Live market data of one exchange."""

    def candles(
        self, inst_id: str, timeframe: Timeframe
    ) -> AbstractAsyncContextManager[AsyncIterator[MarketEvent]]:
        """Open the stream of closed bars."""


class AccountStreams(Protocol):
    """What happens in one account, as it happens."""

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[AccountEvent]]:
        """Open the stream of orders, positions and balance."""
