"""Good runs: what they leave behind, that it agrees with itself, and that the same again is the same."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest

from arena.core.ids import content_hash
from arena.store.ledger import open_reads

RUN_ID = re.compile(r"^\d{8}T\d{6}-\d{3}-[0-9a-f]{8}$")
FILES = {
    "config.yaml",
    "equity.parquet",
    "fills.parquet",
    "log.jsonl",
    "report.html",
    "result.json",
    "trades.parquet",
}
LEDGER = {"DATABASE_URL": "sqlite:///ledger.sqlite"}


@dataclass(frozen=True)
class Run:
    """A finished run."""

    folder: Path
    stdout: str
    stderr: str

    @property
    def run_id(self) -> str:
        return self.folder.name

    @property
    def result(self) -> dict[str, Any]:
        return json.loads((self.folder / "result.json").read_text())

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def runs(jobs_in, store, tmp_path_factory) -> dict[str, Run]:
    """One config by other names and spellings, twice at the same time; another limit; from config.yaml."""
    jobs = jobs_in(tmp_path_factory.mktemp("runs"))
    settings = (f"store.root={store}", "signal_window=100", "strategy.atr_stop=2")
    made: dict[str, Run] = {}

    def run(label: str, *arguments: str) -> None:
        done = jobs.run("backtest", *arguments, **LEDGER)
        assert done.returncode == 0, done.stderr
        named = re.search(r"^report  (.*)/report.html$", done.stdout, re.MULTILINE)
        made[label] = Run(jobs.folder / named[1], done.stdout, done.stderr)

    run("first", *settings, "limit=600", "name='mine <b>'")
    with ThreadPoolExecutor(3) as pool:
        again = [
            pool.submit(run, "left", *settings, "limit=600"),
            pool.submit(
                run, "right", *settings[:-1], "strategy.atr_stop=2.0", "limit=600", "initial_capital=1e4"
            ),
            pool.submit(run, "longer", *settings, "limit=900"),
        ]
        for one in again:
            one.result()
    run("rerun", "--config-dir", str(made["first"].folder), "--config-name", "config", "name=again")
    return made


def test_a_run_leaves_its_files_and_nothing_else(runs):
    for run in runs.values():
        assert {path.name for path in run.folder.iterdir()} == FILES
    root = runs["first"].folder.parents[2]
    assert {path.name for path in root.iterdir()} == {"ledger.sqlite", "ledger.sqlite.lock", "reports"}
    names = {path.name for path in (root / "reports" / "backtest").iterdir()}
    assert names == {"latest", *(run.run_id for run in runs.values())}


def test_run_ids_sort_by_time_and_end_in_the_hash_of_the_config(runs):
    for run in runs.values():
        assert RUN_ID.match(run.run_id)
        assert run.run_id.endswith(run.result["provenance"]["config_hash"][:8])
    order = sorted(runs.values(), key=lambda run: run.result["run"]["created_at"])
    assert [run.run_id for run in order] == sorted(run.run_id for run in order)


def test_names_spellings_and_config_yaml_keep_the_hash_and_a_limit_changes_it(runs):
    hashes = {label: run.result["provenance"]["config_hash"] for label, run in runs.items()}
    assert hashes["first"] == hashes["left"] == hashes["right"] == hashes["rerun"] != hashes["longer"]


def test_latest_is_the_newest_run(runs):
    latest = runs["first"].folder.parent / "latest"
    assert latest.is_symlink()
    assert latest.resolve() == runs["rerun"].folder.resolve()


def test_result_follows_the_published_schema(runs, project):
    schema = json.loads((project / "docs" / "schema" / "backtest_result.schema.json").read_text())
    jsonschema.validate(runs["first"].result, schema)


def test_the_name_is_kept_as_it_was_written(runs):
    assert runs["first"].result["run"]["name"] == "mine <b>"
    assert "mine <b>" not in (runs["first"].folder / "report.html").read_text()


@pytest.mark.parametrize("other", ["left", "right", "rerun"])
def test_the_same_again_gives_the_same_numbers(runs, other):
    def numbers(run: Run) -> dict[str, Any]:
        result = run.result
        del result["run"]
        verdict = result["verdict"]  # what was tried before is not of the run: it grows with every run
        del verdict["trials"], verdict["sharpe"]["expected_maximum"], verdict["sharpe"]["deflated"]
        return result

    assert numbers(runs["first"]) == numbers(runs[other])
    for table in ("equity", "fills", "trades"):
        first, second = (pl.read_parquet(runs[one].folder / f"{table}.parquet") for one in ("first", other))
        assert first.equals(second)


def test_a_longer_run_wants_the_same_on_the_same_bars(runs):
    short, long = (pl.read_parquet(runs[one].folder / "equity.parquet") for one in ("first", "longer"))
    assert (len(short), len(long)) == (600, 900)
    tail = long.tail(600)
    assert short["ts"].equals(tail["ts"])
    assert short["target"].equals(tail["target"])
    assert short["target"].n_unique() > 1


def test_the_ledger_agrees_with_the_result(runs):
    root = runs["first"].folder.parents[2]
    with open_reads(f"sqlite:///{root / 'ledger.sqlite'}") as ledger:
        for run in runs.values():
            result, job, row = run.result, ledger.get_job_run(run.run_id), ledger.get_backtest(run.run_id)
            assert (job["status"], job["exit_code"], job["error"]) == ("done", 0, None)
            assert job["command"] == result["run"]["command"]
            assert job["config_hash"] == row["config_hash"] == result["provenance"]["config_hash"]
            assert content_hash(json.loads(row["config_json"])) == row["config_hash"]
            assert row["dataset_hash"] == result["provenance"]["dataset_hash"]
            metrics = {metric["name"]: metric["value"] for metric in result["primary"] + result["secondary"]}
            assert row["metrics"] == metrics
            assert len(ledger.list_backtest_orders(run.run_id)) == result["counts"]["fills"] > 0
            assert len(ledger.list_backtest_decisions(run.run_id)) > 0
        assert ledger.count_trials(runs["first"].result["provenance"]["dataset_hash"]) == 1


def test_the_log_is_json_with_the_run_id(runs):
    for run in runs.values():
        assert {line["run_id"] for line in run.log} == {run.run_id}
        assert [line["event"] for line in run.log if "event" in line] == ["started", "done"]


def test_the_console_shows_the_headline_and_no_noise(runs):
    run = runs["first"]
    assert run.stdout.startswith("SYNTHETIC")
    assert "Sharpe" in run.stdout
    assert run.stderr == ""


def test_a_reader_that_leaves_early_harms_nothing(jobs, store):
    closed = "import os\nreading, writing = os.pipe()\nos.close(reading)\nos.dup2(writing, 1)\n"
    done = jobs.run("backtest", f"store.root={store}", "report.html=false", driver=closed, **LEDGER)
    assert done.returncode == 0
    assert done.stderr == ""
    assert (jobs.folder / "reports" / "backtest" / "latest" / "result.json").is_file()
