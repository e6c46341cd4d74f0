"""Metrics of the equity path alone: growth, falls, and reward for risk.

Pure; every function takes an EquityPath, so that buy and hold is measured by the same ones. Invariant:
returns are per bar, a year has 365 days of bars, the risk-free rate is 0.
"""

import math

from arena.backtest.metrics.definition import MetricDefinition, Outcome, Reading, Undefined, on_path
from arena.backtest.metrics.inputs import EquityPath
from arena.backtest.metrics.wording import day_count
from arena.core.clock import to_iso

MIN_CAGR_DAYS = 90

TOO_SHORT = Undefined("fewer than 2 returns")
NO_VARIANCE = Undefined("returns do not vary")

BY_ROOT = "times the square root of bars per year (365 days; 8,760 for 1h)"

YEAR_NOTE = "bar returns, a year of 365 days, risk-free rate 0"


def root_of_year(path: EquityPath) -> float:
    """Return the factor that annualises a per-bar deviation."""
    return math.sqrt(path.timeframe.bars_per_year)


def total_return(path: EquityPath) -> float:
    """Return growth from the first point to the last, as a fraction."""
    return float(path.points[-1] / path.points[0]) - 1.0


def cagr(path: EquityPath) -> float | Undefined:
    """Return the yearly rate that compounds to the total return."""
    if path.days < MIN_CAGR_DAYS:
        return Undefined(
            f"{day_count(path.days)} are fewer than {MIN_CAGR_DAYS}: a yearly rate would be a guess"
        )
    return math.pow(float(path.points[-1] / path.points[0]), 1.0 / path.years) - 1.0


def max_drawdown(path: EquityPath) -> Outcome:
    """Return the deepest fall at bar closes, with its length."""
    if not len(path.episodes):
        return Reading(0.0, "no bar closed below a former peak")
    row = int(path.episodes.depth.argmin())
    length = path.days_between(int(path.episodes.peak[row]), int(path.episodes.end[row]))
    ending = "to recovery" if path.episodes.recovered[row] else "not recovered"
    return Reading(float(path.episodes.depth[row]), f"{day_count(length)} from peak, {ending}")


def sharpe(path: EquityPath) -> Outcome:
    """Return mean over deviation of returns, annualised."""
    if len(path.returns) < 2:
        return TOO_SHORT
    if not path.deviation:
        return NO_VARIANCE
    return Reading(path.mean / path.deviation * root_of_year(path), YEAR_NOTE)


def sortino(path: EquityPath) -> Outcome:
    """Return mean over downside deviation of returns, annualised."""
    if len(path.returns) < 2:
        return TOO_SHORT
    if path.downside:
        return Reading(path.mean / path.downside * root_of_year(path), YEAR_NOTE)
    return Undefined("∞ (no losing bar)") if path.mean > 0.0 else NO_VARIANCE


def calmar(path: EquityPath) -> Outcome:
    """Return the yearly rate over the deepest fall."""
    rate = cagr(path)
    if isinstance(rate, Undefined):
        return rate
    deepest = float(path.drawdowns.min())
    if deepest:
        return rate / -deepest
    return Undefined("∞ (no drawdown)" if rate > 0.0 else "neither growth nor drawdown")


def volatility(path: EquityPath) -> Outcome:
    """Return the annualised deviation of returns."""
    return path.deviation * root_of_year(path) if len(path.returns) >= 2 else TOO_SHORT


def downside_deviation(path: EquityPath) -> Outcome:
    """Return the annualised root mean square of losing returns."""
    return path.downside * root_of_year(path) if len(path.returns) else Undefined("no traded bar")


def average_drawdown(path: EquityPath) -> Outcome:
    """Return the mean depth of all falls."""
    count = len(path.episodes)
    return Reading(float(path.episodes.depth.mean()) if count else 0.0, f"over {count:,} drawdowns")


def longest_underwater(path: EquityPath) -> Outcome:
    """Return the longest time below a former peak, in days."""
    episodes = path.episodes
    if not len(episodes):
        return 0.0
    row = int((path.times[episodes.end] - path.times[episodes.peak]).argmax())
    peak, end = int(episodes.peak[row]), int(episodes.end[row])
    ending = "recovered" if episodes.recovered[row] else "not recovered"
    return Reading(path.days_between(peak, end), f"from {to_iso(int(path.times[peak]))}, {ending}")


def recovery_factor(path: EquityPath) -> Outcome:
    """Return net profit over the largest fall in money."""
    profit = float(path.points[-1] - path.points[0])
    if path.largest_fall:
        return profit / path.largest_fall
    return Undefined("∞ (no drawdown)" if profit > 0.0 else "neither profit nor drawdown")


def ulcer_index(path: EquityPath) -> Outcome:
    """Return the root mean square of the drawdown at every point."""
    return math.sqrt(float((path.drawdowns**2).mean()))


CAGR = MetricDefinition(
    "cagr",
    "CAGR",
    "fraction",
    on_path(cagr),
    formula="(final equity / initial capital)^(1 / years) - 1, years = elapsed time with holes / 365 days",
    annualised="it is a yearly rate; elapsed time, not the number of bars",
    undefined=f"fewer than {MIN_CAGR_DAYS} days",
)
MAX_DRAWDOWN = MetricDefinition(
    "max_drawdown",
    "Max drawdown",
    "fraction",
    on_path(max_drawdown),
    formula="min over points of equity / highest equity so far - 1, at bar closes: a fall inside a bar is "
    "not in "
    "it. The note gives the time from its peak to recovery, or to the end of the run",
)
SHARPE = MetricDefinition(
    "sharpe",
    "Sharpe",
    "ratio",
    on_path(sharpe),
    formula="mean(r) / sd(r) (n - 1 in sd), r = return of each traded bar, risk-free rate 0",
    annualised=BY_ROOT,
    undefined="fewer than 2 returns; returns that do not vary",
)
SORTINO = MetricDefinition(
    "sortino",
    "Sortino",
    "ratio",
    on_path(sortino),
    formula="mean(r) / sqrt(mean(min(r, 0)^2)), target 0, the mean over all bars",
    annualised=BY_ROOT,
    undefined="fewer than 2 returns; no losing bar",
)
CALMAR = MetricDefinition(
    "calmar",
    "Calmar",
    "ratio",
    on_path(calmar),
    formula="CAGR / |max drawdown|",
    annualised="through CAGR",
    undefined="where CAGR is; no drawdown",
)
VOLATILITY = MetricDefinition(
    "volatility",
    "Volatility",
    "fraction",
    on_path(volatility),
    formula="sd(r) (n - 1 in sd) of bar returns",
    annualised=BY_ROOT,
    undefined="fewer than 2 returns",
)
SECONDARY = (
    VOLATILITY,
    MetricDefinition(
        "downside_deviation",
        "Downside deviation",
        "fraction",
        on_path(downside_deviation),
        formula="sqrt(mean(min(r, 0)^2)), the mean over all bars",
        annualised=BY_ROOT,
        undefined="no traded bar",
    ),
    MetricDefinition(
        "average_drawdown",
        "Average drawdown",
        "fraction",
        on_path(average_drawdown),
        formula="mean of the depths of all falls from a peak, however small; 0 without any",
    ),
    MetricDefinition(
        "longest_underwater",
        "Longest underwater",
        "days",
        on_path(longest_underwater),
        formula="longest time from a peak to the first close at or above it, or to the end of the run",
    ),
    MetricDefinition(
        "recovery_factor",
        "Recovery factor",
        "ratio",
        on_path(recovery_factor),
        formula="net profit / largest fall of equity from its highest so far, both in USDT",
        undefined="no drawdown",
    ),
    MetricDefinition(
        "ulcer_index",
        "Ulcer index",
        "fraction",
        on_path(ulcer_index),
        formula="sqrt(mean(d^2)), d = distance from the highest equity so far, start included",
    ),
)
