"""Does a strategy look ahead? Recompute it on less, or on a spoilt future, and compare bit for bit.

Calls the strategy and nothing else. Invariant: for a causal strategy the values up to bar t are the same
whether what comes after t is there, missing, absurd or NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.core.bars import Bars, FloatArray, FundingSeries
from arena.core.errors import ConfigError
from arena.core.signal import Signal
from arena.strategies.base import P, StrategySpec
from arena.strategies.evaluation import compute_signal

ARRAYS = ("target", "stop_distance", "take_distance", "confidence", "reason")
CUT_OFF = "cut off"
MAX_CUTS = 160
MAX_VIOLATIONS = 20
BRIEF_CUTS = 8
BRIEF_RATIO = 0.6
BRIEF_REACH = 50_000
BRIEF_TAIL = 256

Tell = Callable[[int, int], None]


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
        with_future, without = f"{self.with_future:g}", f"{self.without:g}"
        if with_future == without:  # they differ in the last digits: show them
            with_future, without = repr(self.with_future), repr(self.without)
        return (
            f"{self.array} at bar {self.bar} is {with_future} with the whole series and "
            f"{without} with everything after bar {self.cut} {self.kind}"
        )


@dataclass(frozen=True, slots=True)
class Recomputation:
    """One recomputation: what was done to the future after bar `cut`, and what changed by it.

    `refused`: the strategy raised instead of answering, so nothing was compared.
    """

    kind: str
    cut: int
    refused: bool
    violations: tuple[Violation, ...]


@dataclass(frozen=True, slots=True)
class CausalityReport:
    """What was compared and what differed."""

    strategy: str
    bars: int
    cuts: tuple[int, ...]
    comparisons: int
    refused: int  # recomputations on spoilt data in which the strategy raised instead of answering
    violations: tuple[Violation, ...]
    checked: int  # cuts that were made: fewer than `cuts` once enough is found

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
    most: int = MAX_CUTS,
    tell: Tell = lambda _done, _of: None,
) -> CausalityReport:
    """Recompute `spec` with the future cut off and spoilt at each cut and compare all arrays bit for bit.

    `cuts` are the last bars to be left as they are, by default those of `choose_cuts`, about `most` of
    them. `tell` is called after each cut with how many are done and how many there are.

    Raises:
        ConfigError: the strategy returns an invalid signal, or raises, on the whole series or on a
            prefix of it.
    """
    full = compute_signal(spec, bars, funding, params)
    chosen = tuple(choose_cuts(bars, full, spec.warmup(params), most) if cuts is None else cuts)
    violations: list[Violation] = []
    comparisons = 0
    checked = 0
    refused = 0
    for checked, cut in enumerate(chosen, start=1):
        for kind, seen in _alternatives(spec, bars, funding, params, cut):
            if seen is None:
                refused += 1
                continue
            comparisons += 1
            violations += _differences(full, seen, cut, kind)
        tell(checked, len(chosen))
        if len(violations) >= MAX_VIOLATIONS:
            break
    found = tuple(violations[:MAX_VIOLATIONS])
    return CausalityReport(spec.name, len(bars), chosen, comparisons, refused, found, checked)


def recompute_briefly(
    spec: StrategySpec[P], bars: Bars, funding: FundingSeries, params: P, full: Signal
) -> Iterator[Recomputation]:
    """Yield the few recomputations that a run can afford, the shortest first; `full` is its signal.

    At each of `choose_brief_cuts` the future is cut off, and then replaced by a short absurd one. They
    read about `2 / (1 - BRIEF_RATIO)` times the series, or `BRIEF_REACH` where that is less.
    """
    for cut in choose_brief_cuts(full):
        known = int(np.searchsorted(funding.ts, bars.close_ts[cut], side="right"))
        seen = _verified(spec, bars.slice(0, cut + 1), _funding_until(funding, known), params)
        yield _recomputation(CUT_OFF, cut, full, seen)
        if cut + 1 < len(bars):
            spoilt = _absurd(bars.slice(0, min(len(bars), cut + 1 + BRIEF_TAIL)), cut)
            seen = _answer(spec, spoilt, _absurd_funding(funding, known), params)
            yield _recomputation("absurd", cut, full, seen)


def choose_brief_cuts(signal: Signal) -> list[int]:
    """Return a few bars at which to cut, ascending, denser towards the start, where the target changes.

    A strategy that sees its signal early differs there and nowhere else.
    """
    n = len(signal.target)
    if n < 2:
        return []
    changes = np.flatnonzero(np.diff(signal.target) != 0.0) + 1
    last = min(n, BRIEF_REACH) - 2  # something is left to be cut off
    chosen = set()
    for step in range(BRIEF_CUTS):
        place = int(last * BRIEF_RATIO**step)
        before = int(np.searchsorted(changes, place, side="right")) - 1
        chosen.add(max(0, int(changes[before]) if before >= 0 else place))
    return sorted(chosen)


def choose_cuts(bars: Bars, signal: Signal, warmup: int, most: int = MAX_CUTS) -> list[int]:
    """Return about `most` bars at which to cut: always the same ones for the same series and signal.

    The first bars, the end of the warm-up, both sides of gaps, the bars around changes of the target, and
    the rest spread so that every position inside a higher-timeframe bucket occurs.
    """
    n = len(bars)
    quota = most // 4
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
    step = max(1, n // (most - min(len(wanted), most - quota)))
    while step > 1 and np.gcd(step, 2 * 3 * 5 * 7) > 1:
        step += 1
    return sorted(wanted | set(range(n - 1, -1, -step)))


def _recomputation(kind: str, cut: int, full: Signal, seen: Signal | None) -> Recomputation:
    found = () if seen is None else tuple(_differences(full, seen, cut, kind))
    return Recomputation(kind, cut, seen is None, found)


def _verified(spec: StrategySpec[P], bars: Bars, funding: FundingSeries, params: P) -> Signal | None:
    """Return the checked signal on a prefix, None where the strategy has none to give."""
    try:
        return compute_signal(spec, bars, funding, params)
    except (ConfigError, ValueError, ArithmeticError, LookupError):
        return None


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
    yield CUT_OFF, _demanded(spec, bars.slice(0, cut + 1), settled, params)
    if cut + 1 < len(bars):
        yield "absurd", _answer(spec, _absurd(bars, cut), _absurd_funding(funding, known), params)
        yield "NaN", _answer(spec, _unknown(bars, cut), _unknown_funding(funding, known), params)
    if known < len(funding):
        yield "cut off in funding alone", compute_signal(spec, bars, settled, params)


def _demanded(spec: StrategySpec[P], bars: Bars, funding: FundingSeries, params: P) -> Signal:
    try:
        return compute_signal(spec, bars, funding, params)
    except (ValueError, ArithmeticError, LookupError) as error:
        raise ConfigError(
            f"strategy '{spec.name}' raised {type(error).__name__} on the first {len(bars)} bars ({error}): "
            "it must answer on any number of them, with a target of 0 while it knows too little"
        ) from error


def _answer(spec: StrategySpec[P], bars: Bars, funding: FundingSeries, params: P) -> Signal | None:
    # Not compute_signal: what a strategy says about a spoilt future need not be a valid signal.
    with np.errstate(all="ignore"):
        try:
            answer = spec.signal(bars, funding, params)
        except (ValueError, ArithmeticError, LookupError):  # no closed bar is like this: it may refuse
            return None
    return answer if all(len(getattr(answer, name)) == len(bars) for name in ARRAYS) else None


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
