"""What the statistics say of a result: the models that result.json and sweep.json share.

Models only; `arena.backtest.judge` fills them from a run, `arena.backtest.sweep.judge` from a sweep.
Invariant: a statistic that cannot be had is null with its reason in `reasons`, keyed by the field's path.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from arena.backtest.result_model import Finite, ResultModel


class TrialHistory(ResultModel):
    """Every parameter set ever run on this data, from the trial ledger, this run's own included.

    This data: the same instrument and bar length over a time that overlaps, generated apart from real.
    """

    sets: int = Field(description="parameter sets counted: what the Sharpe ratio is deflated by")
    runs: int = Field(description="single runs among them")
    sweeps: int = Field(description="sweeps among them")
    sharpe_variance: Finite | None = Field(None, description="variance across them of the Sharpe a bar")
    effective: Finite | None = Field(
        None, description="independent trials they amount to, by groups of like returns"
    )
    first_run_at: str | None = Field(None, description="ISO-8601 UTC")


class SharpeVerdict(ResultModel):
    """The Sharpe ratio a bar against chance and against the search that found it."""

    observations: int
    sharpe: Finite | None = Field(None, description="a bar, not annualised")
    annualised: Finite | None = None
    skew: Finite | None = None
    kurtosis: Finite | None = Field(None, description="not excess: 3 is normal")
    probabilistic: Finite | None = Field(None, description="probability that the true Sharpe is above 0")
    expected_maximum: Finite | None = Field(
        None, description="Sharpe a bar of the best of as many worthless trials"
    )
    deflated: Finite | None = Field(None, description="probability that it is above that maximum")
    minimum_track_record_days: Finite | None = Field(
        None, description="days needed to tell it from 0 at 95 %"
    )


class IntervalRow(ResultModel):
    """A figure of the daily returns with its stationary-bootstrap interval; Sharpe annualised."""

    name: Literal["sharpe", "total_return", "max_drawdown"]
    value: Finite
    low: Finite
    high: Finite
    level: Finite = Field(description="0.95: of a hundred such intervals 95 hold the truth")


class SuperiorityVerdict(ResultModel):
    """Hansen's test of superior predictive ability: small p: better than the benchmark, search included."""

    benchmark: Literal["flat", "buy_and_hold"]
    p_value: Finite
    draws: int


class OverfittingVerdict(ResultModel):
    """Probability of backtest overfitting by combinatorially symmetric cross-validation."""

    probability: Finite
    blocks: int
    splits: int
    trials: int = Field(description="trials that took part")
    logits: list[Finite] = Field(description="histogram: edges, one more than counts")
    counts: list[int]
    loss_probability: Finite = Field(description="how often the chosen one lost money out of sample")


class WalkForwardWindow(ResultModel):
    """One step: chosen on [train_start, train_end), judged on [test_start, test_end); ISO-8601 UTC."""

    train_start: str
    train_end: str
    test_start: str
    test_end: str
    trial: int
    params: dict[str, float]
    sharpe_in: Finite | None
    sharpe_out: Finite | None
    return_out: Finite


class WalkForward(ResultModel):
    """Choosing by the past alone, joined out of sample; Sharpe ratios annualised."""

    kind: Literal["anchored", "rolling"]
    purge_days: int
    embargo_days: int
    windows: list[WalkForwardWindow]
    sharpe_in: Finite | None = Field(description="mean over the windows of the chosen one's own past")
    sharpe_out: Finite | None = Field(description="of the joined days out of sample")
    ratio: Finite | None = Field(description="out of sample to in sample: 1 is as good as it looked")
    return_out: Finite
    days: list[str] = Field(description="of the joined curve")
    equity: list[Finite] = Field(description="joined out of sample, from 1")


class BreakEvenCurve(ResultModel):
    """Sharpe against one cost made worse, everything else as it was.

    `delay_bars` is by how many bars every decision is late; `funding_shock` what every settlement costs
    more, in bps of the position, whichever side is held.
    """

    cost: Literal["slippage_bps", "fee_rate", "delay_bars", "funding_shock"]
    unit: str
    values: list[Finite]
    sharpe: list[Finite | None] = Field(description="annualised")
    total_return: list[Finite]
    now: Finite = Field(description="the run's own value")
    dies_at: Finite | None = Field(
        description="where the return after costs falls to 0; null: nowhere on the curve, "
        "or it is not above 0 at its first value"
    )


class Lockbox(ResultModel):
    """The part of history that is kept for the end."""

    holdout: Finite = Field(description="share of the window's bars, 0: none")
    start: str | None = Field(None, description="first bar kept back, ISO-8601 UTC")
    unlocked: bool
    unlocks: int = Field(
        description="how often bars kept back were read on this data so far, this run included"
    )


class Verdict(ResultModel):
    """All of it for one result, or for the best of a sweep."""

    trials: TrialHistory | None
    sharpe: SharpeVerdict
    intervals: list[IntervalRow] = Field(default_factory=list)
    superiority: list[SuperiorityVerdict] = Field(default_factory=list)
    overfitting: OverfittingVerdict | None = None
    walk_forward: list[WalkForward] = Field(default_factory=list)
    break_even: list[BreakEvenCurve] = Field(default_factory=list)
    lockbox: Lockbox | None = None
    reasons: dict[str, str] = Field(default_factory=dict, description="why a field is null or empty")
