"""What the market's channels tell: the rows of REST, at once and on change, no oftener than each allows."""

from __future__ import annotations

import asyncio
import binascii
import json
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.paper_okx.replay import MarketShape, ReplayMarket
from arena.paper_okx.sockets.book_steps import checksum_of
from arena.paper_okx.sockets.channels import CHANNELS
from arena.paper_okx.sockets.publisher import Publisher
from arena.paper_okx.sockets.subscriptions import Subscription, Subscriptions, topic_key
from tests.paper_okx import socket_field_lists as lists
from tests.paper_okx.running import NOW_MS, RunningPaperOkx, run_paper_okx, small_market
from tests.paper_okx.socket_talk import Line, talk

BTC = "BTC-USDT-SWAP"
TICK_MS = 15_000  # a bar of one minute is walked in four ticks


@pytest.fixture(scope="module")
def paper(replay_market: ReplayMarket) -> Iterator[RunningPaperOkx]:
    with run_paper_okx(market=replay_market) as running:
        yield running


def arg_of(channel: str) -> dict[str, str]:
    if channel == "instruments":
        return {"channel": channel, "instType": "SWAP"}
    return {"channel": channel, "instId": "BTC-USDT" if channel.startswith("index") else BTC}


def same_as_rest(paper: RunningPaperOkx, channel: str) -> list[Any]:
    path, params = {
        "tickers": ("market/ticker", {"instId": BTC}),
        "mark-price": ("public/mark-price", {"instType": "SWAP", "instId": BTC}),
        "index-tickers": ("market/index-tickers", {"instId": "BTC-USDT"}),
        "funding-rate": ("public/funding-rate", {"instId": BTC}),
        "price-limit": ("public/price-limit", {"instId": BTC}),
        "open-interest": ("public/open-interest", {"instType": "SWAP", "instId": BTC}),
        "instruments": ("public/instruments", {"instType": "SWAP"}),
    }[channel]
    return paper.get(f"/api/v5/{path}", **params)["data"]


@pytest.mark.parametrize("channel", lists.PUBLIC)
def test_a_new_subscriber_is_told_the_state_in_the_documented_fields(
    paper: RunningPaperOkx, channel: str
) -> None:
    async def scenario() -> None:
        async with talk(paper, "public") as line:
            await line.subscribe(**arg_of(channel))
            push = await line.pushed(channel)
            assert push.keys() == lists.PUSH
            assert push["arg"] == arg_of(channel)
            assert [row.keys() for row in push["data"]] == [lists.PUBLIC[channel]] * len(push["data"])
            if channel not in {"books5", "bbo-tbt"}:
                assert push["data"] == await asyncio.to_thread(same_as_rest, paper, channel)

    asyncio.run(scenario())


@pytest.mark.parametrize("channel", lists.CANDLES)
def test_a_candle_channel_tells_the_running_bar_as_rest_does(paper: RunningPaperOkx, channel: str) -> None:
    kind, _, bar = channel.rpartition("candle")
    path = {"": "candles", "mark-price-": "mark-price-candles", "index-": "index-candles"}[kind]

    async def scenario() -> None:
        async with talk(paper, "business") as line:
            await line.subscribe(**arg_of(channel))
            [row] = (await line.pushed(channel))["data"]
            assert (len(row), row[-1]) == (lists.CANDLES[channel], "0")
            rest = await asyncio.to_thread(
                paper.get, f"/api/v5/market/{path}", instId=arg_of(channel)["instId"], bar=bar, limit=1
            )
            assert rest["data"] == [row]

    asyncio.run(scenario())


def test_a_bar_is_told_once_more_when_it_closes_and_none_is_left_out(paper: RunningPaperOkx) -> None:
    async def scenario() -> list[list[str]]:
        async with talk(paper, "business") as line:
            await line.subscribe(channel="candle1m", instId=BTC)
            first = (await line.pushed("candle1m"))["data"][0]
            now = await line.step(7 * 60_000)  # a leap over several bars
            rows = [first]
            while int(rows[-1][0]) + 60_000 <= now:
                [row] = (await line.pushed("candle1m"))["data"]
                rows.append(row)
            assert await line.is_silent()
            return rows

    first, again, *rest = asyncio.run(scenario())
    assert (first[0], first[-1]) == (again[0], "0")
    closed = [again, *rest[:-1]]
    assert [row[-1] for row in closed] == ["1"] * len(closed)
    assert [int(row[0]) - int(again[0]) for row in closed] == [60_000 * n for n in range(len(closed))]
    assert rest[-1][-1] == "0"


@pytest.mark.parametrize(
    ("url", "channel", "fields"),
    [("public", "trades", lists.TRADE), ("business", "trades-all", lists.TRADES_ALL)],
)
def test_trades_come_each_by_itself_in_order_and_once(
    paper: RunningPaperOkx, url: str, channel: str, fields: frozenset[str]
) -> None:
    async def scenario() -> list[dict[str, str]]:
        async with talk(paper, url) as line:
            await line.subscribe(channel=channel, instId=BTC)
            assert await line.is_silent()
            rows = []
            for _ in range(3):
                await line.step(2 * TICK_MS)
                for _ in range(2):
                    [row] = (await line.pushed(channel))["data"]
                    rows.append(row)
            return rows

    rows = asyncio.run(scenario())
    assert all(row.keys() == fields for row in rows)
    numbers = [int(row["tradeId"]) for row in rows]
    assert numbers == list(range(numbers[0], numbers[0] + 6))


def test_what_does_not_change_is_not_told_again(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with talk(paper, "public") as line:
            await line.subscribe(channel="tickers", instId=BTC)
            now = await just_behind_a_tick(line)
            while (await line.pushed("tickers"))["data"][0]["ts"] != str(now):
                pass
            await line.step(1000)
            assert await settled(line, "tickers") is None

    asyncio.run(scenario())


def test_a_mark_price_that_stands_still_is_told_every_ten_seconds(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with talk(paper, "public") as line:
            await just_behind_a_tick(line)
            await line.subscribe(channel="mark-price", instId=BTC)
            first = (await line.pushed("mark-price"))["data"][0]
            await line.step(9_000)
            assert await settled(line, "mark-price") is None
            await line.step(1_000)
            again = (await line.pushed("mark-price"))["data"][0]
            assert (again["markPx"], int(again["ts"]) - int(first["ts"])) == (first["markPx"], 10_000)

    asyncio.run(scenario())


def test_pushes_of_a_channel_keep_their_distance(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with talk(paper, "public") as line:
            await line.step(
                60_000 - paper.exchange.clock.now() % 60_000 + TICK_MS - 100
            )  # just before a tick
            await line.subscribe(channel="price-limit", instId=BTC)
            await line.pushed("price-limit")
            await line.step(150)  # the mark has moved, but 200 ms have not passed
            assert await settled(line, "price-limit") is None
            await line.step(50)
            await line.pushed("price-limit")

    asyncio.run(scenario())


def test_books_are_numbered_and_no_deeper_than_their_channel(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with talk(paper, "public") as line:
            for channel, depth in (("books5", 5), ("bbo-tbt", 1)):
                await line.subscribe(**arg_of(channel))
                first = (await line.pushed(channel))["data"][0]
                assert (len(first["asks"]), len(first["bids"])) == (depth, depth)
                await line.step(60_000)
                then = (await line.pushed(channel))["data"][0]
                assert then["seqId"] > first["seqId"]

    asyncio.run(scenario())


def test_a_status_that_never_changes_is_subscribed_to_in_silence(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with talk(paper, "public") as line:
            assert (await line.subscribe(channel="status")).keys() == lists.SUBSCRIBED
            await line.step(24 * 60 * 60_000)
            assert await settled(line, "status") is None

    asyncio.run(scenario())


def test_a_book_comes_whole_and_then_in_steps(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with talk(paper, "public") as line:
            await line.subscribe(**arg_of("books"))
            first = await line.pushed("books")
            assert (first.keys(), first["action"]) == (lists.STEP_PUSH, "snapshot")
            [row] = first["data"]
            assert (row.keys(), row["prevSeqId"]) == (lists.BOOKS, -1)
            rest = await asyncio.to_thread(paper.get, "/api/v5/market/books", instId=BTC, sz=400)
            assert {side: row[side] for side in ("asks", "bids")} == {
                side: rest["data"][0][side] for side in ("asks", "bids")
            }
            await line.step(10 * TICK_MS)  # a single tick may leave the price where it was
            then = await line.pushed("books")
            assert (then.keys(), then["action"]) == (lists.STEP_PUSH, "update")
            [step] = then["data"]
            assert (step.keys(), step["prevSeqId"]) == (lists.BOOKS, row["seqId"])
            assert step["seqId"] > row["seqId"]

    asyncio.run(scenario())


def test_a_book_that_stands_still_says_so_once_a_minute() -> None:
    hours = small_market(timeframe="1h")
    rows = reader_of(hours, "books", [2, *[1000] * 130]).rows
    changed = [row for row in rows if row["prevSeqId"] != row["seqId"]]
    still = [row for row in rows if row["prevSeqId"] == row["seqId"]]
    assert [row["asks"] + row["bids"] for row in still] == [[], []]
    assert {row["seqId"] for row in still} == {changed[-1]["seqId"]}
    assert int(still[1]["ts"]) - int(still[0]["ts"]) == 60_000


@pytest.mark.parametrize("channel", ["books5", "bbo-tbt"])
def test_a_short_book_that_stands_still_comes_again_under_its_number(channel: str) -> None:
    rows = reader_of(small_market(timeframe="1h"), channel, [2, *[1000] * 130]).rows
    numbers = [row["seqId"] for row in rows]
    assert numbers[-3:] == [numbers[-1]] * 3
    assert numbers == sorted(numbers)
    assert {str(row["asks"]) for row in rows[-3:]} == {str(rows[-1]["asks"])}


def test_a_late_reader_of_a_book_goes_on_with_the_same_steps(replay_market: ReplayMarket) -> None:
    subscriptions, arg = Subscriptions(), arg_of("books")
    publisher, readers = Publisher(replay_market, subscriptions), (Reader(), Reader())
    for number, reader in enumerate(readers):
        now = NOW_MS + number * 15_001  # the second one comes between a tick and its push
        subscriptions.add(reader, CHANNELS["books"], arg, now)
        publisher.greet(reader, subscriptions.topics[topic_key(arg)], now)
        if not number:
            publisher.publish(now + 200)
    for now in range(NOW_MS + 20_000, NOW_MS + 120_000, 15_000):
        publisher.publish(now)
    assert book_after(readers[0].rows) == book_after(readers[1].rows)


def test_two_readers_are_told_the_same(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with talk(paper, "public") as one, talk(paper, "public") as two:
            for line in (one, two):
                await line.subscribe(channel="tickers", instId=BTC)
                await line.pushed("tickers")
            await one.step(TICK_MS)
            assert await one.pushed("tickers") == await two.pushed("tickers")

    asyncio.run(scenario())


def test_a_bar_that_is_finer_than_the_replay_is_no_channel() -> None:
    async def scenario(paper: RunningPaperOkx) -> None:
        async with talk(paper, "business") as line:
            assert (await line.subscribe(channel="candle1m", instId=BTC))["code"] == "60018"
            await line.subscribe(channel="candle4H", instId=BTC)
            await line.step(24 * 60 * 60_000)
            assert (await line.pushed("candle4H"))["data"]

    with run_paper_okx(market=small_market(timeframe="1h")) as paper:
        asyncio.run(scenario(paper))


def test_a_clock_that_runs_by_itself_is_followed(replay_market: ReplayMarket) -> None:
    async def scenario(paper: RunningPaperOkx) -> None:
        async with talk(paper, "business") as line:
            await line.subscribe(channel="candle1m", instId=BTC)
            closed: list[int] = []
            while len(closed) < 5:
                [row] = (await line.pushed("candle1m"))["data"]
                closed += [int(row[0])] if row[-1] == "1" else []
            assert closed == [closed[0] + n * 60_000 for n in range(5)]

    with run_paper_okx(market=replay_market, speed=1200) as paper:
        asyncio.run(scenario(paper))


class Reader:
    """Keeps what it is pushed."""

    uid = None

    def __init__(self) -> None:
        self.subscriptions: dict[str, Subscription] = {}
        self.rows: list[Any] = []

    def push(self, channel: str, text: str) -> None:
        self.rows += json.loads(text)["data"]


def reader_of(market: ReplayMarket, channel: str, steps: list[int]) -> Reader:
    """Return a reader of a channel, told after each step of the clock."""
    subscriptions, reader, now = Subscriptions(), Reader(), NOW_MS
    publisher, arg = Publisher(market, subscriptions), arg_of(channel)
    subscriptions.add(reader, CHANNELS[channel], arg, now)
    publisher.greet(reader, subscriptions.topics[topic_key(arg)], now)
    for step in steps:
        now += step
        publisher.publish(now)
    return reader


STEPS = st.lists(st.sampled_from([1, 15_000, 60_000]) | st.integers(1, 900_000), min_size=1, max_size=20)


@settings(deadline=None)
@given(steps=STEPS)
def test_however_the_clock_goes_each_closed_bar_is_told_once_and_in_order(
    replay_market: ReplayMarket, steps: list[int]
) -> None:
    rows = reader_of(replay_market, "candle1m", steps).rows
    closed = [int(row[0]) for row in rows if row[-1] == "1"]
    told = [int(row[0]) for row in rows]
    assert told == sorted(told)
    assert closed == list(range(NOW_MS, NOW_MS + len(closed) * 60_000, 60_000))
    assert NOW_MS + sum(steps) - (NOW_MS + len(closed) * 60_000) < 60_000 + 1000  # at most one a second


@settings(deadline=None)
@given(steps=STEPS)
def test_however_the_clock_goes_each_trade_is_told_once_and_in_order(
    replay_market: ReplayMarket, steps: list[int]
) -> None:
    rows = reader_of(replay_market, "trades", steps).rows
    before = replay_market.trades(BTC, 1, NOW_MS)[0]["tradeId"]
    last = replay_market.trades(BTC, 1, NOW_MS + sum(steps))[0]["tradeId"]
    ids = [int(row["tradeId"]) for row in rows]
    assert ids == list(range(int(before) + 1, int(last) + 1))


def book_after(steps: list[dict[str, Any]]) -> dict[str, list[list[str]]]:
    """Return the book of a reader that applies every step and verifies number and checksum of each."""
    sides: dict[str, dict[Decimal, list[str]]] = {"asks": {}, "bids": {}}
    number = -1
    for step in steps:
        assert step["prevSeqId"] == number
        number = step["seqId"]
        for name, side in sides.items():
            for level in step[name]:
                side[Decimal(level[0])] = level
                if level[1] == "0":
                    del side[Decimal(level[0])]
        book = {
            "asks": [sides["asks"][px] for px in sorted(sides["asks"])],
            "bids": [sides["bids"][px] for px in sorted(sides["bids"], reverse=True)],
        }
        words = []
        for place in range(25):
            for name in ("bids", "asks"):
                words += [word for level in book[name][place : place + 1] for word in level[:2]]
        assert step["checksum"] % 2**32 == binascii.crc32(":".join(words).encode())
        assert -(2**31) <= step["checksum"] < 2**31
    return book


@pytest.mark.parametrize("depth", [1, 25, 400])
@settings(deadline=None, max_examples=25)
@given(steps=STEPS)
def test_however_the_clock_goes_the_steps_of_a_book_lead_to_the_book(depth: int, steps: list[int]) -> None:
    market = deep_market(depth)
    rows = reader_of(market, "books", [*steps, 1000]).rows
    book = market.books(BTC, 400, NOW_MS + sum(steps) + 1000)
    assert len(book["bids"]) == depth  # type: ignore[arg-type]
    assert book_after(rows) == {side: book[side] for side in ("asks", "bids")}


@cache
def deep_market(levels: int) -> ReplayMarket:
    return small_market(shape=MarketShape(levels=levels))


@pytest.mark.parametrize(
    ("book", "words"),
    [
        ({"bids": [["3366.1", "7", "0", "3"]], "asks": [["3366.8", "9", "0", "3"]]}, "3366.1:7:3366.8:9"),
        (
            {
                "bids": [["3366.1", "7", "0", "3"]],
                "asks": [["3366.8", "9", "0", "3"], ["3368", "8", "0", "3"]],
            },
            "3366.1:7:3366.8:9:3368:8",
        ),
        ({"bids": [], "asks": [["1", "2", "0", "1"]]}, "1:2"),
    ],
    ids=["even", "more asks", "no bids"],
)
def test_a_checksum_is_that_of_bids_and_asks_in_turn(book: dict[str, object], words: str) -> None:
    assert checksum_of(book) % 2**32 == binascii.crc32(words.encode())


async def just_behind_a_tick(line: Line) -> int:
    return await line.step(60_000 - line.paper.exchange.clock.now() % 60_000 + 2)


async def settled(line: Line, channel: str) -> dict[str, Any] | None:
    """Return the last push of a channel that comes before the publisher has looked again, twice."""
    await asyncio.sleep(0.06)
    await line.is_silent()
    pushes = [heard for heard in line.kept if heard.get("arg", {}).get("channel") == channel]
    line.kept.clear()
    return pushes[-1] if pushes else None
