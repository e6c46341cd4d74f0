"""The pictures of a verdict: break-even curves, logits of overfitting, joined walk-forward equity.

Pure: draws what the verdict holds and computes no statistic. Invariant: every picture says in words what
it shows, for those who cannot see it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from arena.backtest.verdict import BreakEvenCurve, OverfittingVerdict, WalkForward
from arena.core.clock import parse_time
from arena.reporting.figures import number, percent
from arena.reporting.plot import Line, Mark, Plot, Scale, draw_bars, draw_lines, in_percent, plain, time_ticks

_COSTS = {
    "slippage_bps": "Slippage",
    "fee_rate": "Fee",
    "delay_bars": "Delay of every order",
    "funding_shock": "Funding, each settlement worse by",
}


@dataclass(frozen=True, slots=True)
class Curve:
    """A break-even curve with its sentence."""

    title: str
    sentence: str
    bad: bool
    plot: Plot


def forward_plot(walks: list[WalkForward]) -> Plot:
    """Return the joined curves out of sample on one time axis, each from 1."""
    lines = []
    spans = [[parse_time(day) for day in walk.days] for walk in walks]
    known = [ts for stamps in spans for ts in stamps] or [0, 1]
    for walk, stamps, css in zip(walks, spans, ("c-one", "c-two", "c-three", "c-four"), strict=False):
        x = np.array(stamps, np.float64)
        lines.append(Line(css, walk.kind, x, np.array(walk.equity)))
    first, last = min(known), max(known)
    ends = ", ".join(f"{walk.kind} returns {percent(walk.return_out, 1, signed=True)}" for walk in walks)
    return draw_lines(
        lines,
        Scale(float(first), float(max(last, first + 1)), plain),
        Scale.over([*(line.y for line in lines), np.ones(1)], plain),
        label=f"Joined equity out of sample, from 1: {ends}",
        titles=("UTC", "Equity out of sample, start = 1"),
        marks=[Mark("c-zero", "", 1.0, flat=True)],
        x_ticks=time_ticks(first, last),
    )


def break_even_curve(curve: BreakEvenCurve) -> Curve:
    """Return the Sharpe ratio against one cost, with where it is now and where it dies."""
    title = _COSTS[curve.cost]
    words = _unit_words(curve.unit)
    y = np.array([np.nan if value is None else value for value in curve.sharpe])
    x = np.array(curve.values)
    marks = [Mark("c-zero", "", 0.0, flat=True), Mark("c-now", f"now {words(curve.now)}", curve.now)]
    if curve.dies_at is not None:
        marks.append(Mark("c-noise", f"dies at {words(curve.dies_at)}", curve.dies_at))
        sentence = f"dies at {words(curve.dies_at)}, now {words(curve.now)}"
    elif curve.total_return[0] <= 0:
        sentence = f"dead from the start: no return above 0 even at {words(curve.values[0])}"
    else:
        sentence = f"still alive at {words(max(curve.values))}, now {words(curve.now)}"
    plot = draw_lines(
        [Line("c-one", "", x, y)],
        Scale.over([x, np.array([curve.now])], _tick_words(curve.unit), steps=4, room=0.02),
        Scale.over([y, np.zeros(1)], plain, steps=4),
        label=f"Sharpe against {title.lower()}: {sentence}",
        titles=(f"{title}, {_unit_name(curve.unit)}", "Sharpe"),
        marks=marks,
    )
    return Curve(
        title,
        sentence,
        curve.total_return[0] <= 0 or (curve.dies_at is not None and curve.dies_at <= curve.now),
        plot,
    )


def _unit_name(unit: str) -> str:
    return "%" if unit == "fraction" else unit


def _unit_words(unit: str) -> Callable[[float], str]:
    if unit == "fraction":
        return lambda value: f"{_short(100 * value)}%"
    return lambda value: (
        f"{_short(value)} {unit.removesuffix('s') if value == 1 and unit == 'bars' else unit}"
    )


def _short(value: float) -> str:
    """Return at most three significant digits beyond the point, none that say nothing."""
    text = number(value, 4 if abs(value) < 0.1 else 2 if abs(value) < 10 else 1)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _tick_words(unit: str) -> Callable[[float, int], str]:
    return in_percent if unit == "fraction" else plain


def logit_plot(over: OverfittingVerdict) -> Plot:
    """Return the histogram of logits; what lies below 0 is overfitting."""
    edges, counts = np.array(over.logits), np.array(over.counts, np.float64)
    return draw_bars(
        edges,
        counts,
        Scale.over([edges, np.zeros(1)], plain, room=0.0),
        label=f"Histogram of logits: {percent(over.probability, 1)} of {over.splits:,} splits at or below 0",
        titles=("logit of the rank out of sample", "Splits"),
        marks=[Mark("c-mark", "0: the median of all trials", 0.0)],
    )
