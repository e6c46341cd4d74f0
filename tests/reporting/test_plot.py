"""Axes and lines: round labels inside their box, thinning that keeps extremes and holes."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from arena.reporting.plot import (
    HEIGHT,
    WIDTH,
    Line,
    Scale,
    draw_bars,
    draw_lines,
    in_percent,
    plain,
    round_values,
    thin,
    time_ticks,
)

DAY = 86_400_000


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(1, 8))
@example(879609.9999999999, 1e-6, 6)
def test_round_values_are_few_and_inside(low: float, spread: float, steps: int) -> None:
    values = round_values(low, low + spread, steps)
    assert len(values) <= steps + 2
    slack = 1e-6 * spread + 2 * math.ulp(abs(low) + spread)  # no finer than floats of this size are
    assert all(low - slack <= value <= low + spread + slack for value in values)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (-30, 20, ["\u221230", "\u221220", "\u221210", "0", "10", "20"]),
    ],
)
def test_ticks_share_their_decimals(low: float, high: float, words: list[str]) -> None:
    assert [text for _, text in Scale(low, high, plain).ticks()] == words


def test_percent_ticks_have_no_needless_decimals() -> None:
    assert [text for _, text in Scale(-0.4, 0.0, in_percent, 4).ticks()] == [
        "\u221240%", "\u221230%", "\u221220%", "\u221210%", "0%",
    ]  # fmt: skip
    assert [text for _, text in Scale(0.0, 0.001, in_percent, 2).ticks()] == ["0.00%", "0.05%", "0.10%"]


@pytest.mark.parametrize(
    ("days", "shape"),
    [(3, r"\d\d-\d\d"), (60, r"\d\d-\d\d"), (300, r"\d{4}-\d\d"), (900, r"\d{4}-\d\d"), (4_000, r"\d{4}")],
)
def test_dates_stand_where_they_are(days: int, shape: str) -> None:
    first = 1_672_617_600_000  # 2023-01-02
    ticks = time_ticks(first, first + days * DAY)
    assert 1 <= len(ticks) <= 7
    for place, text in ticks:
        assert re.fullmatch(shape, text)
        assert 0 <= place <= 100
        at = np.datetime64(round(first + place / 100 * days * DAY), "ms")
        assert text in str(at)
        if len(text) == 7:
            assert str(at)[8:13] == "01T00"


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=400), st.integers(1, 20))
def test_thinning_keeps_the_extremes_and_the_ends(values: list[float], most: int) -> None:
    x, y = np.arange(len(values), dtype=float), np.array(values)
    at, kept = thin(x, y, most)
    assert len(at) <= 2 * most + 2
    assert kept.min() == y.min()
    assert kept.max() == y.max()
    assert (at[0], at[-1]) == (x[0], x[-1])
    assert (np.diff(at) > 0).all()


def test_thinned_line_stays_broken() -> None:
    y = np.sin(np.arange(5_000.0))
    y[2_000] = np.nan
    plot = draw_lines(
        [Line("c-one", "a", np.arange(5_000.0), y)],
        Scale(0, 4_999, plain),
        Scale.over([y], plain),
        label="sine",
        titles=("x", "y"),
    )
    path = re.search(r'class="c-one" d="([^"]+)"', plot.svg)
    assert path is not None
    assert path[1].count("M") == 2


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=50))
def test_drawing_stays_in_its_box(values: list[float]) -> None:
    y = np.array(values)
    x = np.arange(len(y), dtype=float)
    plot = draw_lines(
        [Line("c-one", "a", x, y)],
        Scale.over([x], plain),
        Scale.over([y], plain),
        label="a",
        titles=("x", "y"),
    )
    for horizontal, vertical in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", plot.svg):
        assert 0 <= float(horizontal) <= WIDTH
        assert 0 <= float(vertical) <= HEIGHT
    assert not math.isnan(plot.gutter)


def test_bars_count_every_value() -> None:
    counts, edges = np.histogram(np.array([-1.0, -0.5, 0.2, 0.2, 0.9]), 4, (-1, 1))
    plot = draw_bars(edges, counts.astype(float), Scale(-1, 1, plain), label="bars", titles=("x", "n"))
    assert sum(int(n) for n in re.findall(r": (\d+)</title>", plot.svg)) == 5
    assert plot.svg.count("h-loss") == 2
