"""Repairs: what a source has comes back, what none has stays a hole, old values are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.core.bars import Bars
from arena.core.errors import ConfigError, DataError, Retryable
from arena.core.timeframe import Timeframe
from arena.data.repair import SeriesRepair
from arena.data.repair_plan import Repair, RepairRange, plan_ranges
from arena.data.resample import resample
from arena.data.scan.finding import Finding, Severity
from arena.exchange.port import BarPage, FundingHistory
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter

INST = "BTC-USDT-SWAP"
START = 1_767_225_600_000
MINUTE = 60_000
M1, M5, M15 = (Timeframe.parse(name) for name in ("1m", "5m", "15m"))
COLUMNS = ("ts", "open", "high", "low", "close", "volume")


@dataclass
class MemoryFeed:
    """An exchange that has `truth`, in pages of a few bars; it breaks off after `pages` of them."""

    truth: Bars
    now: int
    source: str = "okx"
    page: int = 7
    pages: int | None = None
    refused: Mapping[str, int] | None = None
    fault: Exception | None = None
    kind: str = "candles"
    settled: FundingHistory | None = None

    def server_time(self) -> int:
        return self.now

    def bars(
        self, kind: str, inst_id: str, timeframe: Timeframe, start_ms: int, end_ms: int
    ) -> Iterator[BarPage]:
        assert (kind, inst_id, timeframe) == (self.kind, INST, self.truth.timeframe)
        step = self.page * timeframe.step_ms
        for number, begin in enumerate(range(start_ms, end_ms, step)):
            if self.fault is not None and number:
                raise self.fault
            if self.pages is not None and number >= self.pages:
                return
            end = min(end_ms, begin + step)
            inside = (self.truth.ts >= begin) & (self.truth.ts < end)
            yield BarPage(picked(self.truth, inside), begin, end, self.refused or {})

    def funding(self, inst_id: str, start_ms: int) -> FundingHistory:
        assert (inst_id, self.settled is not None) == (INST, True)
        return self.settled  # type: ignore[return-value]


def picked(bars: Bars, rows: Any) -> Bars:
    return replace(bars, **{name: getattr(bars, name)[rows] for name in COLUMNS})


def walk(count: int, timeframe: Timeframe = M1, seed: int = 1) -> Bars:
    rng = np.random.default_rng(seed)
    close = 100 + np.cumsum(rng.normal(0, 0.02, count))
    opened = np.r_[100.0, close[:-1]]
    return Bars(
        INST,
        timeframe,
        START + np.arange(count, dtype=np.int64) * timeframe.step_ms,
        opened,
        np.maximum(opened, close) + 0.01,
        np.minimum(opened, close) - 0.01,
        close,
        rng.gamma(2, 2, count),
        frozenset({"okx"}),
    )


def at(place: int) -> int:
    return START + place * MINUTE


@dataclass
class Store:
    root: Path
    now: int = at(10_000)

    def write(self, bars: Bars) -> None:
        MarketWriter(self.root, clock=lambda: self.now).write_bars(Kind.CANDLES, bars, source="okx")

    def read(self, timeframe: Timeframe = M1, as_of: int | None = None) -> Bars:
        return MarketReader(self.root).read_bars(Kind.CANDLES, INST, timeframe, as_of=as_of)

    def repair(
        self, mode: Any, start: int, end: int, *, feed: MemoryFeed | None = None, timeframe: Timeframe = M1
    ) -> Repair:
        self.now += 60_000
        writer = MarketWriter(self.root, clock=lambda: self.now)
        work = SeriesRepair(str(self.root), INST, timeframe, mode, writer, feed=feed, run_id="r1")
        return work.mend(RepairRange(start, end))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def equal(one: Bars, other: Bars) -> bool:
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in COLUMNS)


def test_refetch_fills_a_hole_with_what_the_exchange_has(store: Store) -> None:
    truth = walk(100)
    store.write(picked(truth, (truth.ts < at(40)) | (truth.ts >= at(60))))
    done = store.repair("refetch", at(35), at(65), feed=MemoryFeed(truth, at(200)))
    assert (done.outcome, done.asked, done.inserted, done.revised) == ("repaired", 30, 20, 0)
    assert (done.before.missing, done.after.missing, done.source) == (20, 0, "okx")
    assert done.changed.tolist() == [at(place) for place in range(40, 60)]
    assert equal(store.read(), truth)


def test_bar_that_the_exchange_has_not_stays_a_hole_and_is_confirmed(store: Store) -> None:
    truth = walk(100)
    outage = picked(truth, (truth.ts < at(40)) | (truth.ts >= at(60)))
    store.write(outage)
    done = store.repair("refetch", at(40), at(60), feed=MemoryFeed(outage, at(200)))
    assert (done.outcome, done.inserted, done.error) == ("confirmed_absent", 0, None)
    assert [(hole.start, hole.end) for hole in done.confirmed] == [(at(40), at(60))]
    assert equal(store.read(), outage)


def test_part_that_the_exchange_has_is_filled_and_the_rest_is_confirmed(store: Store) -> None:
    truth = walk(100)
    store.write(picked(truth, (truth.ts < at(40)) | (truth.ts >= at(60))))
    half = picked(truth, (truth.ts < at(50)) | (truth.ts >= at(60)))
    done = store.repair("refetch", at(40), at(60), feed=MemoryFeed(half, at(200)))
    assert (done.outcome, done.inserted, done.after.missing) == ("partial", 10, 10)
    assert [(hole.start, hole.end) for hole in done.confirmed] == [(at(50), at(60))]


@pytest.mark.parametrize(
    "silence", [{"pages": 1}, {"refused": {"high_below_low": 1}}], ids=["breaks off", "rows refused"]
)
def test_exchange_that_does_not_speak_for_all_confirms_nothing(store: Store, silence: dict[str, Any]) -> None:
    outage = picked(walk(100), np.r_[0:40, 60:100])
    store.write(outage)
    done = store.repair("refetch", at(40), at(60), feed=MemoryFeed(outage, at(200), **silence))
    assert (done.outcome, done.confirmed) == ("failed", ())
    assert done.error is not None
    assert "20 bars are still missing" in done.error


def test_wrong_values_are_revised_and_the_old_ones_kept(store: Store) -> None:
    truth = walk(100)
    wrong = replace(truth, high=truth.high.copy())
    wrong.high[50] = 1.0
    store.write(wrong)
    then = store.now
    done = store.repair("refetch", at(50), at(51), feed=MemoryFeed(truth, at(200)))
    assert (done.outcome, done.inserted, done.revised) == ("repaired", 0, 1)
    assert equal(store.read(), truth)
    assert equal(store.read(as_of=then), wrong)
    revisions = MarketReader(store.root).read_revisions(Kind.CANDLES, INST, M1)
    assert (revisions["ts"].tolist(), revisions["old_high"].tolist()) == ([at(50)], [1.0])
    assert (revisions["source"].tolist(), revisions["job"].tolist()) == (["okx"], ["r1"])


def test_bar_that_has_not_closed_is_not_asked_for(store: Store) -> None:
    truth = walk(100)
    store.write(picked(truth, truth.ts < at(90)))
    done = store.repair("refetch", at(90), at(100), feed=MemoryFeed(truth, at(95) + 1))
    assert (done.asked, done.inserted) == (5, 5)
    none = store.repair("refetch", at(96), at(99), feed=MemoryFeed(truth, at(95) + 1))
    assert (none.outcome, none.error) == ("failed", "no bar of the range has closed yet")


def test_exchange_that_fails_changes_nothing(store: Store) -> None:
    truth = walk(100)
    holed = picked(truth, np.r_[0:40, 60:100])
    store.write(holed)
    with pytest.raises(Retryable):
        store.repair("refetch", at(40), at(60), feed=MemoryFeed(truth, at(200), fault=Retryable("away")))
    assert equal(store.read(), holed)


def test_generated_prices_do_not_mend_observed_ones(store: Store) -> None:
    store.write(walk(10))
    with pytest.raises(ConfigError, match="holds real prices"):
        store.repair("refetch", at(0), at(5), feed=MemoryFeed(walk(10), at(200), source="synthetic"))


def test_resample_builds_what_is_missing_and_leaves_what_is_stored(store: Store) -> None:
    fine = walk(150)
    coarse = resample(fine, M5)
    own = replace(coarse, close=coarse.close + 0.001)
    store.write(fine)
    store.write(picked(own, np.r_[0:10, 14:30]))
    done = store.repair("resample", at(40), at(80), timeframe=M5)
    assert (done.outcome, done.inserted, done.revised, done.source) == ("repaired", 4, 0, "derived from 1m")
    got = store.read(M5)
    assert got.close[10:14].tolist() == coarse.close[10:14].tolist()
    assert got.close[:10].tolist() == own.close[:10].tolist()
    assert got.origin == {"okx"}


def test_rebuild_revises_what_is_stored(store: Store) -> None:
    fine = walk(150)
    coarse = resample(fine, M5)
    wrong = replace(coarse, close=coarse.close + 1)
    store.write(fine)
    store.write(wrong)
    then = store.now
    done = store.repair("rebuild", at(40), at(80), timeframe=M5)
    assert (done.outcome, done.revised, len(done.changed)) == ("repaired", 8, 8)
    assert store.read(M5).close[8:16].tolist() == coarse.close[8:16].tolist()
    assert equal(store.read(M5, as_of=then), wrong)


def test_bars_come_from_the_coarsest_series_that_has_them(store: Store) -> None:
    fine = walk(150)
    fives = resample(fine, M5)
    store.write(fine)
    store.write(picked(fives, np.r_[0:9, 12:30]))
    store.write(picked(resample(fine, M15), [0, 9]))
    done = store.repair("resample", at(15), at(135), timeframe=M15)
    assert (done.inserted, done.source) == (8, "derived from 5m+1m")
    np.testing.assert_allclose(store.read(M15).volume, resample(fine, M15).volume)


def test_hole_of_the_finer_series_stays_a_hole(store: Store) -> None:
    fine = walk(150)
    store.write(picked(fine, np.r_[0:52, 53:150]))
    store.write(picked(resample(fine, M5), np.r_[0:10, 12:30]))
    done = store.repair("resample", at(50), at(60), timeframe=M5)
    assert (done.outcome, done.inserted, done.after.missing, done.confirmed) == ("partial", 1, 1, ())
    again = store.repair("resample", at(50), at(60), timeframe=M5)
    assert (again.outcome, again.inserted) == ("failed", 0)
    assert again.error == "1 bars are still missing: the finer series have holes there, too"


def test_impossible_finer_bar_builds_nothing(store: Store) -> None:
    fine = walk(150)
    fine.high[52] = 1.0
    store.write(fine)
    store.write(picked(resample(walk(150), M5), np.r_[0:10, 11:30]))
    assert store.repair("resample", at(50), at(55), timeframe=M5).outcome == "failed"


def test_without_a_finer_series_nothing_can_be_built(store: Store) -> None:
    store.write(walk(10))
    with pytest.raises(DataError, match="no candles finer than 1m are stored"):
        store.repair("resample", at(0), at(5))


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(0, 59), unique=True, max_size=20),
    st.lists(st.integers(0, 59), unique=True, max_size=20),
    st.lists(st.integers(0, 59), unique=True, max_size=5),
)
def test_after_a_refetch_the_store_holds_all_that_either_had_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, lost: list[int], absent: list[int], wrong: list[int]
) -> None:
    store, truth = Store(tmp_path_factory.mktemp("market")), walk(60)
    stored = replace(truth, close=truth.close.copy())
    stored.close[wrong] = 7.0
    kept = np.setdiff1d(np.arange(60), lost)
    if len(kept):
        store.write(picked(stored, kept))
    has = np.setdiff1d(np.arange(60), absent)
    done = store.repair("refetch", at(0), at(60), feed=MemoryFeed(picked(truth, has), at(200)))
    got = store.read()
    expected = {at(row): truth.close[row] for row in has.tolist()}
    for row in kept.tolist():
        expected.setdefault(at(row), stored.close[row])
    assert dict(zip(got.ts.tolist(), got.close.tolist(), strict=True)) == expected
    assert done.inserted == len(np.setdiff1d(has, kept))
    assert done.revised == len(np.intersect1d(np.intersect1d(has, kept), wrong))
    assert sum(hole.bars for hole in done.confirmed) == 60 - len(expected) == done.after.missing


PLANS = {
    "two holes": ("refetch", [("gap", 1, 3), ("gap", 5, 6)], [(1, 3), (5, 6)]),
    "hole beside a bad bar": ("refetch", [("gap", 1, 3), ("bad_ohlc", 3, 4)], [(1, 4)]),
    "bad bar, resample": ("resample", [("bad_ohlc", 3, 4)], []),
    "finer bars say otherwise": ("rebuild", [("differs_from_1m", 3, 4)], [(3, 4)]),
    "another source says otherwise": ("refetch", [("differs_from_spot", 3, 4)], []),
    "spike, which may be true": ("refetch", [("spike", 3, 4)], []),
    "stale": ("refetch", [("stale", 3, 4)], []),
}


@pytest.mark.parametrize(("mode", "found", "expected"), PLANS.values(), ids=PLANS)
def test_ranges_are_found(mode: Any, found: list[tuple[str, int, int]], expected: list[Any]) -> None:
    findings = [Finding(kind, start, end, 1, Severity.ERROR) for kind, start, end in found]
    assert [(one.start, one.end) for one in plan_ranges(findings, mode)] == expected


def test_source_that_says_the_same_changes_nothing_and_confirms_the_bars(store: Store) -> None:
    store.write(walk(100))
    store.now += 60_000
    writer = MarketWriter(store.root, clock=lambda: store.now)
    feed = MemoryFeed(walk(100), at(200))
    work = SeriesRepair(str(store.root), INST, M1, "refetch", writer, feed=feed)
    asked = work.mend(RepairRange(at(5), at(7), ("differs_from_index",)))
    assert (asked.outcome, asked.error, asked.same.tolist()) == ("unchanged", None, [at(5), at(6)])
    assert work.mend(RepairRange(at(5), at(6))).outcome == "unchanged"


def test_bars_that_finer_ones_make_the_same_are_not_mended_by_them(store: Store) -> None:
    store.write(walk(100))
    store.write(resample(walk(100), M5))
    writer = MarketWriter(store.root, clock=lambda: store.now)
    work = SeriesRepair(str(store.root), INST, M5, "rebuild", writer)
    asked = work.mend(RepairRange(at(5), at(10), ("differs_from_3m",)))
    assert (asked.outcome, len(asked.same)) == ("failed", 0)
    assert asked.error == "the 1m bars make the same bars: what denies them is to be repaired itself"


def test_rows_that_are_refused_confirm_no_bar(store: Store) -> None:
    store.write(walk(100))
    feed = MemoryFeed(walk(100), at(200), refused={"high_below_low": 1})
    done = store.repair("refetch", at(5), at(6), feed=feed)
    assert (done.outcome, done.error) == (
        "failed",
        "1 rows of the exchange were refused, nothing was changed",
    )


def test_settled_and_slight_findings_ask_for_nothing() -> None:
    hole = Finding("gap", 1, 3, 2, Severity.ERROR)
    slight = Finding("spike", 8, 9, 1, Severity.INFO)
    assert plan_ranges([hole, slight], "refetch", frozenset({hole.key})) == []


def test_range_of_an_empty_store_is_built_anew(store: Store) -> None:
    truth = walk(20)
    done = store.repair("refetch", at(0), at(20), feed=MemoryFeed(truth, at(200)))
    assert (done.outcome, done.inserted) == ("repaired", 20)
    assert equal(store.read(), truth)


@pytest.mark.parametrize("kind", [Kind.MARK, Kind.INDEX])
def test_hole_in_mark_or_index_prices_is_refetched_and_built(store: Store, kind: Kind) -> None:
    truth = replace(walk(100), volume=np.zeros(100))
    writer = MarketWriter(store.root, clock=lambda: store.now)
    writer.write_bars(kind, picked(truth, np.r_[0:40, 60:100]), source="okx")
    writer.write_bars(kind, picked(resample(truth, M5), np.r_[0:8, 12:20]), source="okx")
    feed = MemoryFeed(truth, at(200), kind=kind.value)
    mended = SeriesRepair(str(store.root), INST, M1, "refetch", writer, kind=kind, feed=feed)
    assert mended.mend(RepairRange(at(40), at(60))).outcome == "repaired"
    built = SeriesRepair(str(store.root), INST, M5, "resample", writer, kind=kind)
    assert built.mend(RepairRange(at(40), at(60))).inserted == 4
    reader = MarketReader(store.root)
    assert equal(reader.read_bars(kind, INST, M1), truth)
    assert equal(reader.read_bars(kind, INST, M5), resample(truth, M5))
    assert store.read().ts.tolist() == []


@pytest.mark.parametrize("kind", ["mark", "index"])
def test_findings_of_mark_and_index_ask_for_their_ranges(kind: Any) -> None:
    found = [Finding(f"{kind}_gap", 1, 3, 2, Severity.ERROR), Finding("gap", 5, 6, 1, Severity.ERROR)]
    assert [(one.start, one.end) for one in plan_ranges(found[:1], "refetch", kind=kind)] == [(1, 3)]
    assert plan_ranges(found[:1], "refetch") == []
