"""Whatever order pushes come in, and however often: each fill once, each closed bar once, holes announced."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from arena.core.events import ClosedBar, Gap, OrderUpdate
from arena.core.quantity import Contracts
from arena.core.timeframe import Timeframe
from arena.exchange.okx.streams import _Account, _Candles
from tests.exchange.okx.samples import ORDER_PUSH

MINUTE = Timeframe.parse("1m")


def fill(number: int) -> dict[str, Any]:
    done = number == 4
    return {
        **ORDER_PUSH,
        "tradeId": str(number),
        "fillSz": "0.50",
        "accFillSz": str(Contracts("0.50") * number),
        "sz": "2.00",
        "state": "filled" if done else "partially_filled",
        "uTime": str(1_708_587_373_361 + number),
    }


@given(st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=30))
def test_each_fill_is_told_once(numbers: list[int]) -> None:
    reader = _Account()
    updates = [
        event
        for number in numbers
        for event in reader.events_of({"arg": {"channel": "orders"}, "data": [fill(number)]})
    ]
    assert all(isinstance(update, OrderUpdate) and update.fill for update in updates)
    told = [update.fill.trade_id for update in updates if isinstance(update, OrderUpdate) and update.fill]
    assert sorted(told) == sorted({str(number) for number in numbers})


@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from("01")), max_size=40))
def test_closed_bars_rise_and_what_lies_between_is_a_gap(pushed: list[tuple[int, str]]) -> None:
    reader = _Candles("BTC-USDT-SWAP", MINUTE)
    events = [
        event
        for minute, confirm in pushed
        for event in reader.events_of(
            {"arg": {}, "data": [[str(minute * 60_000), "1", "2", "1", "2", "1", "0.01", "1", confirm]]}
        )
    ]
    bars = [event for event in events if isinstance(event, ClosedBar)]
    assert [bar.ts for bar in bars] == sorted({bar.ts for bar in bars})
    assert {bar.ts // 60_000 for bar in bars} <= {minute for minute, confirm in pushed if confirm == "1"}
    covered = {bar.ts for bar in bars}
    for gap in (event for event in events if isinstance(event, Gap)):
        covered |= set(range(gap.since_ms, gap.until_ms, 60_000))
    if bars:
        assert covered == set(range(bars[0].ts, bars[-1].ts + 1, 60_000))
