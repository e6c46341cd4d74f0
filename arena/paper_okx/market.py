"""What the matching asks of the market that is replayed.

Types alone: `replay` makes them of stored or generated bars. Invariant: prices lie on the tick grid, sizes
on the lot grid, time is UTC milliseconds of the venue's own clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

__all__ = ["Contract", "Market", "Quote", "Settlement", "Tick", "Tier"]


@dataclass(frozen=True, slots=True)
class Tier:
    """One row of the position tiers; sizes in contracts, its rates hold for the whole position."""

    min_sz: Decimal
    max_sz: Decimal
    mmr: Decimal
    imr: Decimal
    max_lever: Decimal


@dataclass(frozen=True, slots=True)
class Contract:
    """A linear swap as the exchange lists it; sizes in contracts of `ct_val` coins."""

    inst_id: str
    inst_family: str  # BTC-USDT; also the id of its index
    base: str
    quote: str
    settle: str
    ct_val: Decimal
    lot_sz: Decimal
    min_sz: Decimal
    tick_sz: Decimal
    max_lmt_sz: Decimal
    max_mkt_sz: Decimal
    lever: Decimal
    list_ms: int
    code: int  # instIdCode
    tiers: tuple[Tier, ...]

    def tier_of(self, contracts: Decimal) -> Tier:
        """Return the tier of a position of this absolute size, the last one beyond the table."""
        for tier in self.tiers:
            if contracts <= tier.max_sz:
                return tier
        return self.tiers[-1]


@dataclass(frozen=True, slots=True)
class Tick:
    """One step of the path: a trade at `last`, and what stands beside it at that moment.

    `volume` is what was traded on the way here since the tick before, contracts.
    """

    ts: int
    last: Decimal
    volume: Decimal
    mark: Decimal
    index: Decimal


@dataclass(frozen=True, slots=True)
class Quote:
    """The market of one instrument at one moment; `bids` and `asks` are (price, contracts), best first."""

    ts: int
    last: Decimal
    mark: Decimal
    index: Decimal
    bids: Sequence[tuple[Decimal, Decimal]]
    asks: Sequence[tuple[Decimal, Decimal]]
    lowest: Decimal  # price band: no buy above `highest`, no sell below `lowest`
    highest: Decimal


@dataclass(frozen=True, slots=True)
class Settlement:
    """A funding settlement: longs pay `rate` of notional at mark, shorts receive it."""

    ts: int
    rate: Decimal


class Market(Protocol):
    """The replayed market, which knows no account."""

    @property
    def contracts(self) -> Mapping[str, Contract]:
        """What is listed, by instId."""

    def quote(self, inst_id: str, ts: int) -> Quote:
        """Return the market at `ts`: the last tick at or before it, and the book around it."""

    def ticks(self, inst_id: str, after: int, until: int) -> Iterator[Tick]:
        """Return the path's ticks with after < ts <= until, in order of time."""

    def settlements(self, inst_id: str, after: int, until: int) -> Sequence[Settlement]:
        """Return the funding settlements with after < ts <= until, in order of time."""
