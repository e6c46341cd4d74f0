"""Private endpoints over HTTP: each path reaches its method, batches row by row, faults around an order."""

from __future__ import annotations

import json
import re
import urllib.error
from pathlib import Path
from typing import Any

import pytest

from arena.paper_okx.auth import ApiKey
from arena.paper_okx.codes import CODES, SOCKET_CODES
from arena.paper_okx.dispatch import ROUTES
from arena.paper_okx.limits import Limits
from tests.paper_okx import field_lists
from tests.paper_okx.running import DEMO, RunningPaperOkx, run_paper_okx

BTC = "BTC-USDT-SWAP"
ORDER, BATCH = "/api/v5/trade/order", "/api/v5/trade/batch-orders"
READS = {
    "/api/v5/account/config": {},
    "/api/v5/account/balance": {"ccy": "USDT"},
    "/api/v5/account/positions": {"instType": "SWAP"},
    "/api/v5/account/positions-history": {},
    "/api/v5/account/bills": {},
    "/api/v5/account/bills-archive": {"type": "1"},
    "/api/v5/account/leverage-info": {"instId": BTC, "mgnMode": "cross"},
    "/api/v5/account/max-size": {"instId": BTC, "tdMode": "cross"},
    "/api/v5/account/max-avail-size": {"instId": BTC, "tdMode": "cross"},
    "/api/v5/account/trade-fee": {"instType": "SWAP"},
    "/api/v5/trade/orders-pending": {},
    "/api/v5/trade/orders-history": {"instType": "SWAP"},
    "/api/v5/trade/orders-history-archive": {"instType": "SWAP"},
    "/api/v5/trade/fills": {},
    "/api/v5/trade/fills-history": {"instType": "SWAP"},
    "/api/v5/trade/orders-algo-pending": {"ordType": "conditional"},
    "/api/v5/trade/orders-algo-history": {"ordType": "conditional", "state": "canceled"},
}
READER = ApiKey("paper-reader", "paper-reader-secret", "words", "reader", perm="read_only")


def _limit(sz: str = "1", px: str = "15000", **more: object) -> dict[str, Any]:
    return {"instId": BTC, "tdMode": "cross", "side": "buy", "ordType": "limit", "sz": sz, "px": px, **more}


def _pending(okx: RunningPaperOkx) -> list[str]:
    return [row["clOrdId"] for row in okx.private_get("/api/v5/trade/orders-pending")["data"]]


@pytest.mark.parametrize("path", READS)
def test_each_read_is_an_envelope_of_rows(paper_okx: RunningPaperOkx, path: str):
    reply = paper_okx.private_get(path, **READS[path])
    assert reply.keys() == field_lists.ENVELOPE
    assert (reply["code"], reply["msg"]) == ("0", "")
    assert all(isinstance(row, dict) for row in reply["data"])


def test_every_private_read_is_tried_here():
    private = {path for (method, path), route in ROUTES.items() if method == "GET" and route.private}
    assert private == {*READS, ORDER, "/api/v5/trade/order-algo"}


def test_an_order_goes_through_its_life(paper_okx: RunningPaperOkx):
    placed = paper_okx.post(ORDER, _limit(clOrdId="life", tag="t"))
    assert placed.keys() == field_lists.TRADE_ENVELOPE
    row = placed["data"][0]
    assert row.keys() == {"ordId", "clOrdId", "tag", "ts", "sCode", "sMsg"}
    assert (placed["code"], row["sCode"], row["clOrdId"], row["tag"]) == ("0", "0", "life", "t")
    amended = paper_okx.post("/api/v5/trade/amend-order", {"instId": BTC, "clOrdId": "life", "newSz": "2"})
    assert amended["data"][0].keys() == {"ordId", "clOrdId", "reqId", "ts", "sCode", "sMsg"}
    found = paper_okx.private_get(ORDER, instId=BTC, ordId=row["ordId"])["data"][0]
    assert (found["sz"], found["state"]) == ("2", "live")
    canceled = paper_okx.post("/api/v5/trade/cancel-order", {"instId": BTC, "ordId": row["ordId"]})
    assert canceled["data"][0].keys() == {"ordId", "clOrdId", "ts", "sCode", "sMsg"}
    assert canceled["code"] == "0"
    assert _pending(paper_okx) == []


def test_a_refused_order_is_http_200_with_its_code_in_the_row(paper_okx: RunningPaperOkx):
    answer = paper_okx.signed("POST", ORDER, json.dumps(_limit("0.001", clOrdId="small")).encode())
    reply = answer.json()
    assert (answer.status, reply["code"], len(reply["data"])) == (200, "1", 1)
    row = reply["data"][0]
    assert row.keys() == {"ordId", "clOrdId", "tag", "ts", "sCode", "sMsg"}
    assert (row["sCode"], row["ordId"], row["clOrdId"]) == ("51020", "", "small")
    assert row["sMsg"].startswith(CODES["51020"].text)


@pytest.mark.parametrize(
    ("sizes", "code", "rows"),
    [
        (["1", "2"], "0", ["0", "0"]),
        (["1", "0.001"], "2", ["0", "51020"]),
        (["0.001"], "1", ["51020"]),
        (["1"], "0", ["0"]),
    ],
)
def test_a_batch_sums_up_its_rows(paper_okx: RunningPaperOkx, sizes, code, rows):
    reply = paper_okx.post(BATCH, [_limit(sz, clOrdId=f"b{n}") for n, sz in enumerate(sizes)])
    assert reply["code"] == code
    assert [row["sCode"] for row in reply["data"]] == rows
    assert [row["clOrdId"] for row in reply["data"]] == [f"b{n}" for n in range(len(sizes))]


def test_batches_cancel_and_amend(paper_okx: RunningPaperOkx):
    paper_okx.post(BATCH, [_limit(clOrdId="x"), _limit(clOrdId="y")])
    changes = [{"instId": BTC, "clOrdId": name, "newSz": "3"} for name in ("x", "nobody")]
    amended = paper_okx.post("/api/v5/trade/amend-batch-orders", changes)
    assert [row["sCode"] for row in amended["data"]] == ["0", "51603"]
    gone = [{"instId": BTC, "clOrdId": name} for name in ("x", "y")]
    assert paper_okx.post("/api/v5/trade/cancel-batch-orders", gone)["code"] == "0"
    assert _pending(paper_okx) == []


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (BATCH, [_limit()] * 21, "51111"),
        (BATCH, [], "51000"),
        (BATCH, _limit(), "51000"),
        (ORDER, [_limit()], "1"),
        ("/api/v5/trade/cancel-algos", [{"instId": BTC, "algoId": "1"}] * 11, "51111"),
        ("/api/v5/account/set-leverage", [1], "51000"),
    ],
)
def test_a_body_of_the_wrong_shape_is_refused(paper_okx: RunningPaperOkx, path, body, code):
    assert paper_okx.post(path, body)["code"] == code
    assert _pending(paper_okx) == []


@pytest.mark.parametrize(
    ("body", "content_type", "code", "status"),
    [
        (b"", "application/json", "50000", 400),
        (b"  ", "application/json", "50000", 400),
        (b"{", "application/json", "50002", 400),
        (b'{"lever": NaN}', "application/json", "50002", 400),
        (b"[" * 100_000, "application/json", "50002", 400),
        (b"\xff\xfe{}", "application/json", "50002", 400),
        (b"a=1", "application/x-www-form-urlencoded", "50006", 400),
    ],
)
def test_a_body_that_is_no_json_has_a_code_of_its_own(
    paper_okx: RunningPaperOkx, body, content_type, code, status
):
    headers = paper_okx.headers("POST", ORDER, body) | {"Content-Type": content_type}
    answer = paper_okx.send("POST", ORDER, body, headers)
    assert (answer.status, answer.json()["code"]) == (status, code)


def test_leverage_may_be_a_number_or_text(paper_okx: RunningPaperOkx):
    for lever in (5, "7", 2.5):
        body = {"instId": BTC, "lever": lever, "mgnMode": "cross"}
        assert paper_okx.post("/api/v5/account/set-leverage", body)["data"][0]["lever"] == str(lever)


def test_a_key_that_may_only_read_cannot_trade(replay_market):
    with run_paper_okx(market=replay_market, keys=[DEMO, READER]) as okx:
        assert okx.private_get("/api/v5/account/balance", uid="reader")["code"] == "0"
        assert okx.post(ORDER, _limit(), uid="reader")["code"] == "50120"
        assert (
            okx.post("/api/v5/account/set-position-mode", {"posMode": "net_mode"}, uid="reader")["code"]
            == "50120"
        )


def test_accounts_are_apart(paper_okx: RunningPaperOkx):
    paper_okx.post(ORDER, _limit(clOrdId="mine"), uid="live")
    assert _pending(paper_okx) == []
    assert len(paper_okx.private_get("/api/v5/trade/orders-pending", uid="live")["data"]) == 1


def test_a_deposit_is_in_the_balance(paper_okx: RunningPaperOkx):
    paper_okx.deposit("demo", "250.5")
    balance = paper_okx.private_get("/api/v5/account/balance")["data"][0]
    assert balance["details"][0]["cashBal"] == "10250.5"


# faults around an order


@pytest.mark.parametrize(
    ("rule", "exists"),
    [
        ({"kind": "drop_before"}, False),
        ({"kind": "drop_after"}, True),
        ({"kind": "code", "code": "50004"}, False),
        ({"kind": "code", "code": "50004", "applied": True}, True),
        ({"kind": "code", "code": "50013"}, False),
        ({"kind": "http_429"}, False),
        ({"kind": "html"}, True),
        ({"kind": "truncated"}, True),
        ({"kind": "delay", "delay_ms": 20}, True),
        ({"kind": "delay", "delay_ms": 20, "applied": True}, True),
    ],
    ids=str,
)
def test_after_a_fault_the_order_exists_or_not_as_the_kind_says(paper_okx: RunningPaperOkx, rule, exists):
    paper_okx.fault(**rule, path=ORDER, method="POST", times=1)
    try:
        paper_okx.signed("POST", ORDER, json.dumps(_limit(clOrdId="maybe")).encode())
    except (urllib.error.URLError, ConnectionError):
        assert rule["kind"].startswith("drop")
    found = paper_okx.private_get(ORDER, instId=BTC, clOrdId="maybe")
    assert found["code"] == ("0" if exists else "51603")


def test_a_partial_batch_places_every_other_order(paper_okx: RunningPaperOkx):
    paper_okx.fault("partial_batch", path=BATCH, times=1)
    reply = paper_okx.post(BATCH, [_limit(clOrdId=f"p{n}") for n in range(4)])
    assert reply["code"] == "2"
    assert [row["sCode"] for row in reply["data"]] == ["0", "50013", "0", "50013"]
    assert sorted(_pending(paper_okx)) == ["p0", "p2"]


def test_over_the_limit_nothing_is_placed(paper_okx: RunningPaperOkx):
    paper_okx.exchange.limits = Limits(watch=lambda: 0.0)
    replies = [paper_okx.post(BATCH, [_limit("0.01")] * 20) for _ in range(16)]
    assert [reply["code"] for reply in replies] == ["0"] * 15 + ["50011"]
    rows = paper_okx.exchange.venue.orders_pending("demo", {"instId": BTC})
    assert int(rows[0]["ordId"]) == int(replies[14]["data"][-1]["ordId"])


def test_every_code_that_the_sources_name_is_in_the_table(project):
    named: set[str] = set()
    for path in (project / "arena" / "paper_okx").rglob("*.py"):
        named |= set(re.findall(r'Refusal\(\s*"(\d{5})"', path.read_text()))
    assert named
    assert named <= set(CODES) | set(SOCKET_CODES)


STOP = {"slTriggerPx": "100", "slOrdPx": "-1"}
WAITS = {"instId": BTC, "tdMode": "cross", "side": "buy", "sz": "1", "slTriggerPx": "99999", "slOrdPx": "-1"}
REFUSED: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "`ordType` twap, chase, iceberg or smart_iceberg in `order-algo`": [
        ("POST", "trade/order-algo", {**WAITS, "ordType": kind})
        for kind in ("twap", "chase", "iceberg", "smart_iceberg")
    ],
    "`ordType` mmp, mmp_and_post_only or op_fok in `order`": [
        ("POST", "trade/order", _limit(ordType=kind)) for kind in ("mmp", "mmp_and_post_only", "op_fok")
    ],
    "`tdMode` cash or spot_isolated": [
        ("POST", "trade/order", _limit(tdMode=mode)) for mode in ("cash", "spot_isolated")
    ],
    "an attached stop with `tpOrdKind` limit, or one that trails": [
        ("POST", "trade/order", _limit(attachAlgoOrds=[stop]))
        for stop in ({**STOP, "tpOrdKind": "limit"}, {"callbackRatio": "0.01"})
    ],
    "`closeFraction` of a trigger order or trailing stop": [
        ("POST", "trade/order-algo", {**WAITS, "sz": "", "closeFraction": "1", **more})
        for more in (
            {"ordType": "trigger", "triggerPx": "99999", "orderPx": "-1"},
            {"ordType": "move_order_stop", "callbackRatio": "0.01"},
        )
    ],
    "`instType` FUTURES at public/mark-price": [("GET", "public/mark-price", {"instType": "FUTURES"})],
    "`instId` BTC-USDT or any other that is not listed": [
        ("POST", "trade/order", _limit(instId="BTC-USDT")),
        ("GET", "market/ticker", {"instId": "BTC-USDT"}),
    ],
    "`trade/amend-algos`, `asset/balances` and any other path": [
        ("POST", "trade/amend-algos", {}),
        ("GET", "asset/balances", {}),
    ],
}


def test_what_the_page_says_is_refused_is_refused_so(paper_okx: RunningPaperOkx, project: Path):
    page = (project / "docs" / "paper_exchange.md").read_text()
    section = page.partition("## What is refused, and how")[2].partition("## ")[0]
    said = dict(re.findall(r"^\| (?!asked for)(.+) \| (?:HTTP )?(\d+) \|$", section, re.MULTILINE))
    assert said.pop("an order of an account at level 1") == "51010"  # see test_venue_refusals
    assert said.keys() == REFUSED.keys()
    for what, calls in REFUSED.items():
        for method, path, asked in calls:
            if method == "GET":
                reply = paper_okx.private_get(f"/api/v5/{path}", **asked)
            else:
                reply = paper_okx.post(f"/api/v5/{path}", asked)
            code = reply["data"][0]["sCode"] if reply["code"] == "1" else reply["code"]
            assert code == said[what], (what, reply)
