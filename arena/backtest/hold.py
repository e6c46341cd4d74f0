"""Buy and hold: what the same money did by buying at the first traded open and sitting still.

Pure and vectorised. It pays the entry's fee, spread and slippage, holds the swap unlevered and pays or
receives funding at each settlement. Invariant: before the first traded bar equity is the capital.
"""

import numpy as np

from arena.core.bars import Bars, FloatArray
from arena.engine.settlements import Settlements

_BPS = 1e-4


def hold_equity(
    bars: Bars,
    first_bar: int,
    initial_capital: float,
    *,
    fee_rate: float,
    cost_bps: float,
    settlements: Settlements,
) -> FloatArray:
    """Return equity at each bar's close, USDT, length of `bars`.

    The size is a fraction of a contract if need be: notional and entry fee together are the capital, so
    the leverage is 1 and liquidation is left out. A settlement at the very moment of the entry is not
    charged.

    Args:
        bars: the run's bars.
        first_bar: position of the first bar that may be traded; `len(bars)` or more buys nothing.
        initial_capital: USDT before.
        fee_rate: taker fee, fraction of notional.
        cost_bps: half spread and slippage of the entry, in basis points of the open.
        settlements: funding of the run, placed on the bars as the engine charges it.
    """
    equity = np.full(len(bars), initial_capital, np.float64)
    if first_bar >= len(bars):
        return equity
    entry_price = float(bars.open[first_bar]) * (1.0 + cost_bps * _BPS)
    coins = initial_capital / (entry_price * (1.0 + fee_rate))
    funding = np.zeros(len(bars), np.float64)
    # A settlement at the open comes before the open's fill, as in the engine.
    held = settlements.bar + (settlements.at_open == 0) > first_bar
    np.add.at(funding, settlements.bar[held], -(settlements.rate * settlements.mark)[held] * coins)
    equity[first_bar:] = coins * bars.close[first_bar:] + np.cumsum(funding)[first_bar:]
    return equity
