"""python -m jobs.health: exit codes, the files it leaves, one row a finding, a user's mistakes."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from arena.store.ledger import open_reads

LEDGER = "sqlite:///ledger.sqlite"


@pytest.fixture(scope="module")
def scanned(jobs_in, store, tmp_path_factory):
    """ETH has one hole of 24 hours; scanned twice, the second time to fail on it."""
    folder = tmp_path_factory.mktemp("health")
    jobs = jobs_in(folder)
    words = [f"store.root={store}", "symbol=eth_usdt_swap", "timeframes=1h", "now=2025-01-17T16:00"]
    first = jobs.run("health", *words, DATABASE_URL=LEDGER)
    second = jobs.run("health", *words, "fail_on=error", DATABASE_URL=LEDGER)
    return folder, first, second


def test_scan_says_what_it_found_and_where_the_report_is(scanned):
    folder, first, _ = scanned
    assert first.returncode == 0, first.stderr
    day = f"{datetime.now(UTC):%Y%m%d}"  # a scan just before midnight is the one case it may not be
    assert "ETH-USDT-SWAP  grade F" in first.stdout
    assert (
        "! error   candles 1h: gap of 24 from 2025-01-14T04:00:00Z to 2025-01-15T04:00:00Z, new"
        in first.stdout
    )
    (report,) = [line.split()[1] for line in first.stdout.splitlines() if line.startswith("report")]
    assert report.startswith("reports/db_stats_20")
    assert abs(int(report[17:25]) - int(day)) <= 1 or report[17:23] != day[:6]
    assert (folder / report).read_text().startswith("<!DOCTYPE html>")


def test_open_error_ends_in_exit_3_and_one_sentence(scanned):
    _, _, second = scanned
    assert second.returncode == 3
    (line,) = second.stderr.splitlines()
    assert line.startswith("error: ETH-USDT-SWAP: 2 open findings at or above fail_on=error, first gap of 24")
    assert "seen 2 times" in second.stdout


def test_statistics_of_the_day_are_those_of_the_newest_scan(scanned):
    folder, _, _ = scanned
    (path,) = (folder / "reports").glob("db_stats_*.json")
    stats = json.loads(path.read_text())
    newest = json.loads((folder / "reports/health/latest/result.json").read_text())
    assert (stats["grade"], stats["scans"]) == (newest["grade"], [newest])
    assert (
        path.with_suffix(".html").read_bytes() == (folder / "reports/health/latest/report.html").read_bytes()
    )
    assert (newest["failed"], newest["fail_on"], newest["worst"]) == (True, "error", "error")
    (candles,) = [one for one in newest["series"] if one["series"] == "candles 1h"]
    assert (candles["expected"], candles["present"], candles["missing"]) == (400, 376, 24)


def test_same_finding_is_one_row_of_the_ledger(scanned):
    folder, _, _ = scanned
    with open_reads(f"sqlite:///{folder / 'ledger.sqlite'}") as ledger:
        rows = ledger.list_integrity_events(kind="gap")
        runs = ledger.list_job_runs(job="health")
    assert [(row["timeframe"], row["bars"], row["times_seen"], row["severity"]) for row in rows] == [
        ("1h", 24, 2, "error")
    ]
    assert rows[0]["first_seen_ms"] < rows[0]["last_seen_ms"]
    assert [(row["status"], row["exit_code"]) for row in runs] == [("done", 3), ("done", 0)]


MISTAKES = {
    "timeframes=9h": (2, "timeframes: unknown timeframe '9h': did you mean '6h'?"),
    "timeframes=[]": (2, "timeframes=[]: must be a list of at least 1"),
    "fail_on=eror": (2, "must be one of 'none', 'info', 'warning' or 'error', did you mean 'error'?"),
    "now=banana": (2, "now: 'banana' is not a time: write 2025-01-31"),
    "rules.spike_mov=0.1": (2, "unknown key 'rules.spike_mov': did you mean 'rules.spike_move'?"),
    "rules.spike_move=2": (2, "rules.spike_move=2: must be at most 1"),
    "symbol=btc": (2, "unknown symbol 'btc' (known: btc_usdt_swap, eth_usdt_swap)"),
    "store.root=nothing": (3, "nothing of BTC-USDT-SWAP is stored in nothing/market: bring it in with"),
}


@pytest.fixture(scope="module")
def refused(jobs_in, tmp_path_factory):
    jobs = jobs_in(tmp_path_factory.mktemp("mistakes"))
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(MISTAKES, pool.map(lambda words: jobs.run("health", words), MISTAKES), strict=True))


@pytest.mark.parametrize("words", MISTAKES)
def test_mistake_is_answered_in_one_sentence(refused, words):
    code, sentence = MISTAKES[words]
    done = refused[words]
    assert done.returncode == code, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert sentence in line
    assert not done.stdout
