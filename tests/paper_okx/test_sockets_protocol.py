"""What a socket is answered: keep-alive, logins, subscriptions, orders that cannot be read, limits."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from arena.paper_okx.replay import ReplayMarket
from arena.paper_okx.sockets import SocketSettings
from arena.paper_okx.sockets.channels import CHANNELS
from tests.paper_okx.running import DEMO, LIVE, RunningPaperOkx, run_paper_okx
from tests.paper_okx.socket_talk import Line, login_of, talk

BTC = "BTC-USDT-SWAP"
UNKNOWN_UUID = "01234567-89ab-cdef-0123-456789abcdef"


@pytest.fixture(scope="module")
def paper(replay_market: ReplayMarket) -> Iterator[RunningPaperOkx]:
    with run_paper_okx(market=replay_market) as running:
        yield running


@pytest.fixture(scope="module")
def strict(replay_market: ReplayMarket) -> Iterator[RunningPaperOkx]:
    """An exchange with short limits."""
    limits = SocketSettings(requests_per_hour=4, connects_per_s=50, connections_per_channel=2)
    with run_paper_okx(market=replay_market, rate_limits=True, sockets=limits) as running:
        yield running


@pytest.fixture(scope="module")
def impatient(replay_market: ReplayMarket) -> Iterator[RunningPaperOkx]:
    """An exchange that ends a silent connection after half a second."""
    with run_paper_okx(market=replay_market, sockets=SocketSettings(idle_s=0.5)) as running:
        yield running


@pytest.mark.parametrize("url", ["public", "private", "business"])
def test_the_text_ping_is_answered_by_the_text_pong_whatever_the_query(
    paper: RunningPaperOkx, url: str
) -> None:
    async def scenario() -> None:
        async with talk(paper, url, "?brokerId=9999") as line:
            await line.socket.send_str("ping")
            assert await line.next() == {"text": "pong"}

    asyncio.run(scenario())


def test_a_login_is_told_with_code_and_connection(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with talk(paper, "private") as line:
            reply = await line.login(LIVE)
            assert reply.keys() == {"event", "code", "msg", "connId"}
            assert (reply["event"], reply["code"], len(reply["connId"])) == ("login", "0", 8)

    asyncio.run(scenario())


def test_a_login_may_give_its_time_as_a_number(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with talk(paper, "business") as line:
            reply = await line.login(DEMO, timestamp=int(login_of(DEMO)["timestamp"]))
            assert reply["event"] == "login"

    asyncio.run(scenario())


def test_a_login_may_go_by_the_venues_time(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with talk(paper, "private") as line:
            seconds = paper.exchange.clock.now() // 1000
            reply = await line.ask(op="login", args=[login_of(DEMO, seconds)])
            assert reply["event"] == "login"

    asyncio.run(scenario())


WRONG_LOGINS = {
    "time that is no number": ({"timestamp": "noon"}, "60004"),
    "time in milliseconds": ({"timestamp": "1704067200000"}, "60004"),
    "key of no form": ({"apiKey": "nobody"}, "60005"),
    "time long past": (login_of(DEMO, int(time.time()) - 3600), "60006"),
    "wrong signature": ({"sign": "bm90IHRoZSBzaWduYXR1cmU="}, "60007"),
    "wrong passphrase": ({"passphrase": "wrong"}, "60024"),
    "no passphrase": ({"passphrase": ""}, "60027"),
    "key that does not exist": ({"apiKey": UNKNOWN_UUID}, "60032"),
}


@pytest.mark.parametrize("case", WRONG_LOGINS)
def test_a_wrong_login_is_told_its_code_and_closed(paper: RunningPaperOkx, case: str) -> None:
    changes, code = WRONG_LOGINS[case]

    async def scenario() -> None:
        async with talk(paper, "private") as line:
            reply = await line.login(DEMO, **changes)
            assert (reply["event"], reply["code"]) == ("error", code)
            assert DEMO.passphrase not in reply["msg"]
            assert await line.closed() == 4001

    asyncio.run(scenario())


def test_a_second_login_is_refused_and_the_first_stays(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with talk(paper, "private") as line:
            await line.login(DEMO)
            assert (await line.login(DEMO))["code"] == "60031"
            assert (await line.subscribe(channel="orders", instType="ANY"))["event"] == "subscribe"

    asyncio.run(scenario())


def test_a_subscription_echoes_id_and_argument_and_can_be_ended(paper: RunningPaperOkx) -> None:
    arg = {"channel": "tickers", "instId": BTC}

    async def scenario() -> None:
        async with talk(paper, "public") as line:
            reply = await line.ask(id="1512", op="subscribe", args=[arg])
            assert reply.keys() == {"id", "event", "arg", "connId"}
            assert (reply["id"], reply["event"], reply["arg"]) == ("1512", "subscribe", arg)
            assert (await line.pushed("tickers"))["arg"] == arg
            reply = await line.ask(id="1513", op="unsubscribe", args=[arg])
            assert (reply["id"], reply["event"], reply["arg"]) == ("1513", "unsubscribe", arg)
            await line.step(60_000)
            assert await line.is_silent()

    asyncio.run(scenario())


def test_each_argument_is_answered_for_itself(paper: RunningPaperOkx) -> None:
    args = [
        {"channel": "mark-price", "instId": BTC},
        {"channel": "gossip"},
        {"channel": "trades", "instId": BTC},
    ]

    async def scenario() -> None:
        async with talk(paper, "public") as line:
            await line.say(op="subscribe", args=args)
            events = [await line.hear(lambda heard: "event" in heard) for _ in args]
            assert [one["event"] for one in events] == ["subscribe", "error", "subscribe"]
            assert events[1]["code"] == "60018"

    asyncio.run(scenario())


REFUSED: dict[str, tuple[str, Any, str]] = {
    "no JSON": ("public", "{op", "60012"),
    "no object": ("public", "[]", "60012"),
    "no operation": ("public", {"args": []}, "60012"),
    "unknown operation": ("public", {"op": "gossip", "args": []}, "60019"),
    "no arguments": ("public", {"op": "subscribe"}, "60013"),
    "an empty list": ("public", {"op": "unsubscribe", "args": []}, "60013"),
    "an argument that is no object": ("public", {"op": "subscribe", "args": ["tickers"]}, "60013"),
    "no channel": ("public", {"op": "subscribe", "args": [{"instId": BTC}]}, "60027"),
    "no instrument": ("public", {"op": "subscribe", "args": [{"channel": "tickers"}]}, "60027"),
    "unknown channel": ("public", {"op": "subscribe", "args": [{"channel": "rumours"}]}, "60018"),
    "fills": ("private", {"op": "subscribe", "args": [{"channel": "fills"}]}, "60029"),
    "books-l2-tbt": ("public", {"op": "subscribe", "args": [{"channel": "books-l2-tbt"}]}, "64003"),
    "books50-l2-tbt": ("public", {"op": "subscribe", "args": [{"channel": "books50-l2-tbt"}]}, "64003"),
    "all trades at the public address": (
        "public",
        {"op": "subscribe", "args": [{"channel": "trades-all", "instId": BTC}]},
        "64001",
    ),
    "unknown instrument": (
        "public",
        {"op": "subscribe", "args": [{"channel": "tickers", "instId": "DOGE-USDT-SWAP"}]},
        "60018",
    ),
    "index channel with a swap's id": (
        "public",
        {"op": "subscribe", "args": [{"channel": "index-tickers", "instId": BTC}]},
        "60018",
    ),
    "private channel at the public address": (
        "public",
        {"op": "subscribe", "args": [{"channel": "orders", "instType": "SWAP"}]},
        "60008",
    ),
    "candles at the public address": (
        "public",
        {"op": "subscribe", "args": [{"channel": "candle1m", "instId": BTC}]},
        "64001",
    ),
    "tickers at the business address": (
        "business",
        {"op": "subscribe", "args": [{"channel": "tickers", "instId": BTC}]},
        "64002",
    ),
    "private channel without login": (
        "private",
        {"op": "subscribe", "args": [{"channel": "account"}]},
        "60011",
    ),
    "stops without login": (
        "business",
        {"op": "subscribe", "args": [{"channel": "orders-algo", "instType": "SWAP"}]},
        "60011",
    ),
    "order without login": ("private", {"op": "order", "args": [{"instId": BTC}]}, "60011"),
    "order at the public address": ("public", {"op": "order", "args": [{"instId": BTC}]}, "60028"),
    "order at the business address": ("business", {"op": "batch-orders", "args": []}, "60028"),
    "too long a message": ("public", "x" * 70_000, "60012"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_request_that_cannot_be_done_is_refused_by_its_code(paper: RunningPaperOkx, case: str) -> None:
    url, request, code = REFUSED[case]

    async def scenario() -> None:
        async with talk(paper, url) as line:
            if isinstance(request, str):
                await line.socket.send_str(request)
            else:
                await line.say(id="7", **request)
            reply = await line.next()
            assert (reply["event"], reply["code"]) == ("error", code)
            assert reply.get("id") == (None if isinstance(request, str) or "op" not in request else "7")
            assert await line.is_silent()

    asyncio.run(scenario())


def test_a_request_of_bytes_is_refused(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with talk(paper, "public") as line:
            await line.socket.send_bytes(b'{"op":"subscribe"}')
            assert (await line.next())["code"] == "60012"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("extra", "code"),
    [('{"updateInterval": "0"}', None), ('{"updateInterval": "7"}', "60013"), ("soon", "60013")],
)
def test_the_interval_of_regular_pushes_is_one_of_those_on_offer(
    paper: RunningPaperOkx, extra: str, code: str | None
) -> None:
    async def scenario() -> None:
        async with talk(paper, "private") as line:
            await line.login(DEMO)
            reply = await line.subscribe(channel="positions", instType="ANY", extraParams=extra)
            assert reply.get("code") == code

    asyncio.run(scenario())


def test_silence_of_both_sides_ends_the_connection(impatient: RunningPaperOkx) -> None:
    async def scenario() -> None:
        began = time.monotonic()
        async with talk(impatient, "public") as line:
            assert await line.closed() == 4004
            assert time.monotonic() - began >= 0.5

    asyncio.run(scenario())


def test_what_is_pushed_keeps_a_connection_open(impatient: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with talk(impatient, "public") as line:
            began = time.monotonic()
            await line.subscribe(channel="mark-price", instId=BTC)
            while time.monotonic() - began < 0.7:
                await line.pushed("mark-price")
                await asyncio.sleep(0.1)
                await line.step(10_000)

    asyncio.run(scenario())


def test_too_many_requests_of_a_connection_are_refused(strict: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with talk(strict, "public") as line:
            replies = [await line.subscribe(channel="instruments", instType="SPOT") for _ in range(5)]
            assert [one.get("code") for one in replies] == [None, None, None, None, "60014"]
            await line.socket.send_str("ping")
            assert await line.next() == {"text": "pong"}

    asyncio.run(scenario())


def test_too_many_connections_on_a_private_channel_end_the_newest_subscription(
    strict: RunningPaperOkx,
) -> None:
    async def joined(line: Line) -> dict[str, Any]:
        await line.login(DEMO)
        assert (await line.subscribe(channel="orders", instType="SWAP"))["event"] == "subscribe"
        return await line.next()

    async def scenario() -> None:
        async with talk(strict, "private") as one, talk(strict, "private") as two:
            told = await joined(one)
            assert told.keys() == {"event", "channel", "connCount", "connId"}
            assert (told["event"], told["channel"], told["connCount"]) == (
                "channel-conn-count",
                "orders",
                "1",
            )
            assert (await joined(two))["connCount"] == "2"
            async with talk(strict, "private") as three:
                told = await joined(three)
                assert (told["event"], told["connCount"]) == ("channel-conn-count-error", "3")
        async with talk(strict, "private") as later:
            assert (await joined(later))["connCount"] == "1"

    asyncio.run(scenario())


def test_too_many_connections_of_a_second_are_turned_away(replay_market: ReplayMarket) -> None:
    async def connect(paper: RunningPaperOkx) -> int:
        try:
            async with talk(paper, "public"):
                return 101
        except aiohttp.WSServerHandshakeError as error:
            return error.status

    async def scenario(paper: RunningPaperOkx) -> list[int]:
        return [await connect(paper) for _ in range(5)]

    with run_paper_okx(market=replay_market, rate_limits=True) as paper:
        assert asyncio.run(scenario(paper)) == [101, 101, 101, 429, 429]


def test_an_exchange_that_stops_says_goodbye(replay_market: ReplayMarket) -> None:
    async def scenario() -> int | None:
        with run_paper_okx(market=replay_market) as paper:
            line = await asyncio.ensure_future(_opened(paper, sessions))
        return await line.closed()

    sessions: list[aiohttp.ClientSession] = []

    async def both() -> None:
        try:
            assert await scenario() == 1001
        finally:
            for session in sessions:
                await session.close()

    asyncio.run(both())


async def _opened(paper: RunningPaperOkx, sessions: list[aiohttp.ClientSession]) -> Line:
    sessions.append(aiohttp.ClientSession())
    return Line(await sessions[0].ws_connect(f"{paper.ws_url}/public"), paper)


@pytest.mark.parametrize("url", ["public", "business", "private"])
def test_the_page_lists_every_channel_at_its_address(project: Path, url: str) -> None:
    page = (project / "docs" / "paper_exchange.md").read_text()
    [listed] = re.findall(rf"^\| {url} \|(.*)", page, re.MULTILINE)
    names = [re.sub("candle.*", "candle*", one.name) for one in CHANNELS.values() if one.url == url]
    assert set(re.findall("`([^`]+)`", listed)) == set(names)
