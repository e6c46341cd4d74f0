"""The sockets of one exchange: accepts them, joins them to channels, keeps the market's channels told.

Owns the task that follows the venue's clock. Invariant: nothing here waits for a reader, so no reader holds
up the venue.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from arena.paper_okx.auth import ApiKey
from arena.paper_okx.exchange import PaperExchange
from arena.paper_okx.sockets.account_pushes import AccountPushes
from arena.paper_okx.sockets.channels import Channel
from arena.paper_okx.sockets.connection import Connection
from arena.paper_okx.sockets.login import check_login
from arena.paper_okx.sockets.messages import Arg, event
from arena.paper_okx.sockets.publisher import Publisher
from arena.paper_okx.sockets.settings import SocketSettings
from arena.paper_okx.sockets.subscriptions import Subscriptions, topic_key

__all__ = ["SocketService"]

GOING_AWAY, ABNORMAL = 1001, 4006
_log = logging.getLogger("arena.paper_okx")


class SocketService:
    """All that the sockets share."""

    def __init__(self, exchange: PaperExchange, settings: SocketSettings) -> None:
        self.exchange = exchange
        self.settings = settings
        self.subscriptions = Subscriptions()
        self._publisher = Publisher(exchange.market, self.subscriptions)
        self._accounts = AccountPushes(exchange.venue, self.subscriptions, settings)
        self._open: set[Connection] = set()

    def handler(self, url: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return the handler of one address; a query string changes nothing."""

        async def handle(request: web.Request) -> web.StreamResponse:
            self._admit(request.remote or "")
            # Larger messages than allowed are read, so that they can be answered.
            socket = web.WebSocketResponse(
                max_msg_size=16 * self.settings.message_bytes, timeout=self.settings.goodbye_s, compress=False
            )
            await socket.prepare(request)
            await self._serve(Connection(url, request, socket, self))
            return socket

        return handle

    async def run(self, app: web.Application) -> AsyncIterator[None]:  # noqa: ARG002 - an aiohttp context
        """Follow the venue's clock while the application runs, then close what is open."""
        task = asyncio.create_task(self._follow())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def close(self, app: web.Application) -> None:  # noqa: ARG002 - an aiohttp signal
        """Say goodbye to everyone."""
        await self._close_all(GOING_AWAY, "the exchange stops")

    def check_login(self, args: object, address: str) -> ApiKey:
        """Return the key of a login, see `login.check_login`."""
        return check_login(args, self.exchange.keys, self.exchange.clock, address)

    def join(self, connection: Connection, channel: Channel, arg: Arg) -> None:
        """Subscribe a connection and tell it how things stand."""
        now = self.exchange.follow()
        subscription = self.subscriptions.add(connection, channel, arg, now)
        if channel.counted and not self._count(connection, channel, arg):
            return
        if channel.private:
            self._accounts.greet(connection, subscription, now)
        else:
            self._publisher.greet(connection, self.subscriptions.topics[topic_key(arg)], now)

    def _count(self, connection: Connection, channel: Channel, arg: Arg) -> bool:
        """Tell how many connections are on the channel; ends the newest subscription of too many."""
        count = self.subscriptions.connections(connection.uid or "", channel.name)
        fits = count <= self.settings.connections_per_channel
        if not fits:
            self.subscriptions.remove(connection, arg)
        name = "channel-conn-count" if fits else "channel-conn-count-error"
        connection.say(event(name, connection.conn_id, channel=channel.name, connCount=str(count)))
        return fits

    def _admit(self, address: str) -> None:
        now_s, most = asyncio.get_running_loop().time(), self.settings.connects_per_s
        if self.exchange.limits.enabled and not self.subscriptions.may_connect(address, now_s, most):
            raise web.HTTPTooManyRequests(text=f"at most {most} connections a second")

    async def _serve(self, connection: Connection) -> None:
        self._open.add(connection)
        self.subscriptions.listeners.add(connection)
        try:
            await connection.run()
        except Exception:  # noqa: BLE001 - the outermost door of a socket
            _log.exception("a socket's request failed inside of the paper exchange")
            connection.outbox.close(ABNORMAL, "the exchange failed")
        finally:
            self.subscriptions.leave(connection)
            await connection.outbox.finish()
            self._open.discard(connection)

    async def _close_all(self, code: int, reason: str) -> None:
        for connection in list(self._open):
            connection.outbox.close(code, reason)
            await connection.outbox.finish()

    async def _follow(self) -> None:
        try:
            await self._tell_for_ever()
        except Exception:  # noqa: BLE001 - the outermost door of the task
            _log.exception("the sockets could not follow the venue; they are closed")
            await self._close_all(ABNORMAL, "the exchange failed")

    async def _tell_for_ever(self) -> None:
        told = 0
        while True:
            await asyncio.sleep(self.settings.poll_s)
            now = self.exchange.follow()
            if now > told:
                told = now
                self._publisher.publish(now)
                self._accounts.repeat(now)
