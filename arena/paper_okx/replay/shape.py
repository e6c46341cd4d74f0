"""What a replay has to assume because bars do not tell it: the book, the band, open interest.

Settings alone. Invariant: the best bid is below the best ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

__all__ = ["MarketShape"]


@dataclass(frozen=True, slots=True)
class MarketShape:
    """The assumed part of a market; prices in ticks of the contract, sizes in contracts."""

    half_spread_ticks: int = 1
    levels: int = 25
    level_ticks: int = 1  # between two levels
    contracts_per_level: Decimal = Decimal(500)
    band: Decimal = Decimal("0.05")  # of the mark price, either side
    funding_rate: float = 0.0001  # a settlement, where none is stored
    interest_days: int = 1  # of volume, taken for open interest
