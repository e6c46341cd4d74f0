"""Every metric on cases worked by hand, and what it says where it is undefined."""

import math

import pytest

from arena.backtest.metrics import PRIMARY, SECONDARY

DEFINITIONS = {definition.name: definition for definition in (*PRIMARY, *SECONDARY)}


def wins_and_losses(*nets, **more):
    return [{"net_pnl": float(net), **more} for net in nets]


def read(name, inputs):
    return DEFINITIONS[name].read(inputs)


FALLING = [100.0, 110.0, 99.0, 121.0, 96.8, 108.9]  # +10 %, -10 %, +22.2 %, -20 %, +12.5 %
YEAR_UP = [100.0, *[110.0] * 182, *[99.0] * 183, 121.0]  # 366 days
MIXED = wins_and_losses(30, -10, 20, -20, 40, 0)
TWENTY_DAYS = [100.0]
for _move in (-0.10, -0.02, *[0.01] * 17, 0.04):
    TWENTY_DAYS.append(TWENTY_DAYS[-1] * (1 + _move))


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("total_return", {"equity": FALLING}, 0.089),
        ("total_return", {"equity": [100.0, 50.0, 0.0, 70.0]}, -1.0),
        ("cagr", {"equity": YEAR_UP}, 1.21 ** (365 / 366) - 1),
        ("max_drawdown", {"equity": FALLING}, -0.2),
        ("max_drawdown", {"equity": [100.0, 101.0]}, 0.0),
        ("sharpe", {"equity": [100.0, 101.0, 103.02]}, 0.015 / math.sqrt(5e-5) * math.sqrt(365)),
        (
            "sharpe",
            {"equity": [100.0, 101.0, 103.02], "timeframe": "1h"},
            0.015 / math.sqrt(5e-5) * math.sqrt(8760),
        ),
        ("sortino", {"equity": [100.0, 99.0, 101.97]}, 0.01 / math.sqrt(5e-5) * math.sqrt(365)),
        ("calmar", {"equity": YEAR_UP}, (1.21 ** (365 / 366) - 1) / 0.1),
        ("profit_factor", {"trades": MIXED}, 3.0),
        ("profit_factor", {"trades": wins_and_losses(-5)}, 0.0),
        ("win_rate", {"trades": MIXED}, 0.5),
        ("trades", {"trades": MIXED}, 6),
        ("expectancy", {"trades": MIXED}, 10.0),
        ("exposure", {"equity": [100.0] * 13, "trades": MIXED}, 0.5),
        ("costs", {"fees": 3.0, "funding": -2.0, "slippage": 1.0, "liquidation": 0.5}, 6.5),
        ("costs", {"fees": 3.0, "funding": 5.0}, -2.0),
        ("volatility", {"equity": [100.0, 101.0, 103.02]}, math.sqrt(5e-5) * math.sqrt(365)),
        ("volatility", {"equity": [100.0] * 5}, 0.0),
        ("downside_deviation", {"equity": [100.0, 99.0, 101.97]}, math.sqrt(5e-5) * math.sqrt(365)),
        ("average_drawdown", {"equity": FALLING}, -0.15),
        ("longest_underwater", {"equity": FALLING}, 2.0),
        ("longest_underwater", {"equity": [100.0, 90.0, 95.0, 99.0], "timeframe": "12h"}, 1.5),
        ("recovery_factor", {"equity": FALLING}, 8.9 / 24.2),
        ("ulcer_index", {"equity": [100.0, 90.0, 80.0, 100.0]}, math.sqrt((0.01 + 0.04) / 4)),
        ("var_95", {"equity": TWENTY_DAYS}, -0.0215 + 0.0215 - (0.1 * 0.05 + 0.02 * 0.95)),
        ("cvar_95", {"equity": TWENTY_DAYS}, -0.1),
        ("tail_ratio", {"equity": TWENTY_DAYS}, (0.01 * 0.95 + 0.04 * 0.05) / 0.024),
        ("skew", {"equity": [100.0, 110.0, 99.0, 108.9, 98.01]}, 0.0),
        ("kurtosis", {"equity": [100.0, 110.0, 99.0, 108.9, 98.01]}, 1.0),
        ("omega", {"equity": [100.0, 103.0, 101.97]}, 3.0),
        ("probabilistic_sharpe", {"equity": [100.0, 110.0, 99.0, 108.9, 98.01]}, 0.5),
        ("best_day", {"equity": FALLING}, 2 / 9),
        ("worst_day", {"equity": FALLING}, -0.2),
        ("payoff_ratio", {"trades": MIXED}, 2.0),
        ("kelly", {"trades": wins_and_losses(20, 20, -10, 20, -10)}, 0.6 - 0.4 / 2),
        ("sqn", {"trades": wins_and_losses(1, 2, 3, 4)}, 2 * 2.5 / math.sqrt(5 / 3)),
        ("p_value", {"trades": wins_and_losses(-1, 1)}, 0.5),
        ("p_value", {"trades": wins_and_losses(1, 2, 3)}, 0.5 - math.sqrt(12) / (2 * math.sqrt(14))),
        ("best_trade", {"trades": MIXED}, 0.004),
        ("worst_trade", {"trades": MIXED}, -0.002),
        ("max_consecutive_wins", {"trades": wins_and_losses(1, 1, -1, 1, 1, 1)}, 3),
        ("max_consecutive_losses", {"trades": wins_and_losses(-1, 0, -1, -1, 1)}, 2),
        ("max_consecutive_losses", {}, 0),
        ("holding_winners", {"trades": wins_and_losses(1, bars_held=4) + wins_and_losses(2)}, 2.5),
        ("holding_losers", {"trades": wins_and_losses(-1, bars_held=4) + wins_and_losses(2)}, 4.0),
        ("long_trades", {"trades": wins_and_losses(1, -1) + wins_and_losses(5, side=-1)}, 2),
        ("long_net_pnl", {"trades": wins_and_losses(3, -1) + wins_and_losses(5, side=-1)}, 2.0),
        ("long_win_rate", {"trades": wins_and_losses(1, -1) + wins_and_losses(5, side=-1)}, 0.5),
        ("short_trades", {"trades": wins_and_losses(1, -1) + wins_and_losses(5, side=-1)}, 1),
        ("short_net_pnl", {"trades": wins_and_losses(1, -1) + wins_and_losses(5, side=-1)}, 5.0),
        ("short_win_rate", {"trades": wins_and_losses(1, -1) + wins_and_losses(5, side=-1)}, 1.0),
        ("average_mae", {"trades": wins_and_losses(1, mae=-0.1) + wins_and_losses(1, mae=-0.3)}, -0.2),
        ("average_mfe", {"trades": wins_and_losses(1, mfe=0.1) + wins_and_losses(1, mfe=0.3)}, 0.2),
        ("cost_share", {"trades": MIXED, "fees": 9.0}, 0.1),
        ("turnover", {"equity": [100.0] * 74, "traded_notional": 5_000.0}, 250.0),
        ("max_leverage", {"max_leverage": 2.5}, 2.5),
        ("liquidations", {"liquidations": 2}, 2),
        ("partial_liquidations", {"partial_liquidations": 3}, 3),
        ("rejected_orders", {"rejected_orders": 4}, 4),
        ("expired_orders", {"expired_orders": 5}, 5),
        ("clipped_orders", {"clipped_orders": 6}, 6),
        ("beta", {"equity": [100.0, 102.0, 100.98], "hold": [100.0, 104.0, 101.92]}, 0.5),
        (
            "alpha",
            {"equity": [100.0, 103.0, 103.0], "hold": [100.0, 104.0, 101.92]},
            (0.015 - 0.5 * 0.01) * 365,
        ),
        ("correlation", {"equity": [100.0, 102.0, 100.98], "hold": [100.0, 104.0, 101.92]}, 1.0),
        ("correlation", {"equity": [100.0, 98.0, 98.98], "hold": [100.0, 104.0, 101.92]}, -1.0),
        (
            "information_ratio",
            {"equity": [100.0, 103.0, 104.03], "hold": [100.0, 102.0, 102.0]},
            None,
        ),
        (
            "information_ratio",
            {"equity": [100.0, 104.0, 104.0], "hold": [100.0, 102.0, 102.0]},
            0.01 / math.sqrt(2e-4) * math.sqrt(365),
        ),
    ],
)
def test_hand_worked_value(make_inputs_of, name, given, value):
    metric = read(name, make_inputs_of(**given))
    if value is None:
        assert metric.value is None
    else:
        assert metric.value == pytest.approx(value, rel=1e-9, abs=1e-9)
        assert metric.reason is None


def test_every_metric_has_a_hand_worked_case():
    (mark,) = [mark for mark in test_hand_worked_value.pytestmark if mark.name == "parametrize"]
    assert {case[0] for case in mark.args[1]} == set(DEFINITIONS)


RISING = [100.0, 101.0, 103.0]


@pytest.mark.parametrize(
    ("name", "given", "reason"),
    [
        ("cagr", {"equity": [100.0] * 90}, "89.0 days are fewer than 90: a yearly rate would be a guess"),
        ("calmar", {"equity": RISING}, "2.0 days are fewer than 90: a yearly rate would be a guess"),
        ("calmar", {"equity": [100.0] * 99 + [101.0]}, "∞ (no drawdown)"),
        ("calmar", {"equity": [100.0] * 99}, "neither growth nor drawdown"),
        ("sharpe", {"equity": [100.0, 101.0]}, "fewer than 2 returns"),
        ("sharpe", {"equity": [100.0] * 3}, "returns do not vary"),
        ("sharpe", {"equity": [100.0, 101.0, 102.01, 103.0301]}, "returns do not vary"),
        ("sortino", {"equity": [100.0, 99.0]}, "fewer than 2 returns"),
        ("sortino", {"equity": RISING}, "∞ (no losing bar)"),
        ("sortino", {"equity": [100.0] * 3}, "returns do not vary"),
        ("profit_factor", {}, "no closed trade"),
        ("profit_factor", {"trades": wins_and_losses(1, 2)}, "∞ (no losing trade)"),
        ("profit_factor", {"trades": wins_and_losses(0)}, "neither a winning nor a losing trade"),
        ("win_rate", {}, "no closed trade"),
        ("win_rate", {"trades": wins_and_losses(1, is_open=True)}, "no closed trade"),
        ("expectancy", {}, "no closed trade"),
        ("exposure", {"equity": [100.0]}, "no traded bar"),
        ("volatility", {"equity": [100.0, 101.0]}, "fewer than 2 returns"),
        ("downside_deviation", {"equity": [100.0]}, "no traded bar"),
        ("recovery_factor", {"equity": RISING}, "∞ (no drawdown)"),
        ("recovery_factor", {}, "neither profit nor drawdown"),
        ("var_95", {"equity": RISING}, "2 days are fewer than 20"),
        ("cvar_95", {"equity": RISING}, "2 days are fewer than 20"),
        ("tail_ratio", {"equity": RISING}, "2 days are fewer than 20"),
        ("tail_ratio", {"equity": [100.0] * 40}, "the 5 % quantile of daily returns is 0"),
        ("skew", {"equity": RISING}, "fewer than 4 returns"),
        ("kurtosis", {"equity": [100.0] * 9}, "returns do not vary"),
        ("probabilistic_sharpe", {"equity": RISING}, "fewer than 4 returns"),
        ("probabilistic_sharpe", {"equity": [100.0] * 9}, "returns do not vary"),
        ("omega", {"equity": RISING}, "∞ (no losing bar)"),
        ("omega", {}, "neither a winning nor a losing bar"),
        ("best_day", {"equity": [100.0]}, "no traded bar"),
        ("worst_day", {"equity": [100.0]}, "no traded bar"),
        ("payoff_ratio", {}, "no closed trade"),
        ("payoff_ratio", {"trades": wins_and_losses(1)}, "no losing trade"),
        ("payoff_ratio", {"trades": wins_and_losses(-1)}, "no winning trade"),
        ("kelly", {"trades": wins_and_losses(-1)}, "no winning trade"),
        ("sqn", {"trades": wins_and_losses(1)}, "fewer than 2 closed trades"),
        ("sqn", {"trades": wins_and_losses(1, 1)}, "net PnL of trades does not vary"),
        ("sqn", {"trades": wins_and_losses(0.1 + 0.2, 0.3)}, "net PnL of trades does not vary"),
        ("p_value", {"trades": wins_and_losses(1)}, "fewer than 2 closed trades"),
        ("best_trade", {}, "no closed trade"),
        ("worst_trade", {}, "no closed trade"),
        ("holding_winners", {"trades": wins_and_losses(-1)}, "no winning trade"),
        ("holding_losers", {"trades": wins_and_losses(1)}, "no losing trade"),
        ("holding_losers", {}, "no closed trade"),
        ("long_win_rate", {"trades": wins_and_losses(1, side=-1)}, "no closed long trade"),
        ("short_win_rate", {}, "no closed short trade"),
        ("average_mae", {}, "no closed trade"),
        ("average_mfe", {}, "no closed trade"),
        ("cost_share", {"trades": wins_and_losses(-1), "fees": 1.0}, "no gross profit"),
        ("turnover", {"equity": [100.0]}, "no traded bar"),
        ("beta", {"equity": [100.0, 101.0]}, "fewer than 2 returns"),
        ("beta", {"equity": RISING}, "buy and hold does not vary"),
        ("alpha", {"equity": RISING}, "buy and hold does not vary"),
        ("correlation", {"equity": [100.0] * 3, "hold": RISING}, "returns do not vary"),
        ("information_ratio", {"equity": [100.0]}, "fewer than 2 returns"),
        (
            "information_ratio",
            {"equity": RISING, "hold": RISING},
            "the excess over buy and hold does not vary",
        ),
    ],
)
def test_undefined_is_null_with_a_reason(make_inputs_of, name, given, reason):
    metric = read(name, make_inputs_of(**given))
    assert metric.value is None
    assert metric.reason == reason


@pytest.mark.parametrize(
    ("name", "given", "note"),
    [
        (
            "total_return",
            {"equity": [10_000.0, 11_234.5], "hold": [10_000.0, 9_500.0]},
            "net profit +1,234.50 USDT; buy & hold −5.00%, excess +17.35 points",
        ),
        ("max_drawdown", {"equity": FALLING}, "2.0 days from peak, not recovered"),
        ("max_drawdown", {"equity": [100.0, 90.0, 100.0]}, "2.0 days from peak, to recovery"),
        ("max_drawdown", {}, "no bar closed below a former peak"),
        ("average_drawdown", {"equity": FALLING}, "over 2 drawdowns"),
        ("longest_underwater", {"equity": FALLING}, "from 2024-01-02T00:00:00Z, recovered"),
        ("win_rate", {"trades": MIXED}, "payoff ratio 2.00"),
        ("win_rate", {"trades": wins_and_losses(1)}, "no losing trade"),
        ("trades", {"trades": wins_and_losses(1)}, "fewer than 30: too few to judge by"),
        ("trades", {"trades": wins_and_losses(*range(30))}, "fewer than 100: a small sample"),
        ("trades", {"trades": wins_and_losses(*range(100))}, None),
        (
            "trades",
            {"trades": [*wins_and_losses(*range(100)), {"net_pnl": 1.0, "is_open": True}]},
            "1 more still open",
        ),
        ("expectancy", {"trades": MIXED}, "+0.10% of equity a trade"),
        (
            "costs",
            {"trades": MIXED, "fees": 5.0, "funding": -3.0, "slippage": 1.0},
            "fees 5.00 USDT, funding paid 3.00 USDT, slippage 1.00 USDT; 10.00% of gross profit",
        ),
        (
            "costs",
            {"fees": 5.0, "funding": 3.0, "liquidation": 2.0},
            "fees 5.00 USDT, funding received 3.00 USDT, slippage 0.00 USDT, liquidation 2.00 USDT; "
            "no gross profit",
        ),
        ("best_day", {"equity": FALLING}, "2024-01-03"),
        ("worst_trade", {"trades": MIXED}, "−20.00 USDT"),
        ("holding_winners", {"trades": wins_and_losses(1, bars_held=40)}, "40.0 days"),
        ("holding_winners", {"trades": wins_and_losses(1, bars_held=2), "timeframe": "15m"}, "0.5 hours"),
    ],
)
def test_small_print(make_inputs_of, name, given, note):
    assert read(name, make_inputs_of(**given)).note == note


def test_cvar_is_the_mean_below_var_not_at_a_count(make_inputs_of):
    moves = [-0.05, -0.04, -0.03, *[0.001] * 57]
    equity = [100.0]
    for move in moves:
        equity.append(equity[-1] * (1 + move))
    inputs = make_inputs_of(equity)
    assert read("var_95", inputs).value == pytest.approx(-0.03 * 0.05 + 0.001 * 0.95)
    assert read("cvar_95", inputs).value == pytest.approx(-0.04)


def test_returns_end_at_ruin(make_inputs_of):
    path = make_inputs_of([100.0, 50.0, 0.0, 40.0, 80.0]).path
    assert path.returns.tolist() == [-0.5, -1.0]


def test_bar_that_two_trades_share_is_exposure_once(make_inputs_of):
    trades = [
        {"net_pnl": 1.0, "entry_bar": 0, "exit_bar": 2, "bars_held": 3},
        {"net_pnl": 1.0, "entry_bar": 2, "exit_bar": 4, "bars_held": 2},
    ]
    assert read("exposure", make_inputs_of([100.0] * 9, trades=trades)).value == 0.5


def test_days_are_cut_at_utc_midnight(make_path):
    path = make_path(
        [100.0, *[101.0] * 20, 110.0, 99.0, 99.0, 99.0], "1h", start=1_704_067_200_000 + 3 * 3_600_000
    )
    assert path.daily_returns == pytest.approx([0.10, -0.10])
    assert path.daily_ts.tolist() == [1_704_067_200_000, 1_704_153_600_000]
