"""The paper exchange as the official SDK sees it, in both environments: REST and sockets, raw rows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from okx.websocket import WsPrivateAsync as WsPrivateModule
from okx.websocket.WsPrivateAsync import WsPrivateAsync
from okx.websocket.WsPublicAsync import WsPublicAsync

from arena.paper_okx.replay import ReplayMarket
from tests.paper_okx import field_lists, socket_field_lists, venue_field_lists
from tests.paper_okx.foreign_clients import Sdk, official_sdk, sdk_private_socket, sdk_public_socket
from tests.paper_okx.running import NOW_MS, RunningPaperOkx, run_paper_okx

BTC = "BTC-USDT-SWAP"
MINUTE_MS = 60_000
PATIENCE_S = 5.0

# The SDK asks Python's clock and httpx in ways that both call outdated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module", params=["demo", "live"])
def uid(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def paper(replay_market: ReplayMarket, uid: str) -> Iterator[RunningPaperOkx]:
    with run_paper_okx(market=replay_market, usdt="100000") as running:
        yield running


@pytest.fixture(scope="module")
def sdk(paper: RunningPaperOkx, uid: str) -> Iterator[Sdk]:
    with official_sdk(paper, uid) as made:
        yield made


def rows(reply: dict[str, Any]) -> list[Any]:
    assert reply["code"] == "0", reply
    return reply["data"]


def test_market_data_comes_in_the_documented_rows(sdk: Sdk) -> None:
    for reply, keys in (
        (sdk.public.get_instruments("SWAP"), field_lists.INSTRUMENT),
        (sdk.public.get_system_time(), field_lists.TIME),
        (sdk.public.get_mark_price("SWAP", instId=BTC), field_lists.MARK_PRICE),
        (sdk.public.get_funding_rate(BTC), field_lists.FUNDING_RATE),
        (sdk.public.funding_rate_history(BTC), field_lists.FUNDING_HISTORY),
        (sdk.public.get_position_tiers("SWAP", "cross", instFamily="BTC-USDT"), field_lists.POSITION_TIER),
        (sdk.public.get_price_limit(BTC), field_lists.PRICE_LIMIT),
        (sdk.public.get_open_interest("SWAP", instId=BTC), field_lists.OPEN_INTEREST),
        (sdk.market.get_ticker(BTC), field_lists.TICKER),
        (sdk.market.get_tickers("SWAP"), field_lists.TICKER),
        (sdk.market.get_index_tickers(instId="BTC-USDT"), field_lists.INDEX_TICKER),
        (sdk.market.get_orderbook(BTC, "5"), field_lists.BOOK),
        (sdk.market.get_trades(BTC, "3"), field_lists.TRADE),
    ):
        assert {frozenset(row) for row in rows(reply)} == {keys}


def test_pages_of_bars_go_backwards_without_a_gap(sdk: Sdk) -> None:
    seen: list[int] = []
    after = ""
    while len(seen) < 700:
        page = rows(sdk.market.get_history_candlesticks(BTC, after=after, bar="1m", limit="300"))
        seen += [int(row[0]) for row in page]
        after = page[-1][0]
    assert seen == [seen[0] - n * MINUTE_MS for n in range(len(seen))]
    before = rows(sdk.market.get_candlesticks(BTC, before=str(seen[0] - 5 * MINUTE_MS), bar="1m"))
    assert [int(row[0]) for row in before][:5] == seen[:5]


def test_an_order_lives_from_placing_to_canceling(sdk: Sdk) -> None:
    reply = sdk.trade.place_order(BTC, "cross", "buy", "limit", "1", px="15500", clOrdId="sdk1")
    assert reply.keys() == field_lists.TRADE_ENVELOPE
    [placed] = rows(reply)
    assert placed.keys() == venue_field_lists.PLACED
    [order] = rows(sdk.trade.get_order(BTC, clOrdId="sdk1"))
    assert order.keys() == venue_field_lists.ORDER
    assert (order["ordId"], order["state"]) == (placed["ordId"], "live")
    assert rows(sdk.trade.get_order_list(instType="SWAP"))[0] == order
    [amended] = rows(sdk.trade.amend_order(BTC, ordId=placed["ordId"], newSz="2", reqId="r"))
    assert amended.keys() == venue_field_lists.AMENDED
    [canceled] = rows(sdk.trade.cancel_order(BTC, ordId=placed["ordId"]))
    assert canceled.keys() == venue_field_lists.CANCELED
    assert rows(sdk.trade.get_orders_history("SWAP", state="canceled"))[0]["sz"] == "2"
    again = sdk.trade.cancel_order(BTC, ordId=placed["ordId"])
    assert (again["code"], again["data"][0]["sCode"]) == ("1", "51400")


def test_a_position_is_opened_measured_and_closed(sdk: Sdk) -> None:
    [leverage] = rows(sdk.account.set_leverage("5", "cross", instId=BTC))
    assert leverage["lever"] == "5"
    assert rows(sdk.account.get_leverage("cross", instId=BTC))[0]["lever"] == "5"
    assert float(rows(sdk.account.get_max_order_size(BTC, "cross"))[0]["maxBuy"]) > 1
    assert float(rows(sdk.account.get_max_avail_size(BTC, "cross"))[0]["availBuy"]) > 1
    [placed] = rows(sdk.trade.place_order(BTC, "cross", "buy", "market", "1"))
    [fill] = rows(sdk.trade.get_fills(instType="SWAP", ordId=placed["ordId"]))
    assert (fill["execType"], fill["feeRate"]) == ("T", "")
    assert fill in rows(sdk.trade.get_fills_history("SWAP"))
    [held] = rows(sdk.account.get_positions(instId=BTC))
    assert held.keys() == venue_field_lists.POSITION
    assert (held["pos"], held["avgPx"]) == ("1", fill["fillPx"])
    [balance] = rows(sdk.account.get_account_balance())
    assert balance.keys() == venue_field_lists.BALANCE
    assert balance["details"][0].keys() == venue_field_lists.BALANCE_DETAIL
    [closed] = rows(sdk.trade.close_positions(BTC, "cross"))
    assert closed.keys() == {"instId", "posSide", "clOrdId", "tag"}
    assert rows(sdk.account.get_positions()) == []
    assert rows(sdk.account.get_positions_history("SWAP"))[0]["type"] == "2"
    [bill] = [one for one in rows(sdk.account.get_account_bills()) if one["ordId"] == placed["ordId"]]
    assert bill["balChg"] == fill["fee"]
    assert bill in rows(sdk.account.get_account_bills_archive("SWAP"))


def test_both_legs_stand_side_by_side_in_long_short_mode(sdk: Sdk) -> None:
    assert rows(sdk.account.set_position_mode("long_short_mode")) == [{"posMode": "long_short_mode"}]
    for side, leg in (("buy", "long"), ("sell", "short")):
        rows(sdk.trade.place_order(BTC, "isolated", side, "market", "1", posSide=leg))
    held = rows(sdk.account.get_positions("SWAP"))
    assert {(one["posSide"], one["pos"]) for one in held} == {("long", "1"), ("short", "1")}
    [margin] = rows(sdk.account.adjustment_margin(BTC, "long", "add", "10"))
    assert (margin["type"], margin["amt"]) == ("add", "10")
    for leg in ("long", "short"):
        rows(sdk.trade.close_positions(BTC, "isolated", posSide=leg))
    rows(sdk.account.set_position_mode("net_mode"))
    assert rows(sdk.account.get_account_config())[0]["posMode"] == "net_mode"


def test_a_stop_is_placed_listed_and_canceled(sdk: Sdk) -> None:
    rows(sdk.trade.place_order(BTC, "cross", "buy", "market", "1"))
    reply = sdk.trade.place_algo_order(
        BTC, "cross", "sell", "conditional", "1", slTriggerPx="15500", slOrdPx="-1", reduceOnly="true"
    )
    [placed] = rows(reply)
    assert placed["sCode"] == "0"
    [stop] = rows(sdk.trade.order_algos_list("conditional"))
    assert (stop["algoId"], stop["state"]) == (placed["algoId"], "live")
    assert rows(sdk.trade.get_algo_order_details(placed["algoId"])) == [stop]
    rows(sdk.trade.cancel_algo_order([{"instId": BTC, "algoId": placed["algoId"]}]))
    assert rows(sdk.trade.order_algos_list("conditional")) == []
    assert rows(sdk.trade.order_algos_history("conditional", state="canceled"))[0] == stop | {
        "state": "canceled",
        "uTime": str(NOW_MS),
    }
    rows(sdk.trade.close_positions(BTC, "cross"))


def test_a_trailing_stop_fires_behind_the_best_price(paper: RunningPaperOkx, sdk: Sdk) -> None:
    rows(sdk.trade.place_order(BTC, "cross", "buy", "market", "1"))
    reply = sdk.trade.place_algo_order(
        BTC, "cross", "sell", "move_order_stop", "1", callbackRatio="0.001", reduceOnly="true"
    )
    [placed] = rows(reply)
    [waiting] = rows(sdk.trade.order_algos_list("move_order_stop"))
    assert (waiting["algoId"], float(waiting["moveTriggerPx"])) == (
        placed["algoId"],
        pytest.approx(float(waiting["last"]) * 0.999),
    )
    for _ in range(100):
        paper.step(15 * MINUTE_MS)
        if fired := rows(sdk.trade.order_algos_history("move_order_stop", state="effective")):
            break
    order = rows(sdk.trade.get_order(BTC, ordId=fired[0]["ordId"]))[0]
    assert (order["source"], order["state"], order["algoId"]) == ("25", "filled", placed["algoId"])
    assert rows(sdk.account.get_positions("SWAP")) == []


def test_the_business_socket_tells_trailing_stops(paper: RunningPaperOkx, uid: str, sdk: Sdk) -> None:
    async def scenario() -> None:
        async with started(sdk_private_socket(paper, uid, "business")) as (socket, ear):
            await socket.login()
            await ear.wait_for(is_event("login"))
            await socket.send("subscribe", [{"channel": "algo-advance", "instType": "SWAP"}])
            await ear.wait_for(is_event("subscribe"))
            asked = (BTC, "cross", "sell", "move_order_stop", "1")
            [placed] = rows(await asyncio.to_thread(sdk.trade.place_algo_order, *asked, callbackSpread="900"))
            [row] = (await ear.wait_for(is_push))["data"]
            assert (row["algoId"], row["callbackSpread"]) == (placed["algoId"], "900")
            named = [{"instId": BTC, "algoId": placed["algoId"]}]
            rows(await asyncio.to_thread(sdk.trade.cancel_algo_order, named))
            assert (await ear.wait_for(is_push))["data"][0]["state"] == "canceled"

    asyncio.run(scenario())


def test_batches_answer_row_by_row(sdk: Sdk) -> None:
    wanted = {"instId": BTC, "tdMode": "cross", "side": "buy", "ordType": "limit", "px": "15500"}
    reply = sdk.trade.place_multiple_orders([wanted | {"sz": sz} for sz in ("1", "0.001", "2")])
    assert (reply["code"], [row["sCode"] for row in reply["data"]]) == ("2", ["0", "51020", "0"])
    ids = [{"instId": BTC, "ordId": row["ordId"]} for row in reply["data"] if row["ordId"]]
    assert sdk.trade.amend_multiple_orders([one | {"newPx": "15600"} for one in ids])["code"] == "0"
    assert sdk.trade.cancel_multiple_orders(ids)["code"] == "0"


def test_fees_are_negative_where_they_are_charged(sdk: Sdk) -> None:
    [fee] = rows(sdk.account.get_fee_rates("SWAP", instFamily="BTC-USDT"))
    assert (fee["takerU"], fee["makerU"]) == ("-0.0005", "-0.0002")


Heard = dict[str, Any]
AnySocket = TypeVar("AnySocket", WsPublicAsync, WsPrivateAsync)


class Ear:
    """What a socket of the SDK calls back with."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[Heard] = asyncio.Queue()

    def __call__(self, message: str) -> None:
        self.heard.put_nowait(json.loads(message))

    async def wait_for(self, wanted: Callable[[Heard], object]) -> Heard:
        async with asyncio.timeout(PATIENCE_S):
            while not wanted(heard := await self.heard.get()):
                pass
        return heard


def is_event(name: str) -> Callable[[Heard], bool]:
    return lambda heard: heard.get("event") == name


def is_reply(op: str) -> Callable[[Heard], bool]:
    return lambda heard: heard.get("op") == op


def is_push(heard: Heard) -> bool:
    return "data" in heard and "arg" in heard


@asynccontextmanager
async def started(socket: AnySocket) -> AsyncIterator[tuple[AnySocket, Ear]]:
    ear = Ear()
    socket.callback = ear
    task = await socket.start()
    try:
        yield socket, ear
    finally:
        await socket.stop()
        await task


def test_the_public_socket_tells_tickers_until_unsubscribed(paper: RunningPaperOkx) -> None:
    args = [{"channel": "tickers", "instId": BTC}]

    async def scenario() -> None:
        async with started(sdk_public_socket(paper)) as (socket, ear):
            await socket.subscribe(args, ear, id="1512")
            told = await ear.wait_for(is_event("subscribe"))
            assert (told["id"], told["arg"]) == ("1512", args[0])
            push = await ear.wait_for(is_push)
            assert push["data"][0].keys() == field_lists.TICKER
            await socket.unsubscribe(args, ear)
            await ear.wait_for(is_event("unsubscribe"))

    asyncio.run(scenario())


def test_the_business_socket_tells_bars(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with started(sdk_public_socket(paper, "business")) as (socket, ear):
            await socket.subscribe([{"channel": "candle1m", "instId": BTC}], ear)
            push = await ear.wait_for(is_push)
            assert (len(push["data"][0]), push["data"][0][-1]) == (9, "0")

    asyncio.run(scenario())


def test_the_public_socket_tells_a_book_in_steps(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with started(sdk_public_socket(paper)) as (socket, ear):
            await socket.subscribe([{"channel": "status"}, {"channel": "books", "instId": BTC}], ear)
            first = await ear.wait_for(is_push)
            assert (first["action"], first["data"][0].keys()) == ("snapshot", socket_field_lists.BOOKS)
            await asyncio.to_thread(paper.step, MINUTE_MS)
            then = await ear.wait_for(is_push)
            assert then["action"] == "update"
            assert then["data"][0]["prevSeqId"] == first["data"][0]["seqId"]

    asyncio.run(scenario())


def test_the_business_socket_tells_all_trades(paper: RunningPaperOkx) -> None:
    async def scenario() -> None:
        async with started(sdk_public_socket(paper, "business")) as (socket, ear):
            await socket.subscribe([{"channel": "trades-all", "instId": BTC}], ear)
            await ear.wait_for(is_event("subscribe"))
            await asyncio.to_thread(paper.step, MINUTE_MS)
            assert (await ear.wait_for(is_push))["data"][0].keys() == socket_field_lists.TRADES_ALL

    asyncio.run(scenario())


def test_the_private_socket_logs_in_trades_and_is_told(paper: RunningPaperOkx, uid: str) -> None:
    order = {"instId": BTC, "tdMode": "cross", "side": "buy", "ordType": "limit", "px": "15500", "sz": "1"}

    async def scenario() -> None:
        async with started(sdk_private_socket(paper, uid)) as (socket, ear):
            await socket.login()
            assert (await ear.wait_for(is_event("login")))["code"] == "0"
            await socket.send("subscribe", [{"channel": "orders", "instType": "SWAP"}])
            await ear.wait_for(is_event("subscribe"))
            await socket.place_order([order], id="a")
            push = await ear.wait_for(is_push)
            assert (push["data"][0]["state"], push["arg"]["uid"]) == ("live", uid)
            reply = await ear.wait_for(is_reply("order"))
            assert (reply["id"], reply["code"]) == ("a", "0")
            named = {"instId": BTC, "ordId": reply["data"][0]["ordId"]}
            await socket.amend_order([named | {"newPx": "15600"}], id="b")
            assert (await ear.wait_for(is_reply("amend-order")))["code"] == "0"
            await socket.cancel_order([named], id="c")
            assert (await ear.wait_for(is_reply("cancel-order")))["code"] == "0"
            await socket.batch_orders([order, order], id="d")
            batch = await ear.wait_for(is_reply("batch-orders"))
            ids = [{"instId": BTC, "ordId": row["ordId"]} for row in batch["data"]]
            await socket.batch_amend_orders([one | {"newSz": "2"} for one in ids], id="e")
            assert (await ear.wait_for(is_reply("batch-amend-orders")))["code"] == "0"
            await socket.batch_cancel_orders(ids, id="f")
            assert (await ear.wait_for(is_reply("batch-cancel-orders")))["code"] == "0"
            await socket.mass_cancel([{"instType": "OPTION", "instFamily": "BTC-USD"}], id="g")
            assert (await ear.wait_for(is_event("error")))["code"] == "60019"

    asyncio.run(scenario())


def test_the_sdks_own_subscription_logs_in_first(
    paper: RunningPaperOkx, uid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It waits five seconds between login and subscription, whatever it is told meanwhile.
    quick = SimpleNamespace(sleep=lambda _: asyncio.sleep(0), get_event_loop=asyncio.get_event_loop)
    monkeypatch.setattr(WsPrivateModule, "asyncio", quick)

    async def scenario() -> None:
        async with started(sdk_private_socket(paper, uid)) as (socket, ear):
            await socket.subscribe([{"channel": "account"}], ear)
            assert (await ear.wait_for(is_push))["data"][0].keys() == venue_field_lists.BALANCE

    asyncio.run(scenario())
