"""The replayed market: what the matching asks of it, and the rows that REST and sockets give.

Knows no account and no request. Invariant: an answer depends on the moment asked for and on nothing later;
a hole of the candles is an outage of the venue, in which nothing trades while mark and index go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

from arena.core.errors import ConfigError
from arena.paper_okx.market import Contract, Quote, Settlement, Tick
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.replay import funding, terms, tickers
from arena.paper_okx.replay.candles import bar_of, candle_page
from arena.paper_okx.replay.listing import Listing
from arena.paper_okx.replay.numerals import decimal_of
from arena.paper_okx.replay.path import TICKS, share_of_lots, tick_ts
from arena.paper_okx.replay.series import Series
from arena.paper_okx.replay.shape import MarketShape

__all__ = ["ReplayMarket"]

Row = dict[str, object]
Levels = tuple[tuple[Decimal, Decimal], ...]


class ReplayMarket:
    """Listings side by side; every method takes the venue's time."""

    def __init__(self, listings: Sequence[Listing], shape: MarketShape | None = None) -> None:
        if not listings:
            raise ConfigError("a market has at least one instrument")
        self.shape = shape or MarketShape()
        self._listings = {one.contract.inst_id: one for one in listings}
        self._by_index = {one.contract.inst_family: one for one in listings}
        self._contracts = MappingProxyType({name: one.contract for name, one in self._listings.items()})
        self._book = lru_cache(maxsize=256)(self._make_book)

    # what the matching asks

    @property
    def contracts(self) -> Mapping[str, Contract]:
        """What is listed, by instId."""
        return self._contracts

    @property
    def origin(self) -> str:
        """What is replayed: `synthetic` where a generator made any of it, else `replay`."""
        return "synthetic" if any(one.is_synthetic for one in self._listings.values()) else "replay"

    @property
    def first_ms(self) -> int:
        """First moment at which every instrument has a bar."""
        return max(one.first_ms for one in self._listings.values())

    @property
    def end_ms(self) -> int:
        """Close of the last bar of all; prices stand still after it."""
        return max(one.end_ms for one in self._listings.values())

    def complete(self) -> None:
        """Wait for everything that is still being read.

        Raises:
            DataError: a file of it cannot be read.
        """
        for one in self._listings.values():
            _ = one.mark, one.index

    def quote(self, inst_id: str, ts: int) -> Quote:
        """Return the market at `ts`: the last tick at or before it, and the book around it."""
        listing = self.listing(inst_id)
        last = decimal_of(listing.candles.price(ts))
        mark = decimal_of(listing.mark.price(ts))
        lowest, highest = tickers.band_of(listing, mark, self.shape)
        bids, asks = self._book(inst_id, last)
        return Quote(ts, last, mark, decimal_of(listing.index.price(ts)), bids, asks, lowest, highest)

    def ticks(self, inst_id: str, after: int, until: int) -> Iterator[Tick]:
        """Return the path's ticks with after < ts <= until, in order of time."""
        listing = self.listing(inst_id)
        ts, step = listing.candles.finest.ts, listing.candles.step_ms
        first = max(0, int(ts.searchsorted(after, side="right")) - 1)
        end = int(ts.searchsorted(until))
        for place in range(first, end):
            opened = int(ts[place])
            if opened + step > after:
                yield from self._ticks_of(listing, place, after, until)

    def settlements(self, inst_id: str, after: int, until: int) -> Sequence[Settlement]:
        """Return the funding settlements with after < ts <= until, in order of time."""
        return self.listing(inst_id).funding.between(after, until)

    # what the exchange answers

    def listing(self, inst_id: str) -> Listing:
        """Return the listing of an instId.

        Raises:
            Refusal: 51001, there is none.
        """
        found = self._listings.get(inst_id)
        if found is None:
            raise Refusal("51001", inst_id)
        return found

    def candles(
        self,
        kind: str,
        inst_id: str,
        bar: str,
        *,
        after: int | None = None,
        before: int | None = None,
        limit: int = 100,
        now: int,
        reach: int | None = None,
    ) -> list[list[str]]:
        """Return a page of `candles`, `mark` or `index` bars, newest first; `reach` is in newest bars.

        Raises:
            Refusal: 51000 an unknown bar, 51001 an unknown instrument, 51014 an unknown index.
        """
        series, lot = self._series(kind, inst_id)
        return candle_page(
            series,
            bar_of(bar, series),
            after=after,
            before=before,
            limit=limit,
            now=now,
            reach=reach,
            lot_contracts=lot,
        )

    def ticker(self, inst_id: str, now: int) -> Row:
        """Return the row of market/ticker."""
        return tickers.ticker_row(self.listing(inst_id), self.quote(inst_id, now), now)

    def index_ticker(self, index_id: str, now: int) -> Row:
        """Return the row of market/index-tickers."""
        return tickers.index_row(self._index(index_id), now)

    def mark_price(self, inst_id: str, now: int) -> Row:
        """Return the row of public/mark-price."""
        return tickers.mark_row(self.listing(inst_id), now)

    def books(self, inst_id: str, size: int, now: int) -> Row:
        """Return the row of market/books."""
        return tickers.book_row(self.quote(inst_id, now), size)

    def trades(self, inst_id: str, limit: int, now: int) -> list[Row]:
        """Return the last trades, newest first."""
        return tickers.trade_rows(self.listing(inst_id), now, limit)

    def price_limit(self, inst_id: str, now: int) -> Row:
        """Return the row of public/price-limit."""
        return tickers.limit_row(self.listing(inst_id), self.quote(inst_id, now))

    def open_interest(self, inst_id: str, now: int) -> Row:
        """Return the row of public/open-interest."""
        return tickers.interest_row(self.listing(inst_id), self.shape, now)

    def funding_rate(self, inst_id: str, now: int) -> Row:
        """Return the row of public/funding-rate."""
        return funding.funding_row(self.listing(inst_id), now)

    def funding_history(
        self, inst_id: str, *, after: int | None = None, before: int | None = None, limit: int = 400, now: int
    ) -> list[Row]:
        """Return settlements of the last three months, newest first."""
        return funding.history_rows(self.listing(inst_id), after=after, before=before, limit=limit, now=now)

    def instruments(self, inst_id: str | None = None, family: str | None = None) -> list[Row]:
        """Return the rows of public/instruments.

        Raises:
            Refusal: 51001, the instrument or the family is not listed.
        """
        if inst_id is not None:
            return [terms.instrument_row(self.listing(inst_id).contract)]
        chosen = [one for one in self._contracts.values() if family in {None, one.inst_family}]
        if not chosen:
            raise Refusal("51001", str(family))
        return [terms.instrument_row(one) for one in chosen]

    def position_tiers(self, family: str, tier: int | None = None) -> list[Row]:
        """Return the rows of public/position-tiers.

        Raises:
            Refusal: 51001, the family is not listed.
        """
        found = self._by_index.get(family)
        if found is None:
            raise Refusal("51001", family)
        return terms.tier_rows(found.contract, tier)

    def _series(self, kind: str, inst_id: str) -> tuple[Series, float | None]:
        if kind == "index":
            return self._index(inst_id).index, None
        listing = self.listing(inst_id)
        if kind == "mark":
            return listing.mark, None
        return listing.candles, float(listing.contract.lot_sz)

    def _index(self, index_id: str) -> Listing:
        found = self._by_index.get(index_id)
        if found is None:
            raise Refusal("51014", index_id)
        return found

    def _ticks_of(self, listing: Listing, place: int, after: int, until: int) -> Iterator[Tick]:
        series, lot = listing.candles, listing.contract.lot_sz
        opened, lots = int(series.finest.ts[place]), int(series.finest.lots[place])
        prices = series.prices(place)
        marks, indices = (_beside(one, opened, prices) for one in (listing.mark, listing.index))
        for k in range(TICKS):
            ts = tick_ts(opened, series.step_ms, k)
            if after < ts <= until:
                yield Tick(
                    ts,
                    decimal_of(prices[k]),
                    share_of_lots(lots, k) * lot,
                    decimal_of(marks[k]),
                    decimal_of(indices[k]),
                )

    def _make_book(self, inst_id: str, last: Decimal) -> tuple[Levels, Levels]:
        tick, shape = self.listing(inst_id).contract.tick_sz, self.shape
        steps = [
            (shape.half_spread_ticks + level * shape.level_ticks) * tick for level in range(shape.levels)
        ]
        size = shape.contracts_per_level
        bids = tuple((last - step, size) for step in steps if last - step > 0)
        return bids or ((tick, size),), tuple((last + step, size) for step in steps)


def _beside(series: Series, opened: int, prices: tuple[float, ...]) -> tuple[float, ...]:
    """Return the path of mark or index in the same bar; the traded one where it has no such bar."""
    ts = series.finest.ts
    place = int(ts.searchsorted(opened))
    return series.prices(place) if place < len(ts) and ts[place] == opened else prices
