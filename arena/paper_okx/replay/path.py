"""How a bar is walked: four ticks of it, in order of time.

Tick k of a bar of length L that opens at T stands at T + k * L / 4 + 1 ms: the open, the extreme that is
nearer to it (the high where both are equally near), the other extreme, the close. A bar is thus whole at
the moment it closes, and at its open nothing of it is known. Its volume is split evenly over the four in
whole lots, what does not divide goes to the first ticks. Invariant: pure, and a tick never looks ahead.
"""

from __future__ import annotations

__all__ = ["TICKS", "share_of_lots", "tick_of", "tick_ts", "walk"]

TICKS = 4
_AFTER_MS = 1


def walk(opened: float, high: float, low: float, close: float) -> tuple[float, float, float, float]:
    """Return the four prices of a bar in the order in which they are traded."""
    if high - opened <= opened - low:
        return opened, high, low, close
    return opened, low, high, close


def tick_ts(open_ms: int, step_ms: int, number: int) -> int:
    """Return when tick `number` (0 to 3) of a bar is."""
    return open_ms + number * step_ms // TICKS + _AFTER_MS


def tick_of(open_ms: int, step_ms: int, now: int) -> int:
    """Return the number of the last tick at or before `now`, -1 before the first."""
    passed = now - open_ms - _AFTER_MS
    return -1 if passed < 0 else min(TICKS - 1, passed * TICKS // step_ms)


def share_of_lots(lots: int, number: int) -> int:
    """Return the lots of a bar's volume that trade with tick `number`."""
    even, left = divmod(lots, TICKS)
    return even + (number < left)
