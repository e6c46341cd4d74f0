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


def check_grid(
    config: BacktestConfig, spec: StrategySpec[Any], axes: Axes, rows: IntArray | None = None
) -> Grid:
    """Return the combinations of `axes` over `config` that can be run.

    Args:
        config: the validated job config that the axes change.
        spec: its strategy.
        axes: names and values of what varies.
        rows: those of the grid that are asked for, in this order; by default all.

    Raises:
        ConfigError: a value that no combination could run with, a name the strategy does not have, an axis
            that changes nothing, or nothing left to run.
    """
    values = tuple(
        _strategy_values(config, spec, name, given)
        if name.startswith(STRATEGY)
        else _account_values(config, name, given)
        for name, given in zip(axes.names, axes.values, strict=True)
    )
    checked = Axes(axes.names, values)
    kept, dropped = drop_rows(config, spec, checked, rows)
    if not len(kept):
        asked = checked.size if rows is None else len(rows)
        raise ConfigError(f"nothing is left of {asked:,} combinations: {'; '.join(dropped)}")
    return Grid(checked, kept, dropped)


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


def _account_values(config: BacktestConfig, name: str, given: NDArray[Any]) -> NDArray[Any]:
    """Return the values as the config has them: whole numbers where its key is one."""
    for group, found, wanted in (
        ("orders", config.orders.kind, "limit"),
        ("hedge", config.hedge.kind, "spot"),
    ):
        if name.startswith(f"{group}.") and found != wanted:
            raise ConfigError(
                f"{name} changes nothing with {group}={found}: choose {group}={wanted}, or leave the axis out"
            )
    return np.array([_value_of(with_value(config, name, value), name) for value in given.tolist()])


def _value_of(config: BacktestConfig, name: str) -> Any:
    group, _, key = name.rpartition(".")
    return getattr(getattr(config, group) if group else config, key)


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


def drop_rows(
    config: BacktestConfig, spec: StrategySpec[Any], axes: Axes, rows: IntArray | None = None
) -> tuple[IntArray, dict[str, int]]:
    """Return those of `rows` (by default all) that can be run, and how many cannot, by reason.

    The rules between parameters are asked once for each combination of those that they read; the values
    themselves have been checked before.
    """
    swept = {
        name.removeprefix(STRATEGY): at for at, name in enumerate(axes.names) if name.startswith(STRATEGY)
    }
    fixed = {name: field.default for name, field in spec.params.model_fields.items()}
    fixed.update(config.strategy.params)
    read: list[int] = []
    while True:
        keys, at = _pairs(axes, read, rows)
        verdicts, touched = _ask_all(spec, fixed, axes, read, keys)
        more = sorted({swept[name] for name in swept if name in touched} | set(read))
        if more == read:
            break
        read = more
    good = np.array([verdict is None for verdict in verdicts], np.bool_)
    if rows is None or at is None:
        shape = [size if axis in read else 1 for axis, size in enumerate(axes.shape)]
        kept = np.flatnonzero(np.broadcast_to(good.reshape(shape), axes.shape).ravel())
        times = np.full(len(keys), axes.size // len(keys))
    else:
        kept = rows[good[at]]
        times = np.bincount(at, minlength=len(keys))
    dropped: dict[str, int] = {}
    for verdict, count in zip(verdicts, times.tolist(), strict=True):
        if verdict is not None:
            dropped[verdict] = dropped.get(verdict, 0) + count
    return kept.astype(np.int64, copy=False), dropped


def _pairs(axes: Axes, read: list[int], rows: IntArray | None) -> tuple[IntArray, IntArray | None]:
    """Return the combinations of the axes `read` that occur, as rows of their own grid.

    And for each of `rows` which one is its own; None where all rows of the grid are meant.
    """
    sizes = [axes.shape[axis] for axis in read]
    if rows is None:
        return np.arange(math.prod(sizes), dtype=np.int64), None
    positions = axes.positions(rows)
    keys = np.zeros(len(rows), np.int64)
    for axis, size in zip(read, sizes, strict=True):
        keys = keys * size + positions[axis]
    occurring, at = np.unique(keys, return_inverse=True)
    return occurring, at.astype(np.int64, copy=False)


def _ask_all(
    spec: StrategySpec[Any], fixed: dict[str, Any], axes: Axes, read: list[int], keys: IntArray
) -> tuple[list[str | None], set[str]]:
    """Return the verdict on each of `keys`, combinations of the axes `read`, and what was asked for."""
    ask, touched = _question(spec.params)
    first = {
        name.removeprefix(STRATEGY): values[0].item()
        for name, values in zip(axes.names, axes.values, strict=True)
        if name.startswith(STRATEGY)
    }
    names = [axes.names[axis].removeprefix(STRATEGY) for axis in read]
    places = np.unravel_index(keys, [axes.shape[axis] for axis in read]) if read else ()
    columns = [axes.values[axis][place].tolist() for axis, place in zip(read, places, strict=True)]
    if not columns:
        return [ask({**fixed, **first})] * len(keys), touched
    verdicts = [
        ask({**fixed, **first, **dict(zip(names, row, strict=True))}) for row in zip(*columns, strict=True)
    ]
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
