"""The base of every config model and the one place where validation errors become sentences.

Hydra composes YAML, pydantic validates it once, and the rest of the program never sees either
OmegaConf or an unchecked value. No secrets here: they are not config (see `secrets`).
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from arena.core.errors import ConfigError, nearest


class ConfigModel(BaseModel):
    """Base of all config models: frozen, and a key that nobody reads is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


Model = TypeVar("Model", bound=BaseModel)

_BOUNDS = {"ge": "at least {:g}", "gt": "above {:g}", "le": "at most {:g}", "lt": "below {:g}"}
_KINDS = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list like [a,b]",
    "tuple_type": "a list like [a,b]",
    "dict_type": "a group of keys",
    "model_type": "a group of keys",
}
_LENGTHS = {
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "text that matches {pattern}",
    "too_short": "a list of at least {min_length}",
}


def validate(model: type[Model], values: Mapping[str, Any], prefix: str = "") -> Model:
    """Return `values` as `model`.

    Raises:
        ConfigError: one line a bad key: the key, the value found, what is allowed, the nearest name.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        lines = [_sentence(model, entry, prefix) for entry in error.errors(include_url=False)]
        raise ConfigError("\n".join(lines)) from None


def _sentence(model: type[BaseModel], entry: Any, prefix: str) -> str:
    path = [str(part) for part in entry["loc"]]
    fields_model, path = _strip_union_tags(model, path)
    key = ".".join([prefix, *path]) if prefix else ".".join(path)
    kind, context = entry["type"], entry.get("ctx", {})
    if kind in {"value_error", "assertion_error"}:
        reason = str(context.get("error", entry["msg"]))
        # a rule between keys of a group names them in full
        return reason if not key or reason.startswith(f"{key}.") else f"{key}: {reason}"
    if kind == "extra_forbidden":
        return _unknown_key(key, list(fields_model.model_fields) if fields_model else [])
    if kind in {"missing", "string_too_short"}:
        return f"{key} is {'not set' if kind == 'missing' else 'empty'}: give it a value"
    if kind == "union_tag_invalid":
        tag = str(context["discriminator"]).strip("'")
        return f"{key}.{tag}={context['tag']}: must be one of {context['expected_tags']}"
    return f"{key}={_shown(entry['input'])}: must be {_wanted(entry, fields_model, path)}"


def _unknown_key(key: str, known: list[str]) -> str:
    group, _, name = key.rpartition(".")
    close = nearest(name, known)
    hint = f": did you mean '{group + '.' if group else ''}{close}'?" if close else ""
    return f"unknown key '{key}'{hint} (known: {', '.join(sorted(known))})"


def _wanted(entry: Any, model: type[BaseModel] | None, path: list[str]) -> str:
    """Return what is allowed in place of the value found."""
    kind, context = entry["type"], entry.get("ctx", {})
    if kind in {"literal_error", "enum"}:
        allowed = str(context.get("expected", entry["msg"]))
        close = nearest(str(entry["input"]), re.findall(r"'([^']*)'", allowed))
        return f"one of {allowed}" + (f", did you mean '{close}'?" if close else "")
    if kind in _KINDS:
        return _KINDS[kind] + _allowed_beside(model, path)
    if kind in _LENGTHS:
        return _LENGTHS[kind].format(**context)
    return _bounds(context) or str(entry["msg"])


def _shown(value: object) -> str:
    """Return `value` as YAML has it."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


def _bounds(context: Mapping[str, Any]) -> str | None:
    parts = [text.format(context[name]) for name, text in _BOUNDS.items() if name in context]
    return " and ".join(parts) if parts else None


def _allowed_beside(model: type[BaseModel] | None, path: list[str]) -> str:
    """Return what else the field allows that a value of the wrong kind was meant for."""
    if model is None or not path or path[-1] not in model.model_fields:
        return ""
    field = model.model_fields[path[-1]]
    found = {}
    for item in field.metadata:
        found.update({name: getattr(item, name) for name in _BOUNDS if hasattr(item, name)})
    text = _bounds(found)
    none = ", or null for none" if type(None) in typing.get_args(field.annotation) else ""
    return (f", {text}" if text else "") + none


def _strip_union_tags(model: type[BaseModel], path: list[str]) -> tuple[type[BaseModel] | None, list[str]]:
    """Follow `path` through nested models, dropping the tags pydantic adds for tagged unions.

    Returns the model that holds the last key, where it can be known, and the path that a user typed.
    """
    current: type[BaseModel] | None = model
    kept: list[str] = []
    candidates: list[type[BaseModel]] = []
    for position, part in enumerate(path):
        if candidates:
            tagged = [m for m in candidates if part in _tags(m)]
            if tagged:
                current, candidates = tagged[0], []
                continue
        kept.append(part)
        if position == len(path) - 1:
            break
        if current is None or part not in current.model_fields:
            current = None
            continue
        nested = models_in(current.model_fields[part].annotation)
        current, candidates = (nested[0], []) if len(nested) == 1 else (None, nested)
    return current, kept


def _tags(model: type[BaseModel]) -> set[str]:
    literals: set[str] = set()
    for info in model.model_fields.values():
        if typing.get_origin(info.annotation) is typing.Literal:
            literals.update(str(value) for value in typing.get_args(info.annotation))
    return literals


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the config models that a field's type names, through unions and annotations."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    origin = typing.get_origin(annotation)
    if origin in {typing.Union, types.UnionType, typing.Annotated}:
        return [found for part in typing.get_args(annotation) for found in models_in(part)]
    return []
