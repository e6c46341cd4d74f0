"""Clients that others wrote, pointed at a paper exchange: ccxt, ccxt.pro and the official SDK."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro

from tests.paper_okx.running import RunningPaperOkx

SYMBOL, ETHER = "BTC/USDT:USDT", "ETH/USDT:USDT"


def sync_ccxt(paper: RunningPaperOkx, uid: str = "demo", **options: Any) -> ccxt.okx:
    """Return ccxt's client of one account; a demo account's sends the demo header."""
    return _pointed(ccxt.okx, paper, uid, options)


def async_ccxt(paper: RunningPaperOkx, uid: str = "demo", **options: Any) -> ccxt.async_support.okx:
    """Return ccxt's client for asyncio; to be closed."""
    return _pointed(ccxt.async_support.okx, paper, uid, options)


def pro_ccxt(paper: RunningPaperOkx, uid: str = "demo", **options: Any) -> ccxt.pro.okx:
    """Return ccxt's client for sockets; to be closed."""
    return _pointed(ccxt.pro.okx, paper, uid, options)


def _pointed(kind: Any, paper: RunningPaperOkx, uid: str, options: dict[str, Any]) -> Any:
    key = paper.keys[uid]
    usual = {"defaultType": "swap", "fetchMarkets": {"types": ["swap"]}}
    client = kind(
        {
            "apiKey": key.key,
            "secret": key.secret,
            "password": key.passphrase,
            "enableRateLimit": False,
            "options": usual | options,
        }
    )
    client.has["fetchCurrencies"] = False
    if key.demo:
        client.set_sandbox_mode(True)  # brings its own addresses, so ours come after it
    client.urls["api"] = {"rest": paper.base_url, "ws": paper.ws_url}
    # It chooses between the newest bars and history by its own clock.
    client.milliseconds = paper.exchange.clock.now
    return client


@contextmanager
def counted(paper: RunningPaperOkx) -> Iterator[dict[str, int]]:
    """Give, after the block, how often each path was requested in it."""
    before = dict(paper.exchange.served)
    seen: dict[str, int] = {}
    yield seen
    for name, count in paper.exchange.served.items():
        if fresh := count - before.get(name, 0):
            seen[name] = fresh
