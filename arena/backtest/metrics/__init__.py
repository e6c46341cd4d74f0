"""The figures of a backtest, each with its definition.

A metric is undefined as null with a reason, never as NaN. `docs/metrics.md` is written from the
definitions by `python -m arena.backtest.metrics.document`.
"""

from arena.backtest.metrics.definition import MetricDefinition, Reading, Undefined
from arena.backtest.metrics.inputs import EquityPath, MetricInputs, make_inputs
from arena.backtest.metrics.registry import PRIMARY, SECONDARY, compute_metrics, hold_metrics

__all__ = [
    "PRIMARY",
    "SECONDARY",
    "EquityPath",
    "MetricDefinition",
    "MetricInputs",
    "Reading",
    "Undefined",
    "compute_metrics",
    "hold_metrics",
    "make_inputs",
]
