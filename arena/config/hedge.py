"""The hedge group: whether coins are held against the short swap, and what they cost to trade.

Invariant: with `kind: none` no other key has any effect.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from arena.config.base import ConfigModel


class HedgeConfig(ConfigModel):
    """What stands against the position; the costs are those of the spot market, bps of the price."""

    kind: Literal["none", "spot"] = Field(
        default="none",
        description="spot: for every coin the swap is short one coin is held; longs are refused",
    )
    fee_rate: float = Field(default=0.001, ge=0, le=0.1, description="spot taker fee, fraction of notional")
    half_spread_bps: float = Field(default=0.1, ge=0, le=1000, description="half the spot bid-ask spread")
    slippage_bps: float = Field(
        default=1.0, ge=0, le=1000, description="spot price moved against a market order"
    )

    @property
    def cost_rate(self) -> float:
        """Half spread and slippage as a fraction of the price."""
        return (self.half_spread_bps + self.slippage_bps) * 1e-4
