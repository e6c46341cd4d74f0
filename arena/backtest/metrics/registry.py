"""Which metrics there are, in the order people read them, and how to measure them all.

Pure. Invariant: names are unique; the twelve primary ones come in the order of the headline table.
"""

import numpy as np

from arena.backtest.metrics import benchmark, growth, round_trips, shape, usage
from arena.backtest.metrics.definition import MetricDefinition, as_metric, measure_safely
from arena.backtest.metrics.inputs import EquityPath, MetricInputs
from arena.backtest.result import Metric

PRIMARY: tuple[MetricDefinition, ...] = (
    benchmark.TOTAL_RETURN,
    growth.CAGR,
    growth.MAX_DRAWDOWN,
    growth.SHARPE,
    growth.SORTINO,
    growth.CALMAR,
    round_trips.PROFIT_FACTOR,
    round_trips.WIN_RATE,
    round_trips.TRADES,
    round_trips.EXPECTANCY,
    usage.EXPOSURE,
    usage.COSTS,
)
SECONDARY: tuple[MetricDefinition, ...] = (
    *growth.SECONDARY,
    *shape.SECONDARY,
    *round_trips.SECONDARY,
    *usage.SECONDARY,
    *benchmark.SECONDARY,
)
HOLD = (
    (benchmark.TOTAL_RETURN, growth.total_return),
    (growth.CAGR, growth.cagr),
    (growth.MAX_DRAWDOWN, growth.max_drawdown),
    (growth.SHARPE, growth.sharpe),
    (growth.SORTINO, growth.sortino),
    (growth.VOLATILITY, growth.volatility),
)


def compute_metrics(inputs: MetricInputs) -> tuple[list[Metric], list[Metric]]:
    """Return the primary and the secondary metrics of a run."""
    with _quiet():
        return [item.read(inputs) for item in PRIMARY], [item.read(inputs) for item in SECONDARY]


def hold_metrics(hold: EquityPath) -> list[Metric]:
    """Return the short list for buy and hold: same names, definitions and units as for the run."""
    with _quiet():
        return [as_metric(definition, measure_safely(measure, hold)) for definition, measure in HOLD]


def _quiet() -> np.errstate:
    # What no float can hold ends as a null with a reason, so numpy need not warn of it as well.
    return np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore")
