"""The spot leg written out: prices in, the coins bought and sold and where their money went out.

Pure and vectorised over the swap's fills; the account itself is run by the kernel, see `hedge`. Invariant:
price - fees - slippage of the leg is the change of its cash and of the value of its coins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.core.bars import Bars, FloatArray, IntArray

SPOT_FILL_DTYPE = np.dtype(
    [
        ("bar", np.int64),  # index into the run's bars
        ("ts", np.int64),  # open of that bar
        ("order_id", np.int64),  # of the swap's fill that it goes with
        ("at_open", np.bool_),  # at the spot bar's open; else at its close
        ("side", np.int64),  # +1 buy, -1 sell
        ("coins", np.float64),  # absolute size
        ("ref_price", np.float64),  # price before spread and slippage
        ("price", np.float64),  # price paid
        ("fee", np.float64),  # >= 0, charged in quote currency
        ("slippage", np.float64),  # cost of price against ref_price
        ("cash", np.float64),  # what it brought, fee paid; < 0 where coins were bought
        ("holding", np.float64),  # coins held after it
    ],
    align=True,
)
"""One row a fill of the swap, in the same order."""


@dataclass(frozen=True, slots=True, eq=False)
class SpotMarket:
    """Spot prices on the run's bars, (n,), and what trading there costs, fractions."""

    open: FloatArray
    close: FloatArray
    cost_rate: float
    fee_rate: float

    @property
    def spent(self) -> float:
        """What a coin costs, fee paid, as a multiple of the price."""
        return (1.0 + self.cost_rate) * (1.0 + self.fee_rate)

    def terms(self, opened: IntArray) -> Any:
        """Return the kernel's `spot`; `opened`, (n,), is set to the fills matched at each open."""
        return self.open, self.close, float(self.cost_rate), float(self.fee_rate), opened


@dataclass(frozen=True, slots=True, eq=False)
class SpotLeg:
    """What the spot leg of a run did; `fills` has SPOT_FILL_DTYPE, money is USDT."""

    fills: NDArray[np.void]
    price_pnl: float  # at reference prices, what is still held at the last close
    fees: float
    slippage: float

    @property
    def total(self) -> float:
        """What the leg earned."""
        return self.price_pnl - self.fees - self.slippage


def trade_spot(
    compact: NDArray[np.void], bars: Bars, spot: SpotMarket, opened: IntArray, coins_per_lot: float
) -> SpotLeg:
    """Return the leg that goes with a run's fills.

    Args:
        compact: COMPACT_FILL_DTYPE in order.
        bars: the run's bars.
        spot: prices and costs.
        opened: fills of each bar that were matched at its open, (n,); they come first in it.
        coins_per_lot: coins a lot.
    """
    fills = np.zeros(len(compact), SPOT_FILL_DTYPE)
    if not len(compact):
        return SpotLeg(fills, 0.0, 0.0, 0.0)
    bar = compact["bar"]
    rank = np.arange(len(bar)) - np.searchsorted(bar, bar)
    at_open = rank < opened[bar]
    coins = -compact["lots"] * coins_per_lot
    ref = np.where(at_open, spot.open[bar], spot.close[bar])
    price = ref * (1.0 + np.sign(coins) * spot.cost_rate)
    fills["bar"], fills["ts"], fills["order_id"] = bar, bars.ts[bar], compact["order_id"]
    fills["at_open"] = at_open
    fills["side"], fills["coins"] = np.sign(coins).astype(np.int64), np.abs(coins)
    fills["ref_price"], fills["price"] = ref, price
    fills["fee"] = np.abs(coins) * price * spot.fee_rate
    fills["slippage"] = coins * (price - ref)
    fills["cash"] = -(coins * price) - fills["fee"]
    # lots are whole, so their sum is exact: a flat account holds no dust
    fills["holding"] = np.cumsum(-compact["lots"]) * coins_per_lot
    held = float(fills["holding"][-1]) * float(spot.close[-1])
    return SpotLeg(
        fills,
        price_pnl=held - float((coins * ref).sum()),
        fees=float(fills["fee"].sum()),
        slippage=float(fills["slippage"].sum()),
    )
