"""Public endpoints over HTTP: key sets, envelope, values as text, parameters that are wrong."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from tests.paper_okx import field_lists
from tests.paper_okx.running import RunningPaperOkx

BTC = "BTC-USDT-SWAP"
CANDLES = {
    "candles": BTC,
    "history-candles": BTC,
    "mark-price-candles": BTC,
    "history-mark-price-candles": BTC,
    "index-candles": "BTC-USDT",
    "history-index-candles": "BTC-USDT",
}


@pytest.mark.parametrize("path", field_lists.PUBLIC)
def test_rows_have_exactly_the_documented_keys(paper_okx: RunningPaperOkx, path: str) -> None:
    keys, params = field_lists.PUBLIC[path]
    reply = paper_okx.get(path, **params)
    assert reply.keys() == field_lists.ENVELOPE
    assert (reply["code"], reply["msg"]) == ("0", "")
    assert reply["data"]
    assert all(row.keys() == keys for row in reply["data"])


@pytest.mark.parametrize("path", field_lists.PUBLIC)
def test_every_number_is_text(paper_okx: RunningPaperOkx, path: str) -> None:
    _, params = field_lists.PUBLIC[path]
    exceptions = {"enabled": bool, "futureSettlement": bool, "instIdCode": int, "tradeQuoteCcyList": list}
    for row in paper_okx.get(path, **params)["data"]:
        for name, value in row.items():
            assert isinstance(value, exceptions.get(name, list if name in {"asks", "bids"} else str)), name


@pytest.mark.parametrize(("path", "inst_id"), CANDLES.items())
def test_a_bar_is_a_row_of_text(paper_okx: RunningPaperOkx, path: str, inst_id: str) -> None:
    rows = paper_okx.get(f"/api/v5/market/{path}", instId=inst_id, limit=3)["data"]
    fields = field_lists.PRICE_CANDLE_FIELDS if "mark" in path or "index" in path else 9
    assert [len(row) for row in rows] == [fields] * 3
    assert all(isinstance(value, str) for row in rows for value in row)
    assert [row[-1] for row in rows] == ["0", "1", "1"]


@pytest.mark.parametrize(("path", "inst_id"), CANDLES.items())
def test_a_limit_above_the_largest_means_the_largest(paper_okx: RunningPaperOkx, path: str, inst_id: str):
    largest = 100 if "mark" in path or "index" in path else 300
    for limit, rows in (("", 100), ("7", 7), (str(largest + 1), largest), ("99999", largest)):
        found = paper_okx.get(f"/api/v5/market/{path}", instId=inst_id, limit=limit)["data"]
        assert len(found) == rows


@pytest.mark.parametrize("kind", ["", "mark-price-", "index-"])
def test_only_history_reaches_beyond_the_newest_1440_bars(paper_okx: RunningPaperOkx, kind: str):
    inst_id = "BTC-USDT" if kind == "index-" else BTC
    newest = int(paper_okx.get(f"/api/v5/market/{kind}candles", instId=inst_id, limit=1)["data"][0][0])
    oldest = newest - 1439 * 60_000
    seen = paper_okx.get(f"/api/v5/market/{kind}candles", instId=inst_id, after=oldest + 1)["data"]
    assert [int(row[0]) for row in seen] == [oldest]
    assert paper_okx.get(f"/api/v5/market/{kind}candles", instId=inst_id, after=oldest)["data"] == []
    older = paper_okx.get(f"/api/v5/market/history-{kind}candles", instId=inst_id, after=oldest, limit=2)
    assert [int(row[0]) for row in older["data"]] == [oldest - 60_000, oldest - 120_000]


@pytest.mark.parametrize(
    ("path", "params", "code", "status"),
    [
        ("market/candles", {}, "50014", 400),
        ("market/candles", {"instId": ""}, "50014", 400),
        ("market/candles", {"instId": "XYZ-USDT-SWAP"}, "51001", 200),
        ("market/candles", {"instId": BTC, "bar": "1h"}, "51000", 400),
        ("market/candles", {"instId": BTC, "after": "yesterday"}, "51000", 400),
        ("market/candles", {"instId": BTC, "limit": "0"}, "51000", 400),
        ("market/candles", {"instId": BTC, "limit": "-1"}, "51000", 400),
        ("market/candles", {"instId": BTC, "limit": "²"}, "51000", 400),
        ("market/candles", {"instId": BTC, "limit": "9" * 5000}, "51000", 400),
        ("market/history-index-candles", {"instId": BTC}, "51014", 200),
        ("market/ticker", {"instId": "BTC-USDT"}, "51001", 200),
        ("market/tickers", {}, "50014", 400),
        ("market/index-tickers", {}, "50015", 400),
        ("market/books", {"instId": BTC, "sz": "x"}, "51000", 400),
        ("public/instruments", {}, "50014", 400),
        ("public/instruments", {"instType": "PERP"}, "51000", 400),
        ("public/instruments", {"instType": "OPTION"}, "50014", 400),
        ("public/instruments", {"instType": "SWAP", "instId": "XYZ-USDT-SWAP"}, "51001", 200),
        ("public/mark-price", {"instType": "OPTION"}, "51000", 400),
        ("public/funding-rate", {}, "50014", 400),
        ("public/funding-rate-history", {"instId": "BTC-USDT"}, "51001", 200),
        (
            "public/position-tiers",
            {"instType": "SWAP", "tdMode": "cash", "instFamily": "BTC-USDT"},
            "51000",
            400,
        ),
        ("public/position-tiers", {"instType": "SWAP", "tdMode": "cross"}, "50014", 400),
        ("nothing/here", {}, "404", 404),
    ],
)
def test_a_wrong_question_has_its_code_and_no_rows(paper_okx: RunningPaperOkx, path, params, code, status):
    answer = paper_okx.send("GET", f"/api/v5/{path}?{urlencode(params)}")
    reply = answer.json()
    assert (answer.status, reply["code"]) == (status, code)
    assert not reply["data"]
    assert reply["msg"]


def test_a_wrong_method_is_405(paper_okx: RunningPaperOkx):
    answer = paper_okx.send("POST", "/api/v5/public/time", b"{}")
    assert (answer.status, answer.json()["code"]) == (405, "405")


@pytest.mark.parametrize("inst_type", ["SPOT", "FUTURES", "MARGIN", "OPTION"])
def test_what_is_not_listed_has_no_rows(paper_okx: RunningPaperOkx, inst_type: str):
    reply = paper_okx.get("/api/v5/public/instruments", instType=inst_type, uly="BTC-USD")
    assert (reply["code"], reply["data"]) == ("0", [])


@pytest.mark.parametrize("path", ["public/mark-price", "public/open-interest"])
def test_without_an_instrument_there_is_a_row_for_each(paper_okx: RunningPaperOkx, path: str):
    for params in ({}, {"instType": "SWAP"}):
        rows = paper_okx.get(f"/api/v5/{path}", **params)["data"]
        assert [row["instId"] for row in rows] == [BTC, "ETH-USDT-SWAP"]


def test_funding_rates_of_any_instrument_are_all_of_them(paper_okx: RunningPaperOkx):
    rows = paper_okx.get("/api/v5/public/funding-rate", instId="ANY")["data"]
    assert [row["instId"] for row in rows] == [BTC, "ETH-USDT-SWAP"]
