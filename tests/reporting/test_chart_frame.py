"""The charts' rows: a true time axis, nothing lost in thinning, drawings that break at holes."""

import re
from dataclasses import replace

import numpy as np
import pytest

from arena.core.errors import DataError
from arena.reporting.drawing import STEPS, draw_curves, histogram, price_curve
from arena.reporting.encoding import unpack
from arena.reporting.frame import ChartFrame, chart_frame, drawdown_of, pack_frame

CAPITAL = 10_000.0


def test_missing_bars_take_their_width_of_time(small_run) -> None:
    _, arrays = small_run
    frame = chart_frame(arrays, CAPITAL)
    assert frame.slots == 1_500 + 65
    np.testing.assert_array_equal(frame.first_ts + frame.slot * frame.step_ms, arrays.bars.ts)
    assert frame.gap_start.tolist() == [400, 960]
    assert (frame.gap_end - frame.gap_start).tolist() == [60, 5]


def test_page_gets_the_prices_to_the_tick(small_run) -> None:
    _, arrays = small_run
    frame = chart_frame(arrays, CAPITAL)
    packed, slope = pack_frame(frame, CAPITAL)
    columns = unpack(packed)
    close = np.rint(columns["close"] * 10)
    opened = np.rint(columns["open"] * 10) + np.concatenate(([0], close[:-1]))
    high = np.rint(columns["high"] * 10) + np.maximum(opened, close)
    low = np.minimum(opened, close) - np.rint(columns["low"] * 10)
    for name, ticks in {"open": opened, "high": high, "low": low, "close": close}.items():
        np.testing.assert_allclose(ticks / 10, getattr(arrays.bars, name), rtol=0, atol=1e-9)
    np.testing.assert_allclose(columns["equity"], arrays.equity, rtol=0, atol=0.0501)
    hold = columns["hold"] + np.floor(slope * close + 0.5) / 10
    np.testing.assert_allclose(hold, arrays.hold_equity, rtol=0, atol=0.0501)


def test_run_at_the_limit_is_not_thinned(make_run) -> None:
    _, arrays = make_run(1_000, 5)
    assert chart_frame(arrays, CAPITAL, max_candles=1_000).bars_per_candle == 1


def test_thinning_keeps_extremes_volume_and_holes(make_run) -> None:
    _, arrays = make_run(3_001, 40)
    full, thin = chart_frame(arrays, CAPITAL), chart_frame(arrays, CAPITAL, max_candles=500)
    assert len(thin) <= 500
    assert thin.bars_per_candle == 7
    assert thin.high.max() == full.high.max()
    assert thin.low.min() == full.low.min()
    assert thin.drawdown.min() == full.drawdown.min()
    assert thin.volume.sum() == pytest.approx(full.volume.sum())
    assert thin.equity[-1] == full.equity[-1]
    assert thin.gap_start.tolist() == full.gap_start.tolist()
    assert "drawdown" in unpack(pack_frame(thin, CAPITAL)[0])


def test_drawdown_counts_from_the_initial_capital() -> None:
    np.testing.assert_allclose(drawdown_of(np.array([90.0, 110.0, 99.0]), 100.0), [-0.1, 0.0, -0.1])


def test_run_without_bars_is_refused(small_run) -> None:
    _, arrays = small_run
    empty = replace(arrays, bars=arrays.bars.slice(0, 0))
    with pytest.raises(DataError, match="the run has no bars"):
        chart_frame(empty, CAPITAL)


def test_equity_that_is_not_a_number_is_refused(small_run) -> None:
    _, arrays = small_run
    broken = arrays.equity.copy()
    broken[7] = np.nan
    with pytest.raises(DataError, match="equity has 1 of 1500 values"):
        chart_frame(replace(arrays, equity=broken), CAPITAL)


def test_drawing_breaks_at_a_hole_and_shades_it(make_run) -> None:
    def parts(gaps: tuple[tuple[int, int], ...]) -> tuple[int, int]:
        frame: ChartFrame = chart_frame(make_run(3_000, 10, gaps=gaps)[1], CAPITAL)
        svg = draw_curves(frame, price_curve(frame), 200)
        return len(re.findall(r"M\d", svg)), svg.count("c-gap")

    assert parts(()) == (1, 0)
    assert parts(((1_000, 100), (2_000, 50))) == (3, 2)


@pytest.mark.parametrize("n", [1, 2, 599, 601])
def test_drawing_of_few_bars_stays_in_its_box(make_run, n: int) -> None:
    frame = chart_frame(make_run(n, 0, gaps=())[1], CAPITAL)
    svg = draw_curves(frame, price_curve(frame), 200)
    points = [(int(x), int(y)) for x, y in re.findall(r"[ML](\d+) (\d+)", svg)]
    assert len(points) == 2 * min(n, STEPS)
    assert all(0 <= x <= 2 * STEPS and 0 <= y <= 200 for x, y in points)


@pytest.mark.parametrize(
    ("returns", "edges"),
    [
        pytest.param([0.0], [0.0, 1.0], id="one flat trade"),
        pytest.param([-1.0, 2.0], [-1.0, 2.0], id="both signs"),
        pytest.param([3.0, 4.0], [0.0, 4.0], id="gains only"),
    ],
)
def test_histogram_covers_zero_and_all_trades(returns: list[float], edges: list[float]) -> None:
    hist = histogram(np.array(returns))
    assert [hist.edges[0], hist.edges[-1]] == edges
    assert 0.0 in hist.edges
    assert sum(hist.counts) == len(returns)
