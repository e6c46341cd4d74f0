"""A generated market in a store, and configs over it with the choices of conf."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from arena.backtest.run import RunIdentity, run_backtest
from arena.backtest.sweep.result import SweepResult
from arena.backtest.sweep.study import Study, plan_batch
from arena.config.base import validate
from arena.config.models import BacktestConfig, SymbolConfig
from arena.core.timeframe import Timeframe
from arena.data.ingest import ingest_synthetic
from arena.exchange.synthetic import SyntheticSpec

CONF = Path(__file__).parents[3] / "conf"
START = 1_735_689_600_000  # 2025-01-01
DAYS = 60
AXES = {"strategy.fast": [3, 5, 9, 30], "strategy.slow": [8, 21, 60], "leverage": [1, 2]}
MakeConfig = Callable[..., BacktestConfig]


def _choice(group: str, name: str) -> dict[str, Any]:
    return yaml.safe_load((CONF / group / f"{name}.yaml").read_text())


def _after() -> int:
    return START + (DAYS + 1) * 86_400_000


@pytest.fixture(scope="session")
def sweep_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1h and 15m bars of BTC over 60 days, with funding, mark and spot prices. Read only."""
    root = tmp_path_factory.mktemp("market")
    symbol = SymbolConfig.model_validate(_choice("symbol", "btc_usdt_swap"))
    spec = SyntheticSpec(seed=11, start_ms=START, days=DAYS)
    for name in ("1h", "15m"):
        ingest_synthetic(
            symbol.instrument(),
            Timeframe.parse(name),
            str(root),
            spec=spec,
            clock=_after,
            spot_inst_id=symbol.spot_inst_id,
        )
    return root


@pytest.fixture(scope="session")
def make_config(sweep_store: Path) -> MakeConfig:
    """A config of the whole stored market; `strategy` holds changed parameters, other names top keys."""

    def make(
        name: str = "ema_trend",
        *,
        strategy: dict[str, Any] | None = None,
        timeframe: str = "1h",
        sizing: str = "equity",
        **changes: Any,
    ) -> BacktestConfig:
        values = {
            "name": "",
            "validate_only": False,
            "store": {"root": str(sweep_store)},
            "reports": {"root": "unused"},
            "symbol": _choice("symbol", "btc_usdt_swap"),
            "timeframe": {"name": timeframe},
            "window": {},
            "strategy": {**_choice("strategy", name), **(strategy or {})},
            "costs": _choice("costs", "okx_taker"),
            "sizing": _choice("sizing", sizing),
            "data": {"policy": "warn"},
            "report": {"html": False, "timings": False},
            "limit": None,
            "signal_window": 50,
            "initial_capital": 10_000,
            "fee_rate": 0.0005,
            "leverage": 2,
            "margin_mode": "cross",
            **changes,
        }
        return validate(BacktestConfig, values)

    return make


@pytest.fixture(scope="session")
def single_run():
    """Result and arrays of one run of a config."""
    return lambda config: run_backtest(config, RunIdentity("run", START, "test", "hash"))


def composed(config: BacktestConfig, axes: dict[str, list[float]], **sweep: Any) -> dict[str, Any]:
    """Return the values that `config` with a group `sweep` was composed from."""
    values = config.model_dump(mode="json", exclude={"strategy", "sweep"})
    values["strategy"] = {"name": config.strategy.name, **config.strategy.params}
    return {**values, "sweep": {**sweep, "axes": {name: {"values": given} for name, given in axes.items()}}}


@pytest.fixture
def plan(make_config: MakeConfig) -> Callable[..., Study]:
    """A study with a batch for each change of the config."""

    def make(*changes: dict[str, Any], axes: dict[str, list[float]] = AXES, **sweep: Any) -> Study:
        batches = [
            plan_batch({"batch": str(at)}, composed(make_config(**change), axes, **sweep))
            for at, change in enumerate(changes or ({},))
        ]
        return Study(tuple(batches))

    return make


def assert_equal(one: SweepResult, other: SweepResult) -> None:
    """Both are done, and equal bit for bit."""
    assert np.array_equal(one.grid.rows, other.grid.rows)
    assert one.done.all()
    assert other.done.all()
    for name, values in one.figures.items():
        assert np.array_equal(values, other.figures[name], equal_nan=values.dtype.kind == "f"), name
    assert np.array_equal(one.daily_returns, other.daily_returns)
