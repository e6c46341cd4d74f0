"""Typed configs of the jobs about stored data: health and repair.

Invariant: a valid config names stored series by their lengths and a range that has a length.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from arena.config.base import ConfigModel
from arena.config.models import JobConfig, Positive, SymbolConfig
from arena.core.clock import parse_time
from arena.core.errors import ConfigError, unknown_name
from arena.core.timeframe import TIMEFRAMES, Timeframe


class RulesConfig(ConfigModel):
    """From where on something is a finding; moves are fractions of the price."""

    stale_bars: int = Field(
        ge=0, le=10_000, description="bars that may have closed since the newest stored one"
    )
    zero_volume_minutes: int = Field(
        ge=1, description="a run of bars without volume as long as this is a warning, a shorter one an info"
    )
    spike_move: float = Field(
        gt=0, le=1, description="least move out of both neighbours' range that is a spike"
    )
    spike_ranges: float = Field(
        gt=0, le=1000, description="least move in multiples of the usual high - low of the bars around"
    )
    mark_move: Positive = Field(description="how far high and low may lie outside those of the mark price")
    source_move: Positive = Field(description="how far the closes of two sources may lie apart")


class HealthConfig(JobConfig):
    """python -m jobs.health"""

    symbol: SymbolConfig
    timeframes: list[str] = Field(min_length=1, description="lengths of bar whose series have to be there")
    fail_on: Literal["none", "info", "warning", "error"] = Field(
        description="exit with code 3 where an open finding is at least as grave"
    )
    now: str | None = Field(
        description="the time at which the newest bars are judged, UTC; null: the clock. For archives"
    )
    rules: RulesConfig

    @field_validator("timeframes")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in TIMEFRAMES:
                raise ValueError(unknown_name("timeframe", name, TIMEFRAMES))
        return names

    @field_validator("now", mode="before")
    @classmethod
    def _is_time(cls, value: Any) -> str | None:
        return checked_time(value)

    def lengths(self) -> list[Timeframe]:
        """Return the lengths of bar, finest first."""
        return sorted({Timeframe.parse(name) for name in self.timeframes})


def checked_time(value: Any) -> str | None:
    """Return a time as text, None for none.

    Raises:
        ValueError: it is no time.
    """
    if value is None:
        return None
    try:
        parse_time(str(value))
    except ConfigError:
        raise ValueError(f"'{value}' is not a time: write 2025-01-31 or 2025-01-31T12:00:00Z") from None
    return str(value)
