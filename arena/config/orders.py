"""The orders group: how entries reach the book.

Invariant: with `kind: market` no other key has any effect.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from arena.config.base import ConfigModel


class OrdersConfig(ConfigModel):
    """How what opens or enlarges a position is ordered; what closes or reduces it is a market order."""

    kind: Literal["market", "limit"] = Field(
        default="market", description="market: fill at the next open; limit: rest in the book"
    )
    offset_bps: float = Field(
        default=0.0, ge=0, le=1000, description="limit: how far from the deciding close, on its far side"
    )
    bars: int = Field(default=1, ge=1, le=1000, description="limit: bars it rests for before it ends")
    fill: Literal["touch", "through"] = Field(
        default="through", description="limit: filled where the price reaches it, or only beyond it"
    )
    maker_fee_rate: float = Field(
        default=0.0002, ge=0, le=0.1, description="limit: fee of a resting order, fraction of notional"
    )
    take_profit: Literal["market", "limit"] = Field(
        default="market",
        description="limit: what a take-profit is: a triggered market order, or an order that rests",
    )
