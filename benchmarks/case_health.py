"""Case 9: the health scan of one series in memory, of one from the store, of all of an instrument.

Works in a temporary folder. Invariant: the series has a hole, a spike and an outage, and a scan finds them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from arena.core.bars import Bars
from arena.core.timeframe import Timeframe
from arena.data.resample import resample
from arena.data.scan.rules import ScanRules
from arena.data.scan.series import BarChecks, scan_bars
from arena.data.survey import SurveyRequest, survey
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter
from benchmarks.market import LARGE, make_market
from benchmarks.table import Row, row
from benchmarks.timing import Job, take_turns

SCAN_TARGET_S = 1.0
COARSER = ("5m", "15m", "1h", "4h", "1d")
EIGHT_HOURS_MS = 8 * 3_600_000
PLANTED = {"gap", "spike", "zero_volume"}


def measure_health(folder: Path, *, quick: bool) -> list[Row]:
    """Return the rows of all three."""
    case = "9. Health"
    bars = _damaged(make_market(LARGE).bars)
    now = int(bars.close_ts[-1])
    root = folder / "health"
    writer = MarketWriter(root, clock=lambda: now)
    writer.write_bars(Kind.CANDLES, bars, source="synthetic")
    writer.write_bars(Kind.MARK, bars, source="synthetic")
    for name in COARSER:
        writer.write_bars(Kind.CANDLES, resample(bars, Timeframe.parse(name)), source="synthetic")
    jobs: dict[str, Job] = {
        f"scan of {len(bars):,} bars in memory": lambda: _scan(bars, now),
        f"{len(bars):,} bars of 1m and their marks read from the store and scanned": lambda: _survey(
            root, bars, now, ("1m",)
        ),
        "the same with 5m, 15m, 1h, 4h and 1d, each held against all finer ones": lambda: _survey(
            root, bars, now, ("1m", *COARSER)
        ),
    }
    taken = take_turns(jobs, 3 if quick else 9)
    return [row(case, name, "s", sample, SCAN_TARGET_S) for name, sample in taken.items()]


def _damaged(bars: Bars) -> Bars:
    kept = np.delete(np.arange(len(bars)), np.arange(500_000, 500_315))
    columns = {name: getattr(bars, name)[kept] for name in ("ts", "open", "high", "low", "close", "volume")}
    columns["high"][900_000] *= 1.2
    columns["volume"][1_200_000:1_200_600] = 0
    return replace(bars, **columns)


def _scan(bars: Bars, now: int) -> None:
    health = scan_bars(bars, BarChecks(now, ScanRules()))
    assert set(health.totals) >= PLANTED


def _survey(root: Path, bars: Bars, now: int, names: tuple[str, ...]) -> None:
    lengths = [Timeframe.parse(name) for name in names]
    request = SurveyRequest(bars.inst_id, lengths, EIGHT_HOURS_MS, now, ScanRules())
    found = survey(MarketReader(root), request)
    assert {"gap", "zero_volume"} <= set(found[0].totals)
