"""One connection to OKX's WebSocket through ccxt.pro: connect, log in, subscribe, ping, hand on.

ccxt.pro's own reading of messages is not used: it drops the flag of closed bars and turns numbers into
floats. Invariant: a push comes out as OKX sent it, in the order of its coming, and after a drop comes none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from arena.core.clock import Clock, wall_clock
from arena.core.errors import ArenaError, ConfigError, ExchangeError, Retryable
from arena.exchange.okx.errors import REACTIONS, Reaction
from arena.exchange.okx.settings import OkxSettings

__all__ = ["OkxSocket", "Push"]

Push = Mapping[str, Any]
"""`{"arg": {"channel", ...}, "data": [...]}` as it came."""

_MOST_WAITING = 20_000
"""Pushes that may wait for a slow reader before the connection is given up."""

_SUBSCRIBED = "subscribed"


class OkxSocket:
    """A connection that is opened once and then read until it drops.

    `access` is the end of the URL: public, private or business. `args` are what to subscribe to. `clock` is
    the exchange's time, which a login is signed with.
    """

    def __init__(
        self,
        settings: OkxSettings,
        access: str,
        args: Sequence[Mapping[str, str]],
        *,
        login: bool = False,
        clock: Clock = wall_clock,
    ) -> None:
        self._settings, self._access, self._args, self._login = settings, access, args, login
        self._clock = clock
        self._waiting: asyncio.Queue[tuple[int, Push | ArenaError]] = asyncio.Queue()
        self._confirmed = 0
        self._ended = False
        self.heard_ms = 0
        """When the last message came that could be used."""
        self._exchange: Any = None

    async def open(self) -> None:
        """Connect, log in and subscribe.

        Raises:
            ConfigError: no credentials, or refused ones.
            Rejected: a subscription was refused.
            Retryable: no connection, or no answer in time.
        """
        import ccxt

        self._exchange = _connect(self._settings)
        self._exchange.seconds = lambda: self._clock() // 1000
        self._exchange.handle_message = self._take
        self._hook("on_error")
        self._hook("on_close")
        try:
            await asyncio.wait_for(self._begin(), self._settings.timeout_s)
        except (ccxt.BaseError, TimeoutError, OSError) as error:
            await self.close()
            raise Retryable(f"{self._name} did not open: {self._clean(error)}: try again") from error
        except BaseException:
            await self.close()
            raise

    async def receive(self) -> tuple[int, Push]:
        """Wait for the next push and return it with the time of its coming, which may be long ago.

        Raises:
            Retryable: the connection is gone or OKX announced that it goes: open another.
            ArenaError: OKX refused what this connection asked for.
        """
        came_ms, found = await self._waiting.get()
        if isinstance(found, ArenaError):
            self._waiting.put_nowait((came_ms, found))  # it stays gone
            raise found
        return came_ms, found

    async def close(self) -> None:
        """Close the connection and everything that ccxt opened for it."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            await exchange.close()
            await asyncio.sleep(0)  # ccxt's receiving task ends in the next turn of the loop

    @property
    def _name(self) -> str:
        return f"{self._settings.ws_url}/{self._access}"

    async def _begin(self) -> None:
        url = self._exchange.get_url("users", self._access)
        self._guard(self._exchange.client(url))
        if self._login:
            if self._settings.credentials is None:
                raise ConfigError(f"{self._name} needs a key of OKX: set OKX_API_KEY and its fellows in .env")
            await self._exchange.authenticate({"access": self._access})
        request = {"op": "subscribe", "args": list(self._args)}
        await self._exchange.watch(url, _SUBSCRIBED, request, _SUBSCRIBED)

    def _hook(self, name: str) -> None:
        """Let ccxt's callback do its work, then end the reading."""
        original = getattr(self._exchange, name)

        def gone(client: Any, reason: object) -> None:
            original(client, reason)
            self._end(Retryable(f"{self._name} dropped ({name[3:]} {self._clean(reason)}): open another"))

        setattr(self._exchange, name, gone)

    def _guard(self, client: Any) -> None:
        """End the reading at a message that ccxt cannot decode, which would else stop it without a word."""
        original = client.handle_message

        def read(message: object) -> None:
            try:
                original(message)
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing can be read after it
                self._end(Retryable(f"{self._name} sent what cannot be read ({type(error).__name__})"))

        client.handle_message = read

    def _take(self, client: Any, message: object) -> None:
        """Sort what came; called by ccxt, so nothing may be raised from here."""
        if message == "pong":
            client.lastPong = self._exchange.milliseconds() if self._exchange else client.lastPong
        elif isinstance(message, Mapping) and "event" in message:
            self._take_event(client, message)
        elif isinstance(message, Mapping) and isinstance(message.get("arg"), Mapping):
            self._keep(message)
        if not self._ended:
            self.heard_ms = self._clock()

    def _keep(self, push: Push) -> None:
        if self._ended:
            return
        if self._waiting.qsize() < _MOST_WAITING:
            self._waiting.put_nowait((self._clock(), push))
        else:
            self._end(Retryable(f"{_MOST_WAITING} pushes of {self._name} were not read in time: read faster"))

    def _take_event(self, client: Any, message: Mapping[str, Any]) -> None:
        event = message["event"]
        if event == "login" and message.get("code") == "0":
            client.resolve(True, "authenticated")  # noqa: FBT003 - ccxt's own signature
        elif event == "subscribe":
            self._confirmed += 1
            if self._confirmed >= len(self._args):
                client.resolve(True, _SUBSCRIBED)  # noqa: FBT003 - ccxt's own signature
        elif event in {"error", "notice", "login", "channel-conn-count-error"}:
            error = self._error_of(message)
            client.reject(error)
            self._end(error)

    def _error_of(self, message: Mapping[str, Any]) -> ArenaError:
        code, text = str(message.get("code", "")), str(message.get("msg", ""))
        said = f"{self._name} said {code} {self._clean(text)!r}"
        reaction = REACTIONS.get(code)
        if reaction is Reaction.CREDENTIALS:
            return ConfigError(
                f"{said}: check OKX_API_KEY, OKX_API_SECRET, OKX_API_PASSPHRASE and OKX_IS_DEMO"
            )
        if reaction is Reaction.REFUSED:
            return ExchangeError(said)
        return Retryable(f"{said}: open another connection")

    def _end(self, error: ArenaError) -> None:
        """Let nothing more be read; `heard_ms` stays at what came whole before."""
        if not self._ended:
            self._ended = True
            self._waiting.put_nowait((self.heard_ms, error))

    def _clean(self, text: object) -> str:
        credentials = self._settings.credentials
        return (credentials.scrub(str(text)) if credentials else str(text))[:200]


def _connect(settings: OkxSettings) -> Any:
    import ccxt.pro

    credentials = settings.credentials
    secrets = {}
    if credentials is not None:
        secrets = {
            "apiKey": credentials.key.get_secret_value(),
            "secret": credentials.secret.get_secret_value(),
            "password": credentials.passphrase.get_secret_value(),
        }
    exchange = ccxt.pro.okx({**secrets, "enableRateLimit": False})
    if settings.ws_url.startswith("ws://"):
        exchange.timeout_on_exit = 0  # the wait is for TLS to say good-bye
    exchange.set_sandbox_mode(settings.demo)
    exchange.urls["api"]["ws"] = settings.ws_url
    return exchange
