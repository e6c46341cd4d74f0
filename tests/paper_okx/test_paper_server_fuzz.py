"""Whatever is asked, the answer is an envelope, and never the one of a bug."""

from __future__ import annotations

import json
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena.core.clock import wall_clock
from arena.paper_okx.app import PaperExchange
from arena.paper_okx.auth import Keys, Signed, sign
from arena.paper_okx.clock import VenueClock
from arena.paper_okx.dispatch import ROUTES, Dispatch
from arena.paper_okx.limits import Limits
from arena.paper_okx.replay import ReplayMarket
from arena.paper_okx.venue import Venue, VenueSettings
from tests.paper_okx.field_lists import keys
from tests.paper_okx.running import DEMO, NOW_MS, timestamp

NAMES = sorted(
    keys(
        "instId instType instFamily uly bar after before limit sz quoteCcy tdMode tier ordId clOrdId ordType "
        "state type subType begin end ccy mgnMode posSide lever side px reduceOnly algoId slTriggerPx posId "
        "tpTriggerPx slOrdPx triggerPx orderPx callbackRatio closeFraction newSz newPx timeOut amt posMode "
        "attachAlgoOrds cxlOnFail pxAmendType"
    )
)
VALUES = st.one_of(
    st.sampled_from(
        [
            "BTC-USDT-SWAP", "BTC-USDT", "SWAP", "ANY", "cross", "isolated", "buy", "sell", "limit", "market",
            "conditional", "oco", "trigger", "net", "long", "short", "net_mode", "long_short_mode", "add",
            "reduce", "1m", "1H", "3M", "0", "1", "-1", "0.01", "15000", "1e400", "NaN", "-Infinity", "true",
            "9" * 40, "1704369600000", "½", "",
        ]
    ),
    st.text(max_size=12),
)  # fmt: skip
BODIES = st.one_of(
    VALUES,
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4), max_size=2),
)
QUESTIONS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=9)
ORDERS = st.dictionaries(st.sampled_from(NAMES), BODIES, max_size=9)


@pytest.fixture(scope="module")
def dispatch(replay_market: ReplayMarket) -> Dispatch:
    """An exchange without a socket, that may get into any state."""
    venue = Venue(replay_market, VenueSettings())
    venue.advance(NOW_MS)
    venue.open_account(DEMO.uid, Decimal(10_000))
    clock = VenueClock(NOW_MS, speed=0.0)
    return Dispatch(PaperExchange(replay_market, clock, venue, Keys([DEMO]), Limits(enabled=False)))


def _asked(method: str, path: str, body: bytes) -> Signed:
    stamp = timestamp(wall_clock())
    headers = {
        "OK-ACCESS-KEY": DEMO.key,
        "OK-ACCESS-SIGN": sign(DEMO.secret, f"{stamp}{method}{path}".encode() + body),
        "OK-ACCESS-TIMESTAMP": stamp,
        "OK-ACCESS-PASSPHRASE": DEMO.passphrase,
        "x-simulated-trading": "1",
        "Content-Type": "application/json",
    }
    return Signed(method, path, body, headers, "127.0.0.1")


def _check(dispatch: Dispatch, asked: Signed) -> None:
    reply = json.loads(dispatch.answer(asked).body)
    assert {"code", "msg", "data"} <= reply.keys()
    assert isinstance(reply["data"], list)
    assert (reply["code"] == "0") == (reply["msg"] == "")


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(path for method, path in ROUTES if method == "GET")), QUESTIONS)
def test_any_question_is_answered(dispatch: Dispatch, path: str, question: dict[str, str]):
    query = {"instId": "BTC-USDT-SWAP", "instType": "SWAP", "tdMode": "cross", "mgnMode": "cross", **question}
    _check(dispatch, _asked("GET", f"{path}?{urlencode(query)}", b""))


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(path for method, path in ROUTES if method == "POST")), ORDERS, st.booleans())
def test_any_order_is_answered(dispatch: Dispatch, path: str, order: dict[str, object], plain: bool):
    body: object = order if plain else {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "sz": "0.01", **order}
    if "batch" in path or "algos" in path:
        body = [body, body]
    _check(dispatch, _asked("POST", path, json.dumps(body).encode()))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(path for method, path in ROUTES if method == "POST")), st.binary(max_size=40))
def test_any_bytes_are_answered(dispatch: Dispatch, path: str, body: bytes):
    _check(dispatch, _asked("POST", path, body))
