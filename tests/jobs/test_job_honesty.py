"""Every run is counted in the trial ledger; what the window keeps back stays shut until it is unlocked."""

from __future__ import annotations

import json

from arena.store.ledger import open_reads


def test_runs_count_what_was_tried_before_them_and_each_unlock_is_logged(jobs, store):
    def run(*words: str) -> dict:
        done = jobs.run(
            "backtest", f"store.root={store}", "limit=600", "report.html=false", *words, DATABASE_URL=url
        )
        assert done.returncode == 0, done.stderr
        shown.append(done.stdout)
        latest = jobs.folder / "reports" / "backtest" / "latest" / "result.json"
        return json.loads(latest.read_text())

    url, shown = "sqlite:///ledger.sqlite", []
    kept = ("window.holdout=0.2", "strategy.fast=6")
    first, again = run(*kept), run(*kept, "name=again")
    other = run("window.holdout=0.2", "strategy.fast=8")
    opened = run(*kept, "window.unlock=true")
    verdicts = [result["verdict"] for result in (first, again, other, opened)]
    assert [one["trials"]["sets"] for one in verdicts] == [1, 1, 2, 3]
    assert [one["lockbox"]["unlocks"] for one in verdicts] == [0, 0, 0, 1]
    assert [one["lockbox"]["unlocked"] for one in verdicts] == [False, False, False, True]
    assert {one["lockbox"]["start"] for one in verdicts} == {first["market"]["end"]}
    assert verdicts[0]["sharpe"]["deflated"] == verdicts[0]["sharpe"]["probabilistic"]
    assert "bars kept back were read once on this data" in shown[-1]
    assert "kept back" not in shown[0]
    with open_reads(f"sqlite:///{jobs.folder / 'ledger.sqlite'}") as ledger:
        assert [row["run_id"] for row in ledger.list_audit(action="lockbox.unlock")] == [
            opened["run"]["run_id"]
        ]
        assert len(ledger.list_trials()) == 3


def test_run_without_a_verdict_counts_all_the_same(jobs, store):
    words = (f"store.root={store}", "limit=600", "report.html=false")
    done = jobs.run("backtest", *words, "report.honesty=false", DATABASE_URL="sqlite:///ledger.sqlite")
    assert done.returncode == 0, done.stderr
    result = jobs.folder / "reports" / "backtest" / "latest" / "result.json"
    assert json.loads(result.read_text())["verdict"] is None
    with open_reads(f"sqlite:///{jobs.folder / 'ledger.sqlite'}") as ledger:
        assert [row["sets"] for row in ledger.list_trials()] == [1]


def test_running_an_opened_run_again_reads_what_was_kept_back_and_is_logged(jobs, store):
    url = "sqlite:///ledger.sqlite"
    words = (f"store.root={store}", "limit=600", "report.html=false", "window.holdout=0.2")
    for window in ("window.unlock=false", "window.unlock=true"):
        done = jobs.run("backtest", *words, window, DATABASE_URL=url)
        assert done.returncode == 0, done.stderr
        again = jobs.run("reproduce", DATABASE_URL=url)
        assert again.returncode == 0, again.stderr
    with open_reads(f"sqlite:///{jobs.folder / 'ledger.sqlite'}") as ledger:
        events = ledger.list_audit(action="lockbox.unlock")
        assert sorted(json.loads(row["detail_json"])["how"] for row in events) == [
            "jobs.reproduce: window.unlock",
            "window.unlock",
        ]
        assert len(ledger.list_trials()) == 2
