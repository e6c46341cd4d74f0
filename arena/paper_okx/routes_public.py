"""Routes that anybody may call: what is listed, the time, the market.

Reads only. Invariant: nothing after the venue's time is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from arena.paper_okx.exchange import PaperExchange
from arena.paper_okx.http import Call, Handle, Route
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.spoiling import spoil_bars

__all__ = ["PUBLIC_ROUTES"]

Rows = Sequence[object]
REACH = 1440
"""Bars that the endpoints without `history` show."""

_TYPES = ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION")


def _time(exchange: PaperExchange, call: Call) -> Rows:
    skew_ms = sum(rule.skew_ms for rule in call.struck if rule.kind == "clock_skew")
    return [{"ts": str(exchange.clock.tell() + skew_ms)}]


def _instruments(exchange: PaperExchange, call: Call) -> Rows:
    inst_type, family = call.needed("instType"), call.text("instFamily") or call.text("uly")
    if inst_type not in _TYPES:
        raise Refusal("51000", f"instType (found '{inst_type}', known: {', '.join(_TYPES)})")
    if inst_type == "OPTION" and not family:
        raise Refusal("50014", "instFamily")
    if inst_type != "SWAP":
        return []
    return exchange.market.instruments(call.text("instId") or None, family or None)


def _candles(kind: str, largest: int, reach: int | None) -> Handle:
    def handle(exchange: PaperExchange, call: Call) -> Rows:
        inst_id = call.needed("instId")
        rows = exchange.market.candles(
            kind,
            inst_id,
            call.text("bar", "1m"),
            after=call.number("after"),
            before=call.number("before"),
            limit=call.limit(100, largest),
            now=call.now,
            reach=reach,
        )
        return spoil_bars(rows, call.struck)

    return handle


def _swap(call: Call, name: str = "instType") -> None:
    """Refuse another type than SWAP; none given means SWAP, as OKX serves clients that leave it out."""
    found = call.text(name, "SWAP")
    if found != "SWAP":
        raise Refusal("51000", f"{name} (found '{found}', this exchange lists SWAP)")


def _ticker(exchange: PaperExchange, call: Call) -> Rows:
    return [exchange.market.ticker(call.needed("instId"), call.now)]


def _tickers(exchange: PaperExchange, call: Call) -> Rows:
    if call.needed("instType") != "SWAP":
        return []
    family = call.text("instFamily") or call.text("uly")
    contracts = exchange.market.contracts.values()
    chosen = [one.inst_id for one in contracts if family in {"", one.inst_family}]
    return [exchange.market.ticker(inst_id, call.now) for inst_id in chosen]


def _index_tickers(exchange: PaperExchange, call: Call) -> Rows:
    index_id, quote = call.text("instId"), call.text("quoteCcy")
    if not index_id and not quote:
        raise Refusal("50015", "instId, quoteCcy")
    if index_id:
        return [exchange.market.index_ticker(index_id, call.now)]
    families = [one.inst_family for one in exchange.market.contracts.values() if one.quote == quote]
    return [exchange.market.index_ticker(family, call.now) for family in families]


def _each(row_of: str) -> Handle:
    """Return a route of one row an instrument: those of instId, instFamily or all."""

    def handle(exchange: PaperExchange, call: Call) -> Rows:
        _swap(call)
        give = getattr(exchange.market, row_of)
        inst_id, family = call.text("instId"), call.text("instFamily") or call.text("uly")
        if inst_id and inst_id != "ANY":
            return [give(inst_id, call.now)]
        contracts = exchange.market.contracts.values()
        return [give(one.inst_id, call.now) for one in contracts if family in {"", one.inst_family}]

    return handle


def _books(exchange: PaperExchange, call: Call) -> Rows:
    return [exchange.market.books(call.needed("instId"), call.limit(1, 400, "sz"), call.now)]


def _trades(exchange: PaperExchange, call: Call) -> Rows:
    return exchange.market.trades(call.needed("instId"), call.limit(100, 500), call.now)


def _price_limit(exchange: PaperExchange, call: Call) -> Rows:
    return [exchange.market.price_limit(call.needed("instId"), call.now)]


def _funding_rate(exchange: PaperExchange, call: Call) -> Rows:
    call.needed("instId")
    return _each("funding_rate")(exchange, call)


def _funding_history(exchange: PaperExchange, call: Call) -> Rows:
    return exchange.market.funding_history(
        call.needed("instId"),
        after=call.number("after"),
        before=call.number("before"),
        limit=call.limit(400, 400),
        now=call.now,
    )


def _position_tiers(exchange: PaperExchange, call: Call) -> Rows:
    call.needed("instType")
    _swap(call)
    mode = call.needed("tdMode")
    if mode not in {"cross", "isolated"}:
        raise Refusal("51000", f"tdMode (found '{mode}', known: cross, isolated)")
    families = (call.text("instFamily") or call.text("uly") or call.needed("instFamily")).split(",")
    if len(families) > 5:
        raise Refusal("51000", f"instFamily (found {len(families)} families, at most 5)")
    tier = call.number("tier")
    return [row for family in families for row in exchange.market.position_tiers(family, tier)]


def _status(_exchange: PaperExchange, _call: Call) -> Rows:
    return []  # no maintenance is planned


_HANDLES: dict[str, Handle] = {
    "public/time": _time,
    "public/instruments": _instruments,
    "public/mark-price": _each("mark_price"),
    "public/open-interest": _each("open_interest"),
    "public/price-limit": _price_limit,
    "public/funding-rate": _funding_rate,
    "public/funding-rate-history": _funding_history,
    "public/position-tiers": _position_tiers,
    "market/candles": _candles("candles", 300, REACH),
    "market/history-candles": _candles("candles", 300, None),
    "market/mark-price-candles": _candles("mark", 100, REACH),
    "market/history-mark-price-candles": _candles("mark", 100, None),
    "market/index-candles": _candles("index", 100, REACH),
    "market/history-index-candles": _candles("index", 100, None),
    "market/ticker": _ticker,
    "market/tickers": _tickers,
    "market/index-tickers": _index_tickers,
    "market/books": _books,
    "market/trades": _trades,
    "system/status": _status,
}

PUBLIC_ROUTES = {("GET", f"/api/v5/{path}"): Route(handle) for path, handle in _HANDLES.items()}
