"""Every layout that the file feed knows, in every container it comes in, gives the same series."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from arena.core.bars import Bars, FundingSeries
from arena.core.errors import ConfigError, DataError
from arena.core.timeframe import Timeframe
from arena.exchange.files import FileImport, FileRequest, read_files

HOUR_MS = 3_600_000
START_MS = 1_735_689_600_000
SETTLED = [(START_MS + i * 8 * HOUR_MS, rate) for i, rate in enumerate((1e-4, -2.5e-4, 3e-5))]
NOW_MS = START_MS + 365 * 24 * HOUR_MS
NAMES = ("ts", "open", "high", "low", "close", "volume")

Rows = list[list[float]]


def _csv(rows: list[list[object]], header: str = "") -> bytes:
    lines = [header] if header else []
    return ("\n".join([*lines, *(",".join(map(str, row)) for row in rows)]) + "\n").encode()


def _frame_bytes(frame: pl.DataFrame, container: str) -> bytes:
    target = io.BytesIO()
    if container == "parquet":
        frame.write_parquet(target)
    else:
        frame.write_ipc(target, compression="zstd" if container == "feather-zstd" else "lz4")
    return target.getvalue()


def _zip(name: str, content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
        archive.writestr(name + ".CHECKSUM", "0123")
    return target.getvalue()


def _own(rows: Rows) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=list(NAMES), orient="row").with_columns(pl.col("ts").cast(pl.Int64))


def _binance(rows: Rows, scale: float = 1) -> list[list[object]]:
    return [
        [int(r[0] * scale), *r[1:6], int((r[0] + 60_000) * scale) - 1, r[5] * r[4], 17, r[5] / 2, r[5], 0]
        for r in rows
    ]


BINANCE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
    "taker_buy_quote_volume,ignore"
)


def _okx(rows: Rows) -> list[list[object]]:
    """Newest first, as the exchange sends them, with contracts beside coins."""
    arrays = [[r[0], *r[1:5], r[5] * 100, r[5], r[5] * r[4], 1] for r in rows]
    return [[str(int(v)) if i in {0, 8} else str(v) for i, v in enumerate(a)] for a in arrays[::-1]]


def _envelope(rows: list[list[object]]) -> bytes:
    return json.dumps({"code": "0", "msg": "", "data": rows}).encode()


def _freqtrade(rows: Rows) -> pl.DataFrame:
    dates = [datetime.fromtimestamp(r[0] / 1000, UTC) for r in rows]
    columns = {name: [r[i] for r in rows] for i, name in enumerate(NAMES) if i}
    return pl.DataFrame({"date": dates, **columns}).with_columns(
        pl.col("date").cast(pl.Datetime("ns", "UTC"))
    )


OKX_ARCHIVE = "instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm"


def _okx_archive(rows: Rows) -> bytes:
    cells = [["BTC-USDT-SWAP", *r[1:5], r[5] * 100, r[5], r[5] * r[4], int(r[0]), 1] for r in rows]
    return _csv(cells, OKX_ARCHIVE)


Maker = Callable[[Rows], bytes]
BAR_FILES: dict[str, tuple[str, str, Maker]] = {
    "own-parquet": ("a.parquet", "arena", lambda r: _frame_bytes(_own(r), "parquet")),
    "own-feather": ("a.feather", "arena", lambda r: _frame_bytes(_own(r), "feather-zstd")),
    "own-csv": ("a.csv", "arena", lambda r: _own(r).write_csv().encode()),
    "own-csv-crlf": ("a.csv", "arena", lambda r: _own(r).write_csv().replace("\n", "\r\n").encode()),
    "own-csv-bom": ("a.csv", "arena", lambda r: b"\xef\xbb\xbf" + _own(r).write_csv().encode()),
    "own-csv-semicolon": ("a.csv", "arena", lambda r: _own(r).write_csv(separator=";").encode()),
    "own-csv-no-header": ("a.csv", "arena", lambda r: _own(r).write_csv(include_header=False).encode()),
    "own-csv-more-columns": (
        "a.csv",
        "arena",
        lambda r: _own(r).with_columns(note=pl.lit("x")).select("note", *NAMES).write_csv().encode(),
    ),
    "own-csv-iso-times": (
        "a.csv",
        "arena",
        lambda r: _csv(
            [[datetime.fromtimestamp(x[0] / 1000, UTC).isoformat(), *x[1:]] for x in r], ",".join(NAMES)
        ),
    ),
    "own-csv-gz": ("a.csv.gz", "arena", lambda r: gzip.compress(_own(r).write_csv().encode())),
    "own-csv-zip": ("a.zip", "arena", lambda r: _zip("a.csv", _own(r).write_csv().encode())),
    "own-parquet-zip": ("a.zip", "arena", lambda r: _zip("a.parquet", _frame_bytes(_own(r), "parquet"))),
    "own-named-wrongly": ("a.csv", "arena", lambda r: _frame_bytes(_own(r), "parquet")),
    "binance-ms": ("k.csv", "binance", lambda r: _csv(_binance(r))),
    "binance-ms-header": ("k.csv", "binance", lambda r: _csv(_binance(r), BINANCE_HEADER)),
    "binance-us": ("k.csv", "binance", lambda r: _csv(_binance(r, 1000))),
    "binance-us-header": ("k.csv", "binance", lambda r: _csv(_binance(r, 1000), BINANCE_HEADER)),
    "binance-s": ("k.csv", "binance", lambda r: _csv(_binance(r, 0.001))),
    "binance-ms-then-us": ("k.csv", "binance", lambda r: _csv(_binance(r[:5]) + _binance(r[5:], 1000))),
    "binance-zip": ("k.zip", "binance", lambda r: _zip("k.csv", _csv(_binance(r)))),
    "okx-csv": ("o.csv", "okx", lambda r: _csv(_okx(r))),
    "okx-csv-quoted": ("o.csv", "okx", lambda r: _csv([[f'"{v}"' for v in row] for row in _okx(r)])),
    "okx-archive": ("o.csv", "okx", _okx_archive),
    "okx-json": ("o.json", "okx", lambda r: json.dumps(_okx(r)).encode()),
    "okx-envelope": ("o.json", "okx", lambda r: _envelope(_okx(r))),
    "okx-envelope-gz": ("o.json.gz", "okx", lambda r: gzip.compress(_envelope(_okx(r)))),
    "freqtrade-lz4": ("f.feather", "freqtrade", lambda r: _frame_bytes(_freqtrade(r), "feather")),
    "freqtrade-zstd": ("f.feather", "freqtrade", lambda r: _frame_bytes(_freqtrade(r), "feather-zstd")),
}


@pytest.fixture
def read(tmp_path, instrument):
    def read_bytes(content: bytes, name: str, kind: str = "candles", tf: str = "1m", **more) -> FileImport:
        path = tmp_path / name
        path.write_bytes(content)
        timeframe = None if kind == "funding" else Timeframe.parse(tf)
        return read_files(FileRequest(str(path), instrument, kind, timeframe, **more), NOW_MS)

    return read_bytes


def _assert_same(bars: Bars | FundingSeries, rows: Rows, *, volume: bool = True) -> None:
    assert isinstance(bars, Bars)
    expected = np.array(rows)
    if not volume:
        expected[:, 5] = 0
    for place, name in enumerate(NAMES):
        np.testing.assert_array_equal(getattr(bars, name), expected[:, place], err_msg=name)


@pytest.mark.parametrize("layout", BAR_FILES)
def test_every_layout_gives_the_same_candles(layout, read, sample):
    name, expected_format, make = BAR_FILES[layout]
    found = read(make(sample.rows), name)
    _assert_same(found.series, sample.rows)
    assert {file.format for file in found.files} == {expected_format}
    assert found.refused == {}
    assert (found.rows_read, found.duplicates, found.gaps) == (12, 0, 0)


@pytest.mark.parametrize("layout", BAR_FILES)
def test_forced_format_reads_its_own_files_and_no_other(layout, read, sample):
    name, own_format, make = BAR_FILES[layout]
    content = make(sample.rows)
    _assert_same(read(content, name, format=own_format).series, sample.rows)
    other = next(f for f in ("arena", "binance", "okx", "freqtrade") if f != own_format)
    with pytest.raises(ConfigError, match=rf"exchange.format={other} does not fit.*format={own_format}"):
        read(content, name, format=other)


@pytest.mark.parametrize(
    ("layout", "origin"),
    [("own-csv", "file"), ("binance-ms", "binance"), ("okx-envelope", "okx"), ("freqtrade-lz4", "file")],
)
def test_origin_is_the_publisher_told_by_the_layout(layout, origin, read, sample):
    name, _, make = BAR_FILES[layout]
    assert read(make(sample.rows), name).series.origin == {origin}


def test_named_source_wins_over_the_layout(read, sample):
    found = read(_csv(_binance(sample.rows)), "k.csv", source="vendor")
    assert (found.source, found.series.origin) == ("vendor", {"vendor"})


@pytest.mark.parametrize("kind", ["mark", "index"])
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda r: _own(r).drop("volume").write_csv().encode(), id="own-without-volume"),
        pytest.param(lambda r: _own(r).with_columns(volume=None).write_csv().encode(), id="own-null-volume"),
        pytest.param(lambda r: _csv([x[:5] for x in r]), id="five-columns"),
        pytest.param(lambda r: _csv([[*x[:5], 0] for x in r]), id="six-columns-no-volume"),
        pytest.param(lambda r: _csv(_binance(r)), id="binance"),
        pytest.param(lambda r: _envelope([[str(v) for v in [int(x[0]), *x[1:5], 1]] for x in r]), id="okx"),
        pytest.param(lambda r: _frame_bytes(_freqtrade(r), "feather"), id="freqtrade"),
    ],
)
def test_price_series_come_without_volume(make, kind, read, sample):
    _assert_same(read(make(sample.rows), "p", kind=kind).series, sample.rows, volume=False)


def test_volume_in_contracts_becomes_coins(read, sample):
    contracts = [[*row[:5], row[5] * 100] for row in sample.rows]
    found = read(_own(contracts).write_csv().encode(), "c.csv", volume="contracts")
    _assert_same(found.series, sample.rows)


def test_contract_conversion_is_the_nearest_decimal(read):
    row = [START_MS, 100, 101, 99, 100, 87511]
    found = read(_csv([row], ",".join(NAMES)), "c.csv", volume="contracts")
    assert found.series.volume.tolist() == [875.11]


def test_okx_rows_use_their_coin_column_whatever_the_unit_named(read, sample):
    found = read(_envelope(_okx(sample.rows)), "o.json", volume="contracts")
    _assert_same(found.series, sample.rows)


FUNDING_FILES: dict[str, tuple[str, bytes]] = {
    "own-csv": ("arena", _csv([list(s) for s in SETTLED], "ts,rate")),
    "own-csv-no-header": ("arena", _csv([list(s) for s in SETTLED])),
    "own-parquet": (
        "arena",
        _frame_bytes(pl.DataFrame(SETTLED, schema=["ts", "rate"], orient="row"), "parquet"),
    ),
    "binance": (
        "binance",
        _csv(
            [[ts + 7, 8, rate] for ts, rate in SETTLED], "calc_time,funding_interval_hours,last_funding_rate"
        ),
    ),
    "binance-zip": (
        "binance",
        _zip(
            "f.csv",
            _csv([[ts, 8, r] for ts, r in SETTLED], "calc_time,funding_interval_hours,last_funding_rate"),
        ),
    ),
    "binance-no-header": ("binance", _csv([[ts, 8, rate] for ts, rate in SETTLED])),
    "okx-envelope": (
        "okx",
        json.dumps(
            {
                "code": "0",
                "data": [
                    {
                        "instId": "BTC-USDT-SWAP",
                        "fundingRate": "0.009",
                        "realizedRate": f"{rate:.6f}",
                        "fundingTime": str(ts),
                    }
                    for ts, rate in SETTLED[::-1]
                ],
            }
        ).encode(),
    ),
    "freqtrade": (
        "freqtrade",
        _frame_bytes(_freqtrade([[ts, rate, 0, 0, 0, 0] for ts, rate in SETTLED]), "feather"),
    ),
}


@pytest.mark.parametrize("layout", FUNDING_FILES)
def test_every_funding_layout_gives_the_same_settlements(layout, read):
    expected_format, content = FUNDING_FILES[layout]
    found = read(content, "funding", kind="funding")
    series = found.series
    assert isinstance(series, FundingSeries)
    assert list(zip(series.ts.tolist(), series.rate.tolist(), strict=True)) == SETTLED
    assert {file.format for file in found.files} == {expected_format}
    assert set(series.source) == {"file" if expected_format in {"arena", "freqtrade"} else expected_format}


def test_folder_is_read_in_the_order_of_time_not_of_names(tmp_path, instrument, sample):
    for name, rows in (("2024-9.csv", sample.rows[:6]), ("2024-10.csv", sample.rows[6:])):
        (tmp_path / name).write_bytes(_csv(_binance(rows)))
    (tmp_path / "README.md").write_text("not data")
    (tmp_path / ".hidden.csv").write_text("not data")
    request = FileRequest(str(tmp_path), instrument, "candles", Timeframe.parse("1m"))
    found = read_files(request, NOW_MS)
    _assert_same(found.series, sample.rows)
    assert [file.label for file in found.files] == ["2024-9.csv", "2024-10.csv"]
    assert found.out_of_order == 0


def test_pattern_picks_its_files_and_tells_progress(tmp_path, instrument, sample):
    (tmp_path / "a-1.csv").write_bytes(_csv(_binance(sample.rows[:6])))
    (tmp_path / "a-2.csv").write_bytes(_csv(_binance(sample.rows[6:])))
    (tmp_path / "b.csv").write_bytes(b"nonsense")
    steps: list[tuple[int, int]] = []
    request = FileRequest(str(tmp_path / "a-*.csv"), instrument, "candles", Timeframe.parse("1m"))
    found = read_files(request, NOW_MS, lambda done, total, _label: steps.append((done, total)))
    _assert_same(found.series, sample.rows)
    assert steps == [(0, 2), (1, 2), (2, 2)]


def test_files_of_two_publishers_must_be_named(tmp_path, instrument, sample):
    (tmp_path / "a.csv").write_bytes(_csv(_binance(sample.rows[:6])))
    (tmp_path / "b.csv").write_bytes(_csv(_okx(sample.rows[6:])))
    timeframe = Timeframe.parse("1m")
    with pytest.raises(ConfigError, match=r"several publishers \(binance, okx\).*exchange.source=NAME"):
        read_files(FileRequest(str(tmp_path), instrument, "candles", timeframe), NOW_MS)
    found = read_files(FileRequest(str(tmp_path), instrument, "candles", timeframe, source="mixed"), NOW_MS)
    assert found.series.origin == {"mixed"}


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        pytest.param(b"", "candles", "x: the file is empty", id="empty"),
        pytest.param(
            b"a,b\n1,2\n", "candles", "unknown layout .*found columns a, b .known: own", id="columns"
        ),
        pytest.param(b"1,2,3,4\n", "candles", "found 4 columns without names", id="four-columns"),
        pytest.param(b"ts,open\n1,2\n", "funding", "unknown layout for kind=funding", id="no-funding"),
        pytest.param(b"PAR1 nonsense", "candles", "damaged parquet file", id="parquet"),
        pytest.param(b"ARROW1 nonsense", "candles", "damaged feather file", id="feather"),
        pytest.param(b"FEA1 old", "candles", "feather version 1 is not read", id="feather-1"),
        pytest.param(b"\x1f\x8b nonsense", "candles", "cannot be unpacked", id="gzip"),
        pytest.param(b"PK\x03\x04 nonsense", "candles", "cannot be unpacked", id="zip"),
        pytest.param(b"\x89PNG\x00\x00", "candles", "not a table", id="picture"),
        pytest.param(b"\xff\xfe,1\n", "candles", "neither a table nor UTF-8", id="encoding"),
        pytest.param(b'{"code":"0","data":', "candles", "damaged JSON", id="json"),
        pytest.param(b'{"code":"0","data":[]}', "candles", "JSON without rows", id="json-empty"),
        pytest.param(b'[[1],{"a":1}]', "candles", "all be lists or all be objects", id="json-mixed"),
        pytest.param(
            b'{"code":"50011","msg":"Too Many"}', "candles", "code 50011: Too Many", id="json-error"
        ),
        pytest.param(
            b'[["1","2","3","1","2","1"]]', "candles", "kind=mark or kind=index", id="mark-as-candles"
        ),
    ],
)
def test_unreadable_content_names_the_file_and_the_cause(content, kind, message, read):
    with pytest.raises(ConfigError, match=message) as caught:
        read(content, "x", kind=kind)
    assert str(caught.value).startswith("x: ")
    assert "\n" not in str(caught.value)


def test_zip_without_data_says_what_is_inside(read):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("notes.md", "nothing")
    with pytest.raises(ConfigError, match=r"holds no data file \(found: notes.md\)"):
        read(target.getvalue(), "x.zip")


def test_header_without_rows_is_refused(read):
    with pytest.raises(DataError, match="no rows in the file"):
        read(b"ts,open,high,low,close,volume\n", "x.csv")


def test_rows_of_another_instrument_are_refused(read, sample):
    content = _okx_archive(sample.rows).replace(b"BTC-USDT-SWAP", b"ETH-USDT-SWAP")
    with pytest.raises(DataError, match=r"rows of ETH-USDT-SWAP.*BTC-USDT-SWAP was named"):
        read(content, "x.csv")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing.csv", "no such file or folder"),
        ("missing-*.csv", "matches no file"),
        (".", "holds no data file"),
    ],
)
def test_path_without_files_says_so(path, message, tmp_path, instrument):
    request = FileRequest(f"{tmp_path}/{path}", instrument, "candles", Timeframe.parse("1m"))
    with pytest.raises(ConfigError, match=message):
        read_files(request, NOW_MS)
