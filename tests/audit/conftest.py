"""A small store with a history of its own, and run folders made from it as jobs make them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import jobs  # noqa: F401 - tells Hydra where the plugins are that conf names
from arena.audit.archive import PastRun
from arena.backtest.judge import PastTrials
from arena.backtest.run import RunIdentity, run_backtest
from arena.config.base import validate
from arena.config.models import BacktestConfig
from arena.core.bars import Bars
from arena.core.timeframe import Timeframe
from arena.reporting.run_folder import write_run
from arena.store.market.layout import Kind
from arena.store.market.writer import MarketWriter

START = 1_735_689_600_000  # 2025-01-01
HOUR_MS = 3_600_000
FIRST_STORED = START + 400 * 24 * HOUR_MS
RUN_AT = FIRST_STORED + 1_000
CHANGED = RUN_AT + 1_000

CONF = Path(__file__).parents[2] / "conf"


def hours(first: int, count: int, seed: int = 3) -> Bars:
    """Return a random walk of `count` hours from hour `first` on, always the same for the same hour."""
    steps = np.random.default_rng(seed).normal(0, 60, 5_000)
    close = 40_000 + np.cumsum(steps)
    opened = np.r_[40_000.0, close[:-1]]
    at = slice(first, first + count)
    return Bars(
        "BTC-USDT-SWAP",
        Timeframe.parse("1h"),
        START + np.arange(5_000)[at] * HOUR_MS,
        open=opened[at],
        high=(np.maximum(opened, close) + 5)[at],
        low=(np.minimum(opened, close) - 5)[at],
        close=close[at],
        volume=np.full(count, 100.0),
        origin=frozenset({"okx"}),
    )


@dataclass(frozen=True)
class House:
    """A store and a folder of reports."""

    root: Path

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    def keep(self, bars: Bars, now: int) -> None:
        MarketWriter(self.store, clock=lambda: now).write_bars(Kind.CANDLES, bars, source="okx")

    def run(
        self, run_id: str, *overrides: str, created_ms: int = RUN_AT, past: PastTrials | None = None
    ) -> PastRun:
        """Run a backtest and leave its folder as jobs.backtest does."""
        wanted = [f"store.root={self.store}", f"reports.root={self.reports}", "limit=500", *overrides]
        with initialize_config_dir(str(CONF), version_base="1.3"):
            composed = compose("backtest", overrides=[*wanted, "signal_window=100"])
        values: Any = OmegaConf.to_container(composed, resolve=True)
        identity = RunIdentity(run_id, created_ms, "python -m jobs.backtest", "0" * 64)
        made = run_backtest(
            validate(BacktestConfig, values), identity, past=None if past is None else lambda _: past
        )
        folder = self.reports / "backtest" / run_id
        write_run(folder, *made, html=False)
        text = "defaults:\n  - house\n  - _self_\n" + OmegaConf.to_yaml(composed, resolve=True)
        (folder / "config.yaml").write_text(text, encoding="utf-8")
        return PastRun(run_id, folder)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A house whose store knows a thousand hours since `FIRST_STORED`."""
    made = House(tmp_path)
    made.keep(hours(0, 1_000), FIRST_STORED)
    return made


@pytest.fixture(scope="session")
def hours_of() -> Callable[..., Bars]:
    return hours
