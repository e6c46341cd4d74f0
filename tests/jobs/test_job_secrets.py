"""Secrets, `.env`, bugs and warnings: what reaches the console, the log, the report and the ledger."""

from __future__ import annotations

import json

import pytest

from arena.store.ledger import open_reads
from jobs._logging import hide_secrets, secret_in

URL = "postgresql://me:canary-5521@db.example/arena"
KEY = "canary-key-8817"

# the ledger is a file, though DATABASE_URL names a server
LEDGER = """
import arena.store.ledger as home
real = home.open_ledger
home.open_ledger = lambda url, **options: real("sqlite:///ledger.sqlite", **options)
"""
BUG = """
import os, warnings, arena.backtest.run as run
def load_market(*arguments, **options):
    warnings.simplefilter("always")
    warnings.warn("the old way", DeprecationWarning)
    raise RuntimeError("lost " + os.environ["DATABASE_URL"] + " and " + os.environ["OKX_API_KEY"])
run.load_market = load_market
"""
SECRETS = {"DATABASE_URL": URL, "OKX_API_KEY": KEY}


def _everything_written(folder) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_no_secret_is_written_or_shown_by_a_run(jobs, store):
    done = jobs.run("backtest", f"store.root={store}", driver=LEDGER, **SECRETS)
    assert done.returncode == 0, done.stderr
    written = _everything_written(jobs.folder) + (done.stdout + done.stderr).encode()
    assert b"ema_trend" in written
    assert b"canary" not in written


def test_a_bug_is_one_line_on_the_console_and_a_trace_in_the_log(jobs, store):
    done = jobs.run("backtest", f"store.root={store}", driver=LEDGER + BUG, **SECRETS)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    (folder,) = (jobs.folder / "reports" / "backtest").iterdir()
    log = folder / "log.jsonl"
    assert line == (
        f"error: this is a bug (RuntimeError: lost *** and ***): the trace is in "
        f"{log.relative_to(jobs.folder)}"
    )
    lines = [json.loads(one) for one in log.read_text().splitlines()]
    (bug,) = (one for one in lines if one.get("event") == "bug")
    assert "load_market" in bug["trace"]
    assert any("the old way" in one["message"] for one in lines)
    assert b"canary" not in _everything_written(jobs.folder)
    with open_reads(f"sqlite:///{jobs.folder / 'ledger.sqlite'}") as ledger:
        (row,) = ledger.list_job_runs()
    assert (row["status"], row["exit_code"]) == ("failed", 1)
    assert row["error"] == "RuntimeError: lost *** and ***"


@pytest.mark.parametrize("key", ["name", "window.start", "+strategy.note"])
def test_a_secret_in_the_config_is_refused_unseen(jobs, key):
    done = jobs.run("backtest", f"{key}=${{oc.env:DATABASE_URL}}", **SECRETS)
    assert done.returncode == 2
    assert f"{key.removeprefix('+')} holds a secret of the environment" in done.stderr
    assert "canary" not in done.stderr
    assert list(jobs.folder.iterdir()) == []


def test_dotenv_of_the_working_folder_is_read_and_the_environment_wins(jobs):
    (jobs.folder / ".env").write_text("DATABASE_URL=sqlite:///dotenv.sqlite\n")
    assert jobs.run("migrate").returncode == 0
    assert jobs.run("migrate", DATABASE_URL="sqlite:///environment.sqlite").returncode == 0
    assert {path.name for path in jobs.folder.glob("*.sqlite")} == {"dotenv.sqlite", "environment.sqlite"}


def test_a_dotenv_that_is_no_text_is_a_mistake_of_the_user(jobs):
    (jobs.folder / ".env").write_bytes(b"A=\xff\xfe\n")
    done = jobs.run("migrate")
    assert done.returncode == 2
    assert done.stderr.startswith("error: the file .env cannot be read")
    assert "Traceback" not in done.stderr


def test_secrets_are_hidden_in_texts_and_found_in_nested_values(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:p%40ss-word@h/x")
    monkeypatch.setenv("SOME_TOKEN", "abcdef123")
    monkeypatch.setenv("SHORT_KEY", "abc")
    monkeypatch.setenv("MONKEY", "see-no-evil")
    assert hide_secrets("p@ss-word p%40ss-word abcdef123 abc see-no-evil") == "*** *** *** abc see-no-evil"
    assert secret_in({"a": 1, "b": {"c": ["x", "y abcdef123"]}}) == "b.c"
    assert secret_in({"a": 1, "b": {"c": ["x", "abc"]}}) is None
