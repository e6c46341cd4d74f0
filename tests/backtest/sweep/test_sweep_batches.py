"""The batch form of a strategy is its signal function, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena.backtest.sweep.axes import Axes
from arena.backtest.sweep.grid import check_grid
from arena.backtest.sweep.run import load_sweep_market, open_desk
from arena.core.bars import Bars
from arena.engine.stretches import distance_of
from arena.strategies import compute_signal, get_strategy, parse_params, strategy_names
from arena.strategies.base import CrossBatch

PARAMS = st.fixed_dictionaries(
    {
        "fast": st.integers(2, 40),
        "slow": st.integers(41, 120),
        "adx_period": st.integers(2, 30),
        "adx_min": st.sampled_from([0.0, 8.0, 20.0, 35.0]),
        "atr_period": st.integers(2, 40),
        "atr_stop": st.sampled_from([0.0, 0.7, 3.0]),
        "atr_take": st.sampled_from([0.0, 1.3]),
        "side": st.sampled_from(["both", "long", "short"]),
    }
)

SIDES = st.sampled_from(["both", "long", "short"])
BANDS = st.fixed_dictionaries(
    {
        "period": st.integers(2, 60),
        "deviations": st.sampled_from([0.1, 0.8, 1.5, 2.0]),
        "max_width": st.sampled_from([0.003, 0.02, 10.0]),
        "adx_period": st.integers(2, 30),
        "adx_max": st.sampled_from([0.0, 15.0, 30.0, 100.0]),
        "exit_with_range": st.booleans(),
        "atr_period": st.integers(2, 40),
        "atr_stop": st.sampled_from([0.0, 0.7, 3.0]),
        "side": SIDES,
    }
)
PAID = st.fixed_dictionaries(
    {
        "entry_apr": st.sampled_from([0.05, 0.1, 0.2]),
        "exit_apr": st.sampled_from([0.0, 0.02, 0.05]),
        "max_age_hours": st.sampled_from([1.0, 5.0, 8.0, 24.0]),
        "atr_period": st.integers(2, 40),
        "atr_stop": st.sampled_from([0.0, 0.7, 3.0]),
        "side": SIDES,
    }
)
QUIET = [HealthCheck.function_scoped_fixture]


def signals_of(config, axes):
    """Target, stop and take-profit distance of the first combination: as the kernel made them, as asked."""
    spec = get_strategy(config.strategy.name)
    grid = check_grid(config, spec, Axes.of(axes))
    market = flattened(load_sweep_market(config, grid))
    chosen = {
        name.removeprefix("strategy."): v[0].item() for name, v in grid.axes.columns(grid.rows[:1]).items()
    }
    params = parse_params(spec, {**config.strategy.params, **chosen})
    desk = open_desk(config, grid, market)
    assert desk.batch is not None
    bench = desk.bench()
    desk.run(grid.rows[:1], bench)
    signal = compute_signal(spec, market.history, market.funding, params)
    asked = (signal.target, signal.stop_distance, signal.take_distance)
    return [made_target(bench.memory, len(market.bars)), *made_distances(desk, params, bench.memory)], [
        a[market.start :] for a in asked
    ]


def made_distances(desk, params, memory):
    """The distances of each bar as an order of that bar would get them."""
    if not isinstance(desk.batch, CrossBatch):
        return [memory.stop, memory.take]
    rows = desk.batch.rows({name: np.array([value]) for name, value in params.model_dump().items()})
    ranges = desk.batch.ranges[rows.range[0], desk.market.start :] if rows.range[0] >= 0 else memory.stop
    multiples = rows.stop_multiple[0], rows.take_multiple[0]
    return [np.array([distance_of(value, multiple) for value in ranges.tolist()]) for multiple in multiples]


def made_target(memory, bars):
    """The target of each bar, from where its runs start."""
    starts, targets = memory.starts, memory.targets
    count = int(memory.course["runs"][0])
    assert 1 <= count <= bars
    return np.repeat(targets[:count], np.diff([*starts[:count].tolist(), bars]))


def flattened(market):
    """The market with a long flat stretch, where averages meet and ranges vanish."""
    from dataclasses import replace

    history = market.history
    close = history.close.copy()
    close[200:900] = close[200]
    flat = Bars(
        history.inst_id,
        history.timeframe,
        history.ts,
        close,
        close,
        close,
        close,
        history.volume,
        history.origin,
    )
    return replace(market, history=flat, bars=flat.slice(market.start))


def assert_same(make_config, name, params, limit, axes):
    config = make_config(name, strategy=params, limit=limit, signal_window=5)
    made, asked = signals_of(config, {f"strategy.{axis}": [params[axis]] for axis in axes})
    for one, other in zip(made, asked, strict=True):
        assert np.array_equal(one, other, equal_nan=True)


@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
@given(params=PARAMS, limit=st.sampled_from([None, 1200, 640, 300]))
def test_ema_trend_batch_equals_its_signal(make_config, params, limit):
    assert_same(make_config, "ema_trend", params, limit, ("fast", "slow"))


@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
@given(params=BANDS, limit=st.sampled_from([None, 1200, 640, 300]))
def test_bollinger_range_batch_equals_its_signal(make_config, params, limit):
    assert_same(make_config, "bollinger_range", params, limit, ("period", "deviations"))


@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
@given(params=PAID, limit=st.sampled_from([None, 1200, 300]))
def test_funding_rate_arbitrage_batch_equals_its_signal(make_config, params, limit):
    assert_same(make_config, "funding_rate_arbitrage", params, limit, ("entry_apr", "exit_apr"))


@pytest.mark.parametrize("name", strategy_names())
def test_a_batch_form_belongs_to_a_strategy_that_is_tested_here(name):
    assert get_strategy(name).batch is not None
    assert f"test_{name}_batch_equals_its_signal" in globals()
