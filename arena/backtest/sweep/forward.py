"""Walk-forward over the days of a sweep: choosing by the past alone, joined out of sample.

Works on daily returns and reads nothing. Invariant: no trial is chosen on a day that comes after, or within
purge and embargo of, the days it is judged on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from arena.backtest.honesty.returns import read_rows
from arena.backtest.honesty.selection import Selection, walk_forward
from arena.backtest.honesty.sharpe import sample_sharpe
from arena.backtest.honesty.walkforward import Split, split_anchored, split_rolling
from arena.backtest.judge import DAYS_PER_YEAR
from arena.backtest.sweep.result import SweepResult
from arena.backtest.verdict import WalkForward, WalkForwardWindow
from arena.core.bars import IntArray, TsArray
from arena.core.clock import to_iso
from arena.core.timeframe import MS_PER_DAY

FOLDS = 5
LEAST_FORWARD_DAYS = 60
EMBARGO_SHARE = 0.01
_YEAR = math.sqrt(DAYS_PER_YEAR)


@dataclass(frozen=True, slots=True)
class Forward:
    """The splits of both walk-forwards over the days of a sweep, and the gap before each test in days."""

    purge: int
    embargo: int
    splits: dict[Literal["anchored", "rolling"], list[Split]]

    @classmethod
    def of(cls, result: SweepResult, trial: int, reasons: dict[str, str]) -> Forward:
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


def walk_splits(
    kind: Literal["anchored", "rolling"],
    splits: list[Split],
    chosen: IntArray,
    result: SweepResult,
    forward: Forward,
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
