"""Rows about the market of the moment: tickers, mark price, book, trades, price limits, open interest.

Pure. Invariant: every row has exactly the exchange's keys and every value is text.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

from arena.core.timeframe import MS_PER_DAY
from arena.paper_okx.market import Quote
from arena.paper_okx.replay.listing import Listing
from arena.paper_okx.replay.numerals import plain
from arena.paper_okx.replay.path import TICKS, share_of_lots, tick_ts
from arena.paper_okx.replay.series import Series
from arena.paper_okx.replay.shape import MarketShape

__all__ = [
    "band_of",
    "book_row",
    "index_row",
    "interest_row",
    "limit_row",
    "mark_row",
    "ticker_row",
    "trade_rows",
]

Row = dict[str, object]
_CHINA_DAY_MS = 16 * 3_600_000  # when a day begins in UTC+8, by the clock of UTC


class Day(NamedTuple):
    """The last 24 hours."""

    open: float
    high: float
    low: float
    lots: float
    coins: float


def day_of(series: Series, now: int, days: int = 1) -> Day:
    """Return what the bars of the last 24 hours (or `days`) and the running one come to."""
    one = series.finest
    place, number = series.at(now)
    first = min(int(one.ts.searchsorted(now - days * MS_PER_DAY)), place)
    seen = series.prices(place)[: max(1, number + 1)]
    known = slice(first, place)
    share = sum(share_of_lots(int(one.lots[place]), k) for k in range(number + 1))
    part = float(one.volume[place]) * (number + 1) / TICKS
    return Day(
        float(one.open[first]),
        max(float(one.high[known].max(initial=0.0)), *seen),
        min(float(one.low[known].min(initial=float("inf"))), *seen),
        float(one.lots[known].sum()) + share,
        float(one.volume[known].sum()) + part,
    )


def opening(series: Series, moment: int, now: int) -> str:
    """Return the open of the first bar at or after `moment`; the last price while there is none yet."""
    place = int(series.finest.ts.searchsorted(moment))
    if place < len(series.finest) and place <= series.at(now)[0]:
        return plain(float(series.finest.open[place]))
    return plain(series.price(now))


def ticker_row(listing: Listing, quote: Quote, now: int) -> Row:
    """Return a row of market/ticker."""
    day, (bid, bid_sz), (ask, ask_sz) = day_of(listing.candles, now), quote.bids[0], quote.asks[0]
    latest = trade_rows(listing, now, 1)
    return {
        "instType": "SWAP",
        "instId": listing.contract.inst_id,
        "last": f"{quote.last:f}",
        "lastSz": latest[0]["sz"] if latest else "0",
        "askPx": f"{ask:f}",
        "askSz": f"{ask_sz:f}",
        "bidPx": f"{bid:f}",
        "bidSz": f"{bid_sz:f}",
        "open24h": plain(day.open),
        "high24h": plain(day.high),
        "low24h": plain(day.low),
        "volCcy24h": plain(day.coins),
        "vol24h": plain(day.lots * float(listing.contract.lot_sz)),
        **_days_opens(listing.candles, now),
        "ts": str(now),
    }


def index_row(listing: Listing, now: int) -> Row:
    """Return a row of market/index-tickers."""
    day = day_of(listing.index, now)
    return {
        "instId": listing.contract.inst_family,
        "idxPx": plain(listing.index.price(now)),
        "high24h": plain(day.high),
        "low24h": plain(day.low),
        "open24h": plain(day.open),
        **_days_opens(listing.index, now),
        "ts": str(now),
    }


def _days_opens(series: Series, now: int) -> Row:
    utc = now - now % MS_PER_DAY
    china = (now - _CHINA_DAY_MS) - (now - _CHINA_DAY_MS) % MS_PER_DAY + _CHINA_DAY_MS
    return {"sodUtc0": opening(series, utc, now), "sodUtc8": opening(series, china, now)}


def mark_row(listing: Listing, now: int) -> Row:
    """Return a row of public/mark-price."""
    mark = plain(listing.mark.price(now))
    return {"instType": "SWAP", "instId": listing.contract.inst_id, "markPx": mark, "ts": str(now)}


def book_row(quote: Quote, size: int) -> Row:
    """Return the row of market/books, `size` levels a side."""

    def side(levels: object) -> list[list[str]]:
        return [[f"{price:f}", f"{contracts:f}", "0", "1"] for price, contracts in levels[:size]]  # type: ignore[index]

    return {"asks": side(quote.asks), "bids": side(quote.bids), "ts": str(quote.ts)}


def trade_rows(listing: Listing, now: int, limit: int) -> list[Row]:
    """Return the last trades, newest first: a tick that traded is one, bought when the price rose to it."""
    rows: list[Row] = []
    series = listing.candles
    one = series.finest
    place, number = series.at(now)
    while place >= 0 and len(rows) < limit:
        prices = series.prices(place)
        lots = int(one.lots[place])
        for k in range(number, -1, -1):
            sold = share_of_lots(lots, k)
            if sold and len(rows) < limit:
                before = prices[k - 1] if k else float(one.close[place - 1] if place else prices[0])
                row: Row = {
                    "instId": listing.contract.inst_id,
                    "tradeId": str(place * TICKS + k + 1),
                    "px": plain(prices[k]),
                    "sz": f"{sold * listing.contract.lot_sz:f}",
                    "side": "buy" if prices[k] >= before else "sell",
                    "source": "0",
                    "ts": str(tick_ts(int(one.ts[place]), series.step_ms, k)),
                }
                rows.append(row)
        place, number = place - 1, TICKS - 1
        if not lots and not one.lots[: place + 1].any():
            break
    return rows


def band_of(listing: Listing, mark: Decimal, shape: MarketShape) -> tuple[Decimal, Decimal]:
    """Return the lowest price of a sell order and the highest of a buy order, on the tick grid."""
    tick = listing.contract.tick_sz
    lowest = (mark * (1 - shape.band) / tick).to_integral_value(ROUND_CEILING) * tick
    highest = (mark * (1 + shape.band) / tick).to_integral_value(ROUND_FLOOR) * tick
    return max(lowest, tick), highest


def limit_row(listing: Listing, quote: Quote) -> Row:
    """Return the row of public/price-limit."""
    return {
        "instType": "SWAP",
        "instId": listing.contract.inst_id,
        "buyLmt": f"{quote.highest:f}",
        "sellLmt": f"{quote.lowest:f}",
        "ts": str(quote.ts),
        "enabled": True,
    }


def interest_row(listing: Listing, shape: MarketShape, now: int) -> Row:
    """Return the row of public/open-interest; bars tell no open interest, so days of volume stand for it."""
    lots = day_of(listing.candles, now, shape.interest_days).lots
    contracts = lots * float(listing.contract.lot_sz)
    coins = contracts * float(listing.contract.ct_val)
    return {
        "instType": "SWAP",
        "instId": listing.contract.inst_id,
        "oi": plain(contracts),
        "oiCcy": plain(coins),
        "oiUsd": plain(coins * listing.mark.price(now)),
        "ts": str(now),
    }
