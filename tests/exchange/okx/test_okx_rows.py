"""OKX's rows become typed snapshots: exact, whole, and never guessed at."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.core.account import BillKind
from arena.core.errors import ExchangeError
from arena.core.quantity import Coins, Contracts, Price, Usdt
from arena.core.trading import (
    AlgoState,
    AlgoType,
    Liquidity,
    MarginMode,
    OrderState,
    OrderType,
    PositionMode,
    PositionSide,
    Side,
    TriggerBy,
)
from arena.exchange.okx.account_rows import read_balance, read_bill, read_config, read_position
from arena.exchange.okx.rows import fill_of_order_push, read_algo, read_fill, read_order
from tests.exchange.okx.samples import ALGO, BALANCE, BILL, CONFIG, FILL, ORDER, ORDER_PUSH, POSITION, Row


def test_order_half_filled() -> None:
    order = read_order(ORDER)
    assert (order.order_id, order.client_id) == ("680800019749904384", "aa01")
    assert (order.side, order.type, order.state) == (Side.BUY, OrderType.LIMIT, OrderState.PARTIAL)
    assert (str(order.size), str(order.filled), str(order.remaining)) == ("1.50", "0.50", "1.00")
    assert (order.price, order.fee) == (Price("41000.1"), Usdt("-0.0410001"))
    assert str(order.fee) == "-0.041000100"
    assert (order.margin_mode, order.position_side) == (MarginMode.CROSS, PositionSide.NET)
    assert not order.reduce_only
    assert not order.state.is_final
    assert order.raw == ORDER


@pytest.mark.parametrize("average", ["", "0"])
def test_order_without_a_fill_has_no_average_price(average: str) -> None:
    order = read_order({**ORDER, "avgPx": average, "px": "", "accFillSz": "0", "fee": ""})
    assert order.average_price is order.price is order.fee is None
    assert order.filled == Contracts(0)


@pytest.mark.parametrize(
    ("word", "state", "final"),
    [
        ("live", OrderState.OPEN, False),
        ("filled", OrderState.FILLED, True),
        ("canceled", OrderState.CANCELED, True),
        ("mmp_canceled", OrderState.CANCELED, True),
        ("frozen_by_a_later_version", OrderState.UNKNOWN, False),
    ],
)
def test_states_are_translated_and_a_new_one_is_unknown(word: str, state: OrderState, *, final: bool) -> None:
    assert read_order({**ORDER, "state": word}).state is state
    assert state.is_final is final


def test_liquidation_is_seen_to_be_forced() -> None:
    assert read_order({**ORDER, "category": "full_liquidation"}).is_forced
    assert not read_order(ORDER).is_forced


def test_fill_of_rest_and_of_a_push_are_one_fill() -> None:
    fill, pushed = read_fill(FILL), fill_of_order_push(ORDER_PUSH)
    assert pushed is not None
    assert fill.key == pushed.key == ("BTC-USDT-SWAP", "744876980")
    assert (fill.size, fill.price, fill.fee, fill.ts) == (pushed.size, pushed.price, pushed.fee, pushed.ts)
    assert fill.liquidity is pushed.liquidity is Liquidity.MAKER
    assert (fill.bill_id, pushed.bill_id) == ("680800019754098688", None)


@pytest.mark.parametrize("change", [{"tradeId": ""}, {"fillSz": "0"}, {"fillSz": ""}])
def test_push_without_a_fill_tells_none(change: Row) -> None:
    assert fill_of_order_push({**ORDER_PUSH, **change}) is None


def test_liquidation_fill_has_no_liquidity() -> None:
    fill = read_fill({**FILL, "tradeId": "-12", "execType": ""})
    assert fill.liquidity is None
    assert fill.trade_id == "-12"


@pytest.mark.parametrize(
    ("side", "sent", "size"),
    [
        ("net", "-0.50", "-0.50"),
        ("net", "0.50", "0.50"),
        ("long", "0.50", "0.50"),
        ("short", "0.50", "-0.50"),
    ],
)
def test_position_is_signed_in_both_position_modes(side: str, sent: str, size: str) -> None:
    assert read_position({**POSITION, "posSide": side, "pos": sent}).size == Contracts(size)


def test_position_keeps_what_is_empty_apart_from_what_is_zero() -> None:
    position = read_position(POSITION)
    assert position.liquidation_price is None
    assert position.funding == Usdt(0)
    assert position.margin == Usdt("102.525")
    assert position.margin_ratio == Decimal("69.0036")
    isolated = read_position({**POSITION, "mgnMode": "isolated", "imr": "", "margin": "50"})
    assert isolated.margin == Usdt(50)


def test_balance_gives_usdt_and_coins_in_their_own_units() -> None:
    balance = read_balance(BALANCE)
    assert balance.usdt.equity == Usdt("99.8946966")
    assert balance.usdt.available == Usdt(0)  # nothing free is not the same as not told
    (bitcoin,) = balance.coins
    assert (bitcoin.currency, bitcoin.equity, bitcoin.available) == ("BTC", Coins("0.5"), Coins("0.25"))


def test_account_that_never_held_usdt_has_none() -> None:
    balance = read_balance({**BALANCE, "details": []})
    assert balance.usdt.equity == Usdt(0)


def test_balance_without_details_is_unreadable_and_not_zero() -> None:
    with pytest.raises(ExchangeError, match="details is None"):
        read_balance({"uTime": "1"})


def test_config_of_an_account_in_long_short_mode() -> None:
    config = read_config(CONFIG)
    assert config.position_mode is PositionMode.LONG_SHORT
    assert config.permissions == {"read_only", "trade"}
    assert config.can_trade_swaps
    assert not read_config({**CONFIG, "acctLv": "1"}).can_trade_swaps
    assert not read_config({**CONFIG, "perm": "read_only"}).can_trade_swaps


def test_bill_of_funding() -> None:
    bill = read_bill(BILL)
    assert (bill.kind, bill.sub_type) == (BillKind.FUNDING, "173")
    assert (bill.change, bill.size, bill.price) == (Usdt("-0.0205"), Contracts("0.5"), Price("41010"))
    transfer = read_bill({**BILL, "type": "1", "subType": "11", "sz": "100", "instId": ""})
    assert transfer.size is None  # there it is money
    assert read_bill({**BILL, "type": "250"}).kind is BillKind.OTHER


def test_algo_that_closes_the_whole_position() -> None:
    algo = read_algo(ALGO)
    assert (algo.type, algo.state, algo.size) == (AlgoType.OCO, AlgoState.WAITING, None)
    assert (algo.stop, algo.take, algo.trigger_by) == (Price("39000.5"), Price(45000), TriggerBy.MARK)
    triggered = read_algo({**ALGO, "state": "effective", "ordIdList": ["9"], "ordType": "conditional"})
    assert (triggered.state, triggered.order_ids) == (AlgoState.TRIGGERED, ("9",))


@pytest.mark.parametrize(
    ("read", "row"),
    [
        (read_order, {**ORDER, "sz": "many"}),
        (read_order, {**ORDER, "sz": 1.5}),
        (read_order, {**ORDER, "ordId": ""}),
        (read_order, {**ORDER, "side": "both"}),
        (read_order, {**ORDER, "reduceOnly": "maybe"}),
        (read_order, {**ORDER, "cTime": "yesterday"}),
        (read_order, {**ORDER, "feeCcy": "BTC"}),
        (read_fill, {**FILL, "fillPx": ""}),
        (read_position, {**POSITION, "ccy": "BTC"}),
        (read_position, {key: value for key, value in POSITION.items() if key != "pos"}),
        (read_position, {**POSITION, "mgnRatio": "high"}),
        (read_bill, {**BILL, "balChg": ""}),
        (read_order, ["not", "a", "row"]),
    ],
)
def test_row_that_cannot_be_read_is_an_error_that_names_the_field(
    read: Callable[[Any], object], row: object
) -> None:
    with pytest.raises(ExchangeError, match="of OKX"):
        read(row)


@given(st.dictionaries(st.sampled_from(sorted(ORDER)), st.sampled_from(["", None, "x", "0", 1, [], True])))
def test_damaged_order_is_read_or_refused_and_nothing_else(damage: Row) -> None:
    row = {**ORDER, **damage}
    try:
        order = read_order(row)
    except ExchangeError:
        return
    assert order.raw == row
    assert str(order.size) == row["sz"]
