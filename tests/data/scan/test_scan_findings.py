"""The scan finds planted defects, and three other engines find the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.core.bars import Bars, FundingSeries, empty_bars
from arena.core.timeframe import Timeframe
from arena.data.resample import resample
from arena.data.scan import prices
from arena.data.scan.agreement import find_apart, find_differing
from arena.data.scan.finding import MEANINGS, Severity, meaning, worst
from arena.data.scan.rules import ScanRules
from arena.data.scan.series import BarChecks, absent, grade, interval_name, scan_bars, scan_funding
from arena.data.scan.stamps import find_unfinished
from tests.data.scan import oracle, twins

START = 1_767_225_600_000
MINUTE = 60_000
M1, M5 = Timeframe.parse("1m"), Timeframe.parse("5m")
HOUR8 = 8 * 3_600_000
RULES = ScanRules()
QUIET = ScanRules(zero_volume_ms=3 * MINUTE, stale_bars=2)


def calm(count: int, timeframe: Timeframe = M1) -> Bars:
    """Bars that move by a tenth of a percent and no more."""
    ts = START + np.arange(count, dtype=np.int64) * timeframe.step_ms
    close = 100 + np.sin(np.arange(count)) * 0.1
    opened = np.r_[100.0, close[:-1]]
    return Bars(
        "BTC-USDT-SWAP",
        timeframe,
        ts,
        opened,
        np.maximum(opened, close) + 0.02,
        np.minimum(opened, close) - 0.02,
        close,
        np.full(count, 5.0),
    )


def end_of(bars: Bars) -> int:
    return int(bars.ts.max()) + bars.timeframe.step_ms


def told(bars: Bars, now: int | None = None, rules: ScanRules = RULES, **checks: Any) -> set[oracle.Told]:
    health = scan_bars(bars, BarChecks(end_of(bars) if now is None else now, rules, **checks))
    return {(one.kind, one.start, one.end, one.bars, one.severity.word) for one in health.findings}


def with_values(bars: Bars, row: int, **values: float) -> Bars:
    columns = {name: getattr(bars, name).copy() for name in values}
    for name, value in values.items():
        columns[name][row] = value
    return replace(bars, **columns)


def without(bars: Bars, rows: list[int]) -> Bars:
    names = ("ts", "open", "high", "low", "close", "volume")
    return replace(bars, **{name: np.delete(getattr(bars, name), rows) for name in names})


def at(place: int) -> int:
    return START + place * MINUTE


def test_sound_series_has_no_finding() -> None:
    health = scan_bars(calm(200), BarChecks(end_of(calm(200)), RULES, known_since=calm(200).close_ts))
    assert health.findings == ()
    assert (health.expected, health.present, health.missing, grade(health)) == (200, 200, 0, "A")


DEFECTS: dict[str, tuple[Callable[[Bars], Bars], oracle.Told]] = {
    "hole": (lambda bars: without(bars, [7, 8, 9]), ("gap", at(7), at(10), 3, "error")),
    "doubled stamp": (
        lambda bars: with_values(bars, 8, ts=bars.ts[7]),
        ("duplicate", at(7), at(8), 1, "error"),
    ),
    "misplaced stamp": (
        lambda bars: with_values(bars, 7, ts=bars.ts[7] + 1),
        ("off_grid", at(7), at(8), 1, "error"),
    ),
    "high below low": (
        lambda bars: with_values(bars, 7, high=99.0),
        ("bad_ohlc", at(7), at(8), 1, "error"),
    ),
    "no number": (
        lambda bars: with_values(bars, 7, close=np.nan),
        ("bad_ohlc", at(7), at(8), 1, "error"),
    ),
    "volume below zero": (
        lambda bars: with_values(bars, 7, volume=-1.0),
        ("bad_ohlc", at(7), at(8), 1, "error"),
    ),
    "price of zero": (lambda bars: with_values(bars, 7, low=0.0), ("bad_ohlc", at(7), at(8), 1, "error")),
    "outage": (
        lambda bars: replace(bars, volume=np.where((bars.ts >= at(7)) & (bars.ts < at(70)), 0, bars.volume)),
        ("zero_volume", at(7), at(70), 63, "warning"),
    ),
    "quiet minute": (lambda bars: with_values(bars, 7, volume=0), ("zero_volume", at(7), at(8), 1, "info")),
    "spike up": (lambda bars: with_values(bars, 7, high=104), ("spike", at(7), at(8), 1, "warning")),
    "spike down": (lambda bars: with_values(bars, 7, low=96), ("spike", at(7), at(8), 1, "warning")),
}


@pytest.mark.parametrize(("plant", "finding"), DEFECTS.values(), ids=DEFECTS)
def test_planted_defect_is_found(plant: Callable[[Bars], Bars], finding: oracle.Told) -> None:
    bars = plant(calm(200))
    found = told(bars)
    assert finding in found
    assert found == oracle.scan(bars, end_of(bars), RULES)


def test_move_of_several_bars_is_no_spike() -> None:
    bars = with_values(with_values(calm(200), 7, high=104), 8, high=104)
    assert told(bars) == set()


def test_spike_that_the_mark_confirms_is_an_info() -> None:
    bars = with_values(calm(200), 7, high=104)
    assert told(bars, mark=bars) == {("spike", at(7), at(8), 1, "info")}
    assert told(bars, mark=calm(200)) == {
        ("spike", at(7), at(8), 1, "warning"),
        ("off_mark", at(7), at(8), 1, "warning"),
    }


def test_bar_is_unfinished_by_time_or_by_when_it_was_stored() -> None:
    bars = calm(5)
    assert told(bars, now=at(5) - 1) == {("unfinished", at(4), at(5), 1, "error")}
    known = bars.close_ts.copy()
    known[2] -= 1
    (found,) = find_unfinished(bars.ts, known, at(10), MINUTE)
    assert (found.start, found.end) == (at(2), at(3))


def test_stale_series_is_one_finding_until_a_bar_arrives() -> None:
    bars = calm(5)
    late, later = (told(bars, now=at(place)) for place in (9, 50))
    assert late == {("stale", at(5), at(6), 4, "warning")}
    assert {one[:3] for one in later} == {one[:3] for one in late}
    assert told(bars, now=at(8)) == set()


def test_empty_and_single_series() -> None:
    assert told(calm(1)) == set()
    health = scan_bars(empty_bars("BTC-USDT-SWAP", M1), BarChecks(START, RULES))
    assert (health.first, health.expected, health.findings, grade(health)) == (None, 0, (), "F")


@st.composite
def damaged(draw: Any) -> Bars:
    """A random walk with defects of every kind, in any order."""
    count = draw(st.integers(1, 90))
    bars = calm(count)
    columns = {name: getattr(bars, name).copy() for name in ("ts", "open", "high", "low", "close", "volume")}
    prices = st.sampled_from([0.0, -1.0, np.nan, np.inf, 90.0, 96.0, 99.9, 100.1, 104.0, 130.0])
    for _ in range(draw(st.integers(0, 8))):
        row = draw(st.integers(0, count - 1))
        name = draw(st.sampled_from(["open", "high", "low", "close", "volume", "ts", "quiet"]))
        if name == "ts":
            columns["ts"][row] += draw(st.sampled_from([1, -1, MINUTE, -MINUTE, 3 * MINUTE, 30_000]))
        elif name == "quiet":
            columns["volume"][row : row + draw(st.integers(1, 6))] = 0
        else:
            columns[name][row] = draw(prices)
    dropped = draw(st.lists(st.integers(0, count - 1), max_size=10))
    kept = [row for row in range(count) if row not in dropped] or [0]
    if draw(st.booleans()):
        kept = draw(st.permutations(kept))
    return replace(bars, **{name: column[kept] for name, column in columns.items()})


@settings(deadline=None, max_examples=80)
@given(damaged(), st.integers(-2, 8))
def test_oracle_duckdb_and_polars_give_the_same_findings(bars: Bars, late: int) -> None:
    now = end_of(bars) + late * MINUTE
    found = told(bars, now=now, rules=QUIET)
    assert found == oracle.scan(bars, now, QUIET)
    assert found == twins.in_polars(bars, now, QUIET)
    assert found == twins.in_duckdb(bars, MINUTE, now, QUIET)


@settings(deadline=None, max_examples=40)
@given(damaged(), damaged())
def test_oracle_agrees_about_mark_prices(bars: Bars, other: Bars) -> None:
    mark = scan_ready(other)
    now = end_of(bars)
    assert told(bars, now=now, rules=QUIET, mark=mark) == oracle.scan(bars, now, QUIET, mark)


def scan_ready(bars: Bars) -> Bars:
    """The sound bars of a series, ascending: as mark prices come out of the store."""
    rows, seen = [], set()
    for row, values in enumerate(oracle.rows_of(bars)):
        if values[0] % MINUTE == 0 and values[0] not in seen and not oracle.is_bad(values):
            seen.add(values[0])
            rows.append(row)
    rows.sort(key=lambda row: bars.ts[row])
    names = ("ts", "open", "high", "low", "close", "volume")
    return replace(bars, **{name: getattr(bars, name)[rows] for name in names})


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(0, 59), max_size=4),
    st.lists(
        st.tuples(st.integers(0, 11), st.sampled_from(["open", "high", "low", "close", "volume"])), max_size=4
    ),
    st.sampled_from([1e-12, 1e-4, 0.5]),
)
def test_coarser_bar_that_its_finer_ones_deny_is_found(
    holes: list[int], changes: list[tuple[int, str]], by: float
) -> None:
    fine = without(calm(60), holes)
    coarse = resample(calm(60), M5)
    for row, name in changes:
        coarse = with_values(coarse, row, **{name: getattr(coarse, name)[row] * (1 + by)})
    built = oracle.resampled(fine, M5.step_ms)
    wrong = set()
    for row in oracle.rows_of(coarse):
        if row[0] in built:
            pairs = list(zip(row[1:], built[row[0]][1:], strict=True))
            apart = [abs(a - b) / max(abs(a), abs(b)) for a, b in pairs]
            if max(apart[:4]) > 1e-9 or apart[4] > 1e-6:
                wrong.add(row[0])
    found = find_differing(coarse, resample(fine, M5), "1m", RULES)
    listed = {ts for one in found for ts in range(one.start, one.end, M5.step_ms)}
    assert listed == wrong
    assert all(one.kind == "differs_from_1m" for one in found)


def test_volume_that_differs_little_is_an_info() -> None:
    coarse = resample(calm(60), M5)
    slight = with_values(coarse, 3, volume=coarse.volume[3] * 1.001)
    grave = with_values(coarse, 3, volume=coarse.volume[3] * 100)
    severities = [find_differing(one, coarse, "1m", RULES)[0].severity for one in (slight, grave)]
    assert severities == [Severity.INFO, Severity.WARNING]


def test_second_source_that_says_otherwise_is_found() -> None:
    bars = calm(60)
    other = with_values(bars, 9, close=95.0)
    (found,) = find_apart(bars, other, "spot", RULES)
    assert (found.kind, found.start, found.bars) == ("differs_from_spot", at(9), 1)
    assert found.detail["price"] == pytest.approx(0.05, abs=0.002)


FUNDING = {
    "whole": ([0, 8, 16, 24], []),
    "hole": ([0, 8, 32, 40], [("funding_gap", 16, 32, 2)]),
    "half the interval": ([0, 8, 12, 16, 24], [("funding_spacing", 8, 16, 2)]),
    "half past": ([0, 8, 20, 28], [("funding_spacing", 8, 20, 1)]),
    "doubled": ([0, 8, 8, 16], [("funding_spacing", 8, 8, 1)]),
}


@pytest.mark.parametrize(("hours", "expected"), FUNDING.values(), ids=FUNDING)
def test_funding(hours: list[int], expected: list[tuple[str, int, int, int]]) -> None:
    ts = START + np.array(hours, np.int64) * 3_600_000
    series = FundingSeries("BTC-USDT-SWAP", ts, np.zeros(len(ts)), ("okx",) * len(ts))
    health = scan_funding(series, HOUR8, int(ts[-1]) + HOUR8, RULES)
    hour = 3_600_000
    found = [
        (one.kind, (one.start - START) // hour, (one.end - START) // hour, one.bars)
        for one in health.findings
    ]
    assert found == expected
    assert health.timeframe == "8h"


def test_settlement_that_is_overdue_is_stale() -> None:
    series = FundingSeries("BTC-USDT-SWAP", np.array([START]), np.zeros(1), ("okx",))
    assert scan_funding(series, HOUR8, START + 4 * HOUR8, RULES).totals == {}
    assert scan_funding(series, HOUR8, START + 5 * HOUR8, RULES).totals == {"funding_stale": 1}


GRADES = {
    "warning": (lambda bars: with_values(bars, 7, high=110), "B"),
    "one of two thousand missing": (lambda bars: without(bars, [7]), "C"),
    "one of two hundred missing": (lambda bars: without(bars, list(range(7, 17))), "D"),
    "one of twenty missing": (lambda bars: without(bars, list(range(7, 107))), "F"),
}


@pytest.mark.parametrize(("plant", "letter"), GRADES.values(), ids=GRADES)
def test_grade(plant: Callable[[Bars], Bars], letter: str) -> None:
    bars = plant(calm(2_000))
    assert grade(scan_bars(bars, BarChecks(end_of(bars), RULES))) == letter


def test_of_many_findings_the_largest_are_kept_and_all_are_counted() -> None:
    bars = without(calm(100), [5, 10, 15, 20, 21, 30, 31, 32])
    health = scan_bars(bars, BarChecks(end_of(bars), ScanRules(most=2)))
    assert [one.bars for one in health.findings] == [2, 3]
    assert health.totals == {"gap": 5}


def test_kinds_of_mark_prices_carry_their_name() -> None:
    bars = without(calm(20), [7])
    health = scan_bars(bars, BarChecks(end_of(bars), RULES, kind="mark"))
    assert [one.kind for one in health.findings] == ["mark_gap"]
    assert "mark_gap" in health.checks
    assert "gap" not in health.checks
    missing = absent("mark", "BTC-USDT-SWAP", "1h", 3_600_000)
    assert [one.kind for one in missing.findings] == ["mark_absent"]


def test_every_kind_has_a_meaning() -> None:
    assert all(meaning(kind) == words for kind, words in MEANINGS.items())
    assert meaning("differs_from_5m") == "bars that are not what the 5m series of the same time says"
    assert meaning("mark_gap").startswith("mark prices: bars are missing")
    assert worst([]) is None
    assert [interval_name(ms) for ms in (HOUR8, 90 * MINUTE, 1_500)] == ["8h", "90m", "1500ms"]


@given(st.lists(st.integers(0, 499), min_size=1, max_size=20, unique=True), st.integers(0, 100))
def test_usual_range_of_single_bars_is_that_of_all(rows: list[int], seed: int) -> None:
    bars = calm(500)
    kept = np.sort(np.random.default_rng(seed).permutation(500)[:400])
    part = replace(
        bars, **{name: getattr(bars, name)[kept] for name in ("ts", "open", "high", "low", "close", "volume")}
    )
    bad = np.random.default_rng(seed).random(400) < 0.1
    at = np.unique(np.array(rows) % 400)
    assert prices._usual_range_at(part, bad, at).tolist() == prices.usual_range(part, bad)[at].tolist()
