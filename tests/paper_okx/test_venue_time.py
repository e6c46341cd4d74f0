"""Time: quiet stretches are jumped, and how it is cut into calls does not matter."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from arena.paper_okx.market import Settlement
from arena.paper_okx.venue import Event, Venue, VenueSettings
from tests.paper_okx.fake_market import (
    BTC,
    START,
    D,
    FakeMarket,
    contract,
    limit,
    market,
    minutes,
    opened,
    order,
    tick,
)


def test_a_stretch_in_which_nobody_has_anything_is_jumped() -> None:
    made = market(*["50000"] * 1000)
    venue = Venue(made, VenueSettings())
    venue.advance(START)
    venue.open_account("u", D(10_000))
    venue.advance(minutes(900))
    assert (venue.now, made.served) == (minutes(900), 0)


def test_playing_stops_with_the_last_order() -> None:
    made = market("50000", "49000", *["49000"] * 1000)
    venue = Venue(made, VenueSettings(fill_rule="touch"))
    venue.advance(START)
    venue.open_account("u", D(10_000))
    venue.place_order("u", limit("49500"))
    venue.place_algo("u", {**order(side="sell"), "ordType": "trigger", "triggerPx": "49400", "orderPx": "-1"})
    venue.advance(minutes(900))
    assert venue.positions("u") == []
    assert made.served < 5


def test_quiet_ticks_change_nothing_and_look_at_nothing() -> None:
    made = market("50000", *["50010"] * 500)
    venue = Venue(made, VenueSettings())
    venue.advance(START)
    venue.open_account("u", D(10_000))
    venue.place_order("u", order())
    venue.place_order("u", limit("49000"))
    before = venue._desk.version
    venue.advance(minutes(500))
    assert made.served == 500
    assert venue._desk.version == before


def test_time_does_not_go_back() -> None:
    venue = opened("50000", "51000")
    venue.advance(minutes(1))
    venue.advance(START)
    assert venue.now == minutes(1)


def test_funding_comes_before_the_tick_of_the_same_moment() -> None:
    made = market("50000", "51000")
    made.rates[BTC] = [Settlement(minutes(1), D("0.0001"))]
    venue = Venue(made, VenueSettings(fill_rule="touch"))
    venue.advance(START)
    venue.open_account("u", D(10_000))
    venue.place_order("u", order())
    venue.place_order("u", limit("51000", side="sell"))
    venue.advance(minutes(1))
    assert [bill["type"] for bill in venue.bills("u")] == ["2", "8", "2", "1"]


def moves() -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(-8, 8), min_size=6, max_size=14)


@given(
    moves=moves(),
    cuts=st.sets(st.integers(0, 14 * 60), max_size=8),
    mode=st.sampled_from(["cross", "isolated"]),
)
@settings(max_examples=60, deadline=None)
def test_the_result_does_not_hang_on_how_time_was_cut(moves: list[int], cuts: set[int], mode: str) -> None:
    """Stops, resting orders, the switch, funding and liquidation, advanced at once and in pieces."""
    made = FakeMarket(listed={BTC: contract()})
    price, path = 50_000, [tick(0, "50000", volume="40")]
    for minute, move in enumerate(moves, 1):
        price = max(20_000, price + move * 400)
        path.append(tick(minute, str(price), volume="40"))
    made.paths[BTC] = path
    made.rates[BTC] = [Settlement(minutes(3), D("0.001")), Settlement(minutes(5), D("-0.002"))]
    last = minutes(len(path))
    assert story(made, mode, [last]) == story(
        made, mode, [*(START + cut * 1000 for cut in sorted(cuts)), last]
    )


def story(made: FakeMarket, mode: str, stops: list[int]) -> list[object]:
    venue = Venue(made, VenueSettings(fill_rule="touch"))
    heard: list[Event] = []
    venue.listen(heard.append)
    venue.advance(START)
    venue.open_account("u", D(6_000))
    venue.set_leverage("u", {"instId": BTC, "mgnMode": mode, "lever": "20"})
    venue.place_order("u", order(sz="60", tdMode=mode))
    venue.place_order("u", limit("49000", sz="10", tdMode=mode))
    venue.place_order("u", limit("51000", side="sell", sz="9", tdMode=mode, tag="x"))
    stop = {**order(side="sell", sz="30", tdMode=mode, reduceOnly=True), "ordType": "oco"}
    venue.place_algo(
        "u", {**stop, "slTriggerPx": "48500", "slOrdPx": "-1", "tpTriggerPx": "52000", "tpOrdPx": "52000"}
    )
    venue.cancel_all_after("u", {"timeOut": "90", "tag": "x"})
    for moment in stops:
        venue.advance(moment)
    return [heard, venue.balance("u") | {"uTime": ""}, venue.bills("u"), venue.positions("u")]


def test_listeners_hear_of_a_change_after_it_was_made() -> None:
    venue = opened("50000")
    seen: list[object] = []
    venue.listen(lambda event: seen.append(len(venue.fills("u"))))
    venue.place_order("u", order())
    assert set(seen) == {1}
