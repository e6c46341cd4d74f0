"""Buy and hold: entry costs, funding, and when each is charged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.backtest.hold import hold_equity
from arena.engine.settlements import place_settlements

NO_TS, NO_VALUES = np.empty(0, np.int64), np.empty(0)


def settle(bars, ts=NO_TS, rate=NO_VALUES, mark=NO_VALUES):
    return place_settlements(bars.ts, bars.timeframe.step_ms, np.asarray(ts, np.int64), rate, mark)


def hold(bars, settlements, first_bar=0, capital=1_000.0, fee_rate=0.0, cost_bps=0.0):
    return hold_equity(
        bars, first_bar, capital, fee_rate=fee_rate, cost_bps=cost_bps, settlements=settlements
    )


def test_without_costs_equity_moves_with_the_price(make_bars):
    bars = make_bars([100.0, 110.0, 90.0])
    assert hold(bars, settle(bars)).tolist() == pytest.approx([1_000.0, 1_100.0, 900.0])


def test_capital_waits_until_the_first_traded_open(make_bars):
    bars = make_bars([50.0, 100.0, 200.0])
    assert hold(bars, settle(bars), first_bar=2).tolist() == pytest.approx([1_000.0, 1_000.0, 2_000.0])


def test_fee_and_spread_are_paid_once_at_the_entry(make_bars):
    bars = make_bars([100.0, 100.0])
    equity = hold(bars, settle(bars), fee_rate=0.001, cost_bps=20.0)
    assert equity.tolist() == pytest.approx([1_000.0 / 1.002 / 1.001] * 2)


def test_funding_is_charged_on_mark_and_stays(make_bars):
    bars = make_bars([100.0, 100.0, 100.0])
    marks = np.array([101.0, 99.0])
    settlements = settle(bars, bars.ts[1:], np.array([0.01, -0.02]), marks)
    assert hold(bars, settlements).tolist() == pytest.approx([1_000.0, 989.9, 989.9 + 19.8])


@pytest.mark.parametrize(
    ("offset_ms", "paid"),
    [
        pytest.param(0, 0.0, id="at-the-entry-is-not-charged"),
        pytest.param(1, 10.0, id="after-the-entry-is-charged"),
        pytest.param(-1, 0.0, id="before-the-entry-is-not-charged"),
    ],
)
def test_settlement_around_the_entry(make_bars, offset_ms, paid):
    bars = make_bars([100.0] * 4)
    settlements = settle(bars, [bars.ts[2] + offset_ms], np.array([0.01]), np.array([100.0]))
    assert hold(bars, settlements, first_bar=2)[-1] == pytest.approx(1_000.0 - paid)


def test_several_settlements_of_one_bar_add_up(make_bars):
    bars = make_bars([100.0, 100.0], timeframe="1d")
    ts = bars.ts[1] + np.array([0, 8, 16]) * 3_600_000
    settlements = settle(bars, ts, np.full(3, 0.01), np.full(3, 100.0))
    assert hold(bars, settlements).tolist() == pytest.approx([1_000.0, 970.0])


def test_run_without_a_traded_bar_keeps_its_capital(make_bars):
    bars = make_bars([100.0, 200.0])
    assert hold(bars, settle(bars), first_bar=2).tolist() == [1_000.0, 1_000.0]


@given(
    close=st.lists(st.floats(1.0, 1e5), min_size=1, max_size=40),
    fee_rate=st.floats(0.0, 0.01),
    cost_bps=st.floats(0.0, 100.0),
    factor=st.floats(0.01, 100.0),
)
def test_equity_scales_with_the_capital_and_costs_never_help(make_bars, close, fee_rate, cost_bps, factor):
    bars = make_bars(close)
    equity = hold(bars, settle(bars), fee_rate=fee_rate, cost_bps=cost_bps)
    scaled = hold(bars, settle(bars), capital=1_000.0 * factor, fee_rate=fee_rate, cost_bps=cost_bps)
    assert scaled == pytest.approx(equity * factor)
    assert (equity <= hold(bars, settle(bars)) * (1 + 1e-12)).all()
