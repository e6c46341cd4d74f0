"""What chance, the search and the costs explain of one run: its verdict.

Pure but for the engine, which runs again for the break-even curves. Invariant: the same run, history and
seed give the same verdict, and every statistic that is missing has its reason.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from arena.backtest.break_even import Replay, break_even_curves
from arena.backtest.honesty.bootstrap import (
    ROWS_AT_ONCE,
    choose_block_length,
    draw_indices,
    estimate_intervals,
)
from arena.backtest.honesty.sharpe import (
    SharpeSample,
    deflated_sharpe,
    deflation_level,
    minimum_track_record,
    sample_sharpe,
)
from arena.backtest.honesty.superiority import FLAT, compare_one
from arena.backtest.market import HeldBack
from arena.backtest.metrics.distributions import probabilistic_sharpe
from arena.backtest.metrics.inputs import EquityPath
from arena.backtest.verdict import (
    IntervalRow,
    Lockbox,
    SharpeVerdict,
    SuperiorityVerdict,
    TrialHistory,
    Verdict,
)
from arena.core.bars import FloatArray, IntArray
from arena.core.clock import to_iso
from arena.core.timeframe import MS_PER_DAY, Timeframe

LEVEL = 0.95
LEAST_DAYS = 20
DAYS_PER_YEAR = 365.0
DRAWN_VALUES = 400_000
"""Values that the bootstrap of one record draws: 2,000 draws of 200 days, 480 of two years and a third."""

NO_LEDGER = "no trial ledger was asked: how many parameter sets were tried is not known"
_ONE_SET = "a single run: there is no choice among parameter sets, a sweep has one"


@dataclass(frozen=True, slots=True)
class PastTrials:
    """What the ledger knows of a market, this run or sweep included."""

    history: TrialHistory
    unlocks: int


def judge_run(
    replay: Replay,
    path: EquityPath,
    hold: EquityPath,
    past: PastTrials | None,
    *,
    holdout: float,
    seed: int | None,
) -> Verdict:
    """Return what is luck and what is not in a single run.

    Args:
        replay: the run, to be run again at other costs.
        path: its equity over the traded bars.
        hold: buy and hold over the same bars.
        past: what was tried before, from the ledger; None: not known.
        holdout: share of the window that is kept back.
        seed: of the bootstrap; None is 0.
    """
    reasons = {"overfitting": _ONE_SET, "walk_forward": _ONE_SET}
    history = None if past is None else past.history
    sharpe = judge_sharpe(sample_of(path.returns), len(path.returns), path.timeframe, history, reasons)
    draws, block = draw_days(path.daily_returns, seed)
    lockbox = judge_lockbox(replay.market.held, holdout, past, reasons)
    if history is None:
        reasons["trials"] = NO_LEDGER
    return Verdict(
        trials=history,
        sharpe=sharpe,
        intervals=interval_rows(path.daily_returns, draws, block, reasons),
        superiority=_superiority(path.daily_returns, hold.daily_returns, draws, reasons),
        break_even=break_even_curves(replay),
        lockbox=lockbox,
        reasons=reasons,
    )


def sample_of(returns: FloatArray) -> SharpeSample | None:
    """Return the sample of a run's returns, None where there are too few or they do not vary."""
    return sample_sharpe(returns) if len(returns) >= 2 else None


def judge_sharpe(
    sample: SharpeSample | None,
    observations: int,
    timeframe: Timeframe,
    history: TrialHistory | None,
    reasons: dict[str, str],
) -> SharpeVerdict:
    """Return the Sharpe ratio a bar against chance and against all that was tried; adds to `reasons`."""
    level = _level(history, reasons)
    if sample is None:
        reasons["sharpe"] = "the account never moved, or has fewer than two returns: no Sharpe ratio"
        return SharpeVerdict(observations=observations, expected_maximum=level)
    chance = probabilistic_sharpe(sample.sharpe, sample.count, sample.skew, sample.kurtosis)
    if chance is None:
        reasons["sharpe.probabilistic"] = "the estimate's variance is 0"
    deflated = None
    if level is not None and history is not None:
        deflated = deflated_sharpe(sample, history.sets, history.sharpe_variance or 0.0).probability
        if deflated is None:
            reasons["sharpe.deflated"] = "the estimate's variance is 0"
    periods = minimum_track_record(sample, confidence=LEVEL)
    if periods is None:
        reasons["sharpe.minimum_track_record_days"] = "the Sharpe ratio is not above 0: no length is enough"
    return SharpeVerdict(
        observations=observations,
        sharpe=sample.sharpe,
        annualised=sample.sharpe * math.sqrt(timeframe.bars_per_year),
        skew=sample.skew,
        kurtosis=sample.kurtosis,
        probabilistic=chance,
        expected_maximum=level,
        deflated=deflated,
        minimum_track_record_days=None if periods is None else periods * timeframe.step_ms / MS_PER_DAY,
    )


def _level(history: TrialHistory | None, reasons: dict[str, str]) -> float | None:
    """Return the Sharpe ratio a bar that luck reaches in all that was tried."""
    if history is None:
        reasons["sharpe.deflated"] = reasons["sharpe.expected_maximum"] = NO_LEDGER
        return None
    if history.sets > 1 and history.sharpe_variance is None:
        reasons["sharpe.deflated"] = reasons["sharpe.expected_maximum"] = (
            "fewer than two of the parameter sets tried have a known Sharpe ratio: no variance across them"
        )
        return None
    return deflation_level(max(1, history.sets), history.sharpe_variance or 0.0)


def draw_days(daily: FloatArray, seed: int | None) -> tuple[IntArray, float]:
    """Return bootstrap positions of the days, (draws, days), and the mean block; none of too few days."""
    days = len(daily)
    if days < LEAST_DAYS:
        return np.empty((0, days), np.int64), 1.0
    block = choose_block_length(daily)
    count = min(2000, max(250, DRAWN_VALUES // days))
    generator = np.random.default_rng(seed or 0)
    parts = [
        draw_indices(days, block, min(ROWS_AT_ONCE, count - start), generator)
        for start in range(0, count, ROWS_AT_ONCE)
    ]
    return np.concatenate(parts), block


def interval_rows(
    daily: FloatArray, draws: IntArray, block: float, reasons: dict[str, str]
) -> list[IntervalRow]:
    """Return the bootstrap intervals of Sharpe (annualised), return and drawdown; adds to `reasons`."""
    if not len(draws):
        reasons["intervals"] = f"{len(daily)} days are too few for a bootstrap: it takes {LEAST_DAYS}"
        return []
    found = estimate_intervals(daily, 0, confidence=LEVEL, block=block, draws=draws)
    year = math.sqrt(DAYS_PER_YEAR)
    rows = (
        ("sharpe", found.sharpe, year),
        ("total_return", found.total_return, 1.0),
        ("max_drawdown", found.max_drawdown, 1.0),
    )
    return [
        IntervalRow(
            name=name,
            value=interval.estimate * scale,
            low=interval.low * scale,
            high=interval.high * scale,
            level=LEVEL,
        )
        for name, interval, scale in rows
        if math.isfinite(interval.high)
    ]


def judge_lockbox(
    held: HeldBack | None, holdout: float, past: PastTrials | None, reasons: dict[str, str]
) -> Lockbox | None:
    """Return what is kept back and how often it was read; None where no ledger could tell."""
    if past is None:
        reasons["lockbox"] = NO_LEDGER
        return None
    return Lockbox(
        holdout=holdout,
        start=None if held is None else to_iso(held.start_ms),
        unlocked=held is not None and held.opened,
        unlocks=past.unlocks,
    )


def warn_of_unlocks(box: Lockbox) -> list[str]:
    """Return a sentence where bars that had been kept back were read, by this run or on its data before."""
    if not box.unlocks:
        return []
    times = "once" if box.unlocks == 1 else f"{box.unlocks} times"
    if box.unlocked:
        return [
            f"The lockbox is open: bars kept back were read {times} on this data so far, this run included."
        ]
    return [f"Bars that had been kept back were read {times} on this data so far: they are no test any more."]


def _superiority(
    daily: FloatArray, hold: FloatArray, draws: IntArray, reasons: dict[str, str]
) -> list[SuperiorityVerdict]:
    if not len(draws):
        reasons["superiority"] = f"{len(daily)} days are too few for a bootstrap: it takes {LEAST_DAYS}"
        return []
    return [
        SuperiorityVerdict(benchmark="flat", p_value=compare_one(daily, FLAT, draws), draws=len(draws)),
        SuperiorityVerdict(
            benchmark="buy_and_hold", p_value=compare_one(daily, hold, draws), draws=len(draws)
        ),
    ]
