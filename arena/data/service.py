"""DataService: the one door through which everything above the store reads.

Never writes. Invariant: one call, one answer from stored data alone; what is not stored is a
`DataError` that says what is stored and how to get the rest, never an empty guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arena.core.bars import Bars, FundingSeries
from arena.core.clock import Clock
from arena.core.errors import ConfigError, DataError
from arena.core.instrument import instrument_id
from arena.core.timeframe import Timeframe
from arena.store.market.layout import Kind, SeriesInfo
from arena.store.market.reader import Coverage, MarketReader

if TYPE_CHECKING:
    from arena.store.ledger import LedgerReads


@dataclass(frozen=True, slots=True)
class PricePoint:
    """A price and the close of the bar that it ends, UTC ms."""

    price: float
    close_ts: int


@dataclass(frozen=True, slots=True)
class FundingPoint:
    """One settlement: UTC ms, fraction of notional that longs paid shorts, and who published it."""

    ts: int
    rate: float
    source: str


@dataclass(frozen=True, slots=True)
class LatestPrices:
    """Newest stored prices; None where no such series is stored."""

    inst_id: str
    last: PricePoint | None
    mark: PricePoint | None
    index: PricePoint | None


@dataclass(frozen=True, slots=True, eq=False)
class MarketSnapshot:
    """The newest closed bar with what goes beside it; `age_ms` counts from the bar's close."""

    bar: Bars
    mark: PricePoint | None
    funding: FundingPoint | None
    age_ms: int


class DataService:
    """Reads of one store: the market below `root` and the ledger behind `database_url`.

    Without a URL the ledger is `ledger.sqlite` in `root`, which then has to be a folder. With `known_at`,
    UTC ms, bars and funding are read as they were known then wherever no other time is asked for.

    A symbol is an exchange id (`BTC-USDT-SWAP`) or a unified symbol (`BTC/USDT:USDT`), a timeframe a
    name or a `Timeframe`. Arrays are writable, C-contiguous and the caller's own.
    """

    def __init__(
        self, root: str | Path, database_url: str | None = None, *, known_at: int | None = None
    ) -> None:
        self._market = MarketReader(root)
        self._root, self._database_url, self._known_at = root, database_url, known_at

    @cached_property
    def ledger(self) -> LedgerReads:
        """The ledger's reads, opened and their libraries imported with the first use.

        Raises:
            ConfigError: the database URL cannot be used.
            DataError: there is no ledger there, or one of another schema revision.
        """
        from arena.config.ledger_url import ledger_beside
        from arena.store.ledger import open_reads

        return open_reads(self._database_url or ledger_beside(self._root))

    def list_series(self) -> list[SeriesInfo]:
        """Return the stored bar series, by kind, instrument and length of bar."""
        return self._market.list_series()

    def has_series(self, symbol: str, timeframe: str | Timeframe, *, kind: str = Kind.CANDLES) -> bool:
        """Whether any bar of the series is stored."""
        return _series(symbol, timeframe, kind) in self._market.list_series()

    def get_candles(
        self,
        symbol: str,
        timeframe: str | Timeframe,
        *,
        limit: int | None = None,
        start: int | None = None,
        end: int | None = None,
        as_of: int | None = None,
        kind: str = Kind.CANDLES,
    ) -> Bars:
        """Return the newest `limit` closed bars with `start` <= open < `end`, as known at `as_of`.

        A stored series that has no bar in the range gives empty bars.

        Raises:
            DataError: the series is not stored, or a file of it cannot be read.
        """
        series = _series(symbol, timeframe, kind)
        known_at = self._known_at if as_of is None else as_of
        bars = self._market.read_bars(
            series.kind, series.inst_id, series.timeframe, start=start, end=end, limit=limit, as_of=known_at
        )
        if not len(bars) and series not in self._market.list_series():
            raise DataError(self._missing(series))
        return bars

    def get_funding(
        self,
        symbol: str,
        *,
        start: int | None = None,
        end: int | None = None,
        limit: int | None = None,
        as_of: int | None = None,
    ) -> FundingSeries:
        """Return the newest `limit` settlements with `start` <= ts < `end`; empty when none is stored."""
        known_at = self._known_at if as_of is None else as_of
        return self._market.read_funding(
            instrument_id(symbol), start=start, end=end, limit=limit, as_of=known_at
        )

    def get_latest_funding(self, symbol: str) -> FundingPoint | None:
        """Return the newest stored settlement, None when there is none."""
        funding = self.get_funding(symbol, limit=1)
        if not len(funding):
            return None
        return FundingPoint(int(funding.ts[0]), float(funding.rate[0]), funding.source[0])

    def get_latest_prices(self, symbol: str) -> LatestPrices:
        """Return the newest last, mark and index price, each from the series that reaches furthest."""
        inst_id = instrument_id(symbol)
        points = {kind: self._latest_price(kind, inst_id) for kind in Kind}
        return LatestPrices(inst_id, points[Kind.CANDLES], points[Kind.MARK], points[Kind.INDEX])

    def get_latest_market_snapshot(
        self, symbol: str, timeframe: str | Timeframe, *, clock: Clock
    ) -> MarketSnapshot:
        """Return the newest closed bar with mark price, funding and its age by `clock`.

        Raises:
            DataError: the candles are not stored.
        """
        bar = self.get_candles(symbol, timeframe, limit=1)
        mark = self._latest_price(Kind.MARK, bar.inst_id)
        age_ms = clock() - int(bar.close_ts[-1])
        return MarketSnapshot(bar, mark, self.get_latest_funding(symbol), age_ms)

    def get_coverage(
        self, symbol: str, timeframe: str | Timeframe | None = None, *, kind: str = Kind.CANDLES
    ) -> dict[str, Coverage]:
        """Return extent and missing bars by timeframe, of one or of each that is stored; fine to coarse.

        Raises:
            DataError: the timeframe asked for is not stored.
        """
        if timeframe is not None:
            wanted = [_series(symbol, timeframe, kind)]
        else:
            inst_id, price_kind = instrument_id(symbol), _kind(kind)
            stored = self._market.list_series()
            wanted = [one for one in stored if one.inst_id == inst_id and one.kind is price_kind]
        found: dict[str, Coverage] = {}
        for series in wanted:
            coverage = self._market.coverage(series.kind, series.inst_id, series.timeframe)
            if coverage is None:
                raise DataError(self._missing(series))
            found[series.timeframe.name] = coverage
        return found

    def get_integrity_events(
        self,
        symbol: str | None = None,
        timeframe: str | Timeframe | None = None,
        *,
        kind: str | None = None,
        unresolved: bool = False,
        start: int | None = None,
        end: int | None = None,
        limit: int = 500,
    ) -> list[dict[str, Any]]:
        """Return the ledger's findings about candles that touch [`start`, `end`), the newest range first.

        Raises:
            DataError: there is no ledger.
        """
        return self.ledger.list_integrity_events(
            limit,
            inst_id=None if symbol is None else instrument_id(symbol),
            timeframe=None if timeframe is None else str(timeframe),
            kind=kind,
            unresolved=unresolved,
            start_ts=start,
            end_ts=end,
        )

    def _latest_price(self, kind: Kind, inst_id: str) -> PricePoint | None:
        points = []
        for series in self._market.list_series():
            if series.kind is kind and series.inst_id == inst_id:
                bar = self._market.read_bars(kind, inst_id, series.timeframe, limit=1, as_of=self._known_at)
                if not len(bar):
                    continue  # nothing of it was known then
                points.append(PricePoint(float(bar.close[0]), int(bar.close_ts[0])))
        return max(points, key=lambda point: point.close_ts, default=None)

    def _missing(self, series: SeriesInfo) -> str:
        stored = [one.label for one in self._market.list_series() if one.inst_id == series.inst_id]
        others = sorted({one.inst_id for one in self._market.list_series()})
        known = ", ".join(stored) if stored else f"of other instruments: {', '.join(others) or 'nothing'}"
        symbol = "_".join(series.inst_id.lower().split("-"))
        return (
            f"{series.label} are not stored in {self._market.location} (stored: {known}): "
            f"run python -m jobs.ingest symbol={symbol} timeframe={series.timeframe} kind={series.kind} "
            "exchange.path=FILES, or make demo for a generated market"
        )


def _series(symbol: str, timeframe: str | Timeframe, kind: str) -> SeriesInfo:
    length = Timeframe.parse(timeframe) if isinstance(timeframe, str) else timeframe
    return SeriesInfo(_kind(kind), instrument_id(symbol), length)


def _kind(name: str) -> Kind:
    try:
        return Kind(name)
    except ValueError:
        raise ConfigError(f"unknown kind of prices '{name}' (known: {', '.join(Kind)})") from None
