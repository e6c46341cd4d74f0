"""Metrics of how returns are distributed: tails, moments, and what they say of the Sharpe ratio.

Pure. Invariant: tails and best and worst day are of UTC days, moments and ratios of bars.
"""

import numpy as np

from arena.backtest.metrics.definition import MetricDefinition, Outcome, Reading, Undefined, on_path
from arena.backtest.metrics.distributions import probabilistic_sharpe
from arena.backtest.metrics.growth import NO_VARIANCE
from arena.backtest.metrics.inputs import EquityPath
from arena.core.bars import FloatArray
from arena.core.clock import to_iso

MIN_TAIL_DAYS = 20
MIN_MOMENT_BARS = 4
TAIL = 0.05


def value_at_risk(path: EquityPath) -> Outcome:
    """Return the 5 % quantile of daily returns."""
    return _too_few_days(path) or _quantile(path.daily_returns, TAIL)


def conditional_value_at_risk(path: EquityPath) -> Outcome:
    """Return the mean of the daily returns at or below the 5 % quantile."""
    daily = path.daily_returns
    return _too_few_days(path) or float(daily[daily <= _quantile(daily, TAIL)].mean())


def tail_ratio(path: EquityPath) -> Outcome:
    """Return the upper daily tail over the lower one."""
    short = _too_few_days(path)
    if short:
        return short
    lower = abs(_quantile(path.daily_returns, TAIL))
    if lower == 0.0:
        return Undefined("the 5 % quantile of daily returns is 0")
    return abs(_quantile(path.daily_returns, 1.0 - TAIL)) / lower


def skew(path: EquityPath) -> Outcome:
    """Return the third standardised moment of bar returns."""
    return _moment(path, 3)


def kurtosis(path: EquityPath) -> Outcome:
    """Return the fourth standardised moment of bar returns: 3 for a normal."""
    return _moment(path, 4)


def omega(path: EquityPath) -> Outcome:
    """Return gains over losses of bar returns."""
    returns = path.returns
    gains = float(returns[returns > 0.0].sum())
    losses = -float(returns[returns < 0.0].sum())
    if losses == 0.0:
        return Undefined("∞ (no losing bar)" if gains > 0.0 else "neither a winning nor a losing bar")
    return gains / losses


def psr(path: EquityPath) -> Outcome:
    """Return the probability that the true Sharpe ratio is above 0."""
    third, fourth = _moment(path, 3), _moment(path, 4)
    if isinstance(third, Undefined) or isinstance(fourth, Undefined):
        return _few_bars(path) or NO_VARIANCE
    probability = probabilistic_sharpe(path.mean / path.deviation, len(path.returns), third, fourth)
    return Undefined("the Sharpe ratio's variance is 0") if probability is None else probability


def best_day(path: EquityPath) -> Outcome:
    """Return the best daily return, with its date."""
    return _day(path, int(path.daily_returns.argmax())) if len(path.ts) else Undefined("no traded bar")


def worst_day(path: EquityPath) -> Outcome:
    """Return the worst daily return, with its date."""
    return _day(path, int(path.daily_returns.argmin())) if len(path.ts) else Undefined("no traded bar")


def _day(path: EquityPath, row: int) -> Reading:
    return Reading(float(path.daily_returns[row]), to_iso(int(path.daily_ts[row]))[:10])


def _too_few_days(path: EquityPath) -> Undefined | None:
    count = len(path.daily_returns)
    return Undefined(f"{count} days are fewer than {MIN_TAIL_DAYS}") if count < MIN_TAIL_DAYS else None


def _few_bars(path: EquityPath) -> Undefined | None:
    short = len(path.returns) < MIN_MOMENT_BARS
    return Undefined(f"fewer than {MIN_MOMENT_BARS} returns") if short else None


def _quantile(values: FloatArray, share: float) -> float:
    # numpy's own quantile imports masked arrays at its first call: 8 ms of a cold job.
    ordered = np.sort(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (ordered[above] - ordered[below]) * (place - below))


def _moment(path: EquityPath, power: int) -> float | Undefined:
    short = _few_bars(path)
    if short:
        return short
    if path.deviation == 0.0:
        return NO_VARIANCE
    standard = (path.returns - path.mean) / float(path.returns.std())
    square = standard * standard
    return float((square * (standard if power == 3 else square)).mean())


_FEW_DAYS = f"fewer than {MIN_TAIL_DAYS} days"
_MOMENTS = f"fewer than {MIN_MOMENT_BARS} returns; returns that do not vary"

SECONDARY = (
    MetricDefinition(
        "var_95",
        "VaR 95 (daily)",
        "fraction",
        on_path(value_at_risk),
        formula="5 % quantile of daily returns (historical, linear between neighbours); a loss is negative",
        undefined=_FEW_DAYS,
    ),
    MetricDefinition(
        "cvar_95",
        "CVaR 95 (daily)",
        "fraction",
        on_path(conditional_value_at_risk),
        formula="mean of the daily returns at or below VaR 95",
        undefined=_FEW_DAYS,
    ),
    MetricDefinition(
        "skew",
        "Skew",
        "ratio",
        on_path(skew),
        formula="mean(((r - mean(r)) / sd(r))^3) of bar returns, n in sd",
        undefined=_MOMENTS,
    ),
    MetricDefinition(
        "kurtosis",
        "Kurtosis (normal = 3)",
        "ratio",
        on_path(kurtosis),
        formula="mean(((r - mean(r)) / sd(r))^4) of bar returns, n in sd: not excess, a normal has 3",
        undefined=_MOMENTS,
    ),
    MetricDefinition(
        "tail_ratio",
        "Tail ratio (daily)",
        "ratio",
        on_path(tail_ratio),
        formula="|95 % quantile| / |5 % quantile| of daily returns",
        undefined=f"{_FEW_DAYS}; a 5 % quantile of 0",
    ),
    MetricDefinition(
        "omega",
        "Omega",
        "ratio",
        on_path(omega),
        formula="sum of gains / sum of losses of bar returns, threshold 0",
        undefined="no losing bar",
    ),
    MetricDefinition(
        "probabilistic_sharpe",
        "Probabilistic Sharpe",
        "fraction",
        on_path(psr),
        formula="Phi(SR sqrt(n - 1) / sqrt(1 - g3 SR + (g4 - 1) / 4 SR^2)): the probability that the true "
        "Sharpe "
        "ratio is above 0. SR per bar, n bars, g3 skew, g4 kurtosis (normal = 3). The classic form of "
        "Bailey and "
        "Lopez de Prado 2012, with the variance taken at SR. It knows of this run alone, not of other trials",
        undefined=_MOMENTS,
    ),
    MetricDefinition(
        "best_day",
        "Best day",
        "fraction",
        on_path(best_day),
        formula="largest daily return; the date is in the note",
        undefined="no traded bar",
    ),
    MetricDefinition(
        "worst_day",
        "Worst day",
        "fraction",
        on_path(worst_day),
        formula="smallest daily return; the date is in the note",
        undefined="no traded bar",
    ),
)
