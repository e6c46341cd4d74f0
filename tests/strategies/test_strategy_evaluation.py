"""What a strategy returns is checked before anybody trades on it."""

from dataclasses import replace

import numpy as np
import pytest

from arena.core.errors import ConfigError
from arena.core.signal import Signal
from arena.strategies import StrategyParams, StrategySpec, compute_signal, make_signal
from arena.strategies.pieces import after_warmup, atr_distance, share_of

LENGTH = 20


def answer_with(signal: Signal, warmup: int = 0) -> StrategySpec[StrategyParams]:
    return StrategySpec("planted", "", StrategyParams, lambda *_: signal, lambda _: warmup)


def ones(**changed: object) -> Signal:
    whole = make_signal(np.ones(LENGTH))
    spoilt = {}
    for name, value in changed.items():
        array = getattr(whole, name).copy()
        array[7] = value
        spoilt[name] = array
    return replace(whole, **spoilt)


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        pytest.param({"target": 1.5}, "target is 1.5, must be from -1 to 1", id="target-above"),
        pytest.param({"target": -1.01}, "target is -1.01, must be from -1 to 1", id="target-below"),
        pytest.param({"target": np.nan}, "target is nan, must be from -1 to 1", id="target-nan"),
        pytest.param({"stop_distance": 0.0}, "stop_distance is 0.0, must be above 0", id="stop-zero"),
        pytest.param({"stop_distance": -5.0}, "stop_distance is -5.0, must be above 0", id="stop-negative"),
        pytest.param({"take_distance": np.inf}, "take_distance is inf, must be above 0", id="take-infinite"),
        pytest.param({"confidence": 1.1}, "confidence is 1.1, must be from 0 to 1", id="confidence-above"),
        pytest.param({"confidence": np.nan}, "confidence is nan, must be from 0 to 1", id="confidence-nan"),
        pytest.param({"reason": 1}, "reason is 1, must be an index into the 1 reasons", id="reason-unknown"),
        pytest.param(
            {"reason": -1}, "reason is -1, must be an index into the 1 reasons", id="reason-negative"
        ),
    ],
)
def test_value_out_of_range_names_strategy_bar_and_time(spoilt, said: str, market) -> None:
    bars, funding = market(1, LENGTH, gaps=0)
    with pytest.raises(ConfigError) as caught:
        compute_signal(answer_with(ones(**spoilt)), bars, funding, StrategyParams())
    assert str(caught.value).startswith(f"strategy 'planted', bar 7 (2023-11-15T07:00:00.000Z): {said}")


@pytest.mark.parametrize(
    "array",
    [np.ones(LENGTH - 1), np.ones((LENGTH, 1)), np.array(["1"] * LENGTH), np.ones(LENGTH, complex)],
    ids=["short", "table", "text", "complex"],
)
def test_array_of_wrong_shape_or_type_is_refused(array, market) -> None:
    bars, funding = market(1, LENGTH)
    with pytest.raises(ConfigError, match=r"strategy 'planted' returned confidence of shape .* 20 numbers"):
        compute_signal(answer_with(replace(ones(), confidence=array)), bars, funding, StrategyParams())


def test_target_inside_the_warm_up_is_refused(market) -> None:
    bars, funding = market(1, LENGTH)
    with pytest.raises(ConfigError, match=r"bar 0 .* target is 1\.0, must be 0 on the 3 bars of its warm-up"):
        compute_signal(answer_with(ones(), warmup=3), bars, funding, StrategyParams())


def test_whole_numbers_and_locked_views_come_out_as_plain_arrays(market) -> None:
    bars, funding = market(1, LENGTH)
    given = replace(
        ones(),
        target=np.ones(LENGTH, np.int8),
        confidence=np.broadcast_to(np.float64(0.5), LENGTH),
        stop_distance=np.ones(2 * LENGTH)[::2],
        reason=np.zeros(LENGTH, np.int64),
    )
    signal = compute_signal(answer_with(given), bars, funding, StrategyParams())
    for name in ("target", "stop_distance", "take_distance", "confidence"):
        array = getattr(signal, name)
        assert (array.dtype, array.flags.c_contiguous, array.flags.writeable) == (np.float64, True, True)
    assert signal.reason.dtype == np.int16
    assert signal.confidence.tolist() == [0.5] * LENGTH


def test_make_signal_fills_in_what_is_left_out() -> None:
    signal = make_signal([0, 1, -0.5])
    assert signal.target.tolist() == [0.0, 1.0, -0.5]
    assert signal.confidence.tolist() == [0.0, 1.0, 1.0]
    assert np.isnan(signal.stop_distance).all()
    assert np.isnan(signal.take_distance).all()
    assert (signal.reason.tolist(), signal.reasons) == ([0, 0, 0], ("none",))


def test_after_warmup_is_false_on_its_first_bars() -> None:
    assert after_warmup(4, 2).tolist() == [False, False, True, True]
    assert after_warmup(1, 5).tolist() == [False]


def test_atr_distance_is_none_for_multiple_zero_no_range_or_unknown() -> None:
    atr = np.array([np.nan, 0.0, 2.0])
    np.testing.assert_array_equal(atr_distance(atr, 1.5), [np.nan, np.nan, 3.0])
    np.testing.assert_array_equal(atr_distance(atr, 0.0), [np.nan, np.nan, np.nan])


def test_share_is_cut_at_one_and_zero_where_unknown() -> None:
    part = np.array([0.0, 1.0, -1.0, 5.0, 2.0, 1.0, np.nan, 0.0])
    whole = np.array([2.0, 2.0, 4.0, 2.0, 2.0, 0.0, 1.0, 0.0])
    assert share_of(part, whole).tolist() == [0.0, 0.5, 0.25, 1.0, 1.0, 1.0, 0.0, 0.0]
    assert share_of(np.array([1.0]), np.array([np.nan])).tolist() == [0.0]
