"""The real history imported once, and the golden runs over it."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from arena.backtest.market import RunMarket, Window, load_market
from arena.backtest.result import BacktestResult, RunArrays
from arena.core.instrument import Instrument
from arena.core.timeframe import Timeframe
from arena.data.service import DataService
from scripts.golden import GOLDEN_STEPS, compose_config, run_golden
from scripts.real_data import PROJECT, import_history

MARKET = PROJECT.parent / "shared" / "market"

Run = Callable[[str, str], tuple[BacktestResult, RunArrays]]


@pytest.fixture(scope="session")
def real_market() -> Path:
    """The folder of real history: a machine that says it is CI must have it, others may skip."""
    if not (MARKET / "MANIFEST.md").is_file():
        message = "no real market history beside the project (../shared/market)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return MARKET


@pytest.fixture(scope="session", autouse=True)
def _own_ledger() -> Iterator[None]:
    """Keep the runs out of a ledger that the environment or .env names: empty means the store's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", "")
        yield


@pytest.fixture(scope="session")
def real_folder(real_market: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the history imported into `store`, by the commands of `make real-data`."""
    folder = tmp_path_factory.mktemp("real")
    import_history(str(real_market), str(folder / "store"), str(folder / "reports"), GOLDEN_STEPS)
    return folder


@pytest.fixture(scope="session")
def real_store(real_folder: Path) -> Path:
    """The store that the history was imported into."""
    return real_folder / "store"


@pytest.fixture(scope="session")
def run(real_store: Path) -> Run:
    """Make a golden run; each is made once."""
    return functools.cache(lambda strategy, timeframe: run_golden(strategy, timeframe, real_store))


@pytest.fixture(scope="session")
def bitcoin() -> Instrument:
    """BTC-USDT-SWAP as conf describes it."""
    return compose_config().symbol.instrument()


@pytest.fixture(scope="session")
def whole_market(real_store: Path, bitcoin: Instrument) -> Callable[[str], RunMarket]:
    """What a run over the whole history reads, by timeframe."""

    def load(timeframe: str) -> RunMarket:
        window = Window(None, None, None, 300)
        service = DataService(real_store)
        length = Timeframe.parse(timeframe)
        return load_market(service, bitcoin, length, window, warmup_bars=100, funding_rate_estimate=0.0001)

    return functools.cache(load)


@pytest.fixture(scope="session")
def raw(real_market: Path) -> Callable[[str], pl.DataFrame]:
    """A file of the history as it came, by the part of its name after the instrument."""
    names = {"binance_funding": "binance_BTCUSDT-PERP_funding_8h_2020-2026"}

    def read(name: str) -> pl.DataFrame:
        return pl.read_parquet(real_market / f"{names.get(name, f'okx_BTC-USDT-SWAP_{name}')}.parquet")

    return functools.cache(read)
