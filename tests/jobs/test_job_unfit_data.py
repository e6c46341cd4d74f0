"""Data, ledger and disk that are not fit for the run: one sentence, its exit code, a row that says why."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from arena.store.ledger import open_reads

HOLED = "symbol=eth_usdt_swap signal_window=20 limit=120"
CASES = {
    "symbol=eth_usdt_swap timeframe=4h": "4h candles of ETH-USDT-SWAP are not stored in",
    "limit=300 signal_window=300": "the window holds 300 bars of BTC-USDT-SWAP 1h, and signal_window=300",
    "window.start=2030-01-01": "the window holds 0 bars of BTC-USDT-SWAP 1h",
    f"{HOLED} data.policy=strict": "24 of 144 bars of ETH-USDT-SWAP 1h are missing in the window, 24 of",
    f"{HOLED} costs.missing=error": "funding settlements of ETH-USDT-SWAP have no stored rate",
    "costs.half_spread_bps=null costs.missing=error": "costs.half_spread_bps is not set and costs.missing",
    "symbol=eth_usdt_swap timeframe=2h": "2025.parquet",
}


@pytest.fixture(scope="module")
def answers(jobs_in, store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unfit")
    jobs = jobs_in(folder)
    jobs.run("migrate", DATABASE_URL="sqlite:///ledger.sqlite")

    def run(case: str):
        root = f"store.root={store}"
        return jobs.run("backtest", root, *case.split(), DATABASE_URL="sqlite:///ledger.sqlite")

    with ThreadPoolExecutor(2) as pool:
        return folder, dict(zip(CASES, pool.map(run, CASES), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_unfit_data_ends_in_one_sentence_and_exit_3(answers, case):
    done = answers[1][case]
    assert done.returncode == 3, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert CASES[case] in line
    assert not done.stdout


def test_each_failure_is_a_row_of_the_ledger(answers):
    folder, done = answers
    with open_reads(f"sqlite:///{folder / 'ledger.sqlite'}") as ledger:
        rows, backtests = ledger.list_job_runs(), ledger.list_backtests()
    assert {(row["status"], row["exit_code"]) for row in rows} == {("failed", 3)}
    assert {f"error: {row['error']}\n" for row in rows} == {one.stderr for one in done.values()}
    assert backtests == []


def test_a_failed_run_keeps_its_log_and_config_alone(answers):
    runs = answers[0] / "reports" / "backtest"
    assert len(list(runs.iterdir())) == len(CASES)
    assert not (runs / "latest").exists()
    for folder in runs.iterdir():
        assert {path.name for path in folder.iterdir()} == {"config.yaml", "log.jsonl"}


LEDGERS = {
    "a folder that is none": ("sqlite:///blocked/ledger.sqlite", 3, "the lock file"),
    "a server that is not there": ("postgresql://me:canary77@127.0.0.1:1/x", 3, "check that the server runs"),
    "another kind": ("mysql://me:canary77@h/x", 2, "names the database kind 'mysql'"),
    "no URL": ("what:canary77", 2, "DATABASE_URL cannot be read"),
}


@pytest.mark.parametrize(("url", "code", "sentence"), LEDGERS.values(), ids=LEDGERS)
def test_a_ledger_that_cannot_be_opened_stops_the_run(jobs, store, url, code, sentence):
    (jobs.folder / "blocked").touch()
    done = jobs.run("backtest", f"store.root={store}", DATABASE_URL=url)
    assert done.returncode == code
    (line,) = done.stderr.splitlines()
    assert sentence in line
    assert "canary77" not in line
    assert list((jobs.folder / "reports" / "backtest").iterdir()) == []


def test_a_full_disk_is_no_bug(jobs, store):
    driver = """
import errno
import arena.reporting.run_folder as home
def write_run(folder, *_arguments, **_options):
    raise OSError(errno.ENOSPC, "No space left on device", str(folder / "equity.parquet"))
home.write_run = write_run
"""
    done = jobs.run("backtest", f"store.root={store}", driver=driver, DATABASE_URL="sqlite:///ledger.sqlite")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.endswith(
        "equity.parquet (No space left on device): make room or mend the permissions, or set reports.root "
        "and store.root to other folders"
    )
    assert list((jobs.folder / "reports" / "backtest").iterdir()) == []
