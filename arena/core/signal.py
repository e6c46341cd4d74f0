"""What a strategy says, bar by bar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arena.core.bars import FloatArray

NO_REASON = 0


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """Arrays of the bars' length; value t is known at the close of bar t.

    `target` is the wanted exposure in [-1, 1] (0 flat, -1 fully short). `stop_distance` and
    `take_distance` are positive distances from the entry price in quote currency, NaN for none.
    `confidence` is in [0, 1]. `reason` indexes `reasons`; code 0 means "nothing to say".
    """

    target: FloatArray
    stop_distance: FloatArray
    take_distance: FloatArray
    confidence: FloatArray
    reason: NDArray[np.int16]
    reasons: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.target)
