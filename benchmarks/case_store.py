"""Case 4: the market store: import, range read, append.

Works in a temporary folder. Invariant: each import goes to an empty store, each append meets a
partition that is nearly full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count, cycle
from pathlib import Path

import numpy as np

from arena.core.bars import Bars
from arena.core.timeframe import Timeframe
from arena.data.ingest import ingest_files
from arena.data.resample import resample
from arena.data.service import DataService
from arena.exchange.files import FileRequest
from arena.store.market.layout import Kind
from arena.store.market.writer import MarketWriter
from benchmarks.market import LARGE, MIDDLE, SMALL, listed_instrument, make_market
from benchmarks.table import Row, row
from benchmarks.timing import Job, take_turns

IMPORT_TARGET_S = 3.0
READ_TARGET_MS = 10.0
APPEND_TARGET_MS = 30.0

COARSER = ("15m", "1h", "1d")
HELD_BACK = 40
"""Newest bars of each series, left for the appends: the last partition is nearly full then."""


def measure_store(folder: Path, *, quick: bool) -> list[Row]:
    """Return the rows of all three."""
    case = "4. Store"
    bars = make_market(LARGE).bars
    return [
        *_imports(
            case, folder, bars, ("Parquet",) if quick else ("CSV", "Parquet"), rounds=1 if quick else 3
        ),
        *_reads(case, folder, bars, rounds=5 if quick else 15),
        *_appends(case, folder, bars, rounds=7 if quick else 21),
    ]


def _imports(case: str, folder: Path, bars: Bars, formats: Sequence[str], rounds: int) -> list[Row]:
    frame = bars.to_polars()
    files = {"CSV": folder / "bars.csv", "Parquet": folder / "bars-1m.parquet"}
    if "CSV" in formats:
        frame.write_csv(files["CSV"])
    frame.write_parquet(files["Parquet"])
    roots = (folder / f"import-{number}" for number in count())

    def bring_in(path: Path) -> Job:
        request = FileRequest(str(path), listed_instrument(), "candles", bars.timeframe)

        def job() -> None:
            report = ingest_files(request, str(next(roots)), clock=lambda: int(bars.close_ts[-1]))
            assert report.series[0].inserted == len(bars)

        return job

    taken = take_turns({name: bring_in(files[name]) for name in formats}, rounds, repeat=False)
    return [
        row(case, f"import of {len(bars):,} bars of 1m from one {name} file", "s", sample, IMPORT_TARGET_S)
        for name, sample in taken.items()
    ]


def _reads(case: str, folder: Path, bars: Bars, rounds: int) -> list[Row]:
    jobs: dict[str, Job] = {}
    for size in (LARGE, MIDDLE):
        root = folder / f"read-{size}"
        part = bars.slice(0, size)
        _writer(root, part).write_bars(Kind.CANDLES, part, source="synthetic")
        jobs[f"{size:,}"] = _range_read(root, part)
    return [
        row(
            case,
            f"{SMALL:,} bars of a history of {size} into arrays",
            "ms",
            sample.scaled(1e3),
            READ_TARGET_MS,
        )
        for size, sample in take_turns(jobs, rounds).items()
    ]


def _range_read(root: Path, bars: Bars) -> Callable[[], Bars]:
    """Return a read of a range that lies elsewhere at each call, as a new reader would do it."""
    starts = cycle(np.linspace(0, len(bars) - SMALL, 17).astype(int).tolist())

    def read() -> Bars:
        first = next(starts)
        start = int(bars.ts[first])
        end = start + SMALL * bars.timeframe.step_ms
        found = DataService(root).get_candles(bars.inst_id, bars.timeframe, start=start, end=end)
        assert len(found) == SMALL
        return found

    return read


def _appends(case: str, folder: Path, bars: Bars, rounds: int) -> list[Row]:
    jobs: dict[str, Job] = {}
    root = folder / "append"
    for series in (bars, *(resample(bars, Timeframe.parse(name)) for name in COARSER)):
        stored = series.slice(0, len(series) - HELD_BACK)
        _writer(root, series).write_bars(Kind.CANDLES, stored, source="synthetic")
        jobs[str(series.timeframe)] = _append(root, series, iter(range(len(stored), len(series))))
    return [
        row(case, f"append of one closed bar of {name}", "ms", sample.scaled(1e3), APPEND_TARGET_MS)
        for name, sample in take_turns(jobs, rounds, repeat=False).items()
    ]


def _append(root: Path, series: Bars, positions: Iterator[int]) -> Job:
    def append() -> object:
        at = next(positions)
        bar = series.slice(at, at + 1)
        return _writer(root, series).write_bars(Kind.CANDLES, bar, source="synthetic")

    return append


def _writer(root: Path, bars: Bars) -> MarketWriter:
    return MarketWriter(root, clock=lambda: int(bars.close_ts[-1]))
