"""What private channels tell of an account, and orders that are sent by socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.core.clock import wall_clock
from arena.paper_okx.auth import ApiKey
from arena.paper_okx.replay import ReplayMarket
from tests.paper_okx import socket_field_lists as lists
from tests.paper_okx import venue_field_lists
from tests.paper_okx.running import DEMO, LIVE, RunningPaperOkx, run_paper_okx
from tests.paper_okx.socket_talk import Heard, Line, talk

BTC, ETH = "BTC-USDT-SWAP", "ETH-USDT-SWAP"
_NUMBERS = count(1)


@pytest.fixture(scope="module")
def shared(replay_market: ReplayMarket) -> Iterator[RunningPaperOkx]:
    with run_paper_okx(market=replay_market, usdt="100000") as running:
        yield running


@pytest.fixture
def paper(shared: RunningPaperOkx) -> Iterator[RunningPaperOkx]:
    """The exchange of the module, with nothing open."""
    yield shared
    for uid in ("demo", "live"):
        for order in shared.private_get("/api/v5/trade/orders-pending", uid)["data"]:
            named = {"instId": order["instId"], "ordId": order["ordId"]}
            assert shared.post("/api/v5/trade/cancel-order", named, uid)["code"] == "0"
        for held in shared.private_get("/api/v5/account/positions", uid)["data"]:
            named = {name: held[name] for name in ("instId", "mgnMode", "posSide")}
            assert shared.post("/api/v5/trade/close-position", named, uid)["code"] == "0"


@asynccontextmanager
async def desk(paper: RunningPaperOkx, *channels: str, key: ApiKey = DEMO) -> AsyncIterator[Line]:
    """Open a private connection that is logged in and subscribed."""
    async with talk(paper, "private") as line:
        await line.login(key)
        for channel in channels:
            arg = {"channel": channel}
            if channel in {"orders", "positions", "liquidation-warning"}:
                arg["instType"] = "ANY"
            assert (await line.subscribe(**arg))["event"] == "subscribe"
            assert (await line.next())["event"] == "channel-conn-count"
        yield line


def order(**changes: Any) -> dict[str, Any]:
    """Return a market order to buy one contract, or what it is changed to."""
    name = f"t{next(_NUMBERS)}"
    plain = {"instId": BTC, "tdMode": "cross", "side": "buy", "ordType": "market", "sz": "1", "clOrdId": name}
    return plain | changes


def resting(**changes: Any) -> dict[str, Any]:
    """Return an order far below the market."""
    return order(**{"ordType": "limit", "px": "15500"} | changes)


async def place(line: Line, **fields: Any) -> Heard:
    return await line.ask(id="9", op="order", args=[fields])


def test_orders_are_told_without_a_snapshot_and_one_push_a_change(paper: RunningPaperOkx) -> None:
    paper.post("/api/v5/trade/order", resting())

    async def scenario() -> None:
        async with desk(paper, "orders") as line:
            assert await line.is_silent()
            reply = await place(line, **order())
            live, filled = [await line.pushed("orders") for _ in range(2)]
            assert live.keys() == lists.PUSH
            assert live["arg"] == {"channel": "orders", "instType": "ANY", "uid": "demo"}
            rows = [live["data"][0], filled["data"][0]]
            assert [row.keys() for row in rows] == [venue_field_lists.ORDER_PUSH] * 2
            assert [row["state"] for row in rows] == ["live", "filled"]
            assert [row["tradeId"] != "" for row in rows] == [False, True]
            assert {row["ordId"] for row in rows} == {reply["data"][0]["ordId"]}
            assert await line.is_silent()

    asyncio.run(scenario())


def test_an_order_by_socket_is_answered_like_one_by_rest(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with desk(paper) as line:
            reply = await place(line, **resting(tag="t"))
            assert reply.keys() == lists.ORDER_REPLY
            assert (reply["id"], reply["op"], reply["code"]) == ("9", "order", "0")
            assert int(reply["outTime"]) >= int(reply["inTime"]) > 10**15
            [row] = reply["data"]
            assert row.keys() == venue_field_lists.PLACED
            assert (row["sCode"], row["tag"]) == ("0", "t")
            rest = await asyncio.to_thread(paper.post, "/api/v5/trade/order", resting())
            assert rest["data"][0].keys() == row.keys()

    asyncio.run(scenario())


def test_an_instrument_may_be_named_by_its_code(paper: RunningPaperOkx) -> None:
    code = paper.get("/api/v5/public/instruments", instType="SWAP", instId=ETH)["data"][0]["instIdCode"]

    async def scenario() -> None:
        async with desk(paper, "orders") as line:
            fields = order(instIdCode=code)
            del fields["instId"]
            assert (await place(line, **fields))["code"] == "0"
            assert (await line.pushed("orders"))["data"][0]["instId"] == ETH
            unknown = await place(line, **fields | {"instIdCode": 1, "clOrdId": "x"})
            assert (unknown["code"], unknown["data"][0]["sCode"]) == ("1", "51001")

    asyncio.run(scenario())


def test_a_refused_order_has_its_code_in_its_row(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with desk(paper, "orders") as line:
            reply = await place(line, **order(sz="0.001"))
            assert reply["code"] == "1"
            assert reply["data"][0].keys() == venue_field_lists.PLACED
            assert reply["data"][0]["sCode"] in {"51020", "51121"}
            assert await line.is_silent()

    asyncio.run(scenario())


def test_a_batch_answers_each_order_in_its_place(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with desk(paper) as line:
            batch = [resting(), order(instId="DOGE-USDT-SWAP"), resting(instId=ETH, px="900")]
            reply = await line.ask(id="b", op="batch-orders", args=batch)
            assert (reply["code"], [row["sCode"] == "0" for row in reply["data"]]) == (
                "2",
                [True, False, True],
            )
            placed = [row["ordId"] for row in reply["data"] if row["ordId"]]
            amends = [{"instId": BTC, "ordId": placed[0], "newPx": "15600", "reqId": "r1"}]
            reply = await line.ask(id="c", op="batch-amend-orders", args=amends)
            assert reply["data"][0].keys() == venue_field_lists.AMENDED
            assert (reply["code"], reply["data"][0]["reqId"]) == ("0", "r1")
            cancels = [{"instId": BTC, "ordId": placed[0]}, {"instId": ETH, "ordId": placed[1]}]
            reply = await line.ask(id="d", op="batch-cancel-orders", args=cancels)
            assert [row.keys() for row in reply["data"]] == [venue_field_lists.CANCELED] * 2
            reply = await line.ask(id="e", op="cancel-order", args=cancels[:1])
            assert (reply["code"], reply["data"][0]["sCode"]) == ("1", "51400")

    asyncio.run(scenario())


def test_an_amended_order_is_told_with_the_request_that_changed_it(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with desk(paper, "orders") as line:
            placed = (await place(line, **resting()))["data"][0]["ordId"]
            await line.pushed("orders")
            amend = {"instId": BTC, "ordId": placed, "newSz": "2", "reqId": "a7"}
            assert (await line.ask(id="1", op="amend-order", args=[amend]))["code"] == "0"
            row = (await line.pushed("orders"))["data"][0]
            assert (row["sz"], row["reqId"], row["amendResult"], row["state"]) == ("2", "a7", "0", "live")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"op": "order", "args": []}, "60013"),
        ({"op": "order", "args": ["buy"]}, "60013"),
        ({"op": "order", "args": [order(), order()]}, "60013"),
        ({"op": "batch-orders", "args": [order()] * 21}, "60013"),
        ({"op": "order", "args": [order()], "expTime": "1"}, "50036"),
        ({"op": "order", "args": [order()], "expTime": "soon"}, "51000"),
    ],
    ids=["empty", "no object", "two for one", "too many", "too late", "no deadline"],
)
def test_an_order_request_that_cannot_be_done_changes_nothing(
    paper: RunningPaperOkx, request_: dict[str, Any], code: str
) -> None:
    async def scenario() -> None:
        async with desk(paper, "orders") as line:
            reply = await line.ask(id="3", **request_)
            assert reply.keys() == lists.ORDER_REPLY
            assert (reply["op"], reply["code"], reply["data"]) == (request_["op"], code, [])
            assert await line.is_silent()

    asyncio.run(scenario())


def test_a_deadline_is_kept_by_the_venues_clock_and_by_the_walls(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with desk(paper) as line:
            for clock_ms in (paper.exchange.clock.now(), wall_clock()):
                for deadline, code in ((clock_ms + 5000, "0"), (clock_ms - 5000, "50036")):
                    args = [resting()]
                    reply = await line.ask(id="3", op="order", args=args, expTime=str(deadline))
                    assert reply["code"] == code

    asyncio.run(scenario())


def test_socket_and_rest_share_the_limit_of_orders(replay_market: ReplayMarket) -> None:
    async def scenario(paper: RunningPaperOkx) -> None:
        async with desk(paper) as line:
            for _ in range(2):
                batch = [resting() for _ in range(20)]
                assert (await line.ask(id="0", op="batch-orders", args=batch))["code"] == "0"
            replies = [await place(line, **resting()) for _ in range(60)]
            assert {one["code"] for one in replies} == {"0"}
            assert (await place(line, **resting()))["code"] == "50011"
            rest = await asyncio.to_thread(paper.post, "/api/v5/trade/order", resting())
            assert rest["code"] == "50011"

    with run_paper_okx(market=replay_market, rate_limits=True, usdt="1000000") as paper:
        asyncio.run(scenario(paper))


def test_positions_are_told_at_once_on_events_and_at_regular_times(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with desk(paper, "positions") as line:
            empty = await line.pushed("positions")
            assert empty.keys() == lists.SNAPSHOT_PUSH
            assert (empty["eventType"], empty["curPage"], empty["lastPage"]) == ("snapshot", 1, True)
            assert empty["data"] == []
            await place(line, **order())
            update = await line.pushed("positions")
            assert update.keys() == lists.UPDATE_PUSH
            assert (update["eventType"], update["arg"]["uid"]) == ("event_update", "demo")
            assert update["data"][0].keys() == venue_field_lists.POSITION_PUSH
            assert update["data"][0]["pos"] == "1"
            now = await line.step(5000)
            again = await line.pushed("positions")
            assert (again["eventType"], again["data"][0]["pos"]) == ("snapshot", "1")
            assert again["data"][0]["pTime"] == str(now)

    asyncio.run(scenario())


def test_a_closed_position_is_told_with_size_nought(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with desk(paper, "positions") as line:
            await line.pushed("positions")
            await place(line, **order())
            await line.pushed("positions")
            await place(line, **order(side="sell", reduceOnly=True))
            assert (await line.pushed("positions"))["data"][0]["pos"] == "0"

    asyncio.run(scenario())


def test_regular_pushes_can_be_asked_for_less_or_not_at_all(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with desk(paper) as line:
            for interval in ("0", "3000"):
                extra = f'{{"updateInterval": "{interval}"}}'
                await line.subscribe(channel="account", extraParams=extra)
            line.kept.clear()
            await line.is_silent()
            line.kept.clear()
            await line.step(3000)
            push = await line.pushed("account")
            assert '"3000"' in push["arg"]["extraParams"]
            await line.is_silent()
            assert line.kept == []

    asyncio.run(scenario())


def test_the_account_is_told_in_the_row_of_rest(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with desk(paper, "account") as line:
            push = await line.pushed("account")
            assert push.keys() == lists.SNAPSHOT_PUSH
            assert push["arg"] == {"channel": "account", "uid": "demo"}
            rest = await asyncio.to_thread(paper.private_get, "/api/v5/account/balance")
            assert push["data"] == rest["data"]
            assert push["data"][0].keys() == venue_field_lists.BALANCE
            assert push["data"][0]["details"][0].keys() == venue_field_lists.BALANCE_DETAIL
            await asyncio.to_thread(paper.deposit, "demo", "100")
            update = await line.pushed("account")
            assert update.keys() == lists.UPDATE_PUSH
            assert float(update["data"][0]["totalEq"]) > float(push["data"][0]["totalEq"])

    asyncio.run(scenario())


def test_an_account_can_be_asked_for_one_coin(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with desk(paper) as line:
            await line.subscribe(channel="account", ccy="BTC")
            assert (await line.pushed("account"))["data"][0]["details"] == []

    asyncio.run(scenario())


def test_balance_and_position_name_what_happened(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with desk(paper, "balance_and_position") as line:
            push = await line.pushed("balance_and_position")
            assert push.keys() == lists.PUSH
            [row] = push["data"]
            assert row.keys() == venue_field_lists.BALANCE_AND_POSITION
            assert (row["eventType"], row["posData"], row["trades"]) == ("snapshot", [], [])
            await place(line, **order())
            [row] = (await line.pushed("balance_and_position"))["data"]
            assert (row.keys(), row["eventType"]) == (venue_field_lists.BALANCE_AND_POSITION, "filled")
            assert row["balData"][0].keys() == lists.BOTH_BALANCE
            assert row["posData"][0].keys() == lists.BOTH_POSITION
            assert row["trades"][0].keys() == lists.BOTH_TRADE
        async with desk(paper, "balance_and_position") as line:
            [row] = (await line.pushed("balance_and_position"))["data"]
            assert row["posData"][0].keys() == lists.BOTH_POSITION

    asyncio.run(scenario())


def test_nobody_is_told_of_another_account(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with desk(paper, "orders") as own, desk(paper, "orders", key=LIVE) as other:
            await place(own, **order())
            await own.pushed("orders")
            assert await other.is_silent()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("arg", "told"),
    [
        ({"instType": "SWAP"}, [BTC, ETH]),
        ({"instType": "ANY", "instId": ETH}, [ETH]),
        ({"instType": "SWAP", "instFamily": "BTC-USDT"}, [BTC]),
        ({"instType": "FUTURES"}, []),
    ],
    ids=["type", "instrument", "family", "other type"],
)
def test_a_subscription_can_be_narrowed(paper: RunningPaperOkx, arg: dict[str, str], told: list[str]) -> None:
    async def scenario() -> list[str]:
        async with desk(paper) as line:
            await line.subscribe(channel="orders", **arg)
            await line.next()  # the count of connections
            for inst_id, px in ((BTC, "15500"), (ETH, "900")):
                assert (await place(line, **resting(instId=inst_id, px=px)))["code"] == "0"
            await line.is_silent()
            return [heard["data"][0]["instId"] for heard in line.kept]

    assert asyncio.run(scenario()) == told


def test_stops_are_told_at_the_business_address(paper: RunningPaperOkx) -> None:
    paper.post("/api/v5/trade/order", order())
    stop = {"instId": BTC, "tdMode": "cross", "side": "sell", "ordType": "conditional", "sz": "1"}
    stop |= {"slTriggerPx": "15500", "slOrdPx": "-1", "reduceOnly": "true"}

    async def scenario() -> None:
        async with talk(paper, "business") as line:
            await line.login(DEMO)
            await line.subscribe(channel="orders-algo", instType="SWAP")
            await line.subscribe(channel="algo-advance", instType="SWAP")
            placed = (await asyncio.to_thread(paper.post, "/api/v5/trade/order-algo", stop))["data"][0]
            push = await line.hear(lambda heard: "data" in heard)
            assert push["arg"] == {"channel": "orders-algo", "instType": "SWAP", "uid": "demo"}
            [row] = push["data"]
            assert row.keys() == venue_field_lists.ALGO_PUSH
            assert (row["algoId"], row["state"], row["slTriggerPx"]) == (placed["algoId"], "live", "15500")
            named = {"instId": BTC, "algoId": placed["algoId"]}
            await asyncio.to_thread(paper.post, "/api/v5/trade/cancel-algos", [named])
            assert (await line.pushed("orders-algo"))["data"][0]["state"] == "canceled"
            assert await line.is_silent()

    asyncio.run(scenario())


def test_trailing_stops_have_a_channel_of_their_own(paper: RunningPaperOkx) -> None:
    paper.post("/api/v5/trade/order", order())
    trailing = {"instId": BTC, "tdMode": "cross", "side": "sell", "ordType": "move_order_stop", "sz": "1"}
    trailing |= {"callbackRatio": "0.05", "reduceOnly": "true"}

    async def scenario() -> None:
        async with talk(paper, "business") as early, talk(paper, "business") as late:
            for line in (early, late):
                await line.login(DEMO)
            for channel in ("orders-algo", "algo-advance"):
                await early.subscribe(channel=channel, instType="SWAP")
            placed = (await asyncio.to_thread(paper.post, "/api/v5/trade/order-algo", trailing))["data"][0]
            push = await early.hear(lambda heard: "data" in heard)
            assert push["arg"] == {"channel": "algo-advance", "instType": "SWAP", "uid": "demo"}
            assert [row.keys() for row in push["data"]] == [venue_field_lists.TRAILING_PUSH]
            assert (push["data"][0]["algoId"], push["data"][0]["state"]) == (placed["algoId"], "live")
            await late.subscribe(channel="algo-advance", instType="SWAP", algoId="1")
            assert await late.is_silent()
            await late.subscribe(channel="algo-advance", instType="SWAP")
            assert (await late.pushed("algo-advance"))["data"] == push["data"]
            named = {"instId": BTC, "algoId": placed["algoId"]}
            await asyncio.to_thread(paper.post, "/api/v5/trade/cancel-algos", [named])
            for line in (early, late):
                assert (await line.pushed("algo-advance"))["data"][0]["state"] == "canceled"
                assert await line.is_silent()

    asyncio.run(scenario())


def test_a_position_near_its_liquidation_is_warned_of(replay_market: ReplayMarket) -> None:
    async def scenario(paper: RunningPaperOkx) -> None:
        async with desk(paper, "liquidation-warning") as line:
            last = float(paper.get("/api/v5/market/ticker", instId=BTC)["data"][0]["last"])
            lever = {"instId": BTC, "mgnMode": "cross", "lever": "66"}
            await asyncio.to_thread(paper.post, "/api/v5/account/set-leverage", lever)
            size = str(int(615_000 / (last * 0.01)))  # a margin ratio of 2.9 in tier 2
            assert (await place(line, **order(sz=size)))["code"] == "0"
            await line.step(1000)
            push = await line.pushed("liquidation-warning")
            assert push["arg"] == {"channel": "liquidation-warning", "instType": "ANY", "uid": "demo"}
            [row] = push["data"]
            assert row.keys() == lists.WARNING
            assert (row["instFamily"], row["pos"], float(row["mgnRatio"]) <= 3) == ("BTC-USDT", size, True)

    with run_paper_okx(market=replay_market) as paper:
        asyncio.run(scenario(paper))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["channel", "instId", "instType", "sz", "px", "ordId", "instIdCode", "extraParams"])
WORDS = st.sampled_from(["orders", BTC, "SWAP", "1"])
ARGS = st.lists(st.dictionaries(NAMES, JSON | WORDS) | JSON, max_size=3)
OPS = st.sampled_from(["subscribe", "unsubscribe", "order", "batch-orders", "amend-order", "cancel-order"])


@settings(max_examples=25, deadline=None)
@given(requests=st.lists(st.tuples(OPS, ARGS | JSON, JSON), min_size=1, max_size=10))
def test_whatever_is_sent_is_answered_and_the_connection_stays(
    shared: RunningPaperOkx, requests: list[tuple[str, Any, Any]]
) -> None:
    async def scenario() -> None:
        async with talk(shared, "private") as line:
            await line.login(DEMO)
            for op, args, deadline in requests:
                reply = await line.ask(op=op, args=args, expTime=deadline)
                assert reply.get("event") in {"error", "subscribe", "unsubscribe"} or reply["op"] == op
                await line.is_silent()
                line.kept.clear()

    asyncio.run(scenario())


def test_a_key_that_may_only_read_sends_no_order(replay_market: ReplayMarket) -> None:
    reader = ApiKey("paper-reader", "s", "p", "reader", perm="read_only")

    async def scenario(paper: RunningPaperOkx) -> None:
        async with desk(paper, key=reader) as line:
            reply = await place(line, **order())
            assert (reply["code"], reply["data"]) == ("50120", [])

    with run_paper_okx(market=replay_market, keys=[reader]) as paper:
        asyncio.run(scenario(paper))
