"""Markets for strategies: generated ones with gaps, and the real history where it lies beside the project."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from arena.core.bars import Bars, FundingSeries
from arena.core.timeframe import Timeframe

REAL_MARKET = Path(__file__).resolve().parents[3] / "shared" / "market"
START_MS = 1_700_006_400_000  # 2023-11-15 00:00 UTC
EIGHT_HOURS_MS = 28_800_000

Market = tuple[Bars, FundingSeries]
MakeMarket = Callable[..., Market]


def make_market(
    seed: int = 1, length: int = 600, timeframe: str = "1h", gaps: int = 2, drift: float = 0.0
) -> Market:
    """Return a random walk with calm and wild spells, flat bars, missing bars, and funding of both signs."""
    rng = np.random.default_rng(seed)
    frame = Timeframe.parse(timeframe)
    keep = np.ones(length + 8 * gaps, np.bool_)
    for _ in range(gaps):
        hole = int(rng.integers(1, len(keep) - 8)) if len(keep) > 10 else 1
        keep[hole : hole + int(rng.integers(1, 8))] = False
    ts = (START_MS + np.arange(len(keep)) * frame.step_ms)[keep][:length]
    spell = 0.002 * np.exp(np.sin(np.arange(len(ts)) / 50.0))
    close = 30_000.0 * np.exp(np.cumsum(rng.normal(drift, 1.0, len(ts)) * spell + drift * spell))
    flat = rng.random(len(ts)) < 0.02
    open_ = np.concatenate(([30_000.0], close[:-1]))[: len(ts)]
    reach = np.abs(rng.normal(0.0, 1.0, (2, len(ts)))) * spell * close
    high = np.maximum(open_, close) + reach[0]
    low = np.minimum(open_, close) - reach[1]
    for column in (open_, high, low):
        column[flat] = close[flat]
    volume = np.where(flat, 0.0, rng.random(len(ts)) * 100.0)
    bars = Bars("BTC-USDT-SWAP", frame, ts, open_, high, low, close, volume)
    return bars, make_funding(rng, bars)


def make_funding(rng: np.random.Generator, bars: Bars) -> FundingSeries:
    """Return funding every eight hours over the range of `bars`, some settlements missing."""
    end = int(bars.close_ts[-1]) if len(bars) else START_MS
    ts = np.arange(START_MS - 2 * EIGHT_HOURS_MS, end + EIGHT_HOURS_MS, EIGHT_HOURS_MS)
    ts = ts[rng.random(len(ts)) > 0.1]
    rate = np.cumsum(rng.normal(0.0, 2e-4, len(ts)))
    return FundingSeries("BTC-USDT-SWAP", ts, rate, ("synthetic",) * len(ts))


@pytest.fixture(scope="session")
def market() -> MakeMarket:
    return make_market


@pytest.fixture(scope="session")
def real_market() -> Market:
    candles = REAL_MARKET / "okx_BTC-USDT-SWAP_1h.parquet"
    rates = REAL_MARKET / "binance_BTCUSDT-PERP_funding_8h_2020-2026.parquet"
    if not (candles.exists() and rates.exists()):
        pytest.skip("the real market history does not lie beside the project")
    frame = pl.read_parquet(candles).sort("ts")
    columns = (frame[name].cast(pl.Float64).to_numpy() for name in ("open", "high", "low", "close", "volume"))
    bars = Bars("BTC-USDT-SWAP", Timeframe.parse("1h"), frame["ts"].to_numpy(), *columns)
    settled = pl.read_parquet(rates).sort("ts")
    funding = FundingSeries(
        "BTC-USDT-SWAP", settled["ts"].to_numpy(), settled["rate"].to_numpy(), ("binance",) * len(settled)
    )
    return bars, funding
