"""A backtest asks the gate: the health of its range is on the result, strict stops on what is not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arena.backtest.result import BacktestResult
from arena.core.bars import Bars
from arena.core.errors import DataError, GapError
from tests.audit.conftest import FIRST_STORED, House, hours

COLUMNS = ("ts", "open", "high", "low", "close", "volume")


def run_on(folder: Path, bars: Bars, *overrides: str) -> BacktestResult:
    house = House(folder)
    house.keep(bars, FIRST_STORED)
    return house.run("run", *overrides).read_result()


def without(bars: Bars, *rows: int) -> Bars:
    return replace(bars, **{name: np.delete(getattr(bars, name), rows) for name in COLUMNS})


def with_value(bars: Bars, name: str, row: int, value: float) -> Bars:
    column = getattr(bars, name).copy()
    column[row] = value
    return replace(bars, **{name: column})


def test_whole_range_is_fit(tmp_path: Path) -> None:
    result = run_on(tmp_path, hours(0, 1_000), "data.policy=strict")
    assert result.data.fit
    assert (result.data.bridged, result.data.spikes, result.data.bad_ohlc) == (0, 0, 0)


def test_bars_whose_warm_up_reaches_across_a_hole_are_counted_and_said(tmp_path: Path) -> None:
    result = run_on(tmp_path, without(hours(0, 1_000), 700, 701))
    assert not result.data.fit
    assert result.data.bridged == result.market.warmup_bars - 1
    words = f"At {result.data.bridged} bars the strategy looks back across a hole"
    assert any(text.startswith(words) for text in result.warnings)


def test_hole_before_the_run_is_bridged_by_its_first_bars(tmp_path: Path) -> None:
    result = run_on(tmp_path, without(hours(0, 1_000), 495), "window.start=2025-01-21T20:00")
    assert result.data.fit
    assert 0 < result.data.bridged < result.market.warmup_bars


UNFIT: dict[str, tuple[Any, type[DataError], str]] = {
    "hole": (lambda bars: without(bars, 700), GapError, "1 of 500 bars of BTC-USDT-SWAP 1h are missing"),
    "impossible bar": (lambda bars: with_value(bars, "high", 700, 1.0), DataError, "bad_ohlc: 1 bar of BTC"),
}


@pytest.mark.parametrize(("damage", "error", "sentence"), UNFIT.values(), ids=UNFIT)
def test_strict_stops_on_what_is_not_fit_and_warn_says_it(
    tmp_path: Path, damage: Any, error: type[DataError], sentence: str
) -> None:
    bars = damage(hours(0, 1_000))
    with pytest.raises(error, match=sentence):
        run_on(tmp_path / "strict", bars, "data.policy=strict", "limit=499")
    result = run_on(tmp_path / "warn", bars, "limit=499")
    assert not result.data.fit


def test_spike_is_said_and_stops_nothing(tmp_path: Path) -> None:
    bars = hours(0, 1_000)
    result = run_on(tmp_path, with_value(bars, "high", 700, bars.high[700] * 1.5), "data.policy=strict")
    assert (result.data.fit, result.data.spikes) == (True, 1)
    assert "1 bar far out of both neighbours: crashes, or wrong prices." in result.warnings
