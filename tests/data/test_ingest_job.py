"""The import job from the outside: exit codes, sentences, what it leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

START_MS = 1_735_689_600_000


def _run(folder: Path, project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(project), "NO_COLOR": "1"}
    environment.pop("DATABASE_URL", None)
    command = [sys.executable, "-m", "jobs.ingest", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def _write(path: Path, rows: int = 8, step_ms: int = 900_000) -> Path:
    lines = [f"{START_MS + i * step_ms},100,101,99,100,{i}" for i in range(rows)]
    path.write_text("\n".join(["ts,open,high,low,close,volume", *lines]) + "\n")
    return path


def test_files_are_imported_and_reported(tmp_path, project):
    file = _write(tmp_path / "a.csv")
    file.write_text(file.read_text() + f"{START_MS + 8 * 900_000},100,101,99,100,-1\n")
    done = _run(tmp_path, project, f"exchange.path={file}", "timeframe=15m", "derive=[1h]")
    assert done.returncode == 0, done.stderr
    assert "own columns): 8 new" in done.stdout + done.stderr
    (result,) = (tmp_path / "reports" / "ingest").glob("2*/result.json")
    told = json.loads(result.read_text())
    assert [entry["inserted"] for entry in told["series"]] == [8, 2]
    assert told["series"][0]["refused"] == {"negative_volume": 1}
    (rejects,) = (tmp_path / "data" / "rejects").iterdir()
    assert rejects.name == f"{told['run_id']}-a.csv"


def test_generated_market_says_so(tmp_path, project):
    done = _run(
        tmp_path,
        project,
        "exchange=synthetic",
        "exchange.days=2",
        "timeframe=15m",
        "derive=[1h]",
        "store=demo",
    )
    assert done.returncode == 0, done.stderr
    assert "SYNTHETIC" in done.stdout + done.stderr
    assert (tmp_path / "data" / "demo" / "market" / "mark" / "BTC-USDT-SWAP" / "1h").is_dir()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, "exchange.path: not set: name a file"),
        (["exchange.path=nowhere"], 2, "exchange.path=nowhere: no such file or folder"),
        (["exchange.path=x", "exchange.format=ftx"], 2, "exchange.format=ftx: must be one of 'auto'"),
        (["exchange.path=x", "derive=[5m]"], 2, "derive=5m is not a multiple of timeframe=15m"),
        (["exchange.path=x", "derive=[7m]"], 2, "'7m' is not a timeframe"),
        (["exchange.path=x", "kind=funding", "derive=[1h]"], 2, "funding has no timeframe"),
        (["exchange=synthetic", "exchange.start=2023-01-01T05:00"], 2, "is not midnight UTC"),
        (["exchange=synthetic", "exchange.days=0"], 2, "exchange.days=0: must be at least 1"),
        (["exchange=sinthetic"], 2, "did you mean 'synthetic'?"),
        (["exchange.path=a.csv", "timeframe=1h"], 3, "bars every 15m, but timeframe=1h was named"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_mistakes_end_in_one_sentence_and_write_nothing(arguments, code, sentence, tmp_path, project):
    _write(tmp_path / "a.csv")
    done = _run(tmp_path, project, *arguments)
    assert done.returncode == code
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data" / "market").exists()
