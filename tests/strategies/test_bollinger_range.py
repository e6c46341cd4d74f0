"""What bollinger_range says on markets made of waves and breaks."""

import numpy as np
import pytest

from arena import indicators as ta
from arena.core.bars import Bars, FundingSeries
from arena.core.signal import Signal
from arena.core.timeframe import Timeframe
from arena.strategies import compute_signal, get_strategy

SPEC = get_strategy("bollinger_range")
NO_FUNDING = FundingSeries("BTC-USDT-SWAP", np.empty(0, np.int64), np.empty(0), ())
OPEN = {"max_width": 10.0, "adx_max": 100.0}


def bars_of(close: np.ndarray, reach: float = 0.5) -> Bars:
    hour = Timeframe.parse("1h")
    ts = np.arange(len(close), dtype=np.int64) * hour.step_ms
    return Bars("BTC-USDT-SWAP", hour, ts, close, close + reach, close - reach, close, np.ones(len(close)))


def says(bars: Bars, **values) -> Signal:
    return compute_signal(SPEC, bars, NO_FUNDING, SPEC.params(**values))


def spike(depth: float) -> Bars:
    """A hundred calm bars around 1000, one that closes `depth` away, then back."""
    close = 1000.0 + np.where(np.arange(100) % 2, 1.0, -1.0)
    close[60] = 1000.0 + depth
    return bars_of(close)


def words(signal: Signal) -> list[str]:
    return [signal.reasons[code] for code in signal.reason]


@pytest.mark.parametrize(
    ("depth", "side", "word"), [(-20.0, 1.0, "below_lower_band"), (20.0, -1.0, "above_upper_band")]
)
def test_bar_outside_the_bands_is_faded_and_left_at_the_middle(depth: float, side: float, word: str) -> None:
    signal = says(spike(depth), **OPEN)
    held = np.flatnonzero(signal.target)
    assert held[0] == 60
    assert (signal.target[held] == side).all()
    assert words(signal)[60] == word
    assert words(signal)[held[-1] + 1] == "mid_reached"
    assert signal.confidence[60] == 1.0


def test_every_entry_lies_outside_its_band_in_a_range(market) -> None:
    bars, funding = market(3, 3000)
    params = SPEC.params()
    signal = compute_signal(SPEC, bars, funding, params)
    bands = ta.bollinger(bars.close, 20, 2.0)
    adx = ta.adx(bars.high, bars.low, bars.close, 14).adx
    entered = np.flatnonzero(np.diff(signal.target, prepend=0.0) * signal.target > 0.0)
    assert len(entered) > 10
    below, above = bars.close < bands.lower, bars.close > bands.upper
    assert np.where(signal.target[entered] > 0.0, below[entered], above[entered]).all()
    assert (bands.width[entered] <= params.max_width).all()
    assert (adx[entered] <= params.adx_max).all()


def test_position_never_outlives_the_middle_band(market) -> None:
    bars, funding = market(4, 3000)
    signal = compute_signal(SPEC, bars, funding, SPEC.params(exit_with_range=False, **OPEN))
    mid = ta.bollinger(bars.close, 20, 2.0).mid
    assert (bars.close[signal.target > 0.0] < mid[signal.target > 0.0]).all()
    assert (bars.close[signal.target < 0.0] > mid[signal.target < 0.0]).all()
    assert signal.target.any()


@pytest.mark.parametrize("values", [{"max_width": 0.0001}, {"adx_max": 0.0}], ids=["width", "adx"])
def test_outside_a_range_nothing_is_entered(values) -> None:
    signal = says(spike(-20.0), **{**OPEN, **values})
    assert not signal.target.any()
    assert words(signal)[-1] == "no_range"


def test_end_of_the_range_ends_the_position_only_when_asked_to() -> None:
    close = 1000.0 + np.where(np.arange(100) % 2, 1.0, -1.0)
    close[60:] = 980.0 - 5.0 * np.arange(40.0)
    bars = bars_of(close)
    leaves = says(bars, max_width=0.08, adx_max=100.0)
    stays = says(bars, max_width=0.08, adx_max=100.0, exit_with_range=False)
    assert leaves.target[60] == stays.target[60] == 1.0
    assert "range_ended" in words(leaves)
    assert "range_ended" not in words(stays)
    assert (leaves.target != 0.0).sum() < (stays.target != 0.0).sum()


def test_market_that_never_moves_is_left_alone() -> None:
    signal = says(bars_of(np.full(100, 0.1), reach=0.0), **OPEN)
    assert not signal.target.any()
    assert np.isnan(signal.stop_distance).all()


def test_stop_is_a_multiple_of_atr_and_there_is_no_take_profit() -> None:
    bars = spike(-20.0)
    signal = says(bars, atr_stop=1.5)
    np.testing.assert_array_equal(signal.stop_distance, 1.5 * ta.atr(bars.high, bars.low, bars.close, 14))
    assert np.isnan(signal.take_distance).all()


@pytest.mark.parametrize(
    ("values", "bars"), [({}, 27), ({"period": 100}, 100), ({"adx_period": 30}, 59), ({"atr_period": 90}, 90)]
)
def test_warm_up_is_what_the_slowest_part_needs(values, bars: int) -> None:
    assert SPEC.warmup(SPEC.params(**values)) == bars


def test_first_bar_after_the_warm_up_may_already_enter() -> None:
    close = 1000.0 + np.where(np.arange(60) % 2, 1.0, -1.0)
    close[27] = 980.0
    assert np.flatnonzero(says(bars_of(close), **OPEN).target)[0] == 27
