"""The smoke job: a line for each read, the last signals of each strategy."""

from __future__ import annotations

import inspect
import re

import pytest

from arena.data.service import DataService
from arena.store.ledger import LedgerReads
from arena.strategies import strategy_names

READ = re.compile(r"^(list|has|get|count)_")


@pytest.fixture(scope="module")
def shown(jobs_in, store, tmp_path_factory):
    jobs = jobs_in(tmp_path_factory.mktemp("smoke"))
    url = {"DATABASE_URL": "sqlite:///ledger.sqlite"}
    first = jobs.run("backtest", f"store.root={store}", "report.html=false", **url)
    assert first.returncode == 0, first.stderr
    done = jobs.run("smoke", f"store.root={store}", "last=4", **url)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in (jobs.folder / "reports").iterdir()} == {"backtest"}
    return done.stdout.splitlines()


@pytest.mark.parametrize("reads", [DataService, LedgerReads])
def test_each_read_has_its_line(shown, reads):
    names = [name for name, _ in inspect.getmembers(reads, inspect.isfunction) if READ.match(name)]
    assert len(names) > 8
    for name in names:
        (line,) = (line for line in shown if line.startswith(f"{name} "))
        assert re.search(r"\d+\.\d\d ms  \S", line) or "nothing is stored yet that has" in line
        assert len(line) < 200


def test_a_read_says_what_it_found(shown):
    told = {line.split()[0]: line for line in shown}
    assert re.search(r"1,\d\d\d bars, 2025-01-01T00:00:00Z to 2025-02-19T23:00:00Z", told["get_candles"])
    assert "settlements, 2025-01-01T08:00:00Z" in told["get_funding"]
    assert told["list_backtests"].endswith("1 row")
    assert told["has_series"].endswith("True")


def test_signals_come_with_all_their_parts(shown):
    for name in strategy_names():
        begin = next(i for i, line in enumerate(shown) if line.startswith(f"{name}: "))
        assert shown[begin + 1].split() == [
            "close",
            "(UTC)",
            "target",
            "stop",
            "take",
            "confidence",
            "reason",
        ]
        rows = [line.split() for line in shown[begin + 2 : begin + 6]]
        assert [row[0] for row in rows][-1] == "2025-02-20T00:00:00Z"
        assert all(len(row) == 6 and -1 <= float(row[1]) <= 1 and 0 <= float(row[4]) <= 1 for row in rows)


def test_generated_data_says_so(shown):
    assert shown[0].startswith("SYNTHETIC")


@pytest.mark.parametrize(("what", "absent"), [("data", "ema_trend"), ("strategies", "get_candles")])
def test_what_chooses_a_part(jobs, store, what, absent):
    done = jobs.run("smoke", f"store.root={store}", f"what={what}")
    assert done.returncode == 0, done.stderr
    assert absent not in done.stdout


def test_observed_data_is_not_called_synthetic_and_a_missing_ledger_is_said(jobs, store):
    done = jobs.run("smoke", f"store.root={store}", "symbol=eth_usdt_swap", "what=data")
    assert done.returncode == 0, done.stderr
    assert "SYNTHETIC" not in done.stdout
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("ledger "))
    assert re.search(r"there is no ledger at .*ledger.sqlite: run `python -m jobs.migrate`$", line)


def test_an_empty_store_is_one_sentence_and_exit_3(jobs):
    done = jobs.run("smoke")
    assert done.returncode == 3
    assert done.stderr.startswith("error: 1h candles of BTC-USDT-SWAP are not stored in data/market")
    assert len(done.stderr.splitlines()) == 1
    assert list(jobs.folder.iterdir()) == []
