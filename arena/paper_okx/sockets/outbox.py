"""What waits to be read at the other end of one socket.

A put never waits: a reader that falls too far behind is closed with 4005. Invariant: messages leave in the
order in which they were put.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from arena.paper_okx.sockets.settings import SocketSettings

__all__ = ["BUFFER_FULL", "Outbox"]

BUFFER_FULL = 4005


@dataclass(frozen=True, slots=True)
class _Close:
    code: int
    reason: str


class Outbox:
    """The queue of one socket and the task that empties it."""

    def __init__(
        self, socket: web.WebSocketResponse, abort: Callable[[], None], settings: SocketSettings
    ) -> None:
        self._socket = socket
        self._abort = abort
        self._settings = settings
        self._waiting: asyncio.Queue[str | _Close] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._timers: set[asyncio.TimerHandle] = set()
        self._closing = self._says_goodbye = False
        self._task = asyncio.create_task(self._run())
        self.sent_at = self._loop.time()
        """When the last message left, by the loop's clock."""

    def put(self, text: str) -> None:
        """Queue one message; closes the socket instead when its reader is too far behind."""
        if self._closing:
            return
        if self._waiting.qsize() >= self._settings.waiting_messages:
            self._give_up()
        else:
            self._waiting.put_nowait(text)

    def put_late(self, text: str, delay_s: float) -> None:
        """Queue one message after `delay_s`: what is put meanwhile overtakes it."""
        self.later(delay_s, lambda: self.put(text))

    def later(self, delay_s: float, act: Callable[[], None]) -> None:
        """Call `act` after `delay_s`, unless the socket has ended by then."""

        def due() -> None:
            self._timers.discard(handle)
            act()

        handle = self._loop.call_later(delay_s, due)
        self._timers.add(handle)

    def close(self, code: int, reason: str = "") -> None:
        """Close the socket behind all that waits."""
        if not self._closing:
            self._closing = self._says_goodbye = True
            self._waiting.put_nowait(_Close(code, reason))

    def drop(self) -> None:
        """Break the connection off, without a word."""
        self._closing = True
        self._abort()

    async def finish(self) -> None:
        """End the task, letting a closing handshake that has begun come to its end."""
        for handle in self._timers:
            handle.cancel()
        if self._says_goodbye:
            await asyncio.wait({self._task}, timeout=2 * self._settings.goodbye_s)
        self._closing = True
        self._task.cancel()
        await asyncio.wait({self._task})

    def _give_up(self) -> None:
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self.close(BUFFER_FULL, "reader too slow")
        # A send that this reader never takes holds up the task: then only breaking off ends it.
        self.later(2 * self._settings.goodbye_s, self._abort)

    async def _run(self) -> None:
        try:
            while isinstance(text := await self._waiting.get(), str):
                await self._socket.send_str(text)
                self.sent_at = self._loop.time()
            await self._say_goodbye(text)
        except ConnectionError:
            self._closing = True  # the reader has gone; the socket's own loop ends by itself

    async def _say_goodbye(self, close: _Close) -> None:
        try:
            async with asyncio.timeout(self._settings.goodbye_s):
                await self._socket.close(code=close.code, message=close.reason.encode())
        except TimeoutError:
            self._abort()
