"""The control port: what it moves, whom it answers, and that it can be switched off."""

from __future__ import annotations

import http.client
import json

import pytest

from tests.paper_okx.running import NOW_MS, RunningPaperOkx, run_paper_okx

JSON = {"Content-Type": "application/json"}
TIME = "/api/v5/public/time"


def _post(okx: RunningPaperOkx, path: str, body: object, headers: dict[str, str] | None = None):
    return okx.send("POST", f"/control/{path}", json.dumps(body).encode(), headers or JSON)


def test_the_clock_goes_by_step_to_a_moment_and_at_a_speed(paper_okx: RunningPaperOkx):
    assert paper_okx.step(60_000) == NOW_MS + 60_000
    assert paper_okx.control("POST", "clock", to_ms=NOW_MS + 90_000)["now"] == NOW_MS + 90_000
    assert paper_okx.get(TIME)["data"] == [{"ts": str(NOW_MS + 90_000)}]
    assert paper_okx.control("POST", "clock", speed=0.001)["speed"] == 0.001


def test_a_step_closes_the_running_bar_and_opens_the_next(paper_okx: RunningPaperOkx):
    query = {"instId": "BTC-USDT-SWAP", "limit": 2}
    before = paper_okx.get("/api/v5/market/candles", **query)["data"]
    paper_okx.step(60_000)
    after = paper_okx.get("/api/v5/market/candles", **query)["data"]
    assert (before[0][0], before[0][-1]) == (str(NOW_MS), "0")
    assert (after[1][0], after[1][-1]) == (str(NOW_MS), "1")


def test_state_tells_time_market_accounts_and_requests(paper_okx: RunningPaperOkx):
    paper_okx.get(TIME)
    state = paper_okx.control("GET", "state")
    assert (state["now"], state["speed"], state["accounts"]) == (NOW_MS, 0, ["demo", "live"])
    assert state["market"]["instruments"] == ["BTC-USDT-SWAP", "ETH-USDT-SWAP"]
    assert state["requests"] == {f"GET {TIME}": 1}
    assert "secret" not in json.dumps(state)


def test_health_is_quick_and_says_ok(paper_okx: RunningPaperOkx):
    assert paper_okx.control("GET", "health") == {"status": "ok", "now": NOW_MS}


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("clock", {"step_ms": -1}, "step_ms=-1: must be at least 0"),
        ("clock", {"to_ms": 5}, "cannot go back"),
        ("clock", {"step_ms": 1, "speed": 1}, "give one of step_ms"),
        ("clock", {}, "give one of step_ms"),
        ("clock", [1], "JSON object"),
        ("faults", {"faults": [{"kind": "explode"}]}, "must be one of"),
        ("deposit", {"uid": "nobody", "usdt": "5"}, "unknown uid 'nobody' (known: demo, live)"),
        ("deposit", {"uid": "demo", "usdt": "-5"}, "usdt"),
    ],
)
def test_a_wrong_order_is_one_sentence(paper_okx: RunningPaperOkx, path, body, said):
    answer = _post(paper_okx, path, body)
    assert answer.status == 400
    assert said in answer.json()["error"]
    assert paper_okx.exchange.clock.now() == NOW_MS


def test_a_body_that_is_no_json_is_one_sentence(paper_okx: RunningPaperOkx):
    answer = paper_okx.send("POST", "/control/clock", b"{", JSON)
    assert (answer.status, answer.json()) == (400, {"error": "the body is not valid JSON"})


def test_a_page_in_a_browser_cannot_reach_it(paper_okx: RunningPaperOkx):
    assert _post(paper_okx, "clock", {"step_ms": 1}, {"Content-Type": "text/plain"}).status == 415
    connection = http.client.HTTPConnection("127.0.0.1", paper_okx.port, timeout=10)
    connection.request("GET", "/control/state", headers={"Host": "rebound.example"})
    assert connection.getresponse().status == 403
    connection.close()
    assert paper_okx.exchange.clock.now() == NOW_MS


def test_it_can_be_switched_off(replay_market):
    with run_paper_okx(market=replay_market, control=False) as okx:
        assert okx.send("GET", "/control/health").status == 404
        assert okx.get(TIME)["code"] == "0"
