"""What a researcher would have earned who chose the best trial again and again, on what was known then.

Pure. Invariant: a period of the joined record is judged by a trial chosen without it; no period is in the
record twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arena.backtest.honesty.returns import FLAT_SHARE, FloatMatrix, check_trials, read_chunks, read_rows
from arena.backtest.honesty.sharpe import sample_sharpe
from arena.backtest.honesty.walkforward import Split
from arena.core.bars import FloatArray, IntArray
from arena.core.errors import ConfigError


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The choices of a walk-forward and what they earned.

    Attributes:
        chosen: position of the trial chosen in each split, the best by Sharpe ratio in its training.
        in_sample: its per-period Sharpe ratio there.
        periods: positions of the joined record, ascending.
        returns: out-of-sample returns at `periods`.
        out_of_sample: per-period Sharpe ratio of `returns`, None where they do not vary.
        ratio: `out_of_sample` over the mean of `in_sample` (weighted by the lengths of the tests); None
            where that mean is not above 0 or there is no `out_of_sample`.
    """

    chosen: IntArray
    in_sample: FloatArray
    periods: IntArray
    returns: FloatArray
    out_of_sample: float | None
    ratio: float | None


def walk_forward(returns: FloatMatrix, splits: Sequence[Split]) -> Selection:
    """Choose on each training, earn on each test, and join the tests.

    Each trial's returns are those of its own whole run: what it costs to change from one trial's position
    to the next one's at a boundary is not in them.

    Args:
        returns: shape (trials, periods).
        splits: from `split_anchored` or `split_rolling`; tests may not overlap.

    Raises:
        ConfigError: no split, tests that overlap, a training below 2 periods, or positions beyond the end.
    """
    _, count = check_trials(returns)
    trains = [_places(split.train) for split in splits]
    tests = [_places(split.test) for split in splits]
    _check_places(trains, tests, count)
    chosen, near = _choose(returns, trains)
    joined = np.concatenate(tests)
    earned = np.concatenate(
        [read_rows(returns, chosen[fold : fold + 1])[0, places] for fold, places in enumerate(tests)]
    )
    order = np.argsort(joined)
    sample = sample_sharpe(earned[order]) if len(earned) > 1 else None
    beyond = sample.sharpe if sample else None
    mean = float(np.average(near, weights=[len(places) for places in tests]))
    ratio = beyond / mean if beyond is not None and mean > 0.0 else None
    return Selection(chosen, near, joined[order], earned[order], beyond, ratio)


def _choose(returns: FloatMatrix, trains: list[IntArray]) -> tuple[IntArray, FloatArray]:
    chosen, best = np.zeros(len(trains), np.int64), np.full(len(trains), -np.inf)
    for rows, chunk in read_chunks(returns):
        for fold, places in enumerate(trains):
            sharpes = _sharpe_of(chunk[:, places])
            top = int(np.argmax(sharpes))
            if sharpes[top] > best[fold]:
                chosen[fold], best[fold] = rows.start + top, sharpes[top]
    return chosen, best


def _sharpe_of(block: FloatArray) -> FloatArray:
    mean = block.mean(axis=1)
    variance = block.var(axis=1, ddof=1)
    varies = variance > FLAT_SHARE * np.mean(block**2, axis=1)
    found: FloatArray = np.where(varies, mean, 0.0) / np.sqrt(np.where(varies, variance, 1.0))
    return found


def _places(ranges: tuple[range, ...]) -> IntArray:
    return np.concatenate([np.arange(part.start, part.stop) for part in ranges] or [np.arange(0)])


def _check_places(trains: list[IntArray], tests: list[IntArray], count: int) -> None:
    if not tests:
        raise ConfigError("walk-forward has no split; make at least one")
    joined = np.concatenate(tests)
    if len(joined) == 0 or len(np.unique(joined)) < len(joined):
        raise ConfigError(f"the tests of {len(tests)} splits are empty or overlap; a period is judged once")
    if min(len(places) for places in trains) < 2:
        raise ConfigError("a training has fewer than 2 periods; take fewer folds or a smaller gap")
    last = max(int(places.max()) for places in (*trains, joined))
    if last >= count:
        raise ConfigError(f"a split reaches position {last} and the returns have {count} periods")
