"""Bar lengths and their UTC grid.

A bar is stamped by its open, in int64 UTC milliseconds. Only lengths that divide a UTC day
are known, so every stamp of a series is a multiple of the length.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from arena.core.errors import ConfigError, unknown_name

MS_PER_DAY = 86_400_000
DAYS_PER_YEAR = 365  # crypto trades every day
MS_PER_YEAR = DAYS_PER_YEAR * MS_PER_DAY

_MINUTES = {
    "1m": 1,
    "3m": 3,
    "5m": 5,
    "15m": 15,
    "30m": 30,
    "1h": 60,
    "2h": 120,
    "4h": 240,
    "6h": 360,
    "12h": 720,
    "1d": 1440,
}

TIMEFRAMES: tuple[str, ...] = tuple(_MINUTES)


@dataclass(frozen=True, slots=True, order=True)
class Timeframe:
    """A bar length; `step_ms` orders timeframes from fine to coarse."""

    step_ms: int
    name: str

    @staticmethod
    @functools.cache
    def parse(name: str) -> Timeframe:
        """Return the timeframe called `name`.

        Raises:
            ConfigError: the name is not one of `TIMEFRAMES`.
        """
        if name not in _MINUTES:
            raise ConfigError(unknown_name("timeframe", name, TIMEFRAMES))
        return Timeframe(_MINUTES[name] * 60_000, name)

    @property
    def bars_per_day(self) -> float:
        """Bars in one UTC day."""
        return MS_PER_DAY / self.step_ms

    @property
    def bars_per_year(self) -> float:
        """Bars in a year of 365 days: the annualisation factor of per-bar statistics."""
        return MS_PER_YEAR / self.step_ms

    def floor(self, ts: int) -> int:
        """Return the open of the bar that contains `ts`."""
        return ts - ts % self.step_ms

    def __str__(self) -> str:
        return self.name
