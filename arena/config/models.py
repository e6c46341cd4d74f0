"""Typed models of what Hydra composes: groups first, then one model a job.

Invariant: a model that exists is valid; cross-field rules are checked here and nowhere else.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from arena.config.base import ConfigModel
from arena.config.hedge import HedgeConfig
from arena.config.orders import OrdersConfig
from arena.config.sweep import SweepConfig
from arena.core.clock import parse_time
from arena.core.errors import ConfigError
from arena.core.instrument import Instrument, MarginTier, TierTable
from arena.core.timeframe import TIMEFRAMES, Timeframe

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


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


class TierLadder(ConfigModel):
    """Evenly stepped tiers after the first few: rates grow by a constant a tier."""

    count: int = Field(ge=1, description="tiers in all, the listed ones included")
    size_step: Positive = Field(description="contracts added a tier")
    imr_first: Positive = Field(description="initial margin rate of the first tier of the ladder")
    imr_step: Positive
    mmr_below_imr: Positive = Field(description="maintenance rate = initial rate - this")


class TiersConfig(ConfigModel):
    """Position tiers as dated data: rows [largest contracts, mmr, imr], then an optional ladder."""

    as_of: str
    source: str
    rows: list[tuple[float, float, float]] = Field(min_length=1)
    ladder: TierLadder | None = None

    def table(self) -> TierTable:
        """Return the whole table, rows ascending by size."""
        tiers = [MarginTier(size, mmr, imr) for size, mmr, imr in self.rows]
        if self.ladder is not None:
            for step in range(self.ladder.count - len(tiers)):
                # rounded to kill binary dust: rates are decimals on a 0.0005 grid
                imr = round(self.ladder.imr_first + step * self.ladder.imr_step, 10)
                size = (step + 1) * self.ladder.size_step
                tiers.append(MarginTier(size, round(imr - self.ladder.mmr_below_imr, 10), imr))
        return TierTable(self.as_of, self.source, tuple(tiers))


class SymbolConfig(ConfigModel):
    """One linear swap; see `arena.core.instrument.Instrument` for the units."""

    inst_id: str
    symbol: str
    ct_val: Positive
    lot_sz: Positive
    min_sz: Positive
    tick_sz: Positive
    max_market_sz: Positive
    max_leverage: Positive
    funding_interval_hours: Literal[1, 2, 4, 6, 8]
    tiers: TiersConfig
    spot_inst_id: str | None = Field(
        default=None,
        description="the spot pair of the same coins, which hedge=spot trades; null: there is none",
    )

    def instrument(self) -> Instrument:
        """Return the instrument that this group describes."""
        return Instrument(
            inst_id=self.inst_id,
            symbol=self.symbol,
            ct_val=self.ct_val,
            lot_sz=self.lot_sz,
            min_sz=self.min_sz,
            tick_sz=self.tick_sz,
            max_market_sz=self.max_market_sz,
            max_leverage=self.max_leverage,
            funding_interval_ms=self.funding_interval_hours * 3_600_000,
            tiers=self.tiers.table(),
        )


class TimeframeConfig(ConfigModel):
    """The bar length."""

    name: str

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in TIMEFRAMES:
            raise ValueError(f"'{name}' is not a timeframe (known: {', '.join(TIMEFRAMES)})")
        return name

    def timeframe(self) -> Timeframe:
        """Return the bar length."""
        return Timeframe.parse(self.name)


class WindowConfig(ConfigModel):
    """Which part of history is run: bars that open in [start, end), but for the share kept back."""

    start: str | None = None
    end: str | None = None
    holdout: float = Field(
        0.0, ge=0, le=0.9, description="share of the window's bars, the newest, that is kept back: not read"
    )
    unlock: bool = Field(
        default=False, description="read what holdout keeps back, this once: it is written down and counted"
    )

    @field_validator("start", "end", mode="before")
    @classmethod
    def _is_time(cls, value: Any) -> str | None:
        return checked_time(value)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start is not None and self.end is not None and self.start_ms >= self.end_ms:  # type: ignore[operator]
            raise ValueError(f"window.start={self.start} must be before window.end={self.end}")
        return self

    @model_validator(mode="after")
    def _something_to_unlock(self) -> Self:
        if self.unlock and not self.holdout:
            raise ValueError(
                "window.unlock=true but window.holdout=0 keeps nothing back: "
                "set window.holdout to the share that was, e.g. 0.2"
            )
        return self

    @property
    def start_ms(self) -> int | None:
        """First open inside the window, UTC ms, or None for no limit."""
        return None if self.start is None else parse_time(self.start)

    @property
    def end_ms(self) -> int | None:
        """First open after the window, UTC ms, or None for no limit."""
        return None if self.end is None else parse_time(self.end)


class StrategyChoice(ConfigModel):
    """Name and raw parameters; the strategy's own model checks the parameters."""

    name: str
    params: dict[str, Any]

    @model_validator(mode="before")
    @classmethod
    def _split(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "name" not in values:
            raise ValueError("the strategy group has no name: see conf/strategy/")
        return {"name": values["name"], "params": {k: v for k, v in values.items() if k != "name"}}


class CostsConfig(ConfigModel):
    """Trading costs beside the fee; bps are of the price."""

    half_spread_bps: float | None = Field(ge=0, le=1000, description="half the bid-ask spread")
    slippage_bps: float | None = Field(ge=0, le=1000, description="price moved against a market order")
    funding_rate_estimate: float = Field(
        ge=-0.01, le=0.01, description="rate a settlement where none is stored, if estimates are allowed"
    )
    latency_bars: int = Field(
        default=0, ge=0, le=1000, description="bars by which a decision reaches the market late"
    )
    impact_coefficient: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="Y of the square-root impact Y x daily volatility x root(order / daily volume); 0: none",
    )
    participation_cap: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="share of a bar's volume that an order may take, the rest follows in the next bars",
    )
    missing: Literal["estimate", "error"] = Field(
        description="what to do where a cost is not known: assume and say so, or stop"
    )


class SizingConfig(ConfigModel):
    """How a target of +-1 becomes a size."""

    mode: Literal["equity", "notional", "contracts"]
    value: Positive = Field(
        description="equity: share of equity put up as margin; notional: USDT; contracts: contracts"
    )

    @model_validator(mode="after")
    def _share(self) -> Self:
        if self.mode == "equity" and self.value > 1:
            raise ValueError(
                f"sizing.value={self.value:g}: a share of equity is at most 1 (sizing.mode=equity)"
            )
        return self


class DataConfig(ConfigModel):
    """What to do with data that has holes."""

    policy: Literal["strict", "warn"]


class StoreConfig(ConfigModel):
    """Where the market store and the default ledger live."""

    root: str = Field(min_length=1)


class EngineConfig(ConfigModel):
    """Where the trials of a sweep run; it changes no figure."""

    name: Literal["auto", "threads", "processes", "ray"] = "auto"
    workers: int | None = Field(
        None, ge=1, le=1024, description="trials at once; null: one a processor; ray has those of its cluster"
    )
    address: str = Field(
        "auto",
        description="ray: HOST:PORT of the cluster; auto: the one of this machine, else one is started",
    )

    @field_validator("address")
    @classmethod
    def _names_a_cluster(cls, given: str) -> str:
        if given != "auto" and not re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}", given):
            raise ValueError(f"'{given}' is no cluster: write auto, or HOST:PORT")
        return given


class ReportsConfig(ConfigModel):
    """Where runs leave their results."""

    root: str = Field(min_length=1)


class ReportConfig(ConfigModel):
    """What a run writes beside result.json."""

    html: bool
    timings: bool
    honesty: bool = Field(
        default=True, description="what chance, costs and the search explain: the verdict of the result"
    )


class JobConfig(ConfigModel):
    """Keys that every job has."""

    name: str = Field(max_length=200, description="your own name for the run, shown in lists and reports")
    validate_only: bool = Field(description="check the configuration and stop")
    store: StoreConfig
    reports: ReportsConfig

    @field_validator("name", mode="before")
    @classmethod
    def _text(cls, value: Any) -> str:
        return "" if value is None else str(value)


class MigrateConfig(JobConfig):
    """python -m jobs.migrate"""


class SmokeConfig(JobConfig):
    """python -m jobs.smoke"""

    what: Literal["data", "strategies", "all"]
    symbol: SymbolConfig
    timeframe: TimeframeConfig
    last: int = Field(ge=1, le=100, description="signals shown a strategy")


class BacktestConfig(JobConfig):
    """python -m jobs.backtest"""

    symbol: SymbolConfig
    timeframe: TimeframeConfig
    window: WindowConfig
    strategy: StrategyChoice
    costs: CostsConfig
    orders: OrdersConfig = OrdersConfig()
    hedge: HedgeConfig = HedgeConfig()
    sizing: SizingConfig
    data: DataConfig
    report: ReportConfig
    limit: int | None = Field(
        ge=2, description="newest bars of the window; not used when window.start is set"
    )
    signal_window: int = Field(ge=0, description="bars of the run that must precede the first trade")
    initial_capital: Positive
    fee_rate: float = Field(ge=0, le=0.1, description="taker fee, fraction of notional")
    leverage: float = Field(ge=1, description="the exchange's leverage setting")
    margin_mode: Literal["cross", "isolated"]
    intrabar: Literal["worst", "best", "ohlc", "detail"] = Field(
        default="worst", description="what a bar that meets several levels is taken to have met first"
    )
    seed: int | None = None
    sweep: SweepConfig | None = None
    engine: EngineConfig = EngineConfig()
    resume: str | None = Field(
        None,
        min_length=1,
        description="id or folder of an interrupted or killed sweep: run the trials it lacks",
    )
    as_of: str | None = Field(
        None, description="read the market as it was known at this time, UTC; null: as it is known now"
    )

    @field_validator("as_of", mode="before")
    @classmethod
    def _is_time(cls, value: Any) -> str | None:
        return checked_time(value)

    @property
    def as_of_ms(self) -> int | None:
        """The time as of which the market is read, UTC ms; None: now."""
        return None if self.as_of is None else parse_time(self.as_of)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.window.start is None and self.limit is not None and self.signal_window > self.limit:
            raise ValueError(
                f"signal_window={self.signal_window} must be at most limit={self.limit}: "
                "raise limit or lower signal_window"
            )
        if self.leverage > self.symbol.max_leverage:
            raise ValueError(
                f"leverage={self.leverage:g}: {self.symbol.inst_id} allows at most "
                f"{self.symbol.max_leverage:g}"
            )
        if self.orders.kind == "limit" and self.costs.participation_cap is not None:
            raise ValueError(
                f"costs.participation_cap={self.costs.participation_cap:g} is for market orders: with "
                "orders=limit set it to null"
            )
        if self.hedge.kind == "spot" and self.symbol.spot_inst_id is None:
            raise ValueError(
                f"hedge=spot needs the spot pair of {self.symbol.inst_id}: set symbol.spot_inst_id, "
                "or choose hedge=none"
            )
        return self
