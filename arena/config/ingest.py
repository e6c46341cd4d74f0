"""Typed config of the import job: where history comes from and what it is.

Invariant: a valid config names one source and only series that it can give; a key that this source
would pass over is refused.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from arena.config.base import ConfigModel
from arena.config.exchange import OkxDemo, OkxExchange, OkxLive, OkxPaper
from arena.config.models import SymbolConfig, TimeframeConfig
from arena.config.schedule import ScheduledJobConfig
from arena.core.clock import parse_time
from arena.core.errors import ConfigError
from arena.core.instrument import instrument_id
from arena.core.timeframe import MS_PER_DAY, TIMEFRAMES, Timeframe


class FilesExchange(ConfigModel):
    """Downloaded archives."""

    name: Literal["files"]
    path: str = Field(description="a file, a folder, or a pattern like archive/*.zip")
    format: Literal["auto", "arena", "binance", "okx", "freqtrade"]
    volume: Literal["base", "contracts"] = Field(description="unit of volumes in the files")
    source: str = Field(
        pattern=r"^[a-z0-9_-]{1,40}$", description="who published the values; auto: told by the layout"
    )

    @field_validator("path", mode="before")
    @classmethod
    def _is_named(cls, value: Any) -> str:
        if value is None or not str(value).strip():
            raise ValueError("not set: name a file, a folder or a pattern, like exchange.path=archive/")
        return str(value)


class SyntheticExchange(ConfigModel):
    """The generator of a market that never was."""

    name: Literal["synthetic"]
    seed: int = Field(ge=0)
    start: str = Field(description="first day, UTC")
    days: int = Field(ge=1, le=3660, description="length of the market")

    @field_validator("start", mode="before")
    @classmethod
    def _is_day(cls, value: Any) -> str:
        try:
            start_ms = parse_time(str(value))
        except ConfigError:
            raise ValueError(f"'{value}' is not a day: write it like 2023-01-01") from None
        if start_ms % MS_PER_DAY:
            raise ValueError(f"'{value}' is not midnight UTC: write a day like 2023-01-01")
        return str(value)

    @property
    def start_ms(self) -> int:
        """First moment of the market, UTC ms."""
        return parse_time(self.start)


UNASKED_TIMEFRAME = "15m"
"""The one that conf/ingest.yaml has: nobody need have asked for it."""


class IngestConfig(ScheduledJobConfig):
    """python -m jobs.ingest"""

    symbol: SymbolConfig
    timeframe: TimeframeConfig
    exchange: Annotated[
        FilesExchange | SyntheticExchange | OkxLive | OkxDemo | OkxPaper, Field(discriminator="name")
    ]
    kind: Literal["candles", "spot", "mark", "index", "funding"] = Field(
        description="what the files hold; a synthetic market always has all of them"
    )
    derive: list[str] = Field(description="coarser timeframes to build from the imported one")
    mode: Literal["incremental", "backfill"] = Field(
        description="of an exchange: go on from what is stored, or ask for all of it again, newest first"
    )
    since_days: float = Field(gt=0, le=36_500, description="of an exchange: how far back, days from now")
    timeframes: list[str] = Field(min_length=1, description="of an exchange: lengths of bar to ask for")
    kinds: list[Literal["candles", "mark", "index", "funding"]] = Field(
        min_length=1, description="of an exchange: what to ask for"
    )
    symbols: list[str] = Field(description="of an exchange: swaps to ask for; empty: the one of symbol")

    @field_validator("timeframes", "kinds", "symbols", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("derive", "timeframes")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in TIMEFRAMES:
                raise ValueError(f"'{name}' is not a timeframe (known: {', '.join(TIMEFRAMES)})")
        return names

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.schedule.every_minutes is not None and not isinstance(self.exchange, OkxExchange):
            raise ValueError(f"schedule: exchange={self.exchange.name} has nothing new to ask for again")
        if isinstance(self.exchange, OkxExchange):
            self._fits_exchange(self.exchange)
        elif self.mode != "incremental" or self.symbols:
            key = f"symbols={self.symbols}" if self.symbols else f"mode={self.mode}"
            raise ValueError(
                f"{key} is for an exchange, like exchange=okx: exchange={self.exchange.name} has none"
            )
        if self.derive and self.kind == "funding" and self.exchange.name == "files":
            raise ValueError("derive: funding has no timeframe to derive from, leave derive=[]")
        if self.kind == "spot" and self.symbol.spot_inst_id is None:
            raise ValueError(
                f"kind=spot: the spot pair of {self.symbol.inst_id} is not known, set symbol.spot_inst_id"
            )
        step_ms = self.timeframe.timeframe().step_ms
        for target in self.targets():
            if target.step_ms <= step_ms or target.step_ms % step_ms:
                raise ValueError(f"derive={target} is not a multiple of timeframe={self.timeframe.name}")
        return self

    def _fits_exchange(self, exchange: OkxExchange) -> None:
        """Refuse keys of file imports that would be passed over."""
        if self.derive:
            raise ValueError(
                f"derive={self.derive}: exchange={exchange.name} gives each length of bar itself, "
                f"set timeframes=[{','.join([*self.timeframes, *self.derive])}]"
            )
        if self.kind != "candles":
            raise ValueError(
                f"kind={self.kind} is for files: with exchange={exchange.name} set kinds=[{self.kind}]"
            )
        if self.timeframe.name not in {*self.timeframes, UNASKED_TIMEFRAME}:
            raise ValueError(
                f"timeframe={self.timeframe.name} is for files: with exchange={exchange.name} set "
                f"timeframes=[{self.timeframe.name}]"
            )

    @field_validator("symbols")
    @classmethod
    def _are_swaps(cls, names: list[str]) -> list[str]:
        try:
            return list(dict.fromkeys(instrument_id(name) for name in names))
        except ConfigError as error:
            raise ValueError(str(error)) from None

    def inst_ids(self) -> list[str]:
        """Return the swaps to ask an exchange for."""
        return self.symbols or [self.symbol.inst_id]

    def lengths(self) -> list[Timeframe]:
        """Return the lengths of bar to ask an exchange for, finest first."""
        return sorted({Timeframe.parse(name) for name in self.timeframes})

    def targets(self) -> list[Timeframe]:
        """Return the timeframes to derive, finest first."""
        return sorted({Timeframe.parse(name) for name in self.derive})
