"""Repairs of funding: what the exchange settled comes back, what it does not give stays missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arena.core.bars import FundingSeries
from arena.core.errors import ConfigError
from arena.data.repair_funding import FundingRepair
from arena.data.repair_plan import Repair, RepairRange, plan_ranges
from arena.data.scan.rules import ScanRules
from arena.data.scan.series import scan_funding
from arena.exchange.port import BarPage, FundingHistory
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter

INST = "BTC-USDT-SWAP"
EIGHT_H = 8 * 3_600_000
START = 1_767_225_600_000


def at(place: int) -> int:
    return START + place * EIGHT_H


def settlements(places: Any, source: str = "okx") -> FundingSeries:
    places = np.asarray(list(places), np.int64)
    return FundingSeries(INST, START + places * EIGHT_H, 1e-4 + places * 1e-6, (source,) * len(places))


@dataclass
class FundingFeed:
    """An exchange that settled `truth` and gives none before `reach`."""

    truth: FundingSeries
    reach: int = START
    now: int = at(1_000)
    source: str = "okx"

    def server_time(self) -> int:
        return self.now

    def bars(self, *_: Any) -> Iterator[BarPage]:
        raise AssertionError("nobody asked for bars")

    def funding(self, inst_id: str, start_ms: int) -> FundingHistory:
        reach = max(start_ms, self.reach)
        rows = self.truth.ts >= reach
        source = (self.source,) * int(rows.sum())
        return FundingHistory(
            FundingSeries(inst_id, self.truth.ts[rows], self.truth.rate[rows], source), reach
        )


@dataclass
class Store:
    root: Path
    now: int = at(2_000)

    def write(self, funding: FundingSeries) -> None:
        MarketWriter(self.root, clock=lambda: self.now).write_funding(funding)

    def read(self, as_of: int | None = None) -> FundingSeries:
        return MarketReader(self.root).read_funding(INST, as_of=as_of)

    def repair(self, feed: FundingFeed, start: int, end: int, *kinds: str) -> Repair:
        self.now += 1_000
        writer = MarketWriter(self.root, clock=lambda: self.now)
        work = FundingRepair(str(self.root), INST, EIGHT_H, writer, feed=feed, run_id="r1")
        return work.mend(RepairRange(start, end, kinds))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


HOLED = [*range(10), *range(15, 30)]


def test_hole_that_a_scan_finds_is_filled_with_what_was_settled(store: Store) -> None:
    store.write(settlements(HOLED))
    health = scan_funding(store.read(), EIGHT_H, at(30), ScanRules())
    (wanted,) = plan_ranges(health.findings, "refetch", kind="funding")
    done = store.repair(FundingFeed(settlements(range(40))), wanted.start, wanted.end, *wanted.kinds)
    assert (done.outcome, done.asked, done.inserted, done.revised) == ("repaired", 5, 5, 0)
    assert (done.before.missing, done.after.missing, done.source) == (5, 0, "okx")
    assert done.changed.tolist() == [at(place) for place in range(10, 15)]
    np.testing.assert_array_equal(store.read().rate, settlements(range(30)).rate)


def test_settlement_that_the_exchange_has_not_is_confirmed_absent(store: Store) -> None:
    store.write(settlements(HOLED))
    done = store.repair(FundingFeed(settlements(HOLED)), at(10), at(15))
    assert (done.outcome, done.inserted, done.error) == ("confirmed_absent", 0, None)
    assert done.confirms_hole(at(10), at(15))


def test_settlements_older_than_the_exchange_gives_are_not_confirmed(store: Store) -> None:
    store.write(settlements(HOLED))
    done = store.repair(FundingFeed(settlements(range(40)), reach=at(12)), at(10), at(15))
    assert (done.outcome, done.inserted, done.confirmed) == ("partial", 3, ())
    nothing = store.repair(FundingFeed(settlements(range(40)), reach=at(20)), at(10), at(12))
    assert (nothing.outcome, nothing.confirmed) == ("failed", ())
    assert nothing.error == (
        "2 settlements are still missing: the exchange gives none before 2026-01-07T16:00:00Z, "
        "bring older ones in from files with python -m jobs.ingest kind=funding"
    )
    silent = store.repair(FundingFeed(settlements([])), at(10), at(12))
    assert (silent.outcome, silent.confirmed) == ("failed", ())


def test_other_rate_is_revised_and_the_old_one_kept(store: Store) -> None:
    wrong = settlements(range(30))
    wrong.rate[7] = 0.01
    store.write(wrong)
    then = store.now
    done = store.repair(FundingFeed(settlements(range(40))), at(5), at(10))
    assert (done.outcome, done.revised, done.changed.tolist()) == ("repaired", 1, [at(7)])
    assert store.read(as_of=then).rate[7] == 0.01
    revisions = MarketReader(store.root).read_funding_revisions(INST)
    assert (revisions["ts"].tolist(), revisions["old_rate"].tolist()) == ([at(7)], [0.01])


def test_rate_that_the_exchange_confirms_keeps_its_source(store: Store) -> None:
    store.write(settlements(range(30), source="binance"))
    done = store.repair(FundingFeed(settlements(range(40))), at(5), at(10))
    assert (done.outcome, len(done.changed)) == ("unchanged", 0)
    assert done.confirms_rows(at(5), at(10))
    assert set(store.read().source) == {"binance"}


def test_settlement_that_is_not_due_yet_is_not_asked_for(store: Store) -> None:
    store.write(settlements(range(10)))
    done = store.repair(FundingFeed(settlements(range(12)), now=at(12)), at(10), at(20))
    assert (done.outcome, done.asked, done.inserted) == ("repaired", 2, 2)
    none = store.repair(FundingFeed(settlements(range(12)), now=at(12)), at(13), at(20))
    assert (none.outcome, none.error) == ("failed", "no settlement of the range is due yet")


def test_settlement_stamped_a_moment_late_is_no_hole(store: Store) -> None:
    late = settlements(range(30))
    late.ts[12] += 3
    store.write(settlements(HOLED))
    done = store.repair(FundingFeed(late), at(10), at(15))
    assert (done.outcome, done.inserted, done.after.missing) == ("repaired", 5, 0)


def test_generated_rates_do_not_mend_settled_ones(store: Store) -> None:
    store.write(settlements(HOLED))
    with pytest.raises(ConfigError, match="holds real prices"):
        store.repair(FundingFeed(settlements(range(40)), source="synthetic"), at(10), at(15))
