"""kill -9 before and after every rename and every commit of a job: nothing is lost, nothing is doubled."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from arena.data.service import DataService
from arena.store.ledger import open_reads
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader
from tests.reliability.conftest import was_killed, write_archive

INGEST = ("exchange=files", "exchange.path=archive/", "timeframe=1h", "derive=[4h]", "store.root=store")
BARS = 24 * 20


@pytest.fixture
def ready(killer):
    """Return jobs in a folder with a store of ten days and an archive of twenty, some of them changed."""

    def make(name: str):
        made = killer(name)
        (made.folder / "archive").mkdir()
        write_archive(made.folder / "archive" / "old.csv", 0, BARS // 2)
        assert made.run("ingest", *INGEST).returncode == 0
        write_archive(made.folder / "archive" / "old.csv", 0, BARS, level=101.0)
        return made

    return make


def _stored(folder) -> dict[str, np.ndarray]:
    reader = MarketReader(folder / "store")
    found = {}
    for series in reader.list_series():
        bars = reader.read_bars(series.kind, series.inst_id, series.timeframe)
        for name in ("ts", "open", "high", "low", "close", "volume"):
            found[f"{series.label} {name}"] = getattr(bars, name)
        revisions = reader.read_revisions(series.kind, series.inst_id, series.timeframe)
        for name in ("ts", "old_close", "new_close"):
            if name in revisions:
                found[f"{series.label} revised {name}"] = revisions[name]
    return found


def _is_sound(ledger) -> bool:
    opened = sqlite3.connect(ledger)
    try:
        return opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        opened.close()


@pytest.mark.slow
def test_ingest_killed_at_any_step_ends_like_one_that_was_not(ready):
    whole = ready("whole")
    assert whole.run("ingest", *INGEST).returncode == 0
    steps, expected = whole.steps(), _stored(whole.folder)
    assert steps >= 16, "renames and commits are not counted"
    assert len(expected["1h candles of BTC-USDT-SWAP ts"]) == BARS - BARS // 120
    for at in range(steps):
        killed = ready(f"killed_{at}")
        done = killed.run("ingest", *INGEST, kill_at=at)
        assert was_killed(done), (at, done.stderr)
        between = _stored(killed.folder)  # every file can be read as it stands
        ts = between["1h candles of BTC-USDT-SWAP ts"]
        assert len(np.unique(ts)) == len(ts) >= BARS // 2 - 2
        again = killed.run("ingest", *INGEST)
        assert again.returncode == 0, (at, again.stderr)
        assert _is_sound(killed.folder / "store" / "ledger.sqlite")
        after = _stored(killed.folder)
        assert after.keys() == expected.keys(), at
        for name, values in expected.items():
            assert np.array_equal(after[name], values), (at, name)
        with open_reads(f"sqlite:///{killed.folder / 'store' / 'ledger.sqlite'}") as ledger:
            runs = ledger.list_job_runs(10, job="ingest")
        states = [run["status"] for run in runs]
        assert states[0] == "done", (at, states)
        assert "running" not in states, (at, states)
        assert list((killed.folder / "store").rglob("*.tmp")) == [], at


@pytest.mark.slow
def test_migrate_killed_at_any_step_ends_at_the_newest_revision(killer):
    whole = killer("whole")
    assert whole.run("migrate", "store.root=store").returncode == 0
    steps = whole.steps()
    assert steps >= 2
    for at in range(steps):
        killed = killer(f"killed_{at}")
        done = killed.run("migrate", "store.root=store", kill_at=at)
        assert was_killed(done), (at, done.stderr)
        again = killed.run("migrate", "store.root=store")
        assert again.returncode == 0, (at, again.stderr)
        ledger = killed.folder / "store" / "ledger.sqlite"
        assert _is_sound(ledger)
        with open_reads(f"sqlite:///{ledger}") as reads:
            assert reads.list_job_runs(5) == []
        assert _tables(ledger) == _tables(whole.folder / "store" / "ledger.sqlite")


def _tables(ledger) -> list[tuple[str, str]]:
    opened = sqlite3.connect(ledger)
    try:
        return opened.execute(
            "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
        ).fetchall()
    finally:
        opened.close()


@pytest.mark.slow
def test_ten_thousand_reads_beside_a_running_import_meet_no_error(ready, project):
    made = ready("read")
    loop = f"""
import numpy as np
from arena.core.bars import Bars
from arena.core.timeframe import Timeframe
from arena.store.market.writer import MarketWriter
from arena.store.market.layout import Kind
writer = MarketWriter("store", clock=lambda: 1)
rank = 0
while True:
    rank += 1
    level = np.full({BARS}, 100.0 + rank)
    ts = 1_767_225_600_000 + np.arange({BARS}) * 3_600_000
    bars = Bars("ETH-USDT-SWAP", Timeframe.parse("1h"), ts, level, level, level, level, level)
    writer.write_bars(Kind.CANDLES, bars, source="okx")
    print(rank, flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", loop],
        cwd=made.folder,
        env={"PYTHONPATH": str(project)},
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        service = DataService(made.folder / "store")
        seen = set()
        for read in range(10_000):
            limit = BARS if read % 10 == 0 else 20
            bars = service.get_candles("ETH-USDT-SWAP", "1h", limit=limit)
            assert len(bars) == limit
            levels = np.unique(bars.close)
            assert len(levels) == 1, "a read met half a write"
            seen.add(float(levels[0]))
        writer.kill()
    assert len(seen) > 20, "nothing was written meanwhile"
    assert (
        MarketReader(made.folder / "store").coverage(Kind.CANDLES, "ETH-USDT-SWAP", bars.timeframe)
        is not None
    )
