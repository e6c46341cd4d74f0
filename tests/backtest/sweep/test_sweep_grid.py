"""Axes, their order, and what of a grid is dropped."""

from __future__ import annotations

import itertools
from typing import Self

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator

from arena.backtest.sweep import Axes, check_grid
from arena.core.errors import ConfigError
from arena.strategies import StrategyParams, StrategySpec, get_strategy


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_grid_order_is_that_of_nested_loops(sizes):
    axes = Axes.of({f"strategy.p{i}": list(range(10 * i, 10 * i + size)) for i, size in enumerate(sizes)})
    columns = axes.columns(np.arange(axes.size))
    rows = list(zip(*(columns[name].tolist() for name in axes.names), strict=True))
    assert rows == list(itertools.product(*(values.tolist() for values in axes.values)))


def test_a_row_of_a_huge_grid_needs_no_grid():
    axes = Axes.of({f"strategy.p{i}": np.arange(10_000) for i in range(4)})
    assert axes.size == 10**16
    assert axes.columns(np.array([10**16 - 1]))["strategy.p2"].tolist() == [9999]


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({}, "at least one axis"),
        ({"strategy.fast": []}, "at least one value"),
        ({"strategy.fast": [5, 5]}, "there twice"),
        ({"strategy.fast": [5, float("nan")]}, "finite"),
        ({"strategy.fast": ["a"]}, "finite numbers"),
        ({"strategy.fast": [True]}, "finite numbers"),
        ({"fee_rat": [0.1]}, "did you mean 'fee_rate'"),
        ({"limit": [100, 200]}, "limit"),
    ],
    ids=["none", "empty", "twice", "nan", "text", "boolean", "typo", "structural"],
)
def test_a_wrong_axis_is_refused(given, part):
    with pytest.raises(ConfigError, match=part):
        Axes.of(given)


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"strategy.fsat": [5]}, "strategy.fast"),
        ({"strategy.side": [1]}, "only numbers"),
        ({"strategy.fast": [5, 501]}, "strategy.fast=501: must be a whole number from 2 to 500"),
        ({"strategy.fast": [5.5]}, "strategy.fast=5.5"),
        ({"leverage": [1, 101]}, "at most 100"),
        ({"leverage": [0.5]}, "leverage=0.5"),
        ({"sizing.value": [0.5, 1.5]}, "at most 1"),
        ({"costs.slippage_bps": [-1]}, "costs.slippage_bps=-1"),
        ({"costs.latency_bars": [0, 0.5]}, "costs.latency_bars=0.5: must be a whole number"),
        ({"costs.participation_cap": [0, 0.1]}, "costs.participation_cap=0.0: must be above 0"),
        ({"orders.bars": [1, 2]}, "orders.bars changes nothing with orders=market: choose orders=limit"),
        ({"strategy.fast": [40, 50], "strategy.slow": [20, 30]}, "nothing is left of 4"),
    ],
)
def test_a_value_that_no_run_could_have_is_refused(make_config, given, part):
    config = make_config()
    with pytest.raises(ConfigError, match=part):
        check_grid(config, get_strategy("ema_trend"), Axes.of(given))


def test_whole_numbers_stay_whole_and_others_become_floats(make_config):
    axes = Axes.of(
        {"costs.latency_bars": [0.0, 2.0], "orders.bars": [3], "orders.offset_bps": [1, 2], "leverage": [1]}
    )
    config = make_config(orders={"kind": "limit"})
    kinds = [values.dtype for values in check_grid(config, get_strategy("ema_trend"), axes).axes.values]
    assert kinds == [np.int64, np.int64, np.float64, np.float64]


def test_a_cap_and_orders_that_rest_are_refused(make_config):
    axes = Axes.of({"costs.participation_cap": [0.1]})
    with pytest.raises(ConfigError, match=r"participation_cap=0\.1 is for market orders"):
        check_grid(make_config(orders={"kind": "limit"}), get_strategy("ema_trend"), axes)


def test_pairs_at_odds_are_dropped_and_counted(make_config):
    axes = Axes.of(
        {
            "fee_rate": [0.0, 0.001],
            "strategy.slow": [10, 20, 30],
            "strategy.atr_stop": [1, 2],
            "strategy.fast": [5, 20],
        }
    )
    grid = check_grid(make_config(), get_strategy("ema_trend"), axes)
    columns = grid.axes.columns(grid.rows)
    assert (columns["strategy.fast"] < columns["strategy.slow"]).all()
    assert len(grid) == 2 * 2 * (3 + 1)
    assert grid.dropped == {"strategy.fast=... must be below strategy.slow=...": 8}
    assert (np.diff(grid.rows) > 0).all()


def test_one_axis_against_a_fixed_parameter(make_config):
    axes = Axes.of({"strategy.fast": [5, 25, 26, 40]})
    grid = check_grid(make_config(), get_strategy("ema_trend"), axes)
    assert grid.rows.tolist() == [0, 1]
    assert sum(grid.dropped.values()) == 2


class Knotty(StrategyParams):
    a: int = Field(1, ge=0, le=9)
    b: int = Field(1, ge=0, le=9)
    c: int = Field(1, ge=0, le=9)

    @model_validator(mode="after")
    def _rule(self) -> Self:
        if self.a > 5 and self.b > self.c:  # reads b and c only at times
            raise ValueError("strategy.b is above strategy.c")
        return self


@pytest.mark.parametrize("names", list(itertools.permutations("abc")), ids="".join)
def test_a_rule_that_reads_by_turns_is_asked_for_all_it_reads(make_config, names):
    spec = StrategySpec("knotty", "", Knotty, signal=lambda *_: None, warmup=lambda _: 0)
    config = make_config(strategy={}).model_copy(update={"strategy": _choice("knotty")})
    axes = Axes.of({f"strategy.{name}": range(10) for name in names})
    grid = check_grid(config, spec, axes)
    columns = axes.columns(np.arange(axes.size))
    bad = (columns["strategy.a"] > 5) & (columns["strategy.b"] > columns["strategy.c"])
    assert np.array_equal(grid.rows, np.flatnonzero(~bad))
    assert sum(grid.dropped.values()) == np.count_nonzero(bad)


def _choice(name):
    from arena.config.models import StrategyChoice

    return StrategyChoice.model_validate({"name": name})
