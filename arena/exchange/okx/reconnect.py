"""A connection that comes back: what is lost is announced, and a gap closes each absence.

Invariant: between two pushes of different connections there are a `Lost` and a `Gap`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress

from arena.core.clock import Clock
from arena.core.errors import Retryable
from arena.core.events import Gap, Lost
from arena.exchange.okx.socket import OkxSocket, Push

__all__ = ["LastingConnection"]

_FIRST_PAUSE_S = 0.5  # OKX takes three connections a second from one address
_LONGEST_PAUSE_S = 30.0


class LastingConnection:
    """Sockets made by `make`, one after the other. `clock` is the exchange's time."""

    def __init__(
        self,
        make: Callable[[], OkxSocket],
        clock: Clock,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._make, self._clock, self._sleep, self._jitter = make, clock, sleep, jitter
        self._socket: OkxSocket | None = None
        self._before_ms = self._came_ms = 0

    async def open(self) -> None:
        """Open the first connection.

        Raises:
            ConfigError: no credentials, or refused ones.
            ExchangeError: a refused subscription, or no connection.
        """
        socket = self._make()
        await socket.open()
        self._socket, self._came_ms = socket, socket.heard_ms

    async def pushes(self) -> AsyncGenerator[Push | Lost | Gap]:
        """Yield what comes, for ever.

        Raises:
            ConfigError: the credentials are refused on the way back.
            ExchangeError: a subscription is.
        """
        while True:
            socket = self._current
            try:
                came_ms, push = await socket.receive()
            except Retryable as error:
                yield Lost(self._clock(), str(error))
                await self._return()
                yield Gap(socket.heard_ms, self._clock(), str(error))
            else:
                self._before_ms, self._came_ms = self._came_ms, came_ms
                yield push

    def gap(self, reason: str) -> Gap:
        """Return the gap that the push just yielded leaves when it cannot be used."""
        return Gap(self._before_ms, self._clock(), reason)

    async def close(self) -> None:
        """Close what is open."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    @property
    def _current(self) -> OkxSocket:
        if self._socket is None:
            raise Retryable("the stream is not open")
        return self._socket

    async def _return(self) -> None:
        """Replace the connection; the old one is closed last, as OKX may still be serving it."""
        old, pause = self._socket, _FIRST_PAUSE_S
        while True:
            await self._sleep(pause * (0.5 + self._jitter() / 2))
            with suppress(Retryable):
                await self.open()
                break
            pause = min(2 * pause, _LONGEST_PAUSE_S)
        if old is not None:
            await old.close()
