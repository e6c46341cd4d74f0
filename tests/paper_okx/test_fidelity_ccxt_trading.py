"""Trading as ccxt sees it, in both environments: orders of each type, stops, positions, account."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import ccxt
import pytest

from arena.paper_okx.replay import ReplayMarket
from tests.paper_okx.foreign_clients import ETHER, SYMBOL, async_ccxt, counted, sync_ccxt
from tests.paper_okx.running import NOW_MS, RunningPaperOkx, run_paper_okx

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def paper(replay_market: ReplayMarket) -> Iterator[RunningPaperOkx]:
    with run_paper_okx(market=replay_market, usdt="100000") as running:
        yield running


@pytest.fixture(scope="module", params=["demo", "live"])
def client(paper: RunningPaperOkx, request: pytest.FixtureRequest) -> ccxt.okx:
    """ccxt in both environments."""
    made = sync_ccxt(paper, request.param)
    made.load_markets()
    return made


@pytest.fixture
def flat(client: ccxt.okx) -> Iterator[ccxt.okx]:
    """The client, with nothing open before and after the test."""
    yield client
    for order in client.fetch_open_orders():
        client.cancel_order(order["id"], order["symbol"])
    for stop in client.fetch_open_orders(params={"trigger": True, "ordType": "conditional"}):
        client.cancel_order(stop["id"], stop["symbol"], {"trigger": True})
    for held in client.fetch_positions():
        client.close_position(held["symbol"], params={"marginMode": held["marginMode"]})


class TestOrders:
    def test_a_trailing_stop_is_placed_listed_and_canceled(self, flat: ccxt.okx) -> None:
        flat.create_order(SYMBOL, "market", "buy", 1)
        params = {"trailingPercent": "5", "activePx": "17500", "reduceOnly": True}
        placed = flat.create_order(SYMBOL, "market", "sell", 1, params=params)
        [waiting] = flat.fetch_open_orders(SYMBOL, params={"trailing": True})
        told = waiting["info"]
        assert (waiting["id"], told["callbackRatio"], told["activePx"]) == (placed["id"], "0.05", "17500")
        flat.cancel_order(placed["id"], SYMBOL, {"trailing": True})
        [gone] = flat.fetch_canceled_orders(SYMBOL, params={"trailing": True})
        assert (gone["id"], gone["status"]) == (placed["id"], "canceled")

    def test_a_market_order_goes_out_as_a_batch_of_one_and_is_filled(
        self, flat: ccxt.okx, paper: RunningPaperOkx
    ) -> None:
        with counted(paper) as requests:
            placed = flat.create_order(SYMBOL, "market", "buy", 0.057)
        assert requests == {"POST /api/v5/trade/batch-orders": 1}
        assert (placed["status"], len(placed["clientOrderId"])) == (None, 32)
        order = flat.fetch_order(placed["id"], SYMBOL)
        assert (order["status"], order["filled"], order["amount"]) == ("closed", 0.05, 0.05)
        trades = flat.fetch_order_trades(placed["id"], SYMBOL)
        assert [trade["takerOrMaker"] for trade in trades] == ["taker"]
        notional = trades[0]["price"] * 0.05 * 0.01
        assert trades[0]["fee"]["cost"] == pytest.approx(notional * 0.0005)
        assert flat.fetch_order(None, SYMBOL, {"clOrdId": placed["clientOrderId"]})["id"] == placed["id"]

    def test_a_single_order_endpoint_can_be_chosen(self, flat: ccxt.okx, paper: RunningPaperOkx) -> None:
        flat.options["createOrder"] = "privatePostTradeOrder"
        try:
            with counted(paper) as requests:
                flat.create_order(SYMBOL, "limit", "buy", 1, 15500)
        finally:
            del flat.options["createOrder"]
        assert requests == {"POST /api/v5/trade/order": 1}

    def test_a_resting_order_can_be_seen_changed_and_canceled(self, flat: ccxt.okx) -> None:
        placed = flat.create_order(SYMBOL, "limit", "buy", 1, 15500, {"clientOrderId": "rest1"})
        assert [one["id"] for one in flat.fetch_open_orders(SYMBOL)] == [placed["id"]]
        flat.edit_order(placed["id"], SYMBOL, "limit", "buy", 2, 15600)
        order = flat.fetch_order(placed["id"], SYMBOL)
        assert (order["amount"], order["price"], order["status"]) == (2, 15600, "open")
        flat.cancel_order(placed["id"], SYMBOL)
        assert flat.fetch_order(placed["id"], SYMBOL)["status"] == "canceled"
        assert placed["id"] in [one["id"] for one in flat.fetch_canceled_orders(SYMBOL)]
        with pytest.raises(ccxt.OrderNotFound):
            flat.cancel_order(placed["id"], SYMBOL)

    @pytest.mark.parametrize(
        ("type_", "price", "params", "status", "order_type"),
        [
            ("limit", 15500, {"postOnly": True}, "open", "post_only"),
            ("limit", 17000, {"postOnly": True}, "canceled", "post_only"),
            ("limit", 15500, {"timeInForce": "IOC"}, "canceled", "ioc"),
            ("limit", 17000, {"timeInForce": "IOC"}, "closed", "ioc"),
            ("limit", 15500, {"timeInForce": "FOK"}, "canceled", "fok"),
            ("limit", 17000, {"timeInForce": "FOK"}, "closed", "fok"),
            ("market", None, {"timeInForce": "IOC"}, "closed", "optimal_limit_ioc"),
        ],
    )
    def test_each_type_of_order_ends_as_it_should(
        self,
        flat: ccxt.okx,
        type_: str,
        price: float | None,
        params: dict[str, Any],
        status: str,
        order_type: str,
    ) -> None:
        placed = flat.create_order(SYMBOL, type_, "buy", 1, price, params)
        order = flat.fetch_order(placed["id"], SYMBOL)
        assert (order["status"], order["info"]["ordType"]) == (status, order_type)

    def test_several_orders_are_placed_and_canceled_at_once(self, flat: ccxt.okx) -> None:
        wanted = [
            {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 1, "price": 15500 + n}
            for n in range(3)
        ]
        placed = flat.create_orders(wanted)
        assert len(flat.fetch_open_orders(SYMBOL)) == 3
        flat.cancel_orders([one["id"] for one in placed], SYMBOL)
        assert flat.fetch_open_orders(SYMBOL) == []

    def test_stops_are_placed_listed_and_canceled(self, flat: ccxt.okx) -> None:
        flat.create_order(SYMBOL, "market", "buy", 1)
        stop = flat.create_order(
            SYMBOL, "market", "sell", 1, params={"stopLossPrice": 15500, "reduceOnly": True}
        )
        trigger = flat.create_order(SYMBOL, "market", "buy", 1, params={"triggerPrice": 17500})
        for kind, placed in (("conditional", stop), ("trigger", trigger)):
            asked = {"trigger": True, "ordType": kind}
            assert [one["id"] for one in flat.fetch_open_orders(SYMBOL, params=asked)] == [placed["id"]]
            flat.cancel_order(placed["id"], SYMBOL, {"trigger": True})
            assert flat.fetch_open_orders(SYMBOL, params=asked) == []
            gone = flat.fetch_canceled_orders(SYMBOL, params=asked)
            assert placed["id"] in [one["id"] for one in gone]

    def test_stops_can_ride_on_an_order(self, flat: ccxt.okx) -> None:
        params = {"stopLoss": {"triggerPrice": 15500}, "takeProfit": {"triggerPrice": 17500}}
        placed = flat.create_order(SYMBOL, "market", "buy", 1, params=params)
        order = flat.fetch_order(placed["id"], SYMBOL)
        assert (order["stopLossPrice"], order["takeProfitPrice"]) == (15500, 17500)
        [stop] = flat.fetch_open_orders(SYMBOL, params={"trigger": True, "ordType": "oco"})
        flat.cancel_order(stop["id"], SYMBOL, {"trigger": True})

    def test_all_orders_are_canceled_when_nobody_re_arms(
        self, flat: ccxt.okx, paper: RunningPaperOkx
    ) -> None:
        placed = flat.create_order(SYMBOL, "limit", "buy", 1, 15500)
        armed = flat.cancel_all_orders_after(30_000)["data"][0]
        assert int(armed["triggerTime"]) == paper.exchange.clock.now() + 30_000
        paper.step(29_000)
        assert flat.fetch_order(placed["id"], SYMBOL)["status"] == "open"
        paper.step(1_000)
        order = flat.fetch_order(placed["id"], SYMBOL)
        assert (order["status"], order["info"]["cancelSource"]) == ("canceled", "20")


class TestAccount:
    def test_a_position_can_be_opened_seen_and_closed(self, flat: ccxt.okx) -> None:
        flat.create_order(SYMBOL, "market", "sell", 2)
        [held] = flat.fetch_positions([SYMBOL])
        assert (held["side"], held["contracts"], held["marginMode"]) == ("short", 2, "cross")
        assert held["notional"] == pytest.approx(held["markPrice"] * 0.02)
        assert held["liquidationPrice"] > held["markPrice"]
        assert held["initialMargin"] == pytest.approx(held["notional"] / held["leverage"])
        flat.close_position(SYMBOL, params={"marginMode": "cross"})
        assert flat.fetch_positions([SYMBOL]) == []
        assert flat.fetch_positions_history([SYMBOL])[0]["info"]["type"] == "2"

    def test_isolated_margin_is_part_of_the_total_and_not_free(self, flat: ccxt.okx) -> None:
        before = flat.fetch_balance()["USDT"]
        flat.create_order(SYMBOL, "market", "buy", 2, params={"marginMode": "isolated"})
        [held] = flat.fetch_positions([SYMBOL])
        after = flat.fetch_balance()["USDT"]
        assert held["marginMode"] == "isolated"
        assert after["total"] == pytest.approx(before["total"], abs=5)
        assert after["free"] < before["free"] - held["collateral"] + 5

    def test_leverage_is_set_and_read(self, flat: ccxt.okx) -> None:
        flat.set_leverage(7, ETHER, {"marginMode": "cross"})
        assert flat.fetch_leverage(ETHER, {"marginMode": "cross"})["longLeverage"] == 7

    def test_the_position_mode_can_be_changed_and_both_legs_stand_side_by_side(self, flat: ccxt.okx) -> None:
        assert flat.fetch_position_mode(SYMBOL)["hedged"] is False
        flat.set_position_mode(True)
        try:
            with pytest.raises(ccxt.ExchangeError, match="51000"):
                flat.create_order(SYMBOL, "market", "buy", 1)
            for side in ("buy", "sell"):
                flat.create_order(SYMBOL, "market", side, 1, params={"hedged": True})
            assert {held["side"] for held in flat.fetch_positions([SYMBOL])} == {"long", "short"}
            with pytest.raises(ccxt.ExchangeError, match="59000"):
                flat.set_position_mode(False)
            flat.close_position(SYMBOL, "buy", {"marginMode": "cross"})
            flat.close_position(SYMBOL, "sell", {"marginMode": "cross"})
        finally:
            flat.set_position_mode(False)

    def test_the_ledger_and_the_fills_tell_the_same_fees(self, flat: ccxt.okx) -> None:
        placed = flat.create_order(SYMBOL, "market", "buy", 1)
        [bill] = [one for one in flat.fetch_ledger() if one["info"]["ordId"] == placed["id"]]
        [trade] = [one for one in flat.fetch_my_trades(SYMBOL) if one["order"] == placed["id"]]
        assert -float(bill["info"]["fee"]) == pytest.approx(trade["fee"]["cost"])

    def test_funding_is_booked(self, flat: ccxt.okx, paper: RunningPaperOkx) -> None:
        flat.create_order(SYMBOL, "market", "buy", 1)
        paper.step(8 * HOUR_MS)
        [payment] = [one for one in flat.fetch_funding_history(SYMBOL) if one["timestamp"] > NOW_MS][:1]
        assert (payment["code"], payment["symbol"]) == ("USDT", SYMBOL)

    def test_fees_are_read_as_costs(self, client: ccxt.okx) -> None:
        fee = client.fetch_trading_fee(SYMBOL)
        assert (fee["maker"], fee["taker"]) == (0.0002, 0.0005)

    def test_the_account_has_a_configuration(self, client: ccxt.okx) -> None:
        assert client.fetch_accounts()[0]["type"] == "2"


def test_a_live_key_does_not_pass_with_the_demo_header_nor_the_other_way(paper: RunningPaperOkx) -> None:
    for uid in ("demo", "live"):
        wrong = sync_ccxt(paper, uid)
        wrong.headers = {} if uid == "demo" else {"x-simulated-trading": "1"}
        wrong.options["sandboxMode"] = uid != "demo"
        with pytest.raises(ccxt.AuthenticationError, match="50101"):
            wrong.fetch_balance()


@pytest.mark.parametrize("uid", ["demo", "live"])
def test_the_async_client_trades_as_the_other_does(paper: RunningPaperOkx, uid: str) -> None:
    async def scenario() -> None:
        client = async_ccxt(paper, uid)
        try:
            await client.load_markets()
            bars, ticker, balance = await asyncio.gather(
                client.fetch_ohlcv(SYMBOL, "1h", limit=3), client.fetch_ticker(SYMBOL), client.fetch_balance()
            )
            assert (len(bars), balance["USDT"]["total"] > 0) == (3, True)
            placed = await client.create_order(SYMBOL, "limit", "buy", 1, ticker["bid"] * 0.97)
            assert [one["id"] for one in await client.fetch_open_orders(SYMBOL)] == [placed["id"]]
            await client.cancel_order(placed["id"], SYMBOL)
            assert await client.fetch_open_orders(SYMBOL) == []
        finally:
            await client.close()

    asyncio.run(scenario())
