"""Every row has the documented keys and no others, and nothing but text where numbers stand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from arena.paper_okx.market import Settlement
from arena.paper_okx.venue import Event, Venue, VenueSettings
from tests.paper_okx import venue_field_lists as fields
from tests.paper_okx.fake_market import BTC, START, D, limit, market, minutes, order

Rows = list[dict[str, object]]
SWAP = {"instType": "SWAP"}
ALGOS = {"ordType": "conditional,oco,trigger"}


def busy() -> tuple[Venue, list[Event]]:
    """Return a venue on which everything has happened: trades, stops, funding, liquidation, margin moved."""
    made = market("50000", "49900", "50100", "30000", "30000")
    made.rates[BTC] = [Settlement(minutes(1), D("0.0001"))]
    venue = Venue(made, VenueSettings(fill_rule="touch"))
    heard: list[Event] = []
    venue.listen(heard.append)
    venue.advance(START)
    venue.open_account("u", D(10_000))
    stops = {"slTriggerPx": "48000", "slOrdPx": "-1", "tpTriggerPx": "60000", "tpOrdPx": "-1"}
    venue.place_order("u", order(sz="30", attachAlgoOrds=[stops]))
    venue.place_order("u", order(tdMode="isolated", sz="2"))
    venue.place_order("u", limit("49900", sz="1", clOrdId="c1", tag="t1"))
    venue.place_order("u", limit("48000", clOrdId="gone"))
    venue.cancel_order("u", {"instId": BTC, "clOrdId": "gone"})
    venue.place_order("u", limit("45000", side="buy", pxAmendType="1", clOrdId="rest"))
    whole = {**order(side="sell"), "ordType": "conditional", "sz": "", "closeFraction": "1"}
    venue.place_algo("u", {**whole, "slTriggerPx": "20000", "slOrdPx": "-1"})
    venue.place_algo("u", {**order(), "ordType": "trigger", "triggerPx": "90000", "orderPx": "-1"})
    venue.place_algo("u", {**order(), "ordType": "move_order_stop", "callbackSpread": "9000"})
    venue.margin_balance("u", {"instId": BTC, "type": "add", "amt": "10"})
    venue.advance(minutes(2))
    venue.place_order("u", order(side="sell", sz="3"))
    return venue, heard


def _own(venue: Venue, name: str, asked: dict[str, object] | None = None) -> Rows:
    answer = getattr(venue, name)("u") if asked is None else getattr(venue, name)("u", asked)
    return answer if isinstance(answer, list) else [answer]


@pytest.mark.parametrize(
    ("keys", "read"),
    [
        pytest.param(fields.ORDER, lambda v: _own(v, "orders_pending"), id="orders-pending"),
        pytest.param(fields.ORDER, lambda v: _own(v, "orders_history", SWAP), id="orders-history"),
        pytest.param(
            fields.ORDER, lambda v: _own(v, "get_order", {"instId": BTC, "clOrdId": "c1"}), id="order"
        ),
        pytest.param(fields.FILL, lambda v: _own(v, "fills"), id="fills"),
        pytest.param(fields.ALGO, lambda v: _own(v, "algos_pending", ALGOS), id="algos-pending"),
        pytest.param(fields.CONFIG, lambda v: _own(v, "config"), id="config"),
        pytest.param(fields.BALANCE, lambda v: _own(v, "balance"), id="balance"),
        pytest.param(fields.BALANCE_DETAIL, lambda v: v.balance("u")["details"], id="balance-details"),
        pytest.param(fields.POSITION, lambda v: _own(v, "positions"), id="positions"),
        pytest.param(fields.CLOSING, lambda v: _own(v, "positions_history"), id="positions-history"),
        pytest.param(fields.BILL, lambda v: _own(v, "bills"), id="bills"),
        pytest.param(fields.TRADE_FEE, lambda v: _own(v, "trade_fee", SWAP), id="trade-fee"),
        pytest.param(
            fields.LEVERAGE,
            lambda v: _own(v, "leverage_info", {"instId": BTC, "mgnMode": "cross"}),
            id="leverage",
        ),
        pytest.param(
            fields.MAX_SIZE, lambda v: _own(v, "max_size", {"instId": BTC, "tdMode": "cross"}), id="max-size"
        ),
        pytest.param(
            fields.MAX_AVAIL,
            lambda v: _own(v, "max_avail_size", {"instId": BTC, "tdMode": "cross"}),
            id="avail",
        ),
        pytest.param(fields.PLACED, lambda v: _own(v, "place_order", order()), id="placed"),
        pytest.param(
            fields.AMENDED,
            lambda v: _own(v, "amend_order", {"instId": BTC, "clOrdId": "rest", "newSz": "2"}),
            id="amended",
        ),
        pytest.param(
            fields.CANCELED,
            lambda v: _own(v, "cancel_order", {"instId": BTC, "clOrdId": "rest"}),
            id="canceled",
        ),
        pytest.param(
            fields.CLOSED,
            lambda v: _own(v, "close_position", {"instId": BTC, "mgnMode": "isolated"}),
            id="closed",
        ),
        pytest.param(
            fields.CANCEL_ALL_AFTER, lambda v: _own(v, "cancel_all_after", {"timeOut": "30"}), id="switch"
        ),
        pytest.param(
            fields.ALGO_PLACED,
            lambda v: _own(
                v, "place_algo", {**order(), "ordType": "trigger", "triggerPx": "90000", "orderPx": "-1"}
            ),
            id="algo-placed",
        ),
    ],
)
def test_rows_have_the_documented_keys(keys: frozenset[str], read: Callable[[Venue], Rows]) -> None:
    venue, _ = busy()
    rows = read(venue)
    assert rows
    for row in rows:
        assert set(row) == keys
        assert all(isinstance(value, str | bool | list | dict) for value in row.values())


def test_pushes_have_the_documented_keys_and_every_channel_speaks() -> None:
    venue, heard = busy()
    venue.advance(minutes(4))  # down to the liquidation
    assert {event.channel for event in heard} == set(fields.BY_CHANNEL)
    for event in heard:
        assert event.uid == "u"
        for row in event.rows:
            assert set(row) == fields.BY_CHANNEL[event.channel]


def test_attached_stops_and_closed_algos_have_the_documented_keys() -> None:
    venue, _ = busy()
    (first,) = [row for row in venue.orders_history("u", SWAP) if row["attachAlgoOrds"]]
    assert [set(stop) for stop in first["attachAlgoOrds"]] == [fields.ATTACHED]  # type: ignore[attr-defined]
    venue.advance(minutes(4))
    rows = venue.algos_history("u", {**ALGOS, "state": "effective,order_failed,canceled"})
    assert rows
    assert all(set(row) == fields.ALGO for row in rows)


def test_positions_of_both_margin_modes_leave_blank_what_does_not_apply() -> None:
    venue, _ = busy()
    rows = {row["mgnMode"]: row for row in venue.positions("u")}
    assert (rows["cross"]["margin"], rows["isolated"]["imr"]) == ("", "")
    assert rows["cross"]["imr"]
    assert rows["isolated"]["margin"]


def test_level_two_leaves_the_margin_of_the_account_to_the_details() -> None:
    venue, _ = busy()
    row = venue.balance("u")
    for name in ("adjEq", "availEq", "imr", "mmr", "mgnRatio", "notionalUsd"):
        assert row[name] == ""


def test_push_of_an_order_before_its_fill_has_average_zero_and_no_trade() -> None:
    venue, heard = busy()
    orders = [event.rows[0] for event in heard if event.channel == "orders"]
    assert (orders[0]["state"], orders[0]["avgPx"], orders[0]["tradeId"]) == ("live", "0", "")
    assert (orders[1]["state"], orders[1]["fillSz"], orders[1]["execType"]) == ("filled", "30", "T")
    del venue


def test_each_fill_is_pushed_once_with_its_own_trade() -> None:
    venue, heard = busy()
    pushed = [e.rows[0]["tradeId"] for e in heard if e.channel == "orders" and e.rows[0]["tradeId"]]
    assert sorted(map(str, pushed)) == sorted(str(fill["tradeId"]) for fill in venue.fills("u"))
