"""The sockets as ccxt.pro sees them, in both environments: what it watches, and orders it sends by socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import ccxt
import ccxt.pro
import pytest

from arena.paper_okx.replay import ReplayMarket
from tests.paper_okx.foreign_clients import ETHER, SYMBOL, pro_ccxt
from tests.paper_okx.running import NOW_MS, RunningPaperOkx, run_paper_okx

MINUTE_MS = 60_000
PATIENCE_S = 5.0
Act = Callable[[], Awaitable[Any]]


@pytest.fixture(scope="module", params=["demo", "live"])
def uid(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def paper(replay_market: ReplayMarket, uid: str) -> Iterator[RunningPaperOkx]:
    with run_paper_okx(market=replay_market, usdt="100000") as running:
        yield running


@asynccontextmanager
async def watching(paper: RunningPaperOkx, uid: str) -> AsyncIterator[ccxt.pro.okx]:
    client = pro_ccxt(paper, uid)
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


async def soon(wanted: Awaitable[Any]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        return await wanted


async def seen_after(watch: Awaitable[Any], act: Act) -> Any:
    """Return what a watch of something subscribed is told once `act` has been done."""
    task = asyncio.ensure_future(watch)
    await asyncio.sleep(0)
    await act()
    return await soon(task)


async def stepped_until_seen(watch: Awaitable[Any], paper: RunningPaperOkx) -> Any:
    """Return what a watch is told while the clock goes on minute by minute."""
    task = asyncio.ensure_future(watch)
    async with asyncio.timeout(PATIENCE_S):
        while not task.done():
            await paper_stepped(paper, MINUTE_MS)
            await asyncio.wait({task}, timeout=0.03)
    return task.result()


async def until(watch: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> Any:
    """Return the first thing watched that is wanted."""
    async with asyncio.timeout(PATIENCE_S):
        while not wanted(found := await watch()):
            pass
    return found


def stepping(paper: RunningPaperOkx, milliseconds: int) -> Act:
    return lambda: asyncio.to_thread(paper.step, milliseconds)


def test_bars_are_watched_from_the_running_to_the_closed_one(paper: RunningPaperOkx, uid: str) -> None:
    async def scenario() -> None:
        async with watching(paper, uid) as client:
            [first] = await soon(client.watch_ohlcv(SYMBOL, "1m"))
            await paper_stepped(paper, 90_000)
            bars = await until(
                lambda: client.watch_ohlcv(SYMBOL, "1m"), lambda found: found[-1][0] > first[0]
            )
            rest = await client.fetch_ohlcv(SYMBOL, "1m", limit=2)
            assert bars[-1] == rest[-1]
            cached = client.ohlcvs[SYMBOL]["1m"]
            assert [bar[0] for bar in cached][:2] == [first[0], first[0] + MINUTE_MS]
            assert list(cached)[-2] == rest[-2]
            await soon(client.un_watch_ohlcv(SYMBOL, "1m"))

    asyncio.run(scenario())


async def paper_stepped(paper: RunningPaperOkx, milliseconds: int) -> None:
    await asyncio.to_thread(paper.step, milliseconds)


def test_bars_of_a_day_open_by_the_clock_of_utc_8(paper: RunningPaperOkx, uid: str) -> None:
    async def scenario() -> None:
        async with watching(paper, uid) as client:
            [bar] = await soon(client.watch_ohlcv(SYMBOL, "1d"))
            assert bar[0] % (24 * 60 * MINUTE_MS) == 16 * 60 * MINUTE_MS

    asyncio.run(scenario())


def test_tickers_marks_books_and_trades_are_watched(paper: RunningPaperOkx, uid: str) -> None:
    async def scenario() -> None:
        async with watching(paper, uid) as client:
            ticker = await soon(client.watch_ticker(SYMBOL))
            rest = await client.fetch_ticker(SYMBOL)
            assert ticker["info"] == rest["info"]
            tickers = await soon(client.watch_tickers([SYMBOL, ETHER]))
            assert set(tickers) <= {SYMBOL, ETHER}
            assert (await soon(client.watch_mark_price(SYMBOL)))["markPrice"] > 0
            assert (await soon(client.watch_funding_rate(SYMBOL)))["fundingTimestamp"] > NOW_MS
            best = await soon(client.watch_bids_asks([SYMBOL]))
            assert best[SYMBOL]["bid"] < best[SYMBOL]["ask"]
            book = await soon(client.watch_order_book(SYMBOL, params={"depth": "books5"}))
            assert (len(book["bids"]), book["bids"][0][0]) == (5, ticker["bid"])
            trades = await stepped_until_seen(client.watch_trades(SYMBOL), paper)
            assert trades[-1]["amount"] > 0
            await soon(client.un_watch_ticker(SYMBOL))

    asyncio.run(scenario())


def test_a_whole_book_is_watched_in_steps_and_anew_after_a_gap(paper: RunningPaperOkx, uid: str) -> None:
    async def scenario() -> None:
        async with watching(paper, uid) as client:
            assert len((await soon(client.watch_order_book(SYMBOL)))["bids"]) == 25
            for _ in range(3):
                await seen_after(client.watch_order_book(SYMBOL), stepping(paper, MINUTE_MS))
                await same_book(client)
            await asyncio.to_thread(paper.fault, "push_reorder", path="books", times=1)
            with pytest.raises(ccxt.InvalidNonce):
                await until(
                    lambda: stepped_until_seen(client.watch_order_book(SYMBOL), paper), lambda _: False
                )
            await soon(client.watch_order_book(SYMBOL))
            await same_book(client)

    asyncio.run(scenario())


async def same_book(client: ccxt.pro.okx) -> None:
    """Wait until the book that was watched is the one that is fetched."""
    rest = await client.fetch_order_book(SYMBOL)

    def is_same(watched: Any) -> bool:
        return all(
            [level[:2] for level in watched[side]] == [level[:2] for level in rest[side]]
            for side in ("bids", "asks")
        )

    if not is_same(client.orderbooks[SYMBOL]):
        await until(lambda: client.watch_order_book(SYMBOL), is_same)


def test_all_trades_are_watched(paper: RunningPaperOkx, uid: str) -> None:
    async def scenario() -> None:
        async with watching(paper, uid) as client:
            watch = client.watch_trades(SYMBOL, params={"channel": "trades-all"})
            seen = await stepped_until_seen(watch, paper)
            assert seen[-1]["id"] in {one["id"] for one in await client.fetch_trades(SYMBOL, limit=20)}

    asyncio.run(scenario())


def test_an_order_by_socket_is_watched_to_its_fill(paper: RunningPaperOkx, uid: str) -> None:
    async def scenario() -> None:
        async with watching(paper, uid) as client:
            task = asyncio.ensure_future(client.watch_orders(SYMBOL))
            fills = asyncio.ensure_future(client.watch_my_trades(SYMBOL))
            await asyncio.sleep(0.05)
            placed = await soon(client.create_order_ws(SYMBOL, "market", "buy", 1))
            orders = await soon(task)
            assert {one["id"] for one in orders} == {placed["id"]}
            done = await until(lambda: closed_orders(client), bool)
            assert (done[0]["status"], done[0]["filled"]) == ("closed", 1)
            [trade] = await soon(fills)
            assert (trade["order"], trade["takerOrMaker"]) == (placed["id"], "taker")
            await client.close_position(SYMBOL, params={"marginMode": "cross"})

    asyncio.run(scenario())


async def closed_orders(client: ccxt.pro.okx) -> list[Any]:
    await asyncio.sleep(0)
    return [one for one in client.orders or [] if one["status"] == "closed"]


def test_an_order_by_socket_can_be_changed_and_canceled(paper: RunningPaperOkx, uid: str) -> None:
    async def scenario() -> None:
        async with watching(paper, uid) as client:
            placed = await soon(client.create_order_ws(SYMBOL, "limit", "buy", 1, 15500))
            edited = await soon(client.edit_order_ws(placed["id"], SYMBOL, "limit", "buy", 2, 15600))
            assert edited["id"] == placed["id"]
            order = await client.fetch_order(placed["id"], SYMBOL)
            assert (order["amount"], order["price"]) == (2, 15600)
            canceled = await soon(client.cancel_order_ws(placed["id"], SYMBOL))
            assert canceled["id"] == placed["id"]
            more = [await soon(client.create_order_ws(SYMBOL, "limit", "buy", 1, 15500 + n)) for n in (1, 2)]
            gone = await soon(client.cancel_orders_ws([one["id"] for one in more], SYMBOL))
            assert [one["id"] for one in gone] == [one["id"] for one in more]
            assert await client.fetch_open_orders(SYMBOL) == []

    asyncio.run(scenario())


def test_a_refused_order_by_socket_reaches_its_sender_alone(paper: RunningPaperOkx, uid: str) -> None:
    async def scenario() -> None:
        async with watching(paper, uid) as client:
            with pytest.raises(ccxt.ExchangeError, match="51008"):
                await soon(client.create_order_ws(SYMBOL, "limit", "buy", 400_000, 16000))
            assert (await soon(client.create_order_ws(SYMBOL, "limit", "buy", 1, 15500)))["id"]
            for order in await client.fetch_open_orders(SYMBOL):
                await client.cancel_order(order["id"], SYMBOL)

    asyncio.run(scenario())


def test_positions_and_balance_are_watched(paper: RunningPaperOkx, uid: str) -> None:
    async def scenario() -> None:
        async with watching(paper, uid) as client:
            balance = await soon(client.watch_balance())
            assert balance["USDT"]["total"] > 0
            assert await soon(client.watch_positions()) == []
            opened = lambda: client.create_order(SYMBOL, "market", "sell", 3)  # noqa: E731 - used once
            [held] = await seen_after(client.watch_positions(), opened)
            assert (held["symbol"], held["side"], held["contracts"]) == (SYMBOL, "short", 3)
            rest = await client.fetch_position(SYMBOL)
            assert held["entryPrice"] == rest["entryPrice"]
            after = await seen_after(client.watch_balance(), stepping(paper, 5000))
            assert after["USDT"]["free"] < balance["USDT"]["free"]
            closed = lambda: client.close_position(SYMBOL, params={"marginMode": "cross"})  # noqa: E731
            await seen_after(until(client.watch_positions, is_flat), closed)

    asyncio.run(scenario())


def is_flat(positions: list[Any]) -> bool:
    return {one["contracts"] for one in positions} == {0}


def test_stops_are_watched(paper: RunningPaperOkx, uid: str) -> None:
    async def scenario() -> None:
        async with watching(paper, uid) as client:
            task = asyncio.ensure_future(client.watch_orders(SYMBOL, params={"trigger": True}))
            placed = []
            async with asyncio.timeout(PATIENCE_S):
                while not task.done():  # the first may be placed before the subscription has arrived
                    params = {"triggerPrice": 17500}
                    stop = await client.create_order(SYMBOL, "market", "buy", 1, params=params)
                    placed.append(stop["id"])
                    await asyncio.wait({task}, timeout=0.1)
                    await client.cancel_order(stop["id"], SYMBOL, {"trigger": True})
            [seen] = task.result()[:1]
            assert (seen["id"] in placed, seen["triggerPrice"]) == (True, 17500)

    asyncio.run(scenario())


def test_a_wrong_login_is_an_authentication_error(paper: RunningPaperOkx, uid: str) -> None:
    async def scenario() -> None:
        async with watching(paper, uid) as client:
            client.password = "wrong"  # noqa: S105 - wrong on purpose
            with pytest.raises(ccxt.AuthenticationError, match="60024"):
                await soon(client.watch_balance())

    asyncio.run(scenario())


def test_a_dropped_socket_is_a_network_error_and_can_be_watched_anew(
    paper: RunningPaperOkx, uid: str
) -> None:
    async def scenario() -> None:
        async with watching(paper, uid) as client:
            await soon(client.watch_ticker(SYMBOL))
            await asyncio.to_thread(paper.fault, "socket_drop", path="tickers", times=1)
            with pytest.raises(ccxt.NetworkError):
                await seen_after(client.watch_ticker(SYMBOL), stepping(paper, MINUTE_MS))
            assert (await soon(client.watch_ticker(SYMBOL)))["symbol"] == SYMBOL

    asyncio.run(scenario())


def test_the_notice_of_an_upgrade_is_a_network_error(paper: RunningPaperOkx, uid: str) -> None:
    async def scenario() -> None:
        async with watching(paper, uid) as client:
            await soon(client.watch_ticker(SYMBOL))
            await asyncio.to_thread(paper.fault, "socket_notice", path="tickers", times=1, delay_ms=20)
            await paper_stepped(paper, MINUTE_MS)
            with pytest.raises(ccxt.NetworkError):
                await until(lambda: client.watch_ticker(SYMBOL), lambda _: False)

    asyncio.run(scenario())
