"""Orders of the venue: the answer first, then the trade, then what it leaves behind."""

from __future__ import annotations

from arena.paper_okx.venue import Venue, VenueSettings
from tests.paper_okx.fake_market import BTC, MINUTE, START, D, market


def opened(*lasts: str, usdt: int = 10_000, **more: object) -> Venue:
    venue = Venue(market(*lasts, **more), VenueSettings())  # type: ignore[arg-type]
    venue.advance(START)
    venue.open_account("u", D(usdt))
    return venue


def order(**more: object) -> dict[str, object]:
    return {"instId": BTC, "tdMode": "cross", "side": "buy", "ordType": "market", "sz": "1", **more}


def test_market_order_is_told_live_then_filled_and_pays_the_taker_fee() -> None:
    venue = opened("50000")
    heard: list[object] = []
    venue.listen(lambda event: heard.extend(row["state"] for row in event.rows if event.channel == "orders"))
    ack = venue.place_order("u", order(sz="10"))
    assert heard == ["live", "filled"]
    row = venue.get_order("u", {"instId": BTC, "ordId": ack["ordId"]})
    assert (row["state"], row["avgPx"], row["fee"]) == ("filled", "50000.1", "-2.500005")


def test_resting_buy_fills_at_its_price_with_the_maker_fee_when_the_path_goes_through() -> None:
    venue = opened("50000", "49990", "49980")
    ack = venue.place_order("u", order(ordType="limit", px="49990", sz="10"))
    venue.advance(START + MINUTE)
    assert venue.get_order("u", {"instId": BTC, "ordId": ack["ordId"]})["state"] == "live"
    venue.advance(START + 2 * MINUTE)
    row = venue.get_order("u", {"instId": BTC, "ordId": ack["ordId"]})
    assert (row["state"], row["avgPx"], row["fee"]) == ("filled", "49990", "-0.9998")
