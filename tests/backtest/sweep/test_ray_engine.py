"""Ray: the same figures over a cluster of two nodes, one of which may die in mid-sweep."""

from __future__ import annotations

import _thread
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arena.backtest.sweep import Axes, check_grid, checkpoint, run_sweep
from arena.backtest.sweep import ray_engine as module
from arena.backtest.sweep.kept import read_kept
from arena.backtest.sweep.ray_engine import RayCluster, pack, unpack, versions
from arena.backtest.sweep.run import load_sweep_market, open_desk, run_rows
from arena.backtest.sweep.study import Study
from arena.core.errors import ArenaError, ConfigError
from arena.strategies import get_strategy

AXES = {"leverage": [1, 2], "strategy.period": list(range(10, 40)), "fee_rate": [0.0, 0.0002, 0.0005, 0.001]}
WORKER_STARTS_S = 120.0
NODE = {
    "num_cpus": 1,
    "object_store_memory": 150_000_000,
    "node_ip_address": "127.0.0.1",
}
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # keeps Ray's servers on loopback, here as well
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "5e" * 32,
}

pytestmark = pytest.mark.xdist_group("ray")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head and one more node on loopback, each with one processor."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        pytest.importorskip("ray", reason="needs Ray, an extra: pip install 'alpha-arena[ray]'")
        from ray.cluster_utils import Cluster

        started = Cluster(initialize_head=True, head_node_args=NODE)
        try:
            yield started
        finally:
            started.shutdown()


@pytest.fixture(scope="module")
def second_node(cluster: Any) -> Any:
    node = cluster.add_node(**NODE)
    cluster.wait_for_nodes()
    return node


@pytest.fixture(scope="module")
def engine(cluster: Any) -> Iterator[RayCluster]:
    connected = RayCluster(cluster.address)
    yield connected
    connected.close()


@pytest.fixture(scope="module")
def plain(make_config: Any) -> Any:
    """Grid and desk of a strategy whose batch form is taken away, so that a chunk takes its time."""
    config = make_config("bollinger_range")
    grid = check_grid(config, get_strategy("bollinger_range"), Axes.of(AXES))
    desk = open_desk(config, grid, load_sweep_market(config, grid))
    return grid, replace(desk, batch=None)


@pytest.fixture(scope="module")
def by_threads(make_config: Any) -> Any:
    return run_sweep(make_config("bollinger_range"), AXES, threads=1)


def run_over(engine: RayCluster, plain: Any, **options: Any) -> Any:
    grid, desk = plain
    daily = np.full((len(grid), len(desk.day_ends)), np.nan, np.float32)
    return run_rows(desk, grid, daily, engine=engine, workers=1, seconds={}, **options)


def assert_equal(one: Any, other: Any) -> None:
    for name, values in one.figures.items():
        assert np.array_equal(values, other.figures[name], equal_nan=values.dtype.kind == "f"), name
    assert np.array_equal(one.daily_returns, other.daily_returns)
    assert one.done.all()
    assert other.done.all()


@pytest.mark.slow
@pytest.mark.usefixtures("second_node")
def test_kernels_on_two_nodes_give_the_same_bit_for_bit(
    engine: RayCluster, make_config: Any, by_threads: Any
) -> None:
    engine.chunks_by_node.clear()
    found = run_sweep(make_config("bollinger_range"), AXES, engine=engine, chunk=10)
    assert_equal(found, by_threads)
    assert engine.workers == 2
    assert sum(engine.chunks_by_node.values()) == 24
    assert len(engine.chunks_by_node) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("second_node")
def test_arrays_go_to_the_object_store_once(
    engine: RayCluster, plain: Any, by_threads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    sent = []
    put = ray.put
    monkeypatch.setattr(ray, "put", lambda value: (sent.append(value), put(value))[1])
    for _ in range(2):  # as a study does, which asks for one batch after the other
        assert_equal(run_over(engine, plain), by_threads)
    assert len(sent) == 1
    assert len(sent[0][1]) < 20_000


@pytest.mark.slow
def test_what_comes_back_is_kept(
    engine: RayCluster, plain: Any, by_threads: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "PERIOD_S", 0.0)
    grid, desk = plain
    daily = np.full((len(grid), len(desk.day_ends)), np.nan, np.float32)
    with closing(checkpoint.Keeper(tmp_path, Study(()), warn=pytest.fail)) as keeper:
        keep = keeper.trials(0, grid.rows, daily, desk.market.dataset_hash)
        run_rows(desk, grid, daily, engine=engine, workers=1, seconds={}, keep=keep)
    found, damaged = read_kept(tmp_path, {})
    kept, order = found[0], np.argsort(found[0].rows)
    assert damaged == 0
    assert np.array_equal(kept.rows[order], np.sort(by_threads.grid.rows))
    for name, values in by_threads.figures.items():
        assert kept.figures[name][order].tobytes() == values[np.argsort(by_threads.grid.rows)].tobytes(), name


@pytest.mark.slow
def test_a_node_killed_in_mid_sweep_costs_its_chunks_and_nothing_else(
    cluster: Any, second_node: Any, engine: RayCluster, plain: Any, by_threads: Any
) -> None:
    engine.chunks_by_node.clear()
    alive = True

    def kill_once_both_work(done: int, total: int) -> None:
        nonlocal alive
        if alive and len(engine.chunks_by_node) == 2 and done < total - 20:
            alive = False
            cluster.remove_node(second_node, allow_graceful=False)

    until = time.monotonic() + WORKER_STARTS_S
    while alive and time.monotonic() < until:  # a node's worker may start later than a short sweep ends
        found = run_over(engine, plain, chunk=2, progress=kill_once_both_work)
        assert_equal(found, by_threads)
    assert not alive, "the node must have died while trials were still to come"
    cluster.wait_for_nodes()  # the head learns of a death in its own time
    assert engine.workers == 1


@pytest.mark.slow
def test_a_worker_process_killed_in_a_chunk_is_replaced(
    engine: RayCluster, plain: Any, by_threads: Any, tmp_path: Any
) -> None:
    grid, desk = plain
    fatal = replace(desk, fixed=_KillsItsFirstReader(desk.fixed, str(tmp_path / "killed")))
    assert_equal(run_over(engine, (grid, fatal), chunk=60), by_threads)
    assert (tmp_path / "killed").exists()


@pytest.mark.slow
def test_a_chunk_that_kills_every_worker_ends_in_a_sentence(
    engine: RayCluster, plain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_RETRIES", 1)
    broken = replace(plain[1], day_ends=_Deadly())
    with pytest.raises(ArenaError, match="lost its worker 2 times"):
        list(engine.run(broken, np.arange(4), 4))


@pytest.mark.slow
def test_an_error_in_a_worker_reaches_the_caller_as_it_was(engine: RayCluster, plain: Any) -> None:
    wrong = replace(plain[1], fixed={**plain[1].fixed, "adx_period": 1})
    with pytest.raises(ConfigError, match=r"^strategy\.adx_period=1") as caught:
        list(engine.run(wrong, np.arange(4)))
    assert "Traceback" not in str(caught.value)


@pytest.mark.slow
def test_workers_of_other_versions_are_refused(
    engine: RayCluster, plain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "versions", lambda: {**versions(), "numpy": "0.1"})
    with pytest.raises(ConfigError, match=r"a worker has numpy .* instead of 0\.1: install the same"):
        list(engine.run(plain[1], np.arange(4)))


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done_and_the_cluster_goes_on(
    engine: RayCluster, plain: Any, by_threads: Any
) -> None:
    def stop(done: int, _total: int) -> None:
        if done >= 20:
            raise KeyboardInterrupt

    part = run_over(engine, plain, progress=stop, chunk=5)
    assert part.interrupted
    assert 20 <= np.count_nonzero(part.done) < len(part)
    for name, values in part.figures.items():
        assert np.array_equal(values[part.done], by_threads.figures[name][part.done], equal_nan=True)
    assert_equal(run_over(engine, plain), by_threads)


def test_cancelled_chunk_leaves_its_worker_whole(
    engine: RayCluster, plain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray cancels by an interrupt; in the middle of an import it would leave half a module behind."""
    seat_of, run, reached = module._Seat.of, module.Desk.run, []

    def cancelled(packed: Any) -> Any:
        _thread.interrupt_main()
        return seat_of(packed)

    def to_the_end(*given: Any) -> Any:
        part = run(*given)
        reached.append("end")
        return part

    assert engine.workers >= 1
    monkeypatch.setattr(module._Seat, "of", cancelled)
    monkeypatch.setattr(module.Desk, "run", to_the_end)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            module.run_chunk(pack(plain[1]), np.arange(2), versions())
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
        module._Seat.current = None
    assert reached == ["end"]


@pytest.mark.slow
def test_no_cluster_at_the_address_is_a_sentence(engine: RayCluster) -> None:
    pytest.importorskip("ray", reason="needs Ray, an extra: pip install 'alpha-arena[ray]'")
    script = """
from arena.backtest.sweep.ray_engine import RayCluster
from arena.core.errors import ConfigError
try:
    RayCluster("127.0.0.1:1").workers
except ConfigError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "engine.address=127.0.0.1:1: no Ray cluster answers there" in done.stdout, done.stderr


@pytest.mark.parametrize("address", ["here", "10.0.0.1", "ray://x:10001", "x:port", ""])
def test_address_that_names_no_cluster_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="write auto, or HOST:PORT"):
        RayCluster(address)


def test_missing_library_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'alpha-arena\[ray\]'"):
        _ = RayCluster().workers


def test_desk_unpacked_over_read_only_memory_has_the_arrays_kernels_know(plain: Any) -> None:
    _, desk = plain
    name, head, arrays = pack(desk)
    shared = [array.copy() for array in arrays]
    for array in shared:
        array.flags.writeable = False
    copy = unpack((name, head, shared))
    assert np.array_equal(copy.market.bars.close, desk.market.bars.close)
    assert copy.market.bars.close.flags.writeable
    assert copy.market.bars.close.flags.c_contiguous
    assert any(np.shares_memory(copy.market.bars.close, array) for array in shared)


def test_a_sweep_without_ray_does_not_import_it() -> None:
    script = (
        "import sys, arena.backtest.sweep, arena.backtest.sweep.ray_engine; sys.exit('ray' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


class _Deadly:
    """Unpickling it ends the process, as the kernel of a system short of memory would."""

    def __reduce__(self) -> Any:
        import os

        return os._exit, (9,)


class _KillsItsFirstReader(dict):  # type: ignore[type-arg]
    """A dictionary that ends the first process that unpickles it, and is one to every later process."""

    def __init__(self, values: dict[str, Any], marker: str) -> None:
        super().__init__(values)
        self.marker = marker

    def __reduce__(self) -> Any:
        code = (
            "(lambda os, values, marker: values if os.path.exists(marker) "
            "else (open(marker, 'w').close(), os._exit(9)))(__import__('os'), {values!r}, {marker!r})"
        )
        return eval, (code.format(values=dict(self), marker=self.marker),)
