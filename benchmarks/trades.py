"""Round trips in one shape, and the check that two engines made the same ones.

Invariant: a comparison names the first difference; it never averages it away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from arena.core.bars import FloatArray, IntArray

TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Closed and open round trips, oldest first, and the account's equity at the last close.

    `exit_bar` and `exit_price` of a trade that is still open are -1 and 0.
    """

    entry_bar: IntArray
    exit_bar: IntArray
    side: IntArray
    entry_price: FloatArray
    exit_price: FloatArray
    size: FloatArray  # coins
    final_equity: float

    def __len__(self) -> int:
        return len(self.entry_bar)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far an engine is from ours; the differences of numbers are relative, the largest of all trades."""

    engine: str
    trades: int
    same_bars: bool
    price: float
    size: float
    equity: float
    problem: str = ""

    @property
    def is_equal(self) -> bool:
        """Whether everything agrees to `TOLERANCE`."""
        return self.same_bars and max(self.price, self.size, self.equity) <= TOLERANCE

    def sentence(self) -> str:
        """Return what was found, in one line."""
        if not self.same_bars:
            return f"{self.engine}: trades differ: {self.problem}"
        verdict = "equal" if self.is_equal else "NOT equal"
        return (
            f"{self.engine}: {self.trades} trades {verdict}; largest relative difference: price "
            f"{self.price:.1e}, size {self.size:.1e}, final equity {self.equity:.1e}"
        )


def compare(engine: str, ours: Outcome, theirs: Outcome) -> Comparison:
    """Compare bars and side exactly, prices, sizes and the final equity by relative difference."""
    if len(ours) != len(theirs):
        return _different(engine, ours, f"{len(ours)} of ours, {len(theirs)} of theirs")
    for name in ("entry_bar", "exit_bar", "side"):
        apart = np.flatnonzero(getattr(ours, name) != getattr(theirs, name))
        if len(apart):
            at = int(apart[0])
            values = f"{getattr(ours, name)[at]} of ours, {getattr(theirs, name)[at]} of theirs"
            return _different(engine, ours, f"{name} of trade {at}: {values}")
    return Comparison(
        engine,
        len(ours),
        same_bars=True,
        price=max(_apart(ours.entry_price, theirs.entry_price), _apart(ours.exit_price, theirs.exit_price)),
        size=_apart(ours.size, theirs.size),
        equity=abs(theirs.final_equity / ours.final_equity - 1.0),
    )


def worst_of(comparisons: Sequence[Comparison]) -> Comparison:
    """Return the comparison that is furthest from equal, with the trades of all of them."""
    worst = max(comparisons, key=lambda one: (not one.same_bars, max(one.price, one.size, one.equity)))
    return replace(worst, trades=sum(one.trades for one in comparisons))


def _different(engine: str, ours: Outcome, problem: str) -> Comparison:
    worst = float("inf")
    return Comparison(
        engine, len(ours), same_bars=False, price=worst, size=worst, equity=worst, problem=problem
    )


def _apart(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    scale = np.maximum(np.abs(ours), 1e-12)
    return float(np.max(np.abs(theirs - ours) / scale, initial=0.0))
