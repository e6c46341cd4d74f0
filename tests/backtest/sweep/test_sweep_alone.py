"""Trials that are runs of their own: figures as the kernel's, bars opened once, engines that know of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from arena.backtest.finer import FinerBars
from arena.backtest.sweep import Axes, alone, check_grid, engines, run_sweep
from arena.backtest.sweep import run as module
from arena.backtest.sweep.engines import choose_engine
from arena.backtest.sweep.ray_engine import pack, unpack
from arena.backtest.sweep.run import load_sweep_market, open_desk, run_rows
from arena.backtest.sweep.statistics import FIGURES
from arena.core.errors import ConfigError, DataError
from arena.strategies import get_strategy

NEARLY = {"skew", "kurtosis"}
AXES = {"strategy.atr_stop": [0.4, 0.8], "strategy.fast": [3, 9, 15], "leverage": [2, 50]}
DETAIL = {"intrabar": "detail", "strategy": {"atr_take": 0.4}}
KERNEL_CASES = {
    "plain": ({"strategy": {"atr_take": 1.0}}, AXES),
    "ruin": ({"strategy": {"atr_stop": 0.0}, "limit": 900}, {"leverage": [20, 100], "fee_rate": [0.0, 1e-3]}),
    "no-trades": ({"strategy": {"adx_min": 100.0}}, {"strategy.fast": [5, 6]}),
    "resting": ({"orders": {"kind": "limit"}}, {"orders.offset_bps": [2, 20], "costs.latency_bars": [0, 1]}),
}


@pytest.mark.parametrize("case", KERNEL_CASES)
def test_every_figure_is_the_one_that_the_kernel_of_trials_gives(make_config, monkeypatch, case):
    changes, axes = KERNEL_CASES[case]
    config = make_config(**changes)
    kernel = run_sweep(config, axes, threads=1)
    monkeypatch.setattr(module, "needs_runs", lambda _config: True)
    own = run_sweep(config, axes, threads=1)
    assert set(own.figures) == set(FIGURES)
    for name, values in kernel.figures.items():
        found = own.figures[name]
        assert found.dtype == values.dtype
        if name in NEARLY:
            np.testing.assert_allclose(found, values, rtol=1e-12, atol=1e-12)
        else:
            np.testing.assert_array_equal(found, values, err_msg=name)
    assert np.array_equal(own.daily_returns, kernel.daily_returns)


@pytest.fixture(scope="module")
def detailed(make_config):
    config = make_config(**DETAIL)
    grid = check_grid(config, get_strategy("ema_trend"), Axes.of(AXES))
    return grid, open_desk(config, grid, load_sweep_market(config, grid))


@pytest.fixture(scope="module")
def detailed_alone(detailed):
    return run(detailed, "threads", workers=1)


def run(detailed, engine, *, workers=2, chunk=None):
    grid, desk = detailed
    daily = np.full((len(grid), len(desk.day_ends)), np.nan, np.float32)
    return run_rows(desk, grid, daily, engine=engine, workers=workers, seconds={}, chunk=chunk)


def assert_equal(one, other):
    assert one.done.all()
    for name, values in one.figures.items():
        assert np.array_equal(values, other.figures[name], equal_nan=values.dtype.kind == "f"), name
    assert np.array_equal(one.daily_returns, other.daily_returns)


@pytest.mark.parametrize(("engine", "chunk"), [("threads", 1), ("threads", 5), ("processes", 3)])
def test_where_and_in_which_order_a_trial_runs_changes_nothing(detailed, detailed_alone, engine, chunk):
    assert_equal(run(detailed, engine, chunk=chunk), detailed_alone)


def test_a_desk_out_of_an_object_store_runs_them_as_well(detailed, detailed_alone):
    grid, desk = detailed
    packed = pack(desk)
    for array in packed[2]:
        array.flags.writeable = False
    assert_equal(run((grid, unpack(packed)), "threads", workers=1), detailed_alone)


def test_a_worker_opens_each_bar_once(detailed, monkeypatch):
    grid, desk = detailed
    opened, read = [], FinerBars._read_group

    def counted(self, timeframe, group):
        opened.extend(group)
        read(self, timeframe, group)

    monkeypatch.setattr(FinerBars, "_read_group", counted)
    bench = desk.bench()
    desk.run(grid.rows, bench)
    assert len(opened) == len(set(opened)) > 0
    desk.run(grid.rows[::-1], bench)
    assert len(opened) == len(set(opened))


def test_a_signal_is_decided_once_a_run_of_equal_parameters(detailed, monkeypatch):
    grid, desk = detailed
    decided = []
    compute = alone.compute_signal

    def counted(spec, history, funding, params):
        decided.append((params.fast, params.atr_stop))
        return compute(spec, history, funding, params)

    monkeypatch.setattr(alone, "compute_signal", counted)
    desk.run(grid.rows[desk.order(grid.rows)], desk.bench())
    assert len(decided) == len(set(decided)) == 6


def test_a_worker_that_finds_another_store_says_so(detailed, tmp_path):
    _, desk = detailed
    (tmp_path / "empty").mkdir()
    elsewhere = replace(desk, alone=replace(desk.alone, root=str(tmp_path / "empty")))
    with pytest.raises(DataError, match=r"a worker finds no bars below 1h in .*empty where .* finds 15m"):
        elsewhere.bench()


@pytest.mark.parametrize(("seconds", "name"), [(1e-3, "threads"), (1.0, "processes")], ids=["quick", "slow"])
def test_auto_takes_processes_where_trials_take_long(detailed, monkeypatch, seconds, name):
    grid, desk = detailed
    clock = iter(np.arange(100) * seconds)
    monkeypatch.setattr("arena.backtest.sweep.engines.time.perf_counter", lambda: float(next(clock)))
    assert choose_engine("auto", 2, desk, grid.rows).name == name


def test_chunks_of_long_trials_are_small(detailed):
    _, desk = detailed
    bars = len(desk.market.bars)
    assert engines._chunk(10_000, desk, 2) == engines.ALONE_BARS // bars
    assert engines._chunk(10_000, replace(desk, alone=None), 2) > 3 * engines.ALONE_BARS // bars


def test_what_a_hedge_costs_is_no_axis_without_one(make_config):
    with pytest.raises(
        ConfigError, match=r"hedge\.fee_rate changes nothing with hedge=none: choose hedge=spot"
    ):
        run_sweep(make_config(), {"hedge.fee_rate": [0.0, 0.001]})


def test_spot_bars_that_must_be_there_stop_a_hedged_sweep(make_config, monkeypatch):
    costs = make_config().costs.model_dump() | {"missing": "error"}
    config = make_config("funding_rate_arbitrage", hedge={"kind": "spot"}, costs=costs)
    load = module.load_market

    def holed(*given, **named):
        market = load(*given, **named)
        known = market.spot.known.copy()
        known[5] = False
        return replace(market, spot=replace(market.spot, known=known))

    monkeypatch.setattr(module, "load_market", holed)
    with pytest.raises(DataError, match=r"1 of 1,\d+ bars have no stored bar of BTC-USDT"):
        run_sweep(config, {"leverage": [1, 2]})
