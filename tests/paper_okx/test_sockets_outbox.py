"""A reader that does not keep up, and pushes that a fault strikes on their way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from arena.paper_okx.replay import ReplayMarket
from arena.paper_okx.sockets import SocketSettings
from arena.paper_okx.sockets.outbox import Outbox
from tests.paper_okx.running import START_MS, RunningPaperOkx, run_paper_okx
from tests.paper_okx.socket_talk import Line, talk

BTC = "BTC-USDT-SWAP"
MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def paper(replay_market: ReplayMarket) -> Iterator[RunningPaperOkx]:
    with run_paper_okx(market=replay_market) as running:
        yield running


@pytest.fixture(autouse=True)
def _without_faults(paper: RunningPaperOkx) -> Iterator[None]:
    yield
    paper.clear_faults()


class StuckSocket:
    """A reader that takes the first message and then nothing."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.close_code: int | None = None
        self._never = asyncio.Event()

    async def send_str(self, text: str) -> None:
        if self.taken:
            await self._never.wait()
        self.taken.append(text)

    async def close(self, *, code: int, message: bytes) -> None:
        self.close_code = code


def test_a_put_never_waits_for_its_reader_and_too_many_end_it() -> None:
    async def scenario() -> None:
        reader, broken_off = StuckSocket(), asyncio.Event()
        settings = SocketSettings(waiting_messages=100, goodbye_s=0.02)
        outbox = Outbox(reader, broken_off.set, settings)  # type: ignore[arg-type]
        began = time.perf_counter()
        for number in range(1000):
            outbox.put(str(number))
            if number == 0:
                await asyncio.sleep(0)
        assert time.perf_counter() - began < 0.5
        async with asyncio.timeout(2):
            await broken_off.wait()
        assert reader.taken == ["0"]
        await outbox.finish()

    asyncio.run(scenario())


def test_a_reader_that_is_only_behind_is_closed_with_4005(replay_market: ReplayMarket) -> None:
    async def scenario(paper: RunningPaperOkx) -> int | None:
        async with talk(paper, "business") as line:
            await line.subscribe(channel="candle1m", instId=BTC)
            await line.step(60 * MINUTE_MS)  # sixty bars at once, and room for ten
            return await line.closed()

    with run_paper_okx(market=replay_market, sockets=SocketSettings(waiting_messages=10)) as paper:
        assert asyncio.run(scenario(paper)) == 4005


def test_a_reader_that_reads_nothing_holds_up_nobody(replay_market: ReplayMarket) -> None:
    """Bars go to a socket whose other end never reads, until its buffers and its queue are full."""
    settings = SocketSettings(waiting_messages=2000, goodbye_s=0.05, poll_s=0.001)
    with run_paper_okx(market=replay_market, start_ms=START_MS + MINUTE_MS, sockets=settings) as paper:
        deaf = deaf_reader(paper)
        try:
            slowest = 0.0
            for _ in range(23):
                began = time.perf_counter()
                paper.step(300 * MINUTE_MS)
                paper.get("/api/v5/public/time")
                slowest = max(slowest, time.perf_counter() - began)
            assert slowest < 1.0
            assert read_to_end(deaf) < 4_000_000  # of eight million bytes that were told
        finally:
            deaf.close()


def read_to_end(deaf: socket.socket) -> int:
    """Return how many bytes still come before the connection turns out to be closed."""
    deaf.settimeout(5)
    count = 0
    with contextlib.suppress(ConnectionResetError):
        while data := deaf.recv(65_536):
            count += len(data)
    return count


def deaf_reader(paper: RunningPaperOkx) -> socket.socket:
    """Open a connection by hand, ask for much and never read."""
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    deaf.connect(("127.0.0.1", paper.port))
    deaf.sendall(
        b"GET /ws/v5/business HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    args = [
        {"channel": channel, "instId": f"{coin}{'' if channel.startswith('index') else '-SWAP'}"}
        for channel in ("candle1m", "mark-price-candle1m", "index-candle1m")
        for coin in ("BTC-USDT", "ETH-USDT")
    ]
    text = json.dumps({"op": "subscribe", "args": args}).encode()
    deaf.sendall(bytes([0x81, 0x80 | 126]) + len(text).to_bytes(2) + b"\0\0\0\0" + text)
    return deaf


async def prices(line: Line, count: int) -> list[int]:
    """Return the times of the next pushes of mark-price, in the order in which they come."""
    return [int((await line.pushed("mark-price"))["data"][0]["ts"]) for _ in range(count)]


async def listening(line: Line) -> None:
    await line.subscribe(channel="mark-price", instId=BTC)
    await line.pushed("mark-price")


def wait_for_strike(paper: RunningPaperOkx) -> None:
    """Return when the one fault in force has struck."""
    for _ in range(500):
        if paper.control("GET", "faults")["faults"][0]["struck"]:
            return
        time.sleep(0.005)
    pytest.fail("the fault did not strike")


def test_a_push_can_come_twice(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with talk(paper, "public") as line:
            await listening(line)
            await asyncio.to_thread(paper.fault, "push_duplicate", path="mark-price", times=1)
            await line.step(MINUTE_MS)
            first, second = await prices(line, 2)
            assert first == second
            await line.step(MINUTE_MS)
            assert (await prices(line, 1))[0] > second

    asyncio.run(scenario())


def test_a_push_can_be_overtaken_by_the_next(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with talk(paper, "public") as line:
            await listening(line)
            await asyncio.to_thread(paper.fault, "push_reorder", path="mark-price", times=1)
            await line.step(MINUTE_MS)
            await asyncio.to_thread(wait_for_strike, paper)
            await line.step(MINUTE_MS)
            newer, older = await prices(line, 2)
            assert newer > older

    asyncio.run(scenario())


def test_a_push_that_nothing_overtakes_comes_all_the_same(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with talk(paper, "public") as line:
            await listening(line)
            await asyncio.to_thread(paper.fault, "push_reorder", times=1)
            await line.step(MINUTE_MS)
            await prices(line, 1)

    asyncio.run(scenario())


def test_a_push_can_come_late_and_replies_do_not_wait_for_it(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with talk(paper, "public") as line:
            await listening(line)
            await asyncio.to_thread(paper.fault, "push_late", path="mark-price", times=1, delay_ms=150)
            began = time.monotonic()
            await line.step(MINUTE_MS)
            assert await line.is_silent()
            await prices(line, 1)
            assert time.monotonic() - began >= 0.15

    asyncio.run(scenario())


def test_a_connection_can_drop_without_a_word(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with talk(paper, "public") as line:
            await listening(line)
            await asyncio.to_thread(paper.fault, "socket_drop", path="mark-price", times=1)
            await line.step(MINUTE_MS)
            assert await line.closed() == 1006

    asyncio.run(scenario())


def test_an_upgrade_is_announced_before_it_closes(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with talk(paper, "public") as line:
            await listening(line)
            await asyncio.to_thread(paper.fault, "socket_notice", times=1, delay_ms=50)
            await line.step(MINUTE_MS)
            notice: dict[str, Any] = await line.hear(lambda heard: heard.get("event") == "notice")
            assert notice.keys() == {"event", "code", "msg", "connId"}
            assert notice["code"] == "64008"
            assert await line.closed() == 4006

    asyncio.run(scenario())
