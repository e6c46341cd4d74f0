"""Where to learn and where to judge: walk-forward and combinatorial purged splits as index ranges.

Pure positions, no data. Invariant: no training position is within `purge` of a test position, and none is
in the `embargo` behind a test.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from arena.core.bars import IntArray
from arena.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Split:
    """Half-open runs of positions, ascending: `train` to choose on, `test` to judge on."""

    train: tuple[range, ...]
    test: tuple[range, ...]


def split_anchored(
    length: int, folds: int, *, first_train: int | None = None, purge: int = 0, embargo: int = 0
) -> list[Split]:
    """Return walk-forward splits whose training always starts at 0.

    The tests follow each other without a hole to the end, so joined they are one record. Training ends
    `purge + embargo` before its test: here it never lies behind a test, so both are one gap before it.

    Args:
        length: number of positions.
        folds: number of tests.
        first_train: positions of the first training; None takes length / (folds + 1) less the gap.
        purge: how long an outcome reaches forward: positions that would see into the test.
        embargo: positions more to leave out, for memory that outlives an outcome.

    Raises:
        ConfigError: too little is left for a training or a test.
    """
    gap = _check_gap(purge, embargo)
    _check_folds(folds)
    train = length // (folds + 1) - gap if first_train is None else first_train
    return [Split((range(test.start - gap),), (test,)) for test in _tests(length, folds, train, gap)]


def split_rolling(length: int, folds: int, train: int, *, purge: int = 0, embargo: int = 0) -> list[Split]:
    """Return walk-forward splits whose training is always the last `train` positions before the gap.

    As `split_anchored` otherwise.

    Raises:
        ConfigError: too little is left for a training or a test.
    """
    gap = _check_gap(purge, embargo)
    _check_folds(folds)
    return [
        Split((range(test.start - gap - train, test.start - gap),), (test,))
        for test in _tests(length, folds, train, gap)
    ]


def split_combinatorial(
    length: int, groups: int, test_groups: int, *, purge: int = 0, embargo: int = 0
) -> Iterator[Split]:
    """Yield combinatorial purged splits: every choice of `test_groups` of `groups` is the test once.

    Lopez de Prado 2018, chapter 12. Training loses `purge` positions on both sides of a test (an outcome
    reaches forward from either) and `embargo` more behind it. Neighbouring test groups are one range.

    Raises:
        ConfigError: the groups do not fit.
    """
    _check_gap(purge, embargo)
    _check_groups(groups, test_groups)
    if length < groups:
        raise ConfigError(f"{length} positions do not make {groups} groups; take fewer groups")
    bounds = _cut(0, length, groups)
    for chosen in combinations(range(groups), test_groups):
        tests = _merge([bounds[group] for group in chosen])
        trains = _complement([range(t.start - purge, t.stop + purge + embargo) for t in tests], length)
        yield Split(tuple(trains), tuple(tests))


def count_splits(groups: int, test_groups: int) -> int:
    """Return C(groups, test_groups)."""
    _check_groups(groups, test_groups)
    return math.comb(groups, test_groups)


def count_paths(groups: int, test_groups: int) -> int:
    """Return how many whole records the tests join to: test_groups / groups C(groups, test_groups)."""
    return count_splits(groups, test_groups) * test_groups // groups


def join_paths(groups: int, test_groups: int) -> IntArray:
    """Return which split supplies each group of each path, shape (paths, groups).

    Splits are numbered as `split_combinatorial` yields them; each test of each split is used once.
    """
    paths = np.empty((count_paths(groups, test_groups), groups), np.int64)
    used = [0] * groups
    for number, chosen in enumerate(combinations(range(groups), test_groups)):
        for group in chosen:
            paths[used[group], group] = number
            used[group] += 1
    return paths


def _tests(length: int, folds: int, train: int, gap: int) -> list[range]:
    first = train + gap
    if train < 1 or length - first < folds:
        raise ConfigError(
            f"{length} positions leave no room for a training of {train}, a gap of {gap} and {folds} tests; "
            "take fewer folds, a shorter training or a smaller gap"
        )
    return _cut(first, length, folds)


def _cut(start: int, stop: int, parts: int) -> list[range]:
    edges = [start + (stop - start) * part // parts for part in range(parts + 1)]
    return [range(low, high) for low, high in pairwise(edges)]


def _merge(ranges: list[range]) -> list[range]:
    merged = [ranges[0]]
    for item in ranges[1:]:
        if item.start <= merged[-1].stop:
            merged[-1] = range(merged[-1].start, item.stop)
        else:
            merged.append(item)
    return merged


def _complement(holes: list[range], length: int) -> list[range]:
    rest, start = [], 0
    for hole in holes:
        if hole.start > start:
            rest.append(range(start, hole.start))
        start = max(start, hole.stop)
    return [*rest, range(start, length)] if start < length else rest


def _check_gap(purge: int, embargo: int) -> int:
    if purge < 0 or embargo < 0:
        raise ConfigError(f"purge is {purge} and embargo {embargo}; neither may be below 0")
    return purge + embargo


def _check_folds(folds: int) -> None:
    if folds < 1:
        raise ConfigError(f"walk-forward has {folds} folds; it takes at least 1")


def _check_groups(groups: int, test_groups: int) -> None:
    if not 1 <= test_groups < groups:
        raise ConfigError(f"{test_groups} of {groups} groups for the test; it takes at least 1 and not all")
