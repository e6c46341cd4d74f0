"""What a strategy is made of: its parameters and its specification.

Light to import: pydantic and numpy only. Invariant: both are frozen, so a strategy cannot keep
anything from one call to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from arena.core.bars import Bars, FundingSeries
from arena.core.errors import ConfigError
from arena.core.signal import Signal


class StrategyParams(BaseModel):
    """Base of every strategy's parameters: each field has a default, bounds and a description.

    Rules between fields go into `model_validator(mode="after")`, raising ValueError with a sentence
    like `strategy.fast=30 must be below strategy.slow=20`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _keep_booleans_apart(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation is not bool:
            raise ValueError("true and false are no numbers")
        return value


P = TypeVar("P", bound=StrategyParams)


@dataclass(frozen=True, slots=True)
class StrategySpec(Generic[P]):
    """A strategy by name.

    `signal(bars, funding, params)` gets the series from its first stored bar and returns arrays of the
    same length. `warmup(params)` is the number of bars at the start on which the target is always 0.
    """

    name: str
    description: str
    params: type[P]
    signal: Callable[[Bars, FundingSeries, P], Signal]
    warmup: Callable[[P], int]

    def __post_init__(self) -> None:
        if not (self.name.isidentifier() and self.name.islower()):
            raise ConfigError(f"strategy name '{self.name}': use lower-case letters, digits and _")
