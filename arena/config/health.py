"""Typed configs of the jobs about stored data: health and repair.

Invariant: a valid config names stored series by their lengths and a range that has a length.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from arena.config.base import ConfigModel
from arena.config.exchange import OkxDemo, OkxExchange, OkxLive, OkxPaper
from arena.config.ingest import FilesExchange, SyntheticExchange
from arena.config.models import JobConfig, Positive, SymbolConfig, TimeframeConfig, checked_time
from arena.core.clock import parse_time
from arena.core.errors import unknown_name
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


class ScanConfig(JobConfig):
    """What every job that scans stored data has."""

    symbol: SymbolConfig
    now: str | None = Field(
        description="the time at which the newest bars are judged, UTC; null: the clock. For archives"
    )
    rules: RulesConfig

    @field_validator("now", mode="before")
    @classmethod
    def _judged_at(cls, value: Any) -> str | None:
        return checked_time(value)

    def judged_ms(self, clock_ms: int) -> int:
        """Return the time at which the newest bars are judged, UTC ms; `clock_ms` where none is named."""
        return clock_ms if self.now is None else parse_time(self.now)


class HealthConfig(ScanConfig):
    """python -m jobs.health"""

    timeframes: list[str] = Field(min_length=1, description="lengths of bar whose series have to be there")
    fail_on: Literal["none", "info", "warning", "error"] = Field(
        description="exit with code 3 where an open finding is at least as grave"
    )

    @field_validator("timeframes", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("timeframes")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in TIMEFRAMES:
                raise ValueError(unknown_name("timeframe", name, TIMEFRAMES))
        return names

    def lengths(self) -> list[Timeframe]:
        """Return the lengths of bar, finest first."""
        return sorted({Timeframe.parse(name) for name in self.timeframes})


class RepairConfig(ScanConfig):
    """python -m jobs.repair"""

    timeframe: TimeframeConfig
    kind: Literal["candles", "mark", "index", "funding"] = Field(
        description="what to mend; settled funding has no timeframe and comes from the exchange alone"
    )
    exchange: Annotated[
        FilesExchange | SyntheticExchange | OkxLive | OkxDemo | OkxPaper, Field(discriminator="name")
    ]
    mode: Literal["refetch", "resample", "rebuild"] = Field(
        description="refetch: ask the exchange; resample: build what is missing from finer stored bars; "
        "rebuild: build all of the range from them, what is stored is revised"
    )
    range_start: str | None = Field(description="first bar to mend, UTC; null: find the ranges by a scan")
    range_end: str | None = Field(description="first bar not to mend, UTC; null: the end of what is stored")
    rerun: bool = Field(description="run the backtests again that read changed bars, and show both numbers")

    @field_validator("range_start", "range_end", mode="before")
    @classmethod
    def _is_time(cls, value: Any) -> str | None:
        return checked_time(value)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.start_ms is not None and self.end_ms is not None and self.start_ms >= self.end_ms:
            raise ValueError(f"range_start={self.range_start} must be before range_end={self.range_end}")
        if self.kind == "funding" and self.mode != "refetch":
            raise ValueError(
                f"kind=funding was settled by the exchange and cannot be built from bars: mode={self.mode} "
                "has to be mode=refetch"
            )
        if self.mode == "refetch" and not isinstance(self.exchange, OkxExchange):
            raise ValueError(
                f"mode=refetch asks an exchange and exchange={self.exchange.name} is none: choose "
                "exchange=okx, okx_demo or paper, or mode=resample"
            )
        return self

    @property
    def planned(self) -> bool:
        """Whether the ranges are to be found by a scan."""
        return self.range_start is None and self.range_end is None

    @property
    def start_ms(self) -> int | None:
        """First open to mend, UTC ms."""
        return None if self.range_start is None else parse_time(self.range_start)

    @property
    def end_ms(self) -> int | None:
        """First open after the range, UTC ms."""
        return None if self.range_end is None else parse_time(self.range_end)
