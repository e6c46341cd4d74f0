"""From conditions to states: crossings, and the held side that entries and exits make.

Knows nothing of prices or money. Invariant: on one bar an exit beats an entry of the same side.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arena.core.bars import FloatArray
from arena.indicators.compiled import FLAGS, as_flags, check_same_length, kernel

BoolArray = NDArray[np.bool_]


@kernel(FLAGS, FLAGS, FLAGS, FLAGS)
def latch_nb(
    long_entry: BoolArray, long_exit: BoolArray, short_entry: BoolArray, short_exit: BoolArray
) -> FloatArray:
    held = np.empty(len(long_entry))
    side = 0.0
    for i in range(len(held)):
        if (side > 0.0 and long_exit[i]) or (side < 0.0 and short_exit[i]):
            side = 0.0
        go_long = long_entry[i] and not long_exit[i]
        go_short = short_entry[i] and not short_exit[i]
        if go_long != go_short:  # both at once contradict each other: what is held stays
            side = 1.0 if go_long else -1.0
        held[i] = side
    return held


def latch(
    long_entry: ArrayLike, long_exit: ArrayLike, short_entry: ArrayLike, short_exit: ArrayLike
) -> FloatArray:
    """Return the side held after each bar: +1 long, -1 short, 0 flat; flat before the first entry.

    A bar's exit is applied before its entries and cancels an entry of its own side. An entry of the
    opposite side reverses at once, without an exit. Both entries on one bar cancel each other.
    """
    flags = [as_flags(array) for array in (long_entry, long_exit, short_entry, short_exit)]
    check_same_length(long_entry=flags[0], long_exit=flags[1], short_entry=flags[2], short_exit=flags[3])
    return latch_nb(flags[0], flags[1], flags[2], flags[3])


def crossed_above(values: FloatArray, level: FloatArray | float) -> BoolArray:
    """Return where `values` is above `level` and was not a bar before; never on bar 0 or beside NaN."""
    return _begins(values > level, values <= level)


def crossed_below(values: FloatArray, level: FloatArray | float) -> BoolArray:
    """Return where `values` is below `level` and was not a bar before; never on bar 0 or beside NaN."""
    return _begins(values < level, values >= level)


def _begins(now: BoolArray, before: BoolArray) -> BoolArray:
    out = np.zeros(len(now), np.bool_)
    out[1:] = now[1:] & before[:-1]
    return out
