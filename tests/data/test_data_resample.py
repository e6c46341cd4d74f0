from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.core.bars import Bars, empty_bars
from arena.core.errors import ConfigError
from arena.core.timeframe import Timeframe
from arena.data.resample import resample


def resample_in_polars(bars: Bars, timeframe: Timeframe) -> pl.DataFrame:
    per_bucket = timeframe.step_ms // bars.timeframe.step_ms
    every = f"{timeframe.step_ms // 60_000}m"
    return (
        bars.to_polars()
        .with_columns(ts=pl.col("ts").cast(pl.Datetime("ms")))
        .group_by_dynamic("ts", every=every)
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum(),
            pl.len(),
        )
        .filter(pl.col("len") == per_bucket)
        .drop("len")
        .with_columns(pl.col("ts").cast(pl.Int64))
    )


@settings(deadline=None, max_examples=60)
@given(
    st.sets(st.integers(0, 599), max_size=12),
    st.integers(0, 100),
    st.integers(0, 600),
    st.sampled_from([("1m", "3m"), ("1m", "15m"), ("1m", "1h"), ("5m", "15m"), ("5m", "4h"), ("1h", "1d")]),
)
def test_resample_equals_polars_on_whole_buckets(
    make_walk: Any, holes: set[int], first: int, count: int, lengths: tuple[str, str]
) -> None:
    places = [place for place in range(first, first + count) if place not in holes]
    bars = make_walk(places, timeframe=lengths[0])
    target = Timeframe.parse(lengths[1])
    built, expected = resample(bars, target), resample_in_polars(bars, target)
    assert built.timeframe == target
    for name in ("ts", "open", "high", "low", "close"):
        np.testing.assert_array_equal(getattr(built, name), expected[name].to_numpy())
    np.testing.assert_allclose(built.volume, expected["volume"].to_numpy(), rtol=1e-12)
    for name in ("ts", "open", "high", "low", "close", "volume"):
        assert getattr(built, name).flags.c_contiguous


def test_bucket_with_one_bar_missing_is_not_built(make_walk: Any) -> None:
    bars = make_walk([place for place in range(180) if place != 70])
    built = resample(bars, Timeframe.parse("1h"))
    assert ((built.ts - bars.ts[0]) // 3_600_000).tolist() == [0, 2]
    assert built.is_synthetic


def test_unfinished_first_and_last_buckets_are_left_out(make_walk: Any) -> None:
    built = resample(make_walk(list(range(59, 181))), Timeframe.parse("1h"))
    assert len(built) == 2


def test_no_bars_give_no_bars() -> None:
    built = resample(empty_bars("BTC-USDT-SWAP", Timeframe.parse("1m")), Timeframe.parse("1h"))
    assert (len(built), built.timeframe.name) == (0, "1h")


@pytest.mark.parametrize(
    ("source", "target"), [("1h", "15m"), ("1h", "1h"), ("4h", "6h"), ("3m", "5m")], ids=lambda name: name
)
def test_length_that_is_no_multiple_is_refused(make_walk: Any, source: str, target: str) -> None:
    with pytest.raises(ConfigError, match=f"{target} bars cannot be built from {source} bars"):
        resample(make_walk([0, 1], timeframe=source), Timeframe.parse(target))
