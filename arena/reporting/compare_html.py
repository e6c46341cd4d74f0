"""Render several runs over one another as one HTML file that needs no network and no script.

Reads results and equity curves, writes nothing. Invariant: every run is measured against its own
initial capital, and where data or windows differ the page says so before it shows a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from arena.backtest.result import BacktestResult, Metric
from arena.core.bars import FloatArray, TsArray
from arena.core.clock import to_iso
from arena.core.errors import ConfigError
from arena.core.timeframe import Timeframe
from arena.reporting.band_view import band_metrics
from arena.reporting.encoding import require_finite
from arena.reporting.figures import DASH, is_signed, metric_text, moment, tone
from arena.reporting.frame import drawdown_of
from arena.reporting.page import content_policy, environment, static
from arena.reporting.plot import Line, Mark, Plot, Scale, draw_lines, hours, in_percent, plain, time_ticks
from arena.reporting.view import causality_badge, flat_settings

Equity = tuple[TsArray, FloatArray]

STYLES = ("c-one", "c-two", "c-three", "c-four", "c-five", "c-six")
MOST_RUNS = len(STYLES)
_HIGHER = {
    "total_return",
    "cagr",
    "max_drawdown",
    "sharpe",
    "sortino",
    "calmar",
    "profit_factor",
    "expectancy",
}
_LOWER = {"total_costs"}
_CONFIGURED = ("fee_rate", "intrabar", "costs", "orders", "hedge", "window")
"""Parts of a run's config that decide what it assumes and are no part of its result."""


@dataclass(frozen=True, slots=True)
class Value:
    """A cell of the table of metrics; `best` where the direction of good is beyond doubt."""

    text: str
    tone: str
    best: bool


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of all runs."""

    label: str
    values: list[Value]


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting of all runs; `differs` where not all are alike."""

    key: str
    values: list[str]
    differs: bool


def render_compare(
    results: list[BacktestResult],
    equities: list[Equity],
    names: list[str],
    configs: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return the comparison as HTML.

    Args:
        results: two runs or more, at most `MOST_RUNS`.
        equities: for each run its bars' stamps, UTC ms, and its equity at their closes, USDT.
        names: what to call each run, all different.
        configs: of each run what it was composed of, where that is known.

    Raises:
        ConfigError: fewer than two runs or more than `MOST_RUNS`, or names that are not all different.
        DataError: an equity curve that is empty or not finite.
    """
    _check(results, equities, names)
    page = environment().get_template("compare.html.j2")
    settings = setting_rows(results, configs)
    return page.render(
        policy=content_policy(),
        styles=static("report.css") + static("plot.css"),
        names=names,
        keys=STYLES,
        results=results,
        badges=[causality_badge(result.causality) for result in results],
        synthetic=any(result.synthetic for result in results),
        cautions=cautions(results, names),
        plots=_plots(results, equities, names),
        primary=headline_rows(results),
        secondary=metric_rows([result.secondary for result in results]),
        differing=[row for row in settings if row.differs],
        alike=[row for row in settings if not row.differs],
    )


def cautions(results: list[BacktestResult], names: list[str]) -> list[str]:
    """Return what makes the runs unequal, each with the values found."""
    checks: list[tuple[str, Callable[[BacktestResult], str]]] = [
        ("The markets differ", lambda result: result.market.symbol),
        ("The timeframes differ", lambda result: result.market.timeframe),
        (
            "The windows differ, so the curves cover different times",
            lambda result: f"{moment(result.market.start)} to {moment(result.market.end)}",
        ),
        ("The initial capital differs", lambda result: f"{result.account.initial_capital:,.0f} USDT"),
        ("The code differs", lambda result: result.provenance.code_version),
    ]
    found = []
    for sentence, read in checks:
        values = [read(result) for result in results]
        if len(set(values)) > 1:
            listed = "; ".join(f"{name}: {value}" for name, value in zip(names, values, strict=True))
            found.append(f"{sentence}. {listed}.")
    if len({result.provenance.dataset_hash for result in results}) > 1:
        found.insert(0, "The runs did not read the same data: their data set hashes differ.")
    ahead = [
        name
        for name, result in zip(names, results, strict=True)
        if result.causality is not None and result.causality.passed is False
    ]
    if ahead:
        found.insert(0, f"These strategies look ahead, their numbers cannot be traded: {', '.join(ahead)}.")
    made = [name for name, result in zip(names, results, strict=True) if result.synthetic]
    if made and len(made) < len(results):
        found.insert(0, f"Generated and real markets stand side by side: {', '.join(made)} is SYNTHETIC.")
    return found


def headline_rows(results: list[BacktestResult]) -> list[MetricRow]:
    """Return the primary metrics and, where bars leave a result open, the band of each run."""
    rows = metric_rows([result.primary for result in results])
    if any(result.band is not None and result.band.ambiguous_bars for result in results):
        rows += metric_rows([band_metrics(result) for result in results])
    return rows


def metric_rows(of_runs: list[list[Metric]]) -> list[MetricRow]:
    """Return one row a metric that any run has, in the order of the runs that have it first."""
    by_name = [{metric.name: metric for metric in metrics} for metrics in of_runs]
    order: dict[str, str] = {}
    for metrics in of_runs:
        for metric in metrics:
            order.setdefault(metric.name, metric.label)
    rows = []
    for name, label in order.items():
        found = [metrics.get(name) for metrics in by_name]
        best = _best(name, [metric.value if metric else None for metric in found])
        rows.append(MetricRow(label, [_value(metric, best) for metric in found]))
    return rows


def setting_rows(
    results: list[BacktestResult], configs: Sequence[Mapping[str, Any]] = ()
) -> list[SettingRow]:
    """Return one row a setting that any run has."""
    known = configs or [{}] * len(results)
    of_runs = [_settings(result) | _configured(config) for result, config in zip(results, known, strict=True)]
    keys = list(dict.fromkeys(key for settings in of_runs for key in settings))
    rows = []
    for key in keys:
        values = [settings.get(key, DASH) for settings in of_runs]
        rows.append(SettingRow(key, values, len(set(values)) > 1))
    return rows


def _check(results: list[BacktestResult], equities: list[Equity], names: list[str]) -> None:
    if not 2 <= len(results) <= MOST_RUNS:
        raise ConfigError(f"{len(results)} runs to compare: give 2 to {MOST_RUNS} runs")
    if len(equities) != len(results) or len(set(names)) != len(results):
        raise ConfigError(
            f"{len(results)} runs with {len(equities)} equity curves and {len(set(names))} different names: "
            "each run needs a curve and a name of its own"
        )
    for name, (ts, equity) in zip(names, equities, strict=True):
        if not len(ts) or len(ts) != len(equity):
            raise ConfigError(f"{name}: {len(ts)} stamps and {len(equity)} values of equity make no curve")
        require_finite(f"equity of {name}", equity)


def _settings(result: BacktestResult) -> dict[str, str]:
    market, account, made = result.market, result.account, result.provenance
    return {
        "strategy": result.strategy.name,
        **{f"strategy.{key}": value for key, value in flat_settings(result.strategy.params)},
        "symbol": market.symbol,
        "timeframe": market.timeframe,
        "first bar, UTC": moment(market.start),
        "end of the last bar, UTC": moment(market.end),
        "bars": f"{market.bars:,}",
        "signal_window, bars": f"{market.signal_window:,}",
        "initial_capital, USDT": f"{account.initial_capital:,.2f}",
        "leverage": f"{account.leverage:g}×",
        "margin_mode": account.margin_mode,
        **{f"sizing.{key}": value for key, value in flat_settings(account.sizing)},
        **{f"source of {cost.cost.replace('_', ' ')}": cost.source for cost in result.costs},
        "config hash": made.config_hash[:16],
        "data set hash": made.dataset_hash[:16],
        "code": made.code_version,
        "seed": "none" if made.seed is None else str(made.seed),
        **made.versions,
    }


def _configured(config: Mapping[str, Any]) -> dict[str, str]:
    """Return what a run's config says about costs, orders, bars and window, by its keys."""
    return dict(flat_settings({key: config[key] for key in _CONFIGURED if key in config}))


def _best(name: str, values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    if len(set(known)) < 2 or name not in _HIGHER | _LOWER:
        return None
    return max(known) if name in _HIGHER else min(known)


def _value(metric: Metric | None, best: float | None) -> Value:
    if metric is None:
        return Value(DASH, "", best=False)
    marked = best is not None and metric.value == best
    return Value(metric_text(metric), tone(metric.value) if is_signed(metric) else "", best=marked)


def _plots(results: list[BacktestResult], equities: list[Equity], names: list[str]) -> list[Plot]:
    first = min(int(ts[0]) for ts, _ in equities)
    last = max(int(ts[-1]) for ts, _ in equities)
    x = Scale(float(hours(np.array(first))), float(hours(np.array(max(last, first + 1)))), plain)
    ticks = time_ticks(first, last)
    growth: list[Line] = []
    falls: list[Line] = []
    for result, (ts, equity), name, css in zip(results, equities, names, STYLES, strict=False):
        capital = result.account.initial_capital
        at = hours(ts)
        for into, values in ((growth, equity / capital), (falls, drawdown_of(equity, capital))):
            places, kept = _broken(at, values, Timeframe.parse(result.market.timeframe).step_ms / 3_600_000)
            into.append(Line(css, name, places, kept))
    span = f"{moment(to_iso(first))} to {moment(to_iso(last))} UTC"
    equity_plot = draw_lines(
        growth,
        x,
        Scale.over([line.y for line in growth], plain),
        label=f"Equity of {len(names)} runs, {span}: {_ends(names, growth)}",
        titles=("UTC", "Equity, initial capital = 1"),
        marks=[Mark("c-zero", "", 1.0, flat=True)],
        x_ticks=ticks,
    )
    fall_plot = draw_lines(
        falls,
        x,
        Scale.over([*(line.y for line in falls), np.zeros(1)], in_percent, steps=4),
        label=f"Drawdown of {len(names)} runs, {span}: {_deepest(names, falls)}",
        titles=("UTC", "Drawdown"),
        x_ticks=ticks,
    )
    return [equity_plot, fall_plot]


def _broken(at: FloatArray, values: FloatArray, step: float) -> tuple[FloatArray, FloatArray]:
    """Return the curve with an unknown value in every hole of more than three bars that can be seen."""
    span = at[-1] - at[0]
    holes = [i + 1 for i, (a, b) in enumerate(pairwise(at.tolist())) if b - a > max(4 * step, span / 400)]
    return np.insert(at, holes, at[holes] - step / 2), np.insert(values, holes, np.nan)


def _ends(names: list[str], lines: list[Line]) -> str:
    return ", ".join(f"{name} ends at {line.y[-1]:.3f}" for name, line in zip(names, lines, strict=True))


def _deepest(names: list[str], lines: list[Line]) -> str:
    return ", ".join(
        f"{name} {100 * float(np.nanmin(line.y)):.1f}%" for name, line in zip(names, lines, strict=True)
    )
