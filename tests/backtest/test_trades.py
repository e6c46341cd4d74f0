"""Round trips: hand-worked ones, and generated ones against a plain walk through the fills."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.backtest.records import TRADE_DTYPE
from arena.backtest.trades import build_trades
from arena.core.errors import ArenaError
from arena.engine.records import FillReason

OPEN, CLOSE, STOP = FillReason.OPEN, FillReason.CLOSE, FillReason.STOP_LOSS
PART, WHOLE = FillReason.LIQUIDATION_PARTIAL, FillReason.LIQUIDATION
CAPITAL = 10_000.0


def fill(bar, reason, side, contracts, price, **more):
    return {"bar": bar, "reason": reason, "side": side, "contracts": contracts, "price": price, **more}


@pytest.fixture
def trades_of(make_bars, make_signal, make_fills, ct_val):
    def build(rows, closes, *, final_funding_total=None, reason=None, bars=None):
        market = make_bars(closes) if bars is None else bars
        fills = make_fills(rows)
        total = fills["funding_total"][-1] if final_funding_total is None else final_funding_total
        return build_trades(
            fills,
            market,
            make_signal(len(market), reason),
            ct_val=ct_val,
            initial_capital=CAPITAL,
            final_funding_total=total,
        )

    return build


def test_no_fill_is_no_trade(make_bars, make_signal, make_fills):
    trades = build_trades(
        make_fills([]),
        make_bars([1.0]),
        make_signal(1),
        ct_val=1.0,
        initial_capital=1.0,
        final_funding_total=0.0,
    )
    assert len(trades) == 0
    assert trades.dtype == TRADE_DTYPE


def test_long_round_trip_by_hand(trades_of):
    rows = [
        fill(1, OPEN, 1, 10, 101.0, ref_price=100.0, fee=0.5, signal_bar=0),
        fill(3, CLOSE, -1, 10, 109.0, ref_price=110.0, fee=0.6, funding=-0.2),
    ]
    (trade,) = trades_of(rows, [100, 105, 110, 90, 90], reason=[2, 1, 1, 1, 1])
    assert (trade["side"], trade["entry_bar"], trade["exit_bar"], trade["bars_held"]) == (1, 1, 3, 2)
    assert (trade["entry_price"], trade["exit_price"], trade["contracts"]) == (101.0, 109.0, 10.0)
    assert trade["price_pnl"] == pytest.approx(10 * 0.01 * 10)
    assert trade["slippage"] == pytest.approx(0.2)
    assert trade["fees"] == pytest.approx(1.1)
    assert trade["funding"] == pytest.approx(-0.2)
    assert trade["net_pnl"] == pytest.approx(1.0 - 1.1 - 0.2 - 0.2)
    assert trade["return_on_equity"] == pytest.approx(-0.5 / CAPITAL)
    assert (trade["exit_reason"], trade["entry_reason"]) == (CLOSE, 2)
    assert not trade["is_open"]


def test_reversal_ends_one_trade_and_starts_the_next(trades_of):
    rows = [
        fill(0, OPEN, 1, 4, 100.0),
        fill(2, CLOSE, -1, 4, 120.0),
        fill(2, OPEN, -1, 6, 120.0),
        fill(4, CLOSE, 1, 6, 110.0),
    ]
    first, second = trades_of(rows, [100, 110, 120, 115, 110])
    assert (first["side"], second["side"]) == (1, -1)
    assert first["exit_bar"] == second["entry_bar"] == 2
    assert first["net_pnl"] == pytest.approx(0.8)
    assert second["net_pnl"] == pytest.approx(0.6)
    assert second["return_on_equity"] == pytest.approx(0.6 / (CAPITAL + 0.8))


def test_additions_and_reductions_stay_in_one_trade_at_average_prices(trades_of):
    rows = [
        fill(0, OPEN, 1, 2, 100.0),
        fill(1, OPEN, 1, 2, 110.0),
        fill(2, CLOSE, -1, 3, 120.0),
        fill(3, STOP, -1, 1, 100.0, signal_bar=-1),
    ]
    (trade,) = trades_of(rows, [100, 110, 120, 100])
    assert trade["contracts"] == 4.0
    assert trade["entry_price"] == pytest.approx(105.0)
    assert trade["exit_price"] == pytest.approx(115.0)
    assert trade["net_pnl"] == pytest.approx(4 * 0.01 * 10.0)
    assert trade["exit_reason"] == STOP
    assert trade["bars_held"] == 4


def test_partial_liquidation_reduces_and_the_takeover_ends_the_trade(trades_of):
    rows = [
        fill(0, OPEN, 1, 100, 100.0),
        fill(1, PART, -1, 60, 80.0, ref_price=81.0, signal_bar=-1),
        fill(1, WHOLE, -1, 40, 70.0, ref_price=75.0, penalty=40 * 0.01 * 5.0, signal_bar=-1),
    ]
    (trade,) = trades_of(rows, [100, 80, 80])
    assert trade["exit_reason"] == WHOLE
    assert trade["penalty"] == pytest.approx(2.0)
    assert trade["slippage"] == pytest.approx(0.6)
    assert trade["price_pnl"] == pytest.approx(0.01 * (60 * -19 + 40 * -25))
    assert trade["net_pnl"] == pytest.approx(0.01 * (60 * -20 + 40 * -30))


def test_open_trade_is_valued_at_the_last_close_with_funding_to_the_end(trades_of):
    rows = [fill(1, OPEN, -1, 10, 100.0, fee=0.5)]
    (trade,) = trades_of(rows, [100, 100, 90, 80], final_funding_total=0.3)
    assert trade["is_open"]
    assert (trade["exit_reason"], trade["exit_bar"], trade["exit_price"]) == (0, 3, 80.0)
    assert trade["bars_held"] == 3
    assert trade["funding"] == pytest.approx(0.3)
    assert trade["net_pnl"] == pytest.approx(10 * 0.01 * 20 - 0.5 + 0.3)


def test_funding_before_the_entry_belongs_to_the_trade_before(trades_of):
    rows = [
        fill(0, OPEN, 1, 1, 100.0),
        fill(1, CLOSE, -1, 1, 100.0, funding=-1.0),
        fill(2, OPEN, 1, 1, 100.0),
        fill(3, CLOSE, -1, 1, 100.0, funding=0.25),
    ]
    assert trades_of(rows, [100] * 5)["funding"].tolist() == pytest.approx([-1.0, 0.25])


def test_stop_in_the_entry_bar_holds_one_bar(trades_of):
    rows = [fill(1, OPEN, 1, 1, 100.0), fill(1, STOP, -1, 1, 99.0, signal_bar=-1)]
    (trade,) = trades_of(rows, [100, 100, 100])
    assert (trade["entry_bar"], trade["exit_bar"], trade["bars_held"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("reason", "mae", "mfe"),
    [
        pytest.param(CLOSE, -0.05, 0.15, id="exit-at-open-sees-only-that-open"),
        pytest.param(STOP, -0.40, 0.30, id="exit-inside-sees-the-whole-bar"),
    ],
)
def test_excursions_of_a_long(trades_of, make_bars, reason, mae, mfe):
    bars = make_bars([100.0, 100.0, 100.0])
    bars.open[:] = [100, 100, 115]
    bars.high[:] = [200, 110, 130]
    bars.low[:] = [10, 95, 60]
    rows = [fill(1, OPEN, 1, 1, 100.0), fill(2, reason, -1, 1, 115.0)]
    (trade,) = trades_of(rows, None, bars=bars)
    assert trade["mae"] == pytest.approx(mae)
    assert trade["mfe"] == pytest.approx(mfe)


def test_excursions_of_a_short_are_mirrored(trades_of, make_bars):
    bars = make_bars([100.0, 100.0])
    bars.high[:] = [103, 104]
    bars.low[:] = [98, 91]
    (trade,) = trades_of([fill(0, OPEN, -1, 1, 100.0)], None, bars=bars)
    assert trade["mae"] == pytest.approx(-0.04)
    assert trade["mfe"] == pytest.approx(0.09)


def test_trade_that_only_lost_has_no_favourable_excursion(trades_of, make_bars):
    bars = make_bars([90.0, 90.0])
    (trade,) = trades_of([fill(0, OPEN, 1, 1, 100.0)], None, bars=bars)
    assert trade["mfe"] == 0.0
    assert trade["mae"] < -0.1


def test_entry_without_a_deciding_bar_has_no_reason(trades_of):
    rows = [fill(0, OPEN, 1, 1, 100.0, signal_bar=-1)]
    assert trades_of(rows, [100, 100], reason=[3, 3])[0]["entry_reason"] == 0


def test_fill_through_zero_is_refused(trades_of):
    rows = [fill(0, OPEN, 1, 1, 100.0), fill(1, CLOSE, -1, 3, 100.0)]
    with pytest.raises(ArenaError, match=r"fill 1 .* from 1 to -2 contracts"):
        trades_of(rows, [100, 100])


def test_account_without_equity_has_return_zero(make_bars, make_signal, make_fills, ct_val):
    fills = make_fills([fill(0, OPEN, 1, 1, 100.0)], initial_capital=0.0)
    bars = make_bars([100.0, 90.0])
    (trade,) = build_trades(
        fills, bars, make_signal(2), ct_val=ct_val, initial_capital=0.0, final_funding_total=0.0
    )
    assert trade["return_on_equity"] == 0.0
    assert trade["net_pnl"] < 0.0


STEP = st.fixed_dictionaries(
    {
        "wait": st.integers(0, 3),
        "target": st.integers(-5, 5),
        "move": st.floats(-0.2, 0.2),
        "slip": st.floats(0.0, 0.01),
        "fee": st.floats(0.0, 2.0),
        "funding": st.floats(-3.0, 3.0),
        "reason": st.sampled_from([CLOSE, STOP, PART]),
    }
)


def rows_of(steps):
    """Bring the position from target to target; a reversal is a CLOSE and then an OPEN."""
    rows, bar, position, price = [], 0, 0, 100.0
    for step in steps:
        bar += step["wait"]
        price *= 1 + step["move"]
        target = step["target"]
        legs = [-position, target] if position * target < 0 else [target - position]
        funding = step["funding"] if position else 0.0
        for leg in legs:
            if not leg:
                continue
            side = 1 if leg > 0 else -1
            reason = OPEN if position * side >= 0 else step["reason"]
            paid = price * (1 + side * step["slip"])
            more = {"ref_price": price, "fee": step["fee"], "funding": funding, "signal_bar": bar}
            rows.append(fill(bar, reason, side, abs(leg), paid, **more))
            position += leg
            funding = 0.0
    return rows, bar


def walk(fills, bars, signal, ct_val, capital, final_funding):
    """Slow oracle: one dict a trade, by average cost, fill after fill."""
    trades, now, position, average, cash = [], None, 0.0, 0.0, capital
    for row in fills:
        if now is None:
            now = dict.fromkeys(
                ("fees", "slippage", "penalty", "realized", "bought", "in", "out", "sold"), 0.0
            )
            now |= {"side": int(row["side"]), "entry_bar": int(row["bar"]), "start": cash, "largest": 0.0}
            now["funding_start"] = float(row["funding_total"])
            now["entry_reason"] = int(signal.reason[row["signal_bar"]])
        size, price = float(row["contracts"]), float(row["price"])
        if row["side"] == now["side"]:
            average = (abs(position) * average + size * price) / (abs(position) + size)
            now["in"] += size
            now["bought"] += size * price
        else:
            now["realized"] += now["side"] * size * ct_val * (price - average)
            now["out"] += size
            now["sold"] += size * price
        position += float(row["side"]) * size
        now["largest"] = max(now["largest"], abs(position))
        for name, column in (("fees", "fee"), ("slippage", "slippage"), ("penalty", "penalty")):
            now[name] += float(row[column])
        cash = float(row["cash"])
        if position == 0.0:
            now |= {"exit_bar": int(row["bar"]), "exit_reason": int(row["reason"]), "is_open": False}
            now["funding"] = float(row["funding_total"]) - now["funding_start"]
            now["exit_price"] = now["sold"] / now["out"]
            trades.append(now)
            now = None
    if now is not None:
        last = float(bars.close[-1])
        now["unrealized"] = position * ct_val * (last - average)
        now["realized"] += now["unrealized"]
        now |= {"exit_bar": len(bars) - 1, "exit_reason": 0, "is_open": True, "exit_price": last}
        now["funding"] = final_funding - now["funding_start"]
        trades.append(now)
    for trade in trades:
        trade["net_pnl"] = trade["realized"] - trade["fees"] + trade["funding"]
        trade["price_pnl"] = trade["realized"] + trade["slippage"] + trade["penalty"]
        trade["return_on_equity"] = trade["net_pnl"] / trade["start"]
        trade["entry_price"] = trade["bought"] / trade["in"]
        trade["contracts"] = trade["largest"]
        lows, highs = [], []
        for bar in range(trade["entry_bar"], trade["exit_bar"] + 1):
            at_open = trade["exit_reason"] == CLOSE and bar == trade["exit_bar"] > trade["entry_bar"]
            lows.append(bars.open[bar] if at_open else bars.low[bar])
            highs.append(bars.open[bar] if at_open else bars.high[bar])
        edges = [(value / trade["entry_price"] - 1) * trade["side"] for value in (min(lows), max(highs))]
        trade["mae"], trade["mfe"] = min(0.0, *edges), max(0.0, *edges)
    return trades


EXACT = ("side", "entry_bar", "exit_bar", "exit_reason", "entry_reason", "is_open", "contracts")
CLOSE_TO = (
    *("entry_price", "exit_price", "price_pnl", "fees", "funding", "slippage", "penalty"),
    *("net_pnl", "return_on_equity", "mae", "mfe"),
)


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEP, max_size=30), tail=st.integers(1, 3), last_funding=st.floats(-2.0, 2.0))
def test_generated_fills_give_what_a_plain_walk_gives(
    make_bars, make_signal, make_fills, ct_val, steps, tail, last_funding
):
    rows, last_bar = rows_of(steps)
    count = last_bar + tail
    bars = make_bars(100 + 10 * np.sin(np.arange(count)))
    signal = make_signal(count, np.arange(count) % 4)
    fills = make_fills(rows)
    settled = float(fills["funding_total"][-1]) if rows else 0.0
    holding = bool(rows) and fills["position"][-1] != 0.0
    final_funding = settled + (last_funding if holding else 0.0)
    trades = build_trades(
        fills, bars, signal, ct_val=ct_val, initial_capital=CAPITAL, final_funding_total=final_funding
    )
    expected = walk(fills, bars, signal, ct_val, CAPITAL, final_funding)
    assert len(trades) == len(expected)
    for name in EXACT:
        assert trades[name].tolist() == [trade[name] for trade in expected], name
    for name in CLOSE_TO:
        assert trades[name].tolist() == pytest.approx([t[name] for t in expected], rel=1e-9, abs=1e-9), name

    cash = float(fills["cash"][-1]) if rows else CAPITAL
    unrealized = sum(trade.get("unrealized", 0.0) for trade in expected)
    equity_change = cash + unrealized + (final_funding - settled) - CAPITAL
    assert trades["net_pnl"].sum() == pytest.approx(equity_change, abs=1e-9 * CAPITAL)
    parts = trades["price_pnl"] - trades["fees"] + trades["funding"] - trades["slippage"] - trades["penalty"]
    assert trades["net_pnl"] == pytest.approx(parts, abs=1e-9)
