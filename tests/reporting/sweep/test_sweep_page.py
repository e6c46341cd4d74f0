"""The sweep's page as text: whole, safe, small at any size, and the same each time."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from arena.backtest.sweep import run_sweep
from arena.backtest.sweep.record import SweepAxis, SweepTrial
from arena.backtest.sweep.statistics import FIGURES
from arena.config.base import validate
from arena.config.models import BacktestConfig, SymbolConfig
from arena.core.errors import DataError
from arena.core.timeframe import Timeframe
from arena.data.ingest import ingest_synthetic
from arena.exchange.synthetic import SyntheticSpec
from arena.reporting import sweep_heat, sweep_html
from arena.reporting.sweep_html import render_sweep

START = 1_735_689_600_000  # 2025-01-01
LIMIT = 2_000_000


@pytest.fixture(scope="module")
def page(small_sweep) -> str:
    return render_sweep(*small_sweep)


def headings(page: str) -> list[str]:
    return re.findall(r"<h[23][^>]*>([^<]+)</h[23]>", page)


def test_page_holds_every_section(page: str) -> None:
    assert headings(page) == [
        "Read this first",
        "The best of 69 trials",
        "How likely luck is",
        "All trials against noise",
        "Does the best stay the best?",
        "Chosen by the past alone",
        "How sure the figures are",
        "Against doing less",
        "What it takes to kill it",
        "Lockbox",
        "Any two axes",
        "Sharpe along each axis",
        "The best trials",
        "Batches",
        "Dropped combinations",
        "Where the time went",
        "Provenance",
    ]


def test_headline_has_the_best_trial_and_its_odds(page: str) -> None:
    best = page[page.index('id="best"') : page.index('id="luck"')]
    for words in ("41.2%", "36.5%", "1.40", "this is what luck looks like", 'href="./best/report.html"'):
        assert words in best


def test_generated_market_is_called_synthetic(page: str, small_sweep) -> None:
    assert "SYNTHETIC DATA" in page
    assert "<title>SYNTHETIC" in page
    record, folder = small_sweep
    real = render_sweep(record.model_copy(update={"synthetic": False, "warnings": []}), folder)
    assert "SYNTHETIC" not in real


def test_dropped_combinations_have_their_reason(page: str) -> None:
    assert "fast EMA must be shorter than the slow one" in page
    assert "7 cells are empty: no run would accept them." in page


def test_page_never_says_nan_and_asks_for_nothing(page: str) -> None:
    text = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"\b(NaN|nan|Infinity|inf|None)\b", text)
    assert not re.search(r"""(src|srcset|@import|url\()\s*=?\s*["']?(https?:)?//""", page)
    assert re.findall(r'href="(https?:[^"]+)"', page) == []


def test_same_sweep_gives_the_same_page(small_sweep, page: str) -> None:
    assert render_sweep(*small_sweep) == page


def test_hostile_names_are_only_text(make_sweep) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    record, folder = make_sweep(
        {"strategy.fast": [1, 2, 3], "strategy.exit": [1, 2]},
        batches={"symbol": [evil, "BTC/USDT:USDT"]},
        name=evil,
        warnings=[evil],
        best_run_folder=f"javascript:{evil}",
    )
    text = render_sweep(record, folder)
    assert "<script>alert" not in text
    assert "<img" not in text
    assert text.count("<script") == 2
    assert 'href="javascript' not in text
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    assert policy[1].count("sha256-") == 1


def test_sweep_without_a_verdict_says_so(make_sweep) -> None:
    record, folder = make_sweep({"strategy.fast": [1, 2, 3], "strategy.exit": [1, 2]}, verdict=None)
    text = render_sweep(record, folder)
    assert text.count("no statistics were computed") == 1
    assert "No statistics were computed for this sweep." in text


def test_sweep_over_one_axis_has_a_slice_and_no_heatmap(make_sweep) -> None:
    text = render_sweep(*make_sweep({"strategy.fast": [3, 5, 8, 13]}))
    assert "Any two axes" not in headings(text)
    assert "Sharpe along each axis" in headings(text)


def test_interrupted_sweep_warns_first(make_sweep) -> None:
    record, folder = make_sweep({"strategy.fast": [3, 5, 8], "strategy.exit": [1, 2]}, interrupted=True)
    assert "The sweep was interrupted: 6 of 6 trials were run" in render_sweep(record, folder)


def test_batches_are_axes_too(make_sweep) -> None:
    axes = {"strategy.fast": [3, 5, 8]}
    text = render_sweep(*make_sweep(axes, batches={"timeframe": ["15m", "1h", "4h"]}))
    assert "3 markets" in text
    assert '<option value="1" selected>timeframe</option>' in text
    assert text.count("<td>BTC/USDT:USDT 15m</td>") == 1


def test_sweep_in_which_nothing_traded_still_reads(make_sweep) -> None:
    record, folder = make_sweep({"strategy.fast": [3, 5, 8], "strategy.exit": [1, 2]})
    table = pl.read_parquet(folder / "trials.parquet")
    table.with_columns(pl.lit(None, pl.Float64).alias("sharpe")).write_parquet(folder / "trials.parquet")
    quiet = [trial.model_copy(update={"figures": {**trial.figures, "sharpe": None}}) for trial in record.best]
    text = render_sweep(record.model_copy(update={"best": quiet}), folder)
    assert "No trial has a defined Sharpe ratio" in text
    assert "Sharpe is undefined in every cell." in text


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(lambda path: path.unlink(), "cannot be read", id="gone"),
        pytest.param(lambda path: path.write_bytes(b"PAR1 no"), "cannot be read", id="damaged"),
        pytest.param(
            lambda path: pl.read_parquet(path).drop("sharpe").write_parquet(path),
            "no column sharpe",
            id="column",
        ),
        pytest.param(
            lambda path: pl.read_parquet(path).clear().write_parquet(path), "holds no trial", id="empty"
        ),
    ],
)
def test_trials_that_cannot_be_read_are_a_data_error(make_sweep, spoil, words: str) -> None:
    record, folder = make_sweep({"strategy.fast": [3, 5, 8]})
    spoil(folder / "trials.parquet")
    with pytest.raises(DataError, match=words):
        render_sweep(record, folder)


@pytest.mark.parametrize(
    ("axes", "options"),
    [
        pytest.param({"strategy.fast": range(5, 55), "strategy.slow": range(20, 220)}, {}, id="pairs"),
        pytest.param({f"strategy.p{i}": range(10) for i in range(4)}, {}, id="four-axes"),
        pytest.param(
            {f"strategy.p{i}": range(9000) for i in range(8)},
            {"rows": 10_000, "method": "random"},
            id="drawn",
        ),
    ],
)
def test_ten_thousand_trials_stay_small(make_sweep, axes, options) -> None:
    record, folder = make_sweep({name: list(values) for name, values in axes.items()}, **options)
    text = render_sweep(record, folder)
    assert sum(batch.done for batch in record.batches) >= 9_000
    assert len(text.encode()) < LIMIT
    assert '"form":"rows"' in text


@pytest.mark.slow
@pytest.mark.parametrize(
    "axes",
    [
        pytest.param({"strategy.fast": range(1, 1001), "strategy.slow": range(1001, 2001)}, id="two"),
        pytest.param({f"strategy.p{i}": range(10) for i in range(6)}, id="six"),
    ],
)
def test_a_million_trials_stay_small_and_the_page_says_what_is_left_out(make_sweep, axes) -> None:
    text = render_sweep(*make_sweep({name: list(values) for name, values in axes.items()}))
    assert len(text.encode()) < LIMIT
    assert "1,000,000 trials are too many to hold in a page" in text
    assert '<option value="fixed">' not in text


def test_pairs_hold_what_rows_give(small_sweep, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_heat, "MOST_ROWS", 10)
    monkeypatch.setattr(sweep_html, "MOST_ROWS", 10)
    text = render_sweep(*small_sweep)
    assert '"form":"pairs"' in text
    values = re.compile(r'id="heat-values">(.*?)</table>', re.DOTALL)
    assert values.findall(text) == values.findall(page)
    assert len(values.findall(page)) == 1


@pytest.fixture(scope="module")
def real_sweep(tmp_path_factory: pytest.TempPathFactory):
    """A sweep that was run: 24 trials of ema_trend on a generated market of 30 days."""
    conf = Path(__file__).parents[3] / "conf"
    root = tmp_path_factory.mktemp("market")

    def choice(group: str, name: str):
        return yaml.safe_load((conf / group / f"{name}.yaml").read_text(encoding="utf-8"))

    symbol = SymbolConfig.model_validate(choice("symbol", "btc_usdt_swap")).instrument()
    ingest_synthetic(
        symbol,
        Timeframe.parse("1h"),
        str(root),
        spec=SyntheticSpec(seed=3, start_ms=START, days=30),
        clock=lambda: START + 31 * 86_400_000,
    )
    values = {
        "name": "",
        "validate_only": False,
        "store": {"root": str(root)},
        "reports": {"root": "unused"},
        "symbol": choice("symbol", "btc_usdt_swap"),
        "timeframe": {"name": "1h"},
        "window": {},
        "strategy": choice("strategy", "ema_trend"),
        "costs": choice("costs", "okx_taker"),
        "sizing": choice("sizing", "equity"),
        "data": {"policy": "warn"},
        "report": {"html": False, "timings": False},
        "limit": None,
        "signal_window": 20,
        "initial_capital": 10_000,
        "fee_rate": 0.0005,
        "leverage": 2,
        "margin_mode": "cross",
    }
    axes = {"strategy.fast": [3, 5, 9, 30], "strategy.slow": [8, 21, 60], "fee_rate": [0.0, 0.0005]}
    return run_sweep(validate(BacktestConfig, values), axes, threads=1)


def test_sweep_that_was_run_is_shown_as_it_was(make_sweep, real_sweep, tmp_path: Path) -> None:
    made, _ = make_sweep({"strategy.fast": [1, 2]})
    real_sweep.write_trials(tmp_path / "trials.parquet")
    at = int(np.nanargmax(real_sweep.figures["sharpe"]))
    params = {name: float(values[at]) for name, values in real_sweep.parameters().items()}
    figures = {name: float(real_sweep.figures[name][at]) for name in FIGURES}
    best = SweepTrial(batch=0, trial=int(real_sweep.grid.rows[at]), params=params, figures=figures)
    axes = [
        SweepAxis(name=name, values=values.tolist(), structural=False)
        for name, values in zip(real_sweep.grid.axes.names, real_sweep.grid.axes.values, strict=True)
    ]
    text = render_sweep(made.model_copy(update={"axes": axes, "best": [best]}), tmp_path)
    assert f">{figures['sharpe']:.2f}<".replace("-", "\u2212") in text
    assert text.count('class="num dropped"') >= 2
    assert "fee rate" in text
