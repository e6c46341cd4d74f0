"""Live candles and the account's orders, positions and balance, from OKX's WebSocket.

Sends no orders. Invariant: a bar is told once and only when it is closed; a fill is told once, however often
OKX pushes it and whatever order the pushes come in.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Any, Protocol, TypeVar

from arena.core.account import Balance, PositionSnapshot
from arena.core.clock import Clock, wall_clock
from arena.core.errors import ExchangeError
from arena.core.events import (
    AccountEvent,
    BalanceUpdate,
    ClosedBar,
    Gap,
    Lost,
    MarketEvent,
    OrderUpdate,
    PositionsUpdate,
)
from arena.core.quantity import Coins, Contracts, Price, Usdt
from arena.core.timeframe import Timeframe
from arena.exchange.okx.account_rows import read_balance, read_position
from arena.exchange.okx.client import OkxClient
from arena.exchange.okx.feed import BAR_NAMES
from arena.exchange.okx.reconnect import LastingConnection
from arena.exchange.okx.rows import fill_of_order_push, read_order
from arena.exchange.okx.settings import OkxSettings
from arena.exchange.okx.socket import OkxSocket, Push

__all__ = ["OkxAccountStreams", "OkxMarketStreams", "exchange_clock"]

_Event_co = TypeVar("_Event_co", covariant=True)

_EVENTS_ONLY = '{"updateInterval":"0"}'
_ACCOUNT = (
    {"channel": "orders", "instType": "SWAP"},
    {"channel": "positions", "instType": "SWAP", "extraParams": _EVENTS_ONLY},
    {"channel": "account", "extraParams": _EVENTS_ONLY},
)
_REMEMBERED = 20_000
"""Fills and pushes that are known again; OKX repeats none that are older."""


def exchange_clock(client: OkxClient) -> Clock:
    """Return the exchange's time from one reading on, by the monotonic clock: it never blocks."""
    venue_ms, at = client.time.now_ms(), time.monotonic()
    return lambda: venue_ms + round((time.monotonic() - at) * 1000)


class OkxMarketStreams:
    """Public streams. `clock` is the exchange's time and must not block."""

    def __init__(self, settings: OkxSettings, *, clock: Clock = wall_clock) -> None:
        self._settings, self._clock = settings, clock

    def candles(
        self, inst_id: str, timeframe: Timeframe
    ) -> AbstractAsyncContextManager[AsyncIterator[MarketEvent]]:
        """Open the stream of closed bars; a hole between two of them is a `Gap` too."""
        args = [{"channel": f"candle{BAR_NAMES[timeframe.name]}", "instId": inst_id}]
        connection = LastingConnection(
            lambda: OkxSocket(self._settings, "business", args, clock=self._clock), self._clock
        )
        return _opened(connection, _Candles(inst_id, timeframe))


class OkxAccountStreams:
    """The account's own stream. `clock` is the exchange's time and must not block."""

    def __init__(self, settings: OkxSettings, *, clock: Clock = wall_clock) -> None:
        self._settings, self._clock = settings, clock

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[AccountEvent]]:
        """Open the stream of orders, positions and balance: what happens after entering is told."""
        connection = LastingConnection(
            lambda: OkxSocket(self._settings, "private", _ACCOUNT, login=True, clock=self._clock), self._clock
        )
        return _opened(connection, _Account())


class _Candles:
    """Turns pushes of one candle channel into closed bars."""

    def __init__(self, inst_id: str, timeframe: Timeframe) -> None:
        self._inst_id, self._timeframe = inst_id, timeframe
        self._last: int | None = None

    def events_of(self, push: Push) -> list[MarketEvent]:
        return [event for row in _rows(push) for event in self._events_of_row(row)]

    def restart(self) -> None:
        self._last = None  # the connection's gap says what may be missing

    def _events_of_row(self, row: object) -> list[MarketEvent]:
        bar = _closed_bar(self._inst_id, self._timeframe, row)
        if bar is None or (self._last is not None and bar.ts <= self._last):
            return []
        step = self._timeframe.step_ms
        expected, self._last = (bar.ts if self._last is None else self._last + step), bar.ts
        if bar.ts == expected:
            return [bar]
        return [Gap(expected, bar.ts, f"no closed bar of {self._inst_id} was pushed between"), bar]


class _Account:
    """Turns pushes of the private channels into events, each once."""

    def __init__(self) -> None:
        self._fills, self._states = _Known(), _Known()
        self._pages: list[PositionSnapshot] = []

    def events_of(self, push: Push) -> list[AccountEvent]:
        channel, rows = push["arg"].get("channel"), _rows(push)
        if channel == "orders":
            return [event for row in rows for event in self._order(row)]
        if channel == "positions":
            return self._positions(push, [read_position(row) for row in rows])
        if channel == "account":
            return [BalanceUpdate(told) for told in map(read_balance, rows) if _tells_usdt(told)]
        return []

    def restart(self) -> None:
        self._pages = []

    def _order(self, row: dict[str, Any]) -> list[AccountEvent]:
        order, fill = read_order(row), fill_of_order_push(row)
        new_fill = fill is not None and self._fills.add(fill.key)
        told = tuple(
            row.get(key) for key in ("uTime", "state", "accFillSz", "sz", "px", "reqId", "amendResult")
        )
        new_state = self._states.add((order.inst_id, order.order_id, told))
        return [OrderUpdate(order, fill if new_fill else None)] if new_fill or new_state else []

    def _positions(self, push: Push, positions: list[PositionSnapshot]) -> list[AccountEvent]:
        if push.get("eventType") != "snapshot":
            return [PositionsUpdate(tuple(positions), snapshot=False)] if positions else []
        self._pages += positions
        if push.get("lastPage") in (False, "false"):
            return []
        whole, self._pages = tuple(self._pages), []
        return [PositionsUpdate(whole, snapshot=True)]


class _Known:
    """The last keys that were seen."""

    def __init__(self) -> None:
        self._keys: OrderedDict[Hashable, None] = OrderedDict()

    def add(self, key: Hashable) -> bool:
        """Remember `key` and tell whether it is new."""
        if key in self._keys:
            return False
        self._keys[key] = None
        if len(self._keys) > _REMEMBERED:
            self._keys.popitem(last=False)
        return True


class _Reader(Protocol[_Event_co]):
    def events_of(self, push: Push) -> Sequence[_Event_co]: ...

    def restart(self) -> None: ...


@asynccontextmanager
async def _opened(
    connection: LastingConnection, reader: _Reader[_Event_co]
) -> AsyncIterator[AsyncIterator[_Event_co | Lost | Gap]]:
    await connection.open()
    try:
        async with (
            aclosing(connection.pushes()) as pushes,
            aclosing(_read(pushes, reader, connection)) as events,
        ):
            yield events
    finally:
        await connection.close()


async def _read(
    pushes: AsyncIterator[Push | Lost | Gap], reader: _Reader[_Event_co], connection: LastingConnection
) -> AsyncGenerator[_Event_co | Lost | Gap]:
    async for found in pushes:
        if isinstance(found, Lost | Gap):
            reader.restart()
            yield found
            continue
        try:
            events = reader.events_of(found)
        except ExchangeError as error:
            yield connection.gap(f"a push could not be read: {error}")
            continue
        for event in events:
            yield event


def _rows(push: Push) -> list[Any]:
    rows = push.get("data")
    if not isinstance(rows, list):
        raise ExchangeError(f"push of OKX: data is {type(rows).__name__}, a list is expected")
    return rows


def _tells_usdt(balance: Balance) -> bool:
    """Tell whether a push has USDT among its coins: one about others says nothing of it."""
    return bool(balance.usdt.raw)


def _closed_bar(inst_id: str, timeframe: Timeframe, row: object) -> ClosedBar | None:
    """Return a bar whose row says that it is closed, None for one that still runs."""
    if not isinstance(row, list) or len(row) != 9 or row[8] not in {"0", "1"}:
        raise ExchangeError(
            f"candle of OKX {inst_id}: {str(row)[:120]}: nine texts are expected, the last 0 or 1"
        )
    if row[8] == "0":
        return None
    try:
        return ClosedBar(
            inst_id=inst_id,
            timeframe=timeframe.name,
            ts=int(row[0]),
            open=Price(row[1]),
            high=Price(row[2]),
            low=Price(row[3]),
            close=Price(row[4]),
            contracts=Contracts(row[5]),
            volume=Coins(row[6]),
            turnover=Usdt(row[7]),
            raw=tuple(row),
        )
    except (TypeError, ValueError) as error:
        raise ExchangeError(f"candle of OKX {inst_id} at {row[0]}: {error}") from error
