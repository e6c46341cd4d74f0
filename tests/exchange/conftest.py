"""Fixtures of the exchange tests: an instrument and an hour of good 1m bars."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from arena.core.instrument import Instrument, MarginTier, TierTable

START_MS = 1_735_689_600_000  # 2025-01-01T00:00:00Z
MINUTE_MS = 60_000


@dataclass(frozen=True)
class Sample:
    """Good rows `[ts, open, high, low, close, volume]`, and a time long after them."""

    rows: list[list[float]]
    start_ms: int = START_MS
    step_ms: int = MINUTE_MS
    now_ms: int = START_MS + 365 * 86_400_000


@pytest.fixture(scope="session")
def instrument() -> Instrument:
    """BTC-USDT-SWAP with one tier."""
    tiers = TierTable("2026-05-12", "test", (MarginTier(1000, 0.004, 0.01),))
    return Instrument(
        "BTC-USDT-SWAP", "BTC/USDT:USDT", 0.01, 0.01, 0.01, 0.1, 12_000, 100, 8 * 3_600_000, tiers
    )


@pytest.fixture
def sample() -> Sample:
    """Twelve minutes, each with values of its own."""
    return Sample(
        [
            [START_MS + i * MINUTE_MS, 100.0 + i, 101.5 + i, 99.5 + i, 101.0 + i, 2.5 + i / 4]
            for i in range(12)
        ]
    )
