"""What a run assumes beyond the plain account, as the kernel takes it: what is off is None and compiled away.

Holds assumptions, no rules. Invariant: `USUAL` is the plain run, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from arena.core.bars import FloatArray, IntArray, TsArray
from arena.engine.records import FillReason
from arena.engine.spot import SpotMarket

BarPath = Literal["worst", "best", "ohlc"]
_MODES: dict[BarPath, int] = {"worst": 0, "best": 1, "ohlc": 2}


@dataclass(frozen=True, slots=True, eq=False)
class FineBars:
    """Finer bars of some of a run's bars: those of bar i are rows first[i] to first[i] + count[i].

    `first` and `count` are (n,), the prices (m,), in order of time; count 0: none are known.
    """

    first: IntArray
    count: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    mark_open: FloatArray
    mark_high: FloatArray
    mark_low: FloatArray
    close: FloatArray

    @staticmethod
    def none(bars: int) -> FineBars:
        """Return no finer bar for any of `bars`."""
        nothing = np.empty(0)
        count = np.zeros(bars, np.int64)
        return FineBars(count, count.copy(), *(nothing for _ in range(7)))


@dataclass(frozen=True, slots=True, eq=False)
class Liquidity:
    """What the market takes, (n,) each.

    `room_lots` is what an order may take of each bar, inf for no limit; `impact` the share by which one
    lot moves the price, growing with the root of the lots.
    """

    room_lots: FloatArray
    impact: FloatArray


@dataclass(frozen=True, slots=True)
class Resting:
    """Entries that rest in the book as limit orders.

    `offset` is the share of the close by which the limit lies below it for a buy, above it for a sell;
    `bars` how many it rests for; with `through` the price has to go beyond it; `takes` lets take-profits
    rest, too.
    """

    offset: float
    bars: int
    through: bool
    maker_fee: float
    takes: bool

    def terms(self) -> Any:
        """Return the kernel's `limits`."""
        return float(self.offset), int(self.bars), self.through, float(self.maker_fee), self.takes


@dataclass(frozen=True, slots=True, eq=False)
class Conduct:
    """How a run reads its bars and meets the market.

    With `fine`, an ambiguous bar is walked along its finer bars, and by `intrabar` where it has none. A
    decision is acted upon `latency_bars` closes late. With `spot`, the position is hedged there.
    """

    intrabar: BarPath = "worst"
    fine: FineBars | None = None
    liquidity: Liquidity | None = None
    latency_bars: int = 0
    resting: Resting | None = None
    spot: SpotMarket | None = None

    def columns(self, wanted: NDArray[np.bool_], opened: IntArray) -> Any:
        """Return the kernel's `conduct`; `wanted` as in `path`, `opened` as in `hedge`."""
        liquidity = None if self.liquidity is None else (self.liquidity.room_lots, self.liquidity.impact)
        limits = None if self.resting is None else self.resting.terms()
        spot = None if self.spot is None else self.spot.terms(opened)
        return self.path(wanted), liquidity, limits, spot

    @property
    def maker(self) -> tuple[float, tuple[FillReason, ...]]:
        """The maker fee, and the reasons of the fills that pay it."""
        if self.resting is None:
            return 0.0, ()
        takes = (FillReason.TAKE_PROFIT,) if self.resting.takes else ()
        return self.resting.maker_fee, (FillReason.OPEN_LIMIT, *takes)

    def path(self, wanted: NDArray[np.bool_]) -> Any:
        """Return the kernel's `path`; `wanted`, (n,), is set where finer bars would have been opened."""
        mode = _MODES[self.intrabar]
        if self.fine is None:
            return None if mode == 0 else (mode, None)
        fine = self.fine
        rows = (
            fine.open, fine.high, fine.low, fine.mark_open, fine.mark_high, fine.mark_low, fine.close,
        )  # fmt: skip
        return (mode, (fine.first, fine.count, wanted, *rows))


USUAL = Conduct()


def decided_at(ts: TsArray, step_ms: int, latency_bars: int) -> IntArray:
    """Return the bar whose decision is acted upon at each close, -1 for none yet, (n,).

    It is the one `latency_bars` before. Where bars are missing between the two, the decision has gone
    stale on its way and the last one that arrived stands.
    """
    own = np.arange(len(ts), dtype=np.int64)
    if latency_bars == 0:
        return own
    source = own - latency_bars
    whole = (source >= 0) & (ts - ts[np.maximum(source, 0)] == latency_bars * step_ms)
    return np.asarray(np.maximum.accumulate(np.where(whole, source, -1)), np.int64)
