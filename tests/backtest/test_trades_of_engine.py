"""Round trips of the engine's own fills: they add up to the account, on calm and on ruinous markets."""

import numpy as np
import pytest

from arena.backtest.hold import hold_equity
from arena.backtest.metrics import compute_metrics, make_inputs
from arena.backtest.result import Counts, PnlSplit, RunArrays
from arena.backtest.trades import build_trades
from arena.core.instrument import Instrument, MarginTier, TierTable
from arena.core.signal import Signal
from arena.engine.records import FillReason, expand_fills
from arena.engine.settlements import place_settlements
from arena.engine.simulate import AccountSettings, MarkPrices, simulate

CAPITAL = 10_000.0
FEE_RATE = 0.0005
FIRST_BAR = 20
TIERS = TierTable(
    "2024-01-01",
    "made up",
    (MarginTier(50, 0.01, 0.02), MarginTier(100, 0.02, 0.04), MarginTier(400, 0.03, 0.1)),
)
SWAP = Instrument("BTC-USDT-SWAP", "BTC/USDT:USDT", 0.01, 0.01, 0.01, 0.1, 10_000, 100, 28_800_000, TIERS)


def fills_of(course, bars):
    return expand_fills(
        course.compact_fills,
        bars.ts,
        lot_sz=SWAP.lot_sz,
        ct_val=SWAP.ct_val,
        fee_rate=FEE_RATE,
        capital=CAPITAL,
    )


@pytest.fixture
def course_of(make_bars):
    """Run the engine on a seeded random market and a seeded random strategy."""

    def run(seed, volatility, leverage, isolated=False):
        random = np.random.default_rng(seed)
        count = 400
        bars = make_bars(
            30_000 * np.exp(np.cumsum(random.normal(0, volatility, count))), spread=volatility / 3
        )
        target = np.repeat(random.choice([-1.0, -0.5, 0.0, 0.5, 1.0], count // 5), 5)
        distance = np.where(random.random(count) < 0.5, bars.close * volatility, np.nan)
        reason = random.integers(0, 3, count).astype(np.int16)
        signal = Signal(target, distance, 2 * distance, np.ones(count), reason, ("", "a", "b"))
        settlements = place_settlements(
            bars.ts,
            bars.timeframe.step_ms,
            bars.ts[::8].copy(),
            random.normal(0, 1e-3, len(bars.ts[::8])),
            bars.open[::8].copy(),
        )
        mark = MarkPrices(bars.open, bars.high, bars.low)
        settings = AccountSettings(CAPITAL, FEE_RATE, 0.0003, leverage, isolated, "equity", 0.9, FIRST_BAR)
        return bars, signal, settlements, simulate(bars, signal, settlements, mark, SWAP, settings)

    return run


MARKETS = [
    pytest.param(1, 0.004, 1.0, False, id="calm"),
    pytest.param(2, 0.01, 3.0, False, id="levered"),
    pytest.param(3, 0.03, 9.0, False, id="ruinous-cross"),
    pytest.param(4, 0.03, 9.0, True, id="liquidated-isolated"),
]


@pytest.mark.parametrize(("seed", "volatility", "leverage", "isolated"), MARKETS)
def test_trades_add_up_to_the_account(course_of, seed, volatility, leverage, isolated):
    bars, signal, settlements, course = course_of(seed, volatility, leverage, isolated)
    fills = fills_of(course, bars)
    trades = build_trades(
        fills,
        bars,
        signal,
        ct_val=SWAP.ct_val,
        initial_capital=CAPITAL,
        final_funding_total=course.funding,
    )
    change = course.equity[-1] - CAPITAL
    assert len(trades) > 0
    assert trades["net_pnl"].sum() == pytest.approx(change, abs=1e-9 * CAPITAL)
    for column, total in (
        ("price_pnl", course.price_pnl),
        ("fees", course.fees),
        ("funding", course.funding),
        ("slippage", course.slippage),
        ("penalty", course.penalty),
    ):
        assert trades[column].sum() == pytest.approx(total, abs=1e-9 * CAPITAL), column
    assert (np.diff(trades["entry_bar"]) >= 0).all()

    pnl = PnlSplit(
        price=course.price_pnl,
        fees=course.fees,
        funding=course.funding,
        slippage=course.slippage,
        liquidation=course.penalty,
        total=change,
        identity_error=course.identity_error,
    )
    hold = hold_equity(bars, FIRST_BAR, CAPITAL, fee_rate=FEE_RATE, cost_bps=3.0, settlements=settlements)
    run = RunArrays(bars, signal, course.equity, course.position, hold, fills, trades)
    inputs = make_inputs(
        run,
        first_bar=FIRST_BAR,
        initial_capital=CAPITAL,
        ct_val=SWAP.ct_val,
        pnl=pnl,
        counts=Counts(**dict.fromkeys(Counts.model_fields, 0)),
    )
    values = {metric.name: metric.value for metric in compute_metrics(inputs)[0]}
    assert values["total_return"] == pytest.approx(max(change / CAPITAL, -1.0), abs=1e-9)
    assert 0.0 < values["exposure"] <= 1.0
    assert values["costs"] == pytest.approx(course.price_pnl - change, abs=1e-6)


def test_ruinous_markets_do_liquidate(course_of):
    bars, _, _, course = course_of(3, 0.03, 9.0)
    assert FillReason.LIQUIDATION in fills_of(course, bars)["reason"]


def test_engine_holding_long_unlevered_makes_what_buy_and_hold_says(make_bars):
    bars = make_bars(30_000 + 500 * np.sin(np.arange(60) / 5))
    none = np.full(60, np.nan)
    signal = Signal(np.ones(60), none, none, np.ones(60), np.zeros(60, np.int16), ("",))
    settlements = place_settlements(
        bars.ts, bars.timeframe.step_ms, bars.ts[::8].copy(), np.full(8, 1e-3), bars.open[::8].copy()
    )
    settings = AccountSettings(CAPITAL, FEE_RATE, 0.0003, 1.0, False, "contracts", 30.0, 16)
    course = simulate(bars, signal, settlements, MarkPrices(bars.open, bars.high, bars.low), SWAP, settings)
    entry_price = course.compact_fills["price"][0]
    money = 30 * SWAP.ct_val * entry_price * 1.0005
    hold = hold_equity(
        bars,
        16,
        money,
        fee_rate=FEE_RATE,
        cost_bps=(entry_price / bars.open[16] - 1) * 1e4,
        settlements=settlements,
    )
    assert hold - money == pytest.approx(course.equity - CAPITAL, abs=1e-6)
