"""Sums over the bars of a run, in the order in which a sweep adds the same numbers up.

Pure. Eight lanes take every eighth value each, so that a processor adds eight at a time; blocks of 128
values are summed on their own, so that rounding does not grow with the history. Invariant: what comes out
is what `arena.engine.summary` sums up of the same path, bit for bit.
"""

import numpy as np

from arena.core.bars import FloatArray

LANES, ROWS = 8, 16
MOST_SHIFT = 0.5
"""Share of the squares that may lie in the mean: beyond, the difference would lose digits."""


def lane_sum(values: FloatArray) -> float:
    """Return the sum of `values`: rows of a block, then blocks, then lanes in pairs."""
    blocks = -(-len(values) // (LANES * ROWS))
    padded = np.zeros(blocks * LANES * ROWS)
    padded[: len(values)] = values
    lanes = np.add.reduce(np.add.reduce(padded.reshape(blocks, ROWS, LANES), axis=1), axis=0)
    while len(lanes) > 1:
        lanes = lanes[::2] + lanes[1::2]
    return float(lanes[0])


def squares_about_mean(values: FloatArray) -> float:
    """Return the sum of squared distances from the mean: the squares less those of the mean, where exact.

    Where the mean is large beside the spread, a second pass takes the distances one by one.
    """
    total, squares = lane_sum(values), lane_sum(values * values)
    mean = total / len(values)
    shift = total * mean
    if shift <= MOST_SHIFT * squares:
        return squares - shift
    apart = values - mean
    return lane_sum(apart * apart)
