"""Impact and room from stored bars: against a plain loop, without a look ahead, and through a whole run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from arena.backtest.liquidity import conduct_of, impact_per_lot
from arena.backtest.market import Window, load_market
from arena.backtest.run import RunIdentity, run_backtest
from arena.core.bars import Bars
from arena.core.errors import ConfigError, DataError
from arena.core.timeframe import Timeframe
from arena.data.service import DataService
from arena.engine.records import FillReason
from tests.backtest.test_reading_bands import START, choice, config_of, make_store


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated market in 1h."""
    return make_store(tmp_path_factory.mktemp("thin"), "1h")


def walk(n: int, timeframe: str = "1h") -> Bars:
    rng = np.random.default_rng(3)
    close = 30_000 * np.exp(np.cumsum(rng.standard_normal(n) * 0.01))
    length = Timeframe.parse(timeframe)
    ts = np.arange(n, dtype=np.int64) * length.step_ms
    return Bars("BTC-USDT-SWAP", length, ts, close, close, close, close, rng.random(n) * 500)


@pytest.mark.parametrize("timeframe", ["1h", "1d"])
def test_impact_is_daily_volatility_over_the_root_of_daily_volume(timeframe: str) -> None:
    bars = walk(1500, timeframe)
    found = impact_per_lot(bars, 0.0001)
    per_day = bars.timeframe.bars_per_day
    for i in (2, 50, 719, 720, 721, 1499):
        begin = max(0, i - round(30 * per_day))
        returns = np.array([np.log(bars.close[j] / bars.close[j - 1]) if j else 0.0 for j in range(begin, i)])
        sigma = np.sqrt(np.mean(returns**2) * per_day)
        lots = bars.volume[begin:i].mean() * per_day / 0.0001
        assert found[i] == pytest.approx(sigma / np.sqrt(lots), rel=1e-9)
    assert found[0] == 0.0


def test_impact_does_not_look_ahead() -> None:
    bars = walk(900)
    before = impact_per_lot(bars, 0.0001)
    for name in ("close", "volume"):
        getattr(bars, name)[500:] *= 3.0
    np.testing.assert_array_equal(impact_per_lot(bars, 0.0001)[:501], before[:501])


def costs(**changes: object) -> dict[str, object]:
    return {**choice("costs", "okx_taker"), **changes}


def test_order_of_a_percent_of_daily_volume_moves_the_price_by_a_tenth_of_daily_volatility(
    root: Path,
) -> None:
    config = config_of(root, costs=costs(impact_coefficient=1.0))
    instrument = config.symbol.instrument()
    window = Window(None, None, None, 50)
    market = load_market(
        DataService(root), instrument, Timeframe.parse("1h"), window, warmup_bars=0, funding_rate_estimate=0.0
    )
    liquidity = conduct_of(config.costs, config.orders, market, instrument).liquidity
    assert liquidity is not None
    assert np.isinf(liquidity.room_lots).all()
    i = 1000
    part = slice(i - 720, i)
    sigma = np.sqrt(np.mean(np.diff(np.log(market.bars.close))[part.start - 1 : i - 1] ** 2) * 24)
    percent_lots = 0.01 * market.bars.volume[part].mean() * 24 / (instrument.ct_val * instrument.lot_sz)
    assert liquidity.impact[i] * np.sqrt(percent_lots) == pytest.approx(0.1 * sigma)


def run(root: Path, **changes: object) -> object:
    return run_backtest(config_of(root, costs=costs(**changes)), RunIdentity("run", START, "test", "hash"))


def test_costs_that_are_switched_on_cost(root: Path) -> None:
    plain, moved = run(root)[0], run(root, impact_coefficient=1.0)[0]
    assert moved.pnl.slippage > plain.pnl.slippage
    assert {row.cost for row in moved.costs} - {row.cost for row in plain.costs} == {"impact"}


def test_late_decisions_keep_the_reason_they_were_made_for(root: Path) -> None:
    result, arrays = run(root, latency_bars=2)
    decided = arrays.fills[arrays.fills["signal_bar"] >= 0]
    assert len(decided) > 50
    assert (decided["bar"] - decided["signal_bar"] == 3).all()
    np.testing.assert_array_equal(
        arrays.trades["entry_reason"],
        arrays.signal.reason[
            arrays.fills["signal_bar"][np.flatnonzero(np.r_[0.0, arrays.fills["position"][:-1]] == 0)]
        ],
    )
    assert result.pnl.identity_error < 1e-9


def test_capped_orders_take_no_more_than_their_share_of_a_bar(root: Path) -> None:
    cap = 1e-5
    result, arrays = run(root, participation_cap=cap)
    fills = arrays.fills[arrays.fills["signal_bar"] >= 0]
    taken = np.bincount(fills["bar"], fills["contracts"] * 0.01, len(arrays.bars))
    assert (taken <= arrays.bars.volume * cap + 1e-9).all()
    assert np.count_nonzero(fills["bar"] - fills["signal_bar"] > 1) > 5
    assert result.pnl.identity_error < 1e-9


def test_volume_that_is_not_stored_is_not_taken_for_none(root: Path) -> None:
    config = config_of(root, costs=costs(participation_cap=0.1))
    instrument = config.symbol.instrument()
    window = Window(None, None, None, 50)
    market = load_market(
        DataService(root), instrument, Timeframe.parse("1h"), window, warmup_bars=0, funding_rate_estimate=0.0
    )
    empty = replace(market, bars=replace(market.bars, volume=np.zeros(len(market.bars))))
    with pytest.raises(DataError, match="without volume"):
        conduct_of(config.costs, config.orders, empty, instrument)


def limit(**changes: object) -> dict[str, object]:
    return {**choice("orders", "limit"), **changes}


def test_entries_that_rest_pay_the_maker_fee_and_are_counted_when_they_end(root: Path) -> None:
    config = config_of(root, orders=limit(offset_bps=10.0, take_profit="limit"))
    result, arrays = run_backtest(config, RunIdentity("run", START, "test", "hash"))
    fills = arrays.fills
    maker = np.isin(fills["reason"], [FillReason.OPEN_LIMIT, FillReason.TAKE_PROFIT])
    rate = fills["fee"] / (fills["contracts"] * 0.01 * fills["price"])
    np.testing.assert_allclose(rate[maker], 0.0002)
    np.testing.assert_allclose(rate[~maker], 0.0005)
    assert np.count_nonzero(fills["reason"] == FillReason.OPEN_LIMIT) > 20
    assert (fills["slippage"][maker] == 0.0).all()
    assert result.counts.unfilled_orders > 5
    assert result.pnl.fees == pytest.approx(fills["fee"].sum())
    assert arrays.trades["net_pnl"].sum() == pytest.approx(result.pnl.total)
    assert result.band is not None
    assert result.band.ambiguous_bars > 0
    assert "maker" in next(row.source for row in result.costs if row.cost == "fee")


def test_cap_on_resting_orders_is_refused(root: Path) -> None:
    with pytest.raises(ConfigError, match=r"participation_cap=0\.1 is for market orders"):
        config_of(root, orders=limit(), costs=costs(participation_cap=0.1))
