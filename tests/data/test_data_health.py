from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.core.bars import Bars, empty_bars
from arena.core.clock import parse_time
from arena.core.timeframe import Timeframe
from arena.data.health import GapRange, RangeHealth, count_flat, find_gaps, range_health

MINUTE = 60_000
M1 = Timeframe.parse("1m")
PLACES = st.lists(st.integers(0, 60), unique=True, max_size=50).map(sorted)


@pytest.mark.parametrize(
    ("places", "gaps"),
    [
        ([], []),
        ([5], []),
        ([0, 1, 2], []),
        ([0, 2], [(1, 2)]),
        ([0, 1, 5, 6, 9], [(2, 5), (7, 9)]),
    ],
    ids=["empty", "one bar", "whole", "one missing", "two holes"],
)
def test_gaps_lie_between_first_and_last(places: list[int], gaps: list[tuple[int, int]]) -> None:
    ts = np.array(places, np.int64) * MINUTE
    assert find_gaps(ts, MINUTE) == [GapRange(a * MINUTE, b * MINUTE, b - a) for a, b in gaps]


def test_gap_at_month_end_is_one_range() -> None:
    before, after = parse_time("2025-12-31T23:50"), parse_time("2026-01-01T00:10")
    gaps = find_gaps(np.array([before, after], np.int64), MINUTE)
    assert gaps == [GapRange(before + MINUTE, after, 19)]


@settings(deadline=None)
@given(PLACES)
def test_gaps_agree_with_polars_and_duckdb(places: list[int]) -> None:
    ts = np.array(places, np.int64) * MINUTE
    gaps = [(gap.start, gap.end, gap.bars) for gap in find_gaps(ts, MINUTE)]
    frame = pl.DataFrame({"ts": ts})
    in_polars = (
        frame.select(start=pl.col("ts").shift(1) + MINUTE, end="ts")
        .filter(pl.col("end") > pl.col("start"))
        .with_columns(bars=(pl.col("end") - pl.col("start")) // MINUTE)
        .rows()
    )
    assert gaps == in_polars
    connection = duckdb.connect()
    connection.execute("create table bars (ts bigint)")
    connection.executemany("insert into bars values (?)", [[0]] + [[int(stamp)] for stamp in ts])
    in_duckdb = connection.execute(
        """
        select s, e, (e - s) // 60000 from (
            select lag(ts) over (order by ts) + 60000 as s, ts as e from bars where rowid > 0
        ) where e > s order by s
        """
    ).fetchall()
    connection.close()
    assert gaps == in_duckdb


@given(PLACES, st.integers(-5, 65), st.integers(-5, 65))
def test_range_health_accounts_for_every_bar_of_the_grid(
    make_walk: Any, places: list[int], first: int, after: int
) -> None:
    bars = make_walk(places)
    origin = parse_time("2026-01-01")
    health = range_health(bars, start=origin + first * MINUTE, end=origin + after * MINUTE)
    grid = set(range(first, after))
    missing = sorted(grid - set(places))
    assert (health.expected, health.present) == (len(grid), len(grid & set(places)))
    assert health.missing == len(missing) == sum(gap.bars for gap in health.gaps)
    listed = [
        (stamp - origin) // MINUTE for gap in health.gaps for stamp in range(gap.start, gap.end, MINUTE)
    ]
    assert listed == missing
    assert health.is_whole == (not missing)


def test_range_health_without_range_spans_first_to_last(make_walk: Any) -> None:
    health = range_health(make_walk([2, 3, 6]))
    assert (health.expected, health.present, health.missing, len(health.gaps)) == (5, 3, 2, 1)


def test_edges_between_two_bars_count_whole_bars_only(make_walk: Any) -> None:
    origin = parse_time("2026-01-01")
    health = range_health(make_walk([0, 1, 2, 3]), start=origin + 1, end=origin + 2 * MINUTE + 1)
    assert (health.expected, health.present, health.missing) == (2, 2, 0)


def test_duplicates_and_misplaced_stamps_are_counted_and_not_present(make_walk: Any) -> None:
    bars: Bars = make_walk([0, 1, 2, 3, 4])
    ts = bars.ts.copy()
    ts[2], ts[4] = ts[1], ts[4] + 1
    health = range_health(replace(bars, ts=ts), end=int(bars.ts[4]) + MINUTE)
    assert (health.expected, health.present, health.missing) == (5, 3, 2)
    assert (health.duplicates, health.off_grid) == (1, 1)
    assert not health.is_whole


def test_rows_in_any_order_give_the_same_health(make_walk: Any) -> None:
    bars: Bars = make_walk([0, 1, 5, 6])
    turned = replace(bars, **{name: getattr(bars, name)[::-1] for name in ("ts", "high", "low", "volume")})
    assert range_health(turned) == range_health(bars)


@pytest.mark.parametrize(
    ("ask", "missing"), [({}, 0), ({"start": 0, "end": 10 * MINUTE}, 10)], ids=["no range", "range"]
)
def test_health_of_no_bars(ask: dict[str, int], missing: int) -> None:
    gaps = (GapRange(0, 10 * MINUTE, 10),) if missing else ()
    expected = RangeHealth(missing, 0, missing, 0, 0, 0, gaps)
    assert range_health(empty_bars("BTC-USDT-SWAP", M1), **ask) == expected


def test_flat_is_one_price_and_no_volume(make_walk: Any) -> None:
    bars: Bars = make_walk([0, 1, 2, 3])
    for row, volume in ((1, 0.0), (2, 3.0)):
        bars.high[row] = bars.low[row] = bars.open[row] = bars.close[row]
        bars.volume[row] = volume
    bars.volume[3] = 0.0
    assert count_flat(bars) == 1
    assert range_health(bars).flat == 1
    assert range_health(bars, end=int(bars.ts[1])).flat == 0
