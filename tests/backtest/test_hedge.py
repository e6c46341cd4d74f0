"""Spot prices beside a swap's bars, the refused long side, and a hedged run whose parts add up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from arena.backtest.hedge import hedge_notes, short_side, spot_costs, spot_market
from arena.backtest.run import RunIdentity, run_backtest
from arena.backtest.spot_prices import SpotPrices, read_spot
from arena.config.models import BacktestConfig
from arena.core.bars import Bars
from arena.core.errors import ConfigError, DataError
from arena.core.signal import Signal
from arena.core.timeframe import Timeframe
from arena.data.ingest import ingest_synthetic
from arena.data.service import DataService
from arena.engine.spot import SPOT_FILL_DTYPE, SpotLeg
from arena.exchange.synthetic import SyntheticSpec
from arena.reporting.console import headline
from arena.reporting.html import render_report
from arena.reporting.run_folder import run_tables
from arena.store.market.layout import Kind
from arena.store.market.writer import MarketWriter
from scripts.golden import compose_config

HOUR_MS = 3_600_000
START = 1_735_689_600_000
HOUR = Timeframe.parse("1h")


def bars_at(hours: list[int], prices: list[float], inst_id: str) -> Bars:
    price = np.array(prices)
    ts = START + np.array(hours, np.int64) * HOUR_MS
    flat = np.ones(len(price))
    return Bars(inst_id, HOUR, ts, price, price + 1, price - 1, price + 0.5, flat, frozenset({"okx"}))


@pytest.fixture
def pair(tmp_path: Path) -> DataService:
    """BTC-USDT with hours 1, 2 and 4."""
    writer = MarketWriter(tmp_path, clock=lambda: START + 100 * HOUR_MS)
    writer.write_bars(Kind.CANDLES, bars_at([1, 2, 4], [101.0, 99.0, 104.0], "BTC-USDT"), source="okx")
    return DataService(tmp_path)


def config_of(*overrides: str) -> BacktestConfig:
    return compose_config("hedge=spot", *overrides)


def test_missing_spot_bars_keep_the_last_known_ratio_and_are_counted(pair: DataService) -> None:
    swap = bars_at([0, 1, 2, 3, 4], [100.0, 100.0, 100.0, 110.0, 100.0], "BTC-USDT-SWAP")
    spot = read_spot(pair, "BTC-USDT", swap, "btc_usdt_swap")
    ratio = 99.5 / 100.5
    assert spot.open.tolist() == pytest.approx([100.0, 101.0, 99.0, 110.0 * ratio, 104.0])
    assert spot.close.tolist() == pytest.approx([100.5, 101.5, 99.5, 110.5 * ratio, 104.5])
    assert spot.known.tolist() == [False, True, True, False, True]
    assert spot.missing == 2


def test_missing_pair_says_how_to_get_it(pair: DataService) -> None:
    swap = bars_at([0], [100.0], "ETH-USDT-SWAP")
    with pytest.raises(DataError, match=r"1h bars of ETH-USDT .* jobs.ingest symbol=eth_usdt_swap kind=spot"):
        read_spot(pair, "ETH-USDT", swap, "eth_usdt_swap")


def test_missing_spot_bars_stop_a_run_that_allows_no_estimate() -> None:
    prices = SpotPrices("BTC-USDT", np.ones(2), np.ones(2), np.array([True, False]), frozenset({"okx"}))
    with pytest.raises(DataError, match="1 of 2 bars have no stored bar of BTC-USDT"):
        spot_market(prices, config_of("costs.missing=error"))
    assert spot_market(prices, config_of()) is not None


def test_long_side_is_refused_and_counted_once_a_turn() -> None:
    none = np.full(6, np.nan)
    target = np.array([1.0, 1.0, -1.0, 0.5, 0.0, 1.0])
    signal = Signal(target, none, none, np.ones(6), np.zeros(6, np.int16), ("",))
    short, refused = short_side(signal, config_of("signal_window=0"))
    assert short.target.tolist() == [0.0, 0.0, -1.0, 0.0, 0.0, 0.0]
    assert refused == 3
    same, none_refused = short_side(signal, compose_config())
    assert same is signal
    assert none_refused == 0


def test_symbol_without_a_spot_pair_cannot_be_hedged() -> None:
    with pytest.raises(ConfigError, match="hedge=spot needs the spot pair of BTC-USDT-SWAP"):
        config_of("symbol.spot_inst_id=null")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    """A hedged run over 60 generated days that is short most of the time, and its arrays."""
    root = tmp_path_factory.mktemp("store")
    config = config_of(
        "strategy=funding_rate_arbitrage", "strategy.entry_apr=0.03", "strategy.exit_apr=0.01",
        "signal_window=10", f"store.root={root}", "leverage=3", "strategy.atr_stop=4",
    )  # fmt: skip
    spec = SyntheticSpec(seed=4, start_ms=START, days=60)
    instrument = config.symbol.instrument()
    ingest_synthetic(
        instrument, HOUR, str(root), spec=spec, clock=lambda: spec.end_ms + 1, spot_inst_id="BTC-USDT"
    )
    return config, *run_backtest(config, RunIdentity("run", START, "command", "hash"))


def test_legs_add_up_to_the_split_and_the_split_to_equity(made) -> None:
    _, result, arrays = made
    legs, pnl = result.hedge, result.pnl
    assert legs.spot_fills == len(arrays.fills) > 4
    assert legs.basis_pnl == pytest.approx(pnl.price, rel=1e-12, abs=1e-9)
    assert legs.swap_fees + legs.spot_fees == pytest.approx(pnl.fees, rel=1e-12)
    assert legs.swap_slippage + legs.spot_slippage == pytest.approx(pnl.slippage, rel=1e-12)
    assert legs.swap_pnl + legs.spot_pnl == pytest.approx(pnl.total, abs=1e-9 * 10_000)
    assert pnl.price - pnl.fees + pnl.funding - pnl.slippage - pnl.liquidation == pytest.approx(
        arrays.equity[-1] - 10_000, abs=1e-9 * 10_000
    )
    assert pnl.identity_error <= 1e-9


def test_trades_are_those_of_both_legs(made) -> None:
    _, result, arrays = made
    trades, pnl = arrays.trades, result.pnl
    assert trades["net_pnl"].sum() == pytest.approx(pnl.total, abs=1e-6)
    assert trades["price_pnl"].sum() == pytest.approx(pnl.price, abs=1e-6)
    assert trades["fees"].sum() == pytest.approx(pnl.fees, rel=1e-9)
    assert trades["slippage"].sum() == pytest.approx(pnl.slippage, rel=1e-9)


def test_hedge_takes_the_price_risk_away(made) -> None:
    config, result, _ = made
    alone = config.model_copy(update={"hedge": compose_config().hedge})
    bare, _ = run_backtest(alone, RunIdentity("run", START, "command", "hash"))
    depth = [next(m.value for m in r.primary if m.name == "max_drawdown") for r in (result, bare)]
    assert abs(depth[0]) < 0.1 * abs(depth[1])
    assert bare.hedge is None
    assert bare.provenance.dataset_hash != result.provenance.dataset_hash


def test_spot_trades_are_written_and_shown(made) -> None:
    _, result, arrays = made
    table = pl.from_arrow(run_tables(result, arrays)["spot_fills"])
    assert table["coins"].to_list() == arrays.spot_fills["coins"].tolist()
    assert table["holding"].min() >= 0.0
    page = render_report(result, arrays)
    assert "The two legs" in page
    assert "BTC-USDT held against it" in page
    words = headline(result, Path("runs"), html=True)
    assert "Hedged, USDT" in words
    assert json.loads(result.model_dump_json())["hedge"]["spot_inst_id"] == "BTC-USDT"


def test_costs_of_the_leg_are_named_and_stand_ins_said() -> None:
    hedge, known = config_of().hedge, np.array([True, False])
    leg = SpotLeg(np.zeros(0, SPOT_FILL_DTYPE), price_pnl=0.0, fees=3.0, slippage=2.0)
    shares = {}
    for source in ("okx", "binance"):
        prices = SpotPrices("BTC-USDT", np.ones(2), np.ones(2), known, frozenset({source}))
        fee, slippage, price = spot_costs(hedge, prices, leg)
        assert (fee.status, fee.amount, slippage.status, slippage.amount) == (
            "estimated",
            3.0,
            "estimated",
            2.0,
        )
        shares[source] = price.actual_share
        assert ("stands in for" in price.source) == (source == "binance")
    assert shares == {"okx": 0.5, "binance": 0.0}
    assert spot_costs(hedge, None, None) == []


def test_reader_is_told_what_was_refused_and_assumed(made) -> None:
    _, result, _ = made
    changed = {"refused_longs": 2, "missing_bars": 3, "assumed_fills": 1, "sources": ["binance"]}
    longs, missing, source = hedge_notes(result.hedge.model_copy(update=changed))
    assert longs.startswith("2 longs of the strategy refused")
    assert missing.startswith("3 bars without a spot bar of BTC-USDT, 1 of ")
    assert source == "Spot prices are from binance: the basis is between two exchanges."
    assert hedge_notes(None) == []
