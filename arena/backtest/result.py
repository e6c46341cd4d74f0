"""What a backtest leaves behind: the model of `result.json` and the arrays of the Parquet files.

Every number here can be traced: an undefined metric is null with a reason, a cost names its
provenance, and no field is ever NaN or infinite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from arena.backtest.result_model import Finite, ResultModel, Unit
from arena.backtest.verdict import Verdict
from arena.core.bars import Bars, FloatArray
from arena.core.signal import Signal

SCHEMA_VERSION = "1.1"


class Metric(ResultModel):
    """One number with its definition; `value` is null only together with a `reason`."""

    name: str = Field(description="stable key, e.g. max_drawdown")
    label: str = Field(description="what people read, e.g. Max drawdown")
    value: Finite | None
    unit: Unit = Field(description="fraction: 0.12 is 12 %")
    reason: str | None = Field(None, description="why the value is null")
    note: str | None = Field(None, description="small print shown beside the value")


class RunInfo(ResultModel):
    """Which run this is."""

    run_id: str
    job: str
    name: str = Field(description="the user's own name for the run, may be empty")
    created_at: str = Field(description="ISO-8601 UTC")
    command: str = Field(description="command line that reproduces the run")


class MarketInfo(ResultModel):
    """What was traded and over which bars."""

    inst_id: str
    symbol: str
    timeframe: str
    start: str = Field(description="open of the first bar of the run, ISO-8601 UTC")
    end: str = Field(description="close of the last bar of the run, ISO-8601 UTC")
    bars: int
    signal_window: int = Field(description="bars at the start of the run on which nothing is traded")
    traded_bars: int = Field(description="bars - signal_window: every statistic is over these")
    history_bars: int = Field(description="stored bars before the run that fed the warm-up")
    warmup_bars: int = Field(description="bars the strategy needs before its first value")
    held_start: str | None = Field(
        None, description="open of the first bar that window.holdout keeps back, ISO-8601 UTC"
    )
    held_end: str | None = Field(None, description="close of the last one, ISO-8601 UTC")


class StrategyInfo(ResultModel):
    """The strategy and its parameters."""

    name: str
    params: dict[str, Any]


class AccountInfo(ResultModel):
    """The account before and after."""

    initial_capital: Finite
    final_equity: Finite
    leverage: Finite
    margin_mode: Literal["cross", "isolated"]
    sizing: dict[str, Any]


class PnlSplit(ResultModel):
    """Where the equity change came from, in USDT: price - fees + funding - slippage - liquidation = total."""

    price: Finite
    fees: Finite = Field(description=">= 0, charged")
    funding: Finite = Field(description="> 0 received, < 0 paid")
    slippage: Finite = Field(description="spread, slippage and tick rounding; > 0 is a cost")
    liquidation: Finite = Field(description="bankruptcy price against mark; > 0 is a cost")
    total: Finite
    identity_error: Finite = Field(description="|sum of parts - equity change| / initial capital")


class HedgeSplit(ResultModel):
    """The result by leg where coins are held against the short swap, USDT; both add up to `pnl`."""

    spot_inst_id: str
    sources: list[str] = Field(description="who published the spot prices")
    swap_price_pnl: Finite = Field(description="of the short swap, at reference prices")
    spot_price_pnl: Finite = Field(description="of the coins, at reference prices")
    basis_pnl: Finite = Field(description="swap_price_pnl + spot_price_pnl: what is left of the moves")
    funding: Finite = Field(description="> 0 received, < 0 paid")
    swap_fees: Finite
    spot_fees: Finite
    swap_slippage: Finite
    spot_slippage: Finite
    liquidation: Finite = Field(description="of the swap: bankruptcy price against mark; > 0 is a cost")
    swap_pnl: Finite = Field(description="what the swap earned, all costs and funding in it")
    spot_pnl: Finite = Field(description="what the coins earned, their costs in it")
    spot_fills: int
    assumed_fills: int = Field(description="spot trades on bars without a stored spot bar")
    missing_bars: int = Field(description="bars of the run without a stored spot bar")
    refused_longs: int = Field(description="times the strategy turned long, which this hedge cannot hold")


class CostProvenance(ResultModel):
    """How much of one cost is known and how much assumed."""

    cost: Literal[
        "fee", "spread", "slippage", "impact", "funding", "mark_price", "margin_tiers",
        "spot_fee", "spot_slippage", "spot_price",
    ]  # fmt: skip
    status: Literal["actual", "estimated", "missing"] = Field(description="the weakest part of the cost")
    actual_share: Finite
    estimated_share: Finite
    missing_share: Finite
    source: str = Field(description="where the numbers come from, in words")
    amount: Finite | None = Field(
        None, description="USDT over the run, > 0 is a cost; null where it is no money"
    )


class Gap(ResultModel):
    """Missing bars: half-open range, ISO-8601 UTC."""

    start: str
    end: str
    bars: int


class DataHealth(ResultModel):
    """What the run's range should hold and what it does."""

    expected: int
    present: int
    missing: int
    flat: int = Field(description="bars with open = high = low = close and no volume")
    gaps: list[Gap] = Field(description="the largest gaps first, at most 100")
    gap_count: int
    history_missing: int = Field(description="bars missing in the warm-up history before the run")
    funding_expected: int
    funding_present: int
    mark_missing: int = Field(description="bars of the run without a stored mark bar")
    fit: bool = Field(
        default=True, description="the gate lets these bars pass: none missing, doubled or impossible"
    )
    duplicates: int = Field(0, description="rows beyond the first of a stamp")
    off_grid: int = Field(0, description="rows that open no bar of the timeframe")
    bad_ohlc: int = Field(0, description="bars with values that no market can have made")
    spikes: int = Field(0, description="bars far out of both neighbours")
    zero_volume: int = Field(0, description="bars in runs of an hour or more without volume")
    bridged: int = Field(
        0, description="bars of the run at which the warm-up of the strategy reaches across a hole"
    )


class Counts(ResultModel):
    """How often things happened."""

    orders: int
    fills: int
    trades: int
    open_trades: int
    stop_losses: int
    take_profits: int
    liquidations: int
    partial_liquidations: int
    expired_orders: int = Field(description="decisions dropped because the next bar was missing")
    rejected_orders: int = Field(description="below the minimum size or without margin")
    clipped_orders: int = Field(description="cut to what the margin or the largest order size allowed")
    unfilled_orders: int = Field(0, description="resting orders that ended without a fill")


class Drawdown(ResultModel):
    """One fall of equity from a peak, ISO-8601 UTC; `recovered` is null while under water."""

    depth: Finite = Field(description="fraction, <= 0")
    peak: str
    trough: str
    recovered: str | None
    bars: int = Field(description="from peak to recovery, or to the end of the run")


class MonthReturn(ResultModel):
    """Return of one calendar month (UTC), compounded from equity."""

    year: int
    month: int
    value: Finite


class Provenance(ResultModel):
    """What made the numbers: enough to make them again."""

    config_hash: str
    dataset_hash: str
    code_version: str
    versions: dict[str, str]
    seed: int | None


class CausalityDifference(ResultModel):
    """The first value that changed with what came after it; null where it is NaN or infinite."""

    field: Literal["target", "stop_distance", "take_distance", "confidence", "reason"]
    bar: int = Field(description="position in the series from its first stored bar")
    open: str = Field(description="open of that bar, ISO-8601 UTC")
    with_future: Finite | None = Field(description="value with the whole series")
    without: Finite | None = Field(description="value with everything after bar `cut` changed")
    cut: int = Field(description="last bar that was left as it is")
    change: str = Field(description="what was done to the bars after it: cut off, absurd, ...")


class CausalityBadge(ResultModel):
    """Whether the strategy's values changed when the future was taken away, on a few prefixes of the run."""

    passed: bool | None = Field(description="null: nothing could be compared, see `reason`")
    prefixes: int = Field(description="bars at which the future was cut off or spoilt")
    recomputations: int
    refused: int = Field(description="recomputations in which the strategy raised instead of answering")
    bars: int = Field(description="bars compared, over all recomputations")
    difference: CausalityDifference | None = None
    reason: str | None = Field(None, description="why less was compared than planned, or nothing")


class BandFigures(ResultModel):
    """The headline with the bars read in one way."""

    reading: Literal["worst", "best", "ohlc", "detail"]
    final_equity: Finite
    total_return: Finite | None
    sharpe: Finite | None
    max_drawdown: Finite | None


class Assumptions(ResultModel):
    """How much of the result rests on what nobody measured, USDT."""

    band_width: Finite = Field(description="highest minus lowest final equity of the band")
    assumed_costs: Finite = Field(description="sum over costs of |amount| x (estimated + missing share)")
    share: Finite | None = Field(description="(band_width + assumed_costs) / |net PnL|; above 1: all of it")
    reason: str | None = Field(None, description="why the share is null")


class Band(ResultModel):
    """The headline as pessimistic, expected and optimistic: equal where no bar is ambiguous."""

    ambiguous_bars: int = Field(description="bars that met more than one level of the position")
    resolved_bars: int = Field(description="of them, bars that were walked along stored finer bars")
    pessimistic: BandFigures = Field(description="the adverse extreme of each bar first")
    expected: BandFigures = Field(
        description="stored finer bars where they resolve every bar, else the nearer extreme first"
    )
    optimistic: BandFigures = Field(description="the favourable extreme of each bar first")
    assumptions: Assumptions
    detail_hash: str | None = Field(None, description="hash of the finer bars that were opened")


class BacktestResult(ResultModel):
    """The whole of `result.json`."""

    schema_version: Literal["1.1"] = "1.1"
    synthetic: bool = Field(description="any input was generated: nothing here is about a real market")
    run: RunInfo
    market: MarketInfo
    strategy: StrategyInfo
    account: AccountInfo
    primary: list[Metric]
    secondary: list[Metric]
    buy_and_hold: list[Metric]
    pnl: PnlSplit
    costs: list[CostProvenance]
    data: DataHealth
    counts: Counts
    drawdowns: list[Drawdown]
    monthly: list[MonthReturn]
    provenance: Provenance
    causality: CausalityBadge | None = Field(None, description="null in results that were made without it")
    verdict: Verdict | None = Field(None, description="null where report.honesty is off")
    warnings: list[str]
    band: Band | None = None
    hedge: HedgeSplit | None = Field(None, description="null where nothing hedges the swap")
    timings_ms: dict[str, Finite] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RunArrays:
    """The arrays behind a result, all over the run's bars (length n).

    `equity` is marked at each close, USDT; `position` is signed contracts after each bar;
    `hold_equity` is what buying at the first traded open and holding gives, with fee and funding.
    `fills` has FILL_DTYPE, `trades` TRADE_DTYPE. `signal` is the strategy's word on the same bars.
    `spot_fills` has SPOT_FILL_DTYPE, a row for each of `fills`; None where nothing is hedged.
    """

    bars: Bars
    signal: Signal
    equity: FloatArray
    position: FloatArray
    hold_equity: FloatArray
    fills: NDArray[np.void]
    trades: NDArray[np.void]
    spot_fills: NDArray[np.void] | None = None
