"""Series for indicators: random walks, and hypothesis strategies with holes in them."""

import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture(scope="session")
def walk() -> NDArray[np.float64]:
    """A thousand prices around 30,000 with flat spells."""
    rng = np.random.default_rng(7)
    steps = rng.normal(0.0, 50.0, 1000)
    steps[200:240] = 0.0
    return 30_000.0 + np.cumsum(steps)


@pytest.fixture(scope="session")
def candles(walk: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """High, low and close around `walk`."""
    reach = np.abs(np.random.default_rng(8).normal(0.0, 40.0, (2, len(walk))))
    return walk + reach[0], walk - reach[1], walk
