"""One open socket: what it may ask, what it is answered, when it is ended.

Speaks the exchange's protocol over one WebSocket; orders go to `order_entry`, pushes come from the
publishers. Invariant: every request is answered, and in the sequence in which requests came.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from aiohttp import WSMessage, WSMsgType, web

from arena.paper_okx.auth import ApiKey
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.sockets.channels import PRIVATE, Channel, check_arg, find_channel
from arena.paper_okx.sockets.delivery import Delivery
from arena.paper_okx.sockets.messages import Message, encode, error, event
from arena.paper_okx.sockets.order_entry import ORDER_OPS, answer_order
from arena.paper_okx.sockets.outbox import Outbox
from arena.paper_okx.sockets.subscriptions import Subscription

if TYPE_CHECKING:
    from arena.paper_okx.sockets.service import SocketService

__all__ = ["Connection"]

LOGIN_FAILED, IDLE = 4001, 4004
_HOUR_S = 3600.0


class Connection:
    """The state of one socket, from its opening to its end."""

    def __init__(
        self, url: str, request: web.Request, socket: web.WebSocketResponse, service: SocketService
    ) -> None:
        self.url = url
        self.conn_id = secrets.token_hex(4)
        self.key: ApiKey | None = None
        self.subscriptions: dict[str, Subscription] = {}
        self.outbox = Outbox(socket, lambda: _abort(request), service.settings)
        self._delivery = Delivery(self.outbox, service.exchange.faults, self.conn_id)
        self._address = request.remote or ""
        self._socket = socket
        self._service = service
        self._requests: deque[float] = deque()
        self._read_at = asyncio.get_running_loop().time()

    @property
    def uid(self) -> str | None:
        """The account that is logged in."""
        return self.key.uid if self.key else None

    def push(self, channel: str, text: str) -> None:
        """Queue a push, through the faults that are in force on its channel."""
        self._delivery.deliver(channel, text)

    def say(self, message: Message) -> None:
        """Queue a reply, which no fault touches."""
        self.outbox.put(encode(message))

    async def run(self) -> None:
        """Read and answer until either side ends it."""
        while (message := await self._next()) is not None:
            self._read_at = asyncio.get_running_loop().time()
            self._answer(message)

    async def _next(self) -> WSMessage | None:
        """Return the next message; None when either side has ended the connection."""
        loop = asyncio.get_running_loop()
        while (left_s := self._quiet_until() - loop.time()) > 0:
            try:
                message = await self._socket.receive(timeout=left_s)
            except TimeoutError:
                continue  # something may have been sent meanwhile
            return message if message.type in {WSMsgType.TEXT, WSMsgType.BINARY} else None
        self.outbox.close(IDLE, f"no data for {self._service.settings.idle_s:g} s")
        return None

    def _quiet_until(self) -> float:
        return max(self._read_at, self.outbox.sent_at) + self._service.settings.idle_s

    def _answer(self, message: WSMessage) -> None:
        if message.data == "ping":
            self.outbox.put("pong")
            return
        request: Mapping[str, object] = {}
        try:
            request = self._read(message)
            self._do(request)
        except Refusal as refusal:
            self._refuse(refusal, request)

    def _refuse(self, refusal: Refusal, request: Mapping[str, object]) -> None:
        self.say(error(refusal.code, refusal.detail, self.conn_id, request.get("id")))

    def _read(self, message: WSMessage) -> Mapping[str, object]:
        most = self._service.settings.message_bytes
        if message.type is WSMsgType.BINARY:
            raise Refusal("60012", "a request is text")
        if (size := len(message.data.encode())) > most:
            raise Refusal("60012", f"{size} bytes, at most {most}")
        try:
            # Numbers stay the text they came as, so that no decimal is lost.
            request = json.loads(message.data, parse_float=str, parse_int=str)
        except ValueError:
            request = None
        if not isinstance(request, Mapping) or not isinstance(request.get("op"), str):
            raise Refusal("60012", str(message.data))
        return request

    def _do(self, request: Mapping[str, object]) -> None:
        op = str(request["op"])
        if op in ORDER_OPS:
            self._order(request)
            return
        counted = {"login": self._login, "subscribe": self._subscribe, "unsubscribe": self._unsubscribe}
        if op not in counted:
            raise Refusal("60019", op)
        self._count_request()
        counted[op](request)

    def _count_request(self) -> None:
        now, most = asyncio.get_running_loop().time(), self._service.settings.requests_per_hour
        while self._requests and self._requests[0] <= now - _HOUR_S:
            self._requests.popleft()
        if len(self._requests) >= most and self._service.exchange.limits.enabled:
            raise Refusal("60014", f"{most} an hour on one connection")
        self._requests.append(now)

    def _login(self, request: Mapping[str, object]) -> None:
        if self.key is not None:
            raise Refusal("60031")
        try:
            self.key = self._service.check_login(request.get("args"), self._address)
        except Refusal as refusal:
            self._refuse(refusal, request)
            self.outbox.close(LOGIN_FAILED, "login failed")
            return
        self.say(event("login", self.conn_id, request.get("id"), msg="", code="0"))

    def _subscribe(self, request: Mapping[str, object]) -> None:
        exchange = self._service.exchange
        for arg in _args(request):
            try:
                channel = self._channel(arg)
                check_arg(channel, arg, exchange.market, exchange.clock.now())
            except Refusal as refusal:
                self._refuse(refusal, request)
                continue
            self.say(event("subscribe", self.conn_id, request.get("id"), arg=arg))
            self._service.join(self, channel, arg)

    def _unsubscribe(self, request: Mapping[str, object]) -> None:
        for arg in _args(request):
            try:
                self._channel(arg)
            except Refusal as refusal:
                self._refuse(refusal, request)
                continue
            self._service.subscriptions.remove(self, arg)
            self.say(event("unsubscribe", self.conn_id, request.get("id"), arg=arg))

    def _channel(self, arg: object) -> Channel:
        channel = find_channel(arg, self.url)
        if channel.private and self.key is None:
            raise Refusal("60011", channel.name)
        return channel

    def _order(self, request: Mapping[str, object]) -> None:
        if self.url != PRIVATE:
            raise Refusal("60028", f"{request['op']} at /{self.url}, served at /{PRIVATE}")
        if self.key is None:
            raise Refusal("60011", str(request["op"]))
        self.say(answer_order(self._service.exchange, self.key, request))


def _args(request: Mapping[str, object]) -> list[Mapping[str, object]]:
    args = request.get("args")
    if not isinstance(args, list) or not args:
        raise Refusal("60013", f"{request['op']} takes a list of at least one object")
    return args


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
