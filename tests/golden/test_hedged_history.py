"""Coins against the short swap on the real spot series: prices that were there, legs added up by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from arena.backtest.run import RunIdentity, run_backtest
from scripts.golden import compose_config

pytestmark = [pytest.mark.real_market, pytest.mark.slow, pytest.mark.xdist_group("real_history")]

WORDS = (
    "strategy=funding_rate_arbitrage", "hedge=spot", "strategy.entry_apr=0.05", "strategy.exit_apr=0.02",
    "timeframe=1h", "limit=null", "window.start=2022-06-01", "window.end=2026-04-01",
)  # fmt: skip


@pytest.fixture(scope="module")
def made(real_store):
    """The hedged strategy over what the spot series covers."""
    config = compose_config(*WORDS, f"store.root={real_store}")
    return run_backtest(config, RunIdentity("hedged", 0, "a test", ""))


@pytest.fixture(scope="module")
def spot(real_market):
    """Open and close of each hour, as the file has them."""
    bars = pl.read_parquet(real_market / "binance_BTCUSDT-SPOT_1h_2021-2026.parquet")
    return {row["ts"]: (row["open"], row["close"]) for row in bars.iter_rows(named=True)}


def test_each_spot_trade_is_at_a_price_of_its_hour_and_matches_the_swaps(made, spot):
    result, arrays = made
    fills, coins = arrays.fills, arrays.spot_fills
    assert len(coins) == len(fills) == result.hedge.spot_fills > 100
    assert result.hedge.assumed_fills == 0
    for fill, own in zip(fills, coins, strict=True):
        open_, close = spot[int(own["ts"])]
        assert own["ts"] == fill["ts"]
        assert own["ref_price"] == (open_ if own["at_open"] else close)
        assert own["side"] == -fill["side"]
        assert own["price"] == pytest.approx(own["ref_price"] * (1 + own["side"] * 1.1e-4), rel=1e-12)
        assert own["fee"] == pytest.approx(own["coins"] * own["price"] * 0.001, rel=1e-12)
        assert own["coins"] == pytest.approx(fill["contracts"] * 0.01, rel=1e-12)
        assert own["holding"] == pytest.approx(-fill["position"] * 0.01, abs=1e-12)


def test_legs_are_what_a_ledger_kept_by_hand_says(made, spot):
    result, arrays = made
    cash = held = 0.0
    for own in arrays.spot_fills:
        bought = float(own["side"] * own["coins"])
        cash -= bought * float(own["price"]) + float(own["fee"])
        held += bought
    last = int(arrays.bars.ts[-1])
    assert result.hedge.spot_pnl == pytest.approx(cash + held * spot[last][1], rel=1e-9)
    hedge = result.hedge
    assert hedge.basis_pnl == pytest.approx(hedge.swap_price_pnl + hedge.spot_price_pnl, rel=1e-9)
    assert hedge.swap_pnl + hedge.spot_pnl == pytest.approx(result.pnl.total, rel=1e-9)
    assert arrays.equity[-1] - arrays.equity[0] == pytest.approx(result.pnl.total, rel=1e-6)


def test_what_is_left_is_the_basis_and_the_funding(made):
    result, arrays = made
    swap = arrays.position[:-1] * 0.01 * np.diff(arrays.bars.close)
    assert (arrays.position <= 0.0).all()
    assert abs(result.hedge.basis_pnl) < 0.02 * np.abs(swap).sum()
    assert np.std(np.diff(arrays.equity)) < 0.2 * np.std(swap)
    assert result.hedge.funding == pytest.approx(result.pnl.funding, rel=1e-9)
    assert result.hedge.funding > 0.0
