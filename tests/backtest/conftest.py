"""Makers of small markets, fills and runs."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from arena.core.bars import Bars
from arena.core.signal import Signal
from arena.core.timeframe import Timeframe
from arena.engine.records import FILL_DTYPE

START_MS = 1_700_006_400_000  # 2023-11-15T00:00:00Z
CT_VAL = 0.01


def _bars(close: Sequence[float], timeframe: str = "1h", spread: float = 0.01, start: int = START_MS) -> Bars:
    closes = np.asarray(close, np.float64)
    opens = np.concatenate((closes[:1], closes[:-1]))
    step = Timeframe.parse(timeframe)
    return Bars(
        "BTC-USDT-SWAP",
        step,
        start + np.arange(len(closes), dtype=np.int64) * step.step_ms,
        opens,
        np.maximum(opens, closes) * (1 + spread),
        np.minimum(opens, closes) * (1 - spread),
        closes,
        np.ones(len(closes)),
    )


def _signal(length: int, reason: Sequence[int] | None = None) -> Signal:
    none = np.full(length, np.nan)
    codes = np.zeros(length, np.int16) if reason is None else np.asarray(reason, np.int16)
    return Signal(np.zeros(length), none, none, np.ones(length), codes, ("", "up", "down", "out"))


def _fills(rows: Sequence[dict[str, float]], initial_capital: float = 10_000.0) -> np.ndarray:
    """Return fills; cash, position and realised PnL follow from the rows by average cost."""
    fills = np.zeros(len(rows), FILL_DTYPE)
    cash, position, average, funding = initial_capital, 0.0, 0.0, 0.0
    for fill, row in zip(fills, rows, strict=True):
        side, size, price = row["side"], row["contracts"], row["price"]
        ref = row.get("ref_price", price)
        paid = row.get("funding", 0.0)
        realized = 0.0
        if position * side >= 0:
            average = (abs(position) * average + size * price) / (abs(position) + size)
        else:
            realized = -side * size * CT_VAL * (price - average)
        position += side * size
        funding += paid
        cash += paid + realized - row.get("fee", 0.0)
        penalty = row.get("penalty", 0.0)
        fill["bar"], fill["ts"] = row["bar"], START_MS + int(row["bar"]) * 3_600_000
        fill["reason"], fill["side"], fill["contracts"] = row["reason"], side, size
        fill["ref_price"], fill["price"], fill["fee"] = ref, price, row.get("fee", 0.0)
        fill["penalty"] = penalty
        fill["slippage"] = 0.0 if penalty else side * (price - ref) * size * CT_VAL
        fill["realized"], fill["position"], fill["cash"] = realized, position, cash
        fill["funding_total"] = funding
        fill["signal_bar"] = row.get("signal_bar", row["bar"] - 1)
    return fills


@pytest.fixture(scope="session")
def make_bars() -> Callable[..., Bars]:
    """Bars around given closes, each opening at the close before."""
    return _bars


@pytest.fixture(scope="session")
def make_signal() -> Callable[..., Signal]:
    """A silent signal of a given length, with reason codes if given."""
    return _signal


@pytest.fixture(scope="session")
def make_fills() -> Callable[..., np.ndarray]:
    """Fills out of what a test cares about; `funding` is what came in since the fill before."""
    return _fills


@pytest.fixture(scope="session")
def ct_val() -> float:
    """Coins per contract of the fills."""
    return CT_VAL
