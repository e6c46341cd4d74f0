"""Engines: where a trial runs changes nothing of what comes out."""

from __future__ import annotations

import multiprocessing
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from arena.backtest.sweep import Axes, check_grid, run_sweep
from arena.backtest.sweep.engines import Threads, choose_engine
from arena.backtest.sweep.processes import Processes, parcel_of
from arena.backtest.sweep.ray_engine import pack, unpack
from arena.backtest.sweep.run import load_sweep_market, open_desk, run_rows
from arena.backtest.sweep.work import Desk
from arena.core.errors import ArenaError, ConfigError
from arena.strategies import get_strategy

AXES = {"leverage": [1, 2], "strategy.period": [10, 20, 30], "fee_rate": [0.0, 0.001]}


@pytest.fixture(scope="module")
def by_threads(make_config):
    return run_sweep(make_config("bollinger_range"), AXES, threads=1)


@pytest.fixture(scope="module")
def plain_desk(make_config):
    """A desk of a strategy whose batch form is taken away: each signal is its own function's."""
    config = make_config("bollinger_range")
    grid = check_grid(config, get_strategy("bollinger_range"), Axes.of(AXES))
    desk = open_desk(config, grid, load_sweep_market(config, grid))
    return grid, replace(desk, batch=None)


def run_plain(plain_desk, engine, *, progress=None, chunk=None):
    grid, desk = plain_desk
    daily = np.full((len(grid), len(desk.day_ends)), np.nan, np.float32)
    return run_rows(desk, grid, daily, engine=engine, workers=2, seconds={}, progress=progress, chunk=chunk)


def assert_equal(one, other):
    for name, values in one.figures.items():
        assert np.array_equal(values, other.figures[name], equal_nan=values.dtype.kind == "f"), name
    assert np.array_equal(one.daily_returns, other.daily_returns)
    assert one.done.all()
    assert other.done.all()


@pytest.mark.parametrize("engine", ["threads", "processes"])
def test_a_strategy_without_a_batch_form_gives_the_same_anywhere(plain_desk, by_threads, engine):
    assert_equal(run_plain(plain_desk, engine), by_threads)


def test_a_batch_form_runs_in_processes_bit_for_bit(make_config, by_threads):
    found = run_sweep(make_config("bollinger_range"), AXES, threads=2, engine="processes", chunk=5)
    assert_equal(found, by_threads)


@pytest.fixture(scope="module")
def beyond_plain(make_config):
    """A desk whose trials meet the market each in its own way: late, with impact, by orders that rest."""
    axes = {
        "strategy.period": [10, 20, 30],
        "costs.latency_bars": [0, 1],
        "costs.impact_coefficient": [0.0, 1.0],
        "orders.offset_bps": [2.0, 5.0],
    }
    config = make_config("bollinger_range", orders={"kind": "limit"})
    grid = check_grid(config, get_strategy("bollinger_range"), Axes.of(axes))
    return grid, open_desk(config, grid, load_sweep_market(config, grid))


@pytest.mark.parametrize("engine", ["threads", "processes"])
def test_accounts_beyond_plain_ones_are_the_same_anywhere(beyond_plain, engine):
    alone = run_plain(beyond_plain, Threads(1))
    assert_equal(run_plain(beyond_plain, engine, chunk=5), alone)
    grid, desk = beyond_plain
    assert_equal(run_plain((grid, replace(desk, batch=None)), engine, chunk=5), alone)
    assert alone.figures["unfilled_orders"].any()
    assert len(set(alone.figures["final_equity"].tolist())) == len(grid)


def test_a_desk_out_of_an_object_store_runs_accounts_beyond_plain_ones(beyond_plain):
    grid, desk = beyond_plain
    packed = pack(desk)
    for array in packed[2]:
        array.flags.writeable = False
    copy = unpack(packed)
    (figures, daily), (others, other_daily) = (one.run(grid.rows, one.bench()) for one in (desk, copy))
    assert np.array_equal(daily, other_daily)
    for name, values in figures.items():
        assert np.array_equal(values, others[name], equal_nan=values.dtype.kind == "f"), name


def test_ctrl_c_over_processes_keeps_what_is_done(plain_desk, by_threads):
    def stop(done: int, _total: int) -> None:
        if done >= 4:
            raise KeyboardInterrupt

    part = run_plain(plain_desk, "processes", progress=stop, chunk=2)
    assert part.interrupted
    assert 4 <= np.count_nonzero(part.done) < len(part)
    for name, values in part.figures.items():
        assert np.array_equal(values[part.done], by_threads.figures[name][part.done], equal_nan=True)
    assert not multiprocessing.active_children()


def test_a_parcel_is_a_file_of_arrays_that_goes_when_it_is_done(plain_desk):
    _, desk = plain_desk
    with parcel_of(desk) as parcel:
        path = Path(parcel.path)
        assert len(parcel.head) < 20_000
        assert path.stat().st_size > desk.market.history.close.nbytes
        copy = parcel.unpack()
        assert np.array_equal(copy.market.bars.close, desk.market.bars.close)
        copy.market.bars.close.flags.writeable = desk.market.bars.close.flags.writeable
        assert copy.spec is desk.spec
    assert not path.exists()


def test_a_dead_worker_is_told_in_a_sentence(plain_desk, monkeypatch):
    _, desk = plain_desk
    broken = replace(desk, day_ends=_Deadly())
    with pytest.raises(ArenaError, match="a worker process of the sweep died"):
        list(Processes(1).run(broken, np.arange(4)))


class _Deadly:
    """Unpickling it ends the process, as the kernel of a system short of memory would."""

    def __reduce__(self):
        import os

        return os._exit, (9,)


def test_an_error_in_a_worker_reaches_the_parent(plain_desk):
    _, desk = plain_desk
    wrong = replace(desk, fixed={**desk.fixed, "adx_period": 1})
    with pytest.raises(ConfigError, match=r"strategy\.adx_period=1"):
        list(Processes(1).run(wrong, np.arange(4)))


class Slow(Threads):
    """An engine of one's own."""


def test_an_engine_of_ones_own_is_used(plain_desk, by_threads):
    assert_equal(run_plain(plain_desk, Slow(1), chunk=5), by_threads)


@pytest.mark.parametrize(
    ("seconds", "workers", "name"),
    [(1e-4, 2, "threads"), (1.0, 2, "processes"), (1.0, 1, "threads")],
    ids=["quick", "slow", "one-worker"],
)
def test_auto_takes_processes_where_signals_are_slow(plain_desk, monkeypatch, seconds, workers, name):
    grid, desk = plain_desk
    clock = iter(np.arange(100) * seconds)
    monkeypatch.setattr("arena.backtest.sweep.engines.time.perf_counter", lambda: float(next(clock)))
    order = np.argsort(desk.signal_keys(grid.rows), kind="stable")
    assert choose_engine("auto", workers, desk, grid.rows[order]).name == name


def test_auto_takes_threads_for_kernels(plain_desk, monkeypatch):
    grid, desk = plain_desk
    monkeypatch.setattr(Desk, "decide", lambda *_: pytest.fail("a batch form needs no trial call"))
    assert choose_engine("auto", 2, replace(desk, batch=object()), grid.rows).name == "threads"


@pytest.mark.parametrize(("name", "part"), [("thread", "did you mean 'threads'"), ("gpu", "known: auto")])
def test_an_unknown_engine_is_refused(plain_desk, name, part):
    with pytest.raises(ConfigError, match=part):
        choose_engine(name, 2, plain_desk[1], plain_desk[0].rows)


def test_a_strategy_travels_by_name():
    spec = get_strategy("ema_trend")
    assert pickle.loads(pickle.dumps(spec)) is spec  # noqa: S301 - our own
