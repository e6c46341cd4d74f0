"""How a bar is read: each reading equals the oracle's; that of finer bars lies between the extremes."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.engine.conduct import BarPath, Conduct
from arena.engine.records import FillReason
from tests.engine.markets import Scene, make_bars, make_signal, random_scene, scene_of, split_scene
from tests.engine.test_engine_oracle import assert_equal_fill_by_fill

READINGS: tuple[BarPath, ...] = ("worst", "best", "ohlc")


@given(st.integers(0, 2**32 - 1), st.sampled_from(READINGS))
@settings(max_examples=500, deadline=None)
def test_every_reading_equals_the_oracle(seed: int, reading: BarPath) -> None:
    assert_equal_fill_by_fill(replace(random_scene(seed), conduct=Conduct(reading)))


@given(st.integers(0, 2**32 - 1), st.sampled_from(READINGS))
@settings(max_examples=500, deadline=None)
def test_finer_bars_equal_the_oracle(seed: int, fallback: BarPath) -> None:
    scene = split_scene(seed)
    assert_equal_fill_by_fill(replace(scene, conduct=replace(scene.conduct, intrabar=fallback)))


def test_generated_markets_are_ambiguous_often() -> None:
    """The comparisons above are worth what they cover: each outcome of an ambiguous bar comes up."""
    reasons: Counter[str] = Counter()
    ambiguous = unresolved = differing = 0
    for seed in range(400):
        scene = split_scene(seed)
        reasons += assert_equal_fill_by_fill(scene)
        course = scene.run()
        ambiguous += course.ambiguous
        unresolved += len(course.unresolved)
        differing += replace(scene, conduct=Conduct()).run().equity[-1] != course.equity[-1]
    assert ambiguous > 500
    assert unresolved > 50
    assert differing > 50
    assert min(reasons[name] for name in ("stop_loss", "take_profit", "liquidation")) > 50


def read_as(scene: Scene, reading: BarPath) -> np.ndarray:
    return replace(scene, conduct=Conduct(reading)).run().equity


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=500, deadline=None)
def test_the_finer_path_ends_an_ambiguous_bar_between_worst_and_best(seed: int) -> None:
    """Up to the first ambiguous bar all readings are one account; there they part, and in this order.

    Costs are left in: they are the same for whichever level is met. Where prices are continuous.
    """
    scene = split_scene(seed, gaps=False)
    detail = scene.run().equity
    worst, best = read_as(scene, "worst"), read_as(scene, "best")
    apart = np.flatnonzero((worst != best) | (detail != worst))
    if not len(apart):
        return
    bar = int(apart[0])
    slack = 1e-9 * max(1.0, scene.settings.initial_capital)
    assert worst[bar] - slack <= detail[bar] <= best[bar] + slack
    conventional = read_as(scene, "ohlc")[bar]
    assert worst[bar] - slack <= conventional <= best[bar] + slack


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=500, deadline=None)
def test_the_finer_result_of_a_whole_run_lies_inside_the_band(seed: int) -> None:
    """Where a lost or won bar does not change the size of what follows, the order holds to the end."""
    scene = split_scene(seed, gaps=False)
    constant = replace(
        scene.settings,
        initial_capital=1e9,
        size_mode="contracts",
        size_value=30.0,
        leverage=1.0,
        isolated=False,
    )
    scene = replace(scene, settings=constant)
    detail = scene.run().equity[-1]
    assert read_as(scene, "worst")[-1] - 1e-3 <= detail <= read_as(scene, "best")[-1] + 1e-3


@pytest.mark.parametrize(
    ("high", "low", "reading", "reason"),
    [
        pytest.param(103.0, 96.0, "worst", FillReason.STOP_LOSS, id="worst takes the stop"),
        pytest.param(103.0, 96.0, "best", FillReason.TAKE_PROFIT, id="best takes the profit"),
        pytest.param(103.0, 96.0, "ohlc", FillReason.TAKE_PROFIT, id="the high is nearer to the open"),
        pytest.param(104.0, 97.0, "ohlc", FillReason.STOP_LOSS, id="the low is nearer to the open"),
        pytest.param(104.0, 96.0, "ohlc", FillReason.STOP_LOSS, id="a tie is read against us"),
    ],
)
def test_bar_that_meets_stop_and_take(high: float, low: float, reading: BarPath, reason: FillReason) -> None:
    bars = make_bars([(100, 100, 100, 100), (100, high, low, 100), (100, 100, 100, 100)])
    ones = np.ones(3)
    scene = scene_of(bars, make_signal(ones, ones * 2.0, ones * 2.0), size_value=0.5)
    course = replace(scene, conduct=Conduct(reading)).run()
    assert course.compact_fills["reason"].tolist() == [FillReason.OPEN, reason]
    assert course.ambiguous == 1


def test_bar_that_meets_one_level_is_not_ambiguous() -> None:
    bars = make_bars([(100, 100, 100, 100), (100, 101, 96, 100)])
    ones = np.ones(2)
    scene = scene_of(bars, make_signal(ones, ones * 2.0, ones * 2.0), size_value=0.5)
    assert [replace(scene, conduct=Conduct(reading)).run().ambiguous for reading in READINGS] == [0, 0, 0]
