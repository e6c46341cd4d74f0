"""The store and the health checks on real history; MANIFEST.md beside the files says what must come out."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from arena.core.bars import Bars, FundingSeries
from arena.core.clock import parse_time
from arena.core.timeframe import Timeframe
from arena.data.health import GapRange, count_flat, find_gaps, range_health
from arena.data.resample import resample
from arena.data.service import DataService
from arena.store.market.layout import Kind
from arena.store.market.writer import MarketWriter

MARKET = Path(__file__).parents[3] / "shared" / "market"
BTC = "BTC-USDT-SWAP"
HOLE = GapRange(parse_time("2022-12-31T18:45"), parse_time("2023-01-01T00:00"), 21)

pytestmark = [
    pytest.mark.real_market,
    pytest.mark.skipif(not MARKET.is_dir(), reason="the real market history is not beside the project"),
]


def load(name: str, timeframe: str) -> Bars:
    frame = pl.read_parquet(MARKET / f"okx_{BTC}_{name}.parquet")
    columns = {column: frame[column].to_numpy() for column in frame.columns}
    if "mark" in name:  # mark prices have no volume: the file's column is empty
        columns["volume"] = np.zeros(len(frame))
    return Bars(BTC, Timeframe.parse(timeframe), **columns, origin=frozenset({"okx"}))


@pytest.fixture(scope="module")
def quarters() -> Bars:
    return load("15m", "15m")


@pytest.mark.parametrize(
    ("name", "timeframe", "kind"),
    [
        ("15m", "15m", Kind.CANDLES),
        ("1h", "1h", Kind.CANDLES),
        ("1d", "1d", Kind.CANDLES),
        ("1m_2026-01", "1m", Kind.CANDLES),
        ("5m_2022", "5m", Kind.CANDLES),
        ("mark_1h_2022-2026", "1h", Kind.MARK),
    ],
)
def test_real_series_comes_back_bit_for_bit(tmp_path: Path, name: str, timeframe: str, kind: Kind) -> None:
    bars = load(name, timeframe)
    MarketWriter(tmp_path, clock=lambda: 1).write_bars(kind, bars, source="okx")
    data = DataService(tmp_path)
    got = data.get_candles(BTC, timeframe, kind=kind)
    for column in ("ts", "open", "high", "low", "close", "volume"):
        assert getattr(got, column).tobytes() == getattr(bars, column).tobytes()
    coverage = data.get_coverage(BTC, timeframe, kind=kind)[timeframe]
    assert coverage.missing == sum(gap.bars for gap in find_gaps(bars.ts, bars.timeframe.step_ms))


def test_hole_of_new_years_eve_2022_is_seen_and_is_the_only_one(tmp_path: Path, quarters: Bars) -> None:
    MarketWriter(tmp_path, clock=lambda: 1).write_bars(Kind.CANDLES, quarters, source="okx")
    stored = DataService(tmp_path).get_candles(BTC, "15m")
    assert find_gaps(stored.ts, stored.timeframe.step_ms) == [HOLE]
    health = range_health(stored, start=parse_time("2022-12-31"), end=parse_time("2023-01-01"))
    assert (health.expected, health.present, health.missing) == (96, 75, 21)
    assert health.gaps == (HOLE,)


def test_flat_bars_are_those_of_the_manifest(quarters: Bars) -> None:
    assert (count_flat(quarters), len(quarters)) == (56, 139_005)


def test_resampled_quarters_equal_the_recorded_four_hours(quarters: Bars) -> None:
    built, recorded = resample(quarters, Timeframe.parse("4h")), load("4h", "4h")
    at = np.searchsorted(recorded.ts, built.ts)
    np.testing.assert_array_equal(recorded.ts[at], built.ts)
    np.testing.assert_array_equal(recorded.high[at], built.high)
    np.testing.assert_array_equal(recorded.low[at], built.low)
    assert len(built) == 8_687
    assert np.count_nonzero(recorded.close[at] != built.close) == 2


def test_resampled_minutes_equal_the_recorded_quarters(quarters: Bars) -> None:
    built = resample(load("1m_2026-01", "1m"), Timeframe.parse("15m"))
    at = np.searchsorted(quarters.ts, built.ts)
    for column in ("ts", "open", "high", "low", "close"):
        np.testing.assert_array_equal(getattr(quarters, column)[at], getattr(built, column))
    np.testing.assert_allclose(quarters.volume[at], built.volume, rtol=1e-9)


def test_real_funding_comes_back_with_its_hole(tmp_path: Path) -> None:
    frame = pl.read_parquet(MARKET / f"okx_{BTC}_funding_8h_2025-2026.parquet")
    ts, rate = frame["ts"].to_numpy(), frame["rate"].to_numpy()
    MarketWriter(tmp_path, clock=lambda: 1).write_funding(FundingSeries(BTC, ts, rate, ("okx",) * len(ts)))
    got = DataService(tmp_path).get_funding(BTC)
    assert (got.ts.tobytes(), got.rate.tobytes(), set(got.source)) == (ts.tobytes(), rate.tobytes(), {"okx"})
    holes = [gap for gap in find_gaps(got.ts, 8 * 3_600_000) if gap.bars > 1]
    assert [gap.start for gap in holes] == [parse_time("2026-01-16T00:00")]
