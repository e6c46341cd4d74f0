"""Series of the market as frozen sets of numpy arrays.

No I/O. Invariant: `ts` is strictly ascending, all arrays of one series have its length,
and nobody writes into an array that came out of a series.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from arena.core.timeframe import Timeframe

if TYPE_CHECKING:
    import polars as pl

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
TsArray = NDArray[np.int64]

SYNTHETIC = "synthetic"
"""Origin of everything that a generator made and no market did."""


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Closed bars of one series, oldest first.

    Prices in quote currency, `volume` in base currency (zeros for mark and index series),
    `ts` the bar's open in UTC ms. `origin` names where the rows came from.
    """

    inst_id: str
    timeframe: Timeframe
    ts: TsArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    origin: frozenset[str] = field(default_factory=frozenset)

    def __len__(self) -> int:
        return len(self.ts)

    @property
    def is_synthetic(self) -> bool:
        """Whether any row was generated instead of observed."""
        return SYNTHETIC in self.origin

    @property
    def close_ts(self) -> TsArray:
        """When each bar closed: the first moment at which its values are known."""
        return self.ts + self.timeframe.step_ms

    def slice(self, start: int, stop: int | None = None) -> Bars:
        """Return bars `[start, stop)` by position, as views."""
        part = np.s_[start:stop]
        return Bars(
            self.inst_id,
            self.timeframe,
            self.ts[part],
            self.open[part],
            self.high[part],
            self.low[part],
            self.close[part],
            self.volume[part],
            self.origin,
        )

    def to_polars(self) -> pl.DataFrame:
        """Return the series as a polars frame with columns ts, open, high, low, close, volume."""
        import polars as pl

        names = ("ts", "open", "high", "low", "close", "volume")
        return pl.DataFrame({name: getattr(self, name) for name in names})


@dataclass(frozen=True, slots=True, eq=False)
class FundingSeries:
    """Settled funding of one instrument, oldest first.

    `ts` is the settlement in UTC ms, `rate` the fraction of notional that longs paid shorts,
    `source` who published the rate ("okx", "binance", "synthetic", ...) per settlement.
    """

    inst_id: str
    ts: TsArray
    rate: FloatArray
    source: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ts)


def empty_bars(inst_id: str, timeframe: Timeframe) -> Bars:
    """Return a series without rows."""
    none = np.empty(0, np.float64)
    return Bars(inst_id, timeframe, np.empty(0, np.int64), none, none, none, none, none)
