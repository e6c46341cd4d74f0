"""Cells of two axes: best, mean, neighbourhood, colours; each against a slow loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from arena.reporting.heat import LEVELS
from arena.reporting.sweep_cells import Span, neighbourhood, pair_cells
from arena.reporting.sweep_heat import cells_that_fit, numbers_of_pairs
from arena.reporting.sweep_trials import cut_axis, page_scale, ranks, read_trials, rounded

VALUES = st.one_of(st.just(math.nan), st.integers(-50, 50).map(float))


@given(arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=VALUES))
def test_neighbourhood_is_the_mean_of_the_known_up_to_nine(values: np.ndarray) -> None:
    found = neighbourhood(values)
    for row, column in np.ndindex(values.shape):
        block = values[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
        if np.isnan(values[row, column]):
            assert np.isnan(found[row, column])
        else:
            assert found[row, column] == pytest.approx(np.nanmean(block))


@pytest.mark.parametrize("how", ["best", "mean"])
@pytest.mark.parametrize("figure", ["sharpe", "trades"])
def test_cells_equal_a_slow_loop(small_sweep, how: str, figure: str) -> None:
    record, folder = small_sweep
    trials = read_trials(record, folder / "trials.parquet")
    x, _, y = trials.axes
    cells = pair_cells(trials, x, y, figure, how)
    values = trials.figures[figure]
    for row, column in np.ndindex(cells.values.shape):
        inside = np.flatnonzero((x.index == column) & (y.index == row))
        assert cells.counts[row, column] == len(inside)
        if how == "best":
            wanted = values[min(inside, key=lambda at: trials.rank[at])]
        else:
            known = values[inside][~np.isnan(values[inside])]
            wanted = known.mean() if len(known) else math.nan
        assert cells.values[row, column] == pytest.approx(wanted, nan_ok=True)


def test_needle_is_marked_as_the_value_and_the_plateau_as_the_neighbourhood(large_sweep) -> None:
    record, folder = large_sweep
    trials = read_trials(record, folder / "trials.parquet")
    x, y = trials.axes
    cells = pair_cells(trials, x, y, "sharpe", "best")
    assert divmod(cells.best, len(x)) == (len(y) - 1, len(x) - 1)
    row, column = divmod(cells.plateau, len(x))
    assert row / len(y) == pytest.approx(0.35, abs=0.12)
    assert column / len(x) == pytest.approx(0.35, abs=0.12)


def test_dropped_pairs_have_no_trial(small_sweep) -> None:
    record, folder = small_sweep
    trials = read_trials(record, folder / "trials.parquet")
    fast, slow, _ = trials.axes
    cells = pair_cells(trials, fast, slow, "sharpe", "best")
    wrong = np.array([[float(a) >= float(b) for a in fast.labels] for b in slow.labels])
    assert np.array_equal(cells.counts == 0, wrong)


@given(arrays(np.float64, st.integers(1, 60), elements=VALUES))
def test_colours_follow_sign_and_size(values: np.ndarray) -> None:
    span = Span.of(values)
    for value in values.tolist():
        css = span.css(value)
        if math.isnan(value):
            assert css == "undefined"
        elif value == 0:
            assert css == "zero"
        else:
            kind, level = css.split("-")
            assert kind == ("gain" if value > 0 else "loss")
            assert 1 <= int(level) <= LEVELS
    known = sorted(value for value in values.tolist() if value > 0)
    levels = [int(span.css(value).split("-")[1]) for value in known]
    assert levels == sorted(levels)


@given(
    st.lists(st.integers(-1000, 1000), min_size=1, max_size=80),
    st.integers(1, 30),
)
def test_axis_is_cut_in_order_into_few_cells(values: list[int], most: int) -> None:
    axis = cut_axis("strategy.fast", np.array(values), most)
    assert len(axis) <= most
    by_value = sorted(zip(values, axis.index.tolist(), strict=True))
    cells = [cell for _, cell in by_value]
    assert cells == sorted(cells)
    assert set(cells) == set(range(len(axis)))
    assert list(axis.centres) == sorted(axis.centres)


def test_undefined_objectives_rank_last_and_ties_in_order() -> None:
    assert ranks(np.array([np.nan, 1.0, 2.0, 1.0, -5.0])).tolist() == [4, 1, 0, 2, 3]


def test_an_outlier_does_not_cost_the_others_their_digits() -> None:
    values = np.array([1.2345, 0.9876, 1e12, np.nan])
    scale = page_scale(values)
    found = rounded(values, scale)
    assert found[:2] == pytest.approx(values[:2], abs=1e-4)
    assert np.isfinite(found[2])
    assert np.isnan(found[3])


@pytest.mark.parametrize(
    ("sizes", "most"), [([1000, 1000], 100), ([10] * 6, 10), ([24] * 20, 24), ([100, 100, 100], 100)]
)
def test_cells_of_all_pairs_stay_bounded(sizes: list[int], most: int) -> None:
    fitting = cells_that_fit(sizes, 10, most)
    assert 4 <= fitting <= most
    assert numbers_of_pairs([min(size, fitting) for size in sizes], 10) <= 300_000
