"""A WebSocket server on loopback that a test scripts push by push: what it answers, drops and breaks.

It stands in where a test needs a message that a sound exchange never sends.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web
from pydantic import SecretStr

from arena.exchange.okx.settings import OkxCredentials, OkxSettings

SECRETS = {"key": "KEYcanary7f3a", "secret": "SECRETcanary91bd", "passphrase": "PASScanary55e0"}
"""What must never be seen in a message, a log or a repr."""

Answer = Callable[["Line", dict[str, Any]], Awaitable[None]]


class Line:
    """One client's connection."""

    def __init__(self, socket: web.WebSocketResponse, path: str) -> None:
        self.socket, self.path = socket, path
        self.requests: list[dict[str, Any]] = []

    async def push(self, message: object) -> None:
        await self.socket.send_str(message if isinstance(message, str) else json.dumps(message))

    async def drop(self) -> None:
        await self.socket.close(code=1001)

    async def cut(self) -> None:
        """End the connection without a word, as a broken cable does."""
        transport = self.socket._req.transport if self.socket._req else None
        assert transport is not None
        transport.abort()


class ScriptedSockets:
    """Answers logins and subscriptions like OKX unless a test sets `answer`."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.answer: Answer = grant
        self.port = 0

    @property
    def settings(self) -> OkxSettings:
        url = f"127.0.0.1:{self.port}"
        credentials = OkxCredentials(**{k: SecretStr(v) for k, v in SECRETS.items()}, demo=True)
        return OkxSettings(f"http://{url}", f"ws://{url}/ws/v5", True, credentials, timeout_s=5)

    async def line(self, number: int) -> Line:
        """Wait until the client has opened so many connections and subscribed on the last."""
        async with asyncio.timeout(5):
            while len(self.lines) <= number or not any(
                r["op"] == "subscribe" for r in self.lines[number].requests
            ):
                await asyncio.sleep(0.005)
        return self.lines[number]

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        line = Line(socket, request.path_qs)
        self.lines.append(line)
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            if message.data == "ping":
                await socket.send_str("pong")
                continue
            line.requests.append(json.loads(message.data))
            await self.answer(line, line.requests[-1])
        return socket


async def grant(line: Line, request: dict[str, Any]) -> None:
    """Let everybody in."""
    if request["op"] == "login":
        await line.push({"event": "login", "code": "0", "msg": "", "connId": "a4d3ae55"})
    for arg in request["args"] if request["op"] == "subscribe" else ():
        await line.push({"event": "subscribe", "arg": arg, "connId": "a4d3ae55"})


@asynccontextmanager
async def scripted_sockets() -> AsyncIterator[ScriptedSockets]:
    """Run the server on a free port of loopback."""
    server = ScriptedSockets()
    app = web.Application()
    app.router.add_get("/ws/v5/{access}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        for line in server.lines:
            await line.socket.close()
        await runner.cleanup()
