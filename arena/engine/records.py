"""The engine's records as numpy dtypes: one row a fill, and the names of its codes.

Money in quote currency (USDT), sizes in contracts, times in UTC ms.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from arena.core.bars import FloatArray, TsArray


class FillReason(IntEnum):
    """Why a fill happened."""

    OPEN = 1  # the strategy's target opened or enlarged the position
    CLOSE = 2  # the strategy's target closed or reduced it
    STOP_LOSS = 3
    TAKE_PROFIT = 4
    LIQUIDATION_PARTIAL = 5  # stepped down to a lower position tier
    LIQUIDATION = 6  # taken over whole at the bankruptcy price
    OPEN_LIMIT = 7  # as OPEN, by a resting order: at its limit, with the maker fee


FILL_DTYPE = np.dtype(
    [
        ("bar", np.int64),  # index into the run's bars
        ("ts", np.int64),  # open of that bar; an intrabar fill happened somewhere inside it
        ("order_id", np.int64),  # 1, 2, ...: a reversal is one order with two fills (close, open)
        ("reason", np.int64),  # FillReason
        ("side", np.int64),  # +1 buy, -1 sell
        ("contracts", np.float64),  # absolute size
        ("ref_price", np.float64),  # price before spread, slippage and tick rounding
        ("price", np.float64),  # price paid
        ("fee", np.float64),  # >= 0, charged
        ("slippage", np.float64),  # cost of price against ref_price; > 0 is a cost
        ("penalty", np.float64),  # liquidation: cost of the bankruptcy price against the mark; may be < 0
        ("realized", np.float64),  # price PnL realised at `price`, fees not included
        ("position", np.float64),  # signed contracts after the fill
        ("cash", np.float64),  # after the fill
        ("funding_total", np.float64),  # cumulative funding so far; > 0 received, < 0 paid
        ("signal_bar", np.int64),  # bar whose close decided it; -1 for stops and liquidations
    ],
    align=True,
)

COMPACT_FILL_DTYPE = np.dtype(
    [
        ("bar", np.int32),
        ("signal_bar", np.int32),
        ("order_id", np.int32),
        ("reason", np.int32),
        ("lots", np.float64),  # signed
        ("ref_price", np.float64),
        ("price", np.float64),
        ("cash", np.float64),
        ("funding_total", np.float64),
    ],
    align=True,
)
"""What the kernel writes: all that the rest follows from, in 56 bytes, for memory is what a fill costs."""


def expand_fills(
    compact: NDArray[np.void],
    ts: TsArray,
    *,
    lot_sz: float,
    ct_val: float,
    fee_rate: float,
    capital: float,
    maker: tuple[float, tuple[FillReason, ...]] = (0.0, ()),
    spot_cash: FloatArray | None = None,
) -> NDArray[np.void]:
    """Return kernel fills, (k,) of COMPACT_FILL_DTYPE, as (k,) of FILL_DTYPE.

    Args:
        compact: fills in order.
        ts: opens of the run's bars.
        lot_sz: contracts a lot.
        ct_val: coins a contract.
        fee_rate: fraction of notional charged on each fill.
        maker: another fee, and the reasons of fills that pay it.
        capital: cash before the first fill.
        spot_cash: what the spot trade of each fill brought; None: there is none.
    """
    fills = np.zeros(len(compact), FILL_DTYPE)
    if not len(compact):
        return fills
    coins = compact["lots"] * (lot_sz * ct_val)
    shift = coins * (compact["price"] - compact["ref_price"])
    taken_over = compact["reason"] == FillReason.LIQUIDATION
    fee = np.abs(coins) * compact["price"] * fee_rate
    for reason in maker[1]:
        fee = np.where(compact["reason"] == reason, np.abs(coins) * compact["price"] * maker[0], fee)
    for name in ("bar", "signal_bar", "order_id", "reason", "ref_price", "price", "cash", "funding_total"):
        fills[name] = compact[name]
    fills["ts"] = ts[compact["bar"]]
    fills["side"] = np.sign(compact["lots"]).astype(np.int64)
    fills["contracts"] = np.abs(compact["lots"]) * lot_sz
    fills["fee"] = fee
    fills["slippage"] = np.where(taken_over, 0.0, shift)
    fills["penalty"] = np.where(taken_over, shift, 0.0)
    fills["position"] = np.cumsum(compact["lots"]) * lot_sz
    cash_moves = np.diff(compact["cash"], prepend=capital)
    if spot_cash is not None:
        cash_moves -= spot_cash
    fills["realized"] = cash_moves - np.diff(compact["funding_total"], prepend=0.0) + fee
    return fills


def position_by_bar(compact: NDArray[np.void], bars: int, lot_sz: float) -> FloatArray:
    """Return signed contracts after each of `bars` bars, (bars,), from all fills of a run."""
    after = np.concatenate(([0.0], np.cumsum(compact["lots"]) * lot_sz))
    starts = np.concatenate(([0], compact["bar"], [bars]))
    return np.repeat(after, np.diff(starts))
