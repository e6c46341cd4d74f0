"""OKX as a market feed: its endpoints, names and rows behind the house's port.

Reads only. Invariant: bars are those that OKX calls finished, whole to the page's end as far as OKX
has them; decimals of orders' facts are exact.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import islice
from types import TracebackType
from typing import Self, cast

from arena.core.bars import SYNTHETIC, Bars, FundingSeries
from arena.core.errors import Rejected, unknown_name
from arena.core.timeframe import Timeframe
from arena.exchange.okx.client import OkxClient
from arena.exchange.okx.paging import (
    CandleRow,
    Candles,
    no_candles,
    read_funding,
    read_window,
    stamp_of,
    windows,
)
from arena.exchange.port import (
    BarPage,
    FeeRates,
    FundingHistory,
    Listing,
    MarkPrice,
    PositionTier,
    PriceKind,
    Ticker,
)

BAR_NAMES = {
    "1m": "1m",
    "3m": "3m",
    "5m": "5m",
    "15m": "15m",
    "30m": "30m",
    "1h": "1H",
    "2h": "2H",
    "4h": "4H",
    "6h": "6Hutc",
    "12h": "12Hutc",
    "1d": "1Dutc",
}
"""OKX's names of our bars: those of six hours and more have a twin that opens by UTC+8."""

RECENT_BARS = 1_440
_RECENT_SAFELY = RECENT_BARS - 40  # the wall moves on while we read
_FUNDING_PAGE = 400

_RECENT = {"candles": "market/candles", "mark": "market/mark-price-candles", "index": "market/index-candles"}
_HISTORY = {
    "candles": "market/history-candles",
    "mark": "market/history-mark-price-candles",
    "index": "market/history-index-candles",
}
PAGE_ROWS = {"candles": 300, "mark": 100, "index": 100}


@dataclass(frozen=True, slots=True)
class _Series:
    """Which bars."""

    kind: PriceKind
    inst_id: str
    timeframe: Timeframe

    @property
    def step_ms(self) -> int:
        return self.timeframe.step_ms

    @property
    def page_ms(self) -> int:
        """What one page spans."""
        return PAGE_ROWS[self.kind] * self.step_ms


class OkxFeed:
    """Market data of one OKX; may be used from many threads. Close it, or use it as a context.

    Args:
        client: the way to it.
        name: what messages call it, and the store the values from there.
        workers: how many requests may be on their way at once, for all series together.
        ahead: how many pages of one series are asked for before they are wanted.
    """

    def __init__(self, client: OkxClient, *, name: str = "okx", workers: int = 6, ahead: int = 3) -> None:
        self.client = client
        self._name, self._ahead = name, ahead
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="okx")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Send nothing again and let go of the threads; a request that is on its way is waited for."""
        self.client.close()
        self._pool.shutdown(cancel_futures=True)

    @property
    def name(self) -> str:
        """What messages call the exchange."""
        return self._name

    @property
    def source(self) -> str:
        """Who publishes the values; known for certain after the first answer."""
        return SYNTHETIC if self.client.origin == SYNTHETIC else self._name

    def server_time(self) -> int:
        """Return the exchange's time, UTC ms."""
        return self.client.server_time()

    def instrument(self, inst_id: str) -> Listing:
        """Return one swap; see `MarketFeed`."""
        rows = self.client.get("public/instruments", {"instType": "SWAP"})
        row = next((one for one in rows if one.get("instId") == inst_id), None)
        if row is None:
            known = [str(one.get("instId")) for one in rows]
            shown = known if len(known) < 20 else [one for one in known if one.startswith(inst_id[:3])]
            raise Rejected(unknown_name("swap of OKX", inst_id, shown))
        return Listing(
            inst_id=inst_id,
            state=row["state"],
            linear=row["ctType"] == "linear",
            settle=row["settleCcy"],
            ct_val=Decimal(row["ctVal"]) * Decimal(row["ctMult"] or 1),
            lot_sz=Decimal(row["lotSz"]),
            min_sz=Decimal(row["minSz"]),
            tick_sz=Decimal(row["tickSz"]),
            max_market_sz=Decimal(row["maxMktSz"]),
            max_limit_sz=Decimal(row["maxLmtSz"]),
            max_leverage=Decimal(row["lever"]),
            listed_ms=int(row["listTime"]),
        )

    def bars(
        self,
        kind: PriceKind,
        inst_id: str,
        timeframe: Timeframe,
        start_ms: int,
        end_ms: int,
        *,
        backwards: bool = False,
    ) -> Iterator[BarPage]:
        """Yield pages of closed bars; see `MarketFeed`."""
        step = timeframe.step_ms
        start = -(-start_ms // step) * step
        end = min(end_ms, timeframe.floor(self.client.time.resync().venue_ms))
        series = _Series(kind, inst_id, timeframe)
        if backwards:
            return self._backwards(series, start, end)
        return self._pages(series, windows(start, end, series.page_ms))

    def _backwards(self, series: _Series, start: int, end: int) -> Iterator[BarPage]:
        """Yield pages from the newest down, past holes of any length, to the first bar that there is."""
        while end > start:
            newest = self._newest_before(series, end)
            if newest is None or newest < start:
                return
            if newest < end - series.page_ms:
                yield self._page(series, newest + series.step_ms, end, no_candles())
                end = newest + series.step_ms
            for page in self._pages(series, windows(start, end, series.page_ms, backwards=True)):
                yield page
                end = page.start_ms
                if not len(page.bars):
                    break

    def _newest_before(self, series: _Series, end: int) -> int | None:
        """Return the open of the newest bar before `end`, None when the exchange has none."""
        recent = self.client.time.now_ms() - end <= _RECENT_SAFELY * series.step_ms
        for path in (_RECENT[series.kind], _HISTORY[series.kind])[0 if recent else 1 :]:
            rows = self._ask(path, series, {"after": str(end), "limit": "1"})
            if rows:
                return stamp_of(rows[0])
        return None

    def _pages(self, series: _Series, ranges: Iterator[tuple[int, int]]) -> Iterator[BarPage]:
        """Yield a page a range, the next ones on their way already."""
        waiting: deque[tuple[int, int, Future[Candles]]] = deque()
        try:
            while True:
                for first, last in islice(ranges, 1 + self._ahead - len(waiting)):
                    waiting.append((first, last, self._pool.submit(self._window, series, first, last)))
                if not waiting:
                    return
                first, last, read = waiting.popleft()
                yield self._page(series, first, last, read.result())
        finally:
            for _first, _last, read in waiting:
                read.cancel()

    def _window(self, series: _Series, start: int, end: int) -> Candles:
        now = self.client.time.now_ms()

        def ask_at(path: str, first: int, last: int) -> list[CandleRow]:
            bounds = {"before": str(first - 1), "after": str(last), "limit": str(PAGE_ROWS[series.kind])}
            return self._ask(path, series, bounds)

        history = partial(ask_at, _HISTORY[series.kind])
        recent = now - start <= _RECENT_SAFELY * series.step_ms
        ask = partial(ask_at, _RECENT[series.kind]) if recent else history
        return read_window(ask, history, start, end, series.step_ms, max(now, end))

    def _ask(self, path: str, series: _Series, bounds: dict[str, str]) -> list[CandleRow]:
        asked = index_id(series.inst_id) if series.kind == "index" else series.inst_id
        params = {"instId": asked, "bar": BAR_NAMES[series.timeframe.name], **bounds}
        return cast("list[CandleRow]", self.client.get(path, params))

    def _page(self, series: _Series, start: int, end: int, found: Candles) -> BarPage:
        origin = frozenset({self.source})
        bars = Bars(series.inst_id, series.timeframe, ts=found.ts, **found.values, origin=origin)
        return BarPage(bars, start, end, dict(found.refused))

    def funding(self, inst_id: str, start_ms: int) -> FundingHistory:
        """Return settled funding; see `MarketFeed`."""

        def ask(before: int | None) -> list[dict[str, str]]:
            older = {} if before is None else {"after": str(before)}
            params = {"instId": inst_id, "limit": str(_FUNDING_PAGE), **older}
            return self.client.get("public/funding-rate-history", params)

        found = read_funding(ask, start_ms)
        series = FundingSeries(inst_id, found.ts, found.rate, (self.source,) * len(found.ts))
        return FundingHistory(series, found.reach_ms)

    def ticker(self, inst_id: str) -> Ticker:
        """Return best prices and last trade."""
        row = self.client.get("market/ticker", {"instId": inst_id})[0]
        return Ticker(
            inst_id, Decimal(row["last"]), Decimal(row["bidPx"]), Decimal(row["askPx"]), int(row["ts"])
        )

    def mark_price(self, inst_id: str) -> MarkPrice:
        """Return the mark price."""
        row = self.client.get("public/mark-price", {"instType": "SWAP", "instId": inst_id})[0]
        return MarkPrice(inst_id, Decimal(row["markPx"]), int(row["ts"]))

    def position_tiers(self, inst_id: str) -> Sequence[PositionTier]:
        """Return the tiers of a cross position, smallest first."""
        params = {"instType": "SWAP", "tdMode": "cross", "instFamily": index_id(inst_id)}
        tiers = [
            PositionTier(
                tier=int(row["tier"]),
                min_contracts=Decimal(row["minSz"]),
                max_contracts=Decimal(row["maxSz"]),
                mmr=Decimal(row["mmr"]),
                imr=Decimal(row["imr"]),
                max_leverage=Decimal(row["maxLever"]),
            )
            for row in self.client.get("public/position-tiers", params)
        ]
        return sorted(tiers, key=lambda one: one.tier)

    def fee_rates(self, inst_id: str) -> FeeRates:
        """Return this account's fees; OKX writes what is paid as a negative share."""
        params = {"instType": "SWAP", "instFamily": index_id(inst_id)}
        row = self.client.get("account/trade-fee", params, private=True)[0]
        return FeeRates(maker=-Decimal(row["makerU"]), taker=-Decimal(row["takerU"]))


def index_id(inst_id: str) -> str:
    """Return the index and family of a swap: BTC-USDT of BTC-USDT-SWAP."""
    return inst_id.removesuffix("-SWAP")
