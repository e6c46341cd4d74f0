"""Figures behind docs/scale.md: trials a second and a byte each, reads from object storage, Ray.

Run by hand: `python -m benchmarks.scale`. Needs the extras `dev` and `ray`; what is missing is left out.
Invariant: the object store and the cluster are on loopback, so waiting for a network is not in the figures.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from arena.backtest.sweep import Axes, check_grid
from arena.backtest.sweep.engines import Engine, Threads
from arena.backtest.sweep.run import load_sweep_market, open_desk
from arena.config.base import validate
from arena.config.models import BacktestConfig, SymbolConfig
from arena.core.bars import Bars
from arena.core.timeframe import Timeframe
from arena.data.ingest import ingest_synthetic
from arena.exchange.synthetic import SyntheticSpec
from arena.strategies import get_strategy

CONF = Path(__file__).parents[1] / "conf"
DAYS = 220
BARS = 20_000
START = 1_735_689_600_000
HOUR_MS, MINUTE_MS = 3_600_000, 60_000


def main() -> None:
    """Print one line a figure."""
    with tempfile.TemporaryDirectory() as folder:
        grid, desk = _sweep(Path(folder))
        order = np.argsort(desk.signal_keys(grid.rows), kind="stable")
        rows = grid.rows[order]
        _say("trials", f"{len(rows):,} of {len(desk.market.bars):,} bars, {len(desk.day_ends)} days")
        list(Threads(1).run(desk, rows[:64]))  # compiled once
        figures, daily = desk.run(rows[:64], desk.bench())
        trial_bytes = sum(values.itemsize for values in figures.values())
        _say(
            "bytes a trial",
            f"{trial_bytes} of figures ({len(figures)} columns), {daily.nbytes // 64} of daily returns",
        )
        for workers in (1, 2):
            _time_engine(f"threads, {workers}", Threads(workers), desk, rows)
        _ray(desk, rows)
        _objects(Path(folder))


def _say(name: str, text: str) -> None:
    print(f"{name:24} {text}", flush=True)


def _sweep(folder: Path) -> tuple[Any, Any]:
    def choice(group: str, name: str) -> Any:
        return yaml.safe_load((CONF / group / f"{name}.yaml").read_text())

    symbol = SymbolConfig.model_validate(choice("symbol", "btc_usdt_swap")).instrument()
    spec = SyntheticSpec(seed=5, start_ms=START, days=DAYS)
    ingest_synthetic(
        symbol, Timeframe.parse("15m"), str(folder / "market"), spec=spec, clock=lambda: 2 * START
    )
    values = {
        "name": "",
        "validate_only": False,
        "store": {"root": str(folder / "market")},
        "reports": {"root": "unused"},
        "symbol": choice("symbol", "btc_usdt_swap"),
        "timeframe": {"name": "15m"},
        "window": {},
        "strategy": choice("strategy", "ema_trend"),
        "costs": choice("costs", "okx_taker"),
        "sizing": choice("sizing", "equity"),
        "data": {"policy": "warn"},
        "report": {"html": False, "timings": False},
        "limit": BARS,
        "signal_window": 300,
        "initial_capital": 10_000,
        "fee_rate": 0.0005,
        "leverage": 2,
        "margin_mode": "cross",
    }
    config = validate(BacktestConfig, values)
    axes = Axes.of({"strategy.fast": list(range(5, 55)), "strategy.slow": list(range(60, 260))})
    grid = check_grid(config, get_strategy("ema_trend"), axes)
    return grid, open_desk(config, grid, load_sweep_market(config, grid))


def _time_engine(name: str, engine: Engine, desk: Any, rows: Any, rounds: int = 5) -> None:
    walls, processor = [], []
    for _ in range(rounds):
        wall, used = time.perf_counter(), time.process_time()
        done = sum(len(at) for at, _ in engine.run(desk, rows))
        walls.append(time.perf_counter() - wall)
        processor.append(time.process_time() - used)
        assert done == len(rows)
    best, least = min(walls), min(processor)
    _say(
        name,
        f"{len(rows) / best:,.0f} trials/s, {len(rows) / least:,.0f} a second of this process's own time",
    )


def _ray(desk: Any, rows: Any) -> None:
    from arena.backtest.sweep.ray_engine import RayCluster, pack

    engine = RayCluster()
    began = time.perf_counter()
    try:
        workers = engine.workers
    except Exception as error:  # noqa: BLE001 - a benchmark goes on without it
        _say("ray", f"left out: {error}")
        return
    _say("ray, start", f"{time.perf_counter() - began:.1f} s, {workers} workers")
    packed = pack(desk)
    size = len(packed[1]) + sum(array.nbytes for array in packed[2])
    began = time.perf_counter()
    first = next(engine.run(desk, rows[:16]))
    _say(
        "ray, desk",
        f"{size / 2**20:.1f} MiB in the object store; first chunk after {time.perf_counter() - began:.1f} s",
    )
    assert len(first[0]) == 16
    _time_engine(f"ray, {workers} workers", engine, desk, rows)
    began = time.perf_counter()
    count = sum(1 for _ in engine.run(desk, rows[:1000], 1))
    _say("ray, a chunk of one", f"{1000 * (time.perf_counter() - began) / count:.1f} ms")
    engine.close()


def _objects(folder: Path) -> None:
    from moto.server import ThreadedMotoServer
    from pyarrow.fs import S3FileSystem

    from arena.store.market.reader import MarketReader
    from arena.store.market.writer import MarketWriter

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    import logging

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-central-1"}
    os.environ.update({**keys, "AWS_ENDPOINT_URL": f"http://{host}:{port}"})
    os.environ["DATABASE_URL"] = f"sqlite:///{folder / 'ledger.sqlite'}"
    S3FileSystem(
        scheme="http", endpoint_override=f"{host}:{port}", region="eu-central-1", allow_bucket_creation=True
    ).create_dir("bench")
    ts = START + MINUTE_MS * np.arange(365 * 1440, dtype=np.int64)
    close = 40_000 + np.round(np.cumsum(np.random.default_rng(1).normal(0, 5, len(ts))), 1)
    one_minute = Timeframe.parse("1m")
    volume = np.round(np.random.default_rng(2).gamma(1, 2, len(ts)), 4)
    bars = Bars(
        "X-USDT-SWAP", one_minute, ts, close, close + 1, close - 1, close, volume, frozenset({"test"})
    )
    for name, root in {"disk": str(folder / "local"), "object storage": "s3://bench/store"}.items():
        _time_store(name, MarketWriter(root, clock=lambda: 1), MarketReader(root), bars)
    files = list((folder / "local" / "market" / "candles").rglob("*.parquet"))
    _say("partitions", f"{len(files)} files, {sum(path.stat().st_size for path in files) / 2**20:.1f} MiB")
    server.stop()


def _time_store(name: str, writer: Any, reader: Any, bars: Bars) -> None:
    took = _best(lambda: writer.write_bars("candles", bars, source="test"), 1)
    _say(f"{name}, write", f"{len(bars):,} bars of 1m in {took:.2f} s")

    def read(**asked: int) -> float:
        return 1000 * _best(lambda: reader.read_bars("candles", bars.inst_id, bars.timeframe, **asked))

    day = read(start=int(bars.ts[9000]), end=int(bars.ts[10440]))
    _say(
        f"{name}, read",
        f"whole {read():.0f} ms, newest 300 bars {read(limit=300):.1f} ms, a day {day:.1f} ms",
    )


def _best(work: Callable[[], object], rounds: int = 5) -> float:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


if __name__ == "__main__":
    sys.exit(main())
