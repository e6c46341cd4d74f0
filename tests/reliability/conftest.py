"""Jobs that are killed at their n-th step towards the disk, and files to import."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

START = 1_767_225_600_000  # 2026-01-01
HOUR_MS = 3_600_000

KILLER = """
import os, re, signal, sqlite3
STEPS, KILL_AT, KILL_ON = 0, int(os.environ["KILL_AT"]), os.environ["KILL_ON"]
def step(label=""):
    global STEPS
    if STEPS == KILL_AT or re.fullmatch(KILL_ON, label):
        os.kill(os.getpid(), signal.SIGKILL)
    STEPS += 1
def around(owner, name):
    inner = getattr(owner, name)
    def wrapped(*arguments, **options):
        target = os.path.basename(arguments[1])
        step(f"before {target}")
        result = inner(*arguments, **options)
        step(f"after {target}")
        return result
    setattr(owner, name, wrapped)
for name in ("replace", "rename", "link", "symlink"):
    around(os, name)
class Connection(sqlite3.Connection):
    def commit(self):
        if self.in_transaction:
            step("before commit")
        busy = self.in_transaction
        super().commit()
        if busy:
            step("after commit")
connect = sqlite3.connect
sqlite3.connect = lambda *arguments, **options: connect(*arguments, factory=Connection, **options)
import atexit
atexit.register(lambda: open(os.environ["STEPS_FILE"], "w").write(str(STEPS)))
"""
"""Put before a job: the process is killed with SIGKILL at step KILL_AT, counted before and after each rename
and each commit, or at the first step whose label KILL_ON matches ("before sweep.json" is before the rename
to that name); without such a step it writes how many there were."""


@dataclass
class Killer:
    """Runs jobs in a folder, killed at a step (`kill_at`), at a named one (`kill_on`), or not at all."""

    project: Path
    folder: Path

    def run(
        self, job: str, *words: str, kill_at: int = -1, kill_on: str = "(?!)", driver: str = ""
    ) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DATABASE")}
        return subprocess.run(
            [sys.executable, "-c", f"{KILLER}\n{driver}\nfrom jobs.{job} import main\nmain()", *words],
            cwd=self.folder,
            env={
                **kept,
                "PYTHONPATH": str(self.project),
                "NO_COLOR": "1",
                "KILL_AT": str(kill_at),
                "KILL_ON": kill_on,
                "STEPS_FILE": str(self.folder / "steps"),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def steps(self) -> int:
        """Return how many steps the last run had that ended by itself."""
        return int((self.folder / "steps").read_text())


def was_killed(done: subprocess.CompletedProcess[str]) -> bool:
    return done.returncode == -signal.SIGKILL


@pytest.fixture
def killer(project: Path, tmp_path: Path):
    """Return jobs in a folder of their own."""

    def make(name: str) -> Killer:
        folder = tmp_path / name
        folder.mkdir()
        return Killer(project, folder)

    return make


def write_archive(path: Path, first: int, count: int, *, level: float = 100.0) -> None:
    """Write hourly bars as a CSV with our own columns; every fifth day has one row that must be refused."""
    rng = np.random.default_rng(count)
    lines = ["ts,open,high,low,close,volume"]
    for bar in range(first, first + count):
        price = level + float(rng.normal())
        low = price + 5 if bar % 120 == 60 else price - 1  # above high: refused
        lines.append(f"{START + bar * HOUR_MS},{price},{price + 1},{low},{price},{bar + 1}")
    path.write_text("\n".join(lines) + "\n")


def count_words(text: str, pattern: str) -> int:
    return len(re.findall(pattern, text))
