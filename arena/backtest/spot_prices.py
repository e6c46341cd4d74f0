"""Spot prices on the bars of a swap, and how many of them had to be assumed.

Reads through DataService alone. Invariant: a bar without a stored spot bar gets the swap's price times the
last known ratio of the two, and is counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arena.core.bars import SYNTHETIC, Bars, FloatArray
from arena.core.errors import DataError
from arena.data.service import DataService


@dataclass(frozen=True, slots=True, eq=False)
class SpotPrices:
    """Spot open and close on the run's bars, (n,); `known` tells where a bar of the pair is stored."""

    inst_id: str
    open: FloatArray
    close: FloatArray
    known: NDArray[np.bool_]
    origin: frozenset[str]

    @property
    def missing(self) -> int:
        """Bars without a stored spot bar."""
        return int(np.count_nonzero(~self.known))

    @property
    def is_synthetic(self) -> bool:
        """Whether any of it was generated."""
        return SYNTHETIC in self.origin

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what of it belongs to the hash of the data."""
        return {"spot.open": self.open, "spot.close": self.close}


def read_spot(service: DataService, inst_id: str, bars: Bars, swap_symbol: str) -> SpotPrices:
    """Return the pair's prices on `bars`.

    Raises:
        DataError: no bar of the pair is stored in the run's range.
    """
    start, end = int(bars.ts[0]), int(bars.ts[-1]) + 1
    stored = None
    if service.has_series(inst_id, bars.timeframe):
        stored = service.get_candles(inst_id, bars.timeframe, start=start, end=end)
    if stored is None or not len(stored):
        raise DataError(
            f"hedge=spot needs {bars.timeframe} bars of {inst_id} in the window and none are stored: run "
            f"python -m jobs.ingest symbol={swap_symbol} kind=spot timeframe={bars.timeframe} "
            "exchange.path=FILES, make demo for a generated market, or choose hedge=none"
        )
    index = np.minimum(np.searchsorted(stored.ts, bars.ts), len(stored) - 1)
    known = stored.ts[index] == bars.ts
    # the ratio of the last known close, 1 before the first
    newest = np.maximum.accumulate(np.where(known, np.arange(len(bars)), -1))
    ratio = np.where(newest >= 0, stored.close[index[newest]] / bars.close[newest], 1.0)
    return SpotPrices(
        inst_id,
        np.where(known, stored.open[index], bars.open * ratio),
        np.where(known, stored.close[index], bars.close * ratio),
        known,
        stored.origin,
    )
