"""Faults on demand: each kind as a client meets it, and which calls a rule strikes."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error

import pytest

from arena.config.base import validate
from arena.config.paper import FaultRule
from arena.core.errors import ConfigError
from arena.paper_okx.faults import Faults
from tests.paper_okx.running import NOW_MS, RunningPaperOkx

TIME = "/api/v5/public/time"
CANDLES = "/api/v5/market/history-candles"
MINUTE = 60_000


def _rule(kind: str, **more: object) -> FaultRule:
    return validate(FaultRule, {"kind": kind, **more})


def _bars(okx: RunningPaperOkx, **params: object) -> list[list[str]]:
    return okx.get(CANDLES, instId="BTC-USDT-SWAP", limit=5, **params)["data"]


@pytest.mark.parametrize(
    ("rule", "status", "code"),
    [
        ({"kind": "code", "code": "50011"}, 429, "50011"),
        ({"kind": "code", "code": "50013"}, 429, "50013"),
        ({"kind": "code", "code": "50001"}, 503, "50001"),
        ({"kind": "code", "code": "50004"}, 400, "50004"),
        ({"kind": "code", "code": "50026"}, 500, "50026"),
    ],
)
def test_a_code_is_answered_with_its_status(paper_okx: RunningPaperOkx, rule, status, code):
    paper_okx.fault(**rule, times=1)
    answer = paper_okx.send("GET", TIME)
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert paper_okx.get(TIME)["code"] == "0"


def test_a_429_of_the_gateway_has_no_json(paper_okx: RunningPaperOkx):
    paper_okx.fault("http_429", times=1)
    answer = paper_okx.send("GET", TIME)
    assert answer.status == 429
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_page_of_the_gateway_is_html(paper_okx: RunningPaperOkx):
    paper_okx.fault("html", times=1)
    answer = paper_okx.send("GET", TIME)
    assert answer.status == 502
    assert answer.body.startswith(b"<html>")
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_truncated_body_is_no_json(paper_okx: RunningPaperOkx):
    whole = paper_okx.send("GET", TIME).body
    paper_okx.fault("truncated", times=1)
    answer = paper_okx.send("GET", TIME)
    assert (answer.status, answer.body) == (200, whole[: len(whole) // 2])


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_a_dropped_connection_gives_no_answer(paper_okx: RunningPaperOkx, kind):
    paper_okx.fault(kind, times=1)
    with pytest.raises((urllib.error.URLError, http.client.RemoteDisconnected, ConnectionError)):
        paper_okx.send("GET", TIME)
    assert paper_okx.get(TIME)["code"] == "0"


def test_a_delay_is_waited_for_and_others_go_on_meanwhile(paper_okx: RunningPaperOkx):
    paper_okx.fault("delay", times=1, delay_ms=150)
    begin = time.monotonic()
    assert paper_okx.get(TIME)["code"] == "0"
    assert time.monotonic() - begin >= 0.15


def test_a_skewed_clock_shows_in_the_time_told(paper_okx: RunningPaperOkx):
    paper_okx.fault("clock_skew", path=TIME, times=1, skew_ms=-45_000)
    assert paper_okx.get(TIME)["data"][0]["ts"] == str(NOW_MS - 45_000)
    assert paper_okx.get(TIME)["data"][0]["ts"] == str(NOW_MS)


def test_a_skewed_clock_refuses_a_signature(paper_okx: RunningPaperOkx):
    paper_okx.fault("clock_skew", path="/api/v5/account/*", times=1, skew_ms=45_000)
    assert paper_okx.private_get("/api/v5/account/config")["code"] == "50102"


def test_missing_bars_are_taken_out_of_the_page(paper_okx: RunningPaperOkx):
    whole = _bars(paper_okx)
    gone = int(whole[3][0])
    paper_okx.fault("missing_bars", path=CANDLES, from_ms=gone, until_ms=gone + MINUTE)
    assert _bars(paper_okx) == [*whole[:3], whole[4]]


def test_unconfirmed_bars_have_their_values_and_no_confirm(paper_okx: RunningPaperOkx):
    whole = _bars(paper_okx)
    paper_okx.fault("unconfirmed_bars", path=CANDLES, bars=2, times=1)
    found = _bars(paper_okx)
    assert [row[-1] for row in found] == ["0", "0", "0", "1", "1"]
    assert [row[:-1] for row in found] == [row[:-1] for row in whole]
    assert _bars(paper_okx) == whole


def test_a_revised_bar_is_confirmed_and_has_other_values_later(paper_okx: RunningPaperOkx):
    whole = _bars(paper_okx)
    paper_okx.fault("revised_bars", path=CANDLES, bars=1, times=1)
    first = _bars(paper_okx)
    assert first[1][-1] == "1"
    assert first[1] != whole[1]
    assert [*first[:1], *first[2:]] == [*whole[:1], *whole[2:]]
    assert _bars(paper_okx) == whole


def test_a_rule_strikes_only_its_path_and_method(paper_okx: RunningPaperOkx):
    paper_okx.fault("code", path="/api/v5/market/*", code="50001")
    paper_okx.fault("code", path=TIME, method="POST", code="50001")
    assert paper_okx.get(TIME)["code"] == "0"
    assert paper_okx.get(CANDLES, instId="BTC-USDT-SWAP")["code"] == "50001"
    paper_okx.clear_faults()
    assert paper_okx.get(CANDLES, instId="BTC-USDT-SWAP")["code"] == "0"


def test_a_script_strikes_call_by_call():
    faults = Faults([_rule("code", skip=1, times=2), _rule("drop_after", skip=3, times=1)])
    struck = [[rule.kind for rule in faults.of_request("GET", TIME)] for _ in range(6)]
    assert struck == [[], ["code"], ["code"], ["drop_after"], [], []]
    assert [(rule["matched"], rule["struck"]) for rule in faults.report()] == [(3, 2), (4, 1)]


def test_a_probability_strikes_about_so_often_and_always_the_same_calls():
    def run(seed: int) -> list[bool]:
        faults = Faults([_rule("code", probability=0.3)], seed)
        return [bool(faults.of_request("GET", TIME)) for _ in range(2_000)]

    assert run(1) == run(1)
    assert run(1) != run(2)
    assert 500 < sum(run(1)) < 700


def test_pushes_and_requests_have_rules_of_their_own():
    faults = Faults([_rule("push_duplicate", path="orders"), _rule("code", code="50001")])
    assert [rule.kind for rule in faults.of_push("orders")] == ["push_duplicate"]
    assert faults.of_push("positions") == []
    assert [rule.kind for rule in faults.of_request("GET", TIME)] == ["code"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"kind": "explode"}, "kind=explode: must be one of"),
        ({"kind": "code", "code": "13"}, "code=13"),
        ({"kind": "delay", "probability": 0}, "probability=0: must be above 0"),
        ({"kind": "delay", "pat": "x"}, "unknown key 'pat': did you mean 'path'"),
    ],
)
def test_a_wrong_rule_is_a_sentence(rule, said):
    with pytest.raises(ConfigError, match=said):
        validate(FaultRule, rule)
