"""Checks of one series against another: its own finer bars, or a second source.

Pure. Both ascend strictly on their grids. Invariant: only bars that both sides have are compared, so a
hole is told once, by the check for holes.
"""

from __future__ import annotations

import numpy as np

from arena.core.bars import Bars, FloatArray
from arena.data.scan.finding import DIFFERS_FROM, Finding, Severity
from arena.data.scan.prices import matched
from arena.data.scan.rules import GRAVE_VOLUME, ScanRules
from arena.data.scan.runs import Flags, runs_of


def find_differing(bars: Bars, built: Bars, finer: str, rules: ScanRules) -> list[Finding]:
    """Return the bars that are not what the finer ones make of the same time.

    Args:
        bars: the stored series.
        built: bars of the same length built from the finer series.
        finer: name of the finer series' timeframe.
        rules: the limits.
    """
    prices, volumes = _differences(bars, built)
    flagged = (prices > rules.price_tolerance) | (volumes > rules.volume_tolerance)
    found = []
    for start, end, part in runs_of(bars.ts, flagged, bars.timeframe.step_ms):
        price, volume = float(prices[part].max()), float(volumes[part].max())
        grave = price > rules.price_tolerance or volume > GRAVE_VOLUME
        found.append(
            Finding(
                f"{DIFFERS_FROM}{finer}",
                start,
                end,
                part.stop - part.start,
                Severity.WARNING if grave else Severity.INFO,
                {"price": _short(price), "volume": _short(volume)},
            )
        )
    return found


def differing(bars: Bars, built: Bars, rules: ScanRules) -> Flags:
    """Return which bars are not what `built` says of the same time."""
    prices, volumes = _differences(bars, built)
    flags: Flags = (prices > rules.price_tolerance) | (volumes > rules.volume_tolerance)
    return flags


def find_apart(bars: Bars, other: Bars, source: str, rules: ScanRules) -> list[Finding]:
    """Return the bars whose close lies far from that of a second source; `source` names it."""
    at, there = matched(bars, other)
    apart = np.zeros(len(bars))
    apart[there] = _apart(bars.close[there], other.close[at])
    return [
        Finding(
            f"{DIFFERS_FROM}{source}",
            start,
            end,
            part.stop - part.start,
            Severity.WARNING,
            {"price": _short(float(apart[part].max()))},
        )
        for start, end, part in runs_of(bars.ts, apart > rules.source_move, bars.timeframe.step_ms)
    ]


def _differences(bars: Bars, built: Bars) -> tuple[FloatArray, FloatArray]:
    """Return how far the prices and the volume of each bar lie apart, as shares; 0 where one has no bar."""
    at, there = matched(bars, built)
    prices, volumes = np.zeros(len(bars)), np.zeros(len(bars))
    for name in ("open", "high", "low", "close"):
        prices[there] = np.maximum(
            prices[there], _apart(getattr(bars, name)[there], getattr(built, name)[at])
        )
    volumes[there] = _apart(bars.volume[there], built.volume[at])
    return prices, volumes


def _apart(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return the difference as a share of the larger; 1 where one of them is no number."""
    size = np.maximum(np.abs(one), np.abs(other))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.abs(one - other) / size
    return np.where(size == 0, 0.0, np.where(np.isfinite(share), share, 1.0))


def _short(share: float) -> float:
    return float(f"{share:.3g}")
