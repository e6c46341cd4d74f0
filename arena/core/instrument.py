"""What is traded: contract size, grids, margin tiers.

Sizes towards the account are contracts; one contract is `ct_val` coins. Prices move in ticks,
sizes in lots. Read from config today and from the exchange where a feed gives it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from arena.core.errors import ConfigError

if TYPE_CHECKING:
    from arena.core.bars import FloatArray


@dataclass(frozen=True, slots=True)
class MarginTier:
    """One row of the position tiers; its rates hold for the whole position, not for a slice."""

    max_contracts: float
    mmr: float
    imr: float


@dataclass(frozen=True)
class TierTable:
    """Position tiers of one instrument as they stood on `as_of`; rows ascend by size."""

    as_of: str
    source: str
    tiers: tuple[MarginTier, ...]

    @cached_property
    def sizes(self) -> FloatArray:
        """Largest size of each tier, contracts."""
        return _column(tier.max_contracts for tier in self.tiers)

    @cached_property
    def maintenance_rates(self) -> FloatArray:
        """Maintenance margin rate of each tier."""
        return _column(tier.mmr for tier in self.tiers)

    @cached_property
    def initial_rates(self) -> FloatArray:
        """Initial margin rate of each tier."""
        return _column(tier.imr for tier in self.tiers)

    def tier_of(self, contracts: float) -> int:
        """Return the 1-based tier of a position of this absolute size."""
        for number, tier in enumerate(self.tiers, start=1):
            if contracts <= tier.max_contracts:
                return number
        return len(self.tiers)


def _column(values: Iterable[float]) -> FloatArray:
    """Return `values` as an array; numpy is imported here, for `--help` reads no tier."""
    import numpy as np

    return np.array(list(values))


@dataclass(frozen=True, slots=True)
class Instrument:
    """A linear USDT-settled perpetual swap."""

    inst_id: str  # exchange's id, e.g. BTC-USDT-SWAP: also the folder name in the store
    symbol: str  # unified symbol, e.g. BTC/USDT:USDT
    ct_val: float  # coins per contract
    lot_sz: float  # size grid, contracts
    min_sz: float  # smallest order, contracts
    tick_sz: float  # price grid, quote currency
    max_market_sz: float  # largest market order, contracts
    max_leverage: float
    funding_interval_ms: int
    tiers: TierTable

    @property
    def base(self) -> str:
        """Base currency, e.g. BTC."""
        return self.symbol.split("/")[0]

    def spot(self, inst_id: str | None) -> Instrument:
        """Return the spot pair `inst_id` of the same coins, as far as its prices and volumes need one."""
        pair = self.symbol.partition(":")[0]
        return replace(self, inst_id=inst_id or pair.replace("/", "-"), symbol=pair, ct_val=1.0)


def instrument_id(symbol: str) -> str:
    """Return the exchange id of a swap for its id (`BTC-USDT-SWAP`) or unified symbol (`BTC/USDT:USDT`).

    The id of a spot pair (`BTC-USDT`) stands for itself.

    Raises:
        ConfigError: the text is neither.
    """
    if (symbol.endswith("-SWAP") or symbol.count("-") == 1) and "/" not in symbol:
        return symbol
    pair, _, settle = symbol.partition(":")
    base, _, quote = pair.partition("/")
    if base and quote and settle == quote:
        return f"{base}-{quote}-SWAP"
    raise ConfigError(f"'{symbol}' names no linear swap: write BTC/USDT:USDT or BTC-USDT-SWAP")
