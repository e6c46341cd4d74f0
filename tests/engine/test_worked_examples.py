"""Examples worked by hand: OKX's own numbers, textbook liquidations, and each rule of docs/engine.md."""

from dataclasses import replace

import numpy as np
import pytest

from arena.core.instrument import MarginTier, TierTable
from arena.engine.account import margin_equity, reset_liquidation
from arena.engine.records import FillReason
from arena.engine.settlements import expected_settlements, place_settlements
from arena.engine.simulate import MarkPrices, account_rules, new_state
from tests.engine.markets import BTC, HOUR, Scene, make_bars, make_settings, make_signal, scene_of

FREE = {"fee_rate": 0.0, "cost_rate": 0.0}
ONE_TIER = TierTable("2026-01-01", "test", (MarginTier(1e9, 0.004, 0.01),))
COIN = replace(BTC, ct_val=1.0, lot_sz=0.001, min_sz=0.001, tick_sz=0.001, tiers=ONE_TIER)


def flat_bars(prices: list[float], skip: tuple[int, ...] = ()) -> object:
    return make_bars([(p, p, p, p) for p in prices], skip=skip)


def reasons(scene: Scene) -> list[str]:
    fills = scene.fills(scene.run())
    return [FillReason(int(code)).name for code in fills["reason"]]


def test_liquidation_price_of_a_recorded_okx_cross_position() -> None:
    """XRP-USDT-SWAP, 1 contract of 100, avg 0.52668, mark 0.52692, mmr 0.005, fee 0.0005 (OKX)."""
    xrp = replace(
        BTC, ct_val=100.0, lot_sz=1.0, min_sz=1.0, tick_sz=0.00001,
        tiers=TierTable("", "", (MarginTier(1e9, 0.005, 0.05),)),
    )  # fmt: skip
    rules = account_rules(xrp, make_settings(fee_rate=0.0005, leverage=3.0))
    state = new_state(0.0)
    row = state[0]
    row["lots"], row["avg"] = 1.0, 0.52668
    # the recorded margin ratio fixes the equity: ratio x notional x (mmr + fee)
    equity = 69.0036 * 52.692 * 0.0055
    row["cash"] = equity - 0.024
    kernel = (np.array([1e9]), np.array([0.005]))
    reset_liquidation(row, rules, *kernel)
    assert margin_equity(row, 0.52692, rules) == pytest.approx(equity)
    assert row["liq"] == pytest.approx(0.3287514731020614, rel=1e-5)


@pytest.mark.parametrize(("target", "expected"), [(1.0, 90.407), (-1.0, 109.507)], ids=["long", "short"])
def test_isolated_liquidation_at_ten_times_leverage(target: float, expected: float) -> None:
    """Entry 100, 10x, maintenance 0.4 %, fee 0.05 %: liquidated at 90.407 and 109.507."""
    bars = flat_bars([100.0, 100.0, 100.0])
    open_, level = np.full(3, 100.0), np.array([100.0, 100.0, expected])
    beyond = np.array([100.0, 100.0, expected + (0.001 if target < 0 else -0.001)])
    short_of = np.array([100.0, 100.0, expected - (0.001 if target < 0 else -0.001)])
    signal = make_signal(np.full(3, target))
    common = {
        "leverage": 10.0, "isolated": True, "fee_rate": 0.0005, "cost_rate": 0.0,
        "size_mode": "contracts", "size_value": 10.0, "instrument": COIN,
    }  # fmt: skip
    assert level[2] == expected

    def run(extreme: np.ndarray) -> list[str]:
        mark = MarkPrices(open_, np.maximum(open_, extreme), np.minimum(open_, extreme))
        return reasons(scene_of(bars, signal, mark=mark, **common))

    assert run(beyond) == ["OPEN", "LIQUIDATION"]
    assert run(short_of) == ["OPEN"]


def test_isolated_liquidation_loses_the_margin_and_the_entry_fee_only() -> None:
    bars = make_bars([(100, 100, 100, 100), (100, 100, 100, 100), (100, 100, 50, 50)])
    scene = scene_of(
        bars, make_signal(np.ones(3)), instrument=COIN, leverage=10.0, isolated=True,
        size_mode="contracts", size_value=10.0, fee_rate=0.0005, cost_rate=0.0,
    )  # fmt: skip
    course = scene.run()
    # margin 10 x 100 / 10 = 100; entry fee 10 x 100 x 0.0005 = 0.5
    assert course.equity[-1] == pytest.approx(10_000 - 100 - 0.5, abs=1e-9)
    assert not course.ruined


def test_cross_take_over_ends_at_zero_even_through_a_gap() -> None:
    bars = make_bars([(100, 100, 100, 100), (100, 100, 100, 100), (20, 20, 20, 20), (200, 200, 200, 200)])
    course = scene_of(
        bars, make_signal([1.0, 1.0, 1.0, -1.0]), instrument=COIN, leverage=5.0, fee_rate=0.0005
    ).run()
    assert course.ruined
    np.testing.assert_allclose(course.equity[2:], 0.0, atol=1e-9)
    assert len(course.compact_fills) == 2


def test_from_tier_three_up_the_position_is_stepped_down_two_tiers_at_a_time() -> None:
    """45,000 contracts sit in tier 5: the first step keeps tier 3's 20,000."""
    bars = flat_bars([30_000.0] * 3)
    low = np.array([30_000.0, 30_000.0, 29_240.0])
    scene = scene_of(
        bars, make_signal(np.ones(3)), mark=MarkPrices(bars.open, bars.high, low),
        initial_capital=500_000.0, leverage=30.0, size_mode="contracts", size_value=45_000.0,
        fee_rate=0.0, cost_rate=0.0, instrument=replace(BTC, max_market_sz=1e9),
    )  # fmt: skip
    fills = scene.fills(scene.run())
    assert [FillReason(int(r)).name for r in fills["reason"]] == ["OPEN", "LIQUIDATION_PARTIAL"]
    assert fills["position"].tolist() == [45_000.0, 20_000.0]
    # 450 coins bought at 30,000 with 500,000 behind them and a maintenance rate of 1.75 %
    start = (13_500_000 - 500_000) / (450 * (1 - 0.0175))
    assert fills["ref_price"][1] == pytest.approx(start, rel=1e-12)


def test_fill_is_the_next_open_moved_against_the_order_and_rounded_up_for_a_buy() -> None:
    bars = make_bars([(100, 101, 99, 100), (102, 103, 101, 102), (102, 102, 102, 102)])
    scene = scene_of(bars, make_signal(np.ones(3)), cost_rate=0.00011, fee_rate=0.0005, leverage=1.0)
    fill = scene.fills(scene.run())[0]
    assert (fill["bar"], fill["signal_bar"], fill["ref_price"]) == (1, 0, 102.0)
    assert fill["price"] == 102.1  # 102.01122 goes up to the next tick
    assert fill["fee"] == pytest.approx(fill["contracts"] * 0.01 * 102.1 * 0.0005, rel=1e-12)


def test_gap_through_a_stop_fills_at_the_open() -> None:
    bars = make_bars([(100, 100, 100, 100), (100, 100, 100, 100), (90, 95, 89, 94)])
    scene = scene_of(bars, make_signal(np.ones(3), stop=np.full(3, 2.0)), **FREE)
    fill = scene.fills(scene.run())[1]
    assert (FillReason(int(fill["reason"])).name, fill["price"]) == ("STOP_LOSS", 90.0)


def test_stop_comes_before_take_profit_when_a_bar_reaches_both() -> None:
    bars = make_bars([(100, 100, 100, 100), (100, 110, 90, 105)])
    scene = scene_of(bars, make_signal(np.ones(2), stop=np.full(2, 5.0), take=np.full(2, 5.0)), **FREE)
    fills = scene.fills(scene.run())
    assert FillReason(int(fills["reason"][1])).name == "STOP_LOSS"
    assert fills["price"][1] == 95.0


def test_no_entry_again_after_a_stop_until_the_target_changes() -> None:
    rows = [(100.0, 100.0, 100.0, 100.0)] * 2 + [(100.0, 100.0, 90.0, 95.0)] + [(95.0, 95.0, 95.0, 95.0)] * 4
    target = np.array([1, 1, 1, 1, 0, 1, 1], float)
    scene = scene_of(make_bars(rows), make_signal(target, stop=np.full(7, 5.0)), **FREE)
    fills = scene.fills(scene.run())
    assert fills["bar"].tolist() == [1, 2, 6]


def test_decision_before_a_hole_is_dropped_and_made_again_after_it() -> None:
    bars = flat_bars([100.0, 100.0, 100.0, 100.0], skip=(1, 2))
    course = scene_of(bars, make_signal(np.ones(4)), **FREE)
    result = course.run()
    assert result.expired == 1
    assert course.fills(result)["bar"].tolist() == [2]


def test_no_fill_before_the_signal_window() -> None:
    course = scene_of(flat_bars([100.0] * 6), make_signal(np.ones(6)), first_bar=4, **FREE)
    assert course.fills(course.run())["bar"].tolist() == [4]


def test_a_reversal_is_one_order_with_two_fills() -> None:
    scene = scene_of(flat_bars([100.0] * 4), make_signal([1.0, -1.0, -1.0, -1.0]), **FREE)
    fills = scene.fills(scene.run())
    assert fills["order_id"].tolist() == [1, 2, 2]
    assert np.sign(fills["position"]).tolist() == [1.0, 0.0, -1.0]


def test_funding_is_paid_on_mark_by_the_position_carried_into_the_settlement() -> None:
    """Settlements at bars 1 and 3: the entry at bar 1's open comes after its settlement."""
    step = HOUR.step_ms
    rows = [(step, 0.001, 105.0), (3 * step, 0.001, 110.0)]
    scene = scene_of(
        flat_bars([100.0] * 5), make_signal(np.ones(5)), funding=rows, instrument=COIN,
        size_mode="contracts", size_value=2.0, **FREE,
    )  # fmt: skip
    assert scene.run().funding == pytest.approx(-2 * 110.0 * 0.001, rel=1e-12)


def test_settlement_in_a_hole_is_paid_by_the_position_carried_through_it() -> None:
    bars = flat_bars([100.0] * 4, skip=(2, 3))
    scene = scene_of(
        bars, make_signal(np.ones(4)), funding=[(3 * HOUR.step_ms, 0.001, 100.0)], instrument=COIN,
        size_mode="contracts", size_value=1.0, **FREE,
    )  # fmt: skip
    assert scene.settlements.bar.tolist() == [2]
    assert scene.run().funding == pytest.approx(-0.1, rel=1e-12)


def test_all_in_at_one_times_leverage_spends_the_equity_and_not_more() -> None:
    scene = scene_of(
        flat_bars([100.0] * 3), make_signal(np.ones(3)), leverage=1.0, fee_rate=0.0005, cost_rate=0.0,
        instrument=replace(COIN, lot_sz=1e-8, min_sz=1e-8),
    )  # fmt: skip
    fill = scene.fills(scene.run())[0]
    assert fill["contracts"] * fill["price"] * 1.0005 == pytest.approx(10_000.0, rel=1e-9)
    assert fill["contracts"] * fill["price"] * 1.0005 <= 10_000.0 + 1e-4


@pytest.mark.parametrize(
    ("ts", "bar", "at_open"),
    [
        (0, None, None),
        (1, 0, 0),
        (10, 1, 1),
        (15, 1, 0),
        (25, 3, 1),
        (30, 3, 1),
        (39, 3, 0),
        (40, None, None),
    ],
    ids=[
        "run start",
        "inside",
        "on the open",
        "inside 2",
        "in the hole",
        "after the hole",
        "last",
        "run end",
    ],
)
def test_settlements_are_placed_by_time(ts: int, bar: int | None, at_open: int | None) -> None:
    # bars open at 0, 10, (20 missing), 30 - the index of the bar at 30 is 2
    one = np.array([ts], np.int64)
    placed = place_settlements(np.array([0, 10, 30]), 10, one, np.ones(1), np.ones(1))
    expected = [] if bar is None else [2 if bar == 3 else bar]
    assert placed.bar.tolist() == expected
    assert placed.at_open.tolist() == ([] if at_open is None else [at_open])


def test_expected_settlements_are_multiples_of_the_interval_inside_the_range() -> None:
    assert expected_settlements(0, 25, 8).tolist() == [8, 16, 24]
    assert expected_settlements(8, 24, 8).tolist() == [16]


def test_room_for_fills_grows_without_changing_the_course(monkeypatch: pytest.MonkeyPatch) -> None:
    n = 400
    target = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    scene = scene_of(flat_bars([100.0 + (i % 7) for i in range(n)]), make_signal(target))
    whole = scene.run()
    import arena.engine.simulate as module

    real_empty = np.empty
    monkeypatch.setattr(module, "ROOM", 200 - 2 * n)
    small = scene.run()
    assert np.empty is real_empty
    assert len(whole.compact_fills) > 200
    np.testing.assert_array_equal(whole.compact_fills, small.compact_fills)
    np.testing.assert_array_equal(whole.equity, small.equity)


def test_position_of_each_bar_follows_from_the_fills() -> None:
    rows = [(100.0, 100.0, 100.0, 100.0)] * 2 + [(100.0, 101.0, 90.0, 95.0)] + [(95.0, 95.0, 95.0, 95.0)] * 3
    scene = scene_of(
        make_bars(rows), make_signal([1, 1, -1, -1, 0, 0], stop=np.full(6, 5.0)), size_mode="contracts",
        size_value=2.0, **FREE,
    )  # fmt: skip
    # bought on bar 1, stopped inside bar 2, sold short on bar 3, closed on bar 5
    assert scene.run().position.tolist() == [0.0, 2.0, 0.0, -2.0, -2.0, 0.0]
