"""The scan on real history: what MANIFEST.md beside the files says is wrong with it is what is found."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from arena.core.bars import Bars, FundingSeries
from arena.core.clock import parse_time, to_iso
from arena.core.timeframe import Timeframe
from arena.data.scan.finding import Severity
from arena.data.scan.rules import ScanRules
from arena.data.scan.series import SeriesHealth, grade
from arena.data.survey import SurveyRequest, survey
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter

BTC = "BTC-USDT-SWAP"
NOW = parse_time("2026-06-25T16:05")
EIGHT_HOURS = 8 * 3_600_000
FILES = {"15m": "15m", "1h": "1h", "4h": "4h", "1d": "1d", "5m": "5m_2022", "1m": "1m_2026-01"}

pytestmark = pytest.mark.real_market


@pytest.fixture(scope="module")
def found(real_market: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, SeriesHealth]:
    root = tmp_path_factory.mktemp("market")
    writer = MarketWriter(root, clock=lambda: NOW)
    for timeframe, name in FILES.items():
        writer.write_bars(Kind.CANDLES, load(real_market, name, timeframe), source="okx")
    writer.write_bars(Kind.MARK, load(real_market, "mark_1h_2022-2026", "1h"), source="okx")
    frame = pl.read_parquet(real_market / f"okx_{BTC}_funding_8h_2025-2026.parquet")
    ts, rate = frame["ts"].to_numpy(), frame["rate"].to_numpy()
    writer.write_funding(FundingSeries(BTC, ts, rate, ("okx",) * len(ts)))
    lengths = [Timeframe.parse(name) for name in FILES]
    request = SurveyRequest(BTC, lengths, EIGHT_HOURS, NOW, ScanRules())
    return {one.label: one for one in survey(MarketReader(root), request)}


def load(folder: Path, name: str, timeframe: str) -> Bars:
    frame = pl.read_parquet(folder / f"okx_{BTC}_{name}.parquet").fill_null(0.0)
    columns = {column: frame[column].to_numpy() for column in frame.columns if column != "volume"}
    volume = frame["volume"].to_numpy() if "volume" in frame.columns else columns["close"] * 0
    return Bars(
        BTC, Timeframe.parse(timeframe), **columns, volume=volume.astype(float), origin=frozenset({"okx"})
    )


def ranges(health: SeriesHealth, kind: str) -> list[tuple[str, str, int]]:
    return [(to_iso(one.start), to_iso(one.end), one.bars) for one in health.findings if one.kind == kind]


def test_hole_of_new_years_eve_is_the_only_hole(found: dict[str, SeriesHealth]) -> None:
    holes = {
        name: ranges(one, "gap")
        for name, one in found.items()
        if name.startswith("candles") and ranges(one, "gap")
    }
    assert holes == {
        "candles 15m": [("2022-12-31T18:45:00Z", "2023-01-01T00:00:00Z", 21)],
        "candles 1h": [("2022-12-31T18:00:00Z", "2023-01-01T00:00:00Z", 6)],
    }
    assert grade(found["candles 15m"]) == "C"


def test_outage_of_okx_is_a_run_without_volume(found: dict[str, SeriesHealth]) -> None:
    quiet = ranges(found["candles 15m"], "zero_volume")
    assert ("2022-12-18T08:45:00Z", "2022-12-18T18:45:00Z", 40) in quiet
    assert sum(bars for _, _, bars in quiet) == 56
    (outage,) = [one for one in found["candles 15m"].findings if one.bars == 40]
    assert (outage.severity, outage.detail["flat"]) == (Severity.WARNING, 40)


def test_hole_of_the_funding_is_found(found: dict[str, SeriesHealth]) -> None:
    funding = found["funding"]
    assert ranges(funding, "funding_gap") == [("2026-01-16T00:00:00Z", "2026-05-27T00:00:00Z", 393)]
    assert (funding.present, funding.expected, grade(funding)) == (374, 767, "F")
    assert "funding_spacing" not in funding.totals


def test_no_stamp_and_no_bar_is_impossible(found: dict[str, SeriesHealth]) -> None:
    kinds = {kind for one in found.values() for kind in one.totals}
    assert not kinds & {"duplicate", "off_grid", "unfinished", "bad_ohlc", "mark_gap", "mark_bad_ohlc"}


def test_recorded_4h_bars_are_those_of_15m_but_for_the_day_of_the_outage(
    found: dict[str, SeriesHealth],
) -> None:
    differing = [one for one in found["candles 4h"].findings if one.kind == "differs_from_15m"]
    assert len(differing) == 6
    grave = [to_iso(one.start)[:10] for one in differing if one.severity is Severity.WARNING]
    assert grave == ["2022-12-18"] * 3


def test_resampled_bars_agree_to_the_last_digit(found: dict[str, SeriesHealth]) -> None:
    assert not {kind for kind in found["candles 1h"].totals if kind.startswith("differs")}
    assert not {kind for kind in found["candles 15m"].totals if kind.startswith("differs")}


def test_crash_is_a_spike_where_no_mark_confirms_it(found: dict[str, SeriesHealth]) -> None:
    quarters = {one.start: one for one in found["candles 15m"].findings if one.kind == "spike"}
    crash = quarters[parse_time("2025-10-10T21:15")]
    assert crash.severity is Severity.WARNING
    assert crash.detail["move"] == pytest.approx(0.058, abs=0.001)
    hours = [one for one in found["candles 1h"].findings if one.kind == "spike"]
    assert parse_time("2023-08-17T21:00") in {one.start for one in hours}
    assert all(one.severity is Severity.INFO for one in hours)
