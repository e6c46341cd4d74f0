"""What the venue refuses, and with which code."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from arena.core.errors import ConfigError
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.venue import Venue, VenueSettings
from tests.paper_okx.fake_market import BTC, D, limit, opened, order, refused

LONG = {"tpTriggerPx": "51000", "tpOrdPx": "-1", "slTriggerPx": "49000", "slOrdPx": "-1"}


def with_stop(base: dict[str, object], **stop: str) -> dict[str, object]:
    return {**base, "attachAlgoOrds": [stop]}


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        pytest.param("50014", {**order(), "instId": ""}, id="no-instrument"),
        pytest.param("50014", {**order(), "instId": None}, id="null-instrument"),
        pytest.param("51001", order(instId="DOGE-USDT-SWAP"), id="unknown-instrument"),
        pytest.param("51001", {**order(), "instId": "", "instIdCode": 7}, id="unknown-code"),
        pytest.param("50014", order(tdMode=""), id="no-mode"),
        pytest.param("51000", order(tdMode="cash"), id="cash-mode"),
        pytest.param("51000", order(side="long"), id="side"),
        pytest.param("51000", order(ordType="twap"), id="order-type"),
        pytest.param("50014", order(sz=""), id="no-size"),
        pytest.param("51000", order(sz="abc"), id="size-is-no-number"),
        pytest.param("51000", order(sz="1e3"), id="size-with-exponent"),
        pytest.param("51000", order(sz="NaN"), id="size-nan"),
        pytest.param("51000", order(sz="-1"), id="size-negative"),
        pytest.param("51000", order(sz="0"), id="size-zero"),
        pytest.param("51020", order(sz="0.001"), id="below-the-smallest"),
        pytest.param("51121", order(sz="1.005"), id="not-a-lot"),
        pytest.param("51202", order(sz="12000.01"), id="above-the-largest-market-order"),
        pytest.param("51203", limit("50000", sz="100000001"), id="above-the-largest-limit-order"),
        pytest.param("51000", order(ordType="limit"), id="no-price"),
        pytest.param("51000", limit("49000.05"), id="price-off-the-grid"),
        pytest.param("51006", limit("52500.1"), id="buy-above-the-band"),
        pytest.param("51006", limit("47499.9", side="sell"), id="sell-below-the-band"),
        pytest.param("51000", order(clOrdId="with-dash"), id="client-id-letters"),
        pytest.param("51000", order(clOrdId="a" * 33), id="client-id-too-long"),
        pytest.param("51000", order(tag="a" * 17), id="tag-too-long"),
        pytest.param("51000", order(posSide="long"), id="leg-in-net-mode"),
        pytest.param("51000", order(reduceOnly="yes"), id="flag"),
        pytest.param("51169", order(reduceOnly=True), id="nothing-to-reduce"),
        pytest.param("51008", order(sz="100"), id="margin"),
        pytest.param("51004", order(sz="1", px="50000", ordType="limit") | {"sz": "60000.01"}, id="tier"),
        pytest.param("51046", with_stop(limit("49000"), tpTriggerPx="49000", tpOrdPx="-1"), id="buy-tp"),
        pytest.param("51047", with_stop(limit("49000"), slTriggerPx="49000", slOrdPx="-1"), id="buy-sl"),
        pytest.param(
            "51048", with_stop(limit("51000", side="sell"), tpTriggerPx="51000", tpOrdPx="-1"), id="sell-tp"
        ),
        pytest.param(
            "51049", with_stop(limit("51000", side="sell"), slTriggerPx="50999.9", slOrdPx="-1"), id="sell-sl"
        ),
        pytest.param("51050", with_stop(order(), tpTriggerPx="50000.1", tpOrdPx="-1"), id="market-buy-tp"),
        pytest.param("51051", with_stop(order(), slTriggerPx="50000.1", slOrdPx="-1"), id="market-buy-sl"),
        pytest.param(
            "51052", with_stop(order(side="sell"), tpTriggerPx="49999.9", tpOrdPx="-1"), id="market-sell-tp"
        ),
        pytest.param(
            "51053", with_stop(order(side="sell"), slTriggerPx="49999.9", slOrdPx="-1"), id="market-sell-sl"
        ),
        pytest.param("51000", with_stop(order(), tpTriggerPx="51000"), id="stop-without-order-price"),
        pytest.param("51000", with_stop(order(), tpOrdPx="-1"), id="stop-without-trigger"),
        pytest.param("51000", with_stop(order(), sz="1"), id="empty-stop"),
        pytest.param("51000", with_stop(order(), **LONG, tpOrdKind="limit"), id="take-profit-kind"),
        pytest.param("51000", {**order(), "attachAlgoOrds": "x"}, id="stops-are-no-list"),
    ],
)
def test_order_is_refused(code: str, asked: dict[str, object]) -> None:
    venue = opened("50000")
    assert refused(lambda: venue.place_order("u", asked)) == code
    assert venue.orders_pending("u") == venue.orders_history("u", {"instType": "SWAP"}) == []


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        pytest.param("51170", order(reduceOnly=True), id="reduce-only-in-the-same-direction"),
        pytest.param("51112", order(side="sell", sz="5", reduceOnly=True), id="reduces-more-than-there-is"),
        pytest.param("51148", order(side="sell", sz="4"), id="would-turn-beside-a-reduce-only-order"),
        pytest.param("51016", order(clOrdId="taken"), id="client-id-of-a-pending-order"),
    ],
)
def test_order_is_refused_beside_a_position_of_four(code: str, asked: dict[str, object]) -> None:
    venue = opened("50000")
    venue.place_order("u", order(sz="4"))
    venue.place_order("u", limit("52000", side="sell", sz="1", reduceOnly=True, clOrdId="taken"))
    assert refused(lambda: venue.place_order("u", asked)) == code


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        pytest.param("51000", order(), id="leg-not-named"),
        pytest.param("51000", order(posSide="net"), id="net"),
        pytest.param("51169", order(posSide="short"), id="closing-what-is-not-there"),
        pytest.param(
            "51112", order(side="sell", posSide="long", sz="3.01"), id="closing-more-than-available"
        ),
    ],
)
def test_order_is_refused_in_long_short_mode(code: str, asked: dict[str, object]) -> None:
    venue = opened("50000", pos_mode="long_short_mode")
    venue.place_order("u", order(posSide="long", sz="4"))
    venue.place_order("u", limit("52000", side="sell", posSide="long", sz="1"))
    assert refused(lambda: venue.place_order("u", asked)) == code


def test_refused_order_keeps_client_id_and_tag() -> None:
    venue = opened("50000")
    with pytest.raises(Refusal) as caught:
        venue.place_order("u", order(sz="100000", clOrdId="mine", tag="t"))
    assert caught.value.data == {"clOrdId": "mine", "tag": "t"}


def test_spot_account_trades_no_swap() -> None:
    venue = opened("50000", acct_lv="1")
    assert refused(lambda: venue.place_order("u", order())) == "51010"
    assert refused(lambda: venue.place_algo("u", {**order(), "ordType": "trigger"})) == "51010"


def test_reduce_only_has_no_effect_in_long_short_mode() -> None:
    venue = opened("50000", pos_mode="long_short_mode")
    assert venue.place_order("u", order(posSide="long", reduceOnly=True))["sCode"] == "0"


@pytest.mark.parametrize(
    ("code", "change"),
    [
        pytest.param("51603", {"ordId": "1", "newSz": "1"}, id="unknown"),
        pytest.param("51503", {"clOrdId": "gone", "newSz": "1"}, id="ended"),
        pytest.param("51500", {"clOrdId": "here"}, id="nothing-to-change"),
        pytest.param("51121", {"clOrdId": "here", "newSz": "1.001"}, id="not-a-lot"),
        pytest.param("51006", {"clOrdId": "here", "newPx": "60000"}, id="band"),
        pytest.param("51000", {"clOrdId": "here", "newPx": "49000.01"}, id="grid"),
        pytest.param("51502", {"clOrdId": "here", "newSz": "1000"}, id="margin"),
        pytest.param("51004", {"clOrdId": "here", "newSz": "100000"}, id="tier"),
        pytest.param("51511", {"clOrdId": "maker", "newPx": "50000.1"}, id="post-only-would-cross"),
        pytest.param("51003", {"newSz": "1"}, id="no-id"),
    ],
)
def test_amendment_is_refused(code: str, change: dict[str, object]) -> None:
    venue = opened("50000")
    venue.place_order("u", limit("49000", clOrdId="here"))
    venue.place_order("u", limit("49000", clOrdId="maker", ordType="post_only"))
    venue.place_order("u", limit("49000", clOrdId="gone"))
    venue.cancel_order("u", {"instId": BTC, "clOrdId": "gone"})
    assert refused(lambda: venue.amend_order("u", {"instId": BTC, **change})) == code
    assert venue.get_order("u", {"instId": BTC, "clOrdId": "here"})["px"] == "49000"


def _no_position(venue: Venue) -> object:
    return venue.close_position("u", {"instId": BTC, "mgnMode": "cross"})


@pytest.mark.parametrize(
    ("code", "call"),
    [
        pytest.param(
            "51400", lambda v: v.cancel_order("u", {"instId": BTC, "ordId": "1"}), id="cancel-unknown"
        ),
        pytest.param(
            "51400", lambda v: v.cancel_order("u", {"instId": BTC, "clOrdId": "x"}), id="cancel-client"
        ),
        pytest.param("51603", lambda v: v.get_order("u", {"instId": BTC, "ordId": "1"}), id="get-unknown"),
        pytest.param("51023", _no_position, id="close-nothing"),
        pytest.param("51000", lambda v: v.cancel_all_after("u", {"timeOut": "9"}), id="switch-too-short"),
        pytest.param("51000", lambda v: v.cancel_all_after("u", {"timeOut": "121"}), id="switch-too-long"),
        pytest.param("50014", lambda v: v.cancel_all_after("u", {}), id="switch-without-time"),
        pytest.param("50014", lambda v: v.orders_history("u", {}), id="history-without-type"),
        pytest.param("51000", lambda v: v.orders_pending("u", {"limit": "x"}), id="limit"),
        pytest.param("50014", lambda v: v.algos_pending("u", {}), id="algos-without-type"),
        pytest.param("50015", lambda v: v.algos_history("u", {"ordType": "oco"}), id="algos-without-state"),
        pytest.param("50119", lambda v: v.balance("nobody"), id="unknown-account"),
        pytest.param("51000", lambda v: v.trade_fee("u", {"instType": "SPOT"}), id="fee-of-spot"),
        pytest.param("51008", lambda v: v.deposit("u", D(-10_001)), id="withdraw-too-much"),
    ],
)
def test_call_is_refused(code: str, call: Callable[[Venue], object]) -> None:
    venue = opened("50000")
    assert refused(lambda: call(venue)) == code


def test_caps_on_pending_orders() -> None:
    venue = Venue(opened("50000")._desk.market, VenueSettings(max_orders_per_instrument=2))
    venue.open_account("u", Decimal(10_000))
    for _ in range(2):
        venue.place_order("u", limit("49000"))
    assert refused(lambda: venue.place_order("u", limit("49000"))) == "51174"


@pytest.mark.parametrize(
    "wrong",
    [{"pos_mode": "hedge"}, {"acct_lv": "4"}, {"fee_level": "VIP9"}],
)
def test_account_that_is_not_modelled_is_not_opened(wrong: dict[str, str]) -> None:
    venue = opened("50000")
    with pytest.raises(ConfigError, match="account new"):
        venue.open_account("new", D(1), **wrong)
    assert venue.uids == ["u"]
