"""python -m jobs.ingest from a paper exchange: as a person runs it, killed, and left running."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from arena.core.timeframe import Timeframe
from arena.store.ledger import open_reads
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader
from tests.paper_okx.running import START_MS, RunningPaperOkx, run_paper_okx, small_market

SWAP, MINUTE = "BTC-USDT-SWAP", Timeframe.parse("1m")
DAYS = 12


@pytest.fixture(scope="module")
def okx() -> Iterator[RunningPaperOkx]:
    with run_paper_okx(market=small_market(DAYS), start_ms=START_MS + (DAYS - 1) * 86_400_000) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_faults(okx: RunningPaperOkx) -> None:
    okx.clear_faults()


def words(okx: RunningPaperOkx, *more: str) -> list[str]:
    return [*okx.job_words, "timeframe=1m", "timeframes=1m", "since_days=30", *more]


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.002)


def requests(okx: RunningPaperOkx) -> int:
    return okx.exchange.served.total()


def assert_whole(okx: RunningPaperOkx, root: Path, kind: Kind = Kind.CANDLES) -> None:
    listing = okx.exchange.market.listing(SWAP)
    series = {Kind.CANDLES: listing.candles, Kind.MARK: listing.mark}[kind].finest
    closed = series.ts + 60_000 <= okx.exchange.clock.now()
    stored = MarketReader(root).read_bars(kind, SWAP, MINUTE)
    np.testing.assert_array_equal(stored.ts, series.ts[closed])
    np.testing.assert_array_equal(stored.close, series.close[closed])


def test_one_line_a_series_and_a_result_of_the_same_counts(jobs, okx) -> None:
    done = jobs.run("ingest", *words(okx, "kinds=candles,funding"))
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[0] == "SYNTHETIC: generated prices, no market made them"
    assert "BTC-USDT-SWAP candles 1m (asked from paper): 15,840 new; 2024-01-01T00:00:00Z to" in lines[1]
    assert lines[1].endswith("rows a second")
    assert lines[2].startswith("BTC-USDT-SWAP funding (asked from paper): 33 new")
    result = json.loads((jobs.folder / "reports/ingest/latest/result.json").read_text())
    assert [series["inserted"] for series in result["series"]] == [15_840, 33]
    assert result["synthetic"] is True


def test_killed_at_random_moments_the_last_run_leaves_what_one_run_would(jobs, okx) -> None:
    chance = random.Random(20_240_101)  # noqa: S311 - moments of a test
    root = jobs.folder / "data"
    for _ in range(5):
        before = requests(okx)
        running = jobs.start("ingest", *words(okx, "kinds=candles,mark"))
        more = chance.randint(2, 140)
        until(lambda seen=before + more: requests(okx) >= seen or running.poll() is not None)  # noqa: B023
        time.sleep(chance.uniform(0, 0.03))
        running.send_signal(signal.SIGKILL)
        running.communicate()
        assert_contiguous(root)
    done = jobs.run("ingest", *words(okx, "kinds=candles,mark"))
    assert done.returncode == 0, done.stderr
    for kind in (Kind.CANDLES, Kind.MARK):
        assert_whole(okx, root, kind)
    assert MarketReader(root).read_revisions(Kind.CANDLES, SWAP, MINUTE) == {}
    with open_reads(f"sqlite:///{root / 'ledger.sqlite'}") as ledger:
        statuses = [row["status"] for row in ledger.list_job_runs()]
    assert statuses.count("done") >= 1
    assert "running" not in statuses


def assert_contiguous(root: Path) -> None:
    """What a killed run left goes on without a hole to the newest bar."""
    stored = MarketReader(root).read_bars(Kind.CANDLES, SWAP, MINUTE).ts
    assert np.all(np.diff(stored) == 60_000)


def test_an_exchange_that_is_not_there_ends_with_4_and_says_so_once(jobs) -> None:
    done = jobs.run(
        "ingest",
        "exchange=paper",
        "exchange.base_url=http://127.0.0.1:9",
        "exchange.attempts=2",
    )
    assert done.returncode == 4
    assert done.stderr.count("did not reach http://127.0.0.1:9") == 1


def test_a_series_that_fails_ends_the_run_with_4_after_the_others_are_stored(jobs, okx) -> None:
    okx.fault("code", path="*mark-price-candles", code="50001")
    done = jobs.run("ingest", *words(okx, "kinds=candles,mark", "exchange.attempts=1"))
    assert done.returncode == 4
    assert "error: OKX answered GET market/mark-price-candles with code 50001" in done.stderr
    assert_whole(okx, jobs.folder / "data")


def test_generated_and_observed_prices_stay_apart(jobs, okx) -> None:
    rows = "ts,open,high,low,close,volume\n1704067200000,1,1,1,1,1\n"
    (jobs.folder / "own.csv").write_text(rows)
    files = ("exchange.path=own.csv", "timeframe=1m", "exchange.source=okx")
    assert jobs.run("ingest", *files).returncode == 0
    done = jobs.run("ingest", *words(okx))
    assert done.returncode == 2
    assert "holds real prices of BTC-USDT-SWAP: synthetic ones go to a store of their own" in done.stderr


def test_a_request_to_stop_keeps_what_is_stored_and_the_next_run_goes_on(jobs, okx) -> None:
    okx.fault("delay", path="*candles", delay_ms=20)
    before = requests(okx)
    running = jobs.start("ingest", *words(okx, "kinds=mark"))
    until(lambda: requests(okx) >= before + 60)
    running.send_signal(signal.SIGTERM)
    _, told = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "what was stored by then stays, and the next run goes on from there" in told
    assert len(MarketReader(jobs.folder / "data").read_bars(Kind.MARK, SWAP, MINUTE)) > 0
    okx.clear_faults()
    assert jobs.run("ingest", *words(okx, "kinds=mark")).returncode == 0
    assert_whole(okx, jobs.folder / "data", Kind.MARK)


class TestSchedule:
    """A process that stays: its slots are five minutes of wall time, so the first run is what is seen."""

    def start(self, jobs, okx) -> subprocess.Popen[str]:
        return jobs.start("ingest", *words(okx, "kinds=candles", "schedule=every_5m"))

    def published(self, jobs) -> list[Path]:
        return sorted((jobs.folder / "reports" / "ingest").glob("2*"))

    def test_it_runs_refuses_a_second_one_and_ends_cleanly(self, jobs, okx) -> None:
        running = self.start(jobs, okx)
        until(lambda: len(self.published(jobs)) == 1)
        second = jobs.run("ingest", *words(okx, "kinds=candles", "schedule=every_5m"))
        assert second.returncode == 2
        assert f"is running already (process {running.pid} of" in second.stderr
        assert len(second.stderr.splitlines()) == 1
        running.send_signal(signal.SIGTERM)
        _, told = running.communicate(timeout=30)
        assert running.returncode == 0, told
        assert "jobs.ingest runs now and then every 5 minutes, next at" in told
        assert told.endswith("jobs.ingest was asked to stop and has ended its schedule\n")
        (run,) = self.published(jobs)
        assert "every_minutes: null" in (run / "config.yaml").read_text()
        with open_reads(f"sqlite:///{jobs.folder / 'data' / 'ledger.sqlite'}") as ledger:
            assert [(row["status"], row["exit_code"]) for row in ledger.list_job_runs()] == [("done", 0)]

    def test_asked_to_stop_within_a_run_it_keeps_what_is_stored_and_ends_cleanly(self, jobs, okx) -> None:
        okx.fault("delay", path="*candles", delay_ms=20)
        before = requests(okx)
        running = self.start(jobs, okx)
        until(lambda: requests(okx) >= before + 12)
        running.send_signal(signal.SIGTERM)
        _, told = running.communicate(timeout=30)
        assert running.returncode == 0, told
        assert "interrupted: what was stored by then stays" in told
        assert told.endswith("has ended its schedule\n")
        with open_reads(f"sqlite:///{jobs.folder / 'data' / 'ledger.sqlite'}") as ledger:
            assert [(row["status"], row["exit_code"]) for row in ledger.list_job_runs()] == [
                ("interrupted", 130)
            ]

    def test_a_killed_one_is_taken_over_from(self, jobs, okx) -> None:
        running = self.start(jobs, okx)
        until(lambda: len(self.published(jobs)) == 1)
        running.kill()
        running.communicate()
        again = self.start(jobs, okx)
        until(lambda: len(self.published(jobs)) == 2)
        again.send_signal(signal.SIGINT)
        _, told = again.communicate(timeout=30)
        assert again.returncode == 0
        assert f"process {running.pid} of" in told
        assert "its place is taken over" in told

    def test_a_sweep_and_a_schedule_do_not_go_together(self, jobs, okx) -> None:
        done = jobs.run("ingest", "-m", *words(okx, "schedule=every_5m", "since_days=1,2"))
        assert done.returncode == 2
        assert "schedule and -m do not go together" in done.stderr

    def test_a_run_that_fails_does_not_end_it(self, jobs, okx) -> None:
        okx.fault("code", path="*", code="50001")
        running = jobs.start(
            "ingest", *words(okx, "kinds=candles", "schedule=every_5m", "exchange.attempts=1")
        )
        until(lambda: len(self.published(jobs)) == 1)  # with its log alone
        assert running.poll() is None
        running.send_signal(signal.SIGTERM)
        _, told = running.communicate(timeout=30)
        assert running.returncode == 0
        assert "error: OKX answered GET public/time with code 50001" in told
        with open_reads(f"sqlite:///{jobs.folder / 'data' / 'ledger.sqlite'}") as ledger:
            assert [row["status"] for row in ledger.list_job_runs()] == ["failed"]
