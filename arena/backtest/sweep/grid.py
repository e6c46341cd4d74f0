"""Which combinations of a grid can be run: every value checked once, pairs at odds dropped and counted.

Asks the strategy's and the job's own models; knows no rule itself. Invariant: what is kept would be
accepted as a single run, what is dropped would be refused with the sentence it is counted under.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from arena.backtest.sweep.axes import STRATEGY, Axes
from arena.config.base import validate
from arena.config.models import BacktestConfig
from arena.core.bars import IntArray
from arena.core.errors import ConfigError, unknown_name
from arena.strategies import StrategyParams, StrategySpec, parse_params

_NUMBER = re.compile(r"(?<==)-?[0-9][0-9.e+-]*")
_AT_ODDS = "between parameters"


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Axes with checked values; `rows` are the combinations to run, `dropped` counts the others."""

    axes: Axes
    rows: IntArray
    dropped: dict[str, int]

    def __len__(self) -> int:
        return len(self.rows)


def check_grid(config: BacktestConfig, spec: StrategySpec[Any], axes: Axes) -> Grid:
    """Return the combinations of `axes` over `config` that can be run.

    Raises:
        ConfigError: a value that no combination could run with, a name the strategy does not have, or
            nothing left to run.
    """
    values = tuple(
        _strategy_values(config, spec, name, given)
        if name.startswith(STRATEGY)
        else _account_values(config, name, given)
        for name, given in zip(axes.names, axes.values, strict=True)
    )
    checked = Axes(axes.names, values)
    rows, dropped = _drop(config, spec, checked)
    if not len(rows):
        raise ConfigError(f"nothing is left of {checked.size:,} combinations: {'; '.join(dropped)}")
    return Grid(checked, rows, dropped)


def with_value(config: BacktestConfig, name: str, value: float) -> BacktestConfig:
    """Return `config` with one account or cost key changed, checked as a whole.

    Raises:
        ConfigError: the value is not allowed.
    """
    values = config.model_dump()
    values["strategy"] = {"name": config.strategy.name, **config.strategy.params}
    group, _, key = name.rpartition(".")
    (values[group] if group else values)[key] = value
    return validate(BacktestConfig, values)


def _account_values(config: BacktestConfig, name: str, given: NDArray[Any]) -> NDArray[np.float64]:
    for value in given.tolist():
        with_value(config, name, float(value))
    return given.astype(np.float64)


def _strategy_values(
    config: BacktestConfig, spec: StrategySpec[Any], name: str, given: NDArray[Any]
) -> NDArray[Any]:
    key = name.removeprefix(STRATEGY)
    fields = spec.params.model_fields
    if key not in fields:
        raise ConfigError(unknown_name("axis", name, [STRATEGY + field for field in fields]))
    kind = fields[key].annotation
    if kind not in {int, float}:
        raise ConfigError(f"{name}: only numbers can be an axis; sweep its choices as runs of their own")
    for value in given.tolist():
        whole = int(value) if float(value).is_integer() else value
        _check_alone(config, spec, key, whole if kind is int else float(value))
    return given.astype(np.int64 if kind is int else np.float64)


def _check_alone(config: BacktestConfig, spec: StrategySpec[Any], key: str, value: float) -> None:
    """Refuse a value that its own field forbids; what is at odds with another parameter may pass."""
    wanted = {**config.strategy.params, key: value}
    try:
        spec.params.model_validate(wanted)
    except ValidationError as error:
        if any(entry["loc"] for entry in error.errors(include_url=False)):
            parse_params(spec, wanted)  # raises with sentences


def _drop(config: BacktestConfig, spec: StrategySpec[Any], axes: Axes) -> tuple[IntArray, dict[str, int]]:
    """Ask the rules between parameters once for each combination of those that they read."""
    swept = {
        name.removeprefix(STRATEGY): at for at, name in enumerate(axes.names) if name.startswith(STRATEGY)
    }
    fixed = {name: field.default for name, field in spec.params.model_fields.items()}
    fixed.update(config.strategy.params)
    read: dict[str, int] = {}
    while True:
        verdicts, touched = _ask_all(spec, fixed, axes, read)
        more = {name: swept[name] for name in swept if name in touched and name not in read}
        if not more:
            break
        read.update(more)
    if not any(verdicts):
        return np.arange(axes.size, dtype=np.int64), {}
    used = sorted(read.values())
    shape = tuple(axes.shape[at] if at in used else 1 for at in range(len(axes.shape)))
    bad = np.array([verdict is not None for verdict in verdicts]).reshape(shape)
    each = axes.size // math.prod(shape)
    dropped: dict[str, int] = {}
    for verdict in verdicts:
        if verdict is not None:
            dropped[verdict] = dropped.get(verdict, 0) + each
    kept = np.flatnonzero(~np.broadcast_to(bad, axes.shape).ravel())
    return kept.astype(np.int64), dropped


def _ask_all(
    spec: StrategySpec[Any], fixed: dict[str, Any], axes: Axes, read: dict[str, int]
) -> tuple[list[str | None], set[str]]:
    """Return the verdict on each combination of the axes `read`, in grid order, and what was asked for."""
    ask, touched = _question(spec.params)
    names = sorted(read, key=lambda name: read[name])
    if not names:
        at_first = {
            name.removeprefix(STRATEGY): values[0].item()
            for name, values in zip(axes.names, axes.values, strict=True)
            if name.startswith(STRATEGY)
        }
        return [ask({**fixed, **at_first})], touched
    verdicts = []
    lists = [axes.values[read[name]].tolist() for name in names]
    for row in np.ndindex(*(len(values) for values in lists)):
        chosen = {name: values[at] for name, values, at in zip(names, lists, row, strict=True)}
        verdicts.append(ask({**fixed, **chosen}))
    return verdicts, touched


def _question(params: type[StrategyParams]) -> tuple[Callable[[dict[str, Any]], str | None], set[str]]:
    """Return a function that says what is wrong between values, and the set of names it comes to read."""
    rules = list(params.__pydantic_decorators__.model_validators.values())
    touched: set[str] = set()
    if any(rule.info.mode != "after" for rule in rules):  # what such a rule reads cannot be watched
        touched.update(params.model_fields)
        return lambda values: _refusal(lambda: params.model_validate(values)), touched

    class Watched(params):  # type: ignore[valid-type, misc]
        def __getattribute__(self, name: str) -> Any:
            touched.add(name)
            return super().__getattribute__(name)

    def ask(values: dict[str, Any]) -> str | None:
        subject = Watched.model_construct(**values)
        for rule in rules:
            refusal = _refusal(lambda rule=rule: rule.func(subject))  # type: ignore[misc]
            if refusal is not None:
                return refusal
        return None

    return ask, touched


def _refusal(check: Callable[[], object]) -> str | None:
    """Return the sentence a check refuses with, its numbers left out, or None."""
    try:
        check()
    except ValidationError as error:
        return _NUMBER.sub("...", error.errors(include_url=False)[0]["msg"])
    except (ValueError, AssertionError) as error:
        return _NUMBER.sub("...", str(error)) or _AT_ODDS
    return None
