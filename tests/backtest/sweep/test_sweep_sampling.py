"""What is drawn from a grid: distinct, seeded, spread as the method says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.backtest.sweep import Axes, check_grid, draw_grid, run_sweep
from arena.backtest.sweep.sampling import DRAWN_TWICE, draw_rows
from arena.config.base import validate
from arena.config.sweep import SweepConfig
from arena.core.errors import ConfigError
from arena.strategies import get_strategy

PAIRS = {
    "strategy": {"fast": {"start": 3, "stop": 33, "step": 1}, "slow": {"start": 10, "stop": 90, "step": 2}}
}
AT_ODDS = "strategy.fast=... must be below strategy.slow=..."


def sweep_of(method, trials=None, **changes):
    return validate(SweepConfig, {"method": method, "trials": trials, "axes": PAIRS, **changes})


@pytest.mark.parametrize("method", ["random", "latin"])
@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=4),
    trials=st.integers(1, 200),
    seed=st.integers(0, 9),
)
def test_rows_are_distinct_inside_the_grid_and_repeatable(method, sizes, trials, seed):
    axes = Axes.of({f"strategy.p{i}": np.arange(size) for i, size in enumerate(sizes)})
    trials = min(trials, axes.size)
    sweep = sweep_of(method, trials, seed=seed)
    rows = draw_rows(sweep, axes)
    assert rows.dtype == np.int64
    assert len(np.unique(rows)) == len(rows) <= trials
    assert method == "latin" or len(rows) == trials
    assert rows.min() >= 0
    assert rows.max() < axes.size
    assert np.array_equal(rows, draw_rows(sweep, axes))


def test_another_seed_draws_others():
    axes = Axes.of({"strategy.p": np.arange(10_000)})
    one, two = (draw_rows(sweep_of("random", 50, seed=seed), axes) for seed in (0, 1))
    assert not np.array_equal(one, two)


def test_every_value_is_as_likely_as_another():
    axes = Axes.of({"strategy.a": np.arange(10), "strategy.b": np.arange(1000)})
    counts = np.bincount(axes.positions(draw_rows(sweep_of("random", 4000), axes))[0], minlength=10)
    assert (abs(counts - 400) < 5 * np.sqrt(400)).all()


@pytest.mark.parametrize(("size", "trials"), [(8, 8), (16, 8), (100, 20), (64, 128)])
def test_a_latin_hypercube_tries_every_part_of_every_axis_equally_often(size, trials):
    axes = Axes.of({f"strategy.p{i}": np.arange(size) for i in range(3)})
    rows = draw_rows(sweep_of("latin", trials), axes)
    assert len(rows) == trials  # three axes: no two strata meet twice at this seed
    for at in axes.positions(rows):
        strata = min(size, trials)
        counts = np.bincount(at * strata // size, minlength=strata)
        assert abs(counts - trials / strata).max() <= 1


def test_a_million_trials_are_rows_of_eight_bytes():
    axes = Axes.of({f"strategy.p{i}": np.arange(1000) for i in range(6)})
    rows = draw_rows(sweep_of("random", 1_000_000), axes)
    assert axes.size == 10**18
    assert rows.nbytes == 8_000_000
    assert len(np.unique(rows)) == 1_000_000


def test_a_grid_of_the_group_is_the_grid_of_its_axes(make_config):
    found = draw_grid(make_config(), sweep_of("grid"))
    axes = Axes.of(sweep_of("grid").numbers())
    asked = check_grid(make_config(), get_strategy("ema_trend"), axes)
    assert np.array_equal(found.rows, asked.rows)
    assert found.dropped == asked.dropped
    assert found.dropped[AT_ODDS] + len(found) == 30 * 40


@pytest.mark.parametrize("method", ["random", "latin"])
def test_what_is_invalid_is_dropped_and_counted(make_config, method):
    found = draw_grid(make_config(), sweep_of(method, 300))
    columns = found.axes.columns(found.rows)
    assert (columns["strategy.fast"] < columns["strategy.slow"]).all()
    assert found.dropped[AT_ODDS] > 0
    assert len(found) + sum(found.dropped.values()) == 300
    assert (method == "latin") == (DRAWN_TWICE in found.dropped)


def test_verdicts_on_drawn_rows_are_those_of_the_whole_grid(make_config):
    config, spec = make_config(), get_strategy("ema_trend")
    axes = Axes.of({"fee_rate": [0.0, 0.001], **sweep_of("grid").numbers()})
    whole = check_grid(config, spec, axes)
    every = np.random.default_rng(0).permutation(axes.size)
    drawn = check_grid(config, spec, axes, every)
    assert np.array_equal(np.sort(drawn.rows), whole.rows)
    assert np.array_equal(drawn.rows, every[np.isin(every, whole.rows)])
    assert drawn.dropped == whole.dropped


def test_the_first_trials_of_optuna_are_a_latin_hypercube(make_config):
    found = draw_grid(make_config(), sweep_of("optuna", 200, batch=20))
    assert len(found) + sum(found.dropped.values()) == 20


def test_a_drawn_sweep_runs_in_the_order_drawn(make_config):
    config = make_config()
    grid = draw_grid(config, sweep_of("random", 25))
    found = run_sweep(config, grid, threads=2, chunk=4)
    assert np.array_equal(found.grid.rows, grid.rows)
    alone = run_sweep(config, {name: values[:1] for name, values in found.parameters().items()}, threads=1)
    assert found.figures["final_equity"][0] == alone.figures["final_equity"][0]


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"trials": 1201}, r"sweep\.trials=1,201 is more than the 1,200 combinations"),
        ({"trials": 5, "objective": "sharp"}, r"unknown sweep\.objective 'sharp': did you mean 'sharpe'"),
        ({"trials": 5, "axes": {"strategy": {"fsat": {"values": [5, 6, 7, 8, 9]}}}}, r"strategy\.fast"),
        ({"trials": 5, "axes": {"limit": {"values": [5, 6]}}}, "unknown axis 'limit'"),
    ],
    ids=["too-many", "objective", "typo", "structural"],
)
def test_what_cannot_be_drawn_is_refused(make_config, changes, part):
    with pytest.raises(ConfigError, match=part):
        draw_grid(make_config(), sweep_of("random", **changes))


def test_more_combinations_than_can_be_counted_are_refused(make_config):
    values = {"start": 0.1, "stop": 9.0, "num": 900_000}
    axes = dict.fromkeys(("strategy.atr_stop", "strategy.atr_take", "strategy.adx_min", "leverage"), values)
    with pytest.raises(ConfigError, match="more than can be counted"):
        draw_grid(make_config(), sweep_of("random", 5, axes=axes))
