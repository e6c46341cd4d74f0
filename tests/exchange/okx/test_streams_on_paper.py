"""Streams against the paper exchange's sockets: what is told agrees with what is read, faults or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from arena.core.account import FillSnapshot
from arena.core.errors import ConfigError
from arena.core.events import BalanceUpdate, ClosedBar, Gap, Lost, OrderUpdate, PositionsUpdate
from arena.core.quantity import Contracts
from arena.core.timeframe import Timeframe
from arena.core.trading import OrderRequest, OrderState, OrderType, Side
from arena.exchange.okx import reconnect
from arena.exchange.okx.streams import OkxAccountStreams, OkxMarketStreams, exchange_clock
from tests.exchange.okx.paper import BTC, PaperAccount, PaperExchanges, paper_exchange

MINUTE = Timeframe.parse("1m")
SIZE = Contracts("0.50")


@pytest.fixture(scope="module")
def exchange() -> Iterator[PaperExchanges]:
    with paper_exchange() as running:
        yield running


@pytest.fixture
def account(exchange: PaperExchanges) -> Iterator[PaperAccount]:
    exchange.clear_faults()
    yield exchange.next_account()
    exchange.clear_faults()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnect, "_FIRST_PAUSE_S", 0.01)


class Listener:
    """Reads a stream into a list while a test does other things."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    @property
    def fills(self) -> list[FillSnapshot]:
        return [event.fill for event in self.events if isinstance(event, OrderUpdate) and event.fill]

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def read(self, events: AsyncIterator[Any]) -> None:
        async for event in events:
            self.events.append(event)

    async def until(self, account: PaperAccount, enough: Callable[[], object], step_ms: int = 1000) -> None:
        """Let the exchange's clock go on until the stream has told enough."""
        async with asyncio.timeout(20):
            while not enough():
                await asyncio.to_thread(account.step, step_ms)
                await asyncio.sleep(0.02)


def listening(account: PaperAccount, test: Callable[[Listener], Awaitable[None]]) -> Listener:
    """Run a test while the account's stream is read."""
    listener = Listener()

    async def run() -> None:
        streams = OkxAccountStreams(account.settings(), clock=exchange_clock(account.gateway._client))
        async with streams.events() as events:
            task = asyncio.create_task(listener.read(events))
            await test(listener)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    return listener


async def buy(account: PaperAccount, client_id: str) -> None:
    request = OrderRequest(inst_id=BTC, client_id=client_id, side=Side.BUY, type=OrderType.MARKET, size=SIZE)
    await asyncio.to_thread(account.gateway.place_order, request)


def test_order_is_told_from_its_making_to_its_last_fill(account: PaperAccount) -> None:
    async def test(listener: Listener) -> None:
        await buy(account, "s1")
        await listener.until(
            account,
            lambda: (
                listener.fills and listener.of(BalanceUpdate) and listener.of(PositionsUpdate)[-1].positions
            ),
        )

    listener = listening(account, test)
    updates = listener.of(OrderUpdate)
    assert {update.order.client_id for update in updates} == {"s1"}
    assert updates[-1].order.state is OrderState.FILLED
    assert [fill.key for fill in listener.fills] == [fill.key for fill in account.gateway.fills()]
    (position,) = listener.of(PositionsUpdate)[-1].positions
    assert position.size == SIZE == account.gateway.positions()[0].size
    told, read = listener.of(BalanceUpdate)[-1].balance.usdt, account.gateway.balance().usdt
    assert told.cash == read.cash


@pytest.mark.parametrize("kind", ["push_duplicate", "push_reorder", "push_late"])
def test_x8_x9_fills_told_twice_late_or_out_of_order_are_counted_once(
    account: PaperAccount, kind: str
) -> None:
    account.fault(kind, "orders", times=None, delay_ms=30)

    async def test(listener: Listener) -> None:
        for number in range(4):
            await buy(account, f"t{number}")
        await listener.until(account, lambda: len(listener.fills) >= 4)
        await asyncio.sleep(0.1)  # what is late has to come, too

    listener = listening(account, test)
    assert account.struck >= 4
    told = [fill.key for fill in listener.fills]
    assert len(set(told)) == len(told)
    assert set(told) == {fill.key for fill in account.gateway.fills()}
    assert sum((fill.size for fill in listener.fills), Contracts(0)) == account.gateway.positions()[0].size


@pytest.mark.parametrize("kind", ["socket_drop", "socket_notice"])
def test_x12_x13_what_a_lost_connection_missed_is_read_and_counted_once(
    account: PaperAccount, kind: str
) -> None:
    async def test(listener: Listener) -> None:
        await buy(account, "u0")
        await listener.until(account, lambda: len(listener.fills) == 1)
        account.fault(kind, "orders")
        await buy(account, "u1")
        await listener.until(account, lambda: listener.of(Gap))
        await buy(account, "u2")
        await listener.until(account, lambda: any(fill.client_id == "u2" for fill in listener.fills))

    listener = listening(account, test)
    (lost,), (gap,) = listener.of(Lost), listener.of(Gap)
    assert listener.events.index(lost) < listener.events.index(gap)
    missed = account.gateway.fills(BTC, begin_ms=gap.since_ms - 3_600_000)  # with an overlap
    counted = {fill.key: fill for fill in [*listener.fills, *missed]}
    assert sorted(str(fill.client_id) for fill in counted.values()) == ["u0", "u1", "u2"]
    assert sum((fill.size for fill in counted.values()), Contracts(0)) == account.gateway.positions()[0].size


def test_stream_with_wrong_credentials_asks_the_user(account: PaperAccount) -> None:
    async def run() -> None:
        async with OkxAccountStreams(account.settings(secret="canary5e1f")).events():  # noqa: S106 - none
            pass

    with pytest.raises(ConfigError) as caught:
        asyncio.run(run())
    assert "canary" not in str(caught.value)


def test_no_log_of_a_stream_shows_a_secret(
    account: PaperAccount, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")

    async def test(listener: Listener) -> None:
        account.fault("socket_drop", "orders")
        await buy(account, "log1")
        await listener.until(account, lambda: listener.of(Gap))

    listener = listening(account, test)
    shown = f"{caplog.text} {capfd.readouterr()} {listener.events!r}"
    assert not {secret for secret in account.secrets if secret in shown}


def test_closed_bars_are_those_that_are_read(account: PaperAccount) -> None:
    listener = Listener()

    async def run() -> None:
        clock = exchange_clock(account.gateway._client)
        async with OkxMarketStreams(account.settings(), clock=clock).candles(BTC, MINUTE) as events:
            task = asyncio.create_task(listener.read(events))
            await listener.until(account, lambda: len(listener.of(ClosedBar)) >= 4, step_ms=20_000)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    told = {bar.ts: bar for bar in listener.of(ClosedBar)}
    pages = list(account.feed.bars("candles", BTC, MINUTE, min(told), max(told) + MINUTE.step_ms))
    read = {
        int(ts): (float(close), float(volume))
        for page in pages
        for ts, close, volume in zip(page.bars.ts, page.bars.close, page.bars.volume, strict=True)
    }
    assert read == {ts: (float(bar.close), float(bar.volume)) for ts, bar in told.items()}
    assert not listener.of(Gap)
