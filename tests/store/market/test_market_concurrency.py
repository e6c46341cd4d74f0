import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from arena.core.clock import parse_time
from arena.core.timeframe import Timeframe
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader

HOUR = 3_600_000
START = parse_time("2026-01-01")
BTC, H1 = "BTC-USDT-SWAP", Timeframe.parse("1h")

WRITER = """
import itertools, sys
import numpy as np
from arena.core.bars import Bars
from arena.core.timeframe import Timeframe
from arena.store.market.layout import Kind
from arena.store.market.writer import MarketWriter

root, start, first, step, count, size = sys.argv[1], *map(int, sys.argv[2:7])
writer = MarketWriter(root, clock=lambda: 1)
ranks = range(first, count, step) if count else itertools.count(first, step)
for rank in ranks:
    # size 0: bar `rank` alone; otherwise all of the `size` bars, rewritten with this rank as value
    place = np.arange(size) if size else np.array([rank])
    level = np.full(len(place), float(rank))
    ts = start + place * 3_600_000
    bars = Bars("BTC-USDT-SWAP", Timeframe.parse("1h"), ts, level, level, level, level, level)
    writer.write_bars(Kind.CANDLES, bars, source="okx")
    print(rank, flush=True)
"""


@contextmanager
def running_writer(
    root: Path, first: int, step: int, count: int, size: int
) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", WRITER, str(root), *map(str, (START, first, step, count, size))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_readers_beside_a_running_writer_see_whole_states_only(tmp_path: Path) -> None:
    reader = MarketReader(tmp_path)
    seen = set()
    with running_writer(tmp_path, first=0, step=1, count=0, size=600) as process:
        assert first_line(process) == "0\n"
        for _ in range(2_000):
            bars = reader.read_bars(Kind.CANDLES, BTC, H1)
            assert len(bars) == 600
            state = set(bars.close.tolist())
            assert len(state) == 1
            seen |= state
            coverage = reader.coverage(Kind.CANDLES, BTC, H1)
            assert coverage is not None
            assert coverage.present == 600
        assert process.poll() is None, "the writer must have run to the end"
    assert len(seen) > 10


def test_two_writers_of_one_partition_lose_nothing(tmp_path: Path) -> None:
    with (
        running_writer(tmp_path, first=0, step=2, count=80, size=0) as even,
        running_writer(tmp_path, first=1, step=2, count=80, size=0) as odd,
    ):
        for process in (even, odd):
            _, errors = process.communicate(timeout=60)
            assert (process.returncode, errors) == (0, "")
    bars = MarketReader(tmp_path).read_bars(Kind.CANDLES, BTC, H1)
    np.testing.assert_array_equal(bars.ts, START + np.arange(80) * HOUR)
    np.testing.assert_array_equal(bars.close, np.arange(80.0))
