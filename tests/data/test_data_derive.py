from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arena.core.bars import Bars
from arena.core.timeframe import Timeframe
from arena.data.derive import derive_series
from arena.data.resample import resample
from arena.store.market.layout import Kind
from arena.store.market.merge import WriteReport
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter

BTC = "BTC-USDT-SWAP"
M15, H1, H4, D1 = map(Timeframe.parse, ("15m", "1h", "4h", "1d"))


@pytest.fixture
def store(tmp_path: Path) -> tuple[MarketReader, MarketWriter]:
    return MarketReader(tmp_path), MarketWriter(tmp_path, clock=lambda: 1)


def equal(left: Bars, right: Bars) -> bool:
    names = ("ts", "open", "high", "low", "close", "volume")
    return all(np.array_equal(getattr(left, name), getattr(right, name)) for name in names)


def test_targets_are_built_and_a_second_call_writes_nothing(store: Any, make_walk: Any) -> None:
    reader, writer = store
    bars = make_walk(list(range(96 * 3 + 5)), timeframe="15m")
    writer.write_bars(Kind.CANDLES, bars, source="synthetic")
    first = derive_series(reader, writer, BTC, M15, [H1, H4, D1])
    assert {name: report.inserted for name, report in first.items()} == {
        "candles/1h": 73,
        "candles/4h": 18,
        "candles/1d": 3,
    }
    for target in (H1, H4, D1):
        assert equal(reader.read_bars(Kind.CANDLES, BTC, target), resample(bars, target))
    again = derive_series(reader, writer, BTC, M15, [H1, H4, D1])
    assert set(again.values()) == {WriteReport()}


def test_new_source_bars_extend_the_targets(store: Any, make_walk: Any) -> None:
    reader, writer = store
    bars: Bars = make_walk(list(range(200)), timeframe="15m")
    writer.write_bars(Kind.CANDLES, bars.slice(0, 50), source="synthetic")
    derive_series(reader, writer, BTC, M15, [H1, H4])
    writer.write_bars(Kind.CANDLES, bars.slice(50), source="synthetic")
    reports = derive_series(reader, writer, BTC, M15, [H1, H4])
    assert reports == {"candles/1h": WriteReport(inserted=38), "candles/4h": WriteReport(inserted=9)}
    assert equal(reader.read_bars(Kind.CANDLES, BTC, H1), resample(bars, H1))


def test_history_imported_in_front_is_derived_too(store: Any, make_walk: Any) -> None:
    reader, writer = store
    bars: Bars = make_walk(list(range(200)), timeframe="15m")
    for part in (bars.slice(100), bars.slice(0, 100)):
        writer.write_bars(Kind.CANDLES, part, source="synthetic")
        derive_series(reader, writer, BTC, M15, [H1])
    assert equal(reader.read_bars(Kind.CANDLES, BTC, H1), resample(bars, H1))


def test_filled_hole_is_derived_on_a_full_call(store: Any, make_walk: Any) -> None:
    reader, writer = store
    bars: Bars = make_walk(list(range(200)), timeframe="15m")
    for part in (bars.slice(0, 80), bars.slice(90), bars.slice(80, 90)):
        writer.write_bars(Kind.CANDLES, part, source="synthetic")
        derive_series(reader, writer, BTC, M15, [H1], full=True)
    assert equal(reader.read_bars(Kind.CANDLES, BTC, H1), resample(bars, H1))


def test_bar_of_the_exchange_is_never_replaced(store: Any, make_walk: Any) -> None:
    reader, writer = store
    bars: Bars = make_walk(list(range(16)), timeframe="15m")
    hourly = resample(bars, H1)
    official = replace(hourly, volume=hourly.volume * 2, origin=frozenset({"okx"})).slice(1, 2)
    writer.write_bars(Kind.CANDLES, official, source="okx")
    writer.write_bars(Kind.CANDLES, bars, source="synthetic")
    reports = derive_series(reader, writer, BTC, M15, [H1])
    assert reports == {"candles/1h": WriteReport(inserted=3, kept=1)}
    assert reader.read_bars(Kind.CANDLES, BTC, H1).volume[1] == official.volume[0]
    assert reader.read_revisions(Kind.CANDLES, BTC, H1) == {}


def test_kinds_without_a_source_are_left_out(store: Any, make_walk: Any) -> None:
    reader, writer = store
    writer.write_bars(Kind.MARK, make_walk(list(range(8)), timeframe="15m"), source="synthetic")
    reports = derive_series(reader, writer, BTC, M15, [H1], [Kind.CANDLES, Kind.MARK, Kind.INDEX])
    assert reports == {"mark/1h": WriteReport(inserted=2)}
