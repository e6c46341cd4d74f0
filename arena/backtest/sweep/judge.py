"""What the statistics say of the best trial of a sweep, and of the search that found it.

Reads the trials' figures and daily returns, writes nothing. Invariant: the same sweep, history and seed
give the same verdict; memory does not grow with the trials, and time grows with them only by one reading.
"""

from __future__ import annotations

import math

import numpy as np

from arena.backtest.honesty.bootstrap import choose_block_length, draw_indices
from arena.backtest.honesty.overfitting import estimate_overfitting
from arena.backtest.honesty.returns import read_rows
from arena.backtest.honesty.sharpe import SharpeSample
from arena.backtest.honesty.superiority import Superiority
from arena.backtest.honesty.trials import Dispersion, count_effective_trials, measure_dispersion
from arena.backtest.judge import DAYS_PER_YEAR, LEAST_DAYS, interval_rows, judge_sharpe
from arena.backtest.ledger_rows import market_times
from arena.backtest.metrics.inputs import equity_path
from arena.backtest.result import BacktestResult, MarketInfo, RunArrays
from arena.backtest.sweep.forward import FOLDS, Forward, walk_splits
from arena.backtest.sweep.reading import read_sweep
from arena.backtest.sweep.result import SweepResult
from arena.backtest.verdict import (
    BreakEvenCurve,
    Lockbox,
    OverfittingVerdict,
    SuperiorityVerdict,
    TrialHistory,
    Verdict,
    WalkForward,
)
from arena.config.models import BacktestConfig
from arena.core.bars import FloatArray, IntArray
from arena.core.errors import DataError
from arena.store.ledger import TrialRecord

MOST_GROUPED = 1000
"""Trials among which groups are counted."""

MOST_RANKED = 500
"""Trials that take part in CSCV; up to FINE_RANKED of them over more blocks."""

FINE_RANKED = 50
BINS = 24
BOOTSTRAPS = 1000
_YEAR = math.sqrt(DAYS_PER_YEAR)


def judge_sweep(
    config: BacktestConfig,
    result: SweepResult,
    best_trial: int,
    history: TrialHistory | None,
    *,
    seed: int | None,
    best: tuple[BacktestResult, RunArrays] | None = None,
    unlocks: int | None = None,
) -> Verdict:
    """Return what is luck and what is not in the best trial of `result`.

    Args:
        config: of the batch.
        result: the trials.
        best_trial: position of the best in `result`, 0 to len(result) - 1; it has to be done.
        history: every parameter set tried on this data, this sweep's included (`count_trials` of
            `sweep_trials`); None: the sweep's own trials alone.
        seed: of every random draw; None is 0.
        best: the best trial as a single run: gives buy and hold, what was kept back, and the break-even
            curves of its own verdict.
        unlocks: how often the lockbox was opened, from the ledger.
    """
    reasons: dict[str, str] = {}
    trials = np.flatnonzero(result.done)
    chance = 0 if seed is None else seed
    known = history if history is not None else _own_history(config, result, chance)
    sharpe = judge_sharpe(
        _sample(config, result, best_trial),
        int(result.figures["returns"][best_trial]),
        config.timeframe.timeframe(),
        known,
        reasons,
    )
    daily = read_rows(result.daily_returns, np.array([best_trial]))[0]
    draws, block = _draws(daily, chance)
    intervals = interval_rows(daily, draws, block, reasons)
    forward = Forward.of(result, best_trial, reasons)
    hold = _hold_returns(config, result, best, reasons)
    tests, walks = _read(result, trials, best_trial, forward, hold, chance, reasons)
    return Verdict(
        trials=known,
        sharpe=sharpe,
        intervals=intervals,
        superiority=tests,
        overfitting=_overfitting(result, trials, chance, reasons),
        walk_forward=walks,
        break_even=_break_even(best, reasons),
        lockbox=_lockbox(config, best, unlocks, reasons),
        reasons=reasons,
    )


def sweep_trials(
    config: BacktestConfig,
    result: SweepResult,
    market: MarketInfo,
    *,
    synthetic: bool,
    config_hash: str,
    run_id: str,
    created_ms: int,
    batch: int = 0,
) -> TrialRecord:
    """Return a batch as what the trial ledger counts: the trials that were done, also of a sweep cut short.

    Args:
        config: of the batch.
        result: its trials.
        market: of any of them.
        synthetic: whether any input was generated.
        config_hash: of the whole sweep, the same when it is resumed.
        run_id: of the sweep.
        created_ms: when it began, UTC ms.
        batch: its number in the sweep.
    """
    spread = dispersion_of(config, result)
    return TrialRecord(
        config_hash=config_hash,
        dataset_hash=result.dataset_hash,
        batch=batch,
        run_id=run_id,
        kind="sweep",
        strategy=config.strategy.name,
        synthetic=synthetic,
        created_ms=created_ms,
        unlocked=config.window.unlock and market.held_start is not None,
        sets=int(np.count_nonzero(result.done)),
        sharpes=spread.count,
        sharpe_mean=spread.mean if spread.count else None,
        sharpe_variance=spread.variance if spread.count > 1 else None,
        effective=count_effective(result, config.seed or 0),
        **market_times(market),
    )


def dispersion_of(config: BacktestConfig, result: SweepResult) -> Dispersion:
    """Return number, mean and variance of the trials' Sharpe ratios a bar."""
    yearly = result.figures["sharpe"][result.done]
    return measure_dispersion(yearly / math.sqrt(config.timeframe.timeframe().bars_per_year))


def count_effective(result: SweepResult, seed: int) -> float | None:
    """Return how many independent trials the sweep amounts to; None where no trial's returns vary.

    Groups of like returns are counted among at most `MOST_GROUPED` trials drawn at random: beyond that the
    groups of a grid are found and their number is a lower bound.
    """
    chosen = _some(np.flatnonzero(result.done), MOST_GROUPED, seed)
    if not len(chosen) or result.daily_returns.shape[1] < 2:
        return None
    try:
        return float(count_effective_trials(read_rows(result.daily_returns, chosen)).clusters)
    except DataError:
        return None


def _own_history(config: BacktestConfig, result: SweepResult, seed: int) -> TrialHistory:
    spread = dispersion_of(config, result)
    return TrialHistory(
        sets=int(np.count_nonzero(result.done)),
        runs=0,
        sweeps=1,
        sharpe_variance=spread.variance if spread.count > 1 else None,
        effective=count_effective(result, seed),
    )


def _sample(config: BacktestConfig, result: SweepResult, trial: int) -> SharpeSample | None:
    yearly, skew, kurtosis = (float(result.figures[name][trial]) for name in ("sharpe", "skew", "kurtosis"))
    if not all(map(math.isfinite, (yearly, skew, kurtosis))):
        return None
    root = math.sqrt(config.timeframe.timeframe().bars_per_year)
    return SharpeSample(yearly / root, int(result.figures["returns"][trial]), skew, kurtosis)


def _draws(daily: FloatArray, seed: int) -> tuple[IntArray, float]:
    if len(daily) < LEAST_DAYS:
        return np.empty((0, len(daily)), np.int64), 1.0
    block = choose_block_length(daily)
    return draw_indices(len(daily), block, BOOTSTRAPS, np.random.default_rng(seed)), block


def _some(trials: IntArray, most: int, seed: int) -> IntArray:
    """Return at most so many of the trials, drawn without order in the grid, ascending."""
    if len(trials) <= most:
        return trials
    return np.sort(np.random.default_rng(seed).choice(trials, most, replace=False))


def _hold_returns(
    config: BacktestConfig,
    result: SweepResult,
    best: tuple[BacktestResult, RunArrays] | None,
    reasons: dict[str, str],
) -> FloatArray | None:
    if best is None:
        reasons["superiority.buy_and_hold"] = "the best trial was not run alone: buy and hold is not known"
        return None
    arrays = best[1]
    path = equity_path(arrays, arrays.hold_equity, config.signal_window, config.initial_capital)
    hold = path.daily_returns
    if len(hold) != result.daily_returns.shape[1]:
        raise DataError(
            f"the best trial alone has {len(hold)} days and the sweep {result.daily_returns.shape[1]}: "
            "they are not of the same market"
        )
    return hold


def _read(
    result: SweepResult,
    trials: IntArray,
    best: int,
    forward: Forward,
    hold: FloatArray | None,
    seed: int,
    reasons: dict[str, str],
) -> tuple[list[SuperiorityVerdict], list[WalkForward]]:
    """Read all daily returns once: Hansen's test of the whole set, and the walk-forwards."""
    days = result.daily_returns.shape[1]
    benchmarks = {"flat": np.zeros(days)} | ({} if hold is None else {"buy_and_hold": hold})
    if days < LEAST_DAYS:
        benchmarks = {}
        reasons["superiority"] = f"{days} days are too few for a bootstrap: it takes {LEAST_DAYS}"
    every = [split for splits in forward.splits.values() for split in splits]
    try:
        reading = read_sweep(result.daily_returns, trials, every, list(benchmarks.values()), best, seed)
    except DataError as error:
        reasons["superiority"] = reasons["walk_forward"] = str(error)
        return [], []
    walks = []
    for place, (kind, splits) in enumerate(forward.splits.items()):
        chosen = reading.chosen[place * FOLDS : (place + 1) * FOLDS]
        walks.append(walk_splits(kind, splits, chosen, result, forward))
    return [_superiority(name, test) for name, test in zip(benchmarks, reading.tests, strict=True)], walks


def _superiority(name: str, test: Superiority) -> SuperiorityVerdict:
    return SuperiorityVerdict.model_validate(
        {"benchmark": name, "p_value": test.consistent, "draws": test.resamples}
    )


def _overfitting(
    result: SweepResult, trials: IntArray, seed: int, reasons: dict[str, str]
) -> OverfittingVerdict | None:
    days = result.daily_returns.shape[1]
    if len(trials) < 2:
        reasons["overfitting"] = "a choice among fewer than two trials is none"
        return None
    chosen = _some(trials, MOST_RANKED, seed)
    blocks = min(16 if len(chosen) <= FINE_RANKED else 12, days // 4 // 2 * 2)
    if blocks < 4:
        reasons["overfitting"] = f"{days} days are too few to cut into blocks: it takes 16"
        return None
    try:
        found = estimate_overfitting(read_rows(result.daily_returns, chosen), blocks)
    except DataError as error:
        reasons["overfitting"] = str(error)
        return None
    counts, edges = np.histogram(found.logits, bins=BINS)
    return OverfittingVerdict(
        probability=found.probability,
        blocks=blocks,
        splits=found.splits,
        trials=len(chosen),
        logits=edges.tolist(),
        counts=counts.tolist(),
        loss_probability=found.probability_of_loss,
    )


def _break_even(
    best: tuple[BacktestResult, RunArrays] | None, reasons: dict[str, str]
) -> list[BreakEvenCurve]:
    if best is None or best[0].verdict is None:
        reasons["break_even"] = "the best trial was not judged alone"
        return []
    return best[0].verdict.break_even


def _lockbox(
    config: BacktestConfig,
    best: tuple[BacktestResult, RunArrays] | None,
    unlocks: int | None,
    reasons: dict[str, str],
) -> Lockbox | None:
    if unlocks is None:
        reasons["lockbox"] = "no trial ledger was asked: how often it was opened is not known"
        return None
    start = None if best is None else best[0].market.held_start
    return Lockbox(holdout=config.window.holdout, start=start, unlocked=config.window.unlock, unlocks=unlocks)
