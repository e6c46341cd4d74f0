"""The venue's own time, which may lie years before the wall's.

Reads one clock that is passed in. Invariant: `now` never goes back.
"""

from __future__ import annotations

from collections.abc import Callable

from arena.core.clock import wall_clock
from arena.core.errors import ConfigError

__all__ = ["FRESH_MS", "VenueClock"]

FRESH_MS = 30_000
"""How long a signed request is good for, either side of its timestamp."""


class VenueClock:
    """Venue milliseconds: at wall time (`speed` 1), faster, or by step (`speed` 0).

    `keep` is handed what the time is reckoned from, whenever that changes: (venue ms, wall ms).
    """

    def __init__(
        self,
        start_ms: int,
        *,
        speed: float = 1.0,
        skew_ms: int = 0,
        wall: Callable[[], int] = wall_clock,
        keep: Callable[[int, int], object] | None = None,
    ) -> None:
        self._wall, self._keep = wall, keep
        self._reached = start_ms
        self._speed = _checked(speed)
        self._rebase(start_ms)
        self._told: tuple[int, int] | None = None
        self.skew_ms = skew_ms
        """What clients are shown the wrong time by."""

    @property
    def speed(self) -> float:
        """Venue milliseconds a millisecond of the wall; 0: only the control port moves it."""
        return self._speed

    def now(self) -> int:
        """Return the venue's time, UTC ms; where the wall's clock was set back, it goes on from there."""
        moment = self._from_venue + int((self._wall() - self._from_wall) * self._speed)
        if moment < self._reached:
            self._rebase(self._reached)
            return self._reached
        self._reached = moment
        return moment

    def step(self, milliseconds: int) -> int:
        """Go forward by `milliseconds`, whatever the speed, and return the time then.

        Raises:
            ConfigError: a step back.
        """
        if milliseconds < 0:
            raise ConfigError(f"the clock cannot go back by {-milliseconds} ms: start another exchange")
        self._rebase(self.now() + milliseconds)
        return self.now()

    def jump(self, to_ms: int) -> int:
        """Go forward to `to_ms` and return the time then.

        Raises:
            ConfigError: `to_ms` has passed.
        """
        return self.step(to_ms - self.now())

    def set_speed(self, speed: float) -> None:
        """Go on from now at another speed.

        Raises:
            ConfigError: a speed below 0.
        """
        _checked(speed)
        self._rebase(self.now())
        self._speed = speed

    def tell(self) -> int:
        """Return the time as clients are told it, and remember when they were."""
        told = self.now() + self.skew_ms
        self._told = (told, self._wall())
        return told

    def nearest(self, stamp_ms: int, skew_ms: int = 0) -> int:
        """Return the time that a client with this timestamp goes by.

        A client runs by the wall, by the venue, or by what it was told last and its own watch since.
        """
        shift = self.skew_ms + skew_ms
        known = [self._wall() + shift, self.now() + shift]
        if self._told is not None:
            told, at = self._told
            known.append(told + skew_ms + self._wall() - at)
        return min(known, key=lambda moment: abs(moment - stamp_ms))

    def is_fresh(self, stamp_ms: int, skew_ms: int = 0) -> bool:
        """Whether a request of this timestamp may still be served."""
        return abs(self.nearest(stamp_ms, skew_ms) - stamp_ms) <= FRESH_MS

    def _rebase(self, venue_ms: int) -> None:
        self._from_venue, self._from_wall = venue_ms, self._wall()
        if self._keep is not None:
            self._keep(self._from_venue, self._from_wall)


def _checked(speed: float) -> float:
    if not 0 <= speed <= 1_000_000:
        raise ConfigError(f"clock.speed={speed:g}: must be 0 (by step), 1 (wall time) or a faster one")
    return speed
