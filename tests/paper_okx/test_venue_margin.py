"""Margin by hand: a recorded position, isolated margin, funding, and liquidation down the tiers."""

from __future__ import annotations

from decimal import Decimal

import pytest

from arena.paper_okx.market import Contract, Settlement, Tier
from arena.paper_okx.venue import FeeRates, Venue, VenueSettings
from tests.paper_okx.fake_market import (
    BTC,
    ETH,
    START,
    D,
    FakeMarket,
    cash,
    contract,
    detail,
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

XRP = "XRP-USDT-SWAP"


def test_recorded_position_is_reproduced() -> None:
    """XRP-USDT-SWAP cross: pos 1, ctVal 100, entry 0.52668, mark 0.52692, 3x, mmr 0.5 %, fee 0.05 %."""
    listed = Contract(
        **{
            **{name: getattr(contract(), name) for name in Contract.__slots__},
            "inst_id": XRP,
            "inst_family": "XRP-USDT",
            "ct_val": D(100),
            "tick_sz": D("0.00001"),
            "tiers": (Tier(D(0), D(1000), D("0.005"), D("0.02"), D(50)),),
        }
    )
    made = FakeMarket(listed={XRP: listed}, spread=0)
    made.paths[XRP] = [tick(0, "0.52668"), tick(1, "0.52692")]
    free = {"Lv1": FeeRates(maker=D(0), taker=D("0.0005"))}
    venue = Venue(made, VenueSettings(fee_levels=free))
    venue.advance(START)
    # the cash behind it follows from the recorded mgnRatio, and the fee of the opening is paid first
    venue.open_account("u", D("19.973666") + D("52.668") * D("0.0005"))
    venue.place_order("u", order(instId=XRP))
    venue.advance(minutes(1))
    row = position(venue)
    assert row["imr"] == "17.564"
    assert row["mmr"] == "0.26346"
    assert row["upl"] == "0.024"
    assert str(row["uplRatio"]).startswith("0.0013670539")
    assert str(row["mgnRatio"]).startswith("69.0036300145614")
    assert abs(D(str(row["liqPx"])) - D("0.3287514731020614")) < D("2E-16")  # recorded of binary floats
    assert row["notionalUsd"] == "52.692"


def test_recorded_account_with_one_isolated_position_adds_up() -> None:
    """Isolated margin has left the cash, and its unrealised profit counts in eq and isoEq."""
    venue = opened("50000", "49900")
    venue.place_order("u", order(tdMode="isolated", sz="3"))
    venue.advance(minutes(1))
    row, there = position(venue), detail(venue)
    assert row["margin"] == "500.001"  # 3 x 0.01 x 50000.1 / 3
    assert D(there["cashBal"]) == 10_000 - D("500.001") - D("0.7500015")
    assert there["availEq"] == there["availBal"] == there["cashBal"]
    assert D(there["isoEq"]) == D("500.001") + D(str(row["upl"])) == D(there["frozenBal"])
    assert D(there["eq"]) == D(there["cashBal"]) + D(there["isoEq"])
    assert (row["imr"], there["isoUpl"], row["upl"]) == ("", "-3.003", "-3.003")


@pytest.mark.parametrize(
    ("side", "entry", "liquidation"),
    [
        pytest.param("buy", "100.1", "90.4973", id="long"),
        pytest.param("sell", "99.9", "109.397", id="short"),
    ],
)
def test_isolated_liquidation_price_by_hand(side: str, entry: str, liquidation: str) -> None:
    """(entry -+ margin / size) / (1 -+ (mmr + fee)) at 10x, mmr 0.4 %, fee 0.05 %."""
    venue = opened("100", band=D("0.5"))
    venue.set_leverage("u", {"instId": BTC, "mgnMode": "isolated", "lever": "10"})
    venue.place_order("u", order(tdMode="isolated", side=side, sz="100"))
    row = position(venue)
    assert row["avgPx"] == entry
    sign = 1 if side == "buy" else -1
    wanted = D(entry) * (1 - sign * D("0.1")) / (1 - sign * D("0.0045"))
    assert abs(D(str(row["liqPx"])) - wanted) < D("1E-9")
    assert str(row["liqPx"]).startswith(liquidation[:6])


def test_cross_liquidation_price_is_where_the_ratio_is_one() -> None:
    venue = opened("50000", "31000", "30160.9", "30160.8")
    venue.place_order("u", order(sz="50"))
    level = D(str(position(venue)["liqPx"]))
    assert D("30160.8") < level < D("30160.9")
    venue.advance(minutes(2))
    assert position(venue)["pos"] == "50"
    venue.advance(minutes(3))
    assert venue.positions("u") == []


def test_cross_position_in_a_low_tier_is_taken_over_whole_and_leaves_nothing() -> None:
    venue = opened("50000", "30000")
    venue.place_order("u", order(sz="50"))
    adds = venue.place_order("u", limit("49000", sz="1"))
    reduces = venue.place_order("u", limit("52000", side="sell", sz="1", reduceOnly=True))
    venue.advance(minutes(1))
    assert cash(venue) == 0
    first = look(venue, adds)
    assert (first["state"], first["accFillSz"]) == ("filled", "1")  # the path went through it first
    assert look(venue, reduces)["cancelSource"] == "2"
    (forced,) = venue.orders_history("u", {"instType": "SWAP", "category": "full_liquidation"})
    (fill,) = venue.fills("u", {"ordId": forced["ordId"]})
    assert (fill["subType"], fill["execType"], str(fill["tradeId"])[0]) == ("107", "", "-")
    bill = venue.bills("u", {"type": "5"})[0]
    assert (bill["subType"], bill["bal"]) == ("107", "0")
    (life,) = venue.positions_history("u")
    assert (life["type"], life["triggerPx"]) == ("3", "30000")
    assert D(str(life["liqPenalty"])) < 0
    assert D(str(life["realizedPnl"])) == -10_000


def test_orders_that_add_risk_are_cancelled_before_the_position_is_touched() -> None:
    venue = opened("50000", "30000", volume="0")
    venue.place_order("u", order(sz="50"))
    other = venue.place_order("u", limit("49000", sz="1"))
    heard: list[tuple[object, object]] = []
    venue.listen(
        lambda e: heard.extend((r["category"], r["cancelSource"]) for r in e.rows if e.channel == "orders")
    )
    venue.advance(minutes(1))
    assert look(venue, other)["cancelSource"] == "3"
    assert heard[0] == ("normal", "3")
    assert {category for category, _ in heard[1:]} == {"full_liquidation"}


def test_the_insurance_fund_pays_for_a_gap_through_the_bankruptcy_price() -> None:
    venue = opened("50000", "10000")
    venue.place_order("u", order(sz="50"))
    venue.advance(minutes(1))
    assert cash(venue) == 0
    fill = venue.fills("u")[0]
    assert D("29000") < D(str(fill["fillPx"])) < D("31000")


def test_isolated_position_loses_its_margin_and_nothing_else() -> None:
    venue = opened("50000", "20000")
    venue.set_leverage("u", {"instId": BTC, "mgnMode": "isolated", "lever": "10"})
    venue.place_order("u", order(tdMode="isolated", sz="10"))
    before = cash(venue)
    venue.advance(minutes(1))
    assert cash(venue) == before
    (life,) = venue.positions_history("u")
    assert life["type"] == "3"
    assert D(str(life["realizedPnl"])) == -D("500.001") - D("2.500005")  # margin, and the opening fee


@pytest.mark.parametrize("mode", ["cross", "isolated"])
def test_large_position_is_stepped_down_two_tiers_until_the_margin_holds(mode: str) -> None:
    """25,000 contracts are tier 4 (mmr 1.25 %); two tiers lower ends at 5,000 (0.5 %)."""
    venue = opened("50000", "49150", "49150", usdt=260_000, depth=D(30_000))
    venue.set_leverage("u", {"instId": BTC, "mgnMode": mode, "lever": "40"})
    for _ in range(2):
        venue.place_order("u", order(sz="10000", tdMode=mode))
    venue.deposit("u", D(80_000))
    venue.place_order("u", order(sz="5000", tdMode=mode))
    assert position(venue)["mmr"] == str(Decimal(25_000) * D("0.01") * 50_000 * D("0.0125")).rstrip(
        "0"
    ).rstrip(".")
    venue.advance(minutes(1))
    row = position(venue)
    assert row["pos"] == "5000"
    assert D(str(row["mgnRatio"])) > 1
    assert D(str(row["liqPenalty"])) < 0
    fills = venue.fills("u", {"subType": "103"})
    assert {f["fillSz"] for f in fills} == {"20000"}
    (forced,) = venue.orders_history("u", {"instType": "SWAP", "category": "partial_liquidation"})
    assert forced["state"] == "filled"
    assert [life["type"] for life in venue.positions_history("u")] == ["4"]


def test_warning_is_pushed_once_at_three_hundred_percent() -> None:
    venue = opened("50000", "31000", "30500", "30400", "30300")
    venue.place_order("u", order(sz="50"))
    heard: list[tuple[str, object]] = []
    venue.listen(lambda e: heard.extend((e.channel, r["mgnRatio"]) for r in e.rows if "warning" in e.channel))
    venue.advance(minutes(4))
    ((channel, ratio),) = heard
    assert channel == "liquidation-warning"
    assert 1 < D(str(ratio)) <= 3


def two_markets(second: list[str]) -> FakeMarket:
    made = market("50000", "50000", "50000")
    made.listed[ETH] = contract(ETH, ct_val="0.1", tick_sz="0.01", code=10461)
    made.paths[ETH] = [tick(minute, last) for minute, last in enumerate(second)]
    return made


def test_cross_positions_of_two_instruments_answer_for_each_other() -> None:
    venue = Venue(two_markets(["2500", "1500", "1000"]), VenueSettings())
    venue.advance(START)
    venue.open_account("u", D(10_000))
    venue.place_order("u", order(sz="20"))
    venue.place_order("u", order(instId=ETH, sz="60"))
    venue.advance(minutes(1))
    assert len(venue.positions("u")) == 2
    assert D(detail(venue)["eq"]) == cash(venue) + D(detail(venue)["upl"])
    venue.advance(minutes(2))
    rows = venue.positions("u")
    assert len(rows) == 2  # 6 ETH lost 1500 each: 9,000 of 10,000
    assert D(detail(venue)["mgnRatio"]) > 1


def test_all_cross_positions_are_taken_over_when_the_account_is_exhausted() -> None:
    venue = Venue(two_markets(["2500", "100", "100"]), VenueSettings())
    venue.advance(START)
    venue.open_account("u", D(10_000))
    venue.place_order("u", order(sz="20"))
    venue.place_order("u", order(instId=ETH, sz="60"))
    venue.advance(minutes(1))
    assert venue.positions("u") == []
    assert cash(venue) == 0
    assert sorted(str(life["type"]) for life in venue.positions_history("u")) == ["3", "3"]


@pytest.mark.parametrize(
    ("side", "rate", "sub_type", "amount"),
    [
        pytest.param("buy", "0.0001", "173", "-0.501", id="long-pays"),
        pytest.param("sell", "0.0001", "174", "0.501", id="short-receives"),
        pytest.param("buy", "-0.0002", "174", "1.002", id="long-receives"),
    ],
)
def test_funding_is_position_at_mark_times_rate(side: str, rate: str, sub_type: str, amount: str) -> None:
    made = market("50000", "50100")
    made.rates[BTC] = [Settlement(minutes(1), D(rate))]
    venue = Venue(made, VenueSettings())
    venue.advance(START)
    venue.open_account("u", D(10_000))
    venue.place_order("u", order(side=side, sz="10"))
    before = cash(venue)
    venue.advance(minutes(1))
    (bill,) = venue.bills("u", {"type": "8"})
    assert (bill["subType"], bill["pnl"], bill["balChg"], bill["sz"], bill["px"]) == (
        sub_type,
        amount,
        amount,
        "10",
        "50100",
    )
    row = position(venue)
    assert row["fundingFee"] == amount
    assert D(str(row["realizedPnl"])) == D(amount) + D(str(row["fee"]))
    assert cash(venue) == before + D(amount)


def test_settlement_is_paid_by_who_held_it_before_the_tick_and_only_once() -> None:
    made = market("50000", "49000", "49000")
    made.rates[BTC] = [Settlement(minutes(1), D("0.0001"))]
    venue = Venue(made, VenueSettings(fill_rule="touch"))
    venue.advance(START)
    venue.open_account("u", D(10_000))
    venue.place_order("u", limit("49500"))
    venue.advance(minutes(1))
    venue.advance(minutes(2))
    assert position(venue)["pos"] == "1"
    assert venue.bills("u", {"type": "8"}) == []


def test_funding_that_the_cash_lacks_comes_out_of_isolated_margin() -> None:
    made = market("50000", "50000")
    made.rates[BTC] = [Settlement(minutes(1), D("0.00375"))]
    venue = Venue(made, VenueSettings())
    venue.advance(START)
    venue.open_account("u", D("1670"))
    venue.place_order("u", order(tdMode="isolated", sz="9.99"))
    venue.advance(minutes(1))
    assert cash(venue) == 0
    assert position(venue)["fundingFee"] == "-18.73125"


def test_margin_is_added_to_and_taken_from_an_isolated_position() -> None:
    venue = opened("50000")
    venue.place_order("u", order(tdMode="isolated", sz="3"))
    far = D(str(position(venue)["liqPx"]))
    row = venue.margin_balance("u", {"instId": BTC, "posSide": "net", "type": "add", "amt": "100"})
    assert (row["amt"], row["type"]) == ("100", "add")
    assert position(venue)["margin"] == "600.001"
    assert D(str(position(venue)["liqPx"])) < far
    venue.margin_balance("u", {"instId": BTC, "type": "reduce", "amt": "60"})
    bills = venue.bills("u", {"type": "6"})
    assert [(b["subType"], b["balChg"], b["posBalChg"]) for b in bills] == [
        ("161", "60", "-60"),
        ("160", "-100", "100"),
        ("162", "-500.001", "500.001"),
    ]
    for kind, amount in (("reduce", "41"), ("add", "9999")):
        asked = {"instId": BTC, "type": kind, "amt": amount}
        assert refused(lambda asked=asked: venue.margin_balance("u", asked)) == "59301"  # type: ignore[misc]
    asked = {"instId": BTC, "type": "add", "amt": "1"}
    venue.close_position("u", {"instId": BTC, "mgnMode": "isolated"})
    assert refused(lambda: venue.margin_balance("u", asked)) == "59300"


def test_resting_order_binds_margin_and_the_taker_fee() -> None:
    venue = opened("50000")
    venue.place_order("u", limit("48000", sz="10"))
    there = detail(venue)
    assert D(there["ordFrozen"]) == 1600 + D("2.4")
    assert D(there["availEq"]) == 10_000 - D("1602.4")


def test_order_that_only_closes_binds_nothing() -> None:
    venue = opened("50000")
    venue.place_order("u", order(sz="10"))
    venue.place_order("u", limit("51000", side="sell", sz="10"))
    assert detail(venue)["ordFrozen"] == "0"
    venue.place_order("u", limit("51000", side="sell", sz="4"))
    assert D(detail(venue)["ordFrozen"]) == 680 + D("1.02")


def test_full_reversal_is_let_in_with_the_margin_that_closing_sets_free() -> None:
    venue = opened("50000")
    venue.place_order("u", order(sz="50"))
    assert refused(lambda: venue.place_order("u", order(sz="50"))) == "51008"
    venue.place_order("u", order(side="sell", sz="100"))
    assert position(venue)["pos"] == "-50"
