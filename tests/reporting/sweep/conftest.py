"""Sweeps made for the page: a surface with a plateau and a needle, and every part of a verdict."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from arena.backtest.result import MarketInfo, Provenance, RunInfo
from arena.backtest.sweep.record import SweepAxis, SweepBatch, SweepRecord, SweepTiming, SweepTrial
from arena.backtest.sweep.statistics import FIGURES
from arena.backtest.verdict import (
    BreakEvenCurve,
    IntervalRow,
    Lockbox,
    OverfittingVerdict,
    SharpeVerdict,
    SuperiorityVerdict,
    TrialHistory,
    Verdict,
    WalkForward,
    WalkForwardWindow,
)

MakeSweep = Callable[..., tuple[SweepRecord, Path]]
DROPPED = "fast EMA must be shorter than the slow one (fast=..., slow=...)"


@pytest.fixture(scope="session")
def make_sweep(tmp_path_factory: pytest.TempPathFactory) -> MakeSweep:
    """Return the maker: axes by name, the record and the folder with its trials."""

    def made(axes: dict[str, list[Any]], **changes: Any) -> tuple[SweepRecord, Path]:
        return build_sweep(tmp_path_factory.mktemp("sweep"), axes, **changes)

    return made


@pytest.fixture(scope="session")
def small_sweep(make_sweep: MakeSweep) -> tuple[SweepRecord, Path]:
    """Three axes of few values: tables with numbers, one axis to fix."""
    return make_sweep(
        {
            "strategy.fast": [5, 8, 12, 18, 24, 30],
            "strategy.slow": [12, 20, 30, 45, 60],
            "strategy.atr_stop": [0.0, 1.5, 3.0],
        }
    )


@pytest.fixture(scope="session")
def large_sweep(make_sweep: MakeSweep) -> tuple[SweepRecord, Path]:
    """Nearly 10,000 trials over two axes: drawings."""
    return make_sweep({"strategy.fast": list(range(5, 55)), "strategy.slow": list(range(20, 220))})


@pytest.fixture(scope="session")
def make_verdict() -> Callable[..., Verdict]:
    return build_verdict


def build_sweep(
    folder: Path,
    axes: dict[str, list[Any]],
    *,
    batches: dict[str, list[str]] | None = None,
    rows: int | None = None,
    method: str = "grid",
    verdict: Verdict | str | None = "full",
    name: str = "wide net",
    **record_changes: Any,
) -> tuple[SweepRecord, Path]:
    """Write trials.parquet and return the record; `rows` draws that many instead of the whole grid."""
    rng = np.random.default_rng(5)
    structural = batches or {}
    combos = [
        dict(zip(structural, picked, strict=True)) for picked in itertools.product(*structural.values())
    ]
    tables, infos = [], []
    for index, choices in enumerate(combos):
        columns, dropped = _parameters(axes, rows, rng)
        count = len(next(iter(columns.values())))
        table = {"trial": np.arange(count, dtype=np.int64), **columns, **_figures(columns, axes, rng)}
        if len(combos) > 1:
            table = {"batch": np.full(count, index, np.int64), **table}
        tables.append(pl.DataFrame(table).with_columns(pl.col(pl.Float64).fill_nan(None)))
        infos.append(_batch(index, choices, count, dropped))
    table = pl.concat(tables)
    table.write_parquet(folder / "trials.parquet")
    record = SweepRecord(
        synthetic=True,
        run=RunInfo(
            run_id="20260131T120000-123-9f3c2a1b",
            job="backtest",
            name=name,
            created_at="2026-01-31T12:00:00Z",
            command="python -m jobs.backtest -m strategy=ema_trend 'strategy.fast=range(5,55)'",
        ),
        method=method,
        objective="sharpe",
        axes=[SweepAxis(name=axis, values=values, structural=False) for axis, values in axes.items()]
        + [SweepAxis(name=axis, values=values, structural=True) for axis, values in structural.items()],
        batches=infos,
        interrupted=False,
        best=_best(table, list(axes)),
        best_run_folder="best",
        verdict=build_verdict(trials=len(table)) if verdict == "full" else verdict,
        timing=SweepTiming(
            engine="threads", workers=2, seconds={"read": 0.021, "run": 0.63}, trials_per_second=15_800.0
        ),
        provenance=Provenance(
            config_hash="9f3c2a1b" * 8,
            dataset_hash="51d0c7e4" * 8,
            code_version="0.1.0+g1a2b3c4",
            versions={"python": "3.11.7", "numpy": "2.4.6"},
            seed=None,
        ),
        warnings=["SYNTHETIC: the market was generated.", "Slippage is estimated: 2 bps."],
    )
    return record.model_copy(update=record_changes), folder


def _parameters(
    axes: dict[str, list[Any]], rows: int | None, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], int]:
    if rows is not None:
        return {name: rng.choice(np.array(values), rows) for name, values in axes.items()}, 0
    grids = np.meshgrid(*(np.array(values) for values in axes.values()), indexing="ij")
    columns = {name: grid.ravel() for name, grid in zip(axes, grids, strict=True)}
    if not {"strategy.fast", "strategy.slow"} <= set(columns):
        return columns, 0
    kept = columns["strategy.fast"] < columns["strategy.slow"]
    return {name: values[kept] for name, values in columns.items()}, int((~kept).sum())


def _figures(
    columns: dict[str, np.ndarray], axes: dict[str, list[Any]], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """A broad plateau at a third of each axis, noise, and a needle at a corner."""
    count = len(next(iter(columns.values())))
    shares = [
        (columns[name] - min(values)) / ((max(values) - min(values)) or 1) for name, values in axes.items()
    ]
    distance = sum((share - 0.35) ** 2 for share in shares)
    sharpe = 1.3 * np.exp(-8 * distance) - 0.6 + 0.12 * rng.standard_normal(count)
    sharpe[-1] = 1.4
    sharpe[:2] = np.nan
    trades = np.round(40 + 300 * np.exp(-3 * shares[0]) + rng.uniform(0, 20, count)).astype(np.int64)
    total = np.where(np.isnan(sharpe), 0.0, 0.2 * sharpe - 0.03)
    made: dict[str, np.ndarray] = {
        "total_return": total,
        "final_equity": 10_000 * (1 + total),
        "sharpe": sharpe,
        "sortino": 1.4 * sharpe,
        "max_drawdown": -0.08 - 0.25 * np.abs(rng.standard_normal(count) * 0.3 + distance),
        "trades": trades,
        "win_rate": np.clip(0.4 + 0.1 * np.nan_to_num(sharpe), 0, 1),
        "profit_factor": np.exp(0.3 * sharpe),
        "exposure": np.full(count, 0.6),
        "turnover": trades * 0.9,
        "fees": trades * 4.2,
    }
    return {name: made.get(name, np.zeros(count)).astype(kind) for name, kind in FIGURES.items()}


def _batch(index: int, choices: dict[str, str], count: int, dropped: int) -> SweepBatch:
    return SweepBatch(
        index=index,
        choices=choices,
        strategy=choices.get("strategy", "ema_trend"),
        market=MarketInfo(
            inst_id="BTC-USDT-SWAP",
            symbol=choices.get("symbol", "BTC/USDT:USDT"),
            timeframe=choices.get("timeframe", "1h"),
            start="2023-01-01T00:00:00Z",
            end="2025-04-01T00:00:00Z",
            bars=19_700,
            signal_window=100,
            traded_bars=19_600,
            history_bars=300,
            warmup_bars=220,
        ),
        dataset_hash="51d0c7e4" * 8,
        combinations=count + dropped,
        dropped={DROPPED: dropped} if dropped else {},
        trials=count,
        done=count,
        days=817,
    )


def _best(table: pl.DataFrame, names: list[str]) -> list[SweepTrial]:
    first = table.sort("sharpe", descending=True, nulls_last=True, maintain_order=True).head(20)
    return [
        SweepTrial(
            batch=row.get("batch", 0),
            trial=row["trial"],
            params={name: float(row[name]) for name in names},
            figures={name: None if row[name] is None else float(row[name]) for name in FIGURES},
        )
        for row in first.iter_rows(named=True)
    ]


def build_verdict(*, trials: int = 9_935, deflated: float | None = 0.412) -> Verdict:
    """A verdict with every part filled."""
    return Verdict(
        trials=TrialHistory(
            sets=trials + 120, runs=20, sweeps=3, sharpe_variance=0.0001, effective=37.4,
            first_run_at="2025-12-01T09:00:00Z",
        ),
        sharpe=SharpeVerdict(
            observations=19_600, sharpe=0.01496, annualised=1.4, skew=0.1, kurtosis=6.2, probabilistic=0.981,
            expected_maximum=0.0161, deflated=deflated, minimum_track_record_days=604.0,
        ),
        intervals=[
            IntervalRow(name="sharpe", value=1.4, low=-0.1, high=2.7, level=0.95),
            IntervalRow(name="total_return", value=0.25, low=-0.05, high=0.62, level=0.95),
            IntervalRow(name="max_drawdown", value=-0.12, low=-0.31, high=-0.08, level=0.95),
        ],
        superiority=[
            SuperiorityVerdict(benchmark="flat", p_value=0.231, draws=2000),
            SuperiorityVerdict(benchmark="buy_and_hold", p_value=0.012, draws=2000),
        ],
        overfitting=_overfitting(trials),
        walk_forward=[_walk("anchored", 0.3), _walk("rolling", -0.1)],
        break_even=[
            BreakEvenCurve(
                cost="slippage_bps", unit="bps", values=[0, 1, 2, 3, 4, 6, 8],
                sharpe=[1.6, 1.4, 1.0, 0.1, -0.4, -1.5, None],
                total_return=[0.3, 0.25, 0.15, 0.01, -0.1, -0.3, -0.5], now=1.0, dies_at=3.1,
            ),
            BreakEvenCurve(
                cost="fee_rate", unit="fraction", values=[0, 0.0005, 0.001, 0.0015],
                sharpe=[2.0, 1.4, 0.2, -0.8],
                total_return=[0.4, 0.25, 0.03, -0.2], now=0.0005, dies_at=0.0011,
            ),
            BreakEvenCurve(
                cost="delay_bars", unit="bars", values=[0, 1, 2, 3], sharpe=[1.4, 1.1, 0.9, 0.8],
                total_return=[0.25, 0.2, 0.17, 0.14], now=0.0, dies_at=None,
            ),
            BreakEvenCurve(
                cost="funding_shock", unit="fraction", values=[0, 0.00005, 0.0001], sharpe=[1.4, 1.2, 1.0],
                total_return=[0.25, 0.2, 0.17], now=0.0, dies_at=None,
            ),
        ],
        lockbox=Lockbox(holdout=0.2, start="2025-01-01T00:00:00Z", unlocked=False, unlocks=0),
        reasons={"trials.sharpe_variance": "fewer than two sets have a Sharpe ratio"},
    )  # fmt: skip


def _overfitting(trials: int) -> OverfittingVerdict:
    edges = np.linspace(-6, 6, 41)
    counts = np.round(900 * np.exp(-0.5 * ((edges[:-1] - 0.4) / 1.6) ** 2)).astype(int)
    share = float(counts[edges[:-1] < -1e-9].sum() / counts.sum())
    return OverfittingVerdict(
        probability=share, blocks=16, splits=int(counts.sum()), trials=trials, logits=edges.tolist(),
        counts=counts.tolist(), loss_probability=0.38,
    )  # fmt: skip


def _walk(kind: str, drift: float) -> WalkForward:
    rng = np.random.default_rng(3 if kind == "anchored" else 4)
    days = np.datetime64("2024-01-01") + np.arange(400)
    equity = np.exp(np.cumsum(0.012 * rng.standard_normal(400) + drift / 400))
    windows = [
        WalkForwardWindow(
            train_start="2023-01-01T00:00:00Z", train_end=f"2024-0{month}-01T00:00:00Z",
            test_start=f"2024-0{month}-01T00:00:00Z", test_end=f"2024-0{month + 1}-01T00:00:00Z",
            trial=17 * month,
            params={"strategy.fast": 8.0 + month, "strategy.slow": 40.0}, sharpe_in=1.9,
            sharpe_out=None if month == 3 else 0.4 * month - 1, return_out=0.01 * month - 0.03,
        )
        for month in range(1, 8)
    ]  # fmt: skip
    return WalkForward(
        kind=kind, purge_days=2, embargo_days=1, windows=windows, sharpe_in=1.9, sharpe_out=0.4, ratio=0.21,
        return_out=float(equity[-1] - 1), days=[f"{day}T00:00:00Z" for day in days], equity=equity.tolist(),
    )  # fmt: skip
