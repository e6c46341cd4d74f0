"""What can be chosen about the paper venue.

Types alone. Invariant: rates are positive where the account pays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

__all__ = ["FeeRates", "VenueSettings"]


@dataclass(frozen=True, slots=True)
class FeeRates:
    """Shares of notional; a negative maker rate is a rebate."""

    maker: Decimal
    taker: Decimal


def _regular_user() -> dict[str, FeeRates]:
    return {"Lv1": FeeRates(maker=Decimal("0.0002"), taker=Decimal("0.0005"))}


@dataclass(frozen=True, slots=True)
class VenueSettings:
    """Fees by level, how resting orders fill, and the caps on what may rest.

    `fill_rule`: a resting order fills when the path reaches its price (touch) or goes beyond (through).
    `volume_share`: the share of a tick's volume that one account's resting orders may have.
    `default_lever`: leverage of an instrument before set-leverage was called.
    """

    fee_levels: Mapping[str, FeeRates] = field(default_factory=_regular_user)
    fill_rule: Literal["touch", "through"] = "through"
    volume_share: Decimal = Decimal("0.1")
    default_lever: Decimal = Decimal(3)
    max_orders: int = 4000
    max_orders_per_instrument: int = 500
    max_stops_per_instrument: int = 100
    max_triggers_per_instrument: int = 500
    max_trailing_per_instrument: int = 50
