"""kill -9 before and after every rename and every commit of a repair: the next run ends what was begun."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arena.core.bars import Bars
from arena.core.timeframe import Timeframe
from arena.data.resample import resample
from arena.data.scan.rules import ScanRules
from arena.data.survey import SurveyRequest, survey
from arena.store.ledger import open_reads
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter
from tests.paper_okx.running import (
    BAR_COLUMNS,
    START_MS,
    RunningPaperOkx,
    picked,
    run_paper_okx,
    small_market,
)
from tests.reliability.conftest import Killer, was_killed

SWAP = "BTC-USDT-SWAP"
M15, H1 = (Timeframe.parse(name) for name in ("15m", "1h"))
DAYS = 2
NOW = START_MS + DAYS * 86_400_000
HOLE, WRONG = slice(100, 120), 150
WORDS = ("timeframe=15m", "store.root=store")


@pytest.fixture(scope="module")
def okx() -> Iterator[RunningPaperOkx]:
    with run_paper_okx(market=small_market(DAYS + 1), start_ms=NOW) as running:
        yield running


@pytest.fixture(scope="module")
def truth(okx: RunningPaperOkx) -> Bars:
    """15m bars as the exchange has them."""
    return resample(okx.minutes(SWAP, NOW), M15)


@pytest.fixture(scope="module")
def damaged(okx: RunningPaperOkx, truth: Bars, project: Path, tmp_path_factory: Any) -> Path:
    """A store whose 15m bars, and 1h bars of them, have a hole and a wrong high; scanned and backtested."""
    folder = tmp_path_factory.mktemp("damaged")
    high = truth.high.copy()
    high[WRONG] = 1.0
    kept = np.delete(np.arange(len(truth)), np.r_[HOLE])
    writer = MarketWriter(folder / "store", clock=lambda: NOW)
    stored = picked(replace(truth, high=high), kept)
    for bars in (stored, resample(stored, H1)):
        writer.write_bars(Kind.CANDLES, bars, source="synthetic")
    writer.write_bars(Kind.CANDLES, okx.minutes(SWAP, NOW), source="synthetic")
    made = Killer(project, folder)
    assert made.run("health", "timeframes=[15m,1h]", "store.root=store", "now=2024-01-03").returncode == 0
    done = made.run("backtest", *WORDS, "limit=100", "signal_window=50")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["refetch", "rebuild"])
def test_repair_killed_at_any_step_is_ended_by_the_next(
    okx: RunningPaperOkx, truth: Bars, damaged: Path, project: Path, tmp_path: Path, mode: str
) -> None:
    words = (*WORDS, f"mode={mode}", *(okx.job_words if mode == "refetch" else ()))

    def copied(name: str) -> Killer:
        shutil.copytree(damaged, tmp_path / name, symlinks=True)
        return Killer(project, tmp_path / name)

    whole = copied("whole")
    done = whole.run("repair", *words)
    assert done.returncode == 0, done.stderr
    steps, expected = whole.steps(), _stored(whole.folder)
    assert steps >= 30, "renames and commits are not counted"
    np.testing.assert_allclose(_bars(whole.folder).high, truth.high)
    np.testing.assert_allclose(expected[f"1h candles of {SWAP} close"], resample(truth, H1).close)

    def check(at: int) -> None:
        killed = copied(f"killed_{at}")
        done = killed.run("repair", *words, kill_at=at)
        assert was_killed(done), (at, done.stderr)
        _check_health(killed.folder, truth)
        again = killed.run("repair", *words)
        assert again.returncode == 0, (at, again.stderr)
        after = _stored(killed.folder)
        assert after.keys() == expected.keys(), at
        for name, values in expected.items():
            assert np.array_equal(after[name], values), (at, name)
        _check_ledger(killed.folder, at)
        assert list((killed.folder / "store").rglob("*.tmp")) == [], at
        third = killed.run("repair", *words)
        assert "nothing to repair" in third.stdout, (at, third.stdout)
        assert "taken up" not in third.stdout, (at, third.stdout)
        shutil.rmtree(killed.folder)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(check, range(steps)))


def _check_health(folder: Path, truth: Bars) -> None:
    """The store opens, each bar is as it was or as it should be, and a scan says which are missing."""
    bars = _bars(folder)
    assert len(np.unique(bars.ts)) == len(bars)
    request = SurveyRequest(SWAP, [M15], 28_800_000, NOW, ScanRules())
    health = survey(MarketReader(folder / "store"), request)[0]
    missing = np.setdiff1d(truth.ts, bars.ts)
    assert set(missing.tolist()) <= set(truth.ts[HOLE].tolist())
    told = {
        ts for one in health.findings if one.kind == "gap" for ts in range(one.start, one.end, M15.step_ms)
    }
    assert told == set(missing.tolist())
    at = np.searchsorted(truth.ts, bars.ts)
    wrong = bars.ts[~np.isclose(bars.high, truth.high[at])]
    assert set(wrong.tolist()) <= {int(truth.ts[WRONG])}
    assert {one.start for one in health.findings if one.kind == "bad_ohlc"} == set(wrong.tolist())


def _check_ledger(folder: Path, at: int) -> None:
    """No row says running, each finding was closed by a repair, one result tells of the run it touches."""
    with open_reads(f"sqlite:///{folder / 'store' / 'ledger.sqlite'}") as ledger:
        runs, repairs = ledger.list_job_runs(10, job="repair"), ledger.list_repair_jobs()
        events = [row for name in ("15m", "1h") for row in ledger.list_integrity_events(timeframe=name)]
    assert "running" not in {row["status"] for row in (*runs, *repairs)}, at
    for row in events:
        if row["kind"] in {"gap", "bad_ohlc"}:
            assert row["resolution"] == "repaired", (at, row)
            assert row["repair_id"] in {repair["repair_id"] for repair in repairs}, (at, row)
    told = [json.loads(path.read_text()) for path in (folder / "reports/repair").glob("2*/result.json")]
    assert [len(one["runs"]) for one in told if one["changed_bars"]] == [1], at


def _stored(folder: Path) -> dict[str, Any]:
    reader = MarketReader(folder / "store")
    found: dict[str, Any] = {}
    for series in reader.list_series():
        bars = reader.read_bars(series.kind, series.inst_id, series.timeframe)
        found |= {f"{series.label} {name}": getattr(bars, name) for name in BAR_COLUMNS}
        revisions = reader.read_revisions(series.kind, series.inst_id, series.timeframe)
        for name in ("ts", "old_high", "new_high", "source"):
            if name in revisions:
                found[f"{series.label} revised {name}"] = revisions[name]
    return found


def _bars(folder: Path) -> Bars:
    return MarketReader(folder / "store").read_bars(Kind.CANDLES, SWAP, M15)
