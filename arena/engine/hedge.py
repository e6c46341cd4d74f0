"""The spot leg of a hedged account: for every coin that the swap is short, one coin held.

The swap's own rules are `account`'s and know nothing of it: coins are no margin, they are bought from the
account's cash and sold back into it. Invariant: at each close the coins held are those the swap is short.

`spot` is (open, close, share by which an order pays more, fee, fills matched at the open), the arrays (n,)
and the last one written; or None where nothing is hedged: then nothing of this module is compiled in.
"""

from typing import Any

import numpy as np

from arena.engine.account import reset_liquidation
from arena.engine.jit import inlined

AT_OPEN, AT_CLOSE = 0, 1


@inlined
def match_spot(
    state: Any,
    fills: Any,
    bar: int,
    first: int,
    spot: Any,
    moment: int,
    rules: Any,
    tier_lots: Any,
    tier_mmr: Any,
) -> None:
    """Trade the coins of all fills from row `first` on: at the spot's open, or at its close.

    What happens inside the swap's bar is hedged at the close: the bar does not say what spot cost then.
    """
    opens, closes, cost, fee, opened = spot
    count = state.fills - first
    if moment == AT_OPEN:
        opened[bar] = count
    if count == 0:
        return
    ref = opens[bar] if moment == AT_OPEN else closes[bar]
    moved = 0.0
    for number in range(first, state.fills):
        row = fills[np.uintp(number)]
        coins = -row.lots * rules.coins_per_lot
        side = 1.0 if coins > 0.0 else -1.0
        price = ref * (1.0 + side * cost)
        moved -= coins * price + abs(coins) * price * fee
        row.cash += moved
    state.cash += moved
    if state.cash > 0.0:
        state.ruined = 0  # the swap's margin is gone, the coins were not
    reset_liquidation(state, rules, tier_lots, tier_mmr)


@inlined
def with_coins(value: float, state: Any, spot: Any, bar: Any, rules: Any) -> float:
    """Return `value` and what the coins held are worth at the bar's close."""
    if spot is None:
        return value
    return float(value - state.lots * rules.coins_per_lot * spot[1][bar])
