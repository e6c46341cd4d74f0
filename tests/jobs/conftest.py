"""A small generated store, and jobs run as a user runs them: in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from arena.core.bars import Bars
from arena.core.timeframe import Timeframe

START = 1_735_689_600_000  # 2025-01-01
DAYS = 50
HOUR_MS = 3_600_000

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Jobs:
    """Runs jobs in `folder`; what they write without being told where, lands there."""

    project: Path
    folder: Path

    def command(self, job: str, arguments: Sequence[str], *, driver: str = "", python: Sequence[str] = ()):
        """Return the command line, and the environment that belongs to it."""
        start = ["-c", f"{driver}\nfrom jobs.{job} import main\nmain()"] if driver else ["-m", f"jobs.{job}"]
        return [sys.executable, *python, *start, *arguments]

    def environment(self, **extra: str) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("DATABASE", "OKX_"))
        }
        return {**kept, "PYTHONPATH": str(self.project), "NO_COLOR": "1", **extra}

    def run(
        self, job: str, *arguments: str, driver: str = "", python: Sequence[str] = (), **env: str
    ) -> Done:
        """Run `python -m jobs.<job>`, or `driver` and then the job, and wait for its end."""
        return subprocess.run(
            self.command(job, arguments, driver=driver, python=python),
            cwd=self.folder,
            env=self.environment(**env),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def start(self, job: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a job without waiting for it."""
        return subprocess.Popen(
            self.command(job, arguments),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def jobs(project: Path, tmp_path: Path) -> Jobs:
    """Jobs in a fresh folder."""
    return Jobs(project, tmp_path)


@pytest.fixture(scope="session")
def jobs_in(project: Path) -> Callable[[Path], Jobs]:
    """Jobs in a given folder."""
    return lambda folder: Jobs(project, folder)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """BTC: 1h generated, with funding and mark. ETH: 1h with a hole and nothing else, 2h a broken file.

    Read only: a test that makes a ledger names one of its own.
    """
    from arena.config.models import SymbolConfig
    from arena.data.ingest import ingest_synthetic
    from arena.exchange.synthetic import SyntheticSpec
    from arena.store.market.layout import Kind
    from arena.store.market.writer import MarketWriter

    root = tmp_path_factory.mktemp("market")
    symbol = _symbol(SymbolConfig)
    spec = SyntheticSpec(seed=4, start_ms=START, days=DAYS)
    ingest_synthetic(symbol, Timeframe.parse("1h"), str(root), spec=spec, clock=_after)
    writer = MarketWriter(root, clock=_after)
    writer.write_bars(Kind.CANDLES, _holed_bars(), source="okx")
    broken = root / "market" / "candles" / "ETH-USDT-SWAP" / "2h" / "2025.parquet"
    broken.parent.mkdir()
    broken.write_bytes(b"PAR1 not really")
    return root


def _after() -> int:
    return START + (DAYS + 1) * 24 * HOUR_MS


def _symbol(model):
    from omegaconf import OmegaConf

    path = Path(__file__).parents[2] / "conf" / "symbol" / "btc_usdt_swap.yaml"
    return model.model_validate(OmegaConf.to_container(OmegaConf.load(path))).instrument()


def _holed_bars() -> Bars:
    """400 hours of a random walk, 24 of them missing 60 hours before the end."""
    places = np.r_[0:316, 340:400]
    close = 3000 + np.cumsum(np.random.default_rng(7).normal(0, 5, len(places)))
    opened = np.r_[3000.0, close[:-1]]
    return Bars(
        "ETH-USDT-SWAP",
        Timeframe.parse("1h"),
        START + places * HOUR_MS,
        open=opened,
        high=np.maximum(opened, close) + 1,
        low=np.minimum(opened, close) - 1,
        close=close,
        volume=np.full(len(places), 100.0),
        origin=frozenset({"okx"}),
    )
