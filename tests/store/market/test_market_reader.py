import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arena
from arena.core.bars import Bars
from arena.core.clock import parse_time
from arena.core.errors import DataError
from arena.core.timeframe import Timeframe
from arena.store.market import reader as reader_module
from arena.store.market.layout import Kind, SeriesInfo
from arena.store.market.reader import Coverage, MarketReader
from arena.store.market.writer import MarketWriter

MINUTE = 60_000
BTC, M1 = "BTC-USDT-SWAP", Timeframe.parse("1m")
START = parse_time("2025-11-20")
COUNT = 70_000  # touches November, December and January
FIELDS = ("ts", "open", "high", "low", "close", "volume")


@pytest.fixture(scope="module")
def series() -> Bars:
    ts = START + MINUTE * np.arange(COUNT, dtype=np.int64)
    rng = np.random.default_rng(7)
    close = 40_000 + np.round(np.cumsum(rng.normal(0, 5, COUNT)), 1)
    return Bars(BTC, M1, ts, close, close + 1, close - 1, close, rng.gamma(1, 2, COUNT), frozenset({"okx"}))


@pytest.fixture(scope="module")
def stored(series: Bars, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("market")
    MarketWriter(root, clock=lambda: 1).write_bars(Kind.CANDLES, series, source="okx")
    return root


def assert_same(got: Bars, expected: Bars) -> None:
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name))


POSITION = st.none() | st.integers(-10 * MINUTE, (COUNT + 10) * MINUTE).map(lambda ms: START + ms)


@settings(max_examples=60, deadline=None)
@given(POSITION, POSITION, st.none() | st.integers(0, COUNT + 5), st.booleans())
def test_read_equals_the_slice_of_the_whole(
    stored: Path, series: Bars, start: int | None, end: int | None, limit: int | None, dated: bool
) -> None:
    got = MarketReader(stored).read_bars(
        Kind.CANDLES, BTC, M1, start=start, end=end, limit=limit, as_of=1 if dated else None
    )
    rows = np.ones(COUNT, np.bool_)
    rows &= series.ts >= start if start is not None else True
    rows &= series.ts < end if end is not None else True
    positions = np.flatnonzero(rows)
    if limit is not None:
        positions = positions[max(0, len(positions) - limit) :]
    expected = (
        series.slice(int(positions[0]), int(positions[-1]) + 1) if len(positions) else series.slice(0, 0)
    )
    assert_same(got, expected)


@pytest.mark.parametrize(
    ("ask", "periods"),
    [
        ({"limit": 300}, ["2026-01"]),
        ({"limit": 20_000}, ["2026-01", "2025-12"]),
        ({"start": parse_time("2025-12-05"), "end": parse_time("2025-12-06")}, ["2025-12"]),
        ({"end": parse_time("2025-12-01")}, ["2025-11"]),
        ({"end": parse_time("2025-12-01T00:00:00.001Z"), "limit": 1}, ["2025-12"]),
        ({"start": parse_time("2026-01-01")}, ["2026-01"]),
        ({"start": parse_time("2027-01-01")}, []),
    ],
    ids=["newest", "newest-over-two", "inside", "before-month-end", "just-past", "from-new-year", "beyond"],
)
def test_read_opens_only_the_partitions_it_needs(
    stored: Path, monkeypatch: pytest.MonkeyPatch, ask: dict[str, int], periods: list[str]
) -> None:
    opened: list[str] = []
    read_table = reader_module.read_table

    def spy(path: Path, *args: Any, **kwargs: Any) -> Any:
        opened.append(path.stem)
        return read_table(path, *args, **kwargs)

    monkeypatch.setattr(reader_module, "read_table", spy)
    MarketReader(stored).read_bars(Kind.CANDLES, BTC, M1, **ask)
    assert opened == periods


def test_read_of_a_few_bars_touches_one_row_group(stored: Path) -> None:
    from pyarrow import parquet as pq

    from arena.store.market.tables import _touched_groups

    path = stored / "market" / "candles" / BTC / "1m" / "2025-12.parquet"
    metadata = pq.ParquetFile(path).metadata
    last = metadata.num_row_groups - 1
    assert last > 3
    assert _touched_groups(metadata, None, None, 300) == [last]
    first_day = parse_time("2025-12-01")
    assert _touched_groups(metadata, first_day, first_day + 10 * MINUTE, None) == [0]
    assert _touched_groups(metadata, parse_time("2026-01-01"), None, None) == []


@pytest.mark.parametrize("limit", [10, 20_000, None], ids=["one file", "two files", "all"])
def test_arrays_are_contiguous_writable_and_independent(stored: Path, limit: int | None) -> None:
    reader = MarketReader(stored)
    first = reader.read_bars(Kind.CANDLES, BTC, M1, limit=limit)
    kept = first.close[0]
    for name in FIELDS:
        array = getattr(first, name)
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert array.dtype == (np.int64 if name == "ts" else np.float64)
    first.close[0] = -1
    assert reader.read_bars(Kind.CANDLES, BTC, M1, limit=limit).close[0] == kept


def test_coverage_counts_holes_from_the_footers(any_root: str, clock: Any, make_bars: Any) -> None:
    writer, reader = MarketWriter(any_root, clock=clock), MarketReader(any_root)
    stamps = [START + k * MINUTE for k in (0, 1, 2, 5, 6, 50_000)]
    writer.write_bars(Kind.CANDLES, make_bars(stamps, timeframe="1m"), source="okx")
    assert reader.coverage(Kind.CANDLES, BTC, M1) == Coverage(
        first=stamps[0], last=stamps[-1], present=6, expected=50_001, missing=49_995
    )
    assert reader.coverage(Kind.MARK, BTC, M1) is None


def test_list_series_names_what_is_stored_and_nothing_else(root: Path, clock: Any, make_bars: Any) -> None:
    writer, reader = MarketWriter(root, clock=clock), MarketReader(root)
    assert reader.list_series() == []
    day = parse_time("2026-01-01")
    for kind, timeframe in ((Kind.MARK, "1h"), (Kind.CANDLES, "1d"), (Kind.CANDLES, "15m")):
        writer.write_bars(kind, make_bars([day], timeframe=timeframe), source="okx")
    (root / "market" / "candles" / BTC / "4h").mkdir()
    (root / "market" / "candles" / BTC / "notes").mkdir()
    assert reader.list_series() == [
        SeriesInfo(Kind.CANDLES, BTC, Timeframe.parse("15m")),
        SeriesInfo(Kind.CANDLES, BTC, Timeframe.parse("1d")),
        SeriesInfo(Kind.MARK, BTC, Timeframe.parse("1h")),
    ]


def test_missing_series_reads_as_empty(any_root: str) -> None:
    reader = MarketReader(any_root)
    bars = reader.read_bars(Kind.CANDLES, BTC, M1, limit=5)
    assert (len(bars), bars.origin, bars.timeframe) == (0, frozenset(), M1)
    assert len(reader.read_funding(BTC)) == 0
    assert reader.read_revisions(Kind.CANDLES, BTC, M1) == {}


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "flipped"])
def test_file_that_cannot_be_read_is_named(root: Path, clock: Any, make_bars: Any, damage: str) -> None:
    bars = make_bars([START + k * MINUTE for k in range(500)], np.arange(500.0), timeframe="1m")
    MarketWriter(root, clock=clock).write_bars(Kind.CANDLES, bars, source="okx")
    path = root / "market" / "candles" / BTC / "1m" / "2025-11.parquet"
    whole = path.read_bytes()
    middle = len(whole) // 4
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    path.write_bytes({"cut": whole[:middle], "empty": b"", "text": b"ts,open\n", "flipped": flipped}[damage])
    with pytest.raises(DataError, match=r"2025-11\.parquet cannot be read .* ingest its period again"):
        MarketReader(root).read_bars(Kind.CANDLES, BTC, M1)
    with pytest.raises(DataError, match=r"2025-11\.parquet cannot be read"):
        MarketWriter(root, clock=clock).write_bars(Kind.CANDLES, bars.slice(0, 1), source="okx")


def test_foreign_parquet_file_is_refused_and_not_guessed_at(root: Path) -> None:
    folder = root / "market" / "candles" / BTC / "1m"
    folder.mkdir(parents=True)
    pl.DataFrame({"ts": [START], "open": [1.0]}).write_parquet(folder / "2025-11.parquet")
    with pytest.raises(DataError, match="market format 'none'"):
        MarketReader(root).read_bars(Kind.CANDLES, BTC, M1)


def test_hidden_and_foreign_names_are_not_partitions(stored: Path, series: Bars) -> None:
    folder = stored / "market" / "candles" / BTC / "1m"
    extra = [folder / ".2025-11.parquet.1-aa.tmp", folder / "copy of 2025-11.parquet", folder / "readme.txt"]
    for path in extra:
        path.write_bytes(b"half a file")
    try:
        assert len(MarketReader(stored).read_bars(Kind.CANDLES, BTC, M1)) == COUNT
    finally:
        for path in extra:
            path.unlink()


@pytest.mark.parametrize("library", ["polars", "duckdb"])
def test_other_readers_agree_on_the_files(stored: Path, series: Bars, library: str) -> None:
    pattern = str(stored / "market" / "candles" / BTC / "1m" / "*.parquet")
    if library == "polars":
        frame = pl.read_parquet(pattern, columns=list(FIELDS))
    else:
        rows = duckdb.read_parquet(pattern).order("ts").fetchnumpy()
        frame = pl.DataFrame({name: rows[name] for name in FIELDS})
    assert frame.equals(series.to_polars())


def test_neither_reading_nor_writing_imports_pandas(tmp_path: Path) -> None:
    decoy = tmp_path / "decoy" / "pandas"
    decoy.mkdir(parents=True)
    (decoy / "__init__.py").write_text("raise SystemExit('pandas was imported')\n")
    script = """
import sys
import numpy as np
from arena.core.bars import Bars, FundingSeries
from arena.core.timeframe import Timeframe
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter
assert "pyarrow" not in sys.modules, "importing the store imports pyarrow"
writer, reader = MarketWriter(sys.argv[1], clock=lambda: 1), MarketReader(sys.argv[1])
one = np.ones(1)
for value in (1.0, 2.0):
    bars = Bars("X-USDT-SWAP", Timeframe.parse("1h"), np.zeros(1, np.int64), *[one * value] * 5)
    writer.write_bars(Kind.CANDLES, bars, source="test")
    writer.write_funding(FundingSeries("X-USDT-SWAP", np.zeros(1, np.int64), one * value, ("test",)))
assert reader.read_bars(Kind.CANDLES, "X-USDT-SWAP", bars.timeframe, as_of=0).ts.tolist() == []
assert reader.read_funding("X-USDT-SWAP").source == ("test",)
assert reader.coverage(Kind.CANDLES, "X-USDT-SWAP", bars.timeframe).present == 1
"""
    project = Path(arena.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "store")],
        env={"PYTHONPATH": f"{decoy.parent}:{project}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
