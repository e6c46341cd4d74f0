"""What a strategy is made of: its parameters and its specification.

Light to import: pydantic and numpy only. Invariant: both are frozen, so a strategy cannot keep
anything from one call to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from arena.core.bars import Bars, FloatArray, FundingSeries, IntArray
from arena.core.errors import ConfigError
from arena.core.signal import Signal


class StrategyParams(BaseModel):
    """Base of every strategy's parameters: each field has a default, bounds and a description.

    Rules between fields go into `model_validator(mode="after")`, raising ValueError with a sentence
    like `strategy.fast=30 must be below strategy.slow=20`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    @field_validator("*", mode="before")
    @classmethod
    def _keep_booleans_apart(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation is not bool:
            raise ValueError("true and false are no numbers")
        return value


P = TypeVar("P", bound=StrategyParams)


Columns = Mapping[str, NDArray[Any]]
"""Parameters by name: numbers, one a parameter set, or one for all of them where the array has length 1."""


@dataclass(frozen=True, slots=True, eq=False)
class CrossRows:
    """Which rows of a `CrossBatch` each of k parameter sets uses; every array is (k,).

    A set holds +1 while series `upper` is above series `lower` and -1 while it is below; where they are
    equal it keeps what it holds. It enters from bar `ready` on, on bars where row `gate` (-1: no gate) is
    at least `gate_least`, and only sides that are allowed. Distances are multiples of row `range` (-1: none).
    """

    upper: IntArray
    lower: IntArray
    ready: IntArray
    gate: IntArray
    gate_least: FloatArray
    long: NDArray[np.bool_]
    short: NDArray[np.bool_]
    range: IntArray
    stop_multiple: FloatArray
    take_multiple: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class CrossBatch:
    """Signals of many parameter sets of a strategy that holds the side of one series against another.

    Indicators are worked out once a distinct parameter and shared: `series`, `gates` and `ranges` hold
    one row each, as long as the bars or longer. `rows(columns)` says which of them each parameter set uses.
    """

    series: FloatArray
    gates: FloatArray
    ranges: FloatArray
    rows: Callable[[Columns], CrossRows]


@dataclass(frozen=True, slots=True, eq=False)
class WrittenBatch:
    """Signals of many parameter sets, written one after the other by a kernel that holds no lock.

    Indicators are worked out once a distinct parameter and shared. `rows(columns)` returns the arguments of
    k sets, an array (k,) or (1,) each; `write(shared, arguments, first, target, stop, take)` writes the
    signal of one of them from bar `first` on. Both are functions of a module, so that workers find them.
    """

    shared: tuple[NDArray[Any], ...]
    rows: Callable[[Columns], tuple[NDArray[Any], ...]]
    write: Callable[
        [tuple[NDArray[Any], ...], tuple[Any, ...], int, FloatArray, FloatArray, FloatArray], None
    ]


Batch = CrossBatch | WrittenBatch


@dataclass(frozen=True, slots=True)
class StrategySpec(Generic[P]):
    """A strategy by name.

    `signal(bars, funding, params)` gets the series from its first stored bar and returns arrays of the
    same length. `warmup(params)` is the number of bars at the start on which the target is always 0.
    `batch(bars, funding, values)` is a quicker way to the targets and distances of `signal` for many
    parameter sets: `values` has the distinct values of every parameter. It may never differ by a bit.
    """

    name: str
    description: str
    params: type[P]
    signal: Callable[[Bars, FundingSeries, P], Signal]
    warmup: Callable[[P], int]
    batch: Callable[[Bars, FundingSeries, Columns], Batch] | None = None

    def __reduce__(self) -> tuple[Callable[[str], StrategySpec[Any]], tuple[str]]:
        """Travel to another process by name: it finds the same file there."""
        from arena.strategies.registry import get_strategy

        return get_strategy, (self.name,)

    def __post_init__(self) -> None:
        if not (self.name.isidentifier() and self.name.islower()):
            raise ConfigError(f"strategy name '{self.name}': use lower-case letters, digits and _")
