"""Sums over a path that comes in pieces: those of the whole path, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.backtest.metrics.sums import lane_sum, squares_about_mean
from arena.engine.jit import kernel
from arena.engine.lanes import LANES
from arena.engine.path_sums import BLOCK, SUMS, begin_sums, finish_sums, sum_piece, write_days
from arena.engine.summary import SUMMARY_DTYPE
from arena.engine.trial_memory import COURSE_DTYPE

RUIN = 1e-3


@kernel
def in_pieces(points, first, piece, day_ends, written, course, sums, path, apart, ends, edge, summary, daily):
    """Sum up points[first:] as trials do: cut at `first`, then `piece` bars at a time."""
    bars = len(points) - 1
    begin_sums(course[0], sums, 0, points[first], bars)
    begin = day = 0
    while begin < bars:
        end = first if begin < first else min(begin + piece, bars)
        for bar in range(begin, end + 1):
            path[bar - begin] = points[bar]
        course[0].value = points[end]
        days = day
        while days < len(day_ends) and first + day_ends[days] < end:
            days += 1
        sum_piece(path, begin, end, first, bars, RUIN, course[0], sums, 0, edge)
        write_days(path, begin, first, day_ends, day, days, daily, course[0], ends)
        for bar in range(max(begin, first), end + 1):
            written[bar] = path[bar - begin]
        if end == bars:
            finish_sums(path, begin, first, bars, points[first], course[0], sums, 0, apart, summary[0])
        begin, day = end, days


def summed(points, first, piece, day_ends):
    bars = len(points) - 1
    summary, daily = np.zeros(1, SUMMARY_DTYPE), np.empty(len(day_ends), np.float32)
    path, written = np.full(max(bars, piece, first) + 1 + LANES, np.nan), points.copy()
    in_pieces(
        points,
        first,
        piece,
        day_ends,
        written,
        np.zeros(1, COURSE_DTYPE),
        np.empty(SUMS * LANES),
        path,
        np.empty(bars + LANES),
        np.empty(len(day_ends) + 1),
        np.repeat([1.0, 0.0], LANES),
        summary,
        daily,
    )
    return summary[0], daily, written[first:]


def make_path(seed: int, bars: int, first: int, kind: str) -> np.ndarray:
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal(bars) * 0.02
    if kind == "steady":
        steps = 0.001 + steps * 1e-3
    if kind == "flat-at-times":
        steps[rng.random(bars) < 0.6] = 0.0
        steps[: bars // 2] = 0.0
    points = 1000.0 * np.concatenate(([1.0], np.cumprod(1.0 + steps)))
    if kind == "ruined":
        points[rng.integers(first + 1, bars + 1) :] -= 1e9
    return points


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    bars=st.integers(1, 900),
    first=st.integers(0, 200),
    blocks=st.sampled_from([1, 2, 5, 100]),
    kind=st.sampled_from(["usual", "steady", "flat-at-times", "ruined"]),
)
def test_pieces_sum_up_to_the_whole_path(seed, bars, first, blocks, kind):
    first = min(first, bars - 1)
    points = make_path(seed, bars, first, kind)
    day_ends = np.arange(6, bars - first, 7)
    summary, daily, path = summed(points, first, blocks * BLOCK, day_ends)
    alive = np.flatnonzero(points[first + 1 :] <= RUIN)
    count = int(alive[0]) + 1 if len(alive) else bars - first
    own = points[first:].copy()
    own[count + (0 if len(alive) else 1) :] = 0.0
    assert np.array_equal(path[1:], own[1:])
    returns = own[1 : count + 1] / own[:count] - 1.0
    assert summary["returns"] == count
    assert summary["points"] == bars - first + 1
    assert summary["final_equity"] == points[-1]
    assert summary["last_point"] == own[-1]
    assert summary["points_sum"] == own[0] + lane_sum(own[1:])
    assert summary["return_sum"] == lane_sum(returns)
    assert summary["loss_squares"] == lane_sum(np.minimum(returns, 0.0) ** 2)
    assert summary["max_drawdown"] == np.min(own / np.maximum.accumulate(own)) - 1.0
    at_ends = np.concatenate(([own[0]], own[1 + day_ends]))
    before = np.where(at_ends[:-1] > 0.0, at_ends[:-1], 1.0)
    growth = np.where(at_ends[:-1] > 0.0, at_ends[1:] / before - 1.0, 0.0)
    assert np.array_equal(daily, growth.astype(np.float32))
    total, squares = lane_sum(returns), lane_sum(returns * returns)
    is_steady = total * total / count > 0.5 * squares
    if is_steady and bars - first > blocks * BLOCK:
        assert np.isnan(summary["second"])  # has to be asked again with the whole path as one piece
    else:
        assert summary["second"] == squares_about_mean(returns)


@pytest.mark.parametrize("kind", ["steady", "ruined"])
def test_the_paths_hold_what_is_rare(kind):
    points = make_path(1, 900, 3, kind)
    summary, _, path = summed(points, 3, BLOCK, np.empty(0, np.int64))
    assert np.isnan(summary["second"]) == (kind == "steady")
    assert (path[-1] == 0.0) == (kind == "ruined")
