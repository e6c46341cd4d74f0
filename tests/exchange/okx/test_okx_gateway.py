"""The trading gateway on scripted answers: what each answer means for an order that may exist."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from arena.core.account import BillKind, Found, NotFound, Unknown
from arena.core.errors import (
    ArenaError,
    ConfigError,
    DataError,
    ExchangeError,
    OutcomeUnknown,
    Rejected,
    Retryable,
    TradingDisabled,
)
from arena.core.quantity import Contracts, Price
from arena.core.trading import (
    Ack,
    AlgoRequest,
    AlgoState,
    AlgoType,
    AmendRequest,
    MarginMode,
    OrderRef,
    OrderRequest,
    OrderType,
    PositionMode,
    PositionSide,
    Protection,
    Side,
    TriggerBy,
)
from arena.exchange.okx.client import OkxClient
from arena.exchange.okx.gateway import OkxTradingGateway
from arena.exchange.okx.limits import Priority
from arena.exchange.port import TradingGateway
from tests.exchange.okx.conftest import FakeWire, Lost, envelope
from tests.exchange.okx.samples import ALGO, BALANCE, BILL, CONFIG, FILL, ORDER, POSITION

BTC = "BTC-USDT-SWAP"
VENUE_MS = 1_700_000_000_000  # what the scripted exchange's clock says


@pytest.fixture
def gateway(client: OkxClient) -> OkxTradingGateway:
    return OkxTradingGateway(client, trading_enabled=True)


def buy(client_id: str = "a1", **more: Any) -> OrderRequest:
    base = {"side": Side.BUY, "type": OrderType.LIMIT, "size": Contracts("1.50"), "price": Price("41000.1")}
    return OrderRequest(inst_id=BTC, client_id=client_id, **{**base, **more})


def row(client_id: str = "a1", code: str = "0", order_id: str = "7", **more: Any) -> dict[str, Any]:
    base = {"clOrdId": client_id, "ordId": order_id, "tag": "", "ts": "5", "sCode": code, "sMsg": "words"}
    return {**base, **more}


def refused(code: str) -> dict[str, Any]:
    return envelope([row(code=code, order_id="")], code="1", msg="All operations failed")


STOP = AlgoRequest(inst_id=BTC, client_id="sl1", side=Side.SELL, size=Contracts(1), stop=Price(39000))

ACTING: dict[str, Callable[[TradingGateway], object]] = {
    "place_order": lambda g: g.place_order(buy()),
    "place_orders": lambda g: g.place_orders([buy()]),
    "cancel_order": lambda g: g.cancel_order(OrderRef(inst_id=BTC, client_id="a1")),
    "cancel_orders": lambda g: g.cancel_orders([OrderRef(inst_id=BTC, client_id="a1")]),
    "amend_order": lambda g: g.amend_order(
        AmendRequest(order=OrderRef(inst_id=BTC, client_id="a1"), request_id="r1", size=Contracts(1))
    ),
    "close_position": lambda g: g.close_position(BTC, MarginMode.CROSS, PositionSide.NET, "c1"),
    "cancel_all_after": lambda g: g.cancel_all_after(30),
    "place_algo": lambda g: g.place_algo(STOP),
    "cancel_algos": lambda g: g.cancel_algos(BTC, ["1"]),
    "set_leverage": lambda g: g.set_leverage(BTC, Decimal(3), MarginMode.CROSS),
    "set_position_mode": lambda g: g.set_position_mode(PositionMode.NET),
}
READING = {
    "algo_history", "balance", "bills", "config", "fills", "fills_of_order", "find_algo", "find_order",
    "leverage", "open_algos", "open_orders", "order_deadline_ms", "order_history", "positions", "server_time",
}  # fmt: skip


def test_every_method_of_the_port_reads_or_acts_and_is_known_to_these_tests() -> None:
    public = {name for name in vars(TradingGateway) if not name.startswith("_")}
    assert public == READING | set(ACTING)
    assert public == {name for name, _ in inspect.getmembers(OkxTradingGateway) if not name.startswith("_")}


@pytest.mark.parametrize("name", ACTING)
def test_nothing_that_acts_reaches_the_client_of_a_gateway_that_only_reads(
    name: str, client: OkxClient, wire: FakeWire
) -> None:
    with pytest.raises(TradingDisabled, match="TRADING_ENABLED"):
        ACTING[name](OkxTradingGateway(client))
    assert wire.sent == []


def test_order_is_sent_in_contracts_as_text_with_our_id_and_a_deadline(
    gateway: OkxTradingGateway, wire: FakeWire
) -> None:
    wire.script = [envelope([row()])]
    ack = gateway.place_order(buy(reduce_only=True, margin_mode=MarginMode.ISOLATED))
    assert wire.sent[-1] == (
        "POST",
        "trade/order",
        {
            "instId": BTC,
            "tdMode": "isolated",
            "clOrdId": "a1",
            "side": "buy",
            "ordType": "limit",
            "sz": "1.50",
            "px": "41000.1",
            "reduceOnly": True,
        },
    )
    deadline = wire.deadlines[-1]
    assert deadline is not None
    assert 0 <= int(deadline) - VENUE_MS - gateway.order_deadline_ms < 1000
    assert ack == Ack(inst_id=BTC, id="7", client_id="a1", ts=5, raw=row())


def test_protection_rides_on_its_order(gateway: OkxTradingGateway, wire: FakeWire) -> None:
    wire.script = [envelope([row()])]
    guard = Protection(client_id="p1", stop=Price(39000), take=Price("45000.5"), trigger_by=TriggerBy.MARK)
    gateway.place_order(buy(protection=guard, position_side=PositionSide.LONG))
    body = wire.sent[-1][2]
    assert body["posSide"] == "long"
    assert body["attachAlgoOrds"] == [
        {
            "attachAlgoClOrdId": "p1",
            "slTriggerPx": "39000",
            "slOrdPx": "-1",
            "slTriggerPxType": "mark",
            "tpTriggerPx": "45000.5",
            "tpOrdPx": "-1",
            "tpTriggerPxType": "mark",
        }
    ]


@pytest.mark.parametrize("code", ["51008", "51016", "51020", "51121", "51169", "50036", "50037"])
def test_x3_row_with_a_code_is_refused_for_good(
    gateway: OkxTradingGateway, wire: FakeWire, code: str
) -> None:
    wire.script = [refused(code)]
    with pytest.raises(Rejected) as caught:
        gateway.place_order(buy())
    assert caught.value.code == code


@pytest.mark.parametrize(
    "answer",
    [
        envelope(code="50001"),
        envelope(code="50004"),
        envelope(code="50013"),
        envelope(code="50026"),
        (502, None),
        (500, envelope(code="50026")),
        (200, None),
        Lost("cut"),
        envelope([]),
        envelope([row(), row("b2")]),
        envelope([{"ordId": "7", "clOrdId": "a1"}]),
        envelope([row(code="")]),
        envelope([row("another")]),
        envelope([row(order_id="")]),
        envelope(code="1"),
        envelope([refused("51149")["data"][0]], code="1"),
        {"code": "0"},
        {"data": [row()]},
        ["neither"],
    ],
    ids=str,
)
def test_x3_answer_that_proves_nothing_leaves_the_outcome_unknown(
    gateway: OkxTradingGateway, wire: FakeWire, answer: object
) -> None:
    wire.script = [answer]
    with pytest.raises(OutcomeUnknown):
        gateway.place_order(buy())
    assert wire.paths().count("trade/order") == 1


@pytest.mark.parametrize(
    "answer", [envelope(code="50011"), envelope(code="50061"), (429, None), refused("50061")], ids=str
)
def test_x7_order_that_was_turned_away_unread_is_retryable_and_not_repeated(
    gateway: OkxTradingGateway, wire: FakeWire, answer: object
) -> None:
    wire.script = [answer]
    with pytest.raises(Retryable):
        gateway.place_order(buy())
    assert wire.paths().count("trade/order") == 1


@pytest.mark.parametrize("code", ["50101", "50111", "50113", "50120"])
def test_credentials_are_for_the_user_to_mend(gateway: OkxTradingGateway, wire: FakeWire, code: str) -> None:
    wire.script = [(401, envelope(code=code))]
    with pytest.raises(ConfigError, match=code):
        gateway.place_order(buy())


def test_each_order_of_a_batch_has_an_outcome_of_its_own(gateway: OkxTradingGateway, wire: FakeWire) -> None:
    rows = [
        row("d", "50011", sMsg="canary-pass-0b3d"),
        row("b", "51008", ""),
        row("c", ""),
        row("a"),
        row("f", "50030", ""),
        row("x"),
    ]
    wire.script = [envelope(rows, code="2")]
    outcomes = gateway.place_orders([buy(name) for name in "abcdef"])
    kinds = [Ack, Rejected, OutcomeUnknown, Retryable, OutcomeUnknown, Rejected]
    assert [type(outcome) for outcome in outcomes] == kinds
    assert isinstance(outcomes[0], Ack)
    assert outcomes[0].client_id == "a"
    assert "canary" not in str(outcomes[3])


@pytest.mark.parametrize("count", [0, 21])
def test_batch_that_okx_does_not_take_is_not_sent(
    gateway: OkxTradingGateway, wire: FakeWire, count: int
) -> None:
    with pytest.raises(Rejected, match="1 to 20"):
        gateway.place_orders([buy(f"a{n}") for n in range(count)])
    assert wire.sent == []


def test_batch_that_names_an_order_twice_is_not_sent(gateway: OkxTradingGateway, wire: FakeWire) -> None:
    with pytest.raises(Rejected, match="twice"):
        gateway.place_orders([buy("a"), buy("b"), buy("a")])
    assert wire.sent == []


def test_order_that_waits_for_its_limit_past_its_deadline_is_not_sent(
    client: OkxClient, wire: FakeWire
) -> None:
    gateway = OkxTradingGateway(client, trading_enabled=True, order_deadline_s=1)
    wire.script = [envelope([row()])]
    for _ in range(60):  # in two seconds OKX takes no more
        gateway.place_order(buy())
    with pytest.raises(Retryable, match="nothing was sent"):
        gateway.place_order(buy())
    assert wire.paths().count("trade/order") == 60


@pytest.mark.parametrize(
    ("act", "priority"),
    [
        (lambda g: g.place_order(buy()), Priority.ENTRY),
        (lambda g: g.place_order(buy(reduce_only=True)), Priority.EXIT),
        (lambda g: g.place_order(buy(position_side=PositionSide.SHORT)), Priority.EXIT),
        (lambda g: g.place_order(buy(position_side=PositionSide.LONG)), Priority.ENTRY),
        (ACTING["cancel_order"], Priority.EXIT),
        (ACTING["close_position"], Priority.EXIT),
        (ACTING["cancel_all_after"], Priority.EXIT),
        (ACTING["place_algo"], Priority.EXIT),
        (ACTING["amend_order"], Priority.ENTRY),
    ],
)
def test_exits_go_before_entries(
    act: Callable[[TradingGateway], object],
    priority: Priority,
    client: OkxClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Priority] = []

    def post(path: str, body: object, *, priority: Priority, deadline_ms: int | None) -> list[Any]:
        seen.append(priority)
        raise Rejected("enough")

    monkeypatch.setattr(client, "post", post)
    monkeypatch.setattr(client.time, "now_ms", lambda: VENUE_MS)
    with pytest.raises(Rejected, match="enough"):
        act(OkxTradingGateway(client, trading_enabled=True))
    assert seen == [priority]


def test_order_is_found_by_our_id(gateway: OkxTradingGateway, wire: FakeWire) -> None:
    wire.script = [envelope([{**ORDER, "clOrdId": "a1"}])]
    found = gateway.find_order(OrderRef(inst_id=BTC, client_id="a1"))
    assert isinstance(found, Found)
    assert wire.sent[-1] == ("GET", "trade/order", {"instId": BTC, "clOrdId": "a1"})
    wire.script = [envelope([ORDER])]
    by_id = gateway.find_order(OrderRef(inst_id=BTC, client_id="other", order_id=ORDER["ordId"]))
    assert isinstance(by_id, Found)


def test_order_is_not_found_by_okx_own_word_alone(gateway: OkxTradingGateway, wire: FakeWire) -> None:
    wire.script = [envelope(code="51603", msg="Order does not exist")]
    assert isinstance(gateway.find_order(OrderRef(inst_id=BTC, client_id="a1")), NotFound)


@pytest.mark.parametrize(
    "answer",
    [
        envelope([]),
        envelope([ORDER]),
        envelope([{**ORDER, "clOrdId": "a1"}, ORDER]),
        envelope([{**ORDER, "clOrdId": "a1", "sz": "?"}]),
        envelope(code="50004"),
        envelope(code="51001"),
        (404, None),
        (200, None),
        Lost("cut"),
    ],
    ids=str,
)
def test_lookup_that_proves_nothing_is_unknown(
    gateway: OkxTradingGateway, wire: FakeWire, answer: object
) -> None:
    wire.script = [answer]
    assert isinstance(gateway.find_order(OrderRef(inst_id=BTC, client_id="a1")), Unknown)


@pytest.mark.parametrize(
    "make",
    [
        lambda: buy("a" * 33),
        lambda: buy("a_b"),
        lambda: buy(""),
        lambda: buy("ä1"),
        lambda: buy("a1\n"),
        lambda: buy(size=Contracts(0)),
        lambda: buy(size=Contracts(-1)),
        lambda: buy(price=None),
        lambda: buy(price=Price(0)),
        lambda: buy(type=OrderType.MARKET),
        lambda: buy(type=OrderType.UNKNOWN),
        lambda: OrderRef(inst_id=BTC),
        lambda: OrderRef(inst_id=BTC, client_id="a-b"),
        lambda: AmendRequest(order=OrderRef(inst_id=BTC, client_id="a"), request_id="r"),
        lambda: AlgoRequest(inst_id=BTC, client_id="s", side=Side.SELL, size=None),
        lambda: AlgoRequest(inst_id=BTC, client_id="s", side=Side.SELL, size=Contracts(0), stop=Price(1)),
        lambda: Protection(client_id="p"),
    ],
)
def test_request_that_cannot_be_sent_cannot_be_made(make: Callable[[], object]) -> None:
    with pytest.raises(Rejected, match="not sent"):
        make()


def pages(rows: list[dict[str, Any]], size: int) -> list[Any]:
    return [envelope(rows[i : i + size]) for i in range(0, len(rows) + size, size)]


def test_fills_of_many_pages_come_once_each_oldest_first(gateway: OkxTradingGateway, wire: FakeWire) -> None:
    rows = [{**FILL, "billId": str(n), "tradeId": str(n)} for n in range(250, 0, -1)]
    wire.script = pages(rows, 100)
    fills = gateway.fills(BTC)
    assert [fill.trade_id for fill in fills] == [str(n) for n in range(1, 251)]
    asked = [params.get("after") for method, path, params in wire.sent if path == "trade/fills"]
    assert asked == [None, "151", "51", "1"]


def test_pages_that_overlap_double_nothing(gateway: OkxTradingGateway, wire: FakeWire) -> None:
    rows = [{**FILL, "billId": str(n)} for n in (4, 3, 2, 1)]
    wire.script = [envelope(rows[:3]), envelope(rows[1:]), envelope([])]
    assert [fill.bill_id for fill in gateway.fills()] == ["1", "2", "3", "4"]


def test_page_that_comes_back_for_ever_is_an_error_and_no_short_list(
    gateway: OkxTradingGateway, wire: FakeWire
) -> None:
    wire.script = [envelope([FILL])]
    with pytest.raises(ExchangeError, match="repeats the page"):
        gateway.fills()


def test_history_beyond_what_is_at_hand_is_read_from_the_archive_too(
    gateway: OkxTradingGateway, wire: FakeWire
) -> None:
    newer, older = ({**ORDER, "ordId": name, "cTime": name} for name in ("20", "10"))
    wire.script = [envelope([newer]), envelope([]), envelope([newer, older]), envelope([])]
    orders = gateway.order_history(BTC, begin_ms=VENUE_MS - 30 * 86_400_000)
    assert [order.order_id for order in orders] == ["10", "20"]
    paths = [path for path in wire.paths() if path.startswith("trade")]
    assert paths == ["trade/orders-history"] * 2 + ["trade/orders-history-archive"] * 2
    assert wire.sent[-1][2]["begin"] == str(VENUE_MS - 30 * 86_400_000)


def test_history_beyond_okx_memory_is_refused(gateway: OkxTradingGateway, wire: FakeWire) -> None:
    wire.script = [envelope([])]
    with pytest.raises(DataError, match="remembers 90"):
        gateway.bills(begin_ms=VENUE_MS - 91 * 86_400_000)


def test_bills_of_a_kind(gateway: OkxTradingGateway, wire: FakeWire) -> None:
    wire.script = [envelope([BILL]), envelope([])]
    (bill,) = gateway.bills(kind=BillKind.FUNDING)
    assert bill.kind is BillKind.FUNDING
    assert wire.sent[-1][2] == {"ccy": "USDT", "type": "8", "limit": "100", "after": BILL["billId"]}


def test_x19_positions_that_cannot_be_read_are_not_flat(gateway: OkxTradingGateway, wire: FakeWire) -> None:
    wire.script = [envelope([POSITION, {**POSITION, "pos": "0", "posId": "2"}])]
    assert len(gateway.positions()) == 1
    wire.script = [envelope([])]
    assert gateway.positions() == []
    for answer in (envelope([{**POSITION, "pos": ""}]), envelope(code="50001"), (200, None), {"code": "0"}):
        wire.script = [answer]
        with pytest.raises(ExchangeError):
            gateway.positions()


def test_account_reads(gateway: OkxTradingGateway, wire: FakeWire) -> None:
    wire.script = [envelope([CONFIG])]
    assert gateway.config().position_mode is PositionMode.LONG_SHORT
    wire.script = [envelope([BALANCE])]
    assert str(gateway.balance().usdt.cash) == "94.4261299"
    wire.script = [envelope([])]
    with pytest.raises(ExchangeError, match="0 rows"):
        gateway.balance()
    wire.script = [
        envelope([{"instId": BTC, "mgnMode": "cross", "posSide": "net", "lever": "2.5", "ccy": ""}])
    ]
    assert gateway.leverage(BTC, MarginMode.CROSS)[0].leverage == Decimal("2.5")
    assert gateway.set_leverage(BTC, Decimal("2.50"), MarginMode.CROSS)[0].leverage == Decimal("2.5")
    assert wire.sent[-1][2] == {"instId": BTC, "lever": "2.50", "mgnMode": "cross"}
    with pytest.raises(Rejected, match="leverage 0"):
        gateway.set_leverage(BTC, Decimal(0), MarginMode.CROSS)


def test_stop_is_sent_reduce_only_and_acknowledged_by_its_own_id(
    gateway: OkxTradingGateway, wire: FakeWire
) -> None:
    wire.script = [
        envelope([{"algoId": "9", "algoClOrdId": "sl1", "clOrdId": "sl1", "sCode": "0", "sMsg": ""}])
    ]
    ack = gateway.place_algo(STOP)
    assert (ack.id, ack.client_id, ack.ts) == ("9", "sl1", None)
    body = wire.sent[-1][2]
    assert body["reduceOnly"] is True
    assert (body["ordType"], body["slTriggerPx"], body["slOrdPx"]) == ("conditional", "39000", "-1")


def test_stop_and_take_profit_of_the_whole_position(gateway: OkxTradingGateway, wire: FakeWire) -> None:
    wire.script = [envelope([{"algoId": "9", "algoClOrdId": "o1", "sCode": "0", "sMsg": ""}])]
    gateway.place_algo(
        AlgoRequest(
            inst_id=BTC, client_id="o1", side=Side.SELL, size=None, stop=Price(1), take=Price(2),
            position_side=PositionSide.LONG, margin_mode=MarginMode.ISOLATED,
        )
    )  # fmt: skip
    body = wire.sent[-1][2]
    assert (body["ordType"], body["closeFraction"], body["posSide"]) == ("oco", "1", "long")
    assert "sz" not in body


def test_cancelled_algos_have_an_outcome_each(gateway: OkxTradingGateway, wire: FakeWire) -> None:
    rows = [{"algoId": "1", "sCode": "0", "sMsg": ""}, {"algoId": "2", "sCode": "51400", "sMsg": "gone"}]
    wire.script = [envelope(rows, code="2")]
    done, gone, silent = gateway.cancel_algos(BTC, ["1", "2", "3"])
    assert (type(done), type(gone), type(silent)) == (Ack, Rejected, OutcomeUnknown)


def test_algo_is_looked_for_among_the_waiting_and_the_ended(
    gateway: OkxTradingGateway, wire: FakeWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = {**ALGO, "ordType": "conditional", "state": "effective", "algoClOrdId": "sl1"}

    def answers(lists: dict[str, list[Any]]) -> None:
        def read(path: str, params: dict[str, Any], **_: object) -> list[Any]:
            rows = lists.get(f"{path} {params.get('state', '')}".strip(), [])
            if rows == ["broken"]:
                raise Retryable("cut")
            return [] if params.get("after") else rows

        monkeypatch.setattr(gateway._client, "get", read)

    answers({"trade/orders-algo-history effective": [ended]})
    found = gateway.find_algo(BTC, "sl1", AlgoType.CONDITIONAL)
    assert isinstance(found, Found)
    assert found.order.state is AlgoState.TRIGGERED
    answers({})
    assert isinstance(gateway.find_algo(BTC, "sl1", AlgoType.CONDITIONAL), NotFound)
    answers({"trade/orders-algo-history canceled": ["broken"]})
    assert isinstance(gateway.find_algo(BTC, "sl1", AlgoType.CONDITIONAL), Unknown)
    with pytest.raises(Rejected, match="keeps no list"):
        gateway.algo_history(AlgoType.OCO, AlgoState.WAITING)


def test_cancel_all_after_tells_when(gateway: OkxTradingGateway, wire: FakeWire) -> None:
    wire.script = [envelope([{"triggerTime": "1587971460000", "tag": "", "ts": "1"}])]
    assert gateway.cancel_all_after(30) == 1_587_971_460_000
    wire.script = [envelope([{"triggerTime": "0", "tag": "", "ts": "1"}])]
    assert gateway.cancel_all_after(0) is None
    with pytest.raises(Rejected, match="10 to 120"):
        gateway.cancel_all_after(5)


@pytest.mark.parametrize("answer", [envelope(code="50004"), Lost("cut"), (200, None)], ids=str)
@pytest.mark.parametrize("name", ACTING)
def test_no_acting_call_takes_silence_for_a_no(
    name: str, answer: object, gateway: OkxTradingGateway, wire: FakeWire
) -> None:
    wire.script = [answer]
    with pytest.raises(OutcomeUnknown):
        ACTING[name](gateway)


def test_secrets_are_in_no_error_and_no_repr(gateway: OkxTradingGateway, wire: FakeWire) -> None:
    wire.script = [(401, envelope(code="50113", msg="bad sign of canary-key-1f9a canary-secret-77c2"))]
    with pytest.raises(ArenaError) as caught:
        gateway.balance()
    shown = f"{''.join(traceback.format_exception(caught.value))} {caught.value!r} {gateway!r}"
    assert "bad sign of" in shown
    assert "canary" not in shown
