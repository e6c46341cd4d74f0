"""The market as it was known at a time, through the same door as always.

Reads through DataService and nothing else. Invariant: what was stored or changed later is not seen.
"""

from __future__ import annotations

from arena.core.bars import Bars, FundingSeries
from arena.core.timeframe import Timeframe
from arena.data.service import DataService


class PastService(DataService):
    """A DataService whose reads of bars and funding are as of `known_at`, UTC ms."""

    def __init__(self, root: str, known_at: int) -> None:
        super().__init__(root)
        self._known_at = known_at

    def get_candles(
        self,
        symbol: str,
        timeframe: str | Timeframe,
        *,
        limit: int | None = None,
        start: int | None = None,
        end: int | None = None,
        as_of: int | None = None,
        kind: str = "candles",
    ) -> Bars:
        """Return bars as `DataService.get_candles` does, by default as of that time."""
        known = self._known_at if as_of is None else as_of
        return super().get_candles(
            symbol, timeframe, limit=limit, start=start, end=end, as_of=known, kind=kind
        )

    def get_funding(
        self,
        symbol: str,
        *,
        start: int | None = None,
        end: int | None = None,
        limit: int | None = None,
        as_of: int | None = None,
    ) -> FundingSeries:
        """Return settlements as `DataService.get_funding` does, by default as of that time."""
        known = self._known_at if as_of is None else as_of
        return super().get_funding(symbol, start=start, end=end, limit=limit, as_of=known)


def open_service(root: str, known_at: int | None) -> DataService:
    """Return the reads of the store at `root`, as of `known_at` (UTC ms) unless that is None."""
    return DataService(root) if known_at is None else PastService(root, known_at)
