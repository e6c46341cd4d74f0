"""Memory that one run after the other writes its fills into.

A page of memory that is touched for the first time costs as much as the fills on it, so a thread keeps what
its last run has touched. Knows nothing of fills. Invariant: memory is never lent while an array lies in it.
"""

from __future__ import annotations

import threading
import weakref

import numpy as np
from numpy.typing import NDArray

from arena.engine.records import COMPACT_FILL_DTYPE


class FillMemory(threading.local):
    """One thread's memory for fills."""

    def __init__(self) -> None:
        self._owner = np.empty(0, COMPACT_FILL_DTYPE)
        self._lent = weakref.ref(self._owner)

    def lend(self, rows: int) -> NDArray[np.void]:
        """Return `rows` rows of COMPACT_FILL_DTYPE with anything in them, (rows,), nobody else's.

        They are the borrower's until the last array made from them is gone, however long that is.
        """
        if self._lent() is not None or len(self._owner) < rows:
            self._owner = np.empty(rows, COMPACT_FILL_DTYPE)
        # a view of an array names the owner as its base; one of a buffer does not, so that parts of what
        # is lent keep alive what is lent, and its end is the end of them all
        lent = np.frombuffer(self._owner.data, COMPACT_FILL_DTYPE, rows)
        self._lent = weakref.ref(lent)
        return lent


MEMORY = FillMemory()
