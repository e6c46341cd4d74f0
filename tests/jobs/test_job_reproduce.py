"""Past runs again, and several side by side, as a user asks for them."""

from __future__ import annotations

import json
import re

import pytest

LEDGER = {"DATABASE_URL": "sqlite:///ledger.sqlite"}


@pytest.fixture(scope="module")
def ran(jobs_in, store, tmp_path_factory):
    """Two backtests of one market; returns the jobs and the ids."""
    jobs = jobs_in(tmp_path_factory.mktemp("ran"))
    for words in (
        ("name=first", "limit=600"),
        ("name=second", "limit=700", "strategy.fast=20", "costs.latency_bars=1", "intrabar=best"),
    ):
        done = jobs.run("backtest", f"store.root={store}", "signal_window=100", *words, **LEDGER)
        assert done.returncode == 0, done.stderr
    runs = sorted(path.name for path in (jobs.folder / "reports" / "backtest").glob("[0-9]*"))
    return jobs, runs


def _result(jobs, job):
    return json.loads((jobs.folder / "reports" / job / "latest" / "result.json").read_text())


@pytest.mark.parametrize("typed", ["latest", "{0}", "reports/backtest/{0}"])
def test_a_run_comes_out_again(ran, typed):
    jobs, runs = ran
    done = jobs.run("reproduce", f"run={typed.format(*runs)}", **LEDGER)
    assert (done.returncode, done.stderr) == (0, "")
    assert "verdict    EQUAL, bit for bit" in done.stdout
    result = _result(jobs, "reproduce")
    assert result["verdict"] == "equal"
    # somebody may be editing the code while the tests run
    assert [cause for cause in result["causes"] if not cause.startswith("the code: ")] == []
    assert result["of"] == (runs[1] if typed == "latest" else runs[0])
    assert result["run"]["job"] == "reproduce"


def test_the_best_trial_of_a_sweep_comes_out_again(jobs_in, store, tmp_path):
    jobs = jobs_in(tmp_path)
    words = (
        f"store.root={store}",
        "limit=600",
        "signal_window=100",
        "strategy.fast=5,9",
        "report.html=false",
    )
    done = jobs.run("backtest", "-m", *words, **LEDGER)
    assert done.returncode == 0, done.stderr
    again = jobs.run("reproduce", **LEDGER)
    assert again.returncode == 0, again.stderr
    result = _result(jobs, "reproduce")
    assert result["verdict"] == "equal"
    assert result["of"] == f"{result['sweep']}/best"
    assert "(the best trial of the sweep)" in again.stdout


def test_changed_numbers_end_with_1_and_keep_the_findings(ran, tmp_path):
    jobs, runs = ran
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in (jobs.folder / "reports" / "backtest" / runs[0]).iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    result = json.loads((copy / "result.json").read_text())
    result["counts"]["fills"] += 1
    (copy / "result.json").write_text(json.dumps(result))
    done = jobs.run("reproduce", f"run={copy}", **LEDGER)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "error: run copy is not reproduced: on the same data 1 place differs, "
        "first result.json counts.fills: "
    )
    assert _result(jobs, "reproduce")["verdict"] == "numbers_differ"


def test_another_market_ends_with_3_and_keeps_the_findings(ran, tmp_path):
    jobs, runs = ran
    other = tmp_path / "other"
    made = jobs.run(
        "ingest", "exchange=synthetic", "timeframe=1h", "exchange.days=60", f"store.root={other}", **LEDGER
    )
    assert made.returncode == 0, made.stderr
    done = jobs.run("reproduce", f"run={runs[0]}", f"read_from={other}", **LEDGER)
    assert done.returncode == 3
    assert "the market's data is not what it read" in done.stderr
    assert _result(jobs, "reproduce")["verdict"] == "data_differ"


@pytest.mark.parametrize(
    ("job", "words", "sentence"),
    [
        ("reproduce", "run=2019", "no backtest or sweep '2019' below reports (newest: "),
        ("reproduce", "run=2", "run=2 begins 2 run ids: "),
        ("reproduce", "run=a/b", "run=a/b: there is no such folder, here or below the reports"),
        ("compare", "", "run is not set: give it a value"),
        ("compare", "run=latest", "run: 1 given: name 2 to 6 runs, like run=ID,latest"),
        ("compare", "run=latest,latest", "run=latest and run=latest are the same run"),
        ("compare", "run=latest,20190101", "no backtest or sweep '20190101' below reports"),
        ("compare", "runs=latest", "unknown key 'runs': did you mean 'run'?"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_2(ran, job, words, sentence):
    jobs, _ = ran
    before = list((jobs.folder / "reports").glob(f"{job}/*"))
    done = jobs.run(job, *words.split(), **LEDGER)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"error: {sentence}")
    assert len(done.stderr.splitlines()) == 1
    assert list((jobs.folder / "reports").glob(f"{job}/*")) == before


@pytest.mark.parametrize("typed", ["run={0},{1}", "run=[{0},{1}]", "run=reports/backtest/{0},latest"])
def test_runs_are_laid_over_one_another(ran, typed):
    jobs, runs = ran
    done = jobs.run("compare", typed.format(*runs), **LEDGER)
    assert (done.returncode, done.stderr) == (0, "")
    assert [f"[1] first  {runs[0]}", f"[2] second  {runs[1]}"] == done.stdout.splitlines()[1:3]
    assert re.search(r"^  strategy\.fast +12 +20 *$", done.stdout, re.MULTILINE)
    assert re.search(r"^  Sharpe +\S+ +\S+ *$", done.stdout, re.MULTILINE)
    assert re.search(r"^  costs\.latency_bars +0 +1 *$", done.stdout, re.MULTILINE)
    assert re.search(r"^  intrabar +worst +best *$", done.stdout, re.MULTILINE)
    result = _result(jobs, "compare")
    assert [run["run_id"] for run in result["runs"]] == runs
    sharpe = next(metric for metric in result["metrics"] if metric["name"] == "sharpe")
    for value, run in zip(sharpe["values"], runs, strict=True):
        own = json.loads((jobs.folder / "reports" / "backtest" / run / "result.json").read_text())
        assert value == next(metric["value"] for metric in own["primary"] if metric["name"] == "sharpe")
    page = (jobs.folder / "reports" / "compare" / "latest" / "report.html").read_text(encoding="utf-8")
    assert "first" in page
    assert "second" in page


@pytest.mark.parametrize("job", ["audit", "reproduce", "compare"])
def test_help_is_quick_and_shows_examples(jobs, job):
    done = jobs.run(job, "--help", python=("-X", "importtime"))
    assert done.returncode == 0
    assert f"python -m jobs.{job}" in done.stdout
    assert "Examples" in done.stdout
    imported = set(re.findall(r"^import time:.*\| +(\w+)", done.stderr, re.MULTILINE))
    assert not imported & {"numpy", "numba", "pyarrow", "polars", "duckdb", "sqlalchemy", "pandas", "jinja2"}
