"""The sweep group: axes as data and how trials are drawn from them.

Knows no strategy and no figure: names and bounds of values are checked where the grid is. Invariant: an
axis that exists has at least one number, ascending where it is a range, and none twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from arena.config.base import ConfigModel
from arena.core.errors import unknown_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_VALUES = 1_000_000
DIGITS = 12
"""Significant digits of a value that is worked out: 0.3, not 0.30000000000000004."""


def _as_written(value: Any) -> Any:
    if isinstance(value, bool | str):
        shown = str(value).lower() if isinstance(value, bool) else f"'{value}'"
        raise ValueError(f"{shown} is not a number")  # noqa: TRY004 - pydantic wants this one
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not finite")
    return value


Number = Annotated[int | float, BeforeValidator(_as_written)]


class AxisConfig(ConfigModel):
    """The values of one axis: a list, or a range by its step (stop left out) or its number (both ends in)."""

    values: list[Number] | None = Field(None, min_length=1, max_length=MOST_VALUES)
    start: Number | None = None
    stop: Number | None = Field(None, description="left out with step, as in range(); reached with num")
    step: Number | None = None
    num: int | None = Field(None, ge=2, le=MOST_VALUES, description="how many, both ends included")
    log: bool = Field(default=False, description="num values in equal ratios, not in equal steps")
    whole: bool = Field(default=False, description="round num values to whole numbers, each once")

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, given: Any) -> Any:
        for key in given if isinstance(given, Mapping) else ():
            if key not in cls.model_fields:
                raise ValueError(unknown_name("key", str(key), tuple(cls.model_fields)))
        return given

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = {
            name for name in ("values", "start", "stop", "step", "num") if getattr(self, name) is not None
        }
        forms: tuple[set[str], ...] = ({"values"}, {"start", "stop", "step"}, {"start", "stop", "num"})
        if given not in forms:
            found = ", ".join(sorted(given)) or "nothing"
            raise ValueError(
                f"an axis is {{values}}, {{start, stop, step}} or {{start, stop, num}}: found {found}"
            )
        if self.num is None and (self.log or self.whole):
            raise ValueError("log and whole belong to {start, stop, num}")
        if self.start is not None and self.stop is not None:
            self._check_range(self.start, self.stop)
        elif self.values is not None and len(set(self.values)) < len(self.values):
            raise ValueError("a value is there twice: give each once")
        return self

    def _check_range(self, start: float, stop: float) -> None:
        if start >= stop:
            raise ValueError(f"start={start:g} must be below stop={stop:g}")
        if self.log and start <= 0:
            raise ValueError(f"start={start:g} must be above 0 with log")
        if self.step is not None:
            if self.step <= 0:
                raise ValueError(f"step={self.step:g} must be above 0")
            if (stop - start) / self.step > MOST_VALUES:
                raise ValueError(f"more than {MOST_VALUES:,} values: take a larger step")

    def numbers(self) -> NDArray[Any]:
        """Return the values, (n,): int64 where all are whole by how they are given, else float64."""
        import numpy as np  # a job's --help does without

        if self.start is None or self.stop is None:
            return np.array(self.values)
        if self.step is not None:
            count = math.ceil((self.stop - self.start) / self.step - 1e-9)
            found = self.start + self.step * np.arange(count)
        else:
            spread = np.geomspace if self.log else np.linspace
            found = spread(self.start, self.stop, self.num or 0)
        if found.dtype.kind == "i":
            return found
        if self.whole:
            return np.unique(np.rint(found)).astype(np.int64)
        return np.array([float(f"{value:.{DIGITS}g}") for value in found.tolist()])


class SweepConfig(ConfigModel):
    """sweep=NAME: which parameter sets of a strategy are run, as data."""

    method: Literal["grid", "random", "latin", "optuna"] = "grid"
    trials: int | None = Field(None, ge=1, le=100_000_000, description="trials to draw; null for grid: all")
    seed: int = Field(0, ge=0, description="of what is drawn: the same seed draws the same trials")
    objective: str = Field("sharpe", min_length=1, description="figure that ranks trials, higher is better")
    batch: int = Field(64, ge=1, le=100_000, description="optuna: trials asked for at once")
    axes: dict[str, AxisConfig] = Field(
        min_length=1, description="names and values; groups may be nested, strategy: {fast: {...}}"
    )

    @field_validator("axes", mode="before")
    @classmethod
    def _flat(cls, given: Any) -> Any:
        return dict(_flatten("", given)) if isinstance(given, Mapping) else given

    @model_validator(mode="after")
    def _trials_fit(self) -> Self:
        if self.method == "grid" and self.trials is not None:
            raise ValueError(
                f"sweep.trials={self.trials}: a grid runs every combination; "
                "set sweep.trials=null or sweep.method=random"
            )
        if self.method != "grid" and self.trials is None:
            raise ValueError(f"sweep.trials=null: sweep.method={self.method} needs a number of trials")
        return self

    def numbers(self) -> dict[str, NDArray[Any]]:
        """Return the values of each axis, in the order given: what `Axes.of` takes."""
        return {name: axis.numbers() for name, axis in self.axes.items()}


def _flatten(prefix: str, group: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield axes by their full names; a mapping none of whose keys is an axis's own is a group of axes."""
    for key, value in group.items():
        name = f"{prefix}{key}"
        nested = isinstance(value, Mapping) and value and not value.keys() & AxisConfig.model_fields.keys()
        if nested and all(isinstance(inner, Mapping) for inner in value.values()):
            yield from _flatten(f"{name}.", value)
        else:
            yield name, value
