"""Typed config of the paper exchange: its market, clock, accounts, limits and faults.

Invariant: a valid config listens on loopback alone and names instruments that it has terms for.
"""

from __future__ import annotations

import ipaddress
from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from arena.config.base import ConfigModel
from arena.config.models import JobConfig, SymbolConfig
from arena.core.clock import parse_time
from arena.core.errors import ConfigError, unknown_name
from arena.core.timeframe import MS_PER_DAY, TIMEFRAMES

FaultKind = Literal[
    "drop_before",
    "drop_after",
    "delay",
    "http_429",
    "code",
    "html",
    "truncated",
    "clock_skew",
    "missing_bars",
    "unconfirmed_bars",
    "revised_bars",
    "partial_batch",
    "push_duplicate",
    "push_reorder",
    "push_late",
    "socket_drop",
    "socket_notice",
]


class FaultRule(ConfigModel):
    """One fault: what happens, to which calls, how often."""

    kind: FaultKind
    path: str = Field(default="*", description="path of the endpoint or name of the channel, * for any text")
    method: Literal["", "GET", "POST"] = Field(default="", description="empty: any")
    skip: int = Field(default=0, ge=0, description="matching calls that pass before the first fault")
    times: int | None = Field(default=None, ge=1, description="faults until it is used up; null: no end")
    probability: float = Field(default=1.0, gt=0, le=1)
    code: str = Field(default="50013", pattern=r"^\d{5}$", description="kind=code: the code answered")
    applied: bool = Field(
        default=False, description="kind=code or delay: whether the call is applied before it strikes"
    )
    delay_ms: int = Field(default=1000, ge=0, le=600_000, description="kind=delay, push_late")
    skew_ms: int = Field(default=0, description="kind=clock_skew: how far the time told is ahead")
    bars: int = Field(default=1, ge=1, description="kind=*_bars: how many of the newest closed ones")
    from_ms: int | None = Field(default=None, description="kind=*_bars: these bars instead, from this open")
    until_ms: int | None = Field(default=None, description="kind=*_bars: up to before this open")


class ClockConfig(ConfigModel):
    """The venue's time."""

    start: str | None = Field(
        default=None, description="UTC; null: 30 days before the end of the bars, or their middle"
    )
    speed: float = Field(default=1.0, ge=0, le=1_000_000, description="1: wall time, 60: faster, 0: by step")

    @field_validator("start", mode="before")
    @classmethod
    def _is_time(cls, value: Any) -> str | None:
        if value is None:
            return None
        _moment(value)
        return str(value)

    @property
    def start_ms(self) -> int | None:
        """First moment of the venue, UTC ms."""
        return None if self.start is None else parse_time(self.start)


class AccountConfig(ConfigModel):
    """One account with one key; what is not named is made of the uid."""

    uid: str = Field(pattern=r"^[A-Za-z0-9]{1,32}$")
    usdt: Decimal = Field(ge=0, description="what it starts with")
    demo: bool = Field(default=True, description="a demo key goes with x-simulated-trading: 1 alone")
    pos_mode: Literal["net_mode", "long_short_mode"] = "net_mode"
    acct_lv: Literal["1", "2"] = Field(default="2", description="1: spot, 2: futures")
    fee_level: str | None = Field(default=None, description="a name of fee_levels; null: the job's")
    key: str = Field(default="", repr=False, description="empty: paper-UID")
    secret: str = Field(default="", repr=False, description="empty: paper-UID-secret")
    passphrase: str = Field(default="", repr=False, description="empty: paper-UID-passphrase")
    perm: Literal["read_only", "read_only,trade"] = "read_only,trade"

    @field_validator("uid", "acct_lv", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value

    @field_validator("acct_lv", mode="before")
    @classmethod
    def _is_modelled(cls, value: Any) -> Any:
        mode = {"3": "multi-currency margin", "4": "portfolio margin"}.get(str(value))
        if mode is not None:
            raise ValueError(f"account level {value} ({mode}) is not modelled: take 1 (spot) or 2 (futures)")
        return value


class FeeConfig(ConfigModel):
    """What one fee level charges."""

    maker: Decimal = Field(gt=-0.01, lt=0.01, description="share of notional; negative: a rebate")
    taker: Decimal = Field(ge=0, lt=0.01, description="share of notional")


class MatchingConfig(ConfigModel):
    """How orders are filled."""

    fill_rule: Literal["touch", "through"] = Field(
        description="a resting order fills when the path reaches its price, or when it goes beyond"
    )
    volume_share: Decimal = Field(gt=0, le=1, description="of a tick's volume, for one account's orders")


class GeneratedConfig(ConfigModel):
    """A generated market, for source=synthetic."""

    seed: int = Field(ge=0, description="another seed is another market")
    start: str = Field(description="first day, UTC")
    days: int = Field(ge=1, le=3660, description="length of the market")

    @field_validator("start", mode="before")
    @classmethod
    def _is_day(cls, value: Any) -> str:
        if _moment(value) % MS_PER_DAY:
            raise ValueError(f"'{value}' is not midnight UTC: write a day like 2023-01-01")
        return str(value)

    @property
    def start_ms(self) -> int:
        """First moment of the market, UTC ms."""
        return parse_time(self.start)


class BookConfig(ConfigModel):
    """What is assumed where bars tell nothing."""

    half_spread_ticks: int = Field(ge=1, le=10_000, description="from the last price to bid and ask")
    levels: int = Field(ge=1, le=400, description="a side")
    level_ticks: int = Field(ge=1, le=10_000, description="between two levels")
    contracts_per_level: Decimal = Field(gt=0, description="size of each level")
    price_band: Decimal = Field(gt=0, lt=1, description="share of the mark price, either side")


class PaperConfig(JobConfig):
    """python -m jobs.paper_exchange"""

    host: str = Field(description="loopback alone")
    port: int = Field(ge=0, le=65_535, description="0: any free one")
    source: Literal["store", "synthetic"] = Field(description="stored bars, or generated ones")
    bars: str = Field(description="length of the bars that are replayed; finest: the finest stored")
    symbol: SymbolConfig
    more: dict[str, SymbolConfig] = Field(description="further instruments, by any name")
    synthetic: GeneratedConfig
    clock: ClockConfig
    book: BookConfig
    matching: MatchingConfig
    fee_level: str = Field(description="of every account that names none: a name of fee_levels")
    fee_levels: dict[str, FeeConfig] = Field(min_length=1, description="maker and taker rate by fee level")
    funding_rate: float = Field(ge=-0.00375, le=0.00375, description="a settlement, where none is stored")
    rate_limits: bool = Field(description="whether calls are counted against the exchange's limits")
    limit_status: Literal[200, 429] = Field(description="HTTP status over the limit")
    state: str | None = Field(description="SQLite file of accounts and orders; null: forgotten at the end")
    accounts: list[AccountConfig] = Field(
        min_length=1,
        description=(
            "uid, usdt, demo, and if wanted pos_mode, acct_lv, fee_level, perm, key, secret, passphrase"
        ),
    )
    control: bool = Field(description="whether /control is served")
    faults: list[FaultRule] = Field(description="rules in force from the start on")
    fault_seed: int = Field(ge=0, description="of the rules' probabilities")

    @field_validator("host")
    @classmethod
    def _is_loopback(cls, host: str) -> str:
        try:
            local = host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            local = False
        if not local:
            raise ValueError(f"'{host}' is not loopback: the exchange listens on 127.0.0.1 or ::1 alone")
        return host

    @field_validator("bars")
    @classmethod
    def _is_timeframe(cls, name: str) -> str:
        if name not in {"finest", *TIMEFRAMES}:
            raise ValueError(f"'{name}' is not a timeframe (known: finest, {', '.join(TIMEFRAMES)})")
        return name

    @model_validator(mode="after")
    def _fits(self) -> Self:
        names = [one.inst_id for one in self.symbols()]
        if len(set(names)) < len(names):
            raise ValueError(f"more: an instrument is listed twice ({', '.join(names)})")
        if len({one.uid for one in self.accounts}) < len(self.accounts):
            raise ValueError("accounts: two have the same uid")
        for found in (self.fee_level, *(one.fee_level for one in self.accounts)):
            if found is not None and found not in self.fee_levels:
                raise ValueError(unknown_name("fee level", found, self.fee_levels, "see fee_levels"))
        return self

    def fee_level_of(self, account: AccountConfig) -> str:
        """Return the fee level of an account."""
        return account.fee_level or self.fee_level

    def symbols(self) -> list[SymbolConfig]:
        """Return the terms of every instrument."""
        return [self.symbol, *self.more.values()]


def _moment(value: object) -> int:
    try:
        return parse_time(str(value))
    except ConfigError:
        raise ValueError(f"'{value}' is not a time: write 2025-01-31 or 2025-01-31T12:00:00Z") from None
