"""The batch form of a strategy is its signal function, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena.backtest.sweep.axes import Axes
from arena.backtest.sweep.grid import check_grid
from arena.backtest.sweep.run import _desk, _load
from arena.core.bars import Bars
from arena.strategies import compute_signal, get_strategy, parse_params, strategy_names

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


def signals_of(config, axes):
    """Target, stop and take-profit distance of the first combination: as the kernel made them, as asked."""
    spec = get_strategy(config.strategy.name)
    grid = check_grid(config, spec, Axes.of(axes))
    market = _load(config, grid, 0)
    market = flattened(market)
    chosen = {
        name.removeprefix("strategy."): v[0].item() for name, v in grid.axes.columns(grid.rows[:1]).items()
    }
    params = parse_params(spec, {**config.strategy.params, **chosen})
    desk = _desk(config, spec, grid, market, params.model_dump())
    assert desk.batch is not None
    scratch = desk.scratch()
    desk.run(grid.rows[:1], scratch)
    signal = compute_signal(spec, market.history, market.funding, params)
    asked = (signal.target, signal.stop_distance, signal.take_distance)
    return scratch[:3], [array[market.start :] for array in asked]


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


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(params=PARAMS, limit=st.sampled_from([None, 1200, 640, 300]))
def test_ema_trend_batch_equals_its_signal(make_config, params, limit):
    config = make_config(strategy=params, limit=limit, signal_window=5)
    made, asked = signals_of(config, {"strategy.fast": [params["fast"]], "strategy.slow": [params["slow"]]})
    for one, other in zip(made, asked, strict=True):
        assert np.array_equal(one, other, equal_nan=True)


@pytest.mark.parametrize("name", strategy_names())
def test_a_batch_form_belongs_to_a_strategy_that_is_tested_here(name):
    assert (get_strategy(name).batch is not None) == (name == "ema_trend")
