"""What a running paper exchange is made of; REST, sockets and control share one.

Holds no logic. Invariant: the venue is brought up to the clock before anything is asked of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from arena.paper_okx.auth import Keys
from arena.paper_okx.clock import VenueClock
from arena.paper_okx.faults import Faults
from arena.paper_okx.limits import Limits
from arena.paper_okx.replay import ReplayMarket
from arena.paper_okx.venue import Venue

__all__ = ["PaperExchange", "ServerSettings"]


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the server behaves beside the exchange's own rules."""

    control: bool = True  # whether /control is served
    beat_ms: int = 25  # how often the venue follows the clock by itself


@dataclass(slots=True)
class PaperExchange:
    """One exchange: market, clock, accounts, and what stands between them and a client."""

    market: ReplayMarket
    clock: VenueClock
    venue: Venue
    keys: Keys
    limits: Limits = field(default_factory=Limits)
    faults: Faults = field(default_factory=Faults)
    settings: ServerSettings = field(default_factory=ServerSettings)
    served: Counter[str] = field(default_factory=Counter)
    """Requests by method and path, for the control port."""

    def follow(self) -> int:
        """Bring the venue up to the clock and return the time."""
        now = self.clock.now()
        self.venue.advance(now)
        return now
