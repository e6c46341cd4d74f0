"""Signals written by kernels, for sweeps: the rules of the strategies beside, on shared indicators.

Imported by batch forms alone, at their first trial. Invariant: what is written is what the strategy's own
`signal` says, bit for bit; tests hold the two together.
"""

import numpy as np
from numba import types

from arena.core.bars import FloatArray
from arena.indicators.compiled import COUNT, NUMBER, SERIES, kernel

WRITTEN = types.Array(types.float64, 1, "C")
FLAG = types.boolean


@kernel(
    SERIES, SERIES, SERIES, SERIES, NUMBER, NUMBER, NUMBER, FLAG, FLAG, FLAG, COUNT, COUNT, WRITTEN
)  # fmt: skip
def write_bands(
    close: FloatArray,
    mid: FloatArray,
    deviation: FloatArray,
    adx: FloatArray,
    deviations: float,
    max_width: float,
    adx_max: float,
    leaves_with_range: bool,  # noqa: FBT001 - kernels have no keyword-only arguments
    longs: bool,  # noqa: FBT001
    shorts: bool,  # noqa: FBT001
    ready: int,
    first: int,
    target: FloatArray,
) -> None:
    """Write the side of bollinger_range from bar `first` on; entries from bar `ready` on."""
    side = 0.0
    inside_lower = inside_upper = False  # whether the bar before was, so that this one crosses
    for i in range(len(close)):
        reach = deviations * deviation[i]
        lower, upper = mid[i] - reach, mid[i] + reach
        calm = mid[i] != 0.0 and 2.0 * reach / mid[i] <= max_width and adx[i] <= adx_max
        over = leaves_with_range and not calm
        leaves_long, leaves_short = close[i] >= mid[i] or over, close[i] <= mid[i] or over
        enters = calm and i >= ready
        go_long = longs and enters and inside_lower and close[i] < lower and not leaves_long
        go_short = shorts and enters and inside_upper and close[i] > upper and not leaves_short
        inside_lower, inside_upper = close[i] >= lower, close[i] <= upper
        if (side > 0.0 and leaves_long) or (side < 0.0 and leaves_short):
            side = 0.0
        if go_long != go_short:
            side = 1.0 if go_long else -1.0
        if i >= first:
            target[i - first] = side


@kernel(SERIES, SERIES, NUMBER, NUMBER, NUMBER, FLAG, FLAG, COUNT, COUNT, WRITTEN)
def write_paid_side(
    apr: FloatArray,
    age_ms: FloatArray,
    entry_apr: float,
    exit_apr: float,
    most_age_ms: float,
    longs: bool,  # noqa: FBT001 - kernels have no keyword-only arguments
    shorts: bool,  # noqa: FBT001
    ready: int,
    first: int,
    target: FloatArray,
) -> None:
    """Write the side of funding_rate_arbitrage from bar `first` on; entries from bar `ready` on."""
    side = 0.0
    for i in range(len(apr)):
        known = np.isfinite(apr[i]) and age_ms[i] <= most_age_ms
        leaves_long = not known or apr[i] > -exit_apr or apr[i] >= 0.0
        leaves_short = not known or apr[i] < exit_apr or apr[i] <= 0.0
        enters = known and i >= ready
        go_long = longs and enters and apr[i] <= -entry_apr and not leaves_long
        go_short = shorts and enters and apr[i] >= entry_apr and not leaves_short
        if (side > 0.0 and leaves_long) or (side < 0.0 and leaves_short):
            side = 0.0
        if go_long != go_short:
            side = 1.0 if go_long else -1.0
        if i >= first:
            target[i - first] = side


@kernel(SERIES, NUMBER, COUNT, WRITTEN)
def write_distance(atr: FloatArray, multiple: float, first: int, distance: FloatArray) -> None:
    """Write `multiple` average true ranges from bar `first` on, NaN where that is no distance."""
    for i in range(first, len(atr)):
        value = multiple * atr[i]
        distance[i - first] = value if 0.0 < value < np.inf else np.nan
