"""The engine on real bars, against what simple arithmetic says: crashes, the hole, a vectorised twin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from arena.core.clock import parse_time, to_iso
from arena.core.signal import Signal
from arena.engine.records import FillReason
from arena.engine.settlements import Settlements
from arena.engine.simulate import AccountSettings, MarkPrices, simulate

pytestmark = [pytest.mark.real_market, pytest.mark.slow, pytest.mark.xdist_group("real_history")]

HOLE_START = {"15m": parse_time("2022-12-31T18:45"), "1h": parse_time("2022-12-31T18:00")}
NOTHING_DUE = Settlements(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0))
FREE = AccountSettings(
    initial_capital=10_000.0,
    fee_rate=0.0,
    cost_rate=0.0,
    leverage=1.0,
    isolated=False,
    size_mode="equity",
    size_value=1.0,
    first_bar=0,
)


def signal_of(target) -> Signal:
    none = np.full(len(target), np.nan)
    codes = np.zeros(len(target), np.int16)
    return Signal(np.asarray(target, np.float64), none, none, np.ones(len(target)), codes, ("none",))


def bar_at(bars, time: str) -> int:
    at = int(np.searchsorted(bars.ts, parse_time(time)))
    assert to_iso(int(bars.ts[at])).startswith(time)
    return at


def last_price(bars) -> MarkPrices:
    return MarkPrices(bars.open, bars.high, bars.low)


@pytest.mark.parametrize("timeframe", ["15m", "1h"])
def test_decision_before_the_hole_is_dropped_and_made_anew_after_it(timeframe, whole_market, bitcoin):
    bars = whole_market(timeframe).bars
    after = int(np.searchsorted(bars.ts, HOLE_START[timeframe]))
    target = np.zeros(len(bars))
    target[after - 1 :] = 1.0  # decided at the last close before the hole
    course = simulate(bars, signal_of(target), NOTHING_DUE, last_price(bars), bitcoin, FREE)
    (fill,) = course.compact_fills
    assert course.expired == 1
    assert (fill["signal_bar"], fill["bar"]) == (after, after + 1)
    assert fill["ref_price"] == bars.open[after + 1]
    assert not course.position[: after + 1].any()


def test_funding_due_inside_the_hole_is_paid_by_the_position_carried_through(whole_market, bitcoin):
    market = whole_market("1h")
    bars, due = market.bars, market.plan.settlements
    after = int(np.searchsorted(bars.ts, HOLE_START["1h"]))
    target = np.zeros(len(bars))
    target[after - 20 :] = 1.0
    settings = replace(FREE, size_mode="contracts", size_value=50.0)
    course = simulate(bars, signal_of(target), due, market.mark, bitcoin, settings)
    held = due.bar + (due.at_open == 0) > after - 19
    coins = 50.0 * bitcoin.ct_val
    assert np.count_nonzero(due.bar == after) == 1  # midnight, at the first open after the hole
    assert course.funding == pytest.approx(-(due.rate * due.mark)[held].sum() * coins, rel=1e-9)


@pytest.mark.parametrize(
    ("bar", "low"),
    [("2023-08-17T21:30", 24_098.6), ("2025-10-10T21:15", 101_482.7)],
    ids=["august_2023", "october_2025"],
)
def test_crash_bars_are_there_with_their_lows(bar, low, whole_market):
    bars = whole_market("15m").bars
    at = bar_at(bars, bar)
    assert bars.low[at] == low
    assert low < 0.92 * bars.high[at - 2 : at + 1].max()


@pytest.mark.parametrize("isolated", [True, False], ids=["isolated", "cross"])
def test_long_at_20x_through_the_crash_of_october_2025_is_liquidated_on_mark(isolated, whole_market, bitcoin):
    market = whole_market("1h")
    bars, mark = market.bars, market.mark
    entry = bar_at(bars, "2025-10-10T16:00")
    target = np.zeros(len(bars))
    target[entry - 1 :] = 1.0
    settings = replace(
        FREE,
        fee_rate=0.0005,
        cost_rate=1.1e-4,
        leverage=20.0,
        isolated=isolated,
        size_value=0.5 if isolated else 1.0,
    )
    course = simulate(bars, signal_of(target), NOTHING_DUE, mark, bitcoin, settings)
    opened, closed = course.compact_fills[:2]
    assert (opened["reason"], opened["bar"]) == (FillReason.OPEN, entry)
    assert closed["reason"] == FillReason.LIQUIDATION
    at = int(closed["bar"])
    # The price at which margin equals maintenance and the closing fee; tier 1 of the table.
    coins = opened["lots"] * bitcoin.lot_sz * bitcoin.ct_val
    cost = coins * opened["price"]
    margin = cost / 20.0 if isolated else 10_000.0 - cost * 0.0005
    rate = bitcoin.tiers.tiers[0].mmr + 0.0005
    liquidation = (cost - margin) / (coins * (1.0 - rate))
    assert opened["lots"] * bitcoin.lot_sz <= bitcoin.tiers.tiers[0].max_contracts
    reached = np.flatnonzero(mark.low[entry:] <= liquidation)[0] + entry
    assert at == reached
    assert to_iso(int(bars.ts[at])) == "2025-10-10T20:00:00Z"
    assert closed["ref_price"] == pytest.approx(min(liquidation, mark.open[at]), rel=1e-9)
    assert mark.low[at] <= closed["ref_price"] <= mark.high[at]
    # All of the margin is gone with the closing fee inside it, and not a cent more.
    lost = 10_000.0 - course.equity[-1]
    assert lost == pytest.approx(margin + cost * 0.0005, rel=1e-9)
    assert not course.position[at:].any()
    assert course.ruined is not isolated


def test_engine_equals_a_vectorised_backtest_on_real_hours(whole_market, bitcoin):
    bars = whole_market("1h").bars
    fine = replace(bitcoin, lot_sz=1e-9, min_sz=1e-9, tick_sz=1e-4)
    close = pl.Series(bars.close)
    fast = close.ewm_mean(span=12, adjust=False).to_numpy()
    slow = close.ewm_mean(span=26, adjust=False).to_numpy()
    wanted = fast > slow
    wanted[:26] = False
    course = simulate(bars, signal_of(wanted), NOTHING_DUE, last_price(bars), fine, FREE)
    expected = vectorised_equity(bars, wanted, FREE.initial_capital)
    assert np.count_nonzero(np.diff(course.position)) > 1000
    np.testing.assert_allclose(course.equity, expected, rtol=1e-9)


def vectorised_equity(bars, wanted, capital):
    """Long or flat, all in, no costs: sized at the deciding close, filled at the next open if it comes next.

    All the money buys at the deciding close's price; where the open is dearer, it buys at the open.
    """
    follows = np.concatenate(([False], np.diff(bars.ts) == bars.timeframe.step_ms))
    held = np.concatenate(([False], wanted[:-1]))
    (stale,) = np.flatnonzero(~follows[1:])  # the one hole: what was held before it is held across it
    held[stale + 1] = held[stale]
    change = np.diff(held.astype(np.int8), prepend=0)
    entries, exits = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    exits = np.append(exits, len(held))[: len(entries)]
    entry_price = bars.open[entries]
    paid = np.maximum(bars.close[entries - 1], entry_price)
    left = np.append(bars.open, bars.close[-1])[exits]
    grown = np.cumprod(1.0 + (left - entry_price) / paid)
    trade = np.cumsum(change == 1) - 1  # the trade that each bar is in or comes after
    before = np.concatenate(([1.0], grown))[np.maximum(trade, 0)]
    open_gain = (bars.close - entry_price[np.maximum(trade, 0)]) / paid[np.maximum(trade, 0)]
    after = np.concatenate(([1.0], grown))[trade + 1]
    return capital * np.where(held, before * (1.0 + open_gain), after)


@pytest.mark.parametrize("timeframe", ["15m", "1h"])
def test_trend_following_pays_most_of_its_loss_as_costs(timeframe, run):
    """The cheapest sanity check: without costs the default trend follower is about even on either length."""
    pnl = run("ema_trend", timeframe)[0].pnl
    costs = pnl.fees + pnl.slippage - pnl.funding
    assert pnl.total < 0
    assert costs > 0.9 * -pnl.total


def test_quarter_hours_and_hours_tell_the_same_hold(run):
    """From the same moment on, hold on 15m and on 1h differ by the mark price of funding alone."""
    (_, quarters), (_, hours) = run("ema_trend", "15m"), run("ema_trend", "1h")
    step = quarters.bars.timeframe.step_ms
    last_quarter = np.searchsorted(quarters.bars.ts, hours.bars.ts + 3 * step)
    aligned = np.minimum(last_quarter, len(quarters.bars) - 1)
    np.testing.assert_array_equal(quarters.bars.ts[aligned], hours.bars.ts + 3 * step)
    np.testing.assert_array_equal(quarters.bars.close[aligned], hours.bars.close)
    ratio = quarters.hold_equity[aligned][300:] / hours.hold_equity[300:]
    assert ratio.max() / ratio.min() - 1.0 < 0.02
