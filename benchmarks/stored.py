"""The shared bars in a store of our own, and the config of a backtest over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from arena.config.base import validate
from arena.config.models import BacktestConfig
from arena.core.bars import FundingSeries
from arena.store.market.layout import Kind
from arena.store.market.writer import MarketWriter
from benchmarks.market import FUNDING_RATE, Market

CONF = Path(__file__).parents[1] / "conf"


def fill_store(root: Path, market: Market, *, with_funding: bool) -> None:
    """Store candles and, on demand, mark prices and funding, too."""
    bars, due = market.bars, market.settlements
    writer = MarketWriter(root, clock=lambda: int(bars.close_ts[-1]))
    writer.write_bars(Kind.CANDLES, bars, source="synthetic")
    if with_funding:
        writer.write_bars(Kind.MARK, bars, source="synthetic")
        ts = bars.ts[due.bar]
        sources = ("synthetic",) * len(ts)
        writer.write_funding(FundingSeries(bars.inst_id, ts, np.full(len(ts), FUNDING_RATE), sources))


def backtest_config(overrides: list[str]) -> BacktestConfig:
    """Compose and validate the config that `python -m jobs.backtest` would have."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    import jobs  # noqa: F401 - puts the project's Hydra plugins on the path

    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed: Any = OmegaConf.to_container(compose("backtest", overrides), resolve=True)
    return validate(BacktestConfig, composed)
