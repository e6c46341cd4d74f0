"""What a metric is: a name, a unit, the words that define it and the function that measures it.

Holds no metric itself. Invariant: a measured value is finite or it is null with a reason.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from arena.backtest.metrics.inputs import EquityPath, MetricInputs
from arena.backtest.result import Metric
from arena.backtest.result_model import Unit

Subject = TypeVar("Subject")

NOT_ANNUALISED = "none"
NEVER_UNDEFINED = "never"


@dataclass(frozen=True, slots=True)
class Reading:
    """A value and the small print beside it."""

    value: float
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Undefined:
    """No value, and the sentence that says why."""

    reason: str
    note: str | None = None


Outcome = float | Reading | Undefined


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """One metric; the texts are what docs/metrics.md says of it.

    `undefined` says when there is no value, `annualised` how a per-bar figure becomes a yearly one.
    """

    name: str
    label: str
    unit: Unit
    measure: Callable[[MetricInputs], Outcome]
    formula: str
    annualised: str = NOT_ANNUALISED
    undefined: str = NEVER_UNDEFINED

    def read(self, inputs: MetricInputs) -> Metric:
        """Measure and return the metric as it stands in a result."""
        return as_metric(self, measure_safely(self.measure, inputs))


def on_path(measure: Callable[[EquityPath], Outcome]) -> Callable[[MetricInputs], Outcome]:
    """Return a measure of the run's own equity path."""
    return lambda inputs: measure(inputs.path)


def measure_safely(measure: Callable[[Subject], Outcome], subject: Subject) -> Outcome:
    """Return the outcome, with a reason in place of a number that no float can hold."""
    try:
        outcome = measure(subject)
    except OverflowError:
        return Undefined("too large to state")
    if isinstance(outcome, Undefined):
        return outcome
    value = outcome.value if isinstance(outcome, Reading) else outcome
    return outcome if math.isfinite(value) else Undefined("too large to state")


def as_metric(definition: MetricDefinition, outcome: Outcome) -> Metric:
    """Return the outcome under the definition's name, label and unit."""
    name, label, unit = definition.name, definition.label, definition.unit
    if isinstance(outcome, Undefined):
        return Metric(name=name, label=label, unit=unit, value=None, reason=outcome.reason, note=outcome.note)
    if isinstance(outcome, Reading):
        return Metric(name=name, label=label, unit=unit, value=outcome.value, note=outcome.note, reason=None)
    return Metric(name=name, label=label, unit=unit, value=outcome, note=None, reason=None)
