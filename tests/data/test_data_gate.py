"""The gate: what keeps risk from being opened, what is told and lets pass, and what is counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.core.bars import Bars, empty_bars
from arena.core.timeframe import Timeframe
from arena.data.gate import GateRules, Verdict, count_bridged, judge_newest, judge_range

START = 1_767_225_600_000
MINUTE = 60_000
M1 = Timeframe.parse("1m")
COUNT = 400
NOW = START + COUNT * MINUTE + 5_000
RULES = GateRules(lookback_bars=100)
COLUMNS = ("ts", "open", "high", "low", "close", "volume")


def at(place: int) -> int:
    return START + place * MINUTE


@pytest.fixture
def bars() -> Bars:
    ts = START + np.arange(COUNT, dtype=np.int64) * MINUTE
    close = 100 + np.sin(np.arange(COUNT)) * 0.1
    return Bars("BTC-USDT-SWAP", M1, ts, close, close + 0.05, close - 0.05, close, np.full(COUNT, 5.0))


def changed(bars: Bars, name: str, row: int, value: float) -> Bars:
    column = getattr(bars, name).copy()
    column[row] = value
    return replace(bars, **{name: column})


def without(bars: Bars, *rows: int) -> Bars:
    return replace(bars, **{name: np.delete(getattr(bars, name), rows) for name in COLUMNS})


def event(
    kind: str, start: int, end: int, severity: str = "error", resolution: str | None = None
) -> dict[str, Any]:
    return {
        "kind": kind,
        "start_ts": start,
        "end_ts": end,
        "severity": severity,
        "bars": (end - start) // MINUTE,
        "resolution": resolution,
    }


def blocking(verdict: Verdict) -> list[str]:
    return [reason.kind for reason in verdict.reasons if reason.blocks]


def test_fresh_and_whole_series_lets_pass(bars: Bars) -> None:
    assert judge_newest(bars, NOW, rules=RULES) == Verdict()


BLOCKED = {
    "stale": (lambda bars: bars.slice(0, COUNT - 1), "stale"),
    "gapped": (lambda bars: without(bars, COUNT - 50), "gap"),
    "gapped where the lookback begins": (lambda bars: without(bars, *range(290, 305)), "gap"),
    "spiking now": (lambda bars: changed(bars, "high", COUNT - 1, 105.0), "spike"),
    "spiking a bar ago": (lambda bars: changed(bars, "low", COUNT - 2, 95.0), "spike"),
    "impossible": (lambda bars: changed(bars, "high", COUNT - 9, 1.0), "bad_ohlc"),
    "doubled": (lambda bars: changed(bars, "ts", COUNT - 9, at(COUNT - 10)), "duplicate"),
    "misplaced": (lambda bars: changed(bars, "ts", COUNT - 9, at(COUNT - 9) + 1), "off_grid"),
    "unfinished": (lambda bars: changed(bars, "ts", COUNT - 1, at(COUNT)), "unfinished"),
    "without trades": (
        lambda bars: replace(bars, volume=np.where(bars.ts >= at(COUNT - 3), 0, 5.0)),
        "zero_volume",
    ),
    "not there": (lambda bars: empty_bars(bars.inst_id, M1), "absent"),
    "long ended": (lambda bars: bars.slice(0, 100), "absent"),
}


@pytest.mark.parametrize(("damage", "kind"), BLOCKED.values(), ids=BLOCKED)
def test_series_that_is_not_fit_keeps_risk_out(bars: Bars, damage: Any, kind: str) -> None:
    verdict = judge_newest(damage(bars), NOW, rules=RULES)
    assert not verdict.fit
    assert kind in blocking(verdict)
    assert all("BTC-USDT-SWAP 1m" in reason.sentence for reason in verdict.reasons)


PASSED = {
    "spike of an hour ago": lambda bars: changed(bars, "high", COUNT - 60, 105.0),
    "hole before the lookback": lambda bars: without(bars, 100),
    "two quiet bars": lambda bars: replace(bars, volume=np.where(bars.ts >= at(COUNT - 2), 0, 5.0)),
    "an outage that is over": lambda bars: replace(bars, volume=np.where(bars.ts < at(COUNT - 5), 0, 5.0)),
}


@pytest.mark.parametrize("damage", PASSED.values(), ids=PASSED)
def test_what_is_over_keeps_nobody_out(bars: Bars, damage: Any) -> None:
    assert judge_newest(damage(bars), NOW, rules=RULES).fit


def test_move_that_the_mark_price_makes_too_is_no_spike(bars: Bars) -> None:
    crash = changed(bars, "low", COUNT - 1, 92.0)
    assert blocking(judge_newest(crash, NOW, mark=crash, rules=RULES)) == []
    assert blocking(judge_newest(crash, NOW, mark=bars, rules=RULES)) == ["off_mark", "spike"]


def test_hole_that_the_exchange_has_too_is_told_and_does_not_block(bars: Bars) -> None:
    holed = without(bars, COUNT - 50)
    known = event("gap", at(COUNT - 50), at(COUNT - 49), resolution="confirmed_absent")
    verdict = judge_newest(holed, NOW, [known], rules=RULES)
    assert verdict.fit
    assert [reason.kind for reason in verdict.reasons] == ["gap"]
    assert verdict.reasons[0].sentence.endswith("which the exchange has none of either")


EVENTS = {
    "open error": (event("bad_ohlc", at(390), at(391)), ["bad_ohlc"]),
    "open warning": (event("differs_from_1m", at(390), at(391), "warning"), []),
    "closed": (event("bad_ohlc", at(390), at(391), resolution="repaired"), []),
    "before the lookback": (event("bad_ohlc", at(10), at(11)), []),
    "older news of the end": (event("stale", at(390), at(391), "error"), []),
}


@pytest.mark.parametrize(("known", "expected"), EVENTS.values(), ids=EVENTS)
def test_open_findings_of_the_ledger_count(bars: Bars, known: dict[str, Any], expected: list[str]) -> None:
    assert blocking(judge_newest(bars, NOW, [known], rules=RULES)) == expected


def test_range_is_judged_with_its_edges(bars: Bars) -> None:
    assert judge_range(bars).reasons == ()
    verdict = judge_range(bars, start=START - 2 * MINUTE, end=at(COUNT + 3))
    assert [(reason.bars, reason.start) for reason in verdict.reasons] == [(2, at(-2)), (3, at(COUNT))]
    assert not verdict.fit


def test_spike_and_outage_in_a_past_range_are_told_and_pass(bars: Bars) -> None:
    odd = changed(replace(bars, volume=np.where(bars.ts < at(90), 0, 5.0)), "high", 200, 105.0)
    verdict = judge_range(odd)
    assert verdict.fit
    assert (verdict.count("spike"), verdict.count("zero_volume")) == (1, 90)


@given(st.lists(st.integers(0, 39), unique=True, max_size=12), st.integers(0, 20), st.integers(0, 12))
def test_bars_that_look_back_across_a_hole_are_counted(holes: list[int], first: int, warmup: int) -> None:
    places = [place for place in range(40) if place not in holes]
    close = np.full(len(places), 1.0)
    ts = START + np.array(places, np.int64) * MINUTE
    history = Bars("BTC-USDT-SWAP", M1, ts, close, close, close, close, close)
    expected = 0
    for row in range(first, len(places)):
        seen = places[max(0, row - max(1, warmup) + 1) : row + 1]
        expected += seen != list(range(seen[0], seen[-1] + 1))
    assert count_bridged(history, first, warmup) == expected
