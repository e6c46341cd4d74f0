"""python -m jobs.repair: refetch from a paper exchange over HTTP, build from finer bars, rerun, mistakes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from arena.core.bars import Bars
from arena.core.timeframe import Timeframe
from arena.data.resample import resample
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

SWAP = "BTC-USDT-SWAP"
M15, H1 = (Timeframe.parse(name) for name in ("15m", "1h"))
DAYS = 4
NOW = START_MS + DAYS * 86_400_000
HOLE, WRONG = slice(100, 120), 150


@pytest.fixture(scope="module")
def okx() -> Iterator[RunningPaperOkx]:
    with run_paper_okx(market=small_market(DAYS + 1), start_ms=NOW) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_faults(okx: RunningPaperOkx) -> None:
    okx.clear_faults()


def damage(okx: RunningPaperOkx, root: Path) -> Bars:
    """Store 15m bars with a hole and an impossible high; return the bars as they should be."""
    bars = resample(okx.minutes(SWAP, NOW), M15)
    high = bars.high.copy()
    high[WRONG] = 1.0
    kept = np.delete(np.arange(len(bars)), np.r_[HOLE])
    MarketWriter(root, clock=lambda: NOW).write_bars(
        Kind.CANDLES, picked(replace(bars, high=high), kept), source="synthetic"
    )
    return bars


def words(okx: RunningPaperOkx, *more: str) -> list[str]:
    return [*okx.job_words, "timeframe=15m", *more]


def test_what_a_scan_finds_is_refetched_and_the_next_scan_finds_it_gone(jobs, okx) -> None:
    root = jobs.folder / "data"
    bars = damage(okx, root)
    scan = ["timeframes=15m", "now=2024-01-05"]
    assert jobs.run("health", *scan, "fail_on=error").returncode == 3
    backtest = jobs.run("backtest", "timeframe=15m", "limit=300", "signal_window=50")
    assert backtest.returncode == 0, backtest.stderr
    done = jobs.run("repair", *words(okx, "rerun=true"))
    assert done.returncode == 0, done.stderr
    assert "2024-01-02T01:00:00Z to 2024-01-02T06:00:00Z: repaired, 20 inserted, 0 revised" in done.stdout
    assert "21 bars changed; findings: 2 repaired, 0 confirmed by the exchange" in done.stdout
    assert "blast radius: 1 runs, 0 decisions" in done.stdout
    assert "    now  return" in done.stdout
    stored = MarketReader(root).read_bars(Kind.CANDLES, SWAP, M15)
    for name in BAR_COLUMNS:
        np.testing.assert_allclose(getattr(stored, name), getattr(bars, name), rtol=1e-9)
    result = json.loads((jobs.folder / "reports/repair/latest/result.json").read_text())
    assert (result["synthetic"], result["mode"], result["changed_bars"]) == (True, "refetch", 21)
    with open_reads(f"sqlite:///{root / 'ledger.sqlite'}") as ledger:
        repairs, events = ledger.list_repair_jobs(), ledger.list_integrity_events(timeframe="15m")
    assert [(row["status"], row["outcome"], row["bars_done"]) for row in repairs] == [
        ("done", "repaired", 1),
        ("done", "repaired", 20),
    ]
    assert {(row["kind"], row["resolution"]) for row in events if row["severity"] == "error"} == {
        ("gap", "repaired"),
        ("bad_ohlc", "repaired"),
    }


def test_refetch_of_the_same_bars_is_unchanged_and_no_failure(jobs, okx) -> None:
    root = jobs.folder / "data"
    MarketWriter(root, clock=lambda: NOW).write_bars(
        Kind.CANDLES, resample(okx.minutes(SWAP, NOW), M15), source="synthetic"
    )
    named = ["range_start=2024-01-02", "range_end=2024-01-02T06:00"]
    # sums of volumes may be rounded otherwise by the exchange: from the first time on its bars are stored
    assert jobs.run("repair", *words(okx, *named)).returncode == 0
    done = jobs.run("repair", *words(okx, *named))
    assert done.returncode == 0, done.stderr
    assert "unchanged, 0 inserted, 0 revised, 0 still missing from synthetic" in done.stdout
    assert "0 bars changed" in done.stdout


def test_exchange_that_is_away_ends_in_exit_4_and_changes_nothing(jobs, okx) -> None:
    root = jobs.folder / "data"
    damage(okx, root)
    before = MarketReader(root).read_bars(Kind.CANDLES, SWAP, M15)
    okx.fault("drop_before", path="/api/v5/market/*")
    done = jobs.run("repair", *words(okx, "exchange.attempts=1"))
    assert done.returncode == 4, done.stderr
    assert len(done.stderr.splitlines()) == 1
    after = MarketReader(root).read_bars(Kind.CANDLES, SWAP, M15)
    assert after.high.tobytes() == before.high.tobytes()
    with open_reads(f"sqlite:///{root / 'ledger.sqlite'}") as ledger:
        (row,) = ledger.list_repair_jobs()
    assert (row["status"], row["outcome"]) == ("failed", "failed")


def test_missing_bars_are_built_from_finer_ones(jobs, okx) -> None:
    root = jobs.folder / "data"
    bars = damage(okx, root)
    MarketWriter(root, clock=lambda: NOW).write_bars(Kind.CANDLES, okx.minutes(SWAP, NOW), source="synthetic")
    done = jobs.run("repair", "timeframe=15m", "mode=resample")
    assert done.returncode == 0, done.stderr
    assert "repaired, 20 inserted, 0 revised, 0 still missing, derived from 1m" in done.stdout
    rebuilt = jobs.run("repair", "timeframe=15m", "mode=rebuild")
    assert rebuilt.returncode == 0, rebuilt.stderr
    stored = MarketReader(root).read_bars(Kind.CANDLES, SWAP, M15)
    np.testing.assert_allclose(stored.high, bars.high)
    again = jobs.run("repair", "timeframe=15m", "mode=rebuild")
    assert "nothing to repair: a scan finds no range that this mode can mend" in again.stdout


@pytest.mark.parametrize("kind", ["mark", "index", "funding"])
def test_mark_index_and_funding_are_refetched_by_the_same_command(jobs, okx, kind) -> None:
    whole, root = jobs.folder / "whole", jobs.folder / "data"
    exchange = list(okx.job_words)
    hourly = ["timeframe=1h", "timeframes=[1h]", f"kinds=[{kind}]", "since_days=30"]
    asked = jobs.run("ingest", *exchange, *hourly, f"store.root={whole}")
    assert asked.returncode == 0, asked.stderr
    lost = _copy_without(whole, root, kind)
    done = jobs.run("repair", *exchange, "timeframe=1h", f"kind={kind}", "now=2024-01-05")
    assert done.returncode == 0, done.stderr
    assert f"{SWAP} {kind} {'8h' if kind == 'funding' else '1h'}  mode=refetch" in done.stdout
    assert f"repaired, {lost} inserted, 0 revised, 0 still missing from synthetic" in done.stdout
    for one, other in zip(_values(whole, kind), _values(root, kind), strict=True):
        np.testing.assert_array_equal(one, other)
    again = jobs.run("repair", *exchange, "timeframe=1h", f"kind={kind}", "now=2024-01-05")
    assert "nothing to repair" in again.stdout


def _copy_without(whole: Path, root: Path, kind: str) -> int:
    """Copy a series without three rows in its middle; return how many are lost."""
    reader, writer = MarketReader(whole), MarketWriter(root, clock=lambda: NOW)
    if kind == "funding":
        funding = reader.read_funding(SWAP)
        kept = np.delete(np.arange(len(funding)), np.r_[4:7])
        part = replace(
            funding, ts=funding.ts[kept], rate=funding.rate[kept], source=("synthetic",) * len(kept)
        )
        writer.write_funding(part)
    else:
        bars = reader.read_bars(Kind(kind), SWAP, H1)
        writer.write_bars(Kind(kind), picked(bars, np.delete(np.arange(len(bars)), np.r_[4:7])), source="x")
    return 3


def _values(root: Path, kind: str) -> list[np.ndarray]:
    reader = MarketReader(root)
    if kind == "funding":
        return [reader.read_funding(SWAP).ts, reader.read_funding(SWAP).rate]
    bars = reader.read_bars(Kind(kind), SWAP, H1)
    return [bars.ts, bars.open, bars.high, bars.low, bars.close]


MISTAKES = {
    "mode=refetsh": (2, "must be one of 'refetch', 'resample' or 'rebuild', did you mean 'refetch'?"),
    "range_start=banana": (2, "range_start: 'banana' is not a time: write 2025-01-31"),
    "range_start=2025-02-01 range_end=2025-01-01": (2, "range_start=2025-02-01 must be before range_end="),
    "exchange=files exchange.path=x": (2, "mode=refetch asks an exchange and exchange=files is none"),
    "kind=funding mode=rebuild": (2, "mode=rebuild has to be mode=refetch"),
    "timeframe=9h": (2, "unknown timeframe '9h': did you mean '6h'?"),
    "rerunn=true": (2, "unknown key 'rerunn': did you mean 'rerun'?"),
    "mode=resample": (3, "15m candles of BTC-USDT-SWAP are not stored in data/market: bring them in with"),
}


@pytest.fixture(scope="module")
def refused(jobs_in, tmp_path_factory):
    jobs = jobs_in(tmp_path_factory.mktemp("mistakes"))
    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(lambda words: jobs.run("repair", *words.split()), MISTAKES)
        return dict(zip(MISTAKES, answers, strict=True))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_answered_in_one_sentence(refused, mistake) -> None:
    code, sentence = MISTAKES[mistake]
    done = refused[mistake]
    assert done.returncode == code, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert sentence in line
