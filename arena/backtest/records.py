"""One row a round trip: from flat to flat on one side.

A reversal ends one trade and starts the next. A position still open at the end of the run is
the last row with `is_open` set, valued at the last close.
"""

import numpy as np

TRADE_DTYPE = np.dtype(
    [
        ("entry_ts", np.int64),
        ("exit_ts", np.int64),  # open trade: ts of the last bar
        ("entry_bar", np.int64),
        ("exit_bar", np.int64),
        ("side", np.int64),  # +1 long, -1 short
        ("contracts", np.float64),  # largest absolute size held
        ("entry_price", np.float64),  # average over entries
        ("exit_price", np.float64),  # average over exits; open trade: last close
        ("price_pnl", np.float64),  # at reference prices, before any cost
        ("fees", np.float64),  # >= 0
        ("funding", np.float64),  # > 0 received
        ("slippage", np.float64),  # > 0 is a cost
        ("penalty", np.float64),  # liquidation, > 0 is a cost
        ("net_pnl", np.float64),  # price_pnl - fees + funding - slippage - penalty
        ("return_on_equity", np.float64),  # net_pnl / equity before the entry
        ("mae", np.float64),  # worst excursion against entry_price, fraction, <= 0
        ("mfe", np.float64),  # best excursion, fraction, >= 0
        ("bars_held", np.int64),
        ("exit_reason", np.int64),  # FillReason, 0 while open
        ("entry_reason", np.int64),  # the strategy's reason code at the deciding bar
        ("is_open", np.bool_),
    ],
    align=True,
)
