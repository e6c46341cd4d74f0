"""A run under each reading of its bars: what is opened, what the band says, what a plain run is spared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from arena.backtest.finer import FinerBars
from arena.backtest.readings import Readings
from arena.backtest.result import BacktestResult
from arena.backtest.run import RunIdentity, run_backtest
from arena.backtest.sweep import run_sweep
from arena.config.base import validate
from arena.config.models import BacktestConfig, SymbolConfig
from arena.core.timeframe import Timeframe
from arena.data.ingest import ingest_synthetic
from arena.data.service import DataService
from arena.engine.simulate import MarkPrices
from arena.exchange.synthetic import SyntheticSpec

CONF = Path(__file__).parents[2] / "conf"
START = 1_735_689_600_000  # 2025-01-01
DAYS = 60
TIGHT = {"fast": 5, "slow": 20, "atr_stop": 0.4, "atr_take": 0.4}

Run = Callable[..., BacktestResult]


def choice(group: str, name: str) -> dict[str, Any]:
    return yaml.safe_load((CONF / group / f"{name}.yaml").read_text())


def config_of(root: Path, *, strategy: dict[str, Any] | None = None, **changes: Any) -> BacktestConfig:
    values = {
        "name": "",
        "validate_only": False,
        "store": {"root": str(root)},
        "reports": {"root": "unused"},
        "symbol": choice("symbol", "btc_usdt_swap"),
        "timeframe": {"name": "1h"},
        "window": {},
        "strategy": {**choice("strategy", "ema_trend"), **(TIGHT if strategy is None else strategy)},
        "costs": choice("costs", "okx_taker"),
        "sizing": choice("sizing", "equity"),
        "data": {"policy": "warn"},
        "report": {"html": False, "timings": False},
        "limit": None,
        "signal_window": 50,
        "initial_capital": 10_000,
        "fee_rate": 0.0005,
        "leverage": 2,
        "margin_mode": "cross",
        **changes,
    }
    return validate(BacktestConfig, values)


@pytest.fixture(scope="module")
def layered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated market in 5m, and 15m and 1h made of it."""
    return make_store(tmp_path_factory.mktemp("layered"), "5m", "15m", "1h")


@pytest.fixture(scope="module")
def coarse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in 1h alone."""
    return make_store(tmp_path_factory.mktemp("coarse"), "1h")


def make_store(root: Path, finest: str, *derived: str) -> Path:
    symbol = SymbolConfig.model_validate(choice("symbol", "btc_usdt_swap")).instrument()
    lengths = [Timeframe.parse(name) for name in (finest, *derived)]
    ingest_synthetic(
        symbol,
        lengths[0],
        str(root),
        spec=SyntheticSpec(seed=11, start_ms=START, days=DAYS),
        derive=lengths[1:],
        clock=lambda: START + (DAYS + 1) * 86_400_000,
    )
    return root


def run(config: BacktestConfig) -> BacktestResult:
    return run_backtest(config, RunIdentity("run", START, "test", "hash"))[0]


def headline(result: BacktestResult) -> list[float | None]:
    values = {metric.name: metric.value for metric in result.primary}
    return [result.account.final_equity, *(values[n] for n in ("total_return", "sharpe", "max_drawdown"))]


@pytest.mark.parametrize(
    ("intrabar", "place"), [("worst", "pessimistic"), ("detail", "expected"), ("best", "optimistic")]
)
def test_the_headline_is_one_of_the_band(layered: Path, intrabar: str, place: str) -> None:
    result = run(config_of(layered, intrabar=intrabar))
    assert result.band is not None
    assert result.band.ambiguous_bars > 10
    row = getattr(result.band, place)
    assert row.reading == intrabar
    assert headline(result) == [row.final_equity, row.total_return, row.sharpe, row.max_drawdown]


def test_band_of_a_run_is_the_same_whichever_reading_made_it(layered: Path) -> None:
    bands = [run(config_of(layered, intrabar=name)).band for name in ("worst", "ohlc", "detail", "best")]
    assert all(band is not None for band in bands)
    rows = [(b.pessimistic, b.expected, b.optimistic, b.detail_hash) for b in bands if b is not None]
    assert rows == [rows[0]] * 4
    assert rows[0][1].reading == "detail"
    assert rows[0][0].final_equity < rows[0][1].final_equity < rows[0][2].final_equity


def test_result_says_in_words_what_the_bars_leave_open(layered: Path) -> None:
    result = run(config_of(layered))
    band = result.band
    assert band is not None
    assert result.warnings[-1] == (
        f"{band.ambiguous_bars} bars met more than one level, read as worst: total return "
        f"{band.pessimistic.total_return:+.2%} pessimistic, {band.expected.total_return:+.2%} expected "
        f"(detail), {band.optimistic.total_return:+.2%} optimistic."
    )


def test_without_finer_bars_the_conventional_path_is_expected(coarse: Path) -> None:
    band = run(config_of(coarse)).band
    assert band is not None
    assert (band.expected.reading, band.resolved_bars, band.detail_hash) == ("ohlc", 0, None)
    assert band.ambiguous_bars > 10
    assert run(config_of(coarse, intrabar="detail")).account.final_equity == band.pessimistic.final_equity


def test_run_without_an_ambiguous_bar_is_run_once(layered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[object] = []
    monkeypatch.setattr(Readings, "_run", _counted(Readings._run, played))
    result = run(config_of(layered, strategy={"atr_stop": 0.0}))
    band = result.band
    assert band is not None
    assert len(played) == 1
    assert band.pessimistic.final_equity == band.expected.final_equity == band.optimistic.final_equity
    assert (band.ambiguous_bars, band.assumptions.band_width) == (0, 0.0)
    assert not any("met more than one level" in text for text in result.warnings)


def _counted(function: Any, calls: list[object]) -> Any:
    def counted(self: object, reading: object, *rest: object) -> object:
        calls.append(reading)
        return function(self, reading, *rest)

    return counted


def test_assumed_share_is_width_and_assumed_costs_over_the_result(layered: Path) -> None:
    result = run(config_of(layered))
    assert result.band is not None
    assumed = result.band.assumptions
    ends = [result.band.pessimistic.final_equity, result.band.optimistic.final_equity]
    assert assumed.band_width == pytest.approx(ends[1] - ends[0])
    costs = sum(abs(c.amount) * (1.0 - c.actual_share) for c in result.costs if c.amount is not None)
    assert assumed.assumed_costs == pytest.approx(costs)
    assert assumed.share == pytest.approx((assumed.band_width + costs) / abs(result.pnl.total))


def finer_of(root: Path, mark: MarkPrices | None = None) -> FinerBars:
    service = DataService(root)
    bars = service.get_candles("BTC-USDT-SWAP", "1h")
    return FinerBars(service, bars, mark or MarkPrices(bars.open, bars.high, bars.low))


def test_the_finest_length_that_divides_is_opened_and_only_where_asked(layered: Path) -> None:
    finer = finer_of(layered)
    assert [str(timeframe) for timeframe in finer.timeframes()] == ["5m", "15m"]
    assert finer.read(np.array([3, 1000]))
    assert not finer.read(np.array([1000]))
    fine = finer.columns()
    assert np.flatnonzero(fine.count).tolist() == [3, 1000]
    assert fine.count[[3, 1000]].tolist() == [12, 12]
    for bar in (3, 1000):
        rows = slice(fine.first[bar], fine.first[bar] + 12)
        assert fine.high[rows].max() == finer.bars.high[bar]
        assert fine.low[rows].min() == finer.bars.low[bar]


def test_finer_bars_that_disagree_with_the_bar_are_left_alone(layered: Path) -> None:
    finer = finer_of(layered)
    finer.bars.high[7] += 1.0
    assert not finer.read(np.array([7]))
    assert finer.fingerprint() is None


def test_stand_in_marks_keep_to_the_range_of_the_bars_own_mark(coarse: Path, layered: Path) -> None:
    bars = DataService(layered).get_candles("BTC-USDT-SWAP", "1h")
    mark = MarkPrices(bars.open + 5.0, bars.high - 1.0, bars.low - 30.0)
    finer = finer_of(layered, mark)
    finer.read(np.arange(40, 60))
    fine = finer.columns()
    for bar in range(40, 60):
        rows = slice(fine.first[bar], fine.first[bar] + fine.count[bar])
        assert fine.mark_open[rows][0] == mark.open[bar]
        assert fine.mark_high[rows].max() == max(mark.high[bar], mark.open[bar])
        assert fine.mark_low[rows].min() == min(mark.low[bar], mark.open[bar])
        lowest = fine.low[rows].argmin()
        assert fine.mark_low[rows][lowest] == mark.low[bar]


@pytest.mark.parametrize("store", ["coarse", "layered"])
def test_sweep_along_finer_bars_has_the_figures_of_single_runs(
    request: pytest.FixtureRequest, store: str
) -> None:
    root = request.getfixturevalue(store)
    swept = run_sweep(config_of(root, intrabar="detail"), {"strategy.fast": [5, 6, 7]}, threads=1)
    alone = [run(config_of(root, intrabar="detail", strategy={**TIGHT, "fast": fast})) for fast in (5, 6, 7)]
    assert swept.figures["final_equity"].tolist() == [result.account.final_equity for result in alone]
