"""Small plots with axes that read at every width: SVG for the lines, HTML for the labels.

Pure. The drawing stretches to its box, so no text is inside it. Invariant: what is drawn lies inside
[0, WIDTH] x [0, HEIGHT]; a value that is unknown breaks its line and is never bridged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from arena.core.bars import FloatArray, TsArray
from arena.reporting.figures import number, percent

WIDTH, HEIGHT = 1000, 400
_MOST_POINTS = 600
_DAY_MS = 86_400_000

Ticks = list[tuple[float, str]]
Words = Callable[[float, int], str]
"""Value and decimals to text."""


@dataclass(frozen=True, slots=True)
class Line:
    """Points joined by a line, or dots where `dots` is set; `css` names colour and dash."""

    css: str
    name: str
    x: FloatArray
    y: FloatArray
    dots: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A straight line across the plot at `at`, upright on the x axis or flat on the y axis."""

    css: str
    name: str
    at: float
    flat: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing with its labels; tick places are percent from the left or the top."""

    svg: str
    label: str
    y_title: str
    x_title: str
    y_ticks: Ticks
    x_ticks: Ticks
    keys: list[tuple[str, str]] = field(default_factory=list)

    @property
    def gutter(self) -> int:
        """Letters that the labels of the y axis need."""
        return max((len(text) for _, text in self.y_ticks), default=1)


@dataclass(frozen=True, slots=True)
class Scale:
    """A value axis: its ends and the words of a tick."""

    low: float
    high: float
    words: Words
    steps: int = 5

    @classmethod
    def over(cls, values: Sequence[FloatArray], words: Words, *, steps: int = 5, room: float = 0.04) -> Scale:
        """Return a scale over all finite `values`, with a little room at both ends."""
        known = np.concatenate([np.asarray(some, np.float64).ravel() for some in values])
        known = known[np.isfinite(known)]
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        spread = (high - low) or abs(high) or 1.0
        return cls(low - room * spread, high + room * spread, words, steps)

    def share(self, values: FloatArray) -> FloatArray:
        """Return where values lie between the ends, 0 to 1, clipped."""
        return np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0)

    def ticks(self) -> list[tuple[float, str]]:
        """Return round values between the ends with their words, all with the same decimals."""
        values = round_values(self.low, self.high, self.steps)
        width = values[1] - values[0] if len(values) > 1 else abs(values[0]) if values else 1.0
        decimals = max(0, -math.floor(math.log10(width) + 1e-9)) if width else 0
        return [(value, self.words(value, decimals)) for value in values]


def plain(value: float, decimals: int = 2) -> str:
    """Return a number with a true minus sign."""
    return number(value, decimals)


def in_percent(value: float, decimals: int = 4) -> str:
    """Return a fraction as percent; `decimals` are those of the fraction."""
    return percent(value, max(0, decimals - 2))


def draw_lines(
    lines: Sequence[Line],
    x: Scale,
    y: Scale,
    *,
    label: str,
    titles: tuple[str, str],
    marks: Sequence[Mark] = (),
    x_ticks: Ticks | None = None,
) -> Plot:
    """Return `lines` and `marks` over two scales; `titles` are those of the x and the y axis."""
    ticks = x_ticks if x_ticks is not None else _places(x)
    body = [_grid(y)]
    body += [_mark(mark, x, y) for mark in marks if not mark.flat and x.low <= mark.at <= x.high]
    body += [_mark(mark, x, y) for mark in marks if mark.flat and y.low <= mark.at <= y.high]
    body += [_line(line, x, y) for line in lines]
    keys = [(f"{line.css} dot" if line.dots else line.css, line.name) for line in lines if line.name]
    keys += [(mark.css, mark.name) for mark in marks if mark.name]
    return Plot(_svg(body), label, titles[1], titles[0], _heights(y), ticks, keys)


def draw_bars(
    edges: FloatArray,
    counts: FloatArray,
    x: Scale,
    *,
    label: str,
    titles: tuple[str, str],
    marks: Sequence[Mark] = (),
    loss_below: float = 0.0,
) -> Plot:
    """Return a histogram; bars whose middle lies below `loss_below` take the tone of a loss."""
    y = Scale(0.0, 1.06 * max(1.0, float(np.max(counts))), plain, 4)
    left = WIDTH * x.share(edges[:-1])
    right = WIDTH * x.share(edges[1:])
    middle = (edges[:-1] + edges[1:]) / 2
    body = [_grid(y)]
    for i in np.flatnonzero(counts).tolist():
        tall = max(2.0, HEIGHT * float(counts[i]) / y.high)
        css = "h-loss" if middle[i] < loss_below else "h-gain"
        width = max(0.8, float(right[i] - left[i]) - 1.5)
        title = f"{x.words(float(edges[i]), 3)} to {x.words(float(edges[i + 1]), 3)}: {int(counts[i]):,}"
        body.append(
            f'<rect class="{css}" x="{left[i]:.1f}" y="{HEIGHT - tall:.1f}" width="{width:.1f}" '
            f'height="{tall:.1f}"><title>{title}</title></rect>'
        )
    body += [_mark(mark, x, y) for mark in marks]
    keys = [(mark.css, mark.name) for mark in marks if mark.name]
    return Plot(_svg(body), label, titles[1], titles[0], _heights(y), _places(x), keys)


def round_values(low: float, high: float, steps: int) -> list[float]:
    """Return multiples of 1, 2 or 5 times a power of ten inside [low, high], at most about `steps`."""
    if not high > low:
        return [low]
    rough = (high - low) / max(1, steps)
    power = 10.0 ** math.floor(math.log10(rough))
    width = next(size * power for size in (1, 2, 5, 10) if size * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / width - 1e-9), math.floor(high / width + 1e-9)
    return [round(i * width, 12) + 0.0 for i in range(first, last + 1)]


def time_ticks(first_ms: int, last_ms: int, most: int = 5) -> Ticks:
    """Return places in percent and dates, UTC: starts of months, or of days in a short span."""
    span = max(1, last_ms - first_ms)
    if span < 75 * _DAY_MS:
        days = max(1, math.ceil(span / _DAY_MS / most))
        start = -(-first_ms // _DAY_MS)
        stamps = [day * _DAY_MS for day in range(start, last_ms // _DAY_MS + 1, days)]
        return [(100.0 * (ts - first_ms) / span, _date(ts, "%m-%d")) for ts in stamps]
    begin, end = (datetime.fromtimestamp(ts / 1000, UTC) for ts in (first_ms, last_ms))
    months = (end.year - begin.year) * 12 + end.month - begin.month
    step = next((size for size in (1, 2, 3, 6, 12, 24, 60) if months / size <= most), 120)
    at = begin.year * 12 + begin.month  # the month after the first, counted from year 0
    at += -at % step
    found = []
    while (ts := round(datetime(at // 12, at % 12 + 1, 1, tzinfo=UTC).timestamp() * 1000)) <= last_ms:
        found.append((100.0 * (ts - first_ms) / span, _date(ts, "%Y" if step >= 12 else "%Y-%m")))
        at += step
    return found


def thin(x: FloatArray, y: FloatArray, most: int = _MOST_POINTS) -> tuple[FloatArray, FloatArray]:
    """Return at most about twice `most` points: the lowest and highest of each step, in their order.

    Unknown values stay where they are, up to `most` of them, so that a broken line stays broken.
    """
    if len(x) <= 2 * most:
        return x, y
    edges = np.linspace(0, len(x), most + 1).astype(np.int64)
    kept = {0, len(x) - 1, *np.flatnonzero(np.isnan(y))[:most].tolist()}
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        some = y[begin:end]
        if np.isfinite(some).any():
            kept.update((begin + int(np.nanargmin(some)), begin + int(np.nanargmax(some))))
    at = np.array(sorted(kept))
    return x[at], y[at]


def hours(ts: TsArray) -> FloatArray:
    """Return times as floats for an x axis: hours since 1970, exact for whole milliseconds."""
    return ts.astype(np.float64) / 3_600_000.0


def _date(ts: int, form: str) -> str:
    return datetime.fromtimestamp(ts / 1000, UTC).strftime(form)


def _svg(body: list[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true" '
        f'focusable="false">{"".join(body)}</svg>'
    )


def _line(line: Line, x: Scale, y: Scale) -> str:
    at, value = (line.x, line.y) if line.dots else thin(line.x, line.y)
    places = WIDTH * x.share(at)
    heights = HEIGHT * (1.0 - y.share(value))
    known = np.isfinite(value) & np.isfinite(at)
    parts: list[str] = []
    joined = False
    for i in range(len(at)):
        if not known[i]:
            joined = False
            continue
        if line.dots:
            parts.append(f"M{places[i]:.1f} {heights[i]:.1f}h0")
        else:
            parts.append(f"{'L' if joined else 'M'}{places[i]:.1f} {heights[i]:.1f}")
        joined = True
    return f'<path class="{line.css}{" dots" if line.dots else ""}" d="{"".join(parts)}"/>'


def _mark(mark: Mark, x: Scale, y: Scale) -> str:
    if mark.flat:
        at = HEIGHT * (1.0 - float(y.share(np.array(mark.at))))
        return f'<path class="{mark.css}" d="M0 {at:.1f}H{WIDTH}"/>'
    at = WIDTH * float(x.share(np.array(mark.at)))
    return f'<path class="{mark.css}" d="M{at:.1f} 0V{HEIGHT}"/>'


def _grid(y: Scale) -> str:
    return "".join(
        f'<path class="c-grid" d="M0 {HEIGHT * top / 100:.1f}H{WIDTH}"/>' for top, _ in _heights(y)
    )


def _heights(y: Scale) -> Ticks:
    return [(round(100.0 * (1.0 - float(y.share(np.array(at)))), 2), text) for at, text in y.ticks()]


def _places(x: Scale) -> Ticks:
    return [(round(100.0 * float(x.share(np.array(at))), 2), text) for at, text in x.ticks()]
