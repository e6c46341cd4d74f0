"""The channels a socket can subscribe to: at which address, with which argument, made of what.

A table. Invariant: what is not in it does not exist, and each channel is served at one address.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from arena.paper_okx.refusal import Refusal
from arena.paper_okx.replay import ReplayMarket
from arena.paper_okx.replay.buckets import BARS
from arena.paper_okx.sockets.market_rows import (
    RowMaker,
    all_trades,
    books,
    candles,
    instruments,
    one_row,
    status,
    trades,
)
from arena.paper_okx.sockets.messages import Arg

__all__ = [
    "BUSINESS",
    "CHANNELS",
    "PRIVATE",
    "PUBLIC",
    "Channel",
    "check_arg",
    "find_channel",
    "update_interval",
]

PUBLIC, PRIVATE, BUSINESS = "public", "private", "business"
INST_TYPES = ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION")
_INTERVALS = ("0", "2000", "3000", "4000")


@dataclass(frozen=True, slots=True)
class Channel:
    """One row of the table; the times are milliseconds of the venue.

    `every_ms` is the least distance of two pushes, `repeat_ms` how long a row stays unsaid while it does not
    change; `counted` are the channels with a limit of connections.
    """

    name: str
    url: str
    needs: str = ""
    rows: RowMaker | None = None  # None: private, told by the venue's events
    every_ms: int = 100
    repeat_ms: int | None = None
    of_index: bool = False  # its instId is an index's, BTC-USDT
    sequenced: bool = False  # its rows are numbered
    in_steps: bool = False  # the whole book at first, then what changed
    counted: bool = False

    @property
    def private(self) -> bool:
        return self.rows is None


_MARKET = (
    Channel("tickers", PUBLIC, "instId", one_row("ticker")),
    Channel("mark-price", PUBLIC, "instId", one_row("mark_price"), every_ms=200, repeat_ms=10_000),
    Channel("index-tickers", PUBLIC, "instId", one_row("index_ticker"), of_index=True),
    Channel("funding-rate", PUBLIC, "instId", one_row("funding_rate"), every_ms=30_000, repeat_ms=60_000),
    Channel("trades", PUBLIC, "instId", trades, every_ms=0),
    Channel("books", PUBLIC, "instId", books(400, named=False), repeat_ms=60_000, in_steps=True),
    Channel("books5", PUBLIC, "instId", books(5, named=True), repeat_ms=60_000, sequenced=True),
    Channel(
        "bbo-tbt", PUBLIC, "instId", books(1, named=False), every_ms=10, repeat_ms=60_000, sequenced=True
    ),
    Channel("price-limit", PUBLIC, "instId", one_row("price_limit"), every_ms=200),
    Channel("open-interest", PUBLIC, "instId", one_row("open_interest"), every_ms=3000, repeat_ms=3000),
    Channel("instruments", PUBLIC, "instType", instruments),
    Channel("status", PUBLIC, rows=status),
    Channel("trades-all", BUSINESS, "instId", all_trades, every_ms=0),
)
_CANDLES = tuple(
    Channel(f"{prefix}{bar}", BUSINESS, "instId", candles(kind)(bar), every_ms=1000, of_index=kind == "index")
    for prefix, kind in (("candle", "candles"), ("mark-price-candle", "mark"), ("index-candle", "index"))
    for bar in BARS
)
_ACCOUNT = (
    Channel("orders", PRIVATE, "instType", counted=True),
    Channel("positions", PRIVATE, "instType", counted=True),
    Channel("account", PRIVATE, counted=True),
    Channel("balance_and_position", PRIVATE, counted=True),
    Channel("liquidation-warning", PRIVATE, "instType", counted=True),
    Channel("orders-algo", BUSINESS, "instType"),
    Channel("algo-advance", BUSINESS, "instType"),
)
_FOR_HIGHER_TIERS = {"fills": "60029", "books-l2-tbt": "64003", "books50-l2-tbt": "64003"}
CHANNELS: Mapping[str, Channel] = {one.name: one for one in (*_MARKET, *_CANDLES, *_ACCOUNT)}


def find_channel(arg: object, url: str) -> Channel:
    """Return the channel that one argument of a subscription names at the address `url`.

    Raises:
        Refusal: the argument names none, or one that is served elsewhere.
    """
    if not isinstance(arg, Mapping) or not all(isinstance(value, str) for value in arg.values()):
        raise Refusal("60013", f"found {arg!r}, an argument is an object of texts, with a channel")
    name = arg.get("channel")
    if not isinstance(name, str) or not name:
        raise Refusal("60027", "channel")
    if name in _FOR_HIGHER_TIERS:
        raise Refusal(_FOR_HIGHER_TIERS[name], name)
    channel = CHANNELS.get(name)
    if channel is None:
        raise Refusal("60018", f"channel {name}")
    if channel.url != url:
        raise Refusal(_moved(channel.url, url), f"{name}, served at /{channel.url}")
    return channel


def _moved(served_at: str, asked_at: str) -> str:
    if served_at == BUSINESS:
        return "64001"
    return "64002" if asked_at == BUSINESS else "60008"


def check_arg(channel: Channel, arg: Arg, market: ReplayMarket, now: int) -> None:
    """Check that the argument says all its channel needs and names what can be told.

    Raises:
        Refusal: something is missing, or not to be had in this market.
    """
    if channel.needs and not arg.get(channel.needs):
        raise Refusal("60027", channel.needs)
    any_type = ("ANY",) if channel.private else ()
    if (inst_type := arg.get("instType")) and inst_type not in (*INST_TYPES, *any_type):
        raise Refusal("60018", f"instType {inst_type}")
    if (inst_id := arg.get("instId")) and inst_id not in _listed(market, of_index=channel.of_index):
        raise Refusal("60018", f"{channel.name}, instId {inst_id}")
    if (ccy := arg.get("ccy")) and not re.fullmatch(r"[A-Z0-9]{2,10}", str(ccy)):
        raise Refusal("60018", f"{channel.name}, ccy {ccy}")
    update_interval(arg)
    if channel.rows is not None:
        try:
            channel.rows(market, arg, now, now)
        except Refusal as refusal:  # a bar that is finer than what is replayed
            raise Refusal("60018", f"{channel.name}, {refusal.detail}") from None


def _listed(market: ReplayMarket, *, of_index: bool) -> set[str]:
    contracts = market.contracts
    return {one.inst_family for one in contracts.values()} if of_index else set(contracts)


def update_interval(arg: Arg) -> int | None:
    """Return the milliseconds of `updateInterval` in the argument's extraParams, 0 for events alone.

    Raises:
        Refusal: it is none of those on offer.
    """
    extra = arg.get("extraParams")
    if not extra:
        return None
    try:
        asked = json.loads(str(extra)).get("updateInterval", "")
    except (ValueError, AttributeError):
        raise Refusal("60013", f"extraParams {extra!r} is no JSON object in a text") from None
    if asked == "":
        return None
    if str(asked) not in _INTERVALS:
        raise Refusal("60013", f"updateInterval {asked!r}, known: {', '.join(_INTERVALS)}")
    return int(asked)
