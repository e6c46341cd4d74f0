"""Orders that wait for a price: attached stops, conditional, oco, trigger and trailing stops."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.paper_okx.venue import Venue, VenueSettings
from tests.paper_okx.fake_market import (
    BTC,
    START,
    D,
    FakeMarket,
    contract,
    limit,
    look,
    minutes,
    opened,
    order,
    position,
    refused,
    tick,
)

ALL = {"ordType": "conditional,oco,trigger,move_order_stop"}
STOPS = {"tpTriggerPx": "51000", "tpOrdPx": "-1", "slTriggerPx": "49000", "slOrdPx": "-1"}


def algo(kind: str = "conditional", **more: object) -> dict[str, object]:
    return {**order(side="sell"), "ordType": kind, **more}


def trailing(**more: object) -> dict[str, object]:
    return algo("move_order_stop", **{"callbackRatio": "0.01", **more})


def stop(**more: object) -> dict[str, object]:
    return algo(slTriggerPx="49000", slOrdPx="-1", **more)


def ended(
    venue: Venue, kind: str = "conditional,oco,trigger,move_order_stop", **asked: object
) -> list[dict[str, object]]:
    return venue.algos_history("u", {"ordType": kind, "state": "effective,canceled,order_failed", **asked})


def waiting(venue: Venue) -> list[dict[str, object]]:
    return venue.algos_pending("u", ALL)


def test_attached_stops_wait_from_the_fill_on_and_one_cancels_the_other() -> None:
    venue = opened("50000", "49500", "51000")
    ack = venue.place_order("u", limit("49500", sz="2", attachAlgoOrds=[STOPS]))
    assert waiting(venue) == []
    venue.advance(minutes(1))
    (row,) = waiting(venue)
    assert (row["ordType"], row["sz"], row["side"], row["reduceOnly"]) == ("oco", "2", "sell", "true")
    assert row["linkedOrd"] == {"ordId": ack["ordId"]}
    venue.advance(minutes(2))
    assert venue.positions("u") == waiting(venue) == []
    (row,) = ended(venue)
    assert (row["state"], row["actualSide"], row["actualSz"], row["triggerTime"]) == (
        "effective",
        "tp",
        "2",
        str(minutes(2)),
    )
    fired = look(venue, row)
    assert (fired["source"], fired["algoId"], fired["avgPx"]) == ("7", row["algoId"], "50999.9")


def test_order_object_shows_what_is_attached() -> None:
    venue = opened("50000")
    row = look(
        venue, venue.place_order("u", limit("49500", attachAlgoOrds=[{**STOPS, "attachAlgoClOrdId": "st"}]))
    )
    (attached,) = row["attachAlgoOrds"]  # type: ignore[misc]
    assert attached["slTriggerPx"] == row["slTriggerPx"] == "49000"
    assert attached["attachAlgoId"]
    assert row["attachAlgoClOrdId"] == "st"


def test_partly_filled_order_that_is_cancelled_gets_stops_for_what_was_filled() -> None:
    venue = opened("50000", "49500", volume="3")
    ack = venue.place_order("u", limit("49500", sz="10", attachAlgoOrds=[STOPS]))
    venue.advance(minutes(1))
    assert waiting(venue) == []
    venue.cancel_order("u", {"instId": BTC, "ordId": ack["ordId"]})
    assert [row["sz"] for row in waiting(venue)] == ["3"]


def test_order_that_was_never_filled_leaves_no_stops() -> None:
    venue = opened("50000")
    ack = venue.place_order("u", limit("49500", attachAlgoOrds=[STOPS]))
    venue.cancel_order("u", {"instId": BTC, "ordId": ack["ordId"]})
    assert waiting(venue) == []


def test_stop_loss_fires_at_the_first_tick_beyond_and_fills_there() -> None:
    venue = opened("50000", "49100", "48500")
    venue.place_order("u", order(sz="2"))
    venue.place_algo("u", stop(sz="2", reduceOnly=True))
    venue.advance(minutes(1))
    assert len(waiting(venue)) == 1
    venue.advance(minutes(2))
    assert venue.fills("u")[0]["fillPx"] == "48499.9"  # a gap through the stop fills where the path goes on
    assert venue.positions("u") == []


def test_take_profit_with_an_order_price_rests_as_a_limit_order() -> None:
    venue = opened("50000", "51000", "51100")
    venue.place_order("u", order())
    venue.place_algo("u", algo(tpTriggerPx="51000", tpOrdPx="51050", reduceOnly=True))
    venue.advance(minutes(1))
    (row,) = venue.orders_pending("u")
    assert (row["px"], row["ordType"], row["source"], row["reduceOnly"]) == ("51050", "limit", "7", "true")
    venue.advance(minutes(2))
    assert venue.positions("u") == []


def test_conditional_with_both_parts_is_the_stop_loss_alone() -> None:
    venue = opened("50000")
    venue.place_algo("u", algo(**STOPS))
    (row,) = waiting(venue)
    assert (row["tpTriggerPx"], row["slTriggerPx"]) == ("", "49000")


def test_trigger_order_enters_when_the_price_has_risen_to_it() -> None:
    venue = opened("50000", "50900", "51000")
    venue.place_algo("u", algo("trigger", side="buy", triggerPx="51000", orderPx="-1", sz="2"))
    venue.advance(minutes(1))
    assert venue.positions("u") == []
    venue.advance(minutes(2))
    assert position(venue)["pos"] == "2"
    (row,) = ended(venue)
    assert (row["state"], look(venue, row)["source"]) == ("effective", "6")


def test_trigger_order_below_the_price_waits_for_a_fall_and_brings_its_own_stops() -> None:
    venue = opened("50000", "49000")
    asked = algo("trigger", side="buy", triggerPx="49500", orderPx="-1")
    venue.place_algo("u", {**asked, "attachAlgoOrds": [{"slTriggerPx": "48000", "slOrdPx": "-1"}]})
    venue.advance(minutes(1))
    assert position(venue)["pos"] == "1"
    assert [row["slTriggerPx"] for row in waiting(venue)] == ["48000"]


@pytest.mark.parametrize("kind", ["mark", "index"])
def test_stop_watches_the_price_that_it_names(kind: str) -> None:
    made = FakeMarket(listed={BTC: contract()})
    away = {kind: "48000"}
    made.paths[BTC] = [
        tick(0, "50000"),
        tick(1, "48000", mark="50000", index="50000"),
        tick(2, "50000", **away),
    ]
    venue = Venue(made, VenueSettings())
    venue.advance(START)
    venue.open_account("u", D(10_000))
    venue.place_order("u", order())
    venue.place_algo("u", stop(slTriggerPxType=kind, reduceOnly=True))
    venue.advance(minutes(1))
    assert len(waiting(venue)) == 1
    venue.advance(minutes(2))
    assert waiting(venue) == []


def test_orphan_stop_fails_when_it_fires_without_a_position() -> None:
    venue = opened("50000", "49000")
    venue.place_order("u", order())
    venue.place_algo("u", stop(reduceOnly=True))
    venue.close_position("u", {"instId": BTC, "mgnMode": "cross"})
    assert len(waiting(venue)) == 1
    venue.advance(minutes(1))
    (row,) = ended(venue)
    assert (row["state"], row["failCode"], row["ordId"]) == ("order_failed", "51169", "")
    assert venue.positions("u") == []


def test_stop_that_belongs_to_the_position_ends_with_it() -> None:
    venue = opened("50000")
    venue.place_order("u", order())
    venue.place_algo("u", stop(reduceOnly=True, cxlOnClosePos=True))
    venue.place_algo("u", {**stop(), "sz": "", "closeFraction": "1"})
    assert [one["closeFraction"] for one in position(venue)["closeOrderAlgo"]] == ["1"]  # type: ignore[attr-defined]
    venue.close_position("u", {"instId": BTC, "mgnMode": "cross"})
    assert waiting(venue) == []
    assert {row["state"] for row in ended(venue)} == {"canceled"}


def test_close_fraction_closes_what_is_there_when_it_fires() -> None:
    venue = opened("50000", "50000", "49000")
    venue.place_order("u", order())
    venue.place_algo("u", {**stop(), "sz": "", "closeFraction": "1"})
    venue.place_order("u", order(sz="4"))
    venue.advance(minutes(2))
    assert venue.positions("u") == []
    assert ended(venue)[0]["actualSz"] == "5"


def test_reducing_stop_is_cut_to_what_is_left_of_the_position() -> None:
    venue = opened("50000", "49000")
    venue.place_order("u", order(sz="5"))
    venue.place_algo("u", stop(sz="5", reduceOnly=True))
    venue.place_order("u", order(side="sell", sz="2"))
    venue.advance(minutes(1))
    assert venue.positions("u") == []
    assert ended(venue)[0]["actualSz"] == "3"


def test_stop_closes_a_leg_in_long_short_mode() -> None:
    venue = opened("50000", "49000", pos_mode="long_short_mode")
    venue.place_order("u", order(posSide="long", sz="2"))
    venue.place_algo("u", stop(posSide="long", sz="2"))
    venue.advance(minutes(1))
    assert venue.positions("u") == []


def test_entry_without_margin_fails_when_it_fires() -> None:
    venue = opened("50000", "51000")
    venue.place_algo("u", algo("trigger", side="buy", triggerPx="51000", orderPx="-1", sz="1000"))
    venue.advance(minutes(1))
    (row,) = ended(venue)
    assert (row["state"], row["failCode"]) == ("order_failed", "51008")


def test_algo_is_found_by_either_id_also_when_it_has_ended() -> None:
    venue = opened("50000")
    ack = venue.place_algo("u", stop(algoClOrdId="mine"))
    venue.cancel_algo("u", {"instId": BTC, "algoClOrdId": "mine"})
    again = venue.place_algo("u", stop(algoClOrdId="mine"))
    assert venue.get_algo("u", {"algoId": ack["algoId"]}) == ended(venue)[0]
    assert venue.get_algo("u", {"algoClOrdId": "mine"})["algoId"] == again["algoId"]
    assert refused(lambda: venue.get_algo("u", {"algoId": "1"})) == "51603"
    assert refused(lambda: venue.get_algo("u", {})) == "50015"


def test_algo_is_cancelled_by_either_id() -> None:
    venue = opened("50000")
    first = venue.place_algo("u", stop())
    venue.place_algo("u", stop(algoClOrdId="mine"))
    assert venue.cancel_algo("u", {"instId": BTC, "algoId": first["algoId"]})["sCode"] == "0"
    venue.cancel_algo("u", {"instId": BTC, "algoClOrdId": "mine"})
    assert waiting(venue) == []
    assert refused(lambda: venue.cancel_algo("u", {"instId": BTC, "algoId": first["algoId"]})) == "51400"


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        pytest.param("51277", algo(side="buy", tpTriggerPx="50000.1", tpOrdPx="-1"), id="buy-tp-above"),
        pytest.param("51278", algo(side="buy", slTriggerPx="49999.9", slOrdPx="-1"), id="buy-sl-below"),
        pytest.param("51279", algo(tpTriggerPx="49999.9", tpOrdPx="-1"), id="sell-tp-below"),
        pytest.param("51280", algo(slTriggerPx="50000.1", slOrdPx="-1"), id="sell-sl-above"),
        pytest.param("51000", algo("twap"), id="twap"),
        pytest.param("51000", algo("chase"), id="chase"),
        pytest.param("51000", algo("iceberg"), id="iceberg"),
        pytest.param("51000", {**trailing(), "sz": "", "closeFraction": "1"}, id="trailing-of-a-fraction"),
        pytest.param("50015", algo("move_order_stop"), id="trailing-without-distance"),
        pytest.param("50024", trailing(callbackSpread="5"), id="trailing-with-two-distances"),
        pytest.param("51000", trailing(callbackRatio="0.0009"), id="trailing-too-near"),
        pytest.param("51000", trailing(callbackRatio="1.01"), id="trailing-beyond-everything"),
        pytest.param("51000", trailing(callbackRatio="", callbackSpread="0.05"), id="trailing-off-grid"),
        pytest.param("51000", trailing(activePx="50000.05"), id="trailing-from-off-grid"),
        pytest.param("51000", algo("oco", slTriggerPx="49000", slOrdPx="-1"), id="oco-with-one-part"),
        pytest.param("51000", algo(), id="conditional-without-parts"),
        pytest.param("51000", algo("trigger", orderPx="-1"), id="trigger-without-price"),
        pytest.param("51000", algo("trigger", triggerPx="51000"), id="trigger-without-order-price"),
        pytest.param("51000", algo("trigger", triggerPx="50000", orderPx="-1"), id="trigger-at-the-price"),
        pytest.param("50014", {**stop(), "sz": ""}, id="no-size"),
        pytest.param("51023", {**stop(), "sz": "", "closeFraction": "1"}, id="nothing-to-close-whole"),
        pytest.param("51016", stop(algoClOrdId="taken"), id="client-id-of-a-waiting-algo"),
        pytest.param("51000", stop(slTriggerPxType="bid"), id="price-type"),
    ],
)
def test_algo_is_refused(code: str, asked: dict[str, object]) -> None:
    venue = opened("50000")
    venue.place_algo("u", stop(algoClOrdId="taken"))
    assert refused(lambda: venue.place_algo("u", asked)) == code
    assert len(waiting(venue)) == 1


def test_caps_on_waiting_algos_are_of_each_kind() -> None:
    caps = VenueSettings(max_stops_per_instrument=1, max_trailing_per_instrument=1)
    venue = Venue(opened("50000")._desk.market, caps)
    venue.open_account("u", D(10_000))
    venue.place_algo("u", stop())
    for _ in range(2):
        venue.place_algo("u", algo("trigger", side="buy", triggerPx="51000", orderPx="-1"))
    venue.place_algo("u", trailing())
    assert refused(lambda: venue.place_algo("u", stop())) == "51174"
    assert refused(lambda: venue.place_algo("u", algo("oco", **STOPS))) == "51174"
    assert refused(lambda: venue.place_algo("u", trailing())) == "51174"


def test_trailing_stop_follows_the_rise_and_closes_at_market() -> None:
    venue = opened("50000", "51000", "50500", "52000", "51480", "51480.1")
    venue.place_order("u", order(sz="2"))
    venue.place_algo("u", trailing(sz="2", reduceOnly=True))
    triggers = []
    for minute in range(4):
        venue.advance(minutes(minute))
        triggers += [row["moveTriggerPx"] for row in waiting(venue)]
    assert triggers == ["49500", "50490", "50490", "51480"]
    venue.advance(minutes(4))
    assert venue.positions("u") == waiting(venue) == []
    (row,) = ended(venue)
    assert (row["state"], row["ordType"], row["triggerTime"]) == (
        "effective",
        "move_order_stop",
        str(minutes(4)),
    )
    fired = look(venue, row)
    assert (fired["source"], fired["ordType"], fired["avgPx"]) == ("25", "market", "51479.9")


def test_trailing_stop_of_a_short_follows_the_fall_by_a_spread() -> None:
    venue = opened("50000", "49000", "49299.9", "49300")
    venue.place_order("u", order(side="sell"))
    venue.place_algo("u", trailing(side="buy", callbackRatio="", callbackSpread="300", reduceOnly=True))
    venue.advance(minutes(2))
    assert [(row["moveTriggerPx"], row["callbackSpread"]) for row in waiting(venue)] == [("49300", "300")]
    venue.advance(minutes(3))
    assert venue.positions("u") == []


def test_trailing_stop_waits_for_its_active_price() -> None:
    venue = opened("50000", "48000", "51000", "50490")
    venue.place_order("u", order())
    venue.place_algo("u", trailing(activePx="50800", reduceOnly=True))
    assert [(row["activePx"], row["moveTriggerPx"]) for row in waiting(venue)] == [("50800", "")]
    venue.advance(minutes(1))
    assert [row["moveTriggerPx"] for row in waiting(venue)] == [""]
    venue.advance(minutes(2))
    assert [row["moveTriggerPx"] for row in waiting(venue)] == ["50490"]
    venue.advance(minutes(3))
    assert venue.positions("u") == []


def test_trailing_stop_whose_active_price_has_been_passed_is_active_at_once() -> None:
    venue = opened("50000")
    venue.place_algo("u", trailing(activePx="49000"))
    assert [row["moveTriggerPx"] for row in waiting(venue)] == ["49500"]


@settings(deadline=None)
@given(
    lasts=st.lists(st.integers(480, 520).map(lambda hundreds: hundreds * 100), min_size=2, max_size=30),
    side=st.sampled_from(["buy", "sell"]),
    active=st.none() | st.integers(480, 520).map(lambda hundreds: hundreds * 100),
    at_once=st.booleans(),
)
def test_trailing_stop_fires_where_a_plain_walk_of_the_path_says(
    lasts: list[int], side: str, active: int | None, at_once: bool
) -> None:
    venue = opened(*map(str, lasts))
    venue.place_algo("u", trailing(side=side, activePx="" if active is None else str(active)))
    for minute in [len(lasts)] if at_once else range(1, len(lasts) + 1):
        venue.advance(minutes(minute))
    sign, best, fired = (1 if side == "sell" else -1), None, ""
    for minute, last in enumerate(lasts):
        if best is None and (active is None or sign * last >= sign * active):
            best = last
        if best is not None:
            best = max(best, last) if side == "sell" else min(best, last)
            if sign * (last - best * (1 - sign * D("0.01"))) <= 0:
                fired = str(minutes(minute))
                break
    assert [row["triggerTime"] for row in ended(venue)] == ([fired] if fired else [])
