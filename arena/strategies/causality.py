"""Does a strategy look ahead? Recompute it on less, or on a spoilt future, and compare bit for bit.

Calls the strategy and nothing else. Invariant: for a causal strategy the values up to bar t are the same
whether what comes after t is there, missing, absurd or NaN.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.core.bars import Bars, FloatArray, FundingSeries
from arena.core.signal import Signal
from arena.strategies.base import P, StrategySpec
from arena.strategies.evaluation import compute_signal

ARRAYS = ("target", "stop_distance", "take_distance", "confidence", "reason")
MAX_CUTS = 160
MAX_VIOLATIONS = 20


@dataclass(frozen=True, slots=True)
class Violation:
    """One value that changed with what came after it."""

    kind: str  # what was done to the future: "cut off", "absurd", "NaN", "funding cut off"
    cut: int  # last bar that was left as it is
    bar: int  # first bar whose value changed, <= cut
    array: str
    with_future: float
    without: float

    def __str__(self) -> str:
        return (
            f"{self.array} at bar {self.bar} is {self.with_future:g} with the whole series and "
            f"{self.without:g} with everything after bar {self.cut} {self.kind}"
        )


@dataclass(frozen=True, slots=True)
class CausalityReport:
    """What was compared and what differed."""

    strategy: str
    bars: int
    cuts: tuple[int, ...]
    comparisons: int
    refused: int  # recomputations on spoilt data in which the strategy raised instead of answering
    violations: tuple[Violation, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing changed in any comparison."""
        return not self.violations

    def summary(self) -> str:
        """Return one sentence for people."""
        if self.passed:
            return f"{self.strategy} is causal: no difference in {self.comparisons} recomputations"
        return f"{self.strategy} looks ahead: {self.violations[0]}"


def check_causality(
    spec: StrategySpec[P],
    bars: Bars,
    funding: FundingSeries,
    params: P,
    *,
    cuts: Sequence[int] | None = None,
) -> CausalityReport:
    """Recompute `spec` with the future cut off and spoilt at each cut and compare all arrays bit for bit.

    `cuts` are the last bars to be left as they are, by default those of `choose_cuts`.

    Raises:
        ConfigError: the strategy returns an invalid signal on the whole series or on a prefix of it.
    """
    full = compute_signal(spec, bars, funding, params)
    chosen = tuple(choose_cuts(bars, full, spec.warmup(params)) if cuts is None else cuts)
    violations: list[Violation] = []
    comparisons = 0
    refused = 0
    for cut in chosen:
        for kind, seen in _alternatives(spec, bars, funding, params, cut):
            if seen is None:
                refused += 1
                continue
            comparisons += 1
            violations += _differences(full, seen, cut, kind)
        if len(violations) >= MAX_VIOLATIONS:
            break
    found = tuple(violations[:MAX_VIOLATIONS])
    return CausalityReport(spec.name, len(bars), chosen, comparisons, refused, found)


def choose_cuts(bars: Bars, signal: Signal, warmup: int) -> list[int]:
    """Return the bars at which to cut: always the same ones for the same series and signal.

    The first bars, the end of the warm-up, both sides of gaps, the bars around changes of the target, and
    the rest spread so that every position inside a higher-timeframe bucket occurs.
    """
    n = len(bars)
    quota = MAX_CUTS // 4
    jumps = np.flatnonzero(np.diff(bars.ts) != bars.timeframe.step_ms)
    changes = np.flatnonzero(np.diff(signal.target) != 0.0) + 1
    special = [
        *range(3),
        *range(warmup - 2, warmup + 3),
        *_around(_thin(jumps, quota // 3)),
        *_around(_thin(changes, quota // 3 * 2)),
        n - 2,
        n - 1,
    ]
    wanted = {int(bar) for bar in special if 0 <= bar < n}
    # A step that shares no factor with the buckets of higher timeframes visits all their positions.
    step = max(1, n // (MAX_CUTS - min(len(wanted), MAX_CUTS - quota)))
    while step > 1 and np.gcd(step, 2 * 3 * 5 * 7) > 1:
        step += 1
    return sorted(wanted | set(range(n - 1, -1, -step)))


def _thin(bars: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    if len(bars) <= most:
        return bars
    return bars[np.linspace(0, len(bars) - 1, most).astype(np.intp)]


def _around(bars: NDArray[np.intp]) -> list[int]:
    return [int(bar) + offset for bar in bars for offset in (-1, 0, 1)]


def _alternatives(
    spec: StrategySpec[P], bars: Bars, funding: FundingSeries, params: P, cut: int
) -> Iterator[tuple[str, Signal | None]]:
    known = int(np.searchsorted(funding.ts, bars.close_ts[cut], side="right"))
    settled = _funding_until(funding, known)
    yield "cut off", compute_signal(spec, bars.slice(0, cut + 1), settled, params)
    if cut + 1 < len(bars):
        yield "absurd", _answer(spec, _absurd(bars, cut), _absurd_funding(funding, known), params)
        yield "NaN", _answer(spec, _unknown(bars, cut), _unknown_funding(funding, known), params)
    if known < len(funding):
        yield "cut off in funding alone", compute_signal(spec, bars, settled, params)


def _answer(spec: StrategySpec[P], bars: Bars, funding: FundingSeries, params: P) -> Signal | None:
    # Not compute_signal: what a strategy says about a spoilt future need not be a valid signal.
    with np.errstate(all="ignore"):
        try:
            return spec.signal(bars, funding, params)
        except (ValueError, ArithmeticError):  # closed bars hold no NaN, so a strategy may refuse it
            return None


def _funding_until(funding: FundingSeries, count: int) -> FundingSeries:
    return FundingSeries(funding.inst_id, funding.ts[:count], funding.rate[:count], funding.source[:count])


def _absurd(bars: Bars, cut: int) -> Bars:
    scale = np.ones(len(bars))
    scale[cut + 1 :: 2] = 1e6
    scale[cut + 2 :: 2] = 1e-6
    return _scaled(bars, scale)


def _unknown(bars: Bars, cut: int) -> Bars:
    scale = np.ones(len(bars))
    scale[cut + 1 :] = np.nan
    return _scaled(bars, scale)


def _scaled(bars: Bars, scale: FloatArray) -> Bars:
    return replace(
        bars,
        open=bars.open * scale,
        high=bars.high * scale,
        low=bars.low * scale,
        close=bars.close * scale,
        volume=bars.volume * scale,
    )


def _absurd_funding(funding: FundingSeries, count: int) -> FundingSeries:
    rate = funding.rate.copy()
    rate[count::2] = 0.5
    rate[count + 1 :: 2] = -0.5
    return replace(funding, rate=rate)


def _unknown_funding(funding: FundingSeries, count: int) -> FundingSeries:
    rate = funding.rate.copy()
    rate[count:] = np.nan
    return replace(funding, rate=rate)


def _differences(full: Signal, seen: Signal, cut: int, kind: str) -> Iterator[Violation]:
    for name in ARRAYS:
        with_future = np.asarray(getattr(full, name))[: cut + 1]
        without = np.asarray(getattr(seen, name))[: cut + 1]
        changed = ~_same(with_future, without.astype(with_future.dtype, copy=False))
        if changed.any():
            bar = int(np.argmax(changed))
            yield Violation(kind, cut, bar, name, float(with_future[bar]), float(without[bar]))


def _same(left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.bool_]:
    if left.dtype.kind != "f":
        return np.asarray(left == right)
    # Bits, so that -0.0 and 0.0 differ; but one NaN is as good as another.
    same: NDArray[np.bool_] = left.view(np.int64) == right.view(np.int64)
    unknown: NDArray[np.bool_] = np.isnan(left) & np.isnan(right)
    return same | unknown
