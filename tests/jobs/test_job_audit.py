"""The audit job, and the badge of each run: planted cheats are caught as a user would meet them."""

from __future__ import annotations

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from arena.store.ledger import open_reads

HEAD = '''"""A planted strategy."""
import numpy as np
from arena.core.bars import Bars, FundingSeries
from arena.core.signal import Signal
from arena.strategies import StrategyParams, StrategySpec, make_signal, register

class Params(StrategyParams):
    """No parameters."""

def signal(bars: Bars, funding: FundingSeries, _params: Params) -> Signal:
    """Return a target."""
'''
BODIES = {
    "honest": """
    target = np.zeros(len(bars))
    target[24:] = np.sign(bars.close[24:] - bars.close[:-24])
""",
    "next_bar": """
    target = np.zeros(len(bars))
    target[:-1] = np.sign(bars.close[1:] - bars.close[:-1])
""",
    "centred_window": """
    padded = np.pad(bars.close, 5, mode="edge")
    mean = np.lib.stride_tricks.sliding_window_view(padded, 11).mean(axis=1)[: len(bars)]
    target = np.where(bars.close > mean, 1.0, -1.0)
""",
    "future_funding": """
    after = np.searchsorted(funding.ts, bars.close_ts, side="right")
    target = -np.sign(np.concatenate((funding.rate, [0.0]))[after])
""",
    "open_four_hour_bar": """
    _, bucket = np.unique(bars.ts // 14_400_000, return_inverse=True)
    highs = np.full(bucket.max() + 1, -np.inf)
    np.maximum.at(highs, bucket, bars.high)
    target = (bars.high >= highs[bucket]).astype(np.float64)
""",
}
CHEATS = tuple(name for name in BODIES if name != "honest")
WARNING = "THE STRATEGY LOOKS AHEAD, these numbers cannot be traded: target at bar "
LEDGER = {"DATABASE_URL": "sqlite:///ledger.sqlite"}


@pytest.fixture(scope="module")
def done(jobs_in, project, store, tmp_path_factory):
    """A backtest and an audit of each planted strategy, in a copy of the code."""
    copy = tmp_path_factory.mktemp("copy")
    for part in ("arena", "jobs", "conf"):
        shutil.copytree(project / part, copy / part)
    for name, body in BODIES.items():
        end = "    return make_signal(target)\n\n"
        end += f'SPEC = register(StrategySpec("{name}", "planted", Params, signal, lambda _: 0))\n'
        (copy / "arena" / "strategies" / f"{name}.py").write_text(HEAD + body.lstrip("\n") + end)
        (copy / "conf" / "strategy" / f"{name}.yaml").write_text(f"name: {name}\n")
    jobs = jobs_in(copy)

    def run(job: str, name: str):
        words = (f"strategy={name}", f"store.root={store}", f"reports.root=reports/{name}")
        return jobs.run(job, *words, PYTHONPATH=str(copy), **LEDGER)

    run("backtest", "honest")  # makes the ledger
    with ThreadPoolExecutor(2) as pool:
        running = {
            (job, name): pool.submit(run, job, name) for name in BODIES for job in ("backtest", "audit")
        }
        yield copy, {key: one.result() for key, one in running.items()}


def _result(copy, job, name):
    return json.loads((copy / "reports" / name / job / "latest" / "result.json").read_text())


@pytest.mark.parametrize("name", CHEATS)
def test_a_backtest_of_a_cheat_runs_and_says_so_loudly(done, name):
    copy, ran = done
    one = ran["backtest", name]
    assert one.returncode == 0, one.stderr
    assert re.search(rf"^! {WARNING}", one.stdout, re.MULTILINE)
    result = _result(copy, "backtest", name)
    assert result["causality"]["passed"] is False
    assert result["causality"]["difference"]["field"] == "target"
    assert result["warnings"][1].startswith(WARNING)  # the first says SYNTHETIC
    assert "THE STRATEGY LOOKS AHEAD" in (
        copy / "reports" / name / "backtest" / "latest" / "report.html"
    ).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CHEATS)
def test_an_audit_of_a_cheat_names_the_first_bar_and_ends_with_3(done, name):
    copy, ran = done
    one = ran["audit", name]
    assert one.returncode == 3, one.stderr
    assert one.stderr.startswith(f"error: strategy '{name}' looks ahead: target at bar ")
    assert "LOOKS AHEAD" in one.stdout
    result = _result(copy, "audit", name)
    assert result["passed"] is False
    bars = [difference["bar"] for difference in result["differences"]]
    assert bars == sorted(bars)
    assert f"at bar {result['differences'][0]['bar']:,} ({result['differences'][0]['open']})" in one.stderr


def test_an_honest_strategy_passes_both(done):
    copy, ran = done
    assert [ran[job, "honest"].returncode for job in ("backtest", "audit")] == [0, 0]
    badge = _result(copy, "backtest", "honest")["causality"]
    assert (badge["passed"], badge["recomputations"]) == (True, 2 * badge["prefixes"])
    assert (
        f"No look-ahead found: {badge['recomputations']} recomputations" in ran["backtest", "honest"].stdout
    )
    result = _result(copy, "audit", "honest")
    assert (result["passed"], result["differences"]) == (True, [])
    assert result["market"]["bars"] > 1_100
    counted = f"{result['prefixes']:,} prefixes, {result['recomputations']:,} recomputations, "
    assert f"{counted}{result['bars']:,} bars compared" in ran["audit", "honest"].stdout
    assert result["prefixes"] > 100


def test_each_audit_is_in_the_audit_log_and_among_the_runs(done):
    copy, _ = done
    with open_reads(f"sqlite:///{copy / 'ledger.sqlite'}") as ledger:
        rows = {row["subject_id"]: row for row in ledger.list_audit(50)}
        for name in BODIES:
            row, run = rows[name], ledger.get_job_run(rows[name]["run_id"])
            passed = name == "honest"
            assert row["action"] == ("causality.pass" if passed else "causality.fail")
            assert (row["actor"], row["subject_kind"]) == ("jobs.audit", "strategy")
            assert json.loads(row["detail_json"])["prefixes"] > 0
            assert (run["status"], run["exit_code"]) == ("done", 0 if passed else 3)


def test_a_wrong_parameter_is_told_before_anything_is_read(jobs):
    one = jobs.run("audit", "strategy.fast=50")
    assert (one.returncode, one.stderr) == (2, "error: strategy.fast=50 must be below strategy.slow=26\n")
    assert list(jobs.folder.iterdir()) == []


def test_fewer_prefixes_are_fewer(jobs, store):
    one = jobs.run("audit", f"store.root={store}", "prefixes=12", "limit=400", **LEDGER)
    assert one.returncode == 0, one.stderr
    result = json.loads((jobs.folder / "reports" / "audit" / "latest" / "result.json").read_text())
    assert result["market"]["bars"] == 400
    assert 12 <= result["prefixes"] < 40
