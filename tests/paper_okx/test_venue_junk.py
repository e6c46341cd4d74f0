"""Whatever a request holds, the answer is a row or a code: nothing that a client sends breaks the venue."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.paper_okx.refusal import Refusal
from arena.paper_okx.venue import Venue
from tests.paper_okx.fake_market import BTC, limit, opened, order

STOP = {"slTriggerPx": "49000", "slOrdPx": "-1", "tpTriggerPx": "51000", "tpOrdPx": "-1"}
GOOD: dict[str, dict[str, object]] = {
    "place_order": {**limit("50000"), "clOrdId": "a", "tag": "b", "attachAlgoOrds": [STOP], "stpMode": ""},
    "amend_order": {"instId": BTC, "clOrdId": "rest", "newSz": "2", "newPx": "48100", "reqId": "1"},
    "cancel_order": {"instId": BTC, "clOrdId": "rest"},
    "close_position": {"instId": BTC, "mgnMode": "isolated", "autoCxl": True},
    "cancel_all_after": {"timeOut": "20", "tag": "t"},
    "place_algo": {**order(side="sell"), "ordType": "oco", **STOP, "closeFraction": "", "reduceOnly": True},
    "cancel_algo": {"instId": BTC, "algoId": "1"},
    "get_order": {"instId": BTC, "clOrdId": "rest"},
    "orders_pending": {
        "instType": "SWAP",
        "after": "1",
        "before": "1",
        "limit": "5",
        "begin": "1",
        "end": "2",
    },
    "orders_history": {"instType": "SWAP", "state": "filled"},
    "fills": {"instType": "SWAP", "ordId": "1"},
    "algos_pending": {"ordType": "oco"},
    "algos_history": {"ordType": "oco", "state": "canceled"},
    "balance": {"ccy": "USDT"},
    "positions": {"instId": BTC, "posId": "1"},
    "positions_history": {"instType": "SWAP", "mgnMode": "cross", "after": "1"},
    "bills": {"type": "2", "subType": "1"},
    "set_leverage": {"instId": BTC, "mgnMode": "isolated", "lever": "5"},
    "leverage_info": {"instId": BTC, "mgnMode": "cross"},
    "set_position_mode": {"posMode": "net_mode"},
    "max_size": {"instId": BTC, "tdMode": "cross", "px": "50000", "leverage": "3"},
    "max_avail_size": {"instId": BTC, "tdMode": "cross"},
    "trade_fee": {"instType": "SWAP"},
    "margin_balance": {"instId": BTC, "type": "add", "amt": "1"},
}
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=40),
    st.sampled_from(
        ["-0", "1e9", "999999999999", "0.00000000000000000001", "9" * 60, "-1", "NaN", "Infinity", "٣"]
    ),
    st.lists(st.none() | st.integers() | st.dictionaries(st.text(max_size=3), st.integers()), max_size=2),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    st.just([{**STOP, "sz": "0.00001"}]),
)


def busy() -> Venue:
    venue = opened("50000")
    venue.place_order("u", order())
    venue.place_order("u", order(tdMode="isolated"))
    venue.place_order("u", limit("48000", clOrdId="rest"))
    return venue


@pytest.mark.parametrize("name", GOOD)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_junk_is_answered(name: str, data: st.DataObject) -> None:
    venue = busy()
    asked = dict(GOOD[name])
    for field in data.draw(st.lists(st.sampled_from(sorted(asked)), min_size=1, max_size=3)):
        asked[field] = data.draw(JUNK)
    with suppress(Refusal):
        getattr(venue, name)("u", asked)
    assert venue.place_order("u", limit("48000"))["sCode"] == "0"  # it is still there


@pytest.mark.parametrize("usdt", ["1e13", "-1e13", "1e40"])
def test_no_deposit_is_larger_than_the_grid_of_money(usdt: str) -> None:
    venue = busy()
    with pytest.raises(Refusal, match="51000"):
        venue.deposit("u", Decimal(usdt))


def test_stop_whose_size_is_no_lot_is_refused() -> None:
    with pytest.raises(Refusal, match="51020"):
        busy().place_order(
            "u",
            limit(
                "48000",
                attachAlgoOrds=[
                    {**STOP, "tpTriggerPx": "", "tpOrdPx": "", "slTriggerPx": "47000", "sz": "0.001"}
                ],
            ),
        )
