"""Pushes of the market's channels, made of the replayed market's rows.

Pure: asks the market, keeps nothing. Invariant: what a channel and REST both tell, they tell in the same row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from arena.paper_okx.replay import ReplayMarket
from arena.paper_okx.sockets.messages import Arg, Row

__all__ = [
    "Pushes",
    "RowMaker",
    "all_trades",
    "books",
    "candles",
    "instruments",
    "one_row",
    "status",
    "trades",
]

# Pages are small at first: between two looks little has happened. A leap of the venue's clock over more than
# the largest page is not caught up with.
_PAGES_OF_BARS = (2, 20, 300)
_PAGES_OF_TRADES = (4, 40, 500)


Pushes: TypeAlias = list[list[Row]]
RowMaker: TypeAlias = Callable[[ReplayMarket, Arg, int, int], Pushes]
"""(market, argument, venue time of the push before, venue time now) -> pushes, each of its rows."""


def one_row(method: str) -> RowMaker:
    """Return a maker that tells the row of the market's `method(instId, now)`."""

    def make(market: ReplayMarket, arg: Arg, since: int, now: int) -> Pushes:  # noqa: ARG001 - the state alone counts
        row: Row = getattr(market, method)(str(arg["instId"]), now)
        return [[row]]

    return make


def books(depth: int, *, named: bool) -> RowMaker:
    """Return a maker of order books of `depth` levels; `named` ones carry their instId."""

    def make(market: ReplayMarket, arg: Arg, since: int, now: int) -> Pushes:  # noqa: ARG001 - the state alone counts
        book = market.books(str(arg["instId"]), depth, now)
        name = {"instId": arg["instId"]} if named else {}
        return [[{"asks": book["asks"], "bids": book["bids"]} | name | {"ts": book["ts"]}]]

    return make


def instruments(market: ReplayMarket, arg: Arg, since: int, now: int) -> Pushes:  # noqa: ARG001 - see above
    """Return all instruments in one push; only swaps are listed."""
    return [list(market.instruments())] if arg["instType"] == "SWAP" else []


def status(market: ReplayMarket, arg: Arg, since: int, now: int) -> Pushes:  # noqa: ARG001 - see above
    """Return nothing: no maintenance is planned, as system/status says."""
    return []


def all_trades(market: ReplayMarket, arg: Arg, since: int, now: int) -> Pushes:
    """Return the trades after `since` as REST has them, oldest first, each in a push of its own."""
    fresh: list[dict[str, object]] = []
    for limit in _PAGES_OF_TRADES:
        rows = market.trades(str(arg["instId"]), limit, now)
        fresh = [row for row in rows if int(str(row["ts"])) > since]
        if len(fresh) < limit:
            break
    return [[row] for row in reversed(fresh)]


def trades(market: ReplayMarket, arg: Arg, since: int, now: int) -> Pushes:
    """Return the same trades with the number of those that each of them sums up, one."""
    return [[_pushed_trade(row) for row in rows] for rows in all_trades(market, arg, since, now)]


def _pushed_trade(row: Row) -> Row:
    kept = {key: value for key, value in row.items() if key != "source"} if isinstance(row, Mapping) else {}
    return kept | {"count": "1"}


def candles(kind: str) -> Callable[[str], RowMaker]:
    """Return, for candles of `kind`, a maker of each bar length."""

    def of_bar(bar: str) -> RowMaker:
        def make(market: ReplayMarket, arg: Arg, since: int, now: int) -> Pushes:
            fresh: list[list[str]] = []
            for limit in _PAGES_OF_BARS:
                rows = market.candles(kind, str(arg["instId"]), bar, limit=limit, now=now)
                fresh = _since(rows, since)
                if len(rows) < limit or int(fresh[-1][0]) <= since:
                    break
            return [[row] for row in reversed(fresh)]

        return make

    return of_bar


def _since(rows: list[list[str]], since: int) -> list[list[str]]:
    # The bar that was running at the push before comes again, closed: its reader has seen it unfinished.
    fresh = []
    for row in rows:
        fresh.append(row)
        if int(row[0]) <= since:
            break
    return fresh
