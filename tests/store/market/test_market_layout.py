import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.core.clock import parse_time
from arena.core.errors import ConfigError, DataError
from arena.core.timeframe import Timeframe
from arena.store.market.files import local_path
from arena.store.market.layout import (
    FundingInfo,
    Kind,
    SeriesInfo,
    is_period,
    period_bounds,
    period_of,
    split_by_period,
)


@pytest.mark.parametrize(
    ("timeframe", "unit"),
    [("1m", "M"), ("5m", "M"), ("15m", "Y"), ("1h", "Y"), ("1d", "Y")],
)
def test_partition_is_a_month_below_15m_and_a_year_from_there(timeframe: str, unit: str) -> None:
    assert SeriesInfo(Kind.CANDLES, "BTC-USDT-SWAP", Timeframe.parse(timeframe)).calendar_unit == unit


@pytest.mark.parametrize(
    ("time", "unit", "period"),
    [
        ("2026-01-31T23:59:59.999Z", "M", "2026-01"),
        ("2026-02-01", "M", "2026-02"),
        ("2024-12-31T23:59:59.999Z", "Y", "2024"),
        ("2025-01-01", "Y", "2025"),
    ],
)
def test_period_turns_at_midnight_utc(time: str, unit: str, period: str) -> None:
    ts = parse_time(time)
    assert period_of(ts, unit) == period
    assert period_bounds(period)[0] <= ts < period_bounds(period)[1]


@pytest.mark.parametrize(("ts", "period"), [(-(2**60), "1970"), (2**62, "9999")], ids=["past", "future"])
def test_times_beyond_the_calendar_are_clipped(ts: int, period: str) -> None:
    assert period_of(ts, "Y") == period


@given(st.lists(st.integers(0, 4_000_000_000_000), unique=True, max_size=30), st.sampled_from("MY"))
def test_split_gives_every_row_to_the_period_that_holds_it(stamps: list[int], unit: str) -> None:
    ts = np.array(sorted(stamps), np.int64)
    rebuilt: list[int] = []
    periods = []
    for period, rows in split_by_period(ts, unit):
        begin, end = period_bounds(period)
        assert all(begin <= stamp < end for stamp in ts[rows].tolist())
        rebuilt += ts[rows].tolist()
        periods.append(period)
    assert rebuilt == sorted(stamps)
    assert periods == sorted(set(periods))


@pytest.mark.parametrize("inst_id", ["../etc", "a/b", "", ".hidden", "A B"])
def test_instrument_id_that_leads_out_of_the_store_is_refused(inst_id: str) -> None:
    with pytest.raises(DataError, match="cannot name a folder"):
        _ = FundingInfo(inst_id).folder


def test_only_partition_names_are_periods() -> None:
    assert [name for name in ("2026", "2026-01", "x", "2026-1", "20260", "") if is_period(name)] == [
        "2026",
        "2026-01",
    ]


def test_root_may_be_a_path_or_a_file_uri() -> None:
    assert str(local_path("data/x")) == "data/x"
    assert str(local_path("file:///srv/my%20data")) == "/srv/my data"


@pytest.mark.parametrize("root", ["s3://bucket/x", "file://elsewhere/x"])
def test_root_on_another_filesystem_is_a_config_error(root: str) -> None:
    with pytest.raises(ConfigError, match="known: plain path, file://"):
        local_path(root)
