"""On which bars one series is above another, for many trials at a time: a bit a bar.

The series of a sweep are more than a processor's cache holds. So trials are compared side by side, a piece
of all their series after the other. Invariant: the bits are those of a comparison bar by bar.
"""

from typing import Any

import numpy as np

from arena.engine.jit import inlined
from arena.engine.lanes import LANES, bits_above, load, lowest_bit

SIDE_BY_SIDE = 16
"""Trials that are compared together."""

WORD = 64
"""Bars whose bits are one number."""

PIECE = 32
"""Words of a piece."""

BIT: Any = np.uint64(1)
ALL: Any = np.uint64(0xFFFFFFFFFFFFFFFF)
NONE: Any = np.uint64(0)


def cross_memory(bars: int) -> tuple[Any, Any]:
    """Return memory for the words of each trial, and for whether any of its bars is unclear."""
    return np.empty((SIDE_BY_SIDE, -(-bars // WORD)), np.uint64), np.empty(SIDE_BY_SIDE, np.bool_)


@inlined
def compare_series(
    series: Any,
    upper: Any,
    lower: Any,
    ready: Any,
    offset: int,
    bars: int,
    first: int,
    stop: int,
    memory: Any,
) -> None:
    """Compare the series of trials [first, stop), at most SIDE_BY_SIDE of them.

    Args:
        series: rows of series; bar 0 of the run is their position `offset`.
        upper: row of each trial; so is `lower`.
        lower: see above.
        ready: position in the series from which on a trial asks.
        offset: see above.
        bars: of the run.
        first: trial whose words become row 0.
        stop: trial that is not compared any more.
        memory: `cross_memory`, written.
    """
    words, unclear = memory
    count = words.shape[1]
    for row in range(stop - first):
        unclear[row] = False
    for piece in range(0, count, PIECE):
        for trial in range(first, stop):
            one, other = series[upper[trial]], series[lower[trial]]
            number, begin = np.uintp(trial - first), max(ready[trial] - offset, 0)
            open_bits = NONE
            for word in range(piece, min(piece + PIECE, count)):
                bar = word * WORD
                size = min(bars - bar, WORD)
                above = _above(one, other, offset + bar, size)
                known = above | _above(other, one, offset + bar, size)
                open_bits |= ~known & _bits_from(begin - bar) & (ALL >> np.uint64(WORD - size))
                words[number, np.uintp(word)] = above
            unclear[number] |= open_bits != NONE


@inlined
def _above(one: Any, other: Any, begin: int, size: int) -> Any:
    """Return a bit for each of up to 64 places, the first lowest: whether `one` is above `other`."""
    bits = NONE
    if size == WORD:
        for row in range(0, WORD, LANES):
            i = np.uintp(begin + row)
            bits |= bits_above(load(one, i), load(other, i)) << np.uint64(row)
    else:
        for place in range(size):
            i = np.uintp(begin + place)
            bits |= np.uint64(one[i] > other[i]) << np.uint64(place)
    return bits


@inlined
def _bits_from(place: int) -> Any:
    """Return the bits of a word from `place` on, which may lie outside of it."""
    if place >= WORD:
        return NONE
    return ALL << np.uint64(max(place, 0))


@inlined
def cross_runs(words: Any, begin: int, bars: int, up: float, down: float, starts: Any, targets: Any) -> int:
    """Write the runs of `up` above and `down` below from bar `begin` on, 0 before; return their number."""
    starts[0], targets[0] = 0, 0.0
    count, before = 1, NONE
    for word in range(begin // WORD, len(words)):
        bar, above = word * WORD, words[np.uintp(word)]
        turns = above ^ (above << BIT | before)
        if bar <= begin:
            first = BIT << np.uint64(begin - bar)
            turns = turns & _bits_from(begin - bar) | first
        turns &= ALL >> np.uint64(max(bar + WORD - bars, 0))
        while turns != NONE:
            bit = lowest_bit(turns)
            starts[np.uintp(count)] = bar + bit
            targets[np.uintp(count)] = up if (above >> np.uint64(bit)) & BIT else down
            count += 1
            turns &= turns - BIT
        before = above >> np.uint64(WORD - 1)
    return count
