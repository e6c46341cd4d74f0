"""Margin arithmetic of linear swaps: profit, ratio, liquidation price, and the marks at which a ratio is met.

Pure. A pool is what stands behind positions together: an account's cash behind its cross positions, or one
isolated position's own margin. Invariant: the ratio at the liquidation price is 1.
Formulas: OKX, as in docs/engine.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from arena.paper_okx.venue.amounts import ONE, ZERO, fine

__all__ = ["Leg", "Pool", "isolated_liquidation", "upl_ratio"]

MarkOf = Callable[[str], Decimal]


@dataclass(frozen=True, slots=True)
class Leg:
    """A position in coins, signed; `rate` is its tier's maintenance rate and the taker fee."""

    inst_id: str
    coins: Decimal
    avg_px: Decimal
    rate: Decimal

    def upl(self, mark: Decimal) -> Decimal:
        return self.coins * (mark - self.avg_px)

    def required(self, mark: Decimal) -> Decimal:
        return abs(self.coins) * mark * self.rate


@dataclass(frozen=True, slots=True)
class Pool:
    """Cash or margin, and the positions that it answers for."""

    base: Decimal
    legs: tuple[Leg, ...]

    def equity(self, mark_of: MarkOf) -> Decimal:
        return self.base + sum((leg.upl(mark_of(leg.inst_id)) for leg in self.legs), ZERO)

    def required(self, mark_of: MarkOf) -> Decimal:
        return sum((leg.required(mark_of(leg.inst_id)) for leg in self.legs), ZERO)

    def ratio(self, mark_of: MarkOf) -> Decimal | None:
        """Return equity over what is required; None without positions."""
        required = self.required(mark_of)
        return fine(self.equity(mark_of) / required) if required else None

    def exhausted(self, mark_of: MarkOf, times: Decimal = ONE) -> bool:
        """Whether the ratio is at or below `times`."""
        return bool(self.legs) and self.equity(mark_of) <= times * self.required(mark_of)

    def bounds(self, times: Decimal) -> tuple[Decimal | None, Decimal | None]:
        """Return the marks (at or below, at or above) where the ratio is `times`, of legs in one instrument.

        Equity less `times` what is required is a straight line in the mark.
        """
        slope = sum((leg.coins - times * abs(leg.coins) * leg.rate for leg in self.legs), ZERO)
        start = self.base - sum((leg.coins * leg.avg_px for leg in self.legs), ZERO)
        if slope == 0:
            return (None, ZERO) if start <= 0 and self.legs else (None, None)
        return (-start / slope, None) if slope > 0 else (None, -start / slope)

    def liquidation_price(self, leg: Leg, mark_of: MarkOf) -> Decimal | None:
        """Return the mark of one leg at which the pool is exhausted, the other legs as they are."""
        mark = mark_of(leg.inst_id)
        others = self.required(mark_of) - leg.required(mark)
        slope = leg.coins - abs(leg.coins) * leg.rate
        price = (leg.coins * mark - (self.equity(mark_of) - others)) / slope
        return fine(price) if price > 0 else None


def isolated_liquidation(leg: Leg, margin: Decimal) -> Decimal | None:
    """Return the liquidation price of a position that has only its own margin."""
    price = (leg.coins * leg.avg_px - margin) / (leg.coins - abs(leg.coins) * leg.rate)
    return fine(price) if price > 0 else None


def upl_ratio(leg: Leg, mark: Decimal, lever: Decimal) -> Decimal:
    """Return unrealised profit over the initial margin at entry."""
    return fine(leg.upl(mark) * lever / (abs(leg.coins) * leg.avg_px))
