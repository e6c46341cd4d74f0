"""Short swap against coins held: equal to the oracle, identities on any market, and examples by hand."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.core.instrument import MarginTier, TierTable
from arena.engine.conduct import Conduct
from arena.engine.spot import SpotMarket
from tests.engine.markets import Scene, hedged_scene, make_bars, make_signal, scene_of
from tests.engine.test_engine_oracle import assert_equal_fill_by_fill

ONE_TIER = TierTable("2026-01-01", "test", (MarginTier(1e9, 0.004, 0.01),))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=300, deadline=None)
def test_two_legs_equal_the_oracle(seed: int) -> None:
    assert_equal_fill_by_fill(hedged_scene(seed))


def test_generated_hedges_reach_every_rule() -> None:
    reasons: Counter[str] = Counter()
    inside = at_open = 0
    for seed in range(300):
        scene = hedged_scene(seed)
        reasons += assert_equal_fill_by_fill(scene)
        leg = scene.run().spot
        assert leg is not None
        at_open += np.count_nonzero(leg.fills["at_open"])
        inside += np.count_nonzero(~leg.fills["at_open"])
    assert min(reasons[name] for name in ("open", "close", "stop_loss", "take_profit", "liquidation")) > 20
    assert reasons["open_limit"] > 20
    assert at_open > 300
    assert inside > 200


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_coins_are_those_the_swap_is_short_and_the_legs_add_up_to_equity(seed: int) -> None:
    scene = hedged_scene(seed)
    course = scene.run()
    leg = course.spot
    assert leg is not None
    short = -np.cumsum(scene.fills(course)["side"] * scene.fills(course)["contracts"])
    np.testing.assert_allclose(leg.fills["holding"], short * scene.instrument.ct_val, atol=1e-9)
    capital = scene.settings.initial_capital
    swap = course.price_pnl - course.fees + course.funding - course.slippage - course.penalty
    assert swap + leg.total == pytest.approx(course.equity[-1] - capital, rel=1e-9, abs=1e-9 * capital)
    assert course.identity_error <= 1e-9


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_cash_between_fills_is_explained_by_both_legs(seed: int) -> None:
    scene = hedged_scene(seed)
    course = scene.run()
    assert course.spot is not None
    fills = scene.fills(course)
    flat = fills["position"] == 0.0
    money = scene.settings.initial_capital + np.cumsum(
        fills["realized"]
        - fills["fee"]
        + course.spot.fills["cash"]
        + np.diff(fills["funding_total"], prepend=0.0)
    )
    np.testing.assert_allclose(fills["cash"][flat], money[flat], rtol=1e-9, atol=1e-6)


def hedge(target: list[float], swap: list[float], spot: list[float], **changes: object) -> Scene:
    """Bars that stand at a price each; contracts and lots of one coin, no cost unless named."""
    costs = {"fee_rate": 0.0, "cost_rate": 0.0}
    spot_costs = {name: float(changes.pop(f"spot_{name}", 0.0)) for name in costs}
    scene = scene_of(
        make_bars([(price, price, price, price) for price in swap]),
        make_signal(np.array(target)),
        **{"size_mode": "contracts", "size_value": 10.0, **costs, **changes},
    )
    coin = replace(scene.instrument, ct_val=1.0, lot_sz=1.0, min_sz=1.0, tiers=ONE_TIER)
    prices = np.array(spot)
    conduct = Conduct(spot=SpotMarket(prices, prices, spot_costs["cost_rate"], spot_costs["fee_rate"]))
    return replace(scene, instrument=coin, conduct=conduct)


def test_basis_is_all_that_a_hedge_without_costs_earns() -> None:
    """Short 10 at 100 against spot at 99; covered at 120 with spot at 119.5: the basis fell by 0.5."""
    course = hedge([-1, -1, 0, 0], [100, 100, 110, 120], [99, 99, 110, 119.5]).run()
    assert course.equity.tolist() == pytest.approx([10_000, 10_000, 10_010, 10_005])
    assert course.spot is not None
    assert (course.price_pnl, course.spot.price_pnl) == pytest.approx((-200.0, 205.0))


def test_both_legs_pay_their_own_costs() -> None:
    """10 coins bought at 99 x 1.001 = 99.099, fee 0.99099; sold at 119.5 x 0.999 = 119.3805, fee 1.193805."""
    course = hedge(
        [-1, -1, 0, 0], [100, 100, 110, 120], [99, 99, 110, 119.5], spot_fee_rate=0.001, spot_cost_rate=0.001
    ).run()
    leg = course.spot
    assert leg is not None
    assert leg.fills["price"].tolist() == pytest.approx([99.099, 119.3805])
    assert leg.fees == pytest.approx(2.184795)
    assert leg.slippage == pytest.approx(0.99 + 1.195)
    assert course.equity[-1] == pytest.approx(10_000 - 200 + 1193.805 - 990.99 - 2.184795)


def test_size_leaves_cash_for_coins_and_margin() -> None:
    """At 3x a target of 1 is 75 coins of 100: 7,500 for the coins and a third of it as margin."""
    scene = hedge([-1, -1], [100, 100], [100, 100], size_mode="equity", size_value=1.0, leverage=3.0)
    course = scene.run()
    assert course.compact_fills["lots"].tolist() == [-75.0]
    assert course.compact_fills["cash"].tolist() == pytest.approx([2500.0])


def test_size_leaves_room_for_the_costs_of_both_legs() -> None:
    """N x (1 + 0.002 swap fee + 1.001 x 1.001 for a coin) at 1x: 10,000 / 2.004001 / 100 = 49.9 coins."""
    course = hedge(
        [-1, -1], [100, 100], [100, 100], size_mode="equity", size_value=1.0, leverage=1.0, fee_rate=0.002,
        spot_fee_rate=0.001, spot_cost_rate=0.001,
    ).run()  # fmt: skip
    assert course.compact_fills["lots"].tolist() == [-49.0]
    assert course.clipped == course.rejected == 0


def test_swap_is_liquidated_on_its_own_margin_and_the_coins_are_sold_at_the_close() -> None:
    """75 coins at 3x: liquidated at (100 + 2500 / 75) / 1.004 = 132.80; coins are no margin, but no loss."""
    scene = hedge(
        [-1, -1, -1, -1], [100, 100, 140, 140], [100, 100, 140, 140],
        size_mode="equity", size_value=1.0, leverage=3.0,
    )  # fmt: skip
    course = scene.run()
    fills = scene.fills(course)
    assert fills["price"][1] == pytest.approx(100 + 2500 / 75)
    assert course.equity.tolist() == pytest.approx([10_000, 10_000, 10_500, 10_500])
    assert not course.ruined


def test_an_enlarged_position_is_cut_to_what_is_left_after_the_coins_held() -> None:
    """10 of 100 first, then 60: coins held are paid for, the free cash buys margin and coins of the rest."""
    scene = hedge([-0.1, -1, -1, -1], [100] * 4, [100] * 4, size_value=100.0, leverage=1.0)
    course = scene.run()
    assert course.compact_fills["lots"].tolist() == [-10.0, -40.0]
    assert course.compact_fills["cash"].tolist() == pytest.approx([9000.0, 5000.0])
    assert course.clipped == 1


def test_a_stop_inside_the_bar_is_hedged_at_its_close() -> None:
    scene = hedge([-1, -1, -1], [100, 100, 100], [100, 100, 100])
    bars = make_bars([(100, 100, 100, 100), (100, 100, 100, 100), (100, 106, 99, 104)])
    signal = make_signal(np.array([-1.0, -1.0, -1.0]), np.full(3, 5.0))
    spot = SpotMarket(np.array([100.0, 100, 101]), np.array([100.0, 100, 103]), 0.0, 0.0)
    course = replace(scene, bars=bars, signal=signal, conduct=Conduct(spot=spot)).run()
    assert course.compact_fills["price"].tolist() == [100.0, 105.0]
    assert course.spot is not None
    assert course.spot.fills["price"].tolist() == [100.0, 103.0]
    assert course.spot.fills["at_open"].tolist() == [True, False]
    assert course.equity[-1] == pytest.approx(10_000 - 50 + 30)
