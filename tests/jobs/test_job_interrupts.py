"""Ctrl-C, termination and kill at several moments of a run, and what the next run finds.

A driver makes the process send the signal to itself from within a step, so that no test waits.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest

from arena.store.ledger import open_reads

LEDGER = {"DATABASE_URL": "sqlite:///ledger.sqlite"}

STRIKE = """
import os, signal, {module} as home
real = home.{name}
def strike(*arguments, **options):
    {before}
    os.kill(os.getpid(), signal.{signal})
    return real(*arguments, **options)
home.{name} = strike
"""

MOMENTS = {
    "reading the market": ("arena.backtest.run", "load_market"),
    "deciding": ("arena.backtest.run", "compute_signal"),
    "writing files": ("arena.reporting.run_folder", "write_run"),
    "drawing the report": ("arena.reporting.html", "render_report"),
    "printing": ("arena.reporting.console", "headline"),
}


def _driver(moment: tuple[str, str], name: str, before: str = "pass") -> str:
    return STRIKE.format(module=moment[0], name=moment[1], signal=name, before=before)


def _left(jobs) -> list[str]:
    return sorted(path.name for path in (jobs.folder / "reports" / "backtest").iterdir())


def _rows(jobs) -> list[tuple[str, int]]:
    with open_reads(f"sqlite:///{jobs.folder / 'ledger.sqlite'}") as ledger:
        return [(row["status"], row["exit_code"]) for row in ledger.list_job_runs()]


@pytest.mark.parametrize(
    ("moment", "name"),
    [*((moment, "SIGINT") for moment in MOMENTS), ("deciding", "SIGTERM")],
)
def test_a_request_to_stop_leaves_nothing_of_the_run(jobs, store, moment, name):
    latest = jobs.folder / "reports" / "backtest" / "latest"
    latest.parent.mkdir(parents=True)
    latest.symlink_to("before")
    done = jobs.run("backtest", f"store.root={store}", driver=_driver(MOMENTS[moment], name), **LEDGER)
    assert done.returncode == 130
    assert done.stderr == "interrupted: nothing of the unfinished run was kept\n"
    assert done.stdout == ""
    assert _left(jobs) == ["latest"]
    assert latest.readlink().name == "before"
    assert _rows(jobs) == [("interrupted", 130)]
    with open_reads(f"sqlite:///{jobs.folder / 'ledger.sqlite'}") as ledger:
        assert ledger.list_backtests() == []


def test_a_request_during_an_exec_of_text_ends_with_130_too(jobs, store):
    """Python would kill itself by SIGINT then, run as a module: importing a dataclass runs such an exec."""
    driver = _driver(MOMENTS["deciding"], "SIGINT").replace(
        "os.kill(os.getpid(), signal.SIGINT)", 'exec("os.kill(os.getpid(), signal.SIGINT)")'
    )
    hook = jobs.folder / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(driver)  # the one way into a process started with -m
    paths = os.pathsep.join([str(hook), str(jobs.project)])
    done = jobs.run("backtest", f"store.root={store}", PYTHONPATH=paths, **LEDGER)
    assert done.returncode == 130
    assert _rows(jobs) == [("interrupted", 130)]


@pytest.mark.parametrize("name", ["record_backtest", "finish_job_run"])
def test_a_request_that_comes_while_the_ledger_is_written_waits_for_the_end(jobs, store, name):
    driver = _driver(("arena.store.ledger.runs.RunWrites", name), "SIGINT").replace(
        "arena.store.ledger.runs.RunWrites as home", "arena.store.ledger.runs as runs; home = runs.RunWrites"
    )
    done = jobs.run("backtest", f"store.root={store}", driver=driver, **LEDGER)
    assert (done.returncode, done.stderr) == (0, "")
    (_, latest) = _left(jobs)
    assert latest == "latest"
    assert _rows(jobs) == [("done", 0)]


def test_a_second_request_does_not_cut_the_cleaning_short(jobs, store):
    again = """
import shutil
swept = shutil.rmtree
def rmtree(path, **options):
    os.kill(os.getpid(), signal.SIGINT)
    swept(path, **options)
shutil.rmtree = rmtree
"""
    driver = _driver(MOMENTS["drawing the report"], "SIGINT") + again
    done = jobs.run("backtest", f"store.root={store}", driver=driver, **LEDGER)
    assert done.returncode == 130
    assert _left(jobs) == []
    assert _rows(jobs) == [("interrupted", 130)]


def test_a_killed_run_is_swept_by_the_next_one(jobs, store):
    killed = jobs.run(
        "backtest", f"store.root={store}", driver=_driver(MOMENTS["drawing the report"], "SIGKILL"), **LEDGER
    )
    assert killed.returncode == -signal.SIGKILL
    (hidden,) = _left(jobs)
    assert hidden.startswith(".")
    assert hidden.endswith(".partial")
    assert _rows(jobs) == [("running", None)]
    done = jobs.run("backtest", f"store.root={store}", **LEDGER)
    assert done.returncode == 0, done.stderr
    dead = hidden.removeprefix(".").removesuffix(".partial")
    assert done.stderr == f"run {dead} was killed: its unfinished folder is removed\n"
    assert [name for name in _left(jobs) if name.startswith(".")] == []
    assert _rows(jobs) == [("done", 0), ("interrupted", 137)]


def test_an_import_stops_for_a_signal_from_outside_and_the_next_one_works(jobs):
    running = jobs.start("ingest", "exchange=synthetic", "timeframe=1m", "exchange.days=3660")
    runs = jobs.folder / "reports" / "ingest"
    while not any(path.stat().st_size for path in runs.glob(".*.partial/log.jsonl")):
        with pytest.raises(subprocess.TimeoutExpired):  # still at work
            running.wait(timeout=0.01)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 130
    assert told == "interrupted: nothing of the unfinished run was kept\n"
    assert list(runs.iterdir()) == []
    done = jobs.run("ingest", "exchange=synthetic", "timeframe=1h", "exchange.days=2")
    assert done.returncode == 0, done.stderr
    assert json.loads((runs / "latest" / "result.json").read_text())["job"] == "ingest"
    with open_reads(f"sqlite:///{jobs.folder / 'data' / 'ledger.sqlite'}") as ledger:
        assert [row["status"] for row in ledger.list_job_runs()] == ["done", "interrupted"]
