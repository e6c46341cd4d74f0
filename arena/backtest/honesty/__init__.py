"""Statistics that say how much of a backtest is luck.

Pure functions of arrays: no files, no clock, no randomness without a seed. `docs/honesty.md` says what each
of them answers and how to read it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arena.backtest.honesty.bootstrap import (
        BootstrapIntervals,
        Interval,
        choose_block_length,
        draw_indices,
        estimate_intervals,
    )
    from arena.backtest.honesty.overfitting import Overfitting, estimate_overfitting
    from arena.backtest.honesty.permutation import count_p_value, permutation_p_value
    from arena.backtest.honesty.selection import Selection, walk_forward
    from arena.backtest.honesty.sharpe import (
        DeflatedSharpe,
        SharpeSample,
        deflated_sharpe,
        deflation_level,
        expected_maximum,
        maximum_trials,
        minimum_backtest_length,
        minimum_track_record,
        sample_sharpe,
    )
    from arena.backtest.honesty.superiority import (
        FLAT,
        Superiority,
        SuperiorityTest,
        compare_one,
        compare_with_benchmark,
    )
    from arena.backtest.honesty.trials import (
        Dispersion,
        EffectiveTrials,
        count_effective_trials,
        measure_dispersion,
        pool_dispersions,
        sharpe_of_trials,
    )
    from arena.backtest.honesty.walkforward import (
        Split,
        count_paths,
        count_splits,
        join_paths,
        split_anchored,
        split_combinatorial,
        split_rolling,
    )

_HOMES = {
    "bootstrap": (
        "BootstrapIntervals",
        "Interval",
        "choose_block_length",
        "draw_indices",
        "estimate_intervals",
    ),
    "overfitting": ("Overfitting", "estimate_overfitting"),
    "permutation": ("count_p_value", "permutation_p_value"),
    "selection": ("Selection", "walk_forward"),
    "sharpe": (
        "DeflatedSharpe",
        "SharpeSample",
        "deflated_sharpe",
        "deflation_level",
        "expected_maximum",
        "maximum_trials",
        "minimum_backtest_length",
        "minimum_track_record",
        "sample_sharpe",
    ),
    "superiority": ("FLAT", "Superiority", "SuperiorityTest", "compare_one", "compare_with_benchmark"),
    "trials": (
        "Dispersion",
        "EffectiveTrials",
        "count_effective_trials",
        "measure_dispersion",
        "pool_dispersions",
        "sharpe_of_trials",
    ),
    "walkforward": (
        "Split",
        "count_paths",
        "count_splits",
        "join_paths",
        "split_anchored",
        "split_combinatorial",
        "split_rolling",
    ),
}

__all__ = [
    "FLAT",
    "BootstrapIntervals",
    "DeflatedSharpe",
    "Dispersion",
    "EffectiveTrials",
    "Interval",
    "Overfitting",
    "Selection",
    "SharpeSample",
    "Split",
    "Superiority",
    "SuperiorityTest",
    "choose_block_length",
    "compare_one",
    "compare_with_benchmark",
    "count_effective_trials",
    "count_p_value",
    "count_paths",
    "count_splits",
    "deflated_sharpe",
    "deflation_level",
    "draw_indices",
    "estimate_intervals",
    "estimate_overfitting",
    "expected_maximum",
    "join_paths",
    "maximum_trials",
    "measure_dispersion",
    "minimum_backtest_length",
    "minimum_track_record",
    "permutation_p_value",
    "pool_dispersions",
    "sample_sharpe",
    "sharpe_of_trials",
    "split_anchored",
    "split_combinatorial",
    "split_rolling",
    "walk_forward",
]


def __getattr__(name: str) -> Any:
    """Load a statistic's module when it is first asked for: a single run needs few of them."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
