"""Leverage, position mode, sizes, and how far back the lists reach."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.paper_okx.venue import Venue
from tests.paper_okx.fake_market import BTC, START, D, cash, detail, limit, opened, order, position, refused

HOUR = 3_600_000
DAY = 24 * HOUR


def lever(value: object, mode: str = "cross", **more: object) -> dict[str, object]:
    return {"instId": BTC, "mgnMode": mode, "lever": value, **more}


def test_leverage_is_echoed_told_and_changes_what_a_position_binds() -> None:
    venue = opened("50000")
    venue.place_order("u", order(sz="6"))
    assert detail(venue)["imr"] == "1000"
    row = venue.set_leverage("u", lever(10))
    assert row == {"lever": "10", "mgnMode": "cross", "instId": BTC, "posSide": "net"}
    assert detail(venue)["imr"] == "300"
    assert venue.leverage_info("u", {"instId": BTC, "mgnMode": "cross"})[0]["lever"] == "10"
    assert position(venue)["lever"] == "10"


def test_isolated_leverage_of_legs_is_their_own() -> None:
    venue = opened("50000", pos_mode="long_short_mode")
    venue.set_leverage("u", lever("5", "isolated", posSide="long"))
    rows = venue.leverage_info("u", {"instId": BTC, "mgnMode": "isolated"})
    assert [(row["posSide"], row["lever"]) for row in rows] == [("long", "5"), ("short", "3")]


def test_lower_isolated_leverage_fills_the_margin_up_and_a_higher_one_leaves_it() -> None:
    venue = opened("50000")
    venue.place_order("u", order(tdMode="isolated", sz="3"))
    venue.set_leverage("u", lever("2", "isolated"))
    assert position(venue)["margin"] == "750.0015"
    venue.set_leverage("u", lever("50", "isolated"))
    assert position(venue)["margin"] == "750.0015"


def _with_order(mode: str) -> Callable[[Venue], object]:
    return lambda venue: venue.place_order("u", limit("49000", tdMode=mode))


def _with_position(mode: str, size: str, at: str = "3") -> Callable[[Venue], object]:
    def build(venue: Venue) -> None:
        venue.set_leverage("u", lever(at, mode))
        venue.place_order("u", order(tdMode=mode, sz=size))

    return build


def _with_stop(venue: Venue) -> None:
    asked = {**order(side="sell", tdMode="isolated"), "ordType": "conditional"}
    venue.place_algo("u", {**asked, "slTriggerPx": "49000", "slOrdPx": "-1"})


def _nothing(venue: Venue) -> None:
    pass


@pytest.mark.parametrize(
    ("code", "before", "asked"),
    [
        pytest.param("59102", _nothing, lever("100.01"), id="above-the-largest"),
        pytest.param("59105", _nothing, lever("0.5"), id="below-one"),
        pytest.param("51000", _nothing, lever("many"), id="no-number"),
        pytest.param("50014", _nothing, lever(""), id="missing"),
        pytest.param("51000", _nothing, lever("3", "spot"), id="mode"),
        pytest.param("59107", _with_order("cross"), lever("5"), id="pending-cross-order"),
        pytest.param("59101", _with_order("isolated"), lever("5", "isolated"), id="pending-isolated-order"),
        pytest.param("59668", _with_stop, lever("5", "isolated"), id="waiting-isolated-stop"),
        pytest.param("59109", _with_position("cross", "190", "10"), lever("5"), id="equity-too-small"),
        pytest.param(
            "59103", _with_position("isolated", "190", "10"), lever("4", "isolated"), id="cash-too-small"
        ),
    ],
)
def test_leverage_is_refused(code: str, before: Callable[[Venue], object], asked: dict[str, object]) -> None:
    venue = opened("50000", usdt=12_000)
    before(venue)
    there = venue.leverage_info("u", {"instId": BTC, "mgnMode": "cross"})
    assert refused(lambda: venue.set_leverage("u", asked)) == code
    assert venue.leverage_info("u", {"instId": BTC, "mgnMode": "cross"}) == there


def test_leverage_that_resting_orders_leave_no_room_for_is_refused() -> None:
    venue = opened("50000", usdt=12_000)
    venue.set_leverage("u", lever("10"))
    venue.place_order("u", order(sz="190"))
    venue.place_order("u", limit("48000", tdMode="isolated", sz="12"))
    assert refused(lambda: venue.set_leverage("u", lever("9"))) == "59108"
    assert position(venue)["lever"] == "10"


def test_leverage_above_what_the_tier_of_a_position_allows_is_refused() -> None:
    venue = opened("50000", usdt=1_000_000, depth=D(10_000))
    venue.set_leverage("u", lever("40"))
    venue.place_order("u", order(sz="6000"))
    assert refused(lambda: venue.set_leverage("u", lever("51"))) == "59102"
    venue.set_leverage("u", lever("50"))


def test_position_mode_changes_only_on_an_empty_account() -> None:
    venue = opened("50000")
    ack = venue.place_order("u", limit("49000"))
    asked = {"posMode": "long_short_mode"}
    assert refused(lambda: venue.set_position_mode("u", asked)) == "59000"
    assert venue.set_position_mode("u", {"posMode": "net_mode"}) == {"posMode": "net_mode"}
    venue.cancel_order("u", {"instId": BTC, "ordId": ack["ordId"]})
    assert venue.set_position_mode("u", asked) == asked
    assert venue.config("u")["posMode"] == "long_short_mode"


def test_deposit_and_withdrawal_are_bills() -> None:
    venue = opened("50000")
    venue.deposit("u", D("5.5"))
    venue.deposit("u", D("-2.5"))
    assert [(b["type"], b["subType"], b["balChg"], b["bal"]) for b in venue.bills("u")] == [
        ("1", "12", "-2.5", "10003"),
        ("1", "11", "5.5", "10005.5"),
        ("1", "11", "10000", "10000"),
    ]
    assert cash(venue) == 10_003


def test_account_that_is_there_is_not_opened_twice() -> None:
    venue = opened("50000")
    venue.open_account("u", D(5))
    assert cash(venue) == 10_000


def test_trade_fee_is_negative_where_it_is_charged() -> None:
    row = opened("50000").trade_fee("u", {"instType": "SWAP"})
    assert (row["level"], row["takerU"], row["makerU"]) == ("Lv1", "-0.0005", "-0.0002")


@given(
    usdt=st.integers(100, 1_000_000),
    leverage=st.sampled_from(["1", "3", "10", "50", "100"]),
    ticks=st.integers(-20_000, 20_000),
    side=st.sampled_from(["buy", "sell"]),
    mode=st.sampled_from(["cross", "isolated"]),
    held=st.sampled_from(["", "buy", "sell"]),
)
@settings(max_examples=60, deadline=None)
def test_order_of_the_size_that_max_size_tells_is_let_in(
    usdt: int, leverage: str, ticks: int, side: str, mode: str, held: str
) -> None:
    venue = opened("50000", usdt=usdt)
    venue.set_leverage("u", lever(leverage, mode))
    px = str(D(50_000) + ticks * D("0.1"))
    if held:
        refused(lambda: venue.place_order("u", order(side=held, sz="0.5", tdMode=mode)))
    (row,) = venue.max_size("u", {"instId": BTC, "tdMode": mode, "px": px})
    most = D(str(row["maxBuy" if side == "buy" else "maxSell"]))
    if most >= D("0.01"):
        assert refused(lambda: venue.place_order("u", limit(px, side=side, sz=str(most), tdMode=mode))) == ""


def test_max_avail_size_is_what_orders_may_bind() -> None:
    venue = opened("50000")
    venue.place_order("u", order(sz="6"))
    (row,) = venue.max_avail_size("u", {"instId": BTC, "tdMode": "cross"})
    assert row["availBuy"] == row["availSell"] == detail(venue)["availEq"]


def test_order_cancelled_without_a_fill_is_gone_after_two_hours() -> None:
    venue = opened("50000")
    ack = venue.place_order("u", limit("49000"))
    venue.cancel_order("u", {"instId": BTC, "ordId": ack["ordId"]})
    asked = {"instId": BTC, "ordId": ack["ordId"]}
    venue.advance(START + 2 * HOUR)
    assert venue.get_order("u", asked)["state"] == "canceled"
    assert len(venue.orders_history_archive("u", {"instType": "SWAP"})) == 1
    venue.advance(START + 2 * HOUR + 1)
    assert refused(lambda: venue.get_order("u", asked)) == "51603"
    assert venue.orders_history_archive("u", {"instType": "SWAP"}) == []


def test_lists_reach_as_far_back_as_the_exchange_lets_them() -> None:
    venue = opened("50000")
    venue.place_order("u", order())
    venue.place_order("u", order(side="sell"))

    def lengths() -> list[int]:
        swap = {"instType": "SWAP"}
        return [
            len(venue.fills("u")),
            len(venue.orders_history("u", swap)),
            len(venue.bills("u")),
            len(venue.fills_history("u", swap)),
            len(venue.orders_history_archive("u", swap)),
            len(venue.bills_archive("u")),
            len(venue.positions_history("u")),
        ]

    assert lengths() == [2, 2, 3, 2, 2, 3, 1]
    for days, left in ((3, [0, 2, 3, 2, 2, 3, 1]), (7, [0, 0, 0, 2, 2, 3, 1]), (90, [0] * 7)):
        venue.advance(START + days * DAY + 1)
        assert lengths() == left


@given(
    count=st.integers(0, 12),
    after=st.none() | st.integers(0, 13),
    before=st.none() | st.integers(0, 13),
    most=st.none() | st.integers(1, 12),
)
@settings(max_examples=40, deadline=None)
def test_pages_are_the_newest_rows_of_the_window(
    count: int, after: int | None, before: int | None, most: int | None
) -> None:
    venue = opened("50000")
    ids = [int(str(venue.place_order("u", limit("48000", sz="0.01"))["ordId"])) for _ in range(count)]
    marks = {"after": None if after is None else (ids[after] if after < count else 10**18)}
    marks["before"] = None if before is None else (ids[before] if before < count else 0)
    rows = venue.orders_pending("u", {**marks, "limit": most})
    window = [
        one
        for one in reversed(ids)
        if (marks["after"] is None or one < marks["after"])
        and (marks["before"] is None or one > marks["before"])
    ]
    assert [int(str(row["ordId"])) for row in rows] == window[: most or 100]


def test_lists_are_filtered_and_spot_finds_nothing() -> None:
    venue = opened("50000")
    venue.place_order("u", order())
    venue.place_order("u", limit("49000"))
    assert venue.orders_pending("u", {"instType": "SPOT"}) == []
    assert (
        len(venue.orders_pending("u", {"instType": "ANY", "instFamily": "BTC-USDT", "ordType": "limit"})) == 1
    )
    assert venue.orders_pending("u", {"ordType": "post_only"}) == []
    assert venue.orders_history("u", {"instType": "SWAP", "state": "canceled"}) == []
    assert len(venue.bills_archive("u", {"type": "2", "ctType": "linear", "ccy": "USDT"})) == 1
    assert venue.positions("u", {"instId": "ETH-USDT-SWAP"}) == []
    assert venue.balance("u", {"ccy": "BTC"})["details"] == []


def test_closed_position_is_found_by_its_id_for_thirty_days_and_keeps_it() -> None:
    venue = opened("50000")
    venue.place_order("u", order())
    pos_id = position(venue)["posId"]
    venue.place_order("u", order(side="sell"))
    assert venue.positions("u") == []
    assert position(venue, posId=pos_id)["pos"] == "0"
    venue.place_order("u", order())
    assert position(venue)["posId"] == pos_id
    venue.place_order("u", order(side="sell"))
    venue.advance(START + 30 * DAY + 1)
    assert venue.positions("u", {"posId": pos_id}) == []
    venue.place_order("u", order())
    assert position(venue)["posId"] != pos_id
