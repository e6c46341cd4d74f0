"""From the keys of a config to a strategy's parameters, with sentences a person can act on.

Knows nothing of YAML or the command line. Invariant: everything wrong is said at once, a sentence a key.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from arena.core.errors import ConfigError, nearest
from arena.strategies.base import P, StrategyParams, StrategySpec

_KINDS = {int: "a whole number", float: "a number", str: "text"}


def parse_params(spec: StrategySpec[P], values: Mapping[str, Any]) -> P:
    """Return the parameters of `spec` made from `values`; a key `name` must be the strategy's own.

    Raises:
        ConfigError: one line for each key that is unknown, of the wrong type, out of bounds or at odds
            with another.
    """
    given = dict(values)
    name = given.pop("name", spec.name)
    if name != spec.name:
        raise ConfigError(
            f"strategy.name={name}: these are parameters of '{spec.name}', choose strategy={name}"
        )
    try:
        return spec.params.model_validate(given)
    except ValidationError as error:
        sentences = [_sentence(spec.params, details) for details in error.errors(include_url=False)]
        raise ConfigError("\n".join(dict.fromkeys(sentences))) from None


def describe_field(field: FieldInfo) -> str:
    """Return what a field allows in words, e.g. `a whole number from 2 to 500`."""
    choices = _choices(field.annotation)
    if choices:
        return f"one of {', '.join(str(choice) for choice in choices)}"
    if field.annotation is bool:
        return "true or false"
    words = [_KINDS.get(_bare(field.annotation), "a valid value")]
    bounds = {name: getattr(rule, name) for rule in field.metadata for name in _BOUNDS if hasattr(rule, name)}
    if {"ge", "le"} <= bounds.keys():
        words.append(f"from {_plain(bounds['ge'])} to {_plain(bounds['le'])}")
    else:
        words.append(" and ".join(f"{_BOUNDS[name]} {_plain(bound)}" for name, bound in bounds.items()))
    return " ".join(word for word in words if word)


_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def _sentence(params: type[StrategyParams], details: ErrorDetails) -> str:
    if not details["loc"]:
        cause = details.get("ctx", {}).get("error")
        return str(cause) if cause is not None else details["msg"]
    key = str(details["loc"][0])
    if details["type"] == "extra_forbidden":
        close = nearest(key, params.model_fields)
        guess = f": did you mean 'strategy.{close}'?" if close else ""
        known = ", ".join(params.model_fields) or "none"
        return f"unknown key 'strategy.{key}'{guess} (known: {known})"
    if details["type"] == "missing":
        return f"strategy.{key} is missing: must be {describe_field(params.model_fields[key])}"
    return f"strategy.{key}={_shown(details['input'])}: must be {describe_field(params.model_fields[key])}"


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


def _plain(bound: object) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def _bare(annotation: Any) -> Any:
    if get_origin(annotation) in {Union, types.UnionType}:
        return next((kind for kind in get_args(annotation) if kind is not type(None)), annotation)
    return annotation


def _choices(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()
