"""The exchange's time as this process knows it.

Measures through a function that it is given; sends nothing itself. Invariant: between two measurements
the time runs on by the monotonic clock, so a jump of this machine's clock moves nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from arena.core.clock import Clock, wall_clock
from arena.exchange.okx.limits import Monotonic

_TRUSTED_S = 600.0


@dataclass(frozen=True, slots=True)
class Reading:
    """The exchange said `venue_ms` (UTC) when the monotonic clock showed `at` seconds."""

    venue_ms: int
    at: float


class VenueTime:
    """The exchange's clock, from its newest reading on."""

    def __init__(self, read: Callable[[], Reading], *, monotonic: Monotonic = time.monotonic) -> None:
        self._read, self._monotonic = read, monotonic
        self._newest: Reading | None = None
        self._lock = threading.Lock()

    def now_ms(self) -> int:
        """Return the exchange's time, UTC ms; read anew when that was never done or long ago."""
        newest = self._newest
        if newest is None or self._monotonic() - newest.at > _TRUSTED_S:
            newest = self.resync(instead_of=newest)
        return newest.venue_ms + round((self._monotonic() - newest.at) * 1000)

    def resync(self, instead_of: Reading | None = None) -> Reading:
        """Read the clock anew, once for all threads that ask at the same time.

        Args:
            instead_of: the reading that is too old: a newer one, by another thread, serves as well.
        """
        with self._lock:
            if instead_of is None or self._newest is instead_of or self._newest is None:
                self._newest = self._read()
            return self._newest

    def offset_ms(self, wall: Clock = wall_clock) -> int:
        """Return by how much the exchange's clock is ahead of this machine's."""
        return self.now_ms() - wall()
