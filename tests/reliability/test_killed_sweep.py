"""kill -9 of a sweep: what was done is kept, and `resume` ends as if nothing had happened, bit for bit."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from arena.store.ledger import open_reads
from tests.reliability.conftest import Killer, was_killed

WORDS = ("strategy.fast=range(5,15)", "strategy.slow=20,30")
COMMON = ("store.root=store", "timeframe=1h", "limit=800", "report.html=false", "report.honesty=false")
PARTS = """
from arena.backtest.sweep import checkpoint, engines
checkpoint.PERIOD_S, engines.CHUNK = 0.0, 3
hand_over = checkpoint.Keeper._hand_over
def waits(keeper):
    found = hand_over(keeper)
    found.result()
    return found
checkpoint.Keeper._hand_over = waits
"""
"""A part a chunk of three trials, each whole before the next chunk is taken."""

HALF = """
fsync = os.fsync
def torn(handle):
    name = os.readlink(f"/proc/self/fd/{handle}")
    if name.endswith("part-000002.npz.partial"):
        os.truncate(name, os.path.getsize(name) // 2)
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(handle)
os.fsync = torn
"""
FULL = """
import errno
fsync = os.fsync
def full(handle):
    if "part-000002" in os.readlink(f"/proc/self/fd/{handle}"):
        raise OSError(errno.ENOSPC, "No space left on device")
    fsync(handle)
os.fsync = full
"""
FAILS = """
from arena.backtest.sweep.work import Desk
from arena.core.errors import ArenaError
run, calls = Desk.run, []
def fails(*given):
    calls.append(1)
    if len(calls) == 5:
        raise ArenaError("a worker died")
    return run(*given)
Desk.run = fails
"""
STOPPED = """
from arena.backtest.sweep import summary
def stopped(*_given):
    os.kill(os.getpid(), signal.SIGINT)
summary.count_in = stopped
"""
PROPOSING = """
from optuna.study import Study
ask, asked = Study.ask, []
def killed(*given):
    asked.append(1)
    if len(asked) == 11:
        os.kill(os.getpid(), signal.SIGKILL)
    return ask(*given)
Study.ask = killed
"""


@pytest.fixture(scope="module")
def market(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of 40 days."""
    folder = tmp_path_factory.mktemp("market")
    made = Killer(project, folder)
    words = ("exchange=synthetic", "exchange.days=40", "timeframe=1h", "store.root=store")
    done = made.run("ingest", *words)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(folder / "reports")
    return folder


@pytest.fixture
def jobs_in(market: Path, project: Path, tmp_path: Path) -> Callable[[str], Killer]:
    def make(name: str) -> Killer:
        shutil.copytree(market, tmp_path / name)
        return Killer(project, tmp_path / name)

    return make


@pytest.fixture(scope="module")
def whole(market: Path, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep that never stopped."""
    folder = tmp_path_factory.mktemp("whole") / "whole"
    shutil.copytree(market, folder)
    return _swept(Killer(project, folder))


def _swept(made: Killer, *words: str) -> Path:
    done = made.run("backtest", *(words or ("-m", *WORDS)), *COMMON)
    assert done.returncode == 0, done.stderr
    return _runs(made)[-1]


def _kill(made: Killer, on: str, *words: str, driver: str = PARTS) -> str:
    """Kill a sweep at a named step; return its run id."""
    known = _run_ids(made)
    done = made.run("backtest", *(words or ("-m", *WORDS, *COMMON)), kill_on=on, driver=driver)
    assert was_killed(done), done.stderr
    (run,) = _run_ids(made) - known
    return run


def _resume(made: Killer, run: str) -> Path:
    done = made.run("backtest", f"resume={run}")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return _runs(made)[-1]


def _all_runs(made: Killer) -> list[Path]:
    return [path for path in (made.folder / "reports/backtest").glob("*") if path.name != "latest"]


def _run_ids(made: Killer) -> set[str]:
    return {path.name.removeprefix(".").removesuffix(".partial") for path in _all_runs(made)}


def _runs(made: Killer) -> list[Path]:
    return sorted((made.folder / "reports/backtest").glob("2*"))


def _assert_equal(one: Path, other: Path) -> None:
    names = sorted(path.name for path in other.iterdir())
    assert sorted(path.name for path in one.iterdir()) == names
    assert (one / "trials.parquet").read_bytes() == (other / "trials.parquet").read_bytes()
    for name in names:
        if name.startswith("daily_returns"):
            assert (one / name).read_bytes() == (other / name).read_bytes()
    assert _record(one) == _record(other)


def _record(folder: Path) -> dict:
    record = json.loads((folder / "sweep.json").read_text())
    kept = {key: value for key, value in record.items() if key not in {"run", "timing", "provenance"}}
    return {**kept, "warnings": [text for text in kept["warnings"] if not text.startswith("Resumed")]}


def _warnings(folder: Path) -> list[str]:
    return json.loads((folder / "sweep.json").read_text())["warnings"]


def _rows(made: Killer) -> list[tuple[str, int | None]]:
    """Return how each backtest ended by the ledger, the newest first."""
    with open_reads(f"sqlite:///{made.folder / 'store/ledger.sqlite'}") as ledger:
        return [(row["status"], row["exit_code"]) for row in ledger.list_job_runs(job="backtest")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("on", "driver", "trials"),
    [
        ("after part-000003.npz", PARTS, 12),
        ("(?!)", PARTS + HALF, 6),
        ("after trials.parquet", PARTS, 20),
        ("before sweep.json", PARTS, 20),
    ],
    ids=["after a part", "half a part", "while results are written", "at their end"],
)
def test_killed_sweep_is_resumed_at_once_and_ends_equal(jobs_in, whole, on, driver, trials):
    made = jobs_in("killed")
    run = _kill(made, on, driver=driver)
    last = _resume(made, run)
    _assert_equal(last, whole)
    assert (
        f"Resumed: {trials} trials come from the unfinished run {run}."
        in json.loads((last / "sweep.json").read_text())["warnings"]
    )
    assert _rows(made) == [("done", 0), ("interrupted", 137)]
    assert (made.folder / "reports/backtest/latest").resolve() == last


@pytest.mark.slow
@pytest.mark.parametrize("on", ["before 2.*", "after 2.*"], ids=["before", "after"])
def test_kill_around_the_rename_of_the_folder_leaves_a_whole_sweep(jobs_in, whole, on):
    made = jobs_in("killed")
    run = _kill(made, on)
    done = made.run("backtest", *COMMON)
    assert (done.returncode, done.stderr) == (0, "")
    _assert_equal(made.folder / "reports/backtest" / run, whole)
    assert _rows(made) == [("done", 0), ("done", 137)]


@pytest.mark.slow
def test_kill_before_the_first_part_leaves_nothing_to_resume(jobs_in):
    made = jobs_in("killed")
    run = _kill(made, "before part-000000.npz")
    refused = made.run("backtest", f"resume={run}")
    assert (
        refused.stderr == f"error: {run} was killed before anything of it was kept: give its command again\n"
    )
    assert refused.returncode == 2


@pytest.mark.slow
def test_next_run_keeps_what_a_killed_sweep_has_and_says_how_to_go_on(jobs_in, whole):
    made = jobs_in("killed")
    run = _kill(made, "after part-000002.npz")
    done = made.run("backtest", *COMMON)
    to_go_on = f"what it had done is kept; to go on: python -m jobs.backtest resume={run}"
    assert (done.returncode, done.stderr) == (0, f"run {run} was killed: {to_go_on}\n")
    assert _rows(made) == [("done", 0), ("interrupted", 137)]
    assert {path.name for path in (made.folder / "reports/backtest" / run).iterdir()} == {
        "checkpoint", "config.yaml", "log.jsonl", "plan.json",
    }  # fmt: skip
    part = made.folder / f"reports/backtest/{run}/checkpoint/part-000001.npz"
    part.write_bytes(part.read_bytes()[:-9])
    last = _resume(made, run)
    _assert_equal(last, whole)
    trials = f"6 trials come from the unfinished run {run}"
    assert f"Resumed: {trials}; of what it had kept, 1 damaged file is left out." in _warnings(last)


@pytest.mark.slow
def test_second_kill_loses_nothing_of_the_first(jobs_in, whole):
    made = jobs_in("killed")
    first = _kill(made, "after part-000000.npz")
    _kill(made, "before earlier", f"resume={first}")  # nothing is kept of it, and nothing lost
    second = _kill(made, "after part-000002.npz", f"resume={first}")
    shutil.rmtree(made.folder / "reports/backtest" / first)
    last = _resume(made, f"reports/backtest/.{second}.partial")
    _assert_equal(last, whole)
    assert f"Resumed: 12 trials come from the unfinished run {second}." in _warnings(last)


@pytest.mark.slow
def test_full_disk_ends_with_one_warning_and_the_whole_result(jobs_in, whole):
    made = jobs_in("full")
    done = made.run("backtest", "-m", *WORDS, *COMMON, driver=PARTS + FULL)
    assert done.returncode == 0
    (told,) = done.stderr.splitlines()
    assert re.fullmatch(
        r"warning: cannot keep what is done in .* \(No space left on device\): the sweep goes on, .*",
        told,
    )
    _assert_equal(_runs(made)[-1], whole)


@pytest.mark.slow
def test_sweep_that_fails_keeps_what_was_done(jobs_in, whole):
    made = jobs_in("failed")
    done = made.run("backtest", "-m", *WORDS, *COMMON, "engine.workers=1", driver=PARTS + FAILS)
    (run,) = (path.name for path in _all_runs(made))
    to_go_on = f"what it had done is kept; to go on: python -m jobs.backtest resume={run}"
    assert done.stderr == f"run {run} failed: {to_go_on}\nerror: a worker died\n"
    assert _rows(made) == [("failed", 1)]
    _assert_equal(_resume(made, run), whole)


@pytest.mark.slow
def test_ctrl_c_between_trials_and_results_keeps_the_parts(jobs_in):
    made = jobs_in("stopped")
    done = made.run("backtest", "-m", *WORDS, *COMMON, driver=PARTS + STOPPED)
    assert done.returncode == 130
    (folder,) = _all_runs(made)
    to_go_on = f"what it had done is kept; to go on: python -m jobs.backtest resume={folder.name}"
    assert done.stderr == f"interrupted: {to_go_on}\n"
    assert (folder / "checkpoint/part-000006.npz").is_file()


@pytest.mark.slow
def test_sweep_of_several_batches_on_processes_goes_on_with_threads(jobs_in):
    choices = ("-m", *WORDS, "strategy.side=both,long", *COMMON)
    expected = _swept(jobs_in("whole"), *choices)
    made = jobs_in("killed")
    on_processes = (*choices, "engine=processes", "engine.workers=2")
    done = made.run("backtest", *on_processes, kill_on="after part-000010.npz", driver=PARTS)
    assert was_killed(done), done.stderr
    (run,) = _run_ids(made)
    resumed = made.run("backtest", f"resume={run}", "engine=threads")
    assert resumed.returncode == 0, resumed.stderr
    _assert_equal(_runs(made)[-1], expected)


@pytest.mark.slow
def test_study_of_optuna_killed_while_it_proposes_goes_on_from_its_journal(jobs_in):
    pytest.importorskip("optuna")
    words = ("sweep=ema_optuna", "sweep.trials=12", "sweep.batch=4")
    expected = _swept(jobs_in("whole"), *words)
    made = jobs_in("killed")
    run = _kill(made, "(?!)", *words, *COMMON, driver=PARTS + PROPOSING)
    last = _resume(made, run)
    assert pl.read_parquet(last / "trials.parquet").equals(pl.read_parquet(expected / "trials.parquet"))
    assert np.array_equal(np.load(last / "daily_returns.npy"), np.load(expected / "daily_returns.npy"))
