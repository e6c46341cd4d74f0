"""Orders of the venue: the answer first, then the trade, then what it leaves behind."""

from __future__ import annotations

import pytest

from arena.paper_okx.venue import FeeRates, Venue, VenueSettings
from tests.paper_okx.fake_market import (
    BTC,
    START,
    D,
    cash,
    limit,
    look,
    market,
    minutes,
    opened,
    order,
    position,
    refused,
    tick,
)


def states(venue: Venue) -> list[object]:
    heard: list[object] = []
    venue.listen(lambda event: heard.extend(r["state"] for r in event.rows if event.channel == "orders"))
    return heard


def test_market_order_is_told_live_then_filled_and_pays_the_taker_fee() -> None:
    venue = opened("50000")
    heard = states(venue)
    ack = venue.place_order("u", order(sz="10"))
    assert heard == ["live", "filled"]
    row = look(venue, ack)
    # 10 contracts x 0.01 BTC x 50000.1 x 0.05 %
    assert (row["state"], row["avgPx"], row["fee"], row["px"]) == ("filled", "50000.1", "-2.500005", "")
    (fill,) = venue.fills("u")
    assert (fill["execType"], fill["subType"], fill["fillPnl"]) == ("T", "1", "0")


def test_the_acknowledgement_says_nothing_of_the_fill() -> None:
    venue = opened("50000")
    ack = venue.place_order("u", order(clOrdId="mine1", tag="t"))
    assert ack == {
        "ordId": ack["ordId"],
        "clOrdId": "mine1",
        "tag": "t",
        "ts": str(START),
        "sCode": "0",
        "sMsg": "",
    }


def test_resting_buy_fills_at_its_price_with_the_maker_fee_when_the_path_goes_through() -> None:
    venue = Venue(market("50000", "49990", "49980"), VenueSettings(fill_rule="through"))
    venue.advance(START)
    venue.open_account("u", D(10_000))
    ack = venue.place_order("u", limit("49990", sz="10"))
    venue.advance(minutes(1))
    assert look(venue, ack)["state"] == "live"
    venue.advance(minutes(2))
    row = look(venue, ack)
    assert (row["state"], row["avgPx"], row["fee"]) == ("filled", "49990", "-0.9998")
    assert venue.fills("u")[0]["execType"] == "M"


def test_resting_buy_fills_at_a_touch_where_that_is_the_rule() -> None:
    venue = opened("50000", "49990")
    ack = venue.place_order("u", limit("49990"))
    venue.advance(minutes(1))
    assert look(venue, ack)["state"] == "filled"


def test_resting_order_gets_its_share_of_the_volume_of_each_tick() -> None:
    made = market("50000", "49990", "49990", "49990", volume="50")
    venue = Venue(made, VenueSettings(fill_rule="touch", volume_share=D("0.1")))
    venue.advance(START)
    venue.open_account("u", D(10_000))
    ack = venue.place_order("u", limit("49990", sz="12"))
    filled = []
    for minute in (1, 2, 3):
        venue.advance(minutes(minute))
        filled.append((look(venue, ack)["accFillSz"], look(venue, ack)["state"]))
    assert filled == [("5", "partially_filled"), ("10", "partially_filled"), ("12", "filled")]
    assert len(venue.fills("u")) == 3


def test_the_better_price_is_served_first_then_the_older_order() -> None:
    venue = opened("50000", "49000", volume="5")
    late = venue.place_order("u", limit("49500", sz="3"))
    later = venue.place_order("u", limit("49500", sz="3"))
    best = venue.place_order("u", limit("49600", sz="3"))
    venue.advance(minutes(1))
    assert [look(venue, ack)["accFillSz"] for ack in (best, late, later)] == ["3", "2", "0"]


def test_a_tick_without_volume_fills_nothing() -> None:
    venue = opened("50000", "49000", volume="0")
    ack = venue.place_order("u", limit("49500"))
    venue.advance(minutes(1))
    assert look(venue, ack)["state"] == "live"


def test_taker_walks_the_levels_of_the_book() -> None:
    venue = opened("50000", depth=D(4), usdt=100_000)
    ack = venue.place_order("u", order(sz="10"))
    assert [(f["fillPx"], f["fillSz"]) for f in venue.fills("u")] == [
        ("50000.3", "2"),
        ("50000.2", "4"),
        ("50000.1", "4"),
    ]
    assert look(venue, ack)["avgPx"] == "50000.18"


def test_market_order_beyond_the_book_goes_on_taking_at_the_next_tick() -> None:
    venue = opened("50000", "50010", depth=D(1), usdt=100_000)
    ack = venue.place_order("u", order(sz="7"))
    assert (look(venue, ack)["state"], look(venue, ack)["accFillSz"]) == ("partially_filled", "5")
    venue.advance(minutes(1))
    assert look(venue, ack)["state"] == "filled"
    assert {f["execType"] for f in venue.fills("u")} == {"T"}


def test_market_order_never_trades_outside_of_the_band() -> None:
    venue = opened("50000", depth=D(1), band=D("0.000004"), usdt=100_000)  # highest 50000.2
    ack = venue.place_order("u", order(sz="3"))
    assert look(venue, ack)["accFillSz"] == "2"


@pytest.mark.parametrize(
    ("asked", "state", "filled", "source"),
    [
        pytest.param({"ordType": "ioc", "px": "50000.2", "sz": "10"}, "canceled", "8", "14", id="ioc"),
        pytest.param({"ordType": "ioc", "px": "49000", "sz": "1"}, "canceled", "0", "14", id="ioc-away"),
        pytest.param({"ordType": "optimal_limit_ioc", "sz": "30"}, "canceled", "20", "14", id="optimal"),
        pytest.param({"ordType": "fok", "px": "50000.2", "sz": "9"}, "canceled", "0", "13", id="fok-short"),
        pytest.param({"ordType": "fok", "px": "50000.2", "sz": "8"}, "filled", "8", "", id="fok-whole"),
        pytest.param(
            {"ordType": "post_only", "px": "50000.1"}, "canceled", "0", "31", id="post-only-crosses"
        ),
        pytest.param({"ordType": "post_only", "px": "50000"}, "live", "0", "", id="post-only-rests"),
        pytest.param(
            {"ordType": "limit", "px": "50000.2", "sz": "10"}, "partially_filled", "8", "", id="limit"
        ),
    ],
)
def test_what_is_left_ends_as_its_type_has_it(
    asked: dict[str, object], state: str, filled: str, source: str
) -> None:
    venue = opened("50000", depth=D(4), usdt=1_000_000)
    row = look(venue, venue.place_order("u", order(**asked)))
    assert (row["state"], row["accFillSz"], row["cancelSource"]) == (state, filled, source)


def test_post_only_that_would_cross_is_acknowledged_and_told_live_first() -> None:
    venue = opened("50000")
    heard = states(venue)
    assert venue.place_order("u", order(ordType="post_only", px="50001"))["sCode"] == "0"
    assert heard == ["live", "canceled"]


def test_net_position_adds_at_the_mean_reduces_at_the_same_mean_and_flips_at_the_fill() -> None:
    venue = opened("50000", "51000", "52000")
    venue.place_order("u", order(sz="2"))
    venue.advance(minutes(1))
    venue.place_order("u", order(sz="2"))
    assert position(venue)["avgPx"] == "50500.1"
    venue.advance(minutes(2))
    venue.place_order("u", order(side="sell", sz="1"))
    row = position(venue)
    # one contract: 0.01 x (51999.9 - 50500.1)
    assert (row["pos"], row["avgPx"], row["pnl"]) == ("3", "50500.1", "14.998")
    first = row["posId"]
    flipped = venue.place_order("u", order(side="sell", sz="5"))
    row = position(venue)
    assert (row["pos"], row["avgPx"], row["pnl"], row["posId"]) == ("-2", "51999.9", "0", first)
    assert look(venue, flipped)["pnl"] == "44.994"
    (life,) = venue.positions_history("u")
    assert (life["type"], life["pnl"], life["closeTotalPos"], life["openMaxPos"]) == ("2", "59.992", "4", "4")
    assert life["closeAvgPx"] == "51999.9"


def test_fee_of_a_flip_is_shared_between_the_life_that_ends_and_the_one_that_begins() -> None:
    venue = opened("50000")
    venue.place_order("u", order(sz="1"))
    ack = venue.place_order("u", order(side="sell", sz="4"))
    (life,) = venue.positions_history("u")
    opening = D(str(position(venue)["fee"]))
    first = D(str(venue.fills("u")[1]["fee"]))
    assert D(str(life["fee"])) + opening == first + D(str(look(venue, ack)["fee"]))


def test_both_legs_may_stand_side_by_side_in_long_short_mode() -> None:
    venue = opened("50000", pos_mode="long_short_mode")
    venue.place_order("u", order(posSide="long", sz="3"))
    venue.place_order("u", order(posSide="short", side="sell", sz="2"))
    venue.place_order("u", order(posSide="long", side="sell", sz="1"))
    rows = {row["posSide"]: (row["pos"], row["availPos"]) for row in venue.positions("u")}
    assert rows == {"long": ("2", "2"), "short": ("2", "2")}
    assert [f["subType"] for f in venue.fills("u")] == ["5", "4", "3"]


def test_resting_closing_order_of_a_leg_is_taken_from_availpos() -> None:
    venue = opened("50000", pos_mode="long_short_mode")
    venue.place_order("u", order(posSide="long", sz="3"))
    venue.place_order("u", limit("51000", posSide="long", side="sell", sz="2"))
    assert position(venue)["availPos"] == "1"


def test_reduce_only_orders_end_when_the_position_does() -> None:
    venue = opened("50000")
    venue.place_order("u", order(sz="2"))
    resting = venue.place_order("u", limit("51000", side="sell", sz="2", reduceOnly=True))
    venue.place_order("u", order(side="sell", sz="2", reduceOnly=True))
    row = look(venue, resting)
    assert (row["state"], row["cancelSource"]) == ("canceled", "2")


def test_reduce_only_order_never_turns_the_position() -> None:
    venue = opened("50000", "51000")
    venue.place_order("u", order(sz="2"))
    resting = venue.place_order("u", limit("51000", side="sell", sz="2", reduceOnly=True))
    venue.place_order("u", order(side="sell", sz="1", reduceOnly=True))
    venue.advance(minutes(1))
    assert venue.positions("u") == []
    row = look(venue, resting)
    assert (row["state"], row["accFillSz"], row["cancelSource"]) == ("canceled", "1", "2")


def test_order_that_was_to_close_is_cancelled_when_it_would_open_what_nothing_stands_behind() -> None:
    venue = opened("50000", usdt=8_600)
    venue.place_order("u", order(sz="50"))
    dear = venue.place_order("u", limit("52000", side="sell", sz="50"))  # would bind 8,680 if it opened
    venue.place_order("u", order(side="sell", sz="50", reduceOnly=True))
    row = look(venue, dear)
    assert (row["state"], row["cancelSource"]) == ("canceled", "3")


def test_cancel_tells_its_source_and_the_id_may_be_used_again() -> None:
    venue = opened("50000")
    venue.place_order("u", limit("49000", clOrdId="again"))
    assert refused(lambda: venue.place_order("u", limit("49000", clOrdId="again"))) == "51016"
    venue.cancel_order("u", {"instId": BTC, "clOrdId": "again"})
    second = venue.place_order("u", limit("48900", clOrdId="again"))
    found = venue.get_order("u", {"instId": BTC, "clOrdId": "again"})
    assert (found["ordId"], found["px"]) == (second["ordId"], "48900")
    (first,) = venue.orders_history("u", {"instType": "SWAP"})
    assert (first["state"], first["cancelSource"]) == ("canceled", "1")


def test_ordid_wins_over_clordid() -> None:
    venue = opened("50000")
    one = venue.place_order("u", limit("49000", clOrdId="one"))
    venue.place_order("u", limit("49000", clOrdId="two"))
    venue.cancel_order("u", {"instId": BTC, "ordId": one["ordId"], "clOrdId": "two"})
    assert [row["clOrdId"] for row in venue.orders_pending("u")] == ["two"]


def test_amended_order_has_its_new_price_and_goes_to_the_back() -> None:
    venue = opened("50000", "49000", volume="1")
    first = venue.place_order("u", limit("49500"))
    second = venue.place_order("u", limit("49500"))
    venue.amend_order("u", {"instId": BTC, "ordId": first["ordId"], "newSz": "2"})
    venue.advance(minutes(1))
    assert [look(venue, ack)["accFillSz"] for ack in (first, second)] == ["0", "1"]


def test_amending_below_what_is_filled_completes_the_order() -> None:
    venue = opened("50000", "49500", volume="3")
    ack = venue.place_order("u", limit("49500", sz="5"))
    venue.advance(minutes(1))
    venue.amend_order("u", {"instId": BTC, "ordId": ack["ordId"], "newSz": "2"})
    row = look(venue, ack)
    assert (row["state"], row["sz"], row["accFillSz"]) == ("filled", "3", "3")


def test_amended_price_that_crosses_takes() -> None:
    venue = opened("50000")
    ack = venue.place_order("u", limit("49500"))
    venue.amend_order("u", {"instId": BTC, "ordId": ack["ordId"], "newPx": "50001"})
    assert (look(venue, ack)["state"], look(venue, ack)["avgPx"]) == ("filled", "50000.1")


def test_amend_that_fails_cancels_where_that_was_asked_for() -> None:
    venue = opened("50000")
    ack = venue.place_order("u", limit("49500"))
    asked = {"instId": BTC, "ordId": ack["ordId"], "newSz": "1000", "cxlOnFail": True}
    assert refused(lambda: venue.amend_order("u", {**asked, "cxlOnFail": False})) == "51502"
    assert look(venue, ack)["state"] == "live"
    assert refused(lambda: venue.amend_order("u", asked)) == "51502"
    assert look(venue, ack)["state"] == "canceled"


def test_close_position_closes_whole_and_cancels_what_waits_to_close() -> None:
    venue = opened("50000")
    venue.place_order("u", order(sz="3"))
    resting = venue.place_order("u", limit("51000", side="sell", sz="1"))
    asked = {"instId": BTC, "mgnMode": "cross"}
    assert refused(lambda: venue.close_position("u", asked)) == "51115"
    venue.close_position("u", {**asked, "autoCxl": True, "clOrdId": "bye"})
    assert venue.positions("u") == []
    assert look(venue, resting)["cancelSource"] == "17"
    assert venue.get_order("u", {"instId": BTC, "clOrdId": "bye"})["state"] == "filled"


def test_dead_mans_switch_cancels_when_it_is_not_armed_again() -> None:
    venue = opened(*["50000"] * 5)
    ack = venue.place_order("u", limit("49000"))
    assert venue.cancel_all_after("u", {"timeOut": "30"})["triggerTime"] == str(START + 30_000)
    venue.advance(START + 20_000)
    venue.cancel_all_after("u", {"timeOut": "30"})
    venue.advance(START + 49_999)
    assert look(venue, ack)["state"] == "live"
    venue.advance(START + 50_000)
    row = look(venue, ack)
    assert (row["state"], row["cancelSource"], row["uTime"]) == ("canceled", "20", str(START + 50_000))


def test_switch_of_a_tag_leaves_other_orders_and_zero_disarms_it() -> None:
    venue = opened(*["50000"] * 5)
    venue.place_order("u", limit("49000", tag="bot"))
    venue.place_order("u", limit("49000"))
    venue.cancel_all_after("u", {"timeOut": "10"})
    assert venue.cancel_all_after("u", {"timeOut": "0"})["triggerTime"] == "0"
    venue.cancel_all_after("u", {"timeOut": "10", "tag": "bot"})
    venue.advance(minutes(1))
    assert [row["tag"] for row in venue.orders_pending("u")] == [""]


def test_instrument_may_be_named_by_its_code() -> None:
    venue = opened("50000")
    asked = {**order(), "instIdCode": 10459}
    del asked["instId"]
    assert venue.place_order("u", asked)["sCode"] == "0"


def test_price_off_the_band_is_moved_into_it_where_that_was_asked_for() -> None:
    venue = opened("50000")
    ack = venue.place_order("u", limit("60000", pxAmendType="1"))
    assert (look(venue, ack)["px"], look(venue, ack)["avgPx"]) == ("52500", "50000.1")


def test_fee_follows_the_level_of_the_account() -> None:
    levels = {"VIP": FeeRates(maker=D("-0.0001"), taker=D("0.0003"))}
    venue = Venue(market("50000", "49000"), VenueSettings(fee_levels=levels, fill_rule="touch"))
    venue.advance(START)
    venue.open_account("u", D(10_000), fee_level="VIP")
    venue.place_order("u", order())
    venue.place_order("u", limit("49000"))
    venue.advance(minutes(1))
    assert [f["fee"] for f in venue.fills("u")] == ["0.049", "-0.1500003"]
    assert venue.trade_fee("u", {"instType": "SWAP"})["makerU"] == "0.0001"


def test_rejected_order_changes_nothing() -> None:
    venue = opened("50000")
    before = (cash(venue), venue.orders_pending("u"), venue.bills("u"))
    assert refused(lambda: venue.place_order("u", order(sz="1000000"))) != ""
    assert (cash(venue), venue.orders_pending("u"), venue.bills("u")) == before


def test_orders_of_one_tick_do_not_see_the_next() -> None:
    made = market("50000")
    made.paths[BTC].append(tick(1, "40000"))
    venue = Venue(made, VenueSettings())
    venue.advance(START)
    venue.open_account("u", D(10_000))
    venue.place_order("u", order())
    assert position(venue)["markPx"] == "50000"
