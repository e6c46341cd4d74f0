"""What holds for every run: finite or null, units do not matter, order matters only where it should."""

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.backtest.metrics import PRIMARY, SECONDARY, EquityPath, compute_metrics, hold_metrics

ANY_EQUITY = st.lists(st.floats(-1e12, 1e12), max_size=40).map(lambda rest: [10_000.0, *rest])
SANE_EQUITY = st.lists(st.floats(5_000.0, 20_000.0), min_size=1, max_size=60).map(
    lambda rest: [10_000.0, *rest]
)
ROW = st.fixed_dictionaries(
    {
        "net_pnl": st.floats(-1e9, 1e9).map(lambda value: round(value, 3)),
        "price_pnl": st.floats(-1e9, 1e9).map(lambda value: round(value, 3)),
        "side": st.sampled_from([1, -1]),
        "bars_held": st.integers(1, 50),
        "mae": st.floats(-1.0, 0.0),
        "mfe": st.floats(0.0, 10.0),
    }
)
TRADES = st.lists(ROW, max_size=25)
MONEY = st.floats(-1e9, 1e9)

MONEY_METRICS = {"expectancy", "costs", "long_net_pnl", "short_net_pnl"}


def assert_same(found, expected, name, rel):
    """Compare two values that may be null."""
    if expected is None:
        assert found is None, name
    else:
        assert found == pytest.approx(expected, rel=rel, abs=rel), name


def values_of(inputs):
    primary, secondary = compute_metrics(inputs)
    return {metric.name: metric.value for metric in (*primary, *secondary)}


@settings(max_examples=200, deadline=None)
@given(
    equity=ANY_EQUITY,
    hold=ANY_EQUITY,
    trades=TRADES,
    funding=MONEY,
    fees=st.floats(0.0, 1e9),
    last_is_open=st.booleans(),
    timeframe=st.sampled_from(["1m", "1h", "1d"]),
)
def test_a_value_is_finite_or_null_with_a_reason(
    make_inputs_of, equity, hold, trades, funding, fees, last_is_open, timeframe
):
    if trades:
        trades[-1]["is_open"] = last_is_open
    hold = (hold + [hold[-1]] * len(equity))[: len(equity)]
    inputs = make_inputs_of(
        equity,
        hold=hold,
        trades=trades,
        funding=funding,
        fees=fees,
        timeframe=timeframe,
        traded_notional=fees,
    )
    primary, secondary = compute_metrics(inputs)
    metrics = [*primary, *secondary, *hold_metrics(inputs.hold)]
    for metric in metrics:
        assert (metric.value is None) == (metric.reason is not None), metric.name
        assert metric.value is None or math.isfinite(metric.value), metric.name


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_money_at_the_ends_of_float_stays_finite(make_inputs_of, size):
    trades = [{"net_pnl": net * size} for net in (1.0, -0.5, 1.7)]
    equity = np.array([1.0, 1.5, 0.7, 1.1]) * size
    values = values_of(make_inputs_of(equity, hold=equity, trades=trades, fees=size, traded_notional=size))
    assert values["max_drawdown"] == pytest.approx(-8 / 15)
    assert all(value is None or math.isfinite(value) for value in values.values())


@pytest.mark.parametrize(
    ("equity", "trades"),
    [
        pytest.param([100.0], [], id="no-traded-bar"),
        pytest.param([100.0, 101.0], [], id="one-bar-no-trade"),
        pytest.param([100.0] * 500, [], id="constant-equity"),
        pytest.param([100.0, 60.0, 0.0, 0.0], [{"net_pnl": -100.0}], id="ruin"),
        pytest.param([100.0, -20.0], [{"net_pnl": -120.0}], id="worse-than-ruin"),
        pytest.param([100.0, 110.0, 121.0], [{"net_pnl": 10.0}, {"net_pnl": 11.0}], id="all-wins"),
        pytest.param([100.0, 110.0], [{"net_pnl": 10.0, "is_open": True}], id="only-an-open-trade"),
    ],
)
def test_edge_cases_give_all_metrics(make_inputs_of, equity, trades):
    values = values_of(make_inputs_of(equity, trades=trades))
    assert len(values) == len(PRIMARY) + len(SECONDARY)
    assert values["total_return"] >= -1.0
    assert -1.0 <= values["max_drawdown"] <= 0.0


@settings(max_examples=60, deadline=None)
@given(equity=SANE_EQUITY, trades=TRADES, scale=st.sampled_from([2.0**-20, 0.5, 2.0, 2.0**20]))
def test_money_unit_does_not_matter(make_inputs_of, equity, trades, scale):
    # Powers of two scale floats without rounding: what is left is the metric's own arithmetic.
    shared = [{**row, "return_on_equity": row["net_pnl"] / 1e4} for row in trades]
    scaled = [
        {**row, "net_pnl": row["net_pnl"] * scale, "price_pnl": row["price_pnl"] * scale} for row in shared
    ]
    before = values_of(
        make_inputs_of(equity, hold=equity[::-1], trades=shared, fees=3.0, traded_notional=7.0)
    )
    after = values_of(
        make_inputs_of(
            [value * scale for value in equity],
            hold=[value * scale for value in equity[::-1]],
            trades=scaled,
            fees=3.0 * scale,
            traded_notional=7.0 * scale,
        )
    )
    for name, value in before.items():
        expected = value * scale if name in MONEY_METRICS and value is not None else value
        assert_same(after[name], expected, name, 1e-12)


ORDER_FREE_OF_TRADES = (
    *("profit_factor", "win_rate", "trades", "expectancy", "payoff_ratio", "kelly", "sqn", "p_value"),
    *("best_trade", "worst_trade", "holding_winners", "holding_losers", "average_mae", "average_mfe"),
    *("long_trades", "long_net_pnl", "long_win_rate", "short_trades", "short_net_pnl", "short_win_rate"),
)
ORDER_FREE_OF_RETURNS = ("sharpe", "sortino", "volatility", "downside_deviation", "skew", "kurtosis", "omega")


@settings(max_examples=60, deadline=None)
@given(nets=st.lists(st.integers(-1_000, 1_000), max_size=25), seed=st.randoms(use_true_random=False))
def test_order_of_trades_does_not_matter_where_it_should_not(make_inputs_of, nets, seed):
    trades = [{"net_pnl": float(net), "side": 1 if net % 2 else -1, "bars_held": abs(net)} for net in nets]
    shuffled = list(trades)
    seed.shuffle(shuffled)
    before, after = (values_of(make_inputs_of(trades=rows)) for rows in (trades, shuffled))
    for name in ORDER_FREE_OF_TRADES:
        assert_same(after[name], before[name], name, 1e-6)


@settings(max_examples=60, deadline=None)
@given(
    returns=st.lists(st.sampled_from([-0.1, -0.03, 0.01, 0.02, 0.08]), min_size=4, max_size=40),
    seed=st.randoms(use_true_random=False),
)
def test_order_of_returns_does_not_matter_where_it_should_not(make_inputs_of, returns, seed):
    shuffled = list(returns)
    seed.shuffle(shuffled)
    before, after = (
        values_of(make_inputs_of(100.0 * np.cumprod([1.0, *(1.0 + np.array(moves))])))
        for moves in (returns, shuffled)
    )
    for name in ORDER_FREE_OF_RETURNS:
        assert_same(after[name], before[name], name, 1e-8)


@settings(max_examples=60, deadline=None)
@given(equity=SANE_EQUITY.filter(lambda path: len(path) > 5 and len(set(path)) > 3))
def test_path_metrics_are_what_plain_python_gives(make_inputs_of, equity):
    values = values_of(make_inputs_of(equity, timeframe="4h"))
    returns = [after / before - 1 for before, after in itertools.pairwise(equity)]
    year = math.sqrt(6 * 365)
    mean, spread = statistics.fmean(returns), statistics.stdev(returns)
    downside = math.sqrt(statistics.fmean(min(value, 0.0) ** 2 for value in returns))
    peaks = [max(equity[: point + 1]) for point in range(len(equity))]
    depths = [value / peak - 1 for value, peak in zip(equity, peaks, strict=True)]
    assert values["sharpe"] == pytest.approx(mean / spread * year)
    assert values["volatility"] == pytest.approx(spread * year)
    assert values["downside_deviation"] == pytest.approx(downside * year, abs=1e-9)
    if downside > 1e-12:
        assert values["sortino"] == pytest.approx(mean / downside * year)
    assert values["max_drawdown"] == pytest.approx(min(depths))
    assert values["ulcer_index"] == pytest.approx(math.sqrt(statistics.fmean(d * d for d in depths)))
    population = statistics.pstdev(returns)
    for name, power in (("skew", 3), ("kurtosis", 4)):
        moment = statistics.fmean(((value - mean) / population) ** power for value in returns)
        assert values[name] == pytest.approx(moment, rel=1e-6, abs=1e-6), name


@settings(max_examples=60, deadline=None)
@given(equity=st.lists(st.floats(5_000.0, 20_000.0), min_size=21, max_size=90))
def test_daily_tails_are_the_usual_quantiles(make_inputs_of, equity):
    values = values_of(make_inputs_of(equity))
    daily = np.diff(equity) / np.array(equity[:-1])
    low, high = np.quantile(daily, [0.05, 0.95])
    assert values["var_95"] == pytest.approx(low, rel=1e-9, abs=1e-12)
    assert values["cvar_95"] <= values["var_95"]
    if abs(low) > 1e-9:
        assert values["tail_ratio"] == pytest.approx(abs(high) / abs(low), rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(equity=SANE_EQUITY.filter(lambda path: len(path) > 5), seed=st.integers(0, 99))
def test_benchmark_metrics_are_a_least_squares_line(make_inputs_of, equity, seed):
    moves = np.random.default_rng(seed).normal(0.0, 0.02, len(equity) - 1)
    hold = 10_000.0 * np.cumprod([1.0, *(1.0 + moves)])
    values = values_of(make_inputs_of(equity, hold=hold))
    returns = np.diff(equity) / np.array(equity[:-1])
    slope, intercept = np.polyfit(moves, returns, 1)
    assert values["beta"] == pytest.approx(slope, rel=1e-6, abs=1e-8)
    assert values["alpha"] == pytest.approx(intercept * 365, rel=1e-6, abs=1e-6)


def test_buy_and_hold_against_itself_has_beta_one(make_inputs_of):
    path = [100.0, 103.0, 99.0, 104.0, 110.0]
    values = values_of(make_inputs_of(path, hold=path))
    assert values["beta"] == pytest.approx(1.0)
    assert values["alpha"] == pytest.approx(0.0, abs=1e-12)
    assert values["correlation"] == pytest.approx(1.0)


@settings(max_examples=60, deadline=None)
@given(equity=SANE_EQUITY)
def test_buy_and_hold_is_measured_as_a_run_is(make_inputs_of, equity):
    inputs = make_inputs_of(equity, hold=equity)
    values = values_of(inputs)
    hold = {metric.name: metric.value for metric in hold_metrics(inputs.hold)}
    assert list(hold) == ["total_return", "cagr", "max_drawdown", "sharpe", "sortino", "volatility"]
    assert hold == {name: values[name] for name in hold}


def test_hole_in_the_data_lengthens_time_but_adds_no_bar(make_path):
    whole = make_path([100.0, 101.0, 99.0, 102.0])
    ts = whole.ts.copy()
    ts[2:] += 30 * 86_400_000
    holed = EquityPath(whole.timeframe, ts, whole.equity)
    assert holed.days == whole.days + 30
    assert holed.deviation == whole.deviation
