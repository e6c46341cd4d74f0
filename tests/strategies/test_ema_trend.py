"""What ema_trend says on markets whose trend is known."""

import numpy as np
import pytest

from arena import indicators as ta
from arena.core.bars import Bars, FundingSeries
from arena.core.signal import Signal
from arena.core.timeframe import Timeframe
from arena.strategies import compute_signal, get_strategy

SPEC = get_strategy("ema_trend")
FAST = {"fast": 3, "slow": 8, "adx_period": 5, "atr_period": 5}
NO_FUNDING = FundingSeries("BTC-USDT-SWAP", np.empty(0, np.int64), np.empty(0), ())


def bars_of(close: np.ndarray, reach: float = 1.0) -> Bars:
    hour = Timeframe.parse("1h")
    ts = np.arange(len(close), dtype=np.int64) * hour.step_ms
    return Bars("BTC-USDT-SWAP", hour, ts, close, close + reach, close - reach, close, np.ones(len(close)))


def says(bars: Bars, **values) -> Signal:
    return compute_signal(SPEC, bars, NO_FUNDING, SPEC.params(**{**FAST, **values}))


UP_THEN_DOWN = bars_of(np.concatenate((np.arange(100.0, 200.0), np.arange(200.0, 100.0, -1.0))))
FLAT = bars_of(np.full(100, 100.0), reach=0.0)


def words(signal: Signal) -> list[str]:
    return [signal.reasons[code] for code in signal.reason]


def test_rise_is_held_long_from_the_end_of_the_warm_up_and_fall_short() -> None:
    signal = says(UP_THEN_DOWN)
    turn = int(np.argmax(signal.target < 0.0))
    assert (signal.target[:32] == 0.0).all()
    assert (signal.target[32:turn] == 1.0).all()
    assert (signal.target[turn:] == -1.0).all()
    assert 100 < turn < 110
    assert set(words(signal)) == {"none", "trend_up", "trend_down"}


def test_side_follows_the_averages_exactly_when_nothing_filters(market) -> None:
    bars, funding = market(1, 900)
    signal = compute_signal(SPEC, bars, funding, SPEC.params())
    expected = np.sign(ta.ema(bars.close, 12) - ta.ema(bars.close, 26))
    np.testing.assert_array_equal(signal.target[104:], expected[104:])


@pytest.mark.parametrize(("side", "held"), [("long", {0.0, 1.0}), ("short", {0.0, -1.0})])
def test_other_side_is_flat_and_says_why(side: str, held: set[float]) -> None:
    signal = says(UP_THEN_DOWN, side=side)
    assert set(signal.target.tolist()) == held
    assert "side_barred" in words(signal)


def test_filter_delays_entries_and_never_ends_a_position(market) -> None:
    bars, funding = market(2, 900)
    free = compute_signal(SPEC, bars, funding, SPEC.params(**FAST))
    params = SPEC.params(**FAST, adx_min=30.0)
    filtered = compute_signal(SPEC, bars, funding, params)
    adx = ta.adx(bars.high, bars.low, bars.close, 5).adx
    entered = np.flatnonzero(np.diff(filtered.target, prepend=0.0) * filtered.target > 0.0)
    assert len(entered) > 5
    assert (adx[entered] >= 30.0).all()
    assert np.isin(filtered.target - free.target, (0.0, 1.0, -1.0)).all()
    assert (filtered.target[filtered.target != 0.0] == free.target[filtered.target != 0.0]).all()
    held_on = (filtered.target != 0.0) & (adx < 30.0)
    assert held_on.any()
    assert "adx_too_low" in words(filtered)


def test_market_that_never_moves_is_left_alone() -> None:
    signal = says(FLAT, atr_take=2.0)
    assert not signal.target.any()
    assert not signal.confidence.any()
    assert np.isnan(signal.stop_distance).all()
    assert np.isnan(signal.take_distance).all()


def test_stop_and_take_profit_are_multiples_of_atr() -> None:
    signal = says(UP_THEN_DOWN, atr_stop=2.0, atr_take=5.0)
    atr = ta.atr(UP_THEN_DOWN.high, UP_THEN_DOWN.low, UP_THEN_DOWN.close, 5)
    np.testing.assert_array_equal(signal.stop_distance, 2.0 * atr)
    np.testing.assert_array_equal(signal.take_distance, 5.0 * atr)


def test_multiple_of_zero_means_no_stop() -> None:
    assert np.isnan(says(UP_THEN_DOWN, atr_stop=0.0).stop_distance).all()


def test_confidence_grows_with_the_distance_of_the_averages() -> None:
    slow, quick = (bars_of(100.0 + step * np.arange(100.0), reach=10.0) for step in (0.1, 2.0))
    assert 0.0 < says(slow).confidence[-1] < says(quick).confidence[-1] <= 1.0


@pytest.mark.parametrize(
    ("values", "bars"),
    [
        ({}, 104),
        ({"slow": 100}, 400),
        ({"adx_period": 500}, 104),
        ({"adx_period": 500, "adx_min": 1.0}, 999),
        ({"atr_period": 300}, 300),
    ],
)
def test_warm_up_is_what_the_slowest_part_needs(values, bars: int) -> None:
    assert SPEC.warmup(SPEC.params(**values)) == bars
