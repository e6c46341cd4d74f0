"""A ledger with a run in it, and the browser job over it as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from arena.config.models import SymbolConfig
from arena.core.timeframe import Timeframe
from arena.data.ingest import ingest_synthetic
from arena.exchange.synthetic import SyntheticSpec
from arena.store.ledger import open_ledger
from tests.store.ledger.conftest import new_postgres, postgres_server, postgres_template

__all__ = ["new_postgres", "postgres_server", "postgres_template"]

START = 1_735_689_600_000


@dataclass
class Site:
    """The running job."""

    process: subprocess.Popen[str]
    url: str
    root: Path

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=20)
        return self.process.returncode


def start_site(project: Path, root: Path, *words: str, **environment: str) -> Site:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DATABASE")}
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.browse", f"store.root={root}", "port=0", *words],
        cwd=root,
        env={**kept, **environment, "PYTHONPATH": str(project), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert " is at http://127.0.0.1:" in line, line + process.communicate(timeout=20)[1]
    return Site(process, line.split(" is at ")[1].split()[0], root)


@pytest.fixture(scope="session")
def filled(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of a few generated days, its ledger with a run of a job."""
    from omegaconf import OmegaConf

    root = tmp_path_factory.mktemp("browsed")
    path = project / "conf" / "symbol" / "btc_usdt_swap.yaml"
    symbol = SymbolConfig.model_validate(OmegaConf.to_container(OmegaConf.load(path))).instrument()
    spec = SyntheticSpec(seed=4, start_ms=START, days=30)
    ingest_synthetic(
        symbol, Timeframe.parse("1h"), str(root), spec=spec, clock=lambda: START + 31 * 86_400_000
    )
    with open_ledger(f"sqlite:///{root / 'ledger.sqlite'}") as ledger:
        ledger.start_job_run(
            run_id="r1", job="ingest", config_hash="0" * 64, config_json="{}", command="c", started_ms=START
        )
    return root


@pytest.fixture(scope="session")
def site(project: Path, filled: Path) -> Iterator[Site]:
    running = start_site(project, filled)
    yield running
    if running.process.poll() is None:
        running.stop()
