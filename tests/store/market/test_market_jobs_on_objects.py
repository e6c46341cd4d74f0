"""End to end: a job brings files into object storage, and a backtest there equals the local one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

START = 1_735_689_600_000  # 2025-01-01
HOURS = 1200
OWN = {"run", "provenance", "timings_ms"}
PREFIXES = ("DATABASE", "AWS_", "OKX_")


def run(
    job: str, *arguments: str, folder: Path, project: Path, **env: str
) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIXES)}
    return subprocess.run(
        [sys.executable, "-m", f"jobs.{job}", *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(project), "NO_COLOR": "1", **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def write_walk(path: Path) -> None:
    rng = np.random.default_rng(11)
    close = 40_000 * np.exp(np.cumsum(rng.normal(0, 0.006, HOURS)))
    opened = np.r_[close[0], close[:-1]]
    high, low = np.maximum(opened, close) * 1.001, np.minimum(opened, close) * 0.999
    rows = np.column_stack(
        [START + 3_600_000 * np.arange(HOURS), opened, high, low, close, np.full(HOURS, 50.0)]
    )
    lines = [f"{int(ts)},{','.join(f'{value:.1f}' for value in rest)}" for ts, *rest in rows.tolist()]
    path.write_text("\n".join(["ts,open,high,low,close,volume", *lines, "1735689600001,1,1,1,1,1", ""]))


def numbers(result: Any) -> Any:
    result["verdict"]["trials"].pop("first_run_at")
    return {name: value for name, value in result.items() if name not in OWN}


@pytest.mark.slow
def test_ingest_and_backtest_on_object_storage_equal_the_local_ones(
    bucket: Any, tmp_path: Path, project: Path
) -> None:
    write_walk(tmp_path / "walk.csv")
    remote = {**bucket.environment, "DATABASE_URL": f"sqlite:///{tmp_path / 'ledger.sqlite'}"}
    places = {"local": (str(tmp_path / "local"), {}), "s3": (bucket.new_root(), remote)}
    results, shown = {}, ""
    for name, (root, env) in places.items():
        place: dict[str, Any] = {"folder": tmp_path, "project": project, **env}
        reports = f"reports.root={tmp_path / name / 'reports'}"
        files = ("exchange.path=walk.csv", "exchange.source=okx", "timeframe=1h", "derive=[4h]")
        done = run("ingest", *files, f"store.root={root}", reports, **place)
        assert done.returncode == 0, done.stdout + done.stderr
        shown += done.stdout + done.stderr
        assert f"{HOURS:,} new" in shown
        assert f"{root}/rejects/" in done.stdout + done.stderr
        asked = ("timeframe=1h", "limit=null", "costs.missing=estimate")
        done = run("backtest", *asked, f"store.root={root}", reports, **place)
        assert done.returncode == 0, done.stdout + done.stderr
        shown += done.stdout + done.stderr
        latest = tmp_path / name / "reports" / "backtest" / "latest"
        results[name] = json.loads((latest / "result.json").read_text())
        shown += "".join(path.read_text(errors="replace") for path in latest.iterdir() if path.is_file())
    assert results["local"]["counts"]["trades"] > 10
    assert numbers(results["s3"]) == numbers(results["local"])
    hashes = [results[name]["provenance"]["dataset_hash"] for name in places]
    assert hashes[0] == hashes[1]
    secret = bucket.environment["AWS_SECRET_ACCESS_KEY"], bucket.environment["AWS_ACCESS_KEY_ID"]
    assert not any(word in shown for word in secret)


def test_store_on_object_storage_without_a_ledger_is_one_sentence(
    bucket: Any, tmp_path: Path, project: Path
) -> None:
    place: dict[str, Any] = {"folder": tmp_path, "project": project, **bucket.environment}
    done = run("backtest", f"store.root={bucket.new_root()}", "timeframe=1h", **place)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: store.root is on s3://, where no ledger can lie: set DATABASE_URL, "
        "as in postgresql://USER:PASSWORD@HOST:5432/NAME"
    ]
    assert not [path for path in (tmp_path / "reports").rglob("*") if path.is_file()]
