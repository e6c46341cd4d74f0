"""`-m` and `sweep=NAME`: one vectorised sweep in one folder, equal to runs of their own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import numpy as np
import polars as pl
import pytest

from arena.reporting.schema import sweep_schema
from arena.store.ledger import open_reads

LEDGER = {"DATABASE_URL": "sqlite:///ledger.sqlite"}
FILES = {
    "best", "config.yaml", "daily_returns.npy", "log.jsonl", "plan.json", "report.html", "sweep.json",
    "trials.parquet",
}  # fmt: skip
INTERRUPT = """
import os, signal
from arena.backtest.sweep import engines
from arena.backtest.sweep.work import Desk
run, calls = Desk.run, []
def pressed(self, rows, bench, into=None):
    calls.append(1)
    if len(calls) == {call}:
        os.kill(os.getpid(), signal.SIGINT)
    return run(self, rows, bench, into)
Desk.run, engines.CHUNK = pressed, 3
"""
IN_JUDGING = """
import os, signal
from arena.backtest.sweep import summary
def pressed(*_given, **_named):
    os.kill(os.getpid(), signal.SIGINT)
summary.judge_sweep = pressed
"""


def _runs(jobs) -> list[Path]:
    return sorted((jobs.folder / "reports" / "backtest").glob("2*"))


def _record(folder: Path) -> dict:
    return json.loads((folder / "sweep.json").read_text())


def _sweep(jobs, store, *arguments: str, **more: str):
    return jobs.run("backtest", f"store.root={store}", *arguments, **LEDGER, **more)


def _without_run(record: dict) -> dict:
    kept = {key: value for key, value in record.items() if key not in {"run", "timing", "provenance"}}
    return {**kept, "warnings": [text for text in kept["warnings"] if not text.startswith("Resumed")]}


def test_a_sweep_is_one_run_with_one_folder(jobs, store):
    done = _sweep(
        jobs, store, "-m", "strategy.fast=range(5,9)", "strategy.slow=7,20", "costs.slippage_bps=0,2"
    )
    assert done.returncode == 0, done.stderr
    (folder,) = _runs(jobs)
    assert {path.name for path in folder.iterdir()} == FILES
    record = _record(folder)
    jsonschema.validate(record, sweep_schema(), cls=jsonschema.Draft202012Validator)
    assert [(axis["name"], axis["values"]) for axis in record["axes"]] == [
        ("strategy.fast", [5, 6, 7, 8]),
        ("strategy.slow", [7, 20]),
        ("costs.slippage_bps", [0.0, 2.0]),
    ]
    (batch,) = record["batches"]
    assert (batch["combinations"], batch["trials"], batch["done"]) == (16, 12, 12)
    assert sum(batch["dropped"].values()) == 4
    assert not record["interrupted"]
    assert "12 trials" in done.stdout
    assert "4 combinations dropped" in done.stdout
    assert (folder.parent / "latest").resolve() == folder.resolve()
    with open_reads(f"sqlite:///{jobs.folder / 'ledger.sqlite'}") as ledger:
        assert [row["status"] for row in ledger.list_job_runs()] == ["done"]
        assert ledger.count_trials(batch["dataset_hash"]) == 12


def test_files_of_a_sweep_tell_one_story(jobs, store):
    assert _sweep(jobs, store, "-m", "strategy.fast=range(5,12)", "report.html=false").returncode == 0
    (folder,) = _runs(jobs)
    record, trials = _record(folder), pl.read_parquet(folder / "trials.parquet")
    daily = np.load(folder / "daily_returns.npy")
    assert daily.dtype == np.float32
    assert daily.shape == (len(trials), record["batches"][0]["days"])
    grown = np.prod(1.0 + daily.astype(np.float64), axis=1) - 1.0
    np.testing.assert_allclose(grown, trials["total_return"], atol=1e-5)
    ranked = trials.sort("sharpe", descending=True)
    assert [one["trial"] for one in record["best"]] == ranked["trial"].to_list()
    best = json.loads((folder / "best" / "result.json").read_text())
    assert best["strategy"]["params"]["fast"] == record["best"][0]["params"]["strategy.fast"]
    alone = {metric["name"]: metric["value"] for metric in best["primary"]}
    assert alone["sharpe"] == record["best"][0]["figures"]["sharpe"]
    assert not [text for text in record["warnings"] if "bug" in text]


def test_the_basic_launcher_gives_the_same_numbers_bit_for_bit(jobs, store):
    words = ("-m", "strategy.fast=5,8", "strategy.slow=20,30", "fee_rate=0.0003,0.001", "report.html=false")
    assert _sweep(jobs, store, *words, "leverage=2").returncode == 0
    (swept,) = _runs(jobs)
    trials = pl.read_parquet(swept / "trials.parquet")
    done = _sweep(jobs, store, *words, "leverage=2", "hydra/launcher=basic")
    assert done.returncode == 0, done.stderr
    singles = [folder for folder in _runs(jobs) if folder != swept]
    assert len(singles) == len(trials) == 8
    for folder, trial in zip(singles, trials.iter_rows(named=True), strict=True):
        result = json.loads((folder / "result.json").read_text())
        alone = {metric["name"]: metric["value"] for metric in (*result["primary"], *result["secondary"])}
        assert result["strategy"]["params"]["fast"] == trial["strategy.fast"]
        for name in ("sharpe", "total_return", "max_drawdown", "sortino", "exposure", "turnover", "trades"):
            assert alone[name] == trial[name], (folder.name, name)
        assert result["account"]["final_equity"] == trial["final_equity"]
        assert result["pnl"]["fees"] == trial["fees"]


def test_how_the_market_is_met_is_columns_of_one_batch(jobs, store):
    words = (
        "-m", "strategy.fast=5,8", "costs.latency_bars=1,2", "costs.impact_coefficient=0,0.5,1",
        "costs.participation_cap=0.1,1", "report.html=false",
    )  # fmt: skip
    done = _sweep(jobs, store, *words)
    assert done.returncode == 0, done.stderr
    (folder,) = _runs(jobs)
    record, trials = _record(folder), pl.read_parquet(folder / "trials.parquet")
    assert [batch["done"] for batch in record["batches"]] == [24]
    assert not any(axis["structural"] for axis in record["axes"])
    assert not [text for text in record["warnings"] if "bug" in text]
    assert trials["costs.latency_bars"].dtype == pl.Int64
    assert re.search(r"^  latency_bars: [12]$", (folder / "best" / "config.yaml").read_text(), re.MULTILINE)


def test_a_list_with_null_in_it_is_a_choice(jobs, store):
    words = ("-m", "strategy.fast=5,8", "costs.participation_cap=null,0.1", "report.html=false")
    assert _sweep(jobs, store, *words).returncode == 0
    (folder,) = _runs(jobs)
    found = [batch["choices"] for batch in _record(folder)["batches"]]
    assert found == [{"costs.participation_cap": cap} for cap in ("null", "0.1")]


def test_choices_become_batches(jobs, store):
    done = _sweep(
        jobs, store, "-m", "strategy.fast=5,8", "strategy.side=glob(x)".replace("glob(x)", "both,long"),
        "limit=800,1000", "report.html=false",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = _runs(jobs)
    record, trials = _record(folder), pl.read_parquet(folder / "trials.parquet")
    assert [batch["choices"] for batch in record["batches"]] == [
        {"strategy.side": side, "limit": limit} for side in ("both", "long") for limit in ("800", "1000")
    ]
    assert trials["batch"].to_list() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert [batch["market"]["bars"] for batch in record["batches"]] == [800, 1000, 800, 1000]
    for batch in record["batches"]:
        daily = np.load(folder / f"daily_returns_{batch['index']}.npy")
        assert daily.shape == (batch["trials"], batch["days"])
    with open_reads(f"sqlite:///{jobs.folder / 'ledger.sqlite'}") as ledger:
        rows = ledger.list_backtests()
        assert sorted(row["trial_count"] for row in rows) == [2, 2, 2, 2]
        assert ledger.get_backtest(folder.name)["job_run_id"] == folder.name


def test_choices_alone_are_a_trial_each(jobs, store):
    assert (
        _sweep(jobs, store, "-m", "strategy=ema_trend,bollinger_range", "report.html=false").returncode == 0
    )
    (folder,) = _runs(jobs)
    assert [batch["strategy"] for batch in _record(folder)["batches"]] == ["ema_trend", "bollinger_range"]
    assert len(pl.read_parquet(folder / "trials.parquet")) == 2


@pytest.mark.parametrize("words", [["-m"], ["-m", "strategy.fast=8"], ["-m", "timeframe=glob(1h)"]])
def test_one_combination_is_a_whole_run(jobs, store, words):
    assert _sweep(jobs, store, *words, "report.html=false").returncode == 0
    (folder,) = _runs(jobs)
    assert (folder / "result.json").is_file()


def test_shuffled_values_are_all_run(jobs, store):
    assert (
        _sweep(jobs, store, "-m", "strategy.fast=shuffle(range(5,15))", "report.html=false").returncode == 0
    )
    trials = pl.read_parquet(_runs(jobs)[0] / "trials.parquet")
    assert sorted(trials["strategy.fast"].to_list()) == list(range(5, 15))


def test_a_named_sweep_needs_no_flag(jobs, store):
    done = _sweep(jobs, store, "sweep=ema_random", "sweep.trials=9", "sweep.seed=3", "report.html=false")
    assert done.returncode == 0, done.stderr
    record = _record(_runs(jobs)[0])
    assert record["method"] == "random"
    assert record["batches"][0]["trials"] + sum(record["batches"][0]["dropped"].values()) == 9


@pytest.mark.parametrize("words", [["-m", "strategy.fast=5,8"], ["-m", "strategy.fast=5,8", "limit=800,900"]])
def test_the_config_of_a_sweep_gives_it_again(jobs, store, words):
    assert _sweep(jobs, store, *words, "report.html=false").returncode == 0
    (first,) = _runs(jobs)
    again = ("--config-dir", str(first), "--config-name", "config")
    assert jobs.run("backtest", *again, **LEDGER).returncode == 0
    _, second = _runs(jobs)
    assert first.name[-8:] == second.name[-8:]
    assert _without_run(_record(first)) == _without_run(_record(second))
    with open_reads(f"sqlite:///{jobs.folder / 'ledger.sqlite'}") as ledger:
        hashes = {row["dataset_hash"] for row in ledger.list_backtests()}
        assert sum(ledger.count_trials(one) for one in hashes) == len(
            pl.read_parquet(first / "trials.parquet")
        )


def test_the_config_of_the_best_trial_gives_its_run(jobs, store):
    assert _sweep(jobs, store, "-m", "strategy.fast=5,8", "report.html=false").returncode == 0
    (folder,) = _runs(jobs)
    again = ("--config-dir", str(folder / "best"), "--config-name", "config")
    assert jobs.run("backtest", *again, **LEDGER).returncode == 0
    one, other = (
        json.loads((path / "result.json").read_text()) for path in (folder / "best", _runs(jobs)[1])
    )
    assert one["primary"] == other["primary"]
    assert one["provenance"]["config_hash"] == other["provenance"]["config_hash"]


BAD = {
    "-m strategy.fast=5,900": "strategy.fast=900: must be a whole number from 2 to 500",
    "-m strategy.fast=5,abc": "[strategy.fast=abc] strategy.fast=abc: must be a whole number from 2 to 500",
    "-m strategy.fast=5,8 strategy.slow=x": "strategy.slow=x: must be a whole number from 3 to 2000",
    "-m fee_rate=0.001,0.5 limit=800,900": "fee_rate=0.5: must be at most 0.1",
    "-m strategy.fast=5,8 limit=800,1": "[limit=1] limit=1: must be at least 2",
    "-m strategy.fast=5,5": "strategy.fast: a value is there twice: give each once",
    "-m strategy.fast=40,50": (
        "nothing is left of 2 combinations: strategy.fast=... must be below strategy.slow=..."
    ),
    "-m strategy.fast=interval(5,9)": (
        "strategy.fast: an interval has no values of its own: write range(start,stop,step) or a list"
    ),
    "-m timeframe=1h,4j strategy.fast=5,9": (
        "unknown timeframe '4j': did you mean '4h'? (known: 12h, 15m, 1d, 1h, 1m, 2h, 30m, 3m, 4h, 5m, 6h)"
    ),
    "-m sweep=ema_grid,ema_latin": "sweep cannot vary within a sweep: give it one value",
    "-m reports.root=a,b": "reports.root cannot vary within a sweep: give it one value",
    "-m strategy.fast=5,8 resume=x": "resume goes on with a sweep as it was: leave -m and the axes out",
    "resume=nowhere": "resume=nowhere: there is no such run in reports/backtest, and no such folder",
}


@pytest.mark.parametrize("words", BAD)
def test_a_mistake_ends_with_a_sentence_before_anything_runs(jobs, store, words):
    done = _sweep(jobs, store, *words.split(" "))
    assert done.stderr.splitlines() == [f"error: {BAD[words]}"]
    assert done.returncode == 2
    assert not (jobs.folder / "reports").exists()


def test_a_market_that_is_not_there_is_said_before_the_first_trial(jobs, store):
    done = _sweep(jobs, store, "-m", "strategy.fast=5,8", "timeframe=1h,4h")
    assert done.returncode == 3
    assert "4h candles of BTC-USDT-SWAP are not stored" in done.stderr


def test_validate_only_counts_and_writes_nothing(jobs, store):
    done = _sweep(jobs, store, "-m", "strategy.fast=5,8,30", "validate_only=true")
    assert done.stdout == "the configuration is valid: 2 trials, 1 dropped\n"
    assert not (jobs.folder / "reports").exists()


@pytest.mark.parametrize("call", [5, 7])
def test_ctrl_c_keeps_what_is_done_and_resume_ends_equal(jobs, store, call):
    words = ("-m", "strategy.fast=range(5,15)", "strategy.slow=20,30", "report.html=false")
    assert _sweep(jobs, store, *words).returncode == 0
    stopped = _sweep(jobs, store, *words, driver=INTERRUPT.format(call=call))
    assert stopped.returncode == 130, stopped.stderr
    whole, part = _runs(jobs)
    record = _record(part)
    assert record["interrupted"]
    assert record["verdict"] is None
    done = record["batches"][0]["done"]
    assert 0 < done < 20
    assert f"interrupted: {done} of 20 trials are kept" in stopped.stderr
    assert len(np.load(part / "daily_returns.npy")) == len(pl.read_parquet(part / "trials.parquet")) == done
    resumed = jobs.run("backtest", f"resume={part.name}", **LEDGER)
    assert resumed.returncode == 0, resumed.stderr
    last = _runs(jobs)[-1]
    assert _without_run(_record(last)) == _without_run(_record(whole))
    assert pl.read_parquet(last / "trials.parquet").equals(pl.read_parquet(whole / "trials.parquet"))
    assert np.array_equal(np.load(last / "daily_returns.npy"), np.load(whole / "daily_returns.npy"))
    with open_reads(f"sqlite:///{jobs.folder / 'ledger.sqlite'}") as ledger:
        assert [row["status"] for row in ledger.list_job_runs()] == ["done", "interrupted", "done"]
        assert ledger.count_trials(record["batches"][0]["dataset_hash"]) == 20


def test_ctrl_c_in_a_later_batch_keeps_the_earlier_ones(jobs, store):
    words = ("-m", "strategy.fast=range(5,15)", "limit=800,900,1000", "report.html=false")
    assert _sweep(jobs, store, *words).returncode == 0
    assert _sweep(jobs, store, *words, driver=INTERRUPT.format(call=6)).returncode == 130
    whole, part = _runs(jobs)
    assert len(_record(part)["batches"]) in {1, 2}
    assert jobs.run("backtest", f"resume={part}", **LEDGER).returncode == 0
    last = _runs(jobs)[-1]
    assert _without_run(_record(last)) == _without_run(_record(whole))
    assert pl.read_parquet(last / "trials.parquet").equals(pl.read_parquet(whole / "trials.parquet"))


def test_ctrl_c_while_judging_keeps_every_trial(jobs, store):
    stopped = _sweep(jobs, store, "-m", "strategy.fast=5,8", "report.html=false", driver=IN_JUDGING)
    assert stopped.returncode == 130
    record = _record(_runs(jobs)[0])
    assert record["interrupted"]
    assert record["batches"][0]["done"] == 2
    assert "Interrupted: nothing was judged." in record["warnings"]


def test_resume_goes_on_with_the_sweep_as_it_was(jobs, store):
    assert _sweep(jobs, store, "-m", "strategy.fast=5,8", "report.html=false").returncode == 0
    (folder,) = _runs(jobs)
    other = jobs.run("backtest", f"resume={folder.name}", "strategy.slow=50", **LEDGER)
    assert other.stderr == "error: resume goes on with a sweep as it was: leave strategy.slow=50 out\n"
    assert other.returncode == 2
    single = jobs.run("backtest", f"resume={folder.name}/best", **LEDGER)
    assert re.search(r"holds no sweep \(plan.json is not there\)", single.stderr)
    assert single.returncode == 2


def test_help_imports_nothing_heavy(jobs):
    driver = "import atexit, sys; atexit.register(lambda: sys.stderr.write(' '.join(sys.modules)))"
    done = jobs.run("backtest", "--help", driver=driver)
    assert "strategy.fast=range(5,30)" in done.stdout
    loaded = set(done.stderr.split())
    assert "hydra_plugins.arena_sweep.axis_sweeper" in loaded
    assert not loaded & {"numba", "polars", "pyarrow", "duckdb", "sqlalchemy", "pandas"}


def test_a_sweep_led_by_optuna_goes_on_from_its_journal(jobs, store):
    pytest.importorskip("optuna")
    words = ("sweep=ema_optuna", "sweep.trials=12", "sweep.batch=4", "report.html=false")
    driver = INTERRUPT.format(call=5).replace("engines.CHUNK = pressed, 3", "engines.CHUNK = pressed, 2")
    assert _sweep(jobs, store, *words).returncode == 0
    stopped = _sweep(jobs, store, *words, driver=driver)
    assert stopped.returncode == 130, stopped.stderr
    whole, part = _runs(jobs)
    assert (part / "optuna.log").is_file()
    resumed = jobs.run("backtest", f"resume={part.name}", "engine=threads", **LEDGER)
    assert resumed.returncode == 0, resumed.stderr
    last = _runs(jobs)[-1]
    assert pl.read_parquet(last / "trials.parquet").equals(pl.read_parquet(whole / "trials.parquet"))
