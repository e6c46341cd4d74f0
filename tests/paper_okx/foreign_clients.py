"""Clients that others wrote, pointed at a paper exchange: ccxt, ccxt.pro and the official SDK."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro
import websockets
from okx.Account import AccountAPI
from okx.MarketData import MarketAPI
from okx.PublicData import PublicAPI
from okx.Trade import TradeAPI
from okx.websocket.WebSocketFactory import WebSocketFactory
from okx.websocket.WsPrivateAsync import WsPrivateAsync
from okx.websocket.WsPublicAsync import WsPublicAsync

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


@dataclass(frozen=True)
class Sdk:
    """The REST clients of the official SDK, of one account."""

    account: AccountAPI
    trade: TradeAPI
    market: MarketAPI
    public: PublicAPI


@contextmanager
def official_sdk(paper: RunningPaperOkx, uid: str = "demo") -> Iterator[Sdk]:
    """Give the official SDK's clients of one account."""
    key = paper.keys[uid]
    flag = "1" if key.demo else "0"
    with ExitStack() as stack:
        made = [
            stack.enter_context(
                kind(key.key, key.secret, key.passphrase, flag=flag, domain=paper.base_url, debug=False)
            )
            for kind in (AccountAPI, TradeAPI, MarketAPI, PublicAPI)
        ]
        yield Sdk(*made)


class _PlainFactory(WebSocketFactory):
    """The SDK's way to a socket, without the TLS that it insists on and loopback does not have."""

    async def connect(self) -> Any:
        self.websocket = await websockets.connect(self.url)
        return self.websocket


def sdk_public_socket(paper: RunningPaperOkx, url: str = "public") -> WsPublicAsync:
    """Return the SDK's socket of a market address; to be called inside of a running loop."""
    socket = WsPublicAsync(f"{paper.ws_url}/{url}")
    socket.factory = _PlainFactory(socket.url)
    return socket


def sdk_private_socket(paper: RunningPaperOkx, uid: str = "demo", url: str = "private") -> WsPrivateAsync:
    """Return the SDK's socket of an account; to be called inside of a running loop."""
    key = paper.keys[uid]
    socket = WsPrivateAsync(key.key, key.passphrase, key.secret, f"{paper.ws_url}/{url}")
    socket.factory = _PlainFactory(socket.url)
    return socket
