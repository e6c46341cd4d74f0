"""The trading port's contract, kept by OKX's gateway against the paper exchange over real HTTP, faults on.

A gateway of another exchange has to pass the same: `account` is all that names OKX here.
"""

from __future__ import annotations

import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena.core.account import BillKind, Found, NotFound, OrderSnapshot
from arena.core.errors import (
    ConfigError,
    DataError,
    ExchangeError,
    OutcomeUnknown,
    Rejected,
    Retryable,
)
from arena.core.lots import Rounding
from arena.core.quantity import Contracts, Price, Usdt
from arena.core.trading import (
    Ack,
    AlgoRequest,
    AlgoState,
    AlgoType,
    AmendRequest,
    MarginMode,
    OrderRef,
    OrderRequest,
    OrderState,
    OrderType,
    PositionMode,
    PositionSide,
    Protection,
    Side,
)
from tests.exchange.okx.paper import BTC, PaperAccount, PaperExchanges, paper_exchange

ONE = Contracts("1.00")
FLAT = Contracts(0)


@pytest.fixture(scope="module")
def exchange() -> Iterator[PaperExchanges]:
    with paper_exchange() as running:
        yield running


@pytest.fixture
def account(exchange: PaperExchanges) -> Iterator[PaperAccount]:
    """An account that no other test has touched, on an exchange without faults."""
    exchange.clear_faults()
    yield exchange.next_account()
    exchange.clear_faults()


def market(client_id: str, side: Side = Side.BUY, size: Contracts = ONE, **more: object) -> OrderRequest:
    return OrderRequest(
        inst_id=BTC,
        client_id=client_id,
        side=side,
        type=OrderType.MARKET,
        size=size,
        **more,  # type: ignore[arg-type]
    )


def resting(account: PaperAccount, client_id: str, size: Contracts = ONE) -> OrderRequest:
    """A buy so far below the market that it stays."""
    price = account.lots.to_tick(account.last * Decimal("0.98"), Rounding.DOWN)
    return OrderRequest(
        inst_id=BTC, client_id=client_id, side=Side.BUY, type=OrderType.LIMIT, size=size, price=price
    )


def found(account: PaperAccount, client_id: str) -> OrderSnapshot:
    lookup = account.gateway.find_order(OrderRef(inst_id=BTC, client_id=client_id))
    assert isinstance(lookup, Found), lookup
    return lookup.order


def filled(account: PaperAccount, request: OrderRequest) -> OrderSnapshot:
    """Place an order and wait until it is filled."""
    account.gateway.place_order(request)
    return account.until(
        lambda: found(account, request.client_id), lambda order: order.state is OrderState.FILLED
    )


class TestWithoutFaults:
    def test_market_order_its_fills_position_balance_and_bills_agree(self, account: PaperAccount) -> None:
        gateway = account.gateway
        before = gateway.balance().usdt
        order = filled(account, market("m1", size=Contracts("1.53")))
        fills = gateway.fills_of_order(BTC, order.order_id)
        assert sum((fill.size for fill in fills), FLAT) == order.filled == Contracts("1.53")
        assert gateway.fills(BTC) == fills
        (position,) = gateway.positions()
        assert (position.size, position.side) == (Contracts("1.53"), PositionSide.NET)
        assert position.average_price == order.average_price
        fees = sum((fill.fee for fill in fills if fill.fee is not None), Usdt(0))
        assert fees < Usdt(0)
        assert fees == order.fee
        bills = gateway.bills(kind=BillKind.TRADE)
        assert sum((bill.change for bill in bills), Usdt(0)) == fees
        assert gateway.balance().usdt.cash == before.cash + fees

    def test_short_position_is_below_zero_and_closed_whole(self, account: PaperAccount) -> None:
        filled(account, market("s1", Side.SELL))
        (position,) = account.gateway.positions(BTC)
        assert position.size == -ONE
        account.gateway.close_position(BTC, MarginMode.CROSS, PositionSide.NET, "s2")
        account.until(lambda: account.gateway.positions(BTC), lambda rows: not rows)

    def test_resting_order_is_listed_amended_and_cancelled(self, account: PaperAccount) -> None:
        gateway, request = account.gateway, resting(account, "r1")
        ack = gateway.place_order(request)
        (listed,) = gateway.open_orders(BTC)
        assert (listed.order_id, listed.client_id, listed.state) == (ack.id, "r1", OrderState.OPEN)
        assert (listed.size, listed.price) == (request.size, request.price)
        ref = OrderRef(inst_id=BTC, client_id="r1")
        gateway.amend_order(AmendRequest(order=ref, request_id="c1", size=Contracts("0.5")))
        account.until(lambda: found(account, "r1").size, lambda size: size == Contracts("0.5"))
        gateway.cancel_order(ref)
        account.until(lambda: found(account, "r1").state, lambda state: state is OrderState.CANCELED)
        assert gateway.open_orders() == []
        assert [order.client_id for order in gateway.order_history(BTC)] == ["r1"]

    def test_x6_client_id_of_a_waiting_order_is_not_taken_twice(self, account: PaperAccount) -> None:
        account.gateway.place_order(resting(account, "d1"))
        with pytest.raises(Rejected) as caught:
            account.gateway.place_order(resting(account, "d1"))
        assert caught.value.code == "51016"
        assert len(account.gateway.open_orders()) == 1

    def test_x11_order_that_is_filled_cannot_be_cancelled_and_is_seen_to_be_filled(
        self, account: PaperAccount
    ) -> None:
        filled(account, market("f1"))
        with pytest.raises(Rejected) as caught:
            account.gateway.cancel_order(OrderRef(inst_id=BTC, client_id="f1"))
        assert caught.value.code == "51400"
        assert found(account, "f1").state is OrderState.FILLED

    def test_x11_exit_that_only_reduces_cannot_flip_the_position(self, account: PaperAccount) -> None:
        gateway = account.gateway
        filled(account, market("e1"))
        refused = {
            "51170": market("e2", Side.BUY, reduce_only=True),
            "51112": market("e3", Side.SELL, Contracts(3), reduce_only=True),
        }
        for code, request in refused.items():
            with pytest.raises(Rejected, match=code):
                gateway.place_order(request)
        gateway.place_order(market("e4", Side.SELL, reduce_only=True))
        account.until(gateway.positions, lambda rows: not rows)
        with pytest.raises(Rejected, match="51169"):
            gateway.place_order(market("e5", Side.SELL, reduce_only=True))
        assert gateway.positions() == []

    @pytest.mark.parametrize(("size", "code"), [("0.001", "51020"), ("1.005", "51121")])
    def test_size_off_the_grid_is_refused(self, account: PaperAccount, size: str, code: str) -> None:
        with pytest.raises(Rejected) as caught:
            account.gateway.place_order(market("g1", size=Contracts(size)))
        assert caught.value.code == code

    def test_order_that_the_money_does_not_reach_for_is_refused(self, account: PaperAccount) -> None:
        with pytest.raises(Rejected) as caught:
            account.gateway.place_order(market("b1", size=Contracts(9000)))
        assert caught.value.code == "51008"

    def test_order_past_its_deadline_is_refused(self, account: PaperAccount) -> None:
        with pytest.raises(Rejected) as caught:
            account.make_gateway(order_deadline_s=-60).place_order(market("t1"))
        assert caught.value.code in {"50036", "50037"}
        assert isinstance(account.gateway.find_order(OrderRef(inst_id=BTC, client_id="t1")), NotFound)

    def test_batch_is_placed_and_cancelled_order_by_order(self, account: PaperAccount) -> None:
        good = [resting(account, f"p{number}") for number in range(3)]
        bad = resting(account, "p9", Contracts("0.001"))
        outcomes = account.gateway.place_orders([good[0], bad, *good[1:]])
        assert [type(outcome) for outcome in outcomes] == [Ack, Rejected, Ack, Ack]
        assert [order.client_id for order in account.gateway.open_orders()] == ["p0", "p1", "p2"]
        refs = [OrderRef(inst_id=BTC, client_id=name) for name in ("p2", "p7", "p0")]
        outcomes = account.gateway.cancel_orders(refs)
        assert [type(outcome) for outcome in outcomes] == [Ack, Rejected, Ack]
        account.until(
            lambda: [order.client_id for order in account.gateway.open_orders()], lambda ids: ids == ["p1"]
        )

    def test_two_legs_stand_side_by_side_in_long_short_mode(self, account: PaperAccount) -> None:
        account.gateway.set_position_mode(PositionMode.LONG_SHORT)
        assert account.gateway.config().position_mode is PositionMode.LONG_SHORT
        filled(account, market("l1", position_side=PositionSide.LONG))
        filled(account, market("l2", Side.SELL, Contracts(2), position_side=PositionSide.SHORT))
        sizes = {position.side: position.size for position in account.gateway.positions(BTC)}
        assert sizes == {PositionSide.LONG: ONE, PositionSide.SHORT: Contracts(-2)}
        with pytest.raises(Rejected, match="51000"):
            account.gateway.place_order(market("l3"))

    def test_leverage_is_set_and_read(self, account: PaperAccount) -> None:
        account.gateway.set_leverage(BTC, Decimal(7), MarginMode.ISOLATED)
        (leverage,) = account.gateway.leverage(BTC, MarginMode.ISOLATED)
        assert leverage.leverage == 7
        with pytest.raises(Rejected) as caught:
            account.gateway.set_leverage(BTC, Decimal(1000), MarginMode.CROSS)
        assert caught.value.code == "59102"

    def test_stop_waits_is_found_and_cancelled(self, account: PaperAccount) -> None:
        gateway = account.gateway
        filled(account, market("a1"))
        stop = account.lots.to_tick(account.last * Decimal("0.9"), Rounding.NEAREST)
        ack = gateway.place_algo(
            AlgoRequest(inst_id=BTC, client_id="a2", side=Side.SELL, size=ONE, stop=stop)
        )
        (waiting,) = gateway.open_algos(BTC)
        assert (waiting.algo_id, waiting.client_id, waiting.stop) == (ack.id, "a2", stop)
        assert waiting.state is AlgoState.WAITING
        lookup = gateway.find_algo(BTC, "a2", AlgoType.CONDITIONAL)
        assert isinstance(lookup, Found)
        (outcome,) = gateway.cancel_algos(BTC, [ack.id])
        assert isinstance(outcome, Ack)
        account.until(lambda: gateway.open_algos(BTC), lambda rows: not rows)
        ended = gateway.find_algo(BTC, "a2", AlgoType.CONDITIONAL)
        assert isinstance(ended, Found)
        assert ended.order.state is AlgoState.CANCELED
        assert isinstance(gateway.find_algo(BTC, "never", AlgoType.CONDITIONAL), NotFound)

    def test_stop_that_the_market_reaches_closes_the_position(self, account: PaperAccount) -> None:
        filled(account, market("h1"))
        last, tick = account.last, account.lots.tick_sz * 5
        account.gateway.place_algo(
            AlgoRequest(
                inst_id=BTC, client_id="h2", side=Side.SELL, size=None, stop=last - tick, take=last + tick
            )
        )
        account.until(account.gateway.positions, lambda rows: not rows, step_ms=60_000)
        lookup = account.gateway.find_algo(BTC, "h2", AlgoType.OCO)
        assert isinstance(lookup, Found)
        assert lookup.order.state is AlgoState.TRIGGERED

    def test_trailing_stop_that_was_placed_by_hand_is_seen_and_cancelled(self, account: PaperAccount) -> None:
        gateway = account.gateway
        filled(account, market("t1"))
        asked = {"instId": BTC, "tdMode": "cross", "side": "sell", "ordType": "move_order_stop", "sz": "1"}
        placed = account.by_hand("trade/order-algo", **asked, callbackRatio="0.1", reduceOnly=True)
        (waiting,) = gateway.open_algos(BTC)
        assert (waiting.algo_id, waiting.type, waiting.size) == (placed["algoId"], AlgoType.TRAILING, ONE)
        (outcome,) = gateway.cancel_algos(BTC, [waiting.algo_id])
        assert isinstance(outcome, Ack)
        (ended,) = account.until(
            lambda: gateway.algo_history(AlgoType.TRAILING, AlgoState.CANCELED, BTC), bool
        )
        assert (ended.algo_id, ended.reduce_only) == (waiting.algo_id, True)

    def test_protection_comes_to_life_with_its_order(self, account: PaperAccount) -> None:
        stop = account.lots.to_tick(account.last * Decimal("0.9"), Rounding.NEAREST)
        filled(account, market("q1", protection=Protection(client_id="q2", stop=stop)))
        waiting = account.until(lambda: account.gateway.open_algos(BTC), bool)
        assert [(algo.client_id, algo.stop) for algo in waiting] == [("q2", stop)]

    def test_orders_are_cancelled_when_nobody_says_otherwise_in_time(self, account: PaperAccount) -> None:
        account.gateway.place_order(resting(account, "k1"))
        due = account.gateway.cancel_all_after(10)
        assert due is not None
        account.step(11_000)
        order = account.until(lambda: found(account, "k1"), lambda order: order.state is OrderState.CANCELED)
        assert order.cancel_source == "20"
        assert account.gateway.cancel_all_after(0) is None

    def test_history_of_many_pages_has_every_order_and_fill_once(self, account: PaperAccount) -> None:
        names = [f"y{number:03d}" for number in range(120)]
        for name in names:
            account.gateway.place_order(market(name, size=Contracts("0.01")))
        account.until(
            account.gateway.positions, lambda rows: bool(rows) and rows[0].size == Contracts("1.20")
        )
        assert [order.client_id for order in account.gateway.order_history(BTC)] == names
        fills = account.gateway.fills()
        assert sorted({fill.client_id for fill in fills if fill.client_id}) == names
        assert len({fill.key for fill in fills}) == len(fills)
        bills = account.gateway.bills(kind=BillKind.TRADE)
        assert len({bill.bill_id for bill in bills}) == len(bills) == len(fills)

    def test_history_from_a_month_ago_is_read_from_the_archive_as_well(self, account: PaperAccount) -> None:
        filled(account, market("old1"))
        gateway, month_ago_ms = account.gateway, account.gateway.server_time() - 30 * 86_400_000
        assert gateway.order_history(begin_ms=month_ago_ms) == gateway.order_history()
        assert gateway.fills(begin_ms=month_ago_ms) == gateway.fills()
        assert gateway.bills(begin_ms=month_ago_ms) == gateway.bills(begin_ms=month_ago_ms + 28 * 86_400_000)
        with pytest.raises(DataError):
            gateway.fills(begin_ms=month_ago_ms - 61 * 86_400_000)

    def test_x22_funding_is_in_the_bills_once(self, account: PaperAccount) -> None:
        filled(account, market("w1"))
        for _ in range(9):
            account.step(3_600_000)
        paid = account.until(lambda: account.gateway.bills(kind=BillKind.FUNDING), bool)
        assert len(paid) in {1, 2}  # settlements in nine hours
        (position,) = account.gateway.positions()
        assert sum((bill.change for bill in paid), Usdt(0)) == position.funding


UNKNOWN = [
    ("drop_before", {}, False),
    ("drop_after", {}, True),
    ("code", {"code": "50004", "applied": True}, True),
    ("code", {"code": "50004", "applied": False}, False),
    ("code", {"code": "50001", "applied": False}, False),
    ("code", {"code": "50013", "applied": True}, True),
    ("code", {"code": "50026", "applied": True}, True),
    ("code", {"code": "51149", "applied": True}, True),
    ("html", {}, True),
    ("truncated", {}, True),
]
TURNED_AWAY = [
    ("http_429", {}),
    ("code", {"code": "50011"}),
    ("code", {"code": "50061"}),
]


def fault_ids(case: tuple[str, dict[str, object]] | tuple[str, dict[str, object], object]) -> str:
    return "-".join([case[0], *(str(value) for value in case[1].values())])


class TestWithFaults:
    @pytest.mark.parametrize("case", UNKNOWN, ids=fault_ids)
    def test_x1_x2_x3_lost_answer_is_unknown_and_the_lookup_tells(
        self, account: PaperAccount, case: tuple[str, dict[str, object], bool]
    ) -> None:
        kind, options, applied = case
        account.fault(kind, "/api/v5/trade/order", method="POST", **options)
        request = resting(account, "u1")
        with pytest.raises(OutcomeUnknown):
            account.gateway.place_order(request)
        lookup = account.gateway.find_order(OrderRef(inst_id=BTC, client_id="u1"))
        assert isinstance(lookup, Found | NotFound)
        assert len(account.gateway.open_orders()) == isinstance(lookup, Found)  # never two
        assert isinstance(lookup, Found) is applied

    @pytest.mark.parametrize("case", TURNED_AWAY, ids=fault_ids)
    def test_x7_order_that_was_turned_away_may_be_sent_again(
        self, account: PaperAccount, case: tuple[str, dict[str, object]]
    ) -> None:
        kind, options = case
        account.fault(kind, "/api/v5/trade/order", method="POST", **options)
        request = resting(account, "v1")
        with pytest.raises(Retryable):
            account.gateway.place_order(request)
        assert isinstance(account.gateway.find_order(OrderRef(inst_id=BTC, client_id="v1")), NotFound)
        account.gateway.place_order(request)
        assert found(account, "v1").state is OrderState.OPEN

    def test_x1_crash_after_sending_finds_the_order_again_by_its_id(self, account: PaperAccount) -> None:
        account.fault("drop_after", "/api/v5/trade/order", method="POST")
        with pytest.raises(OutcomeUnknown):
            account.gateway.place_order(market("z1"))
        later = account.make_gateway()  # another process after a restart
        account.until(lambda: found(account, "z1"), lambda order: order.state is OrderState.FILLED)
        assert isinstance(later.find_order(OrderRef(inst_id=BTC, client_id="z1")), Found)
        assert [fill.client_id for fill in later.fills()][:1] == ["z1"]

    @pytest.mark.parametrize("kind", ["drop_after", "html", "truncated"])
    def test_cancel_that_got_no_answer_is_unknown_and_the_order_tells(
        self, account: PaperAccount, kind: str
    ) -> None:
        account.gateway.place_order(resting(account, "n1"))
        account.fault(kind, "/api/v5/trade/cancel-order")
        with pytest.raises(OutcomeUnknown):
            account.gateway.cancel_order(OrderRef(inst_id=BTC, client_id="n1"))
        assert found(account, "n1").state in {OrderState.OPEN, OrderState.CANCELED}

    def test_partly_failed_batch_is_told_row_by_row(self, account: PaperAccount) -> None:
        account.fault("partial_batch", "/api/v5/trade/batch-orders")
        names = [f"x{number}" for number in range(6)]
        outcomes = account.gateway.place_orders([resting(account, name) for name in names])
        assert {type(outcome) for outcome in outcomes} >= {Ack}
        assert any(isinstance(outcome, ExchangeError) for outcome in outcomes)
        taken = {name for name, outcome in zip(names, outcomes, strict=True) if isinstance(outcome, Ack)}
        refused = {
            name for name, outcome in zip(names, outcomes, strict=True) if isinstance(outcome, Rejected)
        }
        there = {order.client_id for order in account.gateway.open_orders()}
        assert taken <= there
        assert not refused & there

    @pytest.mark.parametrize("kind", ["drop_after", "drop_before", "html", "truncated", "http_429"])
    def test_read_survives_a_bad_answer(self, account: PaperAccount, kind: str) -> None:
        filled(account, market("o1"))
        account.fault(kind, "/api/v5/account/positions", times=2)
        (position,) = account.gateway.positions()
        assert position.size == ONE
        assert account.struck == 2

    @pytest.mark.parametrize(
        "path", ["account/positions", "account/balance", "trade/orders-pending", "trade/fills"]
    )
    def test_x19_read_that_fails_for_good_raises_and_is_never_empty(
        self, account: PaperAccount, path: str
    ) -> None:
        filled(account, market("i1"))
        gateway = account.gateway
        account.fault("code", f"/api/v5/{path}", code="50001", times=None)
        read: dict[str, Callable[[], object]] = {
            "account/positions": gateway.positions,
            "account/balance": gateway.balance,
            "trade/orders-pending": gateway.open_orders,
            "trade/fills": gateway.fills,
        }
        with pytest.raises(Retryable, match="given up"):
            read[path]()

    def test_x20_stop_whose_placement_got_no_answer_is_looked_for(self, account: PaperAccount) -> None:
        filled(account, market("j1"))
        stop = account.lots.to_tick(account.last * Decimal("0.9"), Rounding.NEAREST)
        account.fault("drop_after", "/api/v5/trade/order-algo")
        with pytest.raises(OutcomeUnknown):
            account.gateway.place_algo(
                AlgoRequest(inst_id=BTC, client_id="j2", side=Side.SELL, size=ONE, stop=stop)
            )
        assert isinstance(account.gateway.find_algo(BTC, "j2", AlgoType.CONDITIONAL), Found)

    def test_stop_on_the_wrong_side_is_refused(self, account: PaperAccount) -> None:
        filled(account, market("j3"))
        stop = account.lots.to_tick(account.last * Decimal("1.1"), Rounding.NEAREST)
        with pytest.raises(Rejected):
            account.gateway.place_algo(
                AlgoRequest(inst_id=BTC, client_id="j4", side=Side.SELL, size=ONE, stop=stop)
            )

    def test_x14_clock_that_is_45_seconds_off_is_measured_anew(self, account: PaperAccount) -> None:
        gateway = account.make_gateway()
        gateway.balance()
        account.skew_client(gateway, 45_000)
        gateway.place_order(resting(account, "c14"))
        assert found(account, "c14").state is OrderState.OPEN


class TestKeys:
    def test_demo_key_that_says_it_is_live_is_refused(self, account: PaperAccount) -> None:
        gateway = account.make_gateway(claim_demo=False)
        with pytest.raises(ConfigError, match="50101"):
            gateway.balance()
        with pytest.raises(ConfigError, match="50101"):
            gateway.place_order(market("live1"))
        assert account.gateway.positions() == []

    @pytest.mark.parametrize(
        ("part", "code"), [("key", "50111|50119"), ("secret", "50113"), ("passphrase", "50105")]
    )
    def test_wrong_credentials_are_told_without_showing_them(
        self, account: PaperAccount, part: str, code: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        gateway = account.make_gateway(**{part: "canary5e1f"})
        with pytest.raises(ConfigError, match=code) as caught:
            gateway.place_order(market("w9"))
        shown = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(gateway)
        secrets = {"canary5e1f", *account.secrets} - {account.uid}
        assert not {secret for secret in secrets if secret in shown}


def test_x2_order_that_is_late_on_its_way_lives_only_before_its_deadline() -> None:
    with paper_exchange(speed=1) as running:
        account = running.next_account()
        lookups = []
        for deadline_s in (5.0, 0.2):
            gateway = account.make_gateway(order_deadline_s=deadline_s, timeout_s=0.15)
            gateway.balance()
            account.fault("delay", "/api/v5/trade/order", method="POST", delay_ms=400)
            request = resting(account, f"late{len(lookups)}")
            with pytest.raises(OutcomeUnknown):
                gateway.place_order(request)
            ref = OrderRef(inst_id=BTC, client_id=request.client_id)
            assert isinstance(gateway.find_order(ref), NotFound)  # true, and not the last word
            time.sleep(0.5)  # the request has arrived by then
            lookups.append(type(gateway.find_order(ref)))
    assert lookups == [Found, NotFound]


def test_x21_liquidation_is_seen_as_forced_in_orders_fills_and_bills() -> None:
    with paper_exchange() as running:  # of its own: it takes hours
        account = running.next_account()
        gateway = account.gateway
        gateway.set_leverage(BTC, Decimal(50), MarginMode.CROSS)
        all_in = gateway.balance().usdt.equity * 45
        filled(account, market("x1", size=account.lots.contracts_of_notional(all_in, account.last)))
        account.until(gateway.positions, lambda rows: not rows, step_ms=600_000, steps=200)
        forced = {order.order_id for order in gateway.order_history(BTC) if order.is_forced}
        fills = [fill for fill in gateway.fills(BTC) if fill.order_id in forced]
        assert fills
        assert {fill.liquidity for fill in fills} == {None}
        assert gateway.bills(kind=BillKind.LIQUIDATION)


def test_no_log_of_a_day_shows_a_secret(account: PaperAccount, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    shown = []
    for kind in ("drop_after", "html", "truncated", "http_429"):
        account.fault(kind, "/api/v5/trade/order", method="POST")
        with pytest.raises(ExchangeError) as caught:
            account.gateway.place_order(resting(account, f"day{len(shown)}"))
        shown += traceback.format_exception(caught.value)
    shown += [caplog.text, repr(account.gateway), repr(account.gateway._client.settings)]
    shown += map(repr, account.gateway.open_orders())
    assert not {secret for secret in account.secrets for text in shown if secret in text}


def test_x7_orders_that_wait_for_their_limit_are_not_turned_away() -> None:
    with paper_exchange(rate_limits=True) as running:
        account = running.next_account()
        gateway = account.make_gateway(rate_limits=True)
        for number in range(65):  # OKX takes 60 in two seconds
            gateway.place_order(market(f"q{number}", size=Contracts("0.01")))
        assert len(gateway.fills()) >= 65


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.decimals("0.01", "3", places=5), number=st.integers(0, 10**12))
def test_size_that_was_cut_to_the_grid_is_taken_and_never_above_what_was_asked(
    account: PaperAccount, wanted: Decimal, number: int
) -> None:
    size = account.lots.orderable(Contracts(wanted))
    client_id = f"g{number}x{uuid.uuid4().hex[:12]}"
    account.gateway.place_order(resting(account, client_id, size))
    order = found(account, client_id)
    assert order.size == size <= Contracts(wanted)
    assert Contracts(wanted) - size < account.lots.lot_sz


def test_prices_and_sizes_come_back_as_the_text_that_was_sent(account: PaperAccount) -> None:
    request = resting(account, "text1", Contracts("1.50"))
    account.gateway.place_order(request)
    order = found(account, "text1")
    assert Price(str(order.price)) == request.price
    assert order.size == Contracts("1.50")
    assert str(order.size) == order.raw["sz"]
