"""The server of a paper exchange: REST below /api/v5, sockets, the control port, the beat of its clock.

Listens nowhere by itself. Invariant: faults that strike before a call is applied leave nothing behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace

from aiohttp import web

from arena.config.paper import FaultRule
from arena.paper_okx.auth import Signed
from arena.paper_okx.control import add_control
from arena.paper_okx.dispatch import ROUTES, Dispatch
from arena.paper_okx.envelope import Reply, refused
from arena.paper_okx.exchange import PaperExchange, ServerSettings
from arena.paper_okx.sockets import SocketSettings, add_sockets
from arena.paper_okx.spoiling import spoil_reply

__all__ = ["PaperExchange", "ServerSettings", "create_app"]

ORIGIN_HEADER = "x-paper-origin"
"""Says what is replayed: `synthetic` or `replay`."""

_log = logging.getLogger("arena.paper_okx")


def create_app(exchange: PaperExchange, sockets: SocketSettings | None = None) -> web.Application:
    """Return the application of one exchange; `sockets` has other limits than the exchange's own."""
    app = web.Application(client_max_size=256 * 1024)
    app.router.add_route("*", "/api/{path:.*}", _Rest(exchange).serve)
    if exchange.settings.control:
        add_control(app, exchange)
    add_sockets(app, exchange, sockets)
    app.on_response_prepare.append(_telling_origin(exchange.market.origin))
    app.cleanup_ctx.append(lambda _app: _beating(exchange))
    return app


class _Rest:
    """Requests to /api, and the faults that strike them."""

    def __init__(self, exchange: PaperExchange) -> None:
        self._exchange = exchange
        self._dispatch = Dispatch(exchange)

    async def serve(self, request: web.Request) -> web.Response:
        """Answer one request."""
        path = request.raw_path.partition("?")[0]
        known = (request.method, path) in ROUTES
        self._exchange.served[f"{request.method} {path}" if known else "unknown"] += 1
        body = await request.read()
        signed = Signed(request.method, request.raw_path, body, request.headers, request.remote or "")
        struck = self._exchange.faults.of_request(request.method, path)
        if not struck:
            return _response(self._answer(signed, struck))
        arrived = time.monotonic()
        reply = await _before(struck)
        if reply is None and not _drops(struck, "drop_before"):
            signed = replace(signed, waited_ms=round((time.monotonic() - arrived) * 1000))
            reply = await _after(self._answer(signed, struck), struck)
        if reply is None or _drops(struck, "drop_after"):
            return _cut(request)
        return _response(reply)

    def _answer(self, signed: Signed, struck: Sequence[FaultRule]) -> Reply:
        try:
            return self._dispatch.answer(signed, struck)
        except Exception:  # noqa: BLE001 - the outermost door: a bug is an answer too, and logged
            _log.exception("a request to %s failed inside of the paper exchange", signed.raw_path)
            return refused("50026")


async def _before(struck: Sequence[FaultRule]) -> Reply | None:
    """Wait, and return the answer of a fault that keeps the call from being applied."""
    for rule in struck:
        if rule.applied:
            continue
        if rule.kind == "delay":
            await asyncio.sleep(rule.delay_ms / 1000)
        elif rule.kind == "code":
            return refused(rule.code)
        elif rule.kind == "http_429":
            return Reply(b"Too Many Requests", 429, "text/plain")
    return None


async def _after(reply: Reply, struck: Sequence[FaultRule]) -> Reply:
    """Wait, and return what the sender gets to see of an answer."""
    for rule in struck:
        if rule.applied and rule.kind == "delay":
            await asyncio.sleep(rule.delay_ms / 1000)
        elif rule.applied and rule.kind == "code":
            return refused(rule.code)
    return spoil_reply(reply, struck)


def _drops(struck: Sequence[FaultRule], kind: str) -> bool:
    return any(rule.kind == kind for rule in struck)


def _cut(request: web.Request) -> web.Response:
    """Close the connection without a word."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _response(reply: Reply) -> web.Response:
    return web.Response(body=reply.body, status=reply.status, content_type=reply.content_type)


def _telling_origin(origin: str) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return what marks each answer, so that generated prices are not stored as observed ones.

    A client of OKX passes a header over that it does not know.
    """

    async def mark(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers[ORIGIN_HEADER] = origin

    return mark


async def _beating(exchange: PaperExchange) -> AsyncIterator[None]:
    """Have the venue follow the clock while the application runs."""
    task = asyncio.create_task(_beat(exchange))
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _beat(exchange: PaperExchange) -> None:
    while True:
        try:
            exchange.follow()
        except Exception:  # noqa: BLE001 - the outermost door of the task
            _log.exception("the venue could not follow its clock; requests go on trying")
            return
        await asyncio.sleep(exchange.settings.beat_ms / 1000)
