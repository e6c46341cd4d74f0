"""The control port: clock, faults, deposits and state, for tests and people at this machine.

Outside of /api/v5, loopback alone, and closed to pages in a browser (a JSON content type and a loopback
Host are asked for). Invariant: a request that is refused has changed nothing.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Self
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import Field, model_validator

from arena.config.base import ConfigModel, validate
from arena.config.paper import FaultRule
from arena.core.errors import ConfigError
from arena.paper_okx.exchange import PaperExchange
from arena.paper_okx.refusal import Refusal

__all__ = ["add_control"]

Handler = Callable[[web.Request], Awaitable[web.Response]]


class ClockOrder(ConfigModel):
    """What is to be done with the clock: one of a step, a moment, a speed, a skew."""

    step_ms: int | None = Field(default=None, ge=0)
    to_ms: int | None = Field(default=None, ge=0)
    speed: float | None = Field(default=None, ge=0, le=1_000_000)
    skew_ms: int | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("give one of step_ms, to_ms, speed, skew_ms")
        return self


class FaultOrder(ConfigModel):
    """Rules to put in force behind those that are."""

    faults: list[FaultRule]


class DepositOrder(ConfigModel):
    """Money for an account."""

    uid: str
    usdt: Decimal = Field(gt=0)


def add_control(app: web.Application, exchange: PaperExchange) -> None:
    """Serve /control of an exchange."""
    control = _Control(exchange)
    for method, path, handler in (
        ("GET", "/control/health", control.health),
        ("GET", "/control/state", control.state),
        ("GET", "/control/clock", control.clock),
        ("POST", "/control/clock", control.move_clock),
        ("GET", "/control/faults", control.faults),
        ("POST", "/control/faults", control.add_faults),
        ("DELETE", "/control/faults", control.clear_faults),
        ("POST", "/control/deposit", control.deposit),
    ):
        app.router.add_route(method, path, _guarded(handler))


def _guarded(handler: Handler) -> Handler:
    async def guarded(request: web.Request) -> web.Response:
        if not (_is_loopback(request.remote) and _is_loopback(urlsplit(f"//{request.host}").hostname)):
            return _said("the control port answers on loopback alone", 403)
        if request.method == "POST" and request.content_type != "application/json":
            return _said("send JSON, with Content-Type: application/json", 415)
        try:
            return await handler(request)
        except ConfigError as error:
            return _said(str(error), 400)
        except Refusal as refusal:
            return _said(str(refusal), 400)

    return guarded


class _Control:
    def __init__(self, exchange: PaperExchange) -> None:
        self._exchange = exchange

    async def health(self, _request: web.Request) -> web.Response:
        return _json({"status": "ok", "now": self._exchange.clock.now()})

    async def state(self, _request: web.Request) -> web.Response:
        exchange = self._exchange
        return _json(
            {
                "now": exchange.follow(),
                "speed": exchange.clock.speed,
                "market": _market(exchange),
                "accounts": sorted({key.uid for key in exchange.keys}),
                "rate_limits": exchange.limits.enabled,
                "requests": dict(exchange.served),
            }
        )

    async def clock(self, _request: web.Request) -> web.Response:
        clock = self._exchange.clock
        return _json({"now": clock.now(), "speed": clock.speed, "skew_ms": clock.skew_ms})

    async def move_clock(self, request: web.Request) -> web.Response:
        order, clock = validate(ClockOrder, await _body(request)), self._exchange.clock
        if order.step_ms is not None:
            clock.step(order.step_ms)
        if order.to_ms is not None:
            clock.jump(order.to_ms)
        if order.speed is not None:
            clock.set_speed(order.speed)
        if order.skew_ms is not None:
            clock.skew_ms = order.skew_ms
        self._exchange.follow()
        return await self.clock(request)

    async def faults(self, _request: web.Request) -> web.Response:
        return _json({"faults": self._exchange.faults.report()})

    async def add_faults(self, request: web.Request) -> web.Response:
        self._exchange.faults.add(validate(FaultOrder, await _body(request)).faults)
        return await self.faults(request)

    async def clear_faults(self, request: web.Request) -> web.Response:
        self._exchange.faults.clear()
        return await self.faults(request)

    async def deposit(self, request: web.Request) -> web.Response:
        order = validate(DepositOrder, await _body(request))
        known = sorted({key.uid for key in self._exchange.keys})
        if order.uid not in known:
            raise ConfigError(f"unknown uid '{order.uid}' (known: {', '.join(known)})")
        self._exchange.follow()
        self._exchange.venue.deposit(order.uid, order.usdt)
        return _json({"uid": order.uid, "usdt": f"{order.usdt:f}"})


def _market(exchange: PaperExchange) -> dict[str, object]:
    market = exchange.market
    return {"first": market.first_ms, "end": market.end_ms, "instruments": list(market.contracts)}


async def _body(request: web.Request) -> dict[str, object]:
    try:
        body = json.loads(await request.read())
    except ValueError:
        raise ConfigError("the body is not valid JSON") from None
    if not isinstance(body, dict):
        raise ConfigError("the body has to be a JSON object")
    return body


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or (host is not None and ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False


def _said(text: str, status: int) -> web.Response:
    return web.json_response({"error": text}, status=status)


def _json(document: dict[str, object]) -> web.Response:
    return web.json_response(document)
