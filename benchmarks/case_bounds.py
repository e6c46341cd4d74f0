"""Case 0: what this machine allows at this moment, to read the other figures by.

Two loops that do nothing useful: one waits for its own last result, the other only reads memory.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from benchmarks.market import LARGE, SMALL, make_market
from benchmarks.table import Row, row
from benchmarks.timing import take_turns

_compile: Any = njit


@_compile
def _two_averages(close: Any, fast: float, slow: float) -> float:
    a = b = close[0]
    for i in range(len(close)):
        a += fast * (close[i] - a)
        b += slow * (close[i] - b)
    return a - b


@_compile(fastmath=True)
def _read_four(open_: Any, high: Any, low: Any, close: Any) -> float:
    total = 0.0
    for i in range(len(close)):
        total += open_[i] + high[i] + low[i] + close[i]
    return total


def measure_bounds(*, quick: bool) -> list[Row]:
    """Return ns a bar of both loops, by length of history."""
    case = "0. What the machine allows now"
    rows = []
    for size in (SMALL, LARGE):
        bars = make_market(size).bars
        prices = (bars.open, bars.high, bars.low, bars.close)
        taken = take_turns(
            {
                "two EMAs, each step waiting for the one before": lambda c=bars.close: _two_averages(
                    c, 0.15, 0.07
                ),
                "open, high, low, close read once": lambda p=prices: _read_four(*p),
            },
            5 if quick else 15,
        )
        for what, sample in taken.items():
            rows.append(row(case, f"{what}, {size:,} bars", "ns/bar", sample.scaled(1e9 / size)))
    return rows
