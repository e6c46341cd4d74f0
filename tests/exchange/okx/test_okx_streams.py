"""Streams over a real socket: closed bars only, each fill once, every absence announced."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from arena.core.errors import ConfigError, ExchangeError, Retryable
from arena.core.events import BalanceUpdate, ClosedBar, Gap, Lost, OrderUpdate, PositionsUpdate
from arena.core.quantity import Coins, Contracts, Price, Usdt
from arena.core.timeframe import Timeframe
from arena.exchange.okx import reconnect, socket
from arena.exchange.okx.streams import OkxAccountStreams, OkxMarketStreams
from tests.exchange.okx.samples import BALANCE, ORDER_PUSH, POSITION
from tests.exchange.okx.scripted_sockets import SECRETS, Line, ScriptedSockets, grant, scripted_sockets

MINUTE = Timeframe.parse("1m")
NOW = 1_735_689_600_000


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnect, "_FIRST_PAUSE_S", 0.01)


@pytest.fixture
def clock() -> Callable[[], int]:
    ticks = itertools.count(NOW)
    return lambda: next(ticks)


def on_sockets(test: Callable[[ScriptedSockets], Awaitable[None]]) -> None:
    """Run a test against a server of its own, and see that nothing is left of it."""

    async def run() -> None:
        async with scripted_sockets() as server:
            async with asyncio.timeout(10):
                await test(server)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left

    asyncio.run(run())
    gc.collect()  # an unclosed session or a lost task would warn here, and a warning is an error


async def take(events: AsyncIterator[Any], count: int) -> list[Any]:
    return [await anext(events) for _ in range(count)]


def candle(ts: int, confirm: str, close: str = "41000.5") -> list[str]:
    return [str(ts), "41000.1", "41001", "40999.9", close, "12.50", "0.125", "5125.06", confirm]


def candles(*rows: list[str]) -> dict[str, Any]:
    return {"arg": {"channel": "candle1m", "instId": "BTC-USDT-SWAP"}, "data": list(rows)}


def orders(*changes: dict[str, Any]) -> dict[str, Any]:
    return {
        "arg": {"channel": "orders", "instType": "SWAP", "uid": "1"},
        "data": [{**ORDER_PUSH, **change} for change in changes],
    }


def fill(number: int, filled: str, **more: str) -> dict[str, Any]:
    return {"tradeId": str(number), "accFillSz": filled, "uTime": str(NOW + number), **more}


def test_only_closed_bars_are_told_and_each_once(clock: Callable[[], int]) -> None:
    async def test(server: ScriptedSockets) -> None:
        async with OkxMarketStreams(server.settings, clock=clock).candles("BTC-USDT-SWAP", MINUTE) as events:
            line = await server.line(0)
            assert line.path == "/ws/v5/business?brokerId=9999"
            assert line.requests == [
                {"op": "subscribe", "args": [{"channel": "candle1m", "instId": "BTC-USDT-SWAP"}]}
            ]
            await line.push(candles(candle(NOW, "0", "41000.3")))
            await line.push(candles(candle(NOW, "1")))
            await line.push(candles(candle(NOW, "1")))  # pushed twice
            await line.push(candles(candle(NOW - 60_000, "1")))  # late
            await line.push(candles(candle(NOW + 60_000, "0")))
            await line.push(candles(candle(NOW + 60_000, "1")))
            first, second = await take(events, 2)
        assert isinstance(first, ClosedBar)
        assert (first.ts, second.ts) == (NOW, NOW + 60_000)
        assert (first.close, str(first.contracts)) == (Price("41000.5"), "12.50")
        assert (first.volume, first.turnover) == (Coins("0.125"), Usdt("5125.06"))
        assert first.raw[8] == "1"

    on_sockets(test)


def test_bars_that_were_not_pushed_are_a_gap(clock: Callable[[], int]) -> None:
    async def test(server: ScriptedSockets) -> None:
        async with OkxMarketStreams(server.settings, clock=clock).candles("BTC-USDT-SWAP", MINUTE) as events:
            line = await server.line(0)
            await line.push(candles(candle(NOW, "1")))
            await line.push(candles(candle(NOW + 180_000, "1")))
            bar, gap, later = await take(events, 3)
        assert (bar.ts, later.ts) == (NOW, NOW + 180_000)
        assert isinstance(gap, Gap)
        assert (gap.since_ms, gap.until_ms) == (NOW + 60_000, NOW + 180_000)

    on_sockets(test)


@pytest.mark.parametrize(
    ("timeframe", "channel"),
    [("15m", "candle15m"), ("4h", "candle4H"), ("6h", "candle6Hutc"), ("1d", "candle1Dutc")],
)
def test_long_bars_are_those_of_utc_days(timeframe: str, channel: str, clock: Callable[[], int]) -> None:
    async def test(server: ScriptedSockets) -> None:
        streams = OkxMarketStreams(server.settings, clock=clock)
        async with streams.candles("BTC-USDT-SWAP", Timeframe.parse(timeframe)):
            line = await server.line(0)
        assert line.requests[0]["args"][0]["channel"] == channel

    on_sockets(test)


def test_fill_is_told_once_however_often_and_in_whatever_order_it_is_pushed(clock: Callable[[], int]) -> None:
    async def test(server: ScriptedSockets) -> None:
        async with OkxAccountStreams(server.settings, clock=clock).events() as events:
            line = await server.line(0)
            assert [request["op"] for request in line.requests] == ["login", "subscribe"]
            assert {arg["channel"] for arg in line.requests[1]["args"]} == {"orders", "positions", "account"}
            first, second, third = fill(1, "0.50"), fill(2, "1.00"), fill(3, "1.50", state="filled")
            await line.push(orders(third, first))  # the last one first
            await line.push(orders(first))
            await line.push(orders(second, third))
            found = await take(events, 3)
        assert all(isinstance(update, OrderUpdate) for update in found)
        assert sorted(update.fill.trade_id for update in found) == ["1", "2", "3"]
        assert sum((update.fill.size for update in found), Contracts(0)) == Contracts("1.50")

    on_sockets(test)


def test_new_state_with_a_known_fill_is_told_without_the_fill(clock: Callable[[], int]) -> None:
    async def test(server: ScriptedSockets) -> None:
        async with OkxAccountStreams(server.settings, clock=clock).events() as events:
            line = await server.line(0)
            await line.push(orders({"tradeId": "", "fillSz": "0", "accFillSz": "0", "state": "live"}))
            await line.push(orders(fill(1, "0.50")))
            await line.push(orders(fill(1, "0.50", state="canceled", cancelSource="1", uTime=str(NOW + 9))))
            placed, filled, canceled = await take(events, 3)
        assert (placed.fill, canceled.fill) == (None, None)
        assert filled.fill.trade_id == "1"
        assert canceled.order.state == "canceled"
        assert canceled.order.filled == Contracts("0.50")

    on_sockets(test)


def test_positions_of_several_pages_are_one_snapshot(clock: Callable[[], int]) -> None:
    def page(position_id: str, number: int, *, last: bool) -> dict[str, Any]:
        return {
            "arg": {"channel": "positions", "instType": "SWAP"},
            "eventType": "snapshot",
            "curPage": number,
            "lastPage": last,
            "data": [{**POSITION, "posId": position_id}],
        }

    async def test(server: ScriptedSockets) -> None:
        async with OkxAccountStreams(server.settings, clock=clock).events() as events:
            line = await server.line(0)
            await line.push(page("1", 1, last=False))
            await line.push(page("2", 2, last=True))
            await line.push(
                {"arg": {"channel": "positions"}, "eventType": "event_update", "data": [POSITION]}
            )
            whole, change = await take(events, 2)
        assert isinstance(whole, PositionsUpdate)
        assert whole.snapshot
        assert [position.position_id for position in whole.positions] == ["1", "2"]
        assert not change.snapshot
        assert len(change.positions) == 1

    on_sockets(test)


def test_balance_push_about_other_coins_does_not_say_that_there_is_no_usdt(clock: Callable[[], int]) -> None:
    coins = {**BALANCE, "details": [BALANCE["details"][1]]}

    async def test(server: ScriptedSockets) -> None:
        async with OkxAccountStreams(server.settings, clock=clock).events() as events:
            line = await server.line(0)
            await line.push({"arg": {"channel": "account"}, "data": [coins]})
            await line.push({"arg": {"channel": "account"}, "data": [BALANCE]})
            (update,) = await take(events, 1)
        assert isinstance(update, BalanceUpdate)
        assert update.balance.usdt.equity == Usdt("99.8946966")

    on_sockets(test)


async def _close(line: Line) -> None:
    await line.drop()


async def _cut(line: Line) -> None:
    await line.cut()


async def _notice(line: Line) -> None:
    await line.push({"event": "notice", "code": "64008", "msg": "closing soon", "connId": "a4d3ae55"})


async def _garbage(line: Line) -> None:
    await line.push('{"arg":{"channel":"orders"},"data":[{"ordId"')


@pytest.mark.parametrize("lose", [_close, _cut, _notice, _garbage])
def test_lost_connection_is_announced_replaced_and_leaves_a_gap(
    lose: Callable[[Line], Awaitable[None]], clock: Callable[[], int]
) -> None:
    async def test(server: ScriptedSockets) -> None:
        async with OkxAccountStreams(server.settings, clock=clock).events() as events:
            line = await server.line(0)
            await line.push(orders(fill(1, "0.50")))
            await lose(line)
            filled, lost, gap = await take(events, 3)
            again = await server.line(1)
            assert [request["op"] for request in again.requests] == ["login", "subscribe"]
            await again.push(orders(fill(1, "0.50"), fill(2, "1.00")))  # the first one is known
            (later,) = await take(events, 1)
        assert (filled.fill.trade_id, later.fill.trade_id) == ("1", "2")
        assert isinstance(lost, Lost)
        assert isinstance(gap, Gap)
        assert gap.since_ms < lost.at_ms < gap.until_ms

    on_sockets(test)


@pytest.mark.parametrize("lose", [_close, _notice, _garbage])
def test_gap_of_a_slow_reader_begins_before_the_loss(
    lose: Callable[[Line], Awaitable[None]], clock: Callable[[], int]
) -> None:
    async def test(server: ScriptedSockets) -> None:
        async with OkxAccountStreams(server.settings, clock=clock).events() as events:
            line = await server.line(0)
            await line.push(orders(fill(1, "0.50")))
            await asyncio.sleep(0.05)  # it has come, and nobody reads
            before_loss_ms = clock()
            await lose(line)
            await asyncio.sleep(0.05)
            for _ in range(100):
                clock()  # time goes by
            filled, _lost, gap = await take(events, 3)
        assert isinstance(filled, OrderUpdate)
        assert gap.since_ms < before_loss_ms

    on_sockets(test)


def test_reader_that_is_too_slow_loses_the_connection_and_is_told_so(
    clock: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "_MOST_WAITING", 2)

    async def test(server: ScriptedSockets) -> None:
        async with OkxAccountStreams(server.settings, clock=clock).events() as events:
            line = await server.line(0)
            for number in range(1, 6):
                await line.push(orders(fill(number, "0.50")))
            await asyncio.sleep(0.05)
            first, second, lost, gap = await take(events, 4)
        assert (first.fill.trade_id, second.fill.trade_id) == ("1", "2")
        assert isinstance(lost, Lost)
        assert "read faster" in gap.reason

    on_sockets(test)


def test_old_connection_stays_open_until_the_new_one_is_subscribed(clock: Callable[[], int]) -> None:
    async def test(server: ScriptedSockets) -> None:
        async with OkxAccountStreams(server.settings, clock=clock).events() as events:
            first = await server.line(0)
            was_open = []

            async def watch(line: Line, request: dict[str, Any]) -> None:
                was_open.append(not first.socket.closed)
                await grant(line, request)

            server.answer = watch
            await _notice(first)
            await take(events, 2)
        assert was_open == [True, True]

    on_sockets(test)


def test_failed_ways_back_are_tried_again(clock: Callable[[], int]) -> None:
    async def test(server: ScriptedSockets) -> None:
        async with OkxAccountStreams(server.settings, clock=clock).events() as events:
            first = await server.line(0)

            async def refuse_twice(line: Line, request: dict[str, Any]) -> None:
                await (line.cut() if len(server.lines) < 4 else grant(line, request))

            server.answer = refuse_twice
            await first.drop()
            lost, gap = await take(events, 2)
        assert (type(lost), type(gap)) == (Lost, Gap)
        assert len(server.lines) == 4

    on_sockets(test)


def test_push_that_cannot_be_read_leaves_a_gap_and_the_stream_goes_on(clock: Callable[[], int]) -> None:
    async def test(server: ScriptedSockets) -> None:
        async with OkxAccountStreams(server.settings, clock=clock).events() as events:
            line = await server.line(0)
            await line.push(orders({"sz": "many"}))
            await line.push({"arg": {"channel": "orders"}, "data": "nothing"})
            await line.push({"arg": {"channel": "account"}, "data": ["words"]})
            await line.push("neither json nor pong")
            await line.push({"arg": {"channel": "of a later version"}, "data": []})
            await line.push(orders(fill(1, "0.50")))
            found = await take(events, 4)
        assert [type(event) for event in found] == [Gap, Gap, Gap, OrderUpdate]
        assert "sz is 'many'" in found[0].reason
        assert found[0].since_ms < found[1].since_ms < found[2].since_ms

    on_sockets(test)


@pytest.mark.parametrize("code", ["60005", "60007", "60009", "60024", "60032"])
def test_refused_login_asks_the_user_and_shows_no_secret(
    code: str, caplog: pytest.LogCaptureFixture, clock: Callable[[], int]
) -> None:
    caplog.set_level(logging.DEBUG)

    async def refuse(line: Line, request: dict[str, Any]) -> None:
        await line.push({"event": "error", "code": code, "msg": f"refused {request}", "connId": "a4d3ae55"})

    async def test(server: ScriptedSockets) -> None:
        server.answer = refuse
        with pytest.raises(ConfigError, match=code) as caught:
            async with OkxAccountStreams(server.settings, clock=clock).events():
                pass
        shown = f"{caught.value!r} {caught.getrepr(style='long', showlocals=False)} {caplog.text}"
        assert not [secret for secret in SECRETS.values() if secret in shown]
        assert repr(server.settings).count("canary") == 0

    on_sockets(test)


def test_refused_subscription_is_an_error(clock: Callable[[], int]) -> None:
    async def refuse(line: Line, request: dict[str, Any]) -> None:
        await line.push({"event": "error", "code": "60018", "msg": "no such channel", "connId": "a4d3ae55"})

    async def test(server: ScriptedSockets) -> None:
        server.answer = refuse
        with pytest.raises(ExchangeError, match="60018") as caught:
            async with OkxMarketStreams(server.settings, clock=clock).candles("NONE", MINUTE):
                pass
        assert not isinstance(caught.value, Retryable)

    on_sockets(test)


def test_server_that_is_not_there_is_retryable(clock: Callable[[], int]) -> None:
    async def test(server: ScriptedSockets) -> None:
        settings = server.settings
        server.port = 1
        with pytest.raises(Retryable, match="did not open"):
            async with OkxAccountStreams(server.settings, clock=clock).events():
                pass
        del settings

    on_sockets(test)


def test_private_stream_without_credentials_asks_for_them() -> None:
    async def test(server: ScriptedSockets) -> None:
        from dataclasses import replace

        with pytest.raises(ConfigError, match="OKX_API_KEY"):
            async with OkxAccountStreams(replace(server.settings, credentials=None)).events():
                pass

    on_sockets(test)


def test_leaving_early_closes_the_connection(clock: Callable[[], int]) -> None:
    async def test(server: ScriptedSockets) -> None:
        async with OkxAccountStreams(server.settings, clock=clock).events() as events:
            line = await server.line(0)
            await line.push(orders(fill(1, "0.50"), fill(2, "1.00")))
            async for _event in events:
                break
        async with asyncio.timeout(2):
            while not line.socket.closed:
                await asyncio.sleep(0.005)

    on_sockets(test)
