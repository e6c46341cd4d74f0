"""Which strategies there are, and how a name becomes one.

A strategy's name is the name of its file in this package; looking at names imports none of them.
Invariant: a name reaches only code that lies in this package.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from arena.core.errors import ConfigError, unknown_name
from arena.strategies.base import P, StrategySpec

PACKAGE = "arena.strategies"
MACHINERY = frozenset({"base", "causality", "evaluation", "parameters", "pieces", "registry"})

_specs: dict[str, StrategySpec[Any]] = {}


def register(spec: StrategySpec[P]) -> StrategySpec[P]:
    """Make `spec` known by its name and return it.

    Raises:
        ConfigError: the file that calls this has another name than the strategy.
    """
    module = spec.signal.__module__.rpartition(".")[2]
    if module != spec.name:
        raise ConfigError(
            f"strategy '{spec.name}' is defined in {module}.py: a strategy has the name of its file, "
            f"rename one of the two"
        )
    _specs[spec.name] = spec
    return spec


def strategy_names() -> tuple[str, ...]:
    """Return the names of all strategies, sorted."""
    found = pkgutil.iter_modules(importlib.import_module(PACKAGE).__path__)
    return tuple(sorted(m.name for m in found if m.name not in MACHINERY and not m.name.startswith("_")))


def get_strategy(name: str) -> StrategySpec[Any]:
    """Return the strategy called `name`.

    Raises:
        ConfigError: there is no such strategy, or its file cannot be imported or registers none.
    """
    if name in _specs:
        return _specs[name]
    names = strategy_names()
    if name not in names:
        raise ConfigError(unknown_name("strategy", name, names, "see conf/strategy/"))
    try:
        importlib.import_module(f"{PACKAGE}.{name}")
    except (ImportError, SyntaxError) as error:
        raise ConfigError(f"strategy '{name}' cannot be imported: {error}") from error
    if name not in _specs:
        raise ConfigError(
            f"strategy file {name}.py registers no strategy: end it with register(StrategySpec(...))"
        )
    return _specs[name]
