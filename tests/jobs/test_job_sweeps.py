"""`-m` with Hydra's own launcher: each run is a run of its own, and one that fails stops no other."""

from __future__ import annotations

import json

from arena.store.ledger import open_reads


def test_a_failing_value_does_not_keep_the_others_from_running(jobs, store):
    done = jobs.run(
        "backtest",
        "strategy.fast=5,30,8",
        f"store.root={store}",
        "-m",
        "strategy.slow=20",
        "report.html=false",
        "hydra/launcher=basic",
        DATABASE_URL="sqlite:///ledger.sqlite",
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: [strategy.fast=30] strategy.fast=30 must be below strategy.slow=20",
        "error: 1 of 3 runs failed",
    ]
    assert done.stdout.count("SYNTHETIC") == 2
    runs = jobs.folder / "reports" / "backtest"
    results = [json.loads((path / "result.json").read_text()) for path in sorted(runs.glob("2*"))]
    assert [result["strategy"]["params"]["fast"] for result in results] == [5, 8]
    assert results[0]["run"]["command"] == (
        f"python -m jobs.backtest strategy.fast=5 store.root={store} strategy.slow=20 report.html=False"
    )
    assert (runs / "latest").resolve().name == results[1]["run"]["run_id"]
    left = {path.name for path in jobs.folder.iterdir()}
    assert left == {"reports", "ledger.sqlite", "ledger.sqlite.lock"}
    assert [path.name for path in (jobs.folder / "reports").iterdir()] == ["backtest"]
    with open_reads(f"sqlite:///{jobs.folder / 'ledger.sqlite'}") as ledger:
        assert [row["status"] for row in ledger.list_job_runs()] == ["done", "done"]
        assert ledger.count_trials(results[0]["provenance"]["dataset_hash"]) == 2
