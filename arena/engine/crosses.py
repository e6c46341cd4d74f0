"""On which bars one series is above another, for many trials at a time: a bit a bar.

The series of a sweep are more than a processor's cache holds. So trials are compared side by side, a piece
of all their series after the other. Invariant: the bits are those of a comparison bar by bar.
"""

from typing import Any

import numpy as np

from arena.core.rows import LINE
from arena.engine.jit import inlined
from arena.engine.lanes import NONE, WORD, compare_word, lowest_bit

SIDE_BY_SIDE = 64
"""Trials that are compared together."""

PIECE = 8
"""Words of a piece: with a piece of each of their series, the trials' work stays in the first cache."""

BIT: Any = np.uint64(1)
ALL: Any = np.uint64(0xFFFFFFFFFFFFFFFF)


def cross_memory(bars: int) -> tuple[Any, Any]:
    """Return memory for the words of each trial, and for whether any of its bars is unclear."""
    words = -(-(bars + LINE - 1) // WORD)
    return np.empty((SIDE_BY_SIDE, words), np.uint64), np.empty(SIDE_BY_SIDE, np.bool_)


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
        ready: position in the series from which on a trial asks; words that end before stay as they are.
        offset: see above.
        bars: of the run.
        first: trial whose words become row 0.
        stop: trial that is not compared any more.
        memory: `cross_memory`, written.
    """
    words, unclear = memory
    lead = lead_of(offset)
    count = -(-(bars + lead) // WORD)
    for row in range(stop - first):
        unclear[row] = False
    for piece in range(0, count, PIECE):
        end = min(piece + PIECE, count)
        for trial in range(first, stop):
            one, other = series[upper[trial]], series[lower[trial]]
            number, begin = np.uintp(trial - first), max(ready[trial] - offset, 0)
            level = NONE
            # words from the trial's first bar on: those of which all bars count, then those at the edges
            asked, last = max(piece, (begin + lead) // WORD), min(end, (bars + lead) // WORD)
            whole = max(piece, -(-(begin + lead) // WORD))
            for word in range(whole, last):
                i = np.uintp(offset + word * WORD - lead)
                above, somewhere = compare_word(one, i, other, i)
                level |= somewhere
                words[number, np.uintp(word)] = above
            if asked < whole or last < end:
                for word in range(asked, end):
                    if whole <= word < last:
                        continue
                    bar = word * WORD - lead
                    above, open_bits = _compare(one, other, np.uintp(offset + bar), min(bars - bar, WORD))
                    level |= open_bits & _bits_from(begin - bar)
                    words[number, np.uintp(word)] = above
            unclear[number] |= level != NONE


@inlined
def lead_of(offset: int) -> int:
    """Return how many places of the first word lie before bar 0.

    Words begin where lines of the cache do: a read across two of them takes twice as long.
    """
    return offset % LINE


@inlined
def _compare(one: Any, other: Any, begin: Any, size: int) -> Any:
    """Return a bit for each of up to 64 places: whether `one` is above, and whether neither is."""
    above = level = NONE
    for place in range(size):
        i, bit = begin + np.uintp(place), np.uint64(place)
        above |= np.uint64(one[i] > other[i]) << bit
        level |= np.uint64(not (one[i] > other[i] or one[i] < other[i])) << bit
    return above, level


@inlined
def _bits_from(place: int) -> Any:
    """Return the bits of a word from `place` on, which may lie outside of it."""
    if place >= WORD:
        return NONE
    return ALL << np.uint64(max(place, 0))


@inlined
def cross_runs(
    words: Any, lead: int, begin: int, bars: int, up: float, down: float, starts: Any, targets: Any
) -> int:
    """Write the runs of `up` above and `down` below from bar `begin` on, 0 before; return their number."""
    starts[0], targets[0] = 0, 0.0
    count, before = 1, NONE
    for word in range((begin + lead) // WORD, -(-(bars + lead) // WORD)):
        bar, above = word * WORD - lead, words[np.uintp(word)]
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
