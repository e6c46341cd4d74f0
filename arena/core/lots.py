"""An instrument's contract size and grids: the only way between contracts, coins and USDT.

Pure. Invariant: a size is never rounded away from zero, so that what is sent is never more than was asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Self

from arena.core.errors import ConfigError
from arena.core.instrument import Instrument
from arena.core.quantity import EXACT, Coins, Contracts, Price, Quantity, Usdt

__all__ = ["Lots", "Rounding"]


class Rounding(StrEnum):
    """Where a price goes that lies between two ticks."""

    DOWN = "down"
    UP = "up"
    NEAREST = "nearest"  # the lower one from the middle


@dataclass(frozen=True, slots=True)
class Lots:
    """What an instrument's sizes and prices are counted in."""

    inst_id: str
    ct_val: Coins  # coins of one contract
    lot_sz: Contracts
    min_sz: Contracts
    tick_sz: Price

    def __post_init__(self) -> None:
        for name in ("ct_val", "lot_sz", "min_sz", "tick_sz"):
            value: Quantity = getattr(self, name)
            if value.value <= 0:
                raise ConfigError(f"{name} of {self.inst_id} is {value}: it has to be above zero")

    @classmethod
    def of(cls, instrument: Instrument) -> Self:
        """Return the grids of `instrument`; floats are read as the decimals they print as."""
        sizes = (instrument.ct_val, instrument.lot_sz, instrument.min_sz, instrument.tick_sz)
        ct_val, lot_sz, min_sz, tick_sz = (Decimal(repr(float(size))) for size in sizes)
        return cls(instrument.inst_id, Coins(ct_val), Contracts(lot_sz), Contracts(min_sz), Price(tick_sz))

    def coins(self, size: Contracts) -> Coins:
        """Return what `size` contracts hold."""
        return self.ct_val * size.value

    def notional(self, size: Contracts, price: Price) -> Usdt:
        """Return the value of `size` contracts at `price`, signed as the size is."""
        return Usdt(EXACT.multiply(self.coins(size).value, price.value))

    def contracts_of_coins(self, coins: Coins) -> Contracts:
        """Return the largest size on the grid that holds no more than `coins`."""
        return self._whole_lots(coins.value, self.coins(self.lot_sz).value)

    def contracts_of_notional(self, notional: Usdt, price: Price) -> Contracts:
        """Return the largest size on the grid that is worth no more than `notional` at `price`.

        Raises:
            ValueError: the price is not above zero.
        """
        if price.value <= 0:
            raise ValueError(f"no size of {self.inst_id} can be worked out at a price of {price}")
        return self._whole_lots(notional.value, self.notional(self.lot_sz, price).value)

    def floor_to_lot(self, size: Contracts) -> Contracts:
        """Return `size` cut to the lot grid, towards zero."""
        return self._whole_lots(size.value, self.lot_sz.value)

    def orderable(self, size: Contracts) -> Contracts:
        """Return `size` cut to the lot grid, or zero where that is below the smallest order."""
        cut = self.floor_to_lot(size)
        return cut if abs(cut) >= self.min_sz else Contracts(0)

    def on_grid(self, size: Contracts) -> bool:
        """Tell whether `size` can be ordered as it is."""
        return size.value > 0 and self.orderable(size) == size

    def to_tick(self, price: Price, rounding: Rounding) -> Price:
        """Return `price` on the tick grid: DOWN for a buy limit, UP for a sell limit.

        Raises:
            ValueError: the price is not above zero.
        """
        if price.value <= 0:
            raise ValueError(f"no order of {self.inst_id} can have a price of {price}")
        tick = self.tick_sz.value
        ticks, rest = EXACT.divmod(price.value, tick)
        nearer_up = EXACT.multiply(rest, 2) > tick
        up = rest and (rounding is Rounding.UP or (rounding is Rounding.NEAREST and nearer_up))
        return Price(EXACT.multiply(EXACT.add(ticks, 1) if up else ticks, tick))

    def _whole_lots(self, amount: Decimal, amount_of_lot: Decimal) -> Contracts:
        return self.lot_sz * EXACT.plus(EXACT.divide_int(amount, amount_of_lot))  # plus: -0 becomes 0
