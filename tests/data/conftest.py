"""Generated hourly-and-finer series for the data room's tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from arena.core.bars import Bars, IntArray
from arena.core.timeframe import Timeframe

START = 1_767_225_600_000  # 2026-01-01
Walk = Callable[..., Bars]


@pytest.fixture(scope="session")
def make_walk() -> Walk:
    """Random-walk bars that open at `START + places * step`."""

    def make(places: IntArray | list[int], *, timeframe: str = "1m", seed: int = 0) -> Bars:
        length = Timeframe.parse(timeframe)
        ts = START + np.asarray(places, np.int64) * length.step_ms
        rng = np.random.default_rng(seed)
        close = 100 + np.cumsum(rng.normal(0, 1, len(ts)))
        opened = close + rng.normal(0, 1, len(ts))
        return Bars(
            "BTC-USDT-SWAP",
            length,
            ts,
            open=opened,
            high=np.maximum(opened, close) + rng.random(len(ts)),
            low=np.minimum(opened, close) - rng.random(len(ts)),
            close=close,
            volume=rng.gamma(1, 2, len(ts)),
            origin=frozenset({"synthetic"}),
        )

    return make
