"""Several past runs side by side: their metrics in one table, their equity curves to be drawn.

Reads run folders and writes nothing. Invariant: every run has a name of its own, and what they do not
have in common is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from arena.audit.archive import PastRun, find_run, numbers_of
from arena.backtest.result import BacktestResult, RunInfo
from arena.backtest.result_model import Finite, ResultModel
from arena.core.bars import FloatArray, TsArray
from arena.core.errors import ConfigError


class ComparedRun(ResultModel):
    """One run of a comparison."""

    run_id: str
    name: str
    folder: str
    strategy: str
    params: dict[str, object]
    symbol: str
    timeframe: str
    start: str
    end: str
    bars: int
    config_hash: str
    dataset_hash: str
    code_version: str
    synthetic: bool
    looks_ahead: bool | None


class ComparedMetric(ResultModel):
    """One metric of all runs, in their order; null where a run has none."""

    name: str
    label: str
    unit: str
    values: list[Finite | None]


class CompareResult(ResultModel):
    """The whole of `result.json` of jobs.compare."""

    schema_version: Literal["1.0"] = "1.0"
    synthetic: bool
    run: RunInfo
    runs: list[ComparedRun]
    metrics: list[ComparedMetric]
    cautions: list[str]


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """Runs to compare, each with its name, result, config and equity.

    Equity is stamps (UTC ms) and USDT at the closes; a config is empty where its file cannot be read.
    """

    runs: list[PastRun]
    names: list[str]
    results: list[BacktestResult]
    equities: list[tuple[TsArray, FloatArray]]
    configs: list[dict[str, Any]]


def read_overlay(root: Path, wanted: Sequence[str]) -> Overlay:
    """Return the runs that are meant, in the order given.

    Raises:
        ConfigError: a run is not found, cannot be read, or is meant twice.
    """
    runs = [find_run(root, name) for name in wanted]
    for at, run in enumerate(runs):
        twice = next((other for other in range(at) if runs[other].folder == run.folder), None)
        if twice is not None:
            raise ConfigError(f"run={wanted[twice]} and run={wanted[at]} are the same run, {run.run_id}")
    results = [run.read_result() for run in runs]
    equities, configs = [_equity(run) for run in runs], [_config(run) for run in runs]
    return Overlay(runs, name_runs(results, runs), results, equities, configs)


def name_runs(results: Sequence[BacktestResult], runs: Sequence[PastRun]) -> list[str]:
    """Return what to call each run: its user's name or its strategy, with its id where not alone."""
    plain = [result.run.name or result.strategy.name for result in results]
    named = [
        name if plain.count(name) == 1 else f"{name} {run.run_id}"
        for name, run in zip(plain, runs, strict=True)
    ]
    return named if len(set(named)) == len(named) else [run.run_id for run in runs]


def describe(overlay: Overlay, identity: RunInfo, cautions: list[str]) -> CompareResult:
    """Return the comparison as its result.json has it."""
    return CompareResult(
        synthetic=any(result.synthetic for result in overlay.results),
        run=identity,
        runs=[_compared(*row) for row in zip(overlay.runs, overlay.names, overlay.results, strict=True)],
        metrics=_metrics(overlay.results),
        cautions=cautions,
    )


def _compared(past: PastRun, name: str, result: BacktestResult) -> ComparedRun:
    market, made = result.market, result.provenance
    passed = None if result.causality is None else result.causality.passed
    return ComparedRun(
        run_id=past.run_id,
        name=name,
        folder=str(past.folder),
        strategy=result.strategy.name,
        params=result.strategy.params,
        symbol=market.symbol,
        timeframe=market.timeframe,
        start=market.start,
        end=market.end,
        bars=market.bars,
        config_hash=made.config_hash,
        dataset_hash=made.dataset_hash,
        code_version=made.code_version,
        synthetic=result.synthetic,
        looks_ahead=None if passed is None else not passed,
    )


def _metrics(results: Sequence[BacktestResult]) -> list[ComparedMetric]:
    of_runs = [{metric.name: metric for metric in (*one.primary, *one.secondary)} for one in results]
    first = {name: metric for metrics in reversed(of_runs) for name, metric in metrics.items()}
    order = list(dict.fromkeys(name for metrics in of_runs for name in metrics))
    return [
        ComparedMetric(
            name=name,
            label=first[name].label,
            unit=first[name].unit,
            values=[metrics[name].value if name in metrics else None for metrics in of_runs],
        )
        for name in order
    ]


def _config(run: PastRun) -> dict[str, Any]:
    with suppress(ConfigError):  # the results can be compared without it
        return run.read_config()
    return {}


def _equity(run: PastRun) -> tuple[TsArray, FloatArray]:
    table = run.read_table("equity")
    try:
        ts, equity = (table.column(name).combine_chunks() for name in ("ts", "equity"))
    except KeyError as error:
        raise ConfigError(f"{run.folder}/equity.parquet has no column {error}: make the run anew") from None
    return numbers_of(ts), numbers_of(equity)
