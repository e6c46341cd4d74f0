"""Metrics of the run beside buy and hold.

Pure. Invariant: both paths are over the same bars; where either ended in ruin, over the bars before.
"""

import numpy as np

from arena.backtest.metrics.definition import MetricDefinition, Outcome, Reading, Undefined
from arena.backtest.metrics.growth import BY_ROOT, TOO_SHORT, root_of_year, total_return
from arena.backtest.metrics.inputs import MetricInputs, varies
from arena.backtest.metrics.wording import signed_percent, signed_points, signed_usdt
from arena.core.bars import FloatArray

NO_MOVE = Undefined("buy and hold does not vary")


def headline_return(inputs: MetricInputs) -> Outcome:
    """Return the total return, with the money and what holding would have made."""
    own, hold = total_return(inputs.path), total_return(inputs.hold)
    profit = float(inputs.path.equity[-1] - inputs.path.equity[0])
    beside = f"buy & hold {signed_percent(hold)}, excess {signed_points(own - hold)}"
    return Reading(own, f"net profit {signed_usdt(profit)}; {beside}")


def beta(inputs: MetricInputs) -> float | Undefined:
    """Return the slope of bar returns on those of buy and hold."""
    own, hold = _pair(inputs)
    if len(own) < 2:
        return TOO_SHORT
    spread = float(hold.std())
    if not varies(spread, float(hold.mean())):
        return NO_MOVE
    return _covariance(own, hold) / (spread * spread)


def alpha(inputs: MetricInputs) -> Outcome:
    """Return the part of the mean return that beta does not explain, annualised."""
    slope = beta(inputs)
    if isinstance(slope, Undefined):
        return slope
    own, hold = _pair(inputs)
    return float(own.mean() - slope * hold.mean()) * inputs.path.timeframe.bars_per_year


def information_ratio(inputs: MetricInputs) -> Outcome:
    """Return mean over deviation of the excess return, annualised."""
    own, hold = _pair(inputs)
    if len(own) < 2:
        return TOO_SHORT
    excess = own - hold
    mean, spread = float(excess.mean()), float(excess.std(ddof=1))
    if not varies(spread, mean):
        return Undefined("the excess over buy and hold does not vary")
    return mean / spread * root_of_year(inputs.path)


def correlation(inputs: MetricInputs) -> Outcome:
    """Return the correlation of bar returns with buy and hold."""
    slope = beta(inputs)
    if isinstance(slope, Undefined):
        return slope
    own, hold = _pair(inputs)
    spread = float(own.std())
    if not varies(spread, float(own.mean())):
        return Undefined("returns do not vary")
    return float(np.clip(_covariance(own, hold) / (spread * float(hold.std())), -1.0, 1.0))


def _pair(inputs: MetricInputs) -> tuple[FloatArray, FloatArray]:
    own, hold = inputs.path.returns, inputs.hold.returns
    count = min(len(own), len(hold))
    return own[:count], hold[:count]


def _covariance(left: FloatArray, right: FloatArray) -> float:
    return float(((left - left.mean()) * (right - right.mean())).mean())


TOTAL_RETURN = MetricDefinition(
    "total_return",
    "Total return",
    "fraction",
    headline_return,
    formula="final equity / initial capital - 1; -1 from ruin on. The note has net "
    "profit, the "
    "return of buy and hold after its costs, and the difference",
)
SECONDARY = (
    MetricDefinition(
        "alpha",
        "Alpha vs buy & hold",
        "fraction",
        alpha,
        formula="mean(r) - beta mean(h), r and h = bar returns of the run and of buy and hold, risk-free "
        "rate 0",
        annualised="times bars per year (365 days), not compounded",
        undefined="fewer than 2 returns; buy and hold that does not vary",
    ),
    MetricDefinition(
        "beta",
        "Beta vs buy & hold",
        "ratio",
        beta,
        formula="cov(r, h) / var(h)",
        undefined="fewer than 2 returns; buy and hold that does not vary",
    ),
    MetricDefinition(
        "information_ratio",
        "Information ratio",
        "ratio",
        information_ratio,
        formula="mean(r - h) / sd(r - h) (n - 1 in sd)",
        annualised=BY_ROOT,
        undefined="fewer than 2 returns; an excess that does not vary",
    ),
    MetricDefinition(
        "correlation",
        "Correlation with buy & hold",
        "ratio",
        correlation,
        formula="cov(r, h) / (sd(r) sd(h))",
        undefined="fewer than 2 returns; r or h that does not vary",
    ),
)
