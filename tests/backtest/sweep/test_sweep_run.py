"""Chunks, threads, interrupts, files: nothing of them changes a figure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from arena.backtest.sweep import FIGURES, Axes, check_grid, meeting, run_sweep, work
from arena.backtest.sweep import run as module
from arena.backtest.sweep.result import DAILY_FILE
from arena.backtest.sweep.work import Desk
from arena.core.errors import ConfigError, DataError
from arena.engine.kernel import FILLS_PER_BAR
from arena.strategies import get_strategy

AXES = {
    "fee_rate": [0.0, 0.0005],
    "strategy.fast": [3, 5, 9, 30],
    "strategy.slow": [8, 21, 60],
    "strategy.atr_stop": [0.0, 2.0],
}


def assert_equal(one, other):
    assert one.figures.keys() == FIGURES.keys()
    for name, values in one.figures.items():
        assert values.dtype == FIGURES[name]
        assert np.array_equal(values, other.figures[name], equal_nan=values.dtype.kind == "f"), name
    assert np.array_equal(one.daily_returns, other.daily_returns)


@pytest.fixture(scope="module")
def whole(make_config):
    return run_sweep(make_config(), AXES, threads=1)


@pytest.mark.parametrize(("threads", "chunk"), [(1, 1), (1, 7), (2, 1), (2, 5), (3, 1000)])
def test_chunks_and_threads_do_not_change_a_bit(make_config, whole, threads, chunk):
    assert_equal(run_sweep(make_config(), AXES, threads=threads, chunk=chunk), whole)


def test_a_strategy_without_a_batch_form_sweeps_over_threads_too(make_config):
    config = make_config("bollinger_range")
    axes = {"leverage": [1, 2], "strategy.period": [10, 20, 30], "fee_rate": [0.0, 0.001]}
    one, two = run_sweep(config, axes, threads=1), run_sweep(config, axes, threads=2, chunk=3)
    assert_equal(one, two)
    assert one.figures["trades"].any()


def test_rows_stand_in_grid_order_whatever_was_run_first(make_config, whole):
    alone = run_sweep(
        make_config(fee_rate=0.0005, strategy={"atr_stop": 2.0, "slow": 21}), {"strategy.fast": [9]}
    )
    at = whole.parameters()
    mine = (at["fee_rate"] == 0.0005) & (at["strategy.fast"] == 9)
    mine &= (at["strategy.slow"] == 21) & (at["strategy.atr_stop"] == 2.0)
    assert whole.figures["final_equity"][mine] == alone.figures["final_equity"]


def test_progress_counts_up_to_all(make_config, whole):
    told = []
    run_sweep(
        make_config(), AXES, threads=2, chunk=8, progress=lambda done, total: told.append((done, total))
    )
    assert told[-1] == (len(whole), len(whole))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_keeps_what_is_done(make_config, whole, threads):
    def stop(done: int, _total: int) -> None:
        if done >= 12:
            raise KeyboardInterrupt

    part = run_sweep(make_config(), AXES, threads=threads, chunk=4, progress=stop)
    assert part.interrupted
    assert not whole.interrupted
    assert 12 <= np.count_nonzero(part.done) < len(whole)
    for name, values in part.figures.items():
        assert np.array_equal(values[part.done], whole.figures[name][part.done], equal_nan=True)
    assert np.isnan(part.figures["final_equity"][~part.done]).all()


def test_ctrl_c_inside_a_chunk_leaves_that_chunk_out(make_config, monkeypatch):
    run, calls = Desk.run, []

    def pressed(self, rows, bench, into=None):
        calls.append(rows)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run(self, rows, bench, into)

    monkeypatch.setattr(Desk, "run", pressed)
    part = run_sweep(make_config(), AXES, threads=1, chunk=4)
    assert part.interrupted
    assert np.count_nonzero(part.done) == 8


def test_an_error_in_a_thread_is_not_an_interrupt(make_config, monkeypatch):
    def fail(self, rows, bench, into=None):
        raise DataError("broken")

    monkeypatch.setattr(Desk, "run", fail)
    with pytest.raises(DataError, match="broken"):
        run_sweep(make_config(), AXES, threads=2, chunk=4)


def test_daily_returns_beyond_the_bound_are_mapped(make_config, whole, tmp_path):
    mapped = run_sweep(make_config(), AXES, threads=2, chunk=5, daily_bytes=1000, folder=tmp_path / "run")
    assert isinstance(mapped.daily_returns, np.memmap)
    assert_equal(mapped, whole)
    mapped.daily_returns.flush()
    assert np.array_equal(np.load(tmp_path / "run" / DAILY_FILE), whole.daily_returns)


def test_daily_returns_beyond_the_bound_need_a_folder(make_config):
    with pytest.raises(ConfigError, match="give a folder"):
        run_sweep(make_config(), AXES, daily_bytes=1000)


def test_more_fills_than_there_is_room_for(make_config, whole, monkeypatch):
    bench = Desk.bench
    monkeypatch.setattr(Desk, "bench", lambda self, room=None: bench(self, room or 200))
    assert_equal(run_sweep(make_config(), AXES, threads=2, chunk=9), whole)


def test_trials_are_written_whole_with_null_for_undefined(make_config, tmp_path):
    result = run_sweep(make_config(), {"strategy.adx_min": [0.0, 100.0], "fee_rate": [0.0, 0.001]}, threads=1)
    path = tmp_path / "run" / "trials.parquet"
    result.write_trials(path)
    rows = pq.ParquetFile(path).read().to_pylist()
    assert [row["trial"] for row in rows] == [0, 1, 2, 3]
    assert [row["strategy.adx_min"] for row in rows] == [0.0, 0.0, 100.0, 100.0]
    assert [row["sharpe"] is None for row in rows] == [False, False, True, True]
    assert rows[1]["final_equity"] == result.figures["final_equity"][1]
    assert list(rows[0]) == ["trial", "strategy.adx_min", "fee_rate", *FIGURES]
    assert [found.name for found in path.parent.iterdir()] == ["trials.parquet"]


def test_only_trials_that_were_run_are_written(make_config, tmp_path):
    def stop(done: int, _total: int) -> None:
        raise KeyboardInterrupt

    part = run_sweep(make_config(), AXES, threads=1, chunk=4, progress=stop)
    part.write_trials(tmp_path / "trials.parquet")
    assert pq.ParquetFile(tmp_path / "trials.parquet").metadata.num_rows == 4


def test_a_failed_write_leaves_the_old_file(make_config, whole, tmp_path, monkeypatch):
    path = tmp_path / "trials.parquet"
    path.write_text("old")

    def fail(self, _table):
        raise OSError("disk full")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", fail)
    with pytest.raises(OSError, match="disk full"):
        whole.write_trials(path)
    assert [found.name for found in tmp_path.iterdir()] == ["trials.parquet"]
    assert path.read_text() == "old"


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"chunk": 0}])
def test_no_threads_or_empty_chunks_are_refused(make_config, wrong):
    with pytest.raises(ConfigError, match="at least 1"):
        run_sweep(make_config(), AXES, **wrong)


def test_a_cost_that_must_be_known_stops_a_sweep(make_config):
    costs = {"half_spread_bps": 0.1, "slippage_bps": None, "funding_rate_estimate": 0.0, "missing": "error"}
    with pytest.raises(DataError, match="slippage_bps"):
        run_sweep(make_config(costs=costs), {"strategy.fast": [5]})
    assert run_sweep(make_config(costs=costs), {"costs.slippage_bps": [1.0]}).done.all()


@pytest.mark.parametrize("key", ["impact_coefficient", "participation_cap"])
def test_a_market_without_volume_stops_a_sweep_that_needs_it(make_config, monkeypatch, key):
    load = module.load_market

    def quiet(*given, **named):
        market = load(*given, **named)
        return replace(market, bars=replace(market.bars, volume=np.zeros(len(market.bars))))

    monkeypatch.setattr(module, "load_market", quiet)
    config = make_config(costs={**make_config().costs.model_dump(), key: 0.5})
    grid = check_grid(config, get_strategy("ema_trend"), Axes.of({"strategy.fast": [5]}))
    with pytest.raises(DataError, match="without volume"):
        module.load_sweep_market(config, grid)
    with pytest.raises(DataError, match="without volume"):
        run_sweep(make_config(), {f"costs.{key}": [0.1, 0.5]})


def test_what_a_thread_does_not_keep_is_worked_out_again(make_config, monkeypatch):
    axes = {"costs.latency_bars": [0, 1, 2], "strategy.fast": [3, 9]}
    kept = run_sweep(make_config(), axes, threads=1)
    monkeypatch.setattr(work, "MET_BYTES", 0)
    assert_equal(run_sweep(make_config(), axes, threads=1), kept)


@pytest.mark.parametrize(("kept", "built"), [(work.MET_BYTES, 3), (0, 6)], ids=["kept", "not-kept"])
def test_how_the_market_is_met_is_worked_out_once_a_run_of_equal_trials(
    make_config, monkeypatch, kept, built
):
    asked, given = [], meeting.Meeting.given

    def counted(self, chosen):
        asked.append(chosen["costs.latency_bars"])
        return given(self, chosen)

    monkeypatch.setattr(meeting.Meeting, "given", counted)
    monkeypatch.setattr(work, "MET_BYTES", kept)
    axes = {"costs.latency_bars": [0, 1, 2], "strategy.period": [10, 20], "leverage": [1, 2]}
    run_sweep(make_config("bollinger_range"), axes, threads=1)
    assert len(asked) == built
    assert asked[:3] == [0, 1, 2]


def test_fills_beyond_the_room_of_accounts_that_are_followed_bar_by_bar(make_config, monkeypatch):
    config = make_config(orders={"kind": "limit", "offset_bps": 5.0})
    axes = {"strategy.fast": [3, 9], "strategy.atr_stop": [0.0, 1.0]}
    whole = run_sweep(config, axes, threads=1)
    bench = Desk.bench
    monkeypatch.setattr(Desk, "bench", lambda self, room=None: bench(self, room or 200))
    assert_equal(run_sweep(config, axes, threads=1), whole)
    assert whole.figures["fills"].min() > 200 - FILLS_PER_BAR


def test_what_it_tells_of_itself(whole):
    pairs = sum(fast < slow for fast in (3, 5, 9, 30) for slow in (8, 21, 60))
    assert len(whole) == 2 * 2 * pairs
    assert whole.trials_per_second > 0
    assert set(whole.seconds) == {"check", "read", "prepare", "run"}
    assert len(whole.dataset_hash) >= 16
