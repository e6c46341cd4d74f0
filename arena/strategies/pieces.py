"""The small parts that strategies are put together from.

Plain numpy, no state. Invariant: nothing here looks at a later bar than the one it answers for.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arena.core.bars import FloatArray
from arena.core.signal import Signal

Side = Literal["both", "long", "short"]


def make_signal(
    target: ArrayLike,
    *,
    stop_distance: FloatArray | None = None,
    take_distance: FloatArray | None = None,
    confidence: FloatArray | None = None,
    reason: ArrayLike | None = None,
    reasons: tuple[str, ...] = ("none",),
) -> Signal:
    """Return a signal with what is left out filled in.

    No distance means no stop or take-profit, no confidence means 1 wherever the target is not 0.
    """
    wanted = np.asarray(target, np.float64)
    nothing = np.full(len(wanted), np.nan)
    return Signal(
        target=wanted,
        stop_distance=nothing if stop_distance is None else stop_distance,
        take_distance=nothing if take_distance is None else take_distance,
        confidence=(wanted != 0.0).astype(np.float64) if confidence is None else confidence,
        reason=np.zeros(len(wanted), np.int16) if reason is None else np.asarray(reason, np.int16),
        reasons=reasons,
    )


def after_warmup(length: int, warmup: int) -> NDArray[np.bool_]:
    """Return False on the first `warmup` bars and True from then on."""
    ready = np.ones(length, np.bool_)
    ready[:warmup] = False
    return ready


def atr_distance(atr: FloatArray, multiple: float) -> FloatArray:
    """Return `multiple` average true ranges in quote currency; NaN (none) for multiple 0 or a range of 0."""
    distance = multiple * atr
    return np.where(np.isfinite(distance) & (distance > 0.0), distance, np.nan)


def share_of(part: FloatArray, whole: FloatArray | float) -> FloatArray:
    """Return |part| / whole cut to [0, 1]; 0 where one is unknown or part is 0, 1 where whole alone is 0."""
    size = np.abs(part)
    full = np.broadcast_to(np.asarray(whole, np.float64), size.shape)
    share = np.zeros(len(size))
    np.divide(size, full, out=share, where=(full > size) & (size > 0.0))
    share[(size >= full) & (size > 0.0)] = 1.0
    return share
