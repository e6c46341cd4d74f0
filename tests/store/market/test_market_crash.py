"""A writer killed between any two of its steps: the store opens, nothing is lost or doubled.

One child process forks a writer for each step and kills it there with SIGKILL.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arena.core.bars import Bars
from arena.core.clock import parse_time
from arena.core.timeframe import Timeframe
from arena.store.market.layout import Kind
from arena.store.market.merge import WriteReport
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter

HOUR = 3_600_000
NEW_YEAR = parse_time("2026-01-01")
BTC, H1 = "BTC-USDT-SWAP", Timeframe.parse("1h")
OLD_TS = [NEW_YEAR + k * HOUR for k in range(-6, 4)]
NEW_TS = [NEW_YEAR + k * HOUR for k in range(-3, 8)]
BEFORE, CRASHED, REDONE = 100, 200, 300

DRIVER = """
import json, os, pathlib, signal, sys
import numpy as np
import pyarrow.parquet
from arena.core.bars import Bars
from arena.core.timeframe import Timeframe
from arena.store.market import writer as module
from arena.store.market.layout import Kind

def run(root, kill_at):
    steps = 0
    def step():
        nonlocal steps
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        steps += 1
    def wrap(owner, name):
        inner = getattr(owner, name)
        def around(*args, **kwargs):
            step()
            result = inner(*args, **kwargs)
            step()
            return result
        setattr(owner, name, around)
    for name in ("fsync", "replace", "rename", "unlink", "mkdir"):
        wrap(os, name)
    wrap(module, "write_table")
    ts = np.array(JOB["ts"], np.int64)
    level = np.full(len(ts), JOB["value"])
    bars = Bars("BTC-USDT-SWAP", Timeframe.parse("1h"), ts, level, level + 2, level - 2, level + 1, level)
    writer = module.MarketWriter(root, clock=lambda: JOB["now"])
    writer.write_bars(Kind.CANDLES, bars, source="okx", job="crashed")

JOB = json.loads(sys.argv[1])
outcome = []
for root, kill_at in JOB["tasks"]:
    child = os.fork()
    if child == 0:
        run(root, kill_at)
        os._exit(0)
    outcome.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(json.dumps(outcome))
"""


def run_killed(tasks: list[tuple[Path, int]], now: int) -> list[int]:
    job = {"tasks": [(str(root), step) for root, step in tasks], "ts": NEW_TS, "value": 20.0, "now": now}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DRIVER, json.dumps(job)],
        capture_output=True,
        text=True,
        check=True,
    )
    outcome: list[int] = json.loads(done.stdout)
    return outcome


def level_bars(ts: list[int], value: float) -> Bars:
    level = np.full(len(ts), value)
    return Bars(BTC, H1, np.array(ts, np.int64), level, level + 2, level - 2, level + 1, level)


def opens(root: Path, as_of: int | None = None) -> dict[int, float]:
    bars = MarketReader(root).read_bars(Kind.CANDLES, BTC, H1, as_of=as_of)
    return dict(zip(bars.ts.tolist(), bars.open.tolist(), strict=True))


OLD_STATE = dict.fromkeys(OLD_TS, 10.0)
NEW_STATE = {**OLD_STATE, **dict.fromkeys(NEW_TS, 20.0)}
REVISED_TS = sorted(set(OLD_TS) & set(NEW_TS))


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return a store for each step of one write, killed there."""
    base = tmp_path_factory.mktemp("crash")
    MarketWriter(base / "base", clock=lambda: BEFORE).write_bars(
        Kind.CANDLES, level_bars(OLD_TS, 10.0), source="okx"
    )
    roots = [shutil.copytree(base / "base", base / f"step-{step}") for step in range(60)]
    outcome = run_killed([(root, step) for step, root in enumerate(roots)], CRASHED)
    steps = outcome.count(-9)
    assert 20 < steps < len(roots), "every step must have been reached"
    assert outcome == [-9] * steps + [0] * (len(roots) - steps)
    return roots[:steps]


def check_before_redo(root: Path) -> None:
    found = opens(root)
    for year_ts in ([ts for ts in NEW_STATE if ts < NEW_YEAR], [ts for ts in NEW_STATE if ts >= NEW_YEAR]):
        part = {ts: found[ts] for ts in year_ts if ts in found}
        assert part in (
            {ts: OLD_STATE[ts] for ts in year_ts if ts in OLD_STATE},
            {ts: NEW_STATE[ts] for ts in year_ts},
        )
    assert opens(root, BEFORE) == OLD_STATE


def check_after_redo(root: Path) -> None:
    assert opens(root) == NEW_STATE
    assert opens(root, BEFORE) == OLD_STATE
    assert opens(root, REDONE) == NEW_STATE
    revisions: dict[str, Any] = MarketReader(root).read_revisions(Kind.CANDLES, BTC, H1)
    assert revisions["ts"].tolist() == REVISED_TS
    assert set(revisions["old_open"].tolist()) == {10.0}
    assert not list(root.rglob("*.tmp"))


def redo(root: Path) -> WriteReport:
    writer = MarketWriter(root, clock=lambda: REDONE, lock_timeout_s=0)
    return writer.write_bars(Kind.CANDLES, level_bars(NEW_TS, 20.0), source="okx", job="redone")


def test_killed_at_any_step_the_store_opens_and_the_redo_completes_it(killed: list[Path]) -> None:
    for root in killed:
        copy = shutil.copytree(root, root.with_name(f"{root.name}-once"))
        check_before_redo(copy)
        redo(copy)
        check_after_redo(copy)
        assert redo(copy) == WriteReport(unchanged=len(NEW_TS))


def test_killed_again_while_clearing_up_loses_and_doubles_nothing(killed: list[Path]) -> None:
    tasks = []
    for first, root in enumerate(killed):
        for second in range(first % 11, 40, 11):
            copy = shutil.copytree(root, root.with_name(f"{root.name}-again-{second}"))
            tasks.append((copy, second))
    outcome = run_killed(tasks, CRASHED + 50)
    assert outcome.count(-9) > len(killed)
    for root, _ in tasks:
        check_before_redo(root)
        redo(root)
        check_after_redo(root)
        shutil.rmtree(root)


def test_other_values_after_a_crash_still_keep_the_old_ones(killed: list[Path]) -> None:
    for root in killed:
        copy = shutil.copytree(root, root.with_name(f"{root.name}-other"))
        writer = MarketWriter(copy, clock=lambda: REDONE)
        writer.write_bars(Kind.CANDLES, level_bars(NEW_TS, 30.0), source="okx")
        assert opens(copy) == {**OLD_STATE, **dict.fromkeys(NEW_TS, 30.0)}
        assert opens(copy, BEFORE) == OLD_STATE
        assert not list(copy.rglob("*.tmp"))
