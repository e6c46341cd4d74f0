"""A plain WebSocket client for tests: says things and waits, with a bound, for what it is told.

async with talk(paper, "private") as line:
    await line.login(DEMO)
    await line.subscribe(channel="orders", instType="SWAP")
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from arena.paper_okx.auth import ApiKey, sign
from tests.paper_okx.running import RunningPaperOkx

PATIENCE_S = 5.0
Heard = dict[str, Any]


class Line:
    """One open connection; what was not waited for yet is kept."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, paper: RunningPaperOkx) -> None:
        self.socket = socket
        self.paper = paper
        self.kept: list[Heard] = []

    async def say(self, **request: Any) -> None:
        await self.socket.send_str(json.dumps(request))

    async def ask(self, **request: Any) -> Heard:
        """Send a request and return the first thing that is no push."""
        await self.say(**request)
        return await self.hear(lambda heard: "event" in heard or "op" in heard)

    async def login(self, key: ApiKey, **changes: Any) -> Heard:
        return await self.ask(op="login", args=[login_of(key) | changes])

    async def subscribe(self, **arg: Any) -> Heard:
        return await self.ask(op="subscribe", args=[arg])

    async def next(self) -> Heard:
        """Return the next message, text that is no JSON under the key `text`."""
        if self.kept:
            return self.kept.pop(0)
        return await self._receive()

    async def hear(self, wanted: Callable[[Heard], object]) -> Heard:
        """Return the first message that is wanted; others stay for later."""
        for place, heard in enumerate(self.kept):
            if wanted(heard):
                return self.kept.pop(place)
        while not wanted(heard := await self._receive()):
            self.kept.append(heard)
        return heard

    async def pushed(self, channel: str) -> Heard:
        """Return the next push of a channel."""
        return await self.hear(lambda heard: "data" in heard and heard["arg"]["channel"] == channel)

    async def step(self, milliseconds: int) -> int:
        """Move the exchange's clock on, while this loop goes on."""
        return await asyncio.to_thread(self.paper.step, milliseconds)

    async def closed(self) -> int | None:
        """Return the close code, having waited for the end."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = await self.socket.receive()
                if message.type not in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
                    return self.socket.close_code

    async def is_silent(self) -> bool:
        """Whether all that was to be told has been: asked of the exchange, not of the clock."""
        await self.socket.send_str("ping")
        await self.hear(lambda heard: heard.get("text") == "pong")
        return not self.kept

    async def _receive(self) -> Heard:
        async with asyncio.timeout(PATIENCE_S):
            message = await self.socket.receive()
        assert message.type is aiohttp.WSMsgType.TEXT, (
            f"{message.type.name}, close code {self.socket.close_code}"
        )
        return json.loads(message.data) if message.data.startswith("{") else {"text": message.data}


@asynccontextmanager
async def talk(paper: RunningPaperOkx, url: str, query: str = "") -> AsyncIterator[Line]:
    """Open a connection to one address of a running exchange."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{paper.ws_url}/{url}{query}", max_msg_size=0) as socket,
    ):
        yield Line(socket, paper)


def login_of(key: ApiKey, seconds: int | None = None) -> dict[str, Any]:
    """Return the argument of a login at wall time."""
    stamp = str(int(time.time()) if seconds is None else seconds)
    signature = sign(key.secret, f"{stamp}GET/users/self/verify".encode())
    return {"apiKey": key.key, "passphrase": key.passphrase, "timestamp": stamp, "sign": signature}
