"""Rows of numbers that begin where lines of the processor's cache do.

Pure. Invariant: nothing but speed depends on where a row begins.
"""

import numpy as np

from arena.core.bars import FloatArray

LINE = 8
"""Numbers in a line of the cache."""


def line_rows(count: int, length: int) -> FloatArray:
    """Return room for `count` rows of `length` numbers or up to seven more, not set."""
    width = -(-length // LINE) * LINE
    memory = np.empty(count * width + LINE)
    start = -memory.ctypes.data // memory.itemsize % LINE
    rows: FloatArray = memory[start : start + count * width].reshape(count, width)
    return rows
