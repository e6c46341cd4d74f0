"""A backtest as rows of the ledger, and what the ledger answers about all trials on its data.

Writes through the ledger alone. Invariant: a run is counted before anything is said of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.backtest.judge import PastTrials
from arena.backtest.result import BacktestResult, MarketInfo, RunArrays
from arena.backtest.verdict import TrialHistory
from arena.core.clock import parse_time, to_iso
from arena.core.ids import canonical_json
from arena.core.timeframe import Timeframe
from arena.engine.records import FillReason
from arena.store.ledger import BacktestRecord, Ledger, TrialRecord

REASONS = {int(reason): reason.name.lower() for reason in FillReason}
_ORDER_COLUMNS = (
    "bar", "ts", "order_id", "side", "contracts", "ref_price", "price", "fee", "slippage", "penalty",
    "realized", "position", "cash", "funding_total", "signal_bar",
)  # fmt: skip


def backtest_record(result: BacktestResult, arrays: RunArrays, config: Mapping[str, Any]) -> BacktestRecord:
    """Return what the ledger keeps of a run: its identity, metrics, fills and changes of mind."""
    metrics = {metric.name: metric.value for metric in (*result.primary, *result.secondary)}
    return BacktestRecord(
        run_id=result.run.run_id,
        job_run_id=result.run.run_id,
        name=result.run.name,
        created_ms=parse_time(result.run.created_at),
        job=result.run.job,
        strategy=result.strategy.name,
        inst_id=result.market.inst_id,
        symbol=result.market.symbol,
        timeframe=result.market.timeframe,
        config_hash=result.provenance.config_hash,
        config_json=canonical_json(dict(config)),
        dataset_hash=result.provenance.dataset_hash,
        code_version=result.provenance.code_version,
        synthetic=result.synthetic,
        start_ms=parse_time(result.market.start),
        end_ms=parse_time(result.market.end),
        bars=result.market.bars,
        metrics=metrics,
        orders=_orders(arrays.fills),
        decisions=_decisions(arrays, result.market.signal_window),
    )


def trial_record(result: BacktestResult, *, unlocked: bool) -> TrialRecord:
    """Return a run as what the trial ledger counts."""
    yearly = next(metric.value for metric in result.primary if metric.name == "sharpe")
    root = math.sqrt(Timeframe.parse(result.market.timeframe).bars_per_year)
    return TrialRecord(
        config_hash=result.provenance.config_hash,
        dataset_hash=result.provenance.dataset_hash,
        run_id=result.run.run_id,
        kind="run",
        strategy=result.strategy.name,
        synthetic=result.synthetic,
        created_ms=parse_time(result.run.created_at),
        unlocked=unlocked,
        sharpes=0 if yearly is None else 1,
        sharpe_mean=None if yearly is None else yearly / root,
        **market_times(result.market),
    )


def market_times(market: MarketInfo) -> dict[str, Any]:
    """Return which market a `TrialRecord` is about, and which time."""
    return {
        "inst_id": market.inst_id,
        "timeframe": market.timeframe,
        "start_ms": parse_time(market.start),
        "end_ms": parse_time(market.end),
        "held_start_ms": None if market.held_start is None else parse_time(market.held_start),
        "held_end_ms": None if market.held_end is None else parse_time(market.held_end),
    }


def count_trials(ledger: Ledger, record: TrialRecord) -> PastTrials:
    """Write `record` into the trial ledger and return all that was tried on its data, itself included."""
    tally = ledger.record_trials(record)
    history = TrialHistory(
        sets=tally.sets,
        runs=tally.runs,
        sweeps=tally.sweeps,
        sharpe_variance=tally.sharpe_variance,
        effective=tally.effective,
        first_run_at=to_iso(tally.first_ms),
    )
    return PastTrials(history, tally.unlocks)


def _orders(fills: NDArray[np.void]) -> list[dict[str, Any]]:
    columns = {name: fills[name].tolist() for name in _ORDER_COLUMNS}
    columns["reason"] = [REASONS[code] for code in fills["reason"].tolist()]
    return _rows(columns)


def _decisions(arrays: RunArrays, first_bar: int) -> list[dict[str, Any]]:
    """Return one row each time the strategy's target changed on a bar whose order could be filled."""
    signal, bars = arrays.signal, arrays.bars
    begin = max(0, first_bar - 1)
    before = np.concatenate(([0.0], signal.target[begin:-1]))
    at = begin + np.flatnonzero(signal.target[begin:] != before)
    return _rows(
        {
            "bar": at.tolist(),
            "ts": bars.ts[at].tolist(),
            "target": signal.target[at].tolist(),
            "confidence": signal.confidence[at].tolist(),
            "stop_distance": _nullable(signal.stop_distance[at]),
            "take_distance": _nullable(signal.take_distance[at]),
            "reason": [signal.reasons[code] for code in signal.reason[at].tolist()],
        }
    )


def _nullable(values: NDArray[np.float64]) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124 - NaN


def _rows(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    names = tuple(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
