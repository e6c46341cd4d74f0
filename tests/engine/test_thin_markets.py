"""Volume that runs out, impact and late decisions: equal to the oracle, and worked examples by hand."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.engine.conduct import Conduct, Liquidity, decided_at
from arena.engine.records import FillReason
from tests.engine.markets import HOUR, Scene, make_bars, make_signal, scene_of, thin_scene
from tests.engine.test_engine_oracle import assert_equal_fill_by_fill

NEVER = np.inf


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=1000, deadline=None)
def test_thin_markets_equal_the_oracle(seed: int) -> None:
    assert_equal_fill_by_fill(thin_scene(seed))


def test_generated_thin_markets_reach_every_rule() -> None:
    reasons: Counter[str] = Counter()
    carried = dropped = late = 0
    for seed in range(600):
        scene = thin_scene(seed)
        reasons += assert_equal_fill_by_fill(scene)
        course = scene.run()
        fills = course.compact_fills
        decided = fills["signal_bar"] >= 0
        wait = fills["bar"][decided] - fills["signal_bar"][decided] - 1 - scene.conduct.latency_bars
        carried += np.count_nonzero(wait > 0)
        dropped += course.expired
        late += scene.conduct.latency_bars > 0
    assert carried > 500
    assert dropped > 100
    assert late > 100
    assert min(reasons[name] for name in ("open", "close", "stop_loss", "liquidation")) > 100


def quiet_scene(target: list[float], room: list[float], impact: float = 0.0, **settings: object) -> Scene:
    """Price 100 throughout, contracts of one coin in lots of one, no fee and no spread."""
    n = len(target)
    scene = scene_of(
        make_bars([(100.0, 100.0, 100.0, 100.0)] * n),
        make_signal(np.array(target)),
        **{"size_mode": "contracts", "size_value": 10.0, "fee_rate": 0.0, "cost_rate": 0.0, **settings},
    )
    coin = replace(scene.instrument, ct_val=1.0, lot_sz=1.0, min_sz=1.0)
    conduct = Conduct(liquidity=Liquidity(np.array(room, float), np.full(n, impact)))
    return replace(scene, instrument=coin, conduct=conduct)


def moves(scene: Scene) -> list[tuple[int, float]]:
    fills = scene.run().compact_fills
    return [(int(row["bar"]), float(row["lots"])) for row in fills]


def test_order_is_filled_in_parts_until_done() -> None:
    assert moves(quiet_scene([1, 1, 1, 1, 1], [NEVER, 4.7, 0, 4, 99])) == [(1, 4), (3, 4), (4, 2)]


def test_newer_decision_replaces_what_is_left() -> None:
    assert moves(quiet_scene([1, 1, 0, 0, 0], [NEVER, 4, 4, 5, 99])) == [(1, 4), (2, 4), (3, -5), (4, -3)]


def test_reversal_closes_first_and_opens_with_the_volume_that_is_left() -> None:
    scene = quiet_scene([1, -1, -1, -1], [NEVER, 99, 13, 99])
    assert moves(scene) == [(1, 10), (2, -10), (2, -3), (3, -7)]
    course = scene.run()
    assert course.compact_fills["order_id"].tolist() == [1, 2, 2, 3]


def test_stop_drops_what_is_left_of_the_order_and_takes_no_notice_of_volume() -> None:
    bars = make_bars([(100, 100, 100, 100), (100, 100, 90, 95), (95, 95, 95, 95), (95, 95, 95, 95)])
    scene = quiet_scene([1, 1, 1, 1], [NEVER, 4, 9, 9])
    signal = make_signal(np.ones(4), np.full(4, 5.0))
    scene = replace(
        scene_of(bars, signal), settings=scene.settings, instrument=scene.instrument, conduct=scene.conduct
    )
    course = scene.run()
    assert course.compact_fills["lots"].tolist() == [4, -4]
    assert course.compact_fills["reason"].tolist() == [FillReason.OPEN, FillReason.STOP_LOSS]
    assert course.expired == 1


def test_impact_grows_with_the_root_of_the_size() -> None:
    prices = []
    for size in (1.0, 4.0, 9.0):
        scene = quiet_scene([1, 1], [NEVER, NEVER], impact=0.01, size_value=size)
        prices.append(float(scene.run().compact_fills["price"][0]))
    assert prices == pytest.approx([101.0, 102.0, 103.0])


def test_impact_is_booked_as_slippage() -> None:
    course = quiet_scene([1, 1, 0, 0], [NEVER] * 4, impact=0.01, size_value=4.0).run()
    assert course.slippage == pytest.approx(4 * 2.0 + 4 * 2.0)
    assert course.price_pnl == 0.0


@pytest.mark.parametrize("late", [0, 1, 3])
def test_decision_of_a_close_is_filled_at_the_open_as_many_bars_later(late: int) -> None:
    scene = quiet_scene([0, 1, 1, 0, 0, 0, 0, 0, 0], [NEVER] * 9)
    scene = replace(scene, conduct=replace(scene.conduct, latency_bars=late))
    fills = scene.run().compact_fills
    assert fills["bar"].tolist() == [2 + late, 4 + late]
    assert fills["signal_bar"].tolist() == [1, 3]


def test_decisions_in_flight_follow_each_other() -> None:
    scene = quiet_scene([1, -1, 1, -1, 0, 0, 0, 0], [NEVER] * 8)
    scene = replace(scene, conduct=replace(scene.conduct, latency_bars=2))
    assert np.unique(scene.run().compact_fills["bar"]).tolist() == [3, 4, 5, 6, 7]


def test_decision_whose_way_has_a_hole_is_stale() -> None:
    ts = np.array([0, 1, 2, 4, 5, 6]) * HOUR.step_ms
    assert decided_at(ts, HOUR.step_ms, 1).tolist() == [-1, 0, 1, 1, 3, 4]
    assert decided_at(ts, HOUR.step_ms, 0).tolist() == [0, 1, 2, 3, 4, 5]
