"""Public endpoints over HTTP: key sets, envelope, values as text, parameters that are wrong."""

from __future__ import annotations

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
