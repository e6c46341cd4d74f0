"""Small series and stores for the market store's tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from arena.core.bars import Bars
from arena.core.timeframe import Timeframe

BarsMaker = Callable[..., Bars]


@pytest.fixture(scope="session")
def make_bars() -> BarsMaker:
    """Bars at `ts` whose values all derive from `values`, so that two versions differ everywhere."""

    def make(
        ts: Sequence[int],
        values: Sequence[float] | float = 100.0,
        *,
        timeframe: str = "1h",
        inst_id: str = "BTC-USDT-SWAP",
        origin: frozenset[str] = frozenset({"okx"}),
    ) -> Bars:
        stamps = np.array(ts, np.int64)
        level = np.broadcast_to(np.asarray(values, np.float64), stamps.shape).copy()
        return Bars(
            inst_id,
            Timeframe.parse(timeframe),
            stamps,
            open=level,
            high=level + 2,
            low=level - 2,
            close=level + 1,
            volume=level / 10,
            origin=origin,
        )

    return make


class ManualClock:
    """A clock that stands until it is set."""

    def __init__(self, now_ms: int = 1_000) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture(params=["path", "file-uri", "s3"])
def any_root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store in each place where one may lie."""
    if request.param == "s3":
        return str(request.getfixturevalue("s3_root"))
    folder = tmp_path / "a store"
    return str(folder) if request.param == "path" else folder.as_uri()
