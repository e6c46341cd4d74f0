"""What the statistics say of the best trial of a sweep, and of the search that found it.

Reads the trials' figures and daily returns, writes nothing. Invariant: the same sweep, history and seed
give the same verdict; memory does not grow with the trials, and time grows with them only by one reading.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from arena.backtest.honesty.bootstrap import choose_block_length, draw_indices
from arena.backtest.honesty.overfitting import estimate_overfitting
from arena.backtest.honesty.returns import read_rows
from arena.backtest.honesty.selection import Selection, walk_forward
from arena.backtest.honesty.sharpe import SharpeSample, sample_sharpe
from arena.backtest.honesty.superiority import Superiority
from arena.backtest.honesty.trials import Dispersion, count_effective_trials, measure_dispersion
from arena.backtest.honesty.walkforward import Split, split_anchored, split_rolling
from arena.backtest.judge import DAYS_PER_YEAR, LEAST_DAYS, interval_rows, judge_sharpe
from arena.backtest.ledger_rows import market_times
from arena.backtest.metrics.inputs import equity_path
from arena.backtest.result import BacktestResult, MarketInfo, RunArrays
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
    WalkForwardWindow,
)
from arena.config.models import BacktestConfig
from arena.core.bars import FloatArray, IntArray, TsArray
from arena.core.clock import to_iso
from arena.core.errors import DataError
from arena.core.timeframe import MS_PER_DAY
from arena.store.ledger import TrialRecord

FOLDS = 5
LEAST_FORWARD_DAYS = 60
EMBARGO_SHARE = 0.01
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
    forward = _Forward.of(result, best_trial, reasons)
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


@dataclass(frozen=True, slots=True)
class _Forward:
    """The splits of both walk-forwards over the days of a sweep, and the gap before each test in days."""

    purge: int
    embargo: int
    splits: dict[Literal["anchored", "rolling"], list[Split]]

    @classmethod
    def of(cls, result: SweepResult, trial: int, reasons: dict[str, str]) -> _Forward:
        """Return the splits; none where the record is too short, with the reason.

        Purged is the mean time that the best trial held a position, in whole days: its outcomes reach so
        far. The embargo is a hundredth of the record (Lopez de Prado 2018).
        """
        days = result.daily_returns.shape[1]
        if days < LEAST_FORWARD_DAYS:
            reasons["walk_forward"] = (
                f"{days} days are too few for {FOLDS} tests: it takes {LEAST_FORWARD_DAYS}"
            )
            return cls(0, 0, {})
        held = float(result.figures["exposure"][trial]) * days
        entries = int(result.figures["trades"][trial]) + int(result.figures["open_trades"][trial])
        fold = days // (FOLDS + 1)
        embargo = math.ceil(days * EMBARGO_SHARE)
        purge = min(max(1, math.ceil(held / max(1, entries))), fold - embargo - 2)
        train = fold - purge - embargo
        return cls(
            purge,
            embargo,
            {
                "anchored": split_anchored(days, FOLDS, purge=purge, embargo=embargo),
                "rolling": split_rolling(days, FOLDS, train, purge=purge, embargo=embargo),
            },
        )


def _read(
    result: SweepResult,
    trials: IntArray,
    best: int,
    forward: _Forward,
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
        walks.append(_walk(kind, splits, chosen, result, forward))
    return [_superiority(name, test) for name, test in zip(benchmarks, reading.tests, strict=True)], walks


def _superiority(name: str, test: Superiority) -> SuperiorityVerdict:
    return SuperiorityVerdict.model_validate(
        {"benchmark": name, "p_value": test.consistent, "draws": test.resamples}
    )


def _walk(
    kind: Literal["anchored", "rolling"],
    splits: list[Split],
    chosen: IntArray,
    result: SweepResult,
    forward: _Forward,
) -> WalkForward:
    """Return a walk-forward among the trials that some training chose: the others would change nothing."""
    some = np.unique(chosen)
    found = walk_forward(read_rows(result.daily_returns, some), splits)
    growth = np.cumprod(np.maximum(1.0 + found.returns, 0.0))
    inside = float(np.average(found.in_sample, weights=[len(split.test[0]) for split in splits]))
    return WalkForward(
        kind=kind,
        purge_days=forward.purge,
        embargo_days=forward.embargo,
        windows=_windows(splits, some[found.chosen], found, result),
        sharpe_in=inside * _YEAR,
        sharpe_out=None if found.out_of_sample is None else found.out_of_sample * _YEAR,
        ratio=found.ratio,
        return_out=float(growth[-1]) - 1.0,
        days=[to_iso(ts) for ts in result.day_ts[found.periods].tolist()],
        equity=growth.tolist(),
    )


def _windows(
    splits: list[Split], chosen: IntArray, found: Selection, result: SweepResult
) -> list[WalkForwardWindow]:
    windows, start = [], 0
    columns = result.parameters(chosen)
    for fold, split in enumerate(splits):
        train, test = split.train[0], split.test[0]
        earned = found.returns[start : start + len(test)]
        start += len(test)
        sample = sample_sharpe(earned) if len(earned) > 1 else None
        windows.append(
            WalkForwardWindow(
                train_start=_day(result.day_ts, train.start),
                train_end=_day(result.day_ts, train.stop),
                test_start=_day(result.day_ts, test.start),
                test_end=_day(result.day_ts, test.stop),
                trial=int(result.grid.rows[chosen[fold]]),
                params={name: float(values[fold]) for name, values in columns.items()},
                sharpe_in=float(found.in_sample[fold]) * _YEAR,
                sharpe_out=None if sample is None else sample.sharpe * _YEAR,
                return_out=float(np.prod(np.maximum(1.0 + earned, 0.0))) - 1.0,
            )
        )
    return windows


def _day(day_ts: TsArray, place: int) -> str:
    """Return the start of a day; one after the last for the end of the record."""
    last = len(day_ts) - 1
    return to_iso(int(day_ts[min(place, last)]) + MS_PER_DAY * max(0, place - last))


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
