"""What a synthetic market is made of: its length, its seed and the numbers of its behaviour.

Invariant: a spec is all there is to a market; the same spec gives the same market bit for bit, and a
longer one begins with the shorter one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from arena.core.errors import ConfigError
from arena.core.timeframe import MS_PER_DAY

MINUTE_MS = 60_000
MINUTES_PER_DAY = 1440

DEMO_START_MS = 1_672_531_200_000  # 2023-01-01
DEMO_DAYS = 1096  # to the end of 2025
DEMO_SEED = 8


@dataclass(frozen=True, slots=True)
class Volatility:
    """Log-volatility of the index: two mean-reverting parts, a daily season, shocks after jumps."""

    annual: float = 0.48
    slow_days: float = 12.0
    slow_std: float = 0.38
    fast_hours: float = 4.0
    fast_std: float = 0.42
    season: float = 0.35  # the busiest hour against the mean, log
    weekend: float = 0.30  # log, off
    jump_shock: float = 20.0  # log of volatility per log of price


@dataclass(frozen=True, slots=True)
class Regimes:
    """Phases in which price trends and phases in which it swings around its level."""

    phase_days: float = 9.0
    drift_days: float = 3.5
    drift_annual: float = 3.4
    swing_hours: float = 9.0
    swing_std: float = 0.0038


@dataclass(frozen=True, slots=True)
class Jumps:
    """Poisson jumps of the price, inside one minute."""

    per_day: float = 0.45
    std: float = 0.007


@dataclass(frozen=True, slots=True)
class Premium:
    """Perpetual over index, as a fraction of the index."""

    slow_days: float = 3.0
    slow_std: float = 3.2e-4
    fast_minutes: float = 40.0
    fast_std: float = 1.4e-4
    of_drift: float = 1.5e-4  # a strong upward phase is paid for by longs
    mark_minutes: float = 5.0  # smoothing of the premium inside the mark price


@dataclass(frozen=True, slots=True)
class FundingRule:
    """rate = clamp(P + clamp(interest - P, +-band), +-cap), P the mean premium of the interval."""

    interval_hours: int = 8
    interest: float = 1e-4
    band: float = 5e-4
    cap: float = 3.75e-3


@dataclass(frozen=True, slots=True)
class Events:
    """What happens once, in days after the start; an event beyond the end does not happen."""

    outage_day: float = 351.36  # flat bars without volume: the venue stands still
    outage_hours: float = 9.75
    crash_day: float = 700.9  # a fall in minutes, a recovery in hours
    crash_depth: float = 0.16
    crash_minutes: int = 22
    crash_recovers: float = 0.62
    crash_recovery_hours: float = 5.0
    hole_day: float = 1040.78  # bars that nobody recorded
    hole_minutes: int = 315


@dataclass(frozen=True, slots=True)
class SyntheticSpec:
    """A synthetic market of `days` whole days from `start_ms`, in one-minute bars."""

    seed: int = DEMO_SEED
    start_ms: int = DEMO_START_MS
    days: int = DEMO_DAYS
    start_price: float = 16_500.0
    volume_per_minute: float = 42.0  # coins
    volatility: Volatility = field(default_factory=Volatility)
    regimes: Regimes = field(default_factory=Regimes)
    jumps: Jumps = field(default_factory=Jumps)
    premium: Premium = field(default_factory=Premium)
    funding: FundingRule = field(default_factory=FundingRule)
    events: Events = field(default_factory=Events)

    def __post_init__(self) -> None:
        if self.start_ms % MS_PER_DAY:
            raise ConfigError(f"a synthetic market starts at midnight UTC, not at {self.start_ms} ms")
        if self.days < 1 or self.seed < 0:
            raise ConfigError(
                f"days={self.days}, seed={self.seed}: a synthetic market has at least one day and a seed "
                "that is not negative"
            )

    @property
    def minutes(self) -> int:
        """Bars of one minute in the whole market."""
        return self.days * MINUTES_PER_DAY

    @property
    def end_ms(self) -> int:
        """First moment after the market."""
        return self.start_ms + self.days * MS_PER_DAY
