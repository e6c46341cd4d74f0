"""The causality badge of a run: did the strategy say the same without the future?

Recomputes the strategy on prefixes of the run's own history and compares bit for bit; reads nothing.
Invariant: a strategy quick enough for `MOST_SECONDS` is always checked at the same bars.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, cast

from arena.backtest.result import CausalityBadge, CausalityDifference
from arena.core.bars import Bars, FundingSeries
from arena.core.clock import to_iso
from arena.core.signal import Signal
from arena.strategies.base import StrategySpec
from arena.strategies.causality import CUT_OFF, Violation, recompute_briefly

MOST_SECONDS = 0.25
"""After this long no further prefix is begun: a strategy in plain Python is checked on shorter ones alone."""


def award_badge(
    spec: StrategySpec[Any],
    bars: Bars,
    funding: FundingSeries,
    params: Any,
    full: Signal,
    *,
    stopwatch: Callable[[], float] = time.perf_counter,
) -> CausalityBadge:
    """Return what a few recomputations say of `spec`.

    Args:
        spec: the strategy.
        bars: the series from its first stored bar.
        funding: its settlements.
        params: the strategy's parameters.
        full: its signal on all of `bars`.
        stopwatch: tells seconds.
    """
    begin, cuts, refused, unanswered, recomputed, compared = stopwatch(), set(), 0, 0, 0, 0
    reason = None
    for one in recompute_briefly(spec, bars, funding, params, full):
        cuts.add(one.cut)
        if one.refused:
            refused += 1
            unanswered += one.kind == CUT_OFF  # it may refuse absurd prices, but not a shorter series
        else:
            recomputed += 1
            compared += one.cut + 1
        if one.violations:
            first = min(one.violations, key=lambda violation: violation.bar)
            difference = describe_difference(first, bars)
            return _badge(len(cuts), recomputed, refused, compared, passed=False, difference=difference)
        if stopwatch() - begin > MOST_SECONDS and one.cut + 1 < len(bars):
            reason = "the strategy is slow: only its shortest prefixes were recomputed"
            break
    if unanswered:
        reason = f"the strategy gave no valid answer on {unanswered} of {len(cuts)} shorter series"
    elif not recomputed:
        reason = "the series is too short to cut"
    passed = None if unanswered or not recomputed else True
    return _badge(len(cuts), recomputed, refused, compared, passed=passed, reason=reason)


def describe_difference(violation: Violation, bars: Bars) -> CausalityDifference:
    """Return `violation` with the time of its bar, as a result holds it."""
    return CausalityDifference(
        field=cast("Any", violation.array),
        bar=violation.bar,
        open=to_iso(int(bars.ts[violation.bar])),
        with_future=_finite(violation.with_future),
        without=_finite(violation.without),
        cut=violation.cut,
        change=violation.kind,
    )


def badge_sentence(badge: CausalityBadge) -> str:
    """Return the badge as people read it."""
    if badge.passed is None:
        return f"Look-ahead could not be checked: {badge.reason}."
    if badge.difference is None:
        slow = f" ({badge.reason})" if badge.reason else ""
        return (
            f"No look-ahead found: {badge.recomputations} recomputations at {badge.prefixes} prefixes gave "
            f"the same bits on {badge.bars:,} bars{slow}."
        )
    return f"THE STRATEGY LOOKS AHEAD, these numbers cannot be traded: {difference_text(badge.difference)}."


def difference_text(difference: CausalityDifference) -> str:
    """Return where a value changed, from what to what, and by which change of the future."""
    return (
        f"{difference.field} at bar {difference.bar:,} ({difference.open}) is "
        f"{_shown(difference.with_future)} with what came after bar {difference.cut:,} and "
        f"{_shown(difference.without)} with it {difference.change}"
    )


def _badge(
    prefixes: int,
    recomputations: int,
    refused: int,
    bars: int,
    *,
    passed: bool | None,
    difference: CausalityDifference | None = None,
    reason: str | None = None,
) -> CausalityBadge:
    return CausalityBadge(
        passed=passed,
        prefixes=prefixes,
        recomputations=recomputations,
        refused=refused,
        bars=bars,
        difference=difference,
        reason=reason,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _shown(value: float | None) -> str:
    return "none" if value is None else repr(value)
