"""Files into a real store: all or nothing, refused rows kept aside, re-imports and revisions."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from arena.core.errors import ConfigError, DataError
from arena.core.instrument import Instrument, MarginTier, TierTable
from arena.core.timeframe import Timeframe
from arena.data.ingest import IngestReport, ingest_files
from arena.exchange.files import FileRequest
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader

START_MS = 1_735_689_600_000
STEP_MS = 15 * 60_000
NOW_MS = START_MS + 365 * 86_400_000
NAMES = ("ts", "open", "high", "low", "close", "volume")

SWAP = Instrument(
    "BTC-USDT-SWAP",
    "BTC/USDT:USDT",
    0.01,
    0.01,
    0.01,
    0.1,
    12_000,
    100,
    8 * 3_600_000,
    TierTable("2026-05-12", "test", (MarginTier(1000, 0.004, 0.01),)),
)


def _rows(count: int = 200, first: int = 0) -> list[list[float]]:
    return [
        [START_MS + i * STEP_MS, 100.0 + i, 101.5 + i, 99.5 + i, 101.0 + i, 2.5 + i / 4]
        for i in range(first, first + count)
    ]


def _save(path: Path, rows: list[list[float]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows, schema=list(NAMES), orient="row").with_columns(pl.col("ts").cast(pl.Int64)).write_csv(
        path
    )
    return path


@pytest.fixture
def load(tmp_path):
    def run(path: Path, kind: str = "candles", tf: str = "15m", **more) -> IngestReport:
        now_ms = more.pop("now_ms", NOW_MS)
        keys = {k: more.pop(k) for k in ("derive", "run_id", "progress") if k in more}
        named = None if kind == "funding" else Timeframe.parse(tf)
        request = FileRequest(str(path), SWAP, kind, named, **more)
        return ingest_files(request, str(tmp_path / "store"), clock=lambda: now_ms, **keys)

    return run


@pytest.fixture
def reader(tmp_path) -> MarketReader:
    return MarketReader(tmp_path / "store")


def _candles(reader: MarketReader, tf: str = "15m"):
    return reader.read_bars(Kind.CANDLES, SWAP.inst_id, Timeframe.parse(tf))


def test_import_stores_what_the_file_holds(load, reader, tmp_path):
    report = load(_save(tmp_path / "a.csv", _rows()))
    stored = _candles(reader)
    for place, name in enumerate(NAMES):
        np.testing.assert_array_equal(getattr(stored, name), [row[place] for row in _rows()])
    assert stored.origin == {"file"}
    (series,) = report.series
    assert (series.label, series.format) == ("BTC-USDT-SWAP candles 15m", "own columns")
    assert (series.rows_read, series.accepted, series.inserted) == (200, 200, 200)
    assert (series.first_ts, series.last_ts) == (START_MS, START_MS + 199 * STEP_MS)
    assert (report.changed, report.is_synthetic) == (200, False)


def test_import_again_is_a_no_op(load, tmp_path):
    path = _save(tmp_path / "a.csv", _rows())
    load(path, derive=[Timeframe.parse("1h")])
    files = {file: file.stat().st_mtime_ns for file in (tmp_path / "store").rglob("*.parquet")}
    report = load(path, derive=[Timeframe.parse("1h")])
    assert (report.series[0].unchanged, report.changed) == (200, 0)
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "store").rglob("*.parquet")} == files


def test_changed_bar_becomes_a_revision(load, reader, tmp_path):
    load(_save(tmp_path / "a.csv", _rows()))
    rows = _rows()
    rows[7][4] = 107.25
    report = load(_save(tmp_path / "b.csv", rows), run_id="second")
    assert (report.series[0].revised, report.series[0].unchanged) == (1, 199)
    assert _candles(reader).close[7] == 107.25
    revisions = reader.read_revisions(Kind.CANDLES, SWAP.inst_id, Timeframe.parse("15m"))
    assert (revisions["ts"].tolist(), revisions["old_close"].tolist()) == ([int(rows[7][0])], [108.0])
    assert revisions["job"].tolist() == ["second"]


def test_newer_file_appends(load, reader, tmp_path):
    load(_save(tmp_path / "a.csv", _rows(100)))
    report = load(_save(tmp_path / "b.csv", _rows(120, first=80)))
    assert (report.series[0].inserted, report.series[0].unchanged) == (100, 20)
    assert len(_candles(reader)) == 200


def test_refused_rows_go_to_a_file_with_their_reasons(load, reader, tmp_path):
    rows = _rows()
    rows[3][5] = -1.0
    rows[5][2] = 50.0
    report = load(_save(tmp_path / "a b.csv", rows), run_id="run7")
    (series,) = report.series
    assert series.refused == {"high_below_low": 1, "negative_volume": 1}
    assert (series.accepted, series.gaps, series.missing) == (198, 2, 2)
    (path,) = series.rejects
    assert Path(path) == tmp_path / "store" / "rejects" / "run7-a_b.csv"
    with Path(path).open() as file:
        kept = list(csv.DictReader(file))
    assert [(row["row"], row["reason"]) for row in kept] == [
        ("4", "negative_volume"),
        ("6", "high_below_low"),
    ]
    assert (kept[0]["ts"], kept[0]["volume"]) == (str(int(rows[3][0])), "-1.0")
    assert rows[3][0] not in _candles(reader).ts
    assert any("2 rows refused (1 high_below_low, 1 negative_volume)" in line for line in report.lines())


def test_files_of_one_name_keep_their_rejects_apart(load, tmp_path):
    bad = _rows(10)
    bad[2][5] = -1.0
    _save(tmp_path / "in" / "x" / "a.csv", bad)
    _save(tmp_path / "in" / "y" / "a.csv", [[r[0] + 10 * STEP_MS, *r[1:]] for r in bad])
    report = load(tmp_path / "in", run_id="r")
    assert [Path(path).name for path in report.series[0].rejects] == ["r-a.csv", "r-a-2.csv"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param("a,b\n1,2\n", ConfigError, id="unknown-layout"),
        pytest.param("PAR1 damaged", ConfigError, id="damaged"),
        pytest.param(
            "ts,open,high,low,close,volume\n0,1,1,1,1,1\n60000,1,1,1,1,1\n", DataError, id="wrong-grid"
        ),
    ],
)
def test_one_bad_file_of_several_leaves_the_store_untouched(content, error, load, tmp_path):
    _save(tmp_path / "in" / "a.csv", _rows(10))
    _save(tmp_path / "in" / "c.csv", _rows(10, first=10))
    (tmp_path / "in" / "b.csv").write_text(content)
    with pytest.raises(error, match=r"^b\.csv: "):
        load(tmp_path / "in")
    assert not (tmp_path / "store").exists()


def test_wrong_grid_is_refused_before_anything_is_written(load, tmp_path):
    with pytest.raises(DataError, match="bars every 15m, but timeframe=1h was named"):
        load(_save(tmp_path / "a.csv", _rows()), tf="1h")
    assert not (tmp_path / "store").exists()


def test_file_without_a_good_row_is_an_error_that_names_the_rejects(load, reader, tmp_path):
    rows = [[*row[:5], -1.0] for row in _rows(5)]
    with pytest.raises(DataError, match=r"no row could be accepted \(5 negative_volume\); see .*rejects"):
        load(_save(tmp_path / "a.csv", rows))
    assert reader.list_series() == []


def test_derived_timeframes_are_complete_buckets(load, reader, tmp_path):
    rows = [row for i, row in enumerate(_rows(400)) if i != 50]
    report = load(_save(tmp_path / "a.csv", rows), derive=[Timeframe.parse("1h"), Timeframe.parse("1d")])
    assert [series.timeframe for series in report.series] == ["15m", "1h", "1d"]
    hours = _candles(reader, "1h")
    assert (report.series[1].inserted, len(hours)) == (99, 99)
    assert START_MS + 12 * 3_600_000 not in hours.ts
    assert hours.volume[0] == sum(row[5] for row in rows[:4])
    assert len(_candles(reader, "1d")) == 3


def test_hole_filled_later_is_derived_later(load, reader, tmp_path):
    targets = [Timeframe.parse("1h")]
    load(_save(tmp_path / "a.csv", [r for i, r in enumerate(_rows()) if i != 50]), derive=targets)
    report = load(_save(tmp_path / "b.csv", _rows()), derive=targets)
    assert (report.series[0].inserted, report.series[1].inserted) == (1, 1)
    assert len(_candles(reader, "1h")) == 50


@pytest.mark.parametrize(
    ("kind", "tf", "target"), [("candles", "15m", "5m"), ("candles", "4h", "4h"), ("funding", "15m", "1h")]
)
def test_target_that_cannot_be_derived_is_refused_first(kind, tf, target, load, tmp_path):
    with pytest.raises(ConfigError, match=f"derive={target}"):
        load(tmp_path / "nothing", kind=kind, tf=tf, derive=[Timeframe.parse(target)])


@pytest.mark.parametrize("kind", ["mark", "index"])
def test_price_series_are_stored_under_their_kind(kind, load, reader, tmp_path):
    load(_save(tmp_path / "a.csv", _rows()), kind=kind, derive=[Timeframe.parse("1h")])
    bars = reader.read_bars(Kind(kind), SWAP.inst_id, Timeframe.parse("1h"))
    assert len(bars) == 50
    assert not bars.volume.any()
    assert _candles(reader).ts.size == 0


def test_funding_is_stored_with_its_publisher(load, reader, tmp_path):
    lines = [f"{START_MS + i * 28_800_000 + 3},8,{i * 1e-5}" for i in range(30)]
    path = tmp_path / "f.csv"
    path.write_text("\n".join(["calc_time,funding_interval_hours,last_funding_rate", *lines]) + "\n")
    report = load(path, kind="funding")
    series = reader.read_funding(SWAP.inst_id)
    assert (len(series), set(series.source)) == (30, {"binance"})
    assert (report.series[0].timeframe, report.series[0].inserted) == (None, 30)
    assert load(path, kind="funding").changed == 0


def test_real_files_do_not_enter_a_store_of_generated_prices(load, tmp_path):
    path = _save(tmp_path / "a.csv", _rows())
    load(path, source="synthetic")
    with pytest.raises(ConfigError, match="holds synthetic prices of BTC-USDT-SWAP: real ones go to a store"):
        load(path)


def test_report_is_plain_json_and_tells_progress(load, tmp_path):
    steps: list[tuple[int, int]] = []
    report = load(
        _save(tmp_path / "a.csv", _rows()), progress=lambda done, total, _label: steps.append((done, total))
    )
    told = json.loads(json.dumps(report.as_dict()))
    assert told["series"][0]["inserted"] == told["changed"] == 200
    assert told["synthetic"] is False
    assert steps == [(0, 2), (1, 2), (2, 2)]


@pytest.mark.real_market
def test_real_history_is_imported_with_its_hole(real_market, load, reader):
    report = load(
        real_market / "okx_BTC-USDT-SWAP_15m.parquet",
        source="okx",
        derive=[Timeframe.parse("1h"), Timeframe.parse("4h")],
        now_ms=1_798_761_600_000,
    )
    (candles, hours, _) = report.series
    assert (candles.rows_read, candles.accepted, candles.refused) == (139_005, 139_005, {})
    assert (candles.gaps, candles.missing, candles.duplicates) == (1, 21, 0)
    known = pl.read_parquet(real_market / "okx_BTC-USDT-SWAP_1h.parquet")
    stored = _candles(reader, "1h")
    assert hours.inserted == len(known) == len(stored)
    for name in ("ts", "open", "high", "low", "close"):
        np.testing.assert_array_equal(getattr(stored, name), known[name].to_numpy(), err_msg=name)
    np.testing.assert_allclose(stored.volume, known["volume"].to_numpy(), rtol=1e-9)


def test_request_is_what_the_command_says(tmp_path):
    request = FileRequest("a.csv", SWAP, "candles", Timeframe.parse("15m"))
    assert replace(request, kind="mark").volume == "base"
    with pytest.raises(ConfigError, match=r"exchange\.path=nowhere\.csv: no such file"):
        ingest_files(replace(request, path="nowhere.csv"), str(tmp_path / "store"))
