"""Every defect of a file is counted and refused; a file of another grid is refused whole."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.core.errors import DataError
from arena.core.timeframe import Timeframe
from arena.exchange.files import FileImport, FileRequest, read_files
from arena.exchange.files.checks import REASONS, Rows, count_gaps, judge_bars
from arena.exchange.files.sheets import NO_TIME, to_milliseconds

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
HEADER = "ts,open,high,low,close,volume"


@pytest.fixture
def read(tmp_path, instrument, sample):
    def read_lines(lines: list[str], kind: str = "candles", tf: str = "1m", now_ms: int = 0) -> FileImport:
        path = tmp_path / "in.csv"
        header = "ts,rate" if kind == "funding" else HEADER
        path.write_text("\n".join([header, *lines]) + "\n")
        timeframe = None if kind == "funding" else Timeframe.parse(tf)
        return read_files(FileRequest(str(path), instrument, kind, timeframe), now_ms or sample.now_ms)

    return read_lines


def _lines(rows: list[list[float]]) -> list[str]:
    return [",".join(map(str, row)) for row in rows]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        (0, "noon", "unreadable_time"),
        (0, "", "unreadable_time"),
        (4, "NaN", "not_finite"),
        (2, "inf", "not_finite"),
        (5, "", "not_finite"),
        (1, "abc", "not_finite"),
        (0, 1_735_689_600_000 + 5 * MINUTE_MS + 1, "off_grid"),
        (3, 0, "non_positive_price"),
        (3, -1, "non_positive_price"),
        (2, 50, "high_below_low"),
        (1, 120, "outside_high_low"),
        (4, 100.1, "outside_high_low"),
        (5, -0.1, "negative_volume"),
    ],
)
def test_bad_row_is_refused_alone_and_told(column, value, reason, read, sample):
    rows = [list(row) for row in sample.rows]
    rows[5][column] = value
    found = read(_lines(rows))
    assert found.refused == {reason: 1}
    assert len(found.series) == 11
    assert (found.gaps, found.missing) == (1, 1)
    assert found.files[0].refused == 1
    (rejects,) = found.rejects
    assert rejects.label == "in.csv"
    assert rejects.frame.columns == ["row", "reason", "ts", "open", "high", "low", "close", "volume"]
    assert rejects.frame.select("row", "reason").rows() == [(6, reason)]
    assert (rejects.frame["ts"].null_count() == 1) == (reason == "unreadable_time")


def test_last_bar_that_has_not_closed_is_refused(read, sample):
    last_open = int(sample.rows[-1][0])
    open_bar = read(_lines(sample.rows), now_ms=last_open + MINUTE_MS - 1)
    assert open_bar.refused == {"unfinished": 1}
    closed_bar = read(_lines(sample.rows), now_ms=last_open + MINUTE_MS)
    assert closed_bar.refused == {}


def test_okx_row_marked_as_running_is_refused_whatever_the_time(tmp_path, instrument, sample):
    rows = [[int(r[0]), *r[1:5], 1, r[5], 1, int(r is not sample.rows[-1])] for r in sample.rows]
    (tmp_path / "o.csv").write_text("\n".join(",".join(map(str, row)) for row in rows[::-1]) + "\n")
    request = FileRequest(str(tmp_path / "o.csv"), instrument, "candles", Timeframe.parse("1m"))
    found = read_files(request, sample.now_ms)
    assert found.refused == {"unfinished": 1}
    assert found.series.ts[-1] == sample.rows[-2][0]
    assert found.rejects[0].frame["row"].to_list() == [1]


def test_wrong_order_is_counted_and_sorted(read, sample):
    rows = [*sample.rows[6:], *sample.rows[:6]]
    found = read(_lines(rows))
    assert (found.out_of_order, found.refused, found.duplicates) == (1, {}, 0)
    np.testing.assert_array_equal(found.series.close, [row[4] for row in sample.rows])


def test_exact_duplicates_are_counted_and_dropped(read, sample):
    found = read(_lines([*sample.rows, sample.rows[3], sample.rows[3], sample.rows[9]]))
    assert (found.duplicates, found.refused, len(found.series)) == (3, {}, 12)
    assert found.rejects == ()


def test_conflicting_duplicates_are_refused_all_of_them(read, sample):
    other = [*sample.rows[3][:5], 99.0]
    found = read(_lines([*sample.rows, sample.rows[3], other]))
    assert found.refused == {"conflicting_duplicate": 3}
    assert found.duplicates == 0
    assert sample.rows[3][0] not in found.series.ts
    assert found.rejects[0].frame["row"].to_list() == [4, 13, 14]


def test_finished_row_beside_its_unfinished_self_is_kept(tmp_path, instrument, sample):
    rows = [[int(r[0]), *r[1:5], 1, r[5], 1, 1] for r in sample.rows]
    running = [*rows[4][:4], rows[4][3], 1, 0.5, 1, 0]
    (tmp_path / "o.csv").write_text("\n".join(",".join(map(str, row)) for row in [*rows, running]) + "\n")
    request = FileRequest(str(tmp_path / "o.csv"), instrument, "candles", Timeframe.parse("1m"))
    found = read_files(request, sample.now_ms)
    assert found.refused == {"unfinished": 1}
    assert len(found.series) == 12


def test_duplicates_across_files_are_seen(tmp_path, instrument, sample):
    changed = [*sample.rows[6][:5], 77.0]
    (tmp_path / "a.csv").write_text("\n".join([HEADER, *_lines(sample.rows[:7])]) + "\n")
    (tmp_path / "b.csv").write_text(
        "\n".join([HEADER, *_lines([sample.rows[5], changed, *sample.rows[7:]])]) + "\n"
    )
    found = read_files(
        FileRequest(str(tmp_path), instrument, "candles", Timeframe.parse("1m")), sample.now_ms
    )
    assert (found.duplicates, found.refused) == (1, {"conflicting_duplicate": 2})
    assert [(r.label, r.frame["row"].to_list()) for r in found.rejects] == [("a.csv", [7]), ("b.csv", [2])]
    assert [file.refused for file in found.files] == [1, 1]


def test_gaps_are_counted_not_refused(read, sample):
    kept = [row for i, row in enumerate(sample.rows) if i not in {2, 3, 8}]
    found = read(_lines(kept))
    assert (found.gaps, found.missing, found.refused) == (2, 3, {})


def _bars(start_ms: int, step_ms: int, count: int) -> list[str]:
    return [f"{start_ms + i * step_ms},100,101,99,100,1" for i in range(count)]


@pytest.mark.parametrize(
    ("step_ms", "named", "message"),
    [
        (5 * MINUTE_MS, "15m", "bars every 5m, but timeframe=15m was named; name timeframe=5m and derive"),
        (HOUR_MS, "15m", "bars every 1h, but timeframe=15m was named; name timeframe=1h$"),
        (90_000, "15m", "bars every 90 s, but"),
    ],
)
def test_grid_of_another_timeframe_is_refused(step_ms, named, message, read, sample):
    with pytest.raises(DataError, match=message) as caught:
        read(_bars(sample.start_ms, step_ms, 40), tf=named)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3


def test_days_that_open_off_utc_are_refused(read, sample):
    with pytest.raises(
        DataError, match="10 of 10 bars open off the UTC grid of 1d, the first at 2025-01-01T16"
    ):
        read(_bars(sample.start_ms + 16 * HOUR_MS, 24 * HOUR_MS, 10), tf="1d")


def test_sparse_series_of_the_right_grid_is_taken(read, sample):
    lines = [line for i, line in enumerate(_bars(sample.start_ms, 15 * MINUTE_MS, 40)) if i % 3]
    found = read(lines, tf="15m")
    assert (len(found.series), found.gaps, found.missing) == (26, 12, 12)


def test_single_bar_is_taken_at_its_word(read, sample):
    assert len(read(_bars(sample.start_ms, HOUR_MS, 1), tf="4h").series) == 1


def test_file_without_a_good_row_gives_an_empty_series(read, sample):
    found = read([f"{sample.start_ms},nan,1,1,1,1"])
    assert (len(found.series), found.refused) == (0, {"not_finite": 1})


def test_funding_off_whole_hours_is_refused(read, sample):
    with pytest.raises(DataError, match=r"9 of 12 stamps are not on a whole hour \(every 15m.*no funding"):
        read([f"{sample.start_ms + i * 15 * MINUTE_MS},0.0001" for i in range(12)], kind="funding")


def test_late_funding_stamp_belongs_to_its_hour(read, sample):
    found = read([f"{sample.start_ms + i * 8 * HOUR_MS + 13},0.0001" for i in range(3)], kind="funding")
    assert (found.series.ts % HOUR_MS).tolist() == [0, 0, 0]
    assert (found.gaps, found.missing) == (0, 0)


def test_funding_defects_are_counted(read, sample):
    step = 8 * HOUR_MS
    times = [0, step, step, 2 * step, 2 * step, 3 * step + 20 * MINUTE_MS, 4 * step, 400 * 3 * step, 7 * step]
    rates = ["0.0001", "0.0002", "0.0002", "0.0001", "0.0009", "0.0001", "nan", "0.0001", "0.0003"]
    lines = [f"{sample.start_ms + t},{r}" for t, r in zip(times, rates, strict=True)]
    found = read(lines, kind="funding")
    assert found.refused == {
        "not_finite": 1,
        "unfinished": 1,
        "off_grid": 1,
        "conflicting_duplicate": 2,
    }
    assert (found.duplicates, len(found.series), found.gaps, found.missing) == (1, 3, 1, 5)
    assert found.rejects[0].frame.columns == ["row", "reason", "ts", "rate"]


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        (1_735_689_600, 1_735_689_600_000),
        (1_735_689_600_000, 1_735_689_600_000),
        (1_735_689_600_000_000, 1_735_689_600_000),
        (1_735_689_600_000_000_000, 1_735_689_600_000),
        (NO_TIME, NO_TIME),
    ],
    ids=["s", "ms", "us", "ns", "none"],
)
def test_unit_of_a_stamp_is_told_by_its_size(stamp, expected):
    assert to_milliseconds(np.array([stamp])).tolist() == [expected]


_VALUE = st.sampled_from([-1.0, 0.0, 1.0, 2.0, 3.0, math.nan, math.inf])
_ROW = st.tuples(st.integers(0, 6), st.integers(0, 1), *[_VALUE] * 5, st.booleans())


@given(st.lists(_ROW, min_size=1, max_size=40))
def test_every_row_is_accepted_dropped_or_refused_once(cells):
    ts = np.array([c[0] * MINUTE_MS + c[1] for c in cells], np.int64)
    names = ("open", "high", "low", "close", "volume")
    values = {name: np.array([c[2 + i] for c in cells]) for i, name in enumerate(names)}
    count = len(cells)
    closed = np.array([c[7] for c in cells])
    rows = Rows(ts, values, closed, np.zeros(count, np.int32), np.arange(1, count + 1))
    verdict = judge_bars(rows, MINUTE_MS, 5 * MINUTE_MS)

    good = verdict.order
    assert len(good) + verdict.duplicates + sum(verdict.refused.values()) == count
    assert set(verdict.refused) <= set(REASONS)
    assert np.all(np.diff(ts[good]) > 0)
    assert np.all(ts[good] % MINUTE_MS == 0)
    assert np.all(ts[good] + MINUTE_MS <= 5 * MINUTE_MS)
    assert all(np.isfinite(column[good]).all() for column in values.values())
    assert np.all(values["low"][good] > 0)
    assert np.all(values["low"][good] <= np.minimum(values["open"], values["close"])[good])
    assert np.all(values["high"][good] >= np.maximum(values["open"], values["close"])[good])
    assert np.all(values["volume"][good] >= 0)
    assert len({verdict.reason(int(place)) for place in verdict.refused_rows()}) == len(verdict.refused)


@given(st.sets(st.integers(0, 60), min_size=1))
def test_gaps_count_what_is_not_there(present):
    ts = np.array(sorted(present), np.int64) * MINUTE_MS
    missing = sorted(set(range(min(present), max(present))) - present)
    starts = [m for m in missing if m - 1 in present]
    assert count_gaps(ts, MINUTE_MS) == (len(starts), len(missing))


@pytest.mark.real_market
def test_real_mark_and_funding_files_pass_whole(real_market, instrument):
    now_ms = 1_798_761_600_000
    mark = str(real_market / "okx_BTC-USDT-SWAP_mark_1h_2022-2026.parquet")
    found = read_files(FileRequest(mark, instrument, "mark", Timeframe.parse("1h")), now_ms)
    assert (len(found.series), found.refused, found.gaps) == (32_545, {}, 0)
    funding = str(real_market / "okx_BTC-USDT-SWAP_funding_8h_2025-2026.parquet")
    found = read_files(FileRequest(funding, instrument, "funding", None), now_ms)
    assert (len(found.series), found.refused, found.gaps, found.missing) == (374, {}, 1, 393)
