"""Static drawings as SVG markup: what paper and a browser without script show, and the histogram.

Pure. Invariant: a curve is drawn through the lowest and highest value of each of at most 600
steps, broken where bars are missing; nothing is averaged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from arena.core.bars import FloatArray, IntArray
from arena.reporting.frame import ChartFrame

STEPS = 600
WIDTH = 2 * STEPS


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts over equal bins whose edges include zero; percent units."""

    edges: list[float]
    counts: list[int]


@dataclass(frozen=True, slots=True)
class Curve:
    """A series for `draw_curves`: its lows, highs and, for the direction of a step, its lasts."""

    css: str
    low: FloatArray
    high: FloatArray
    last: FloatArray


def draw_curves(frame: ChartFrame, curves: list[Curve], height: int, ceiling: float = -math.inf) -> str:
    """Return an SVG of the curves on one scale that reaches at least to `ceiling`, missing bars shaded."""
    bottom = min(float(curve.low.min()) for curve in curves)
    top = max(ceiling, *(float(curve.high.max()) for curve in curves))
    per_unit = (height - 4) / (top - bottom) if top > bottom else 0.0
    start, x, stride = _steps(frame)
    paths = []
    for curve in curves:
        low = np.minimum.reduceat(curve.low, start)
        high = np.maximum.reduceat(curve.high, start)
        rising = curve.last[np.append(start[1:], len(curve.last)) - 1] >= curve.last[start]
        first = np.where(rising, low, high)
        second = np.where(rising, high, low)
        ys = [np.rint(2 + (top - value) * per_unit).astype(int).tolist() for value in (first, second)]
        paths.append(f'<path class="{curve.css}" d="{_path(x, ys[0], ys[1], stride)}"/>')
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" preserveAspectRatio="none" aria-hidden="true" '
        f'focusable="false">{_gap_bands(frame, height)}{"".join(paths)}</svg>'
    )


def price_curve(frame: ChartFrame) -> list[Curve]:
    """Return the price between each step's low and high."""
    return [Curve("c-price", frame.low, frame.high, frame.close)]


def equity_curves(frame: ChartFrame) -> list[Curve]:
    """Return buy and hold and, above it, the strategy's equity."""
    return [
        Curve("c-hold", frame.hold, frame.hold, frame.hold),
        Curve("c-equity", frame.equity, frame.equity, frame.equity),
    ]


def drawdown_curve(frame: ChartFrame) -> list[Curve]:
    """Return the drawdown alone."""
    return [Curve("c-drawdown", frame.drawdown, frame.drawdown, frame.drawdown)]


def histogram(returns_percent: FloatArray, most_bins: int = 60) -> Histogram:
    """Return counts over bins of a round width (1, 2 or 5 times a power of ten)."""
    low, high = min(0.0, float(returns_percent.min())), max(0.0, float(returns_percent.max()))
    width = _round_up((high - low) / most_bins) if high > low else 1.0
    first, last = math.floor(low / width), max(math.ceil(high / width), math.floor(low / width) + 1)
    bins = np.clip(np.floor(returns_percent / width).astype(np.int64), first, last - 1) - first
    counts = np.bincount(bins, minlength=last - first)
    return Histogram([round(i * width, 10) for i in range(first, last + 1)], counts.tolist())


def draw_histogram(hist: Histogram, height: int = 180) -> str:
    """Return an SVG of bars, losses and gains apart in tone, each with its range as a tooltip."""
    bar = WIDTH / len(hist.counts)
    tallest = max(hist.counts)
    bars = []
    for i, count in enumerate(hist.counts):
        if not count:
            continue
        tall = max(2.0, (height - 4) * count / tallest)
        css = "h-loss" if hist.edges[i] < 0 else "h-gain"
        title = f"{hist.edges[i]:g}% to {hist.edges[i + 1]:g}%: {count}"
        bars.append(
            f'<rect class="{css}" x="{i * bar + 1:.1f}" y="{height - tall:.1f}" width="{bar - 2:.1f}" '
            f'height="{tall:.1f}"><title>{title}</title></rect>'
        )
    zero = -hist.edges[0] / (hist.edges[-1] - hist.edges[0]) * WIDTH
    axis = f'<line class="h-zero" x1="{zero:.1f}" x2="{zero:.1f}" y1="0" y2="{height}"/>'
    return f'<svg viewBox="0 0 {WIDTH} {height}" preserveAspectRatio="none">{axis}{"".join(bars)}</svg>'


def _steps(frame: ChartFrame) -> tuple[IntArray, list[int], float]:
    """Return the first row of each drawn step, its place on the x axis, and the width of a step."""
    count = min(STEPS, frame.slots)
    step = frame.slot * count // frame.slots
    start = np.flatnonzero(np.diff(step, prepend=-1))
    stride = WIDTH / count
    return start, np.rint(step[start] * stride).astype(int).tolist(), stride


def _path(x: list[int], first: list[int], second: list[int], stride: float) -> str:
    parts: list[str] = []
    before = -10 * WIDTH
    for place, one, two in zip(x, first, second, strict=True):
        parts.append(f"{'L' if place - before <= stride + 1 else 'M'}{place} {one}")
        parts.append(f"L{place + 1} {two}")
        before = place
    return "".join(parts)


def _gap_bands(frame: ChartFrame, height: int) -> str:
    per_slot = WIDTH / (frame.slots * frame.bars_per_candle)
    largest = np.sort(np.argsort(frame.gap_start - frame.gap_end, kind="stable")[:100])
    return "".join(
        f'<rect class="c-gap" x="{frame.gap_start[i] * per_slot:.1f}" y="0" height="{height}" '
        f'width="{max(2.0, (frame.gap_end[i] - frame.gap_start[i]) * per_slot):.1f}"/>'
        for i in largest
    )


def _round_up(width: float) -> float:
    power = 10.0 ** math.floor(math.log10(width))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= width * (1 - 1e-9))
