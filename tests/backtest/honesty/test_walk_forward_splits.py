"""Walk-forward and combinatorial purged splits: coverage, gaps, paths."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.backtest.honesty import (
    count_paths,
    count_splits,
    join_paths,
    split_anchored,
    split_combinatorial,
    split_rolling,
)
from arena.core.errors import ConfigError


def _places(ranges):
    return [place for part in ranges for place in part]


def test_anchored_training_grows_from_0():
    splits = split_anchored(100, 4)
    assert [split.train for split in splits] == [
        (range(20),),
        (range(40),),
        (range(60),),
        (range(80),),
    ]
    assert [split.test for split in splits] == [
        (range(20, 40),),
        (range(40, 60),),
        (range(60, 80),),
        (range(80, 100),),
    ]


def test_rolling_training_keeps_its_length_and_ends_a_gap_before_the_test():
    splits = split_rolling(100, 3, 30, purge=5, embargo=5)
    assert [split.train[0] for split in splits] == [range(30), range(20, 50), range(40, 70)]
    assert [split.test[0] for split in splits] == [range(40, 60), range(60, 80), range(80, 100)]


def test_six_groups_two_for_the_test_make_15_splits_and_5_paths():
    assert count_splits(6, 2) == len(list(split_combinatorial(60, 6, 2))) == 15
    assert count_paths(6, 2) == 5


def test_combinatorial_training_keeps_away_on_both_sides_of_each_test():
    splits = list(split_combinatorial(60, 6, 2, purge=2, embargo=3))
    assert splits[1].test == (range(10), range(20, 30))
    assert splits[1].train == (range(15, 18), range(35, 60))


def test_neighbouring_test_groups_are_one_range():
    assert next(split_combinatorial(60, 6, 2)).test == (range(20),)


@pytest.mark.parametrize(("groups", "chosen"), [(6, 2), (5, 1), (7, 3), (8, 4)], ids=str)
def test_every_path_covers_every_group_and_every_test_is_used_once(groups, chosen):
    paths = join_paths(groups, chosen)
    assert paths.shape == (math.comb(groups - 1, chosen - 1), groups)
    splits = list(split_combinatorial(groups, groups, chosen))
    used = [(split, group) for path in paths.tolist() for group, split in enumerate(path)]
    assert len(set(used)) == len(splits) * chosen
    assert all(group in _places(splits[split].test) for split, group in used)


@pytest.mark.parametrize(
    "call",
    [
        lambda: split_anchored(10, 0),
        lambda: split_anchored(5, 9),
        lambda: split_anchored(100, 4, purge=30),
        lambda: split_rolling(100, 3, 95, purge=4),
        lambda: split_rolling(100, 3, 0),
        lambda: split_rolling(100, 3, 20, purge=-1),
        lambda: list(split_combinatorial(60, 6, 6)),
        lambda: list(split_combinatorial(60, 6, 0)),
        lambda: list(split_combinatorial(5, 6, 2)),
        lambda: count_paths(2, 2),
    ],
    ids=[
        "no fold",
        "too short",
        "gap eats training",
        "no room for tests",
        "no training",
        "negative purge",
        "all groups",
        "no group",
        "too few positions",
        "paths of all groups",
    ],
)
def test_splits_that_do_not_fit_are_refused(call):
    with pytest.raises(ConfigError):
        call()


@given(st.integers(60, 300), st.integers(1, 6), st.integers(0, 3), st.integers(0, 3), st.booleans())
def test_walk_forward_never_trains_on_what_comes_later(length, folds, purge, embargo, rolling):
    gap = {"purge": purge, "embargo": embargo}
    splits = split_rolling(length, folds, 20, **gap) if rolling else split_anchored(length, folds, **gap)
    assert len(splits) == folds
    joined = [place for split in splits for place in _places(split.test)]
    assert joined == list(range(joined[0], length))
    for split in splits:
        assert split.train[0].stop + purge + embargo == split.test[0].start
        assert len(split.train[0]) == 20 or not rolling


@given(st.integers(2, 7), st.data(), st.integers(7, 120), st.integers(0, 4), st.integers(0, 4))
def test_combinatorial_splits_leave_out_exactly_what_could_leak(groups, data, length, purge, embargo):
    chosen = data.draw(st.integers(1, groups - 1))
    tested = [0] * length
    for split in split_combinatorial(length, groups, chosen, purge=purge, embargo=embargo):
        tests = _places(split.test)
        near = {place + step for place in tests for step in range(-purge, purge + embargo + 1)}
        assert _places(split.train) == [place for place in range(length) if place not in near]
        for place in tests:
            tested[place] += 1
    assert set(tested) == {count_paths(groups, chosen)}
