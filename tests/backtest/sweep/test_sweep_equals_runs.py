"""A trial of a sweep is a single run: the same fills, equity and figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from arena.backtest.sweep import Axes, check_grid, run_sweep
from arena.backtest.sweep.axes import STRATEGY
from arena.backtest.sweep.run import load_sweep_market, open_desk, run_rows
from arena.config.base import validate
from arena.config.models import BacktestConfig
from arena.engine import trial_memory
from arena.engine.path_sums import BLOCK
from arena.strategies import get_strategy
from tests.backtest.sweep.test_sweep_run import assert_equal

METRICS = (
    "total_return", "sharpe", "sortino", "max_drawdown", "trades", "win_rate", "profit_factor", "exposure",
    "turnover", "liquidations", "partial_liquidations", "rejected_orders", "expired_orders",
    "clipped_orders",
)  # fmt: skip
NEARLY = ("skew", "kurtosis")

CASES = {
    "pairs": ({}, {"strategy.fast": [5, 12, 30], "strategy.slow": [8, 26, 60]}),
    "filter-and-take": (
        {"strategy": {"atr_take": 2.0}},
        {
            "strategy.adx_min": [0.0, 15.0, 30.0],
            "strategy.adx_period": [7, 14],
            "strategy.atr_stop": [0, 1.5],
        },
    ),
    "long-only": ({"strategy": {"side": "long", "adx_min": 12.0}}, {"strategy.fast": [4, 9]}),
    "costs-outside": (
        {},
        {
            "fee_rate": [0.0, 0.0005, 0.002],
            "costs.slippage_bps": [0.0, 1.0, 30.0],
            "strategy.fast": [5, 12],
            "leverage": [1, 3.5],
        },
    ),
    "part-of-history": (
        {"limit": 300, "signal_window": 10},
        {"strategy.fast": [3, 7], "strategy.slow": [15, 40]},
    ),
    "liquidations": (
        {"strategy": {"atr_stop": 0.0}, "limit": 900},
        {"leverage": [20, 60, 100], "sizing.value": [0.4, 1.0]},
    ),
    "isolated": (
        {"strategy": {"atr_stop": 0.0}, "margin_mode": "isolated"},
        {"leverage": [10, 50], "sizing.value": [0.1, 0.9]},
    ),
    "no-trades": ({"strategy": {"adx_min": 100.0}}, {"strategy.fast": [5, 6]}),
    "too-small-to-trade": ({"initial_capital": 0.5}, {"strategy.fast": [5, 6]}),
    "warm-up-longer-than-market": ({"limit": 1000}, {"strategy.slow": [26, 1999]}),
    "contracts": ({"sizing": "contracts"}, {"sizing.value": [1.0, 7.5, 5000.0]}),
    "quarter-hours": ({"timeframe": "15m", "limit": 5000}, {"strategy.fast": [5, 20], "strategy.slow": [50]}),
    "bands": (
        {"name": "bollinger_range"},
        {"strategy.period": [10, 25], "strategy.deviations": [1.0, 2.5], "fee_rate": [0.0, 0.001]},
    ),
    "band-filters": (
        {"name": "bollinger_range", "strategy": {"side": "long", "atr_period": 9}},
        {
            "strategy.adx_max": [20.0, 60.0],
            "strategy.adx_period": [7, 14],
            "strategy.max_width": [0.02, 0.08],
            "strategy.atr_stop": [0, 1.5],
        },
    ),
    "funding-stops": (
        {"name": "funding_rate_arbitrage", "strategy": {"exit_apr": 0.0}},
        {
            "strategy.entry_apr": [0.02, 0.08],
            "strategy.max_age_hours": [4, 24],
            "strategy.atr_stop": [0.0, 2.0],
            "strategy.atr_period": [5, 14],
        },
    ),
    "best-first": (
        {"intrabar": "best", "strategy": {"atr_take": 0.4}},
        {"strategy.atr_stop": [0.4, 0.8], "strategy.adx_min": [0.0, 15.0]},
    ),
    "nearer-first": (
        {"intrabar": "ohlc", "strategy": {"atr_take": 0.4}},
        {"strategy.atr_stop": [0.4, 0.8], "leverage": [2, 100]},
    ),
    "late": (
        {"costs": {"latency_bars": 2}},
        {"strategy.fast": [5, 12], "strategy.adx_min": [0.0, 15.0], "costs.slippage_bps": [0.0, 5.0]},
    ),
    "late-given": (
        {"name": "funding_rate_arbitrage", "strategy": {"entry_apr": 0.05}, "costs": {"latency_bars": 1}},
        {"strategy.exit_apr": [0.0, 0.04], "leverage": [1, 5]},
    ),
    "impact": (
        {"costs": {"impact_coefficient": 1.0}, "initial_capital": 10_000_000},
        {"strategy.atr_stop": [0.0, 1.0], "leverage": [2, 20]},
    ),
    "cap": (
        {"costs": {"impact_coefficient": 0.5, "participation_cap": 0.02}, "initial_capital": 10_000_000},
        {"strategy.fast": [3, 9], "strategy.atr_stop": [0.0, 1.0], "sizing.value": [0.5, 1.0]},
    ),
    "resting": (
        {"orders": {"kind": "limit", "offset_bps": 20.0, "bars": 3}},
        {"strategy.fast": [5, 12], "strategy.atr_stop": [0.0, 1.5], "fee_rate": [0.0, 0.001]},
    ),
    "resting-takes-late": (
        {
            "orders": {
                "kind": "limit",
                "offset_bps": 5.0,
                "bars": 4,
                "fill": "touch",
                "take_profit": "limit",
            },
            "costs": {"impact_coefficient": 1.0, "latency_bars": 1},
            "strategy": {"atr_take": 1.0},
        },
        {"strategy.fast": [5, 12], "strategy.atr_stop": [0.0, 0.8], "leverage": [2, 30]},
    ),
    "impact-cap-latency-axes": (
        {"initial_capital": 10_000_000},
        {
            "strategy.fast": [3, 9],
            "costs.impact_coefficient": [0.0, 1.0],
            "costs.participation_cap": [0.02, 1.0],
            "costs.latency_bars": [0, 2],
        },
    ),
    "impact-axis-latency-fixed": (
        {"name": "bollinger_range", "costs": {"latency_bars": 1, "impact_coefficient": 0.3}},
        {"strategy.period": [10, 25], "costs.impact_coefficient": [0.0, 2], "leverage": [1, 20]},
    ),
    "latency-axis-given": (
        {"name": "funding_rate_arbitrage", "strategy": {"entry_apr": 0.05}},
        {"costs.latency_bars": [0, 1, 3], "strategy.exit_apr": [0.0, 0.04]},
    ),
    "axes-that-are-off": (
        {"strategy": {"atr_stop": 1.0}},
        {"costs.latency_bars": [0], "costs.impact_coefficient": [0.0], "strategy.fast": [5, 12]},
    ),
    "resting-axes": (
        {"orders": {"kind": "limit", "take_profit": "limit"}, "strategy": {"atr_take": 1.0}},
        {
            "orders.offset_bps": [0.0, 20.0],
            "orders.bars": [1, 3],
            "orders.maker_fee_rate": [0.0, 0.001],
            "costs.impact_coefficient": [0.0, 1.0],
            "costs.latency_bars": [0, 1],
        },
    ),
    "hedged": (
        {"name": "funding_rate_arbitrage", "hedge": {"kind": "spot"}, "strategy": {"exit_apr": 0.01}},
        {
            "strategy.entry_apr": [0.02, 0.05],
            "hedge.slippage_bps": [0.0, 5.0],
            "costs.latency_bars": [0, 1],
            "leverage": [1, 3.5],
        },
    ),
    "detail": (
        {"intrabar": "detail", "strategy": {"atr_take": 0.4}},
        {"strategy.atr_stop": [0.4, 0.8], "strategy.adx_min": [0.0, 15.0], "leverage": [2, 100]},
    ),
    "hedged-in-detail": (
        {"intrabar": "detail", "hedge": {"kind": "spot"}, "strategy": {"atr_take": 0.4}},
        {"strategy.atr_stop": [0.4, 0.8], "costs.impact_coefficient": [0.0, 1.0]},
    ),
    "resting-in-detail": (
        {"intrabar": "detail", "orders": {"kind": "limit"}, "strategy": {"atr_take": 0.4, "atr_stop": 0.4}},
        {"orders.offset_bps": [2.0, 20.0], "strategy.fast": [3, 9]},
    ),
    "funding": (
        {"name": "funding_rate_arbitrage", "strategy": {"entry_apr": 0.05}},
        {"leverage": [1, 5], "strategy.exit_apr": [0.0, 0.04]},
    ),
}


def config_of(config: BacktestConfig, chosen: dict[str, float]) -> BacktestConfig:
    """The config of a single run with these values."""
    values = config.model_dump()
    values["strategy"] = {"name": config.strategy.name, **config.strategy.params}
    for name, value in chosen.items():
        group, _, key = name.rpartition(".")
        (values[group] if group else values)[key] = value
    return validate(BacktestConfig, values)


@pytest.mark.parametrize("case", CASES)
def test_every_trial_equals_its_single_run(make_config, single_run, case):
    changes, axes = CASES[case]
    config = made(make_config, changes)
    swept = run_sweep(config, axes, threads=1, chunk=5)
    assert swept.done.all()
    columns = swept.parameters()
    assert any(name.startswith(STRATEGY) for name in columns) or len(swept) == swept.grid.axes.size
    for trial in range(len(swept)):
        chosen = {name: values[trial].item() for name, values in columns.items()}
        result, arrays = single_run(config_of(config, chosen))
        metrics = {m.name: m.value for m in (*result.primary, *result.secondary)}
        found = {name: values[trial].item() for name, values in swept.figures.items()}
        told = {name: metrics[name] for name in METRICS}
        assert {name: none_for_nan(found[name]) for name in METRICS} == told, chosen
        for name in NEARLY:
            if metrics[name] is None:
                assert np.isnan(found[name])
            else:
                assert found[name] == pytest.approx(metrics[name], rel=1e-12, abs=1e-12)
        assert found["final_equity"] == result.account.final_equity
        pnl = result.pnl
        parts = (pnl.fees, pnl.funding, pnl.slippage, pnl.liquidation)
        assert tuple(found[name] for name in ("fees", "funding", "slippage", "liquidation")) == parts
        assert found["fills"] == len(arrays.fills)
        assert found["orders"] == result.counts.orders
        assert found["open_trades"] == result.counts.open_trades
        assert found["unfilled_orders"] == result.counts.unfilled_orders
        assert found["ruined"] == any("did not trade again" in text for text in result.warnings)
        assert_same_days(swept, trial, config, arrays)


def made(make_config, changes):
    """A config with some of its costs changed, not all of them given anew."""
    usual = make_config().costs.model_dump()
    return make_config(**{**changes, "costs": {**usual, **changes.get("costs", {})}})


BEYOND_PLAIN = {
    "best-first": "total_return",
    "nearer-first": "total_return",
    "late": "total_return",
    "late-given": "total_return",
    "impact": "slippage",
    "cap": "fills",
    "resting": "unfilled_orders",
    "resting-takes-late": "fees",
    "detail": "total_return",
}


@pytest.mark.parametrize("case", BEYOND_PLAIN)
def test_the_cases_beyond_plain_accounts_come_out_differently(make_config, case):
    changes, axes = CASES[case]
    figure = BEYOND_PLAIN[case]
    own = run_sweep(made(make_config, changes), axes, threads=1).figures[figure]
    plain = {name: value for name, value in changes.items() if name not in {"costs", "orders", "intrabar"}}
    assert (own != run_sweep(make_config(**plain), axes, threads=1).figures[figure]).any()


def none_for_nan(value: float) -> float | None:
    return None if np.isnan(value) else value


def assert_same_days(swept, trial, config, arrays):
    from arena.backtest.metrics import EquityPath

    first = config.signal_window
    points = np.concatenate(([config.initial_capital], arrays.equity[first:]))
    path = EquityPath(arrays.bars.timeframe, arrays.bars.ts[first:], points)
    assert np.array_equal(swept.daily_returns[trial], path.daily_returns.astype(np.float32))
    assert np.array_equal(swept.day_ts, path.daily_ts)


def test_the_cases_hold_ruin_liquidation_and_undefined_figures(make_config):
    changes, axes = CASES["liquidations"]
    ruin = run_sweep(make_config(**changes), axes, threads=1).figures
    assert ruin["ruined"].any()
    assert ruin["liquidations"].any()
    changes, axes = CASES["no-trades"]
    idle = run_sweep(make_config(**changes), axes, threads=1).figures
    assert not idle["trades"].any()
    assert np.isnan(idle["sharpe"]).all()
    assert np.isnan(idle["profit_factor"]).all()


@pytest.mark.parametrize("case", CASES)
def test_where_the_market_is_cut_changes_nothing(make_config, monkeypatch, case):
    changes, axes = CASES[case]
    config = made(make_config, changes)
    whole = run_sweep(config, axes, threads=1)
    monkeypatch.setattr(trial_memory, "PIECE", BLOCK)
    monkeypatch.setattr(trial_memory, "TRIALS_IN_FULL", 1)
    assert_equal(run_sweep(config, axes, threads=1), whole)


def test_steady_growth_is_measured_over_the_whole_path(make_config, monkeypatch):
    config = make_config(strategy={"side": "long", "atr_stop": 0.0}, limit=None)
    grid = check_grid(
        config, get_strategy("ema_trend"), Axes.of({"strategy.fast": [3, 5], "leverage": [1, 2]})
    )
    market = growing(load_sweep_market(config, grid))
    found = []
    for piece in (trial_memory.PIECE, BLOCK):
        monkeypatch.setattr(trial_memory, "PIECE", piece)
        desk = open_desk(config, grid, market)
        daily = np.empty((len(grid), len(desk.day_ends)), np.float32)
        found.append(run_rows(desk, grid, daily, engine="threads", workers=1, seconds={}))
    assert_equal(*found)
    assert (found[0].figures["sharpe"] > 50.0).all()


def growing(market):
    """The market with a price that rises by the same share a bar."""
    history = market.history
    close = 1000.0 * 1.001 ** np.arange(len(history))
    open_ = np.concatenate((close[:1], close[:-1]))
    grown = replace(history, open=open_, high=close, low=open_, close=close)
    bars = grown.slice(market.start)
    mark = replace(market.mark, open=bars.open, high=bars.high, low=bars.low)
    return replace(market, history=grown, bars=bars, mark=mark)
