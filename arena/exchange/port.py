"""What the house asks of an exchange, whichever it is.

Types and protocols only. Invariant: prices and sizes that an order may be made of are exact decimals;
bars are float64, as the store keeps them; times are UTC ms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol

from arena.core.bars import Bars, FundingSeries
from arena.core.timeframe import Timeframe

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
