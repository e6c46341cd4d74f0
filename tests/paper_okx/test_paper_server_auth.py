"""Who may ask: each refusal of the authentication table, over raw requests."""

from __future__ import annotations

import pytest

from arena.core.clock import wall_clock
from arena.paper_okx.auth import ApiKey, Keys, Signed, authorize, sign
from arena.paper_okx.clock import VenueClock
from arena.paper_okx.refusal import Refusal
from tests.paper_okx.running import DEMO, LIVE, RunningPaperOkx, timestamp

WALL = 1_800_000_000_000
VENUE = 1_700_000_000_000
PATH = "/api/v5/account/balance?ccy=USDT"
READER = ApiKey("paper-reader", "paper-reader-secret", "words", "reader", perm="read_only")
BOUND = ApiKey("paper-bound", "paper-bound-secret", "words", "bound", addresses=("10.0.0.1",))


def _clock() -> VenueClock:
    return VenueClock(VENUE, speed=0.0, wall=lambda: WALL)


def _headers(key: ApiKey, stamp_ms: int, body: bytes = b"", path: str = PATH, method: str = "GET"):
    stamp = timestamp(stamp_ms)
    return {
        "OK-ACCESS-KEY": key.key,
        "OK-ACCESS-SIGN": sign(key.secret, f"{stamp}{method}{path}".encode() + body),
        "OK-ACCESS-TIMESTAMP": stamp,
        "OK-ACCESS-PASSPHRASE": key.passphrase,
        "x-simulated-trading": "1" if key.demo else "0",
    }


def _authorize(headers, *, path: str = PATH, body: bytes = b"", method: str = "GET", clock=None) -> ApiKey:
    keys = Keys([DEMO, LIVE, READER, BOUND])
    return authorize(Signed(method, path, body, headers, "127.0.0.1"), keys, clock or _clock())[0]


@pytest.mark.parametrize("stamp_ms", [WALL, WALL - 30_000, WALL + 30_000, VENUE, VENUE - 29_000])
@pytest.mark.parametrize("key", [DEMO, LIVE], ids=["demo", "live"])
def test_a_signature_by_wall_or_venue_time_is_good(key, stamp_ms):
    assert _authorize(_headers(key, stamp_ms)).uid == key.uid


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("OK-ACCESS-KEY", "50103"),
        ("OK-ACCESS-PASSPHRASE", "50104"),
        ("OK-ACCESS-SIGN", "50106"),
        ("OK-ACCESS-TIMESTAMP", "50107"),
    ],
)
@pytest.mark.parametrize("found", ["missing", "empty"])
def test_a_missing_header_has_a_code_of_its_own(header, code, found):
    headers = _headers(DEMO, WALL)
    headers.pop(header)
    if found == "empty":
        headers[header] = ""
    with pytest.raises(Refusal, match=code):
        _authorize(headers)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"OK-ACCESS-PASSPHRASE": "other"}, "50105"),
        ({"OK-ACCESS-KEY": "other"}, "50111"),
        ({"OK-ACCESS-KEY": "37c541a1-0000-4000-8000-10fe7a038418"}, "50119"),
        ({"OK-ACCESS-TIMESTAMP": "1800000000000"}, "50112"),
        ({"OK-ACCESS-TIMESTAMP": "2026-13-45T00:00:00.000Z"}, "50112"),
        ({"OK-ACCESS-SIGN": "bm90IHRoZSBzaWduYXR1cmU="}, "50113"),
        ({"OK-ACCESS-SIGN": "ü"}, "50113"),
        ({"x-simulated-trading": "0"}, "50101"),
    ],
)
def test_a_wrong_header_has_a_code_of_its_own(changed, code):
    with pytest.raises(Refusal, match=code):
        _authorize({**_headers(DEMO, WALL), **changed})


def test_a_live_key_in_the_demo_environment_is_50101():
    with pytest.raises(Refusal, match="50101"):
        _authorize({**_headers(LIVE, WALL), "x-simulated-trading": "1"})


@pytest.mark.parametrize("stamp_ms", [WALL - 30_001, WALL + 30_001, VENUE + 30_001, 0])
def test_a_stale_timestamp_is_50102(stamp_ms):
    with pytest.raises(Refusal, match="50102"):
        _authorize(_headers(DEMO, stamp_ms))


def test_an_address_that_is_not_on_the_list_is_50110():
    with pytest.raises(Refusal, match="50110"):
        _authorize(_headers(BOUND, WALL))


def test_the_query_is_signed_as_it_was_sent():
    path = "/api/v5/account/positions?instId=BTC-USDT-SWAP%2CETH-USDT-SWAP&a=%7e"
    headers = _headers(DEMO, WALL, path=path)
    assert _authorize(headers, path=path) is DEMO
    with pytest.raises(Refusal, match="50113"):
        _authorize(headers, path=path.replace("%7e", "~"))


def test_the_body_is_signed_as_it_was_sent():
    body = b'{"instId": "BTC-USDT-SWAP",  "lever": 3}'
    headers = _headers(DEMO, WALL, body, "/api/v5/account/set-leverage", "POST")
    signed = {"path": "/api/v5/account/set-leverage", "method": "POST"}
    assert _authorize(headers, body=body, **signed) is DEMO
    with pytest.raises(Refusal, match="50113"):
        _authorize(headers, body=body.replace(b"  ", b" "), **signed)


def test_a_client_that_asked_for_the_time_is_good_by_its_own_watch_since():
    wall = [WALL]
    clock = VenueClock(VENUE, speed=0.0, wall=lambda: wall[0])
    told = clock.tell()
    wall[0] += 600_000
    clock.step(86_400_000)
    assert clock.is_fresh(told + 600_000)
    assert clock.is_fresh(VENUE + 86_400_000)
    assert not clock.is_fresh(told)


def test_over_http_the_status_of_a_refusal_is_401(paper_okx: RunningPaperOkx):
    answer = paper_okx.send("GET", "/api/v5/account/balance")
    assert (answer.status, answer.json()["code"]) == (401, "50103")
    assert answer.json()["data"] == []


def test_a_skewed_clock_refuses_until_the_client_asks_for_the_time(paper_okx: RunningPaperOkx):
    paper_okx.control("POST", "clock", skew_ms=300_000)
    answer = paper_okx.signed("GET", "/api/v5/account/config")
    assert (answer.status, answer.json()["code"]) == (401, "50102")
    told = int(paper_okx.get("/api/v5/public/time")["data"][0]["ts"])
    assert told == paper_okx.exchange.clock.now() + 300_000
    assert paper_okx.exchange.clock.is_fresh(told)


def test_a_deadline_that_has_passed_is_50036(paper_okx: RunningPaperOkx):
    path = "/api/v5/account/config"
    for deadline, code in ((wall_clock() - 1, "50036"), ("soon", "51000")):
        headers = paper_okx.headers("GET", path) | {"expTime": str(deadline)}
        assert paper_okx.send("GET", path, headers=headers).json()["code"] == code


def test_a_deadline_that_passes_on_the_way_is_50037_and_nothing_is_done(paper_okx: RunningPaperOkx):
    path, body = "/api/v5/account/set-leverage", b'{"instId":"BTC-USDT-SWAP","lever":"7","mgnMode":"cross"}'
    paper_okx.fault("delay", path=path, delay_ms=400, times=1)
    headers = paper_okx.headers("POST", path, body) | {"expTime": str(wall_clock() + 200)}
    assert paper_okx.send("POST", path, body, headers).json()["code"] == "50037"
    query = {"instId": "BTC-USDT-SWAP", "mgnMode": "cross"}
    assert paper_okx.private_get("/api/v5/account/leverage-info", **query)["data"][0]["lever"] != "7"


def test_secrets_are_in_no_text_of_a_key():
    assert DEMO.secret not in repr(DEMO)
    assert DEMO.passphrase not in repr(DEMO)
