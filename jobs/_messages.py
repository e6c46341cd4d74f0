"""A user's mistake on the command line, told in one sentence.

Turns Hydra's errors into ours. Invariant: no message shows Hydra's or OmegaConf's inner words where
there is a plain one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from arena.core.errors import ConfigError, nearest, unknown_name
from jobs._command_line import CONF, choices_among, choices_of

_UNKNOWN_KEY = (
    r"Could not override '([^']+)'",
    r"Could not delete from config\. '([^']+)' does not exist",
    r"full_key: (\S+)",
)


def translate(error: Exception, config_name: str, arguments: Sequence[str]) -> ConfigError:
    """Return the ConfigError that says what an error of Hydra or OmegaConf means."""
    text = str(error)
    kind = type(error).__name__
    sentence = _of_interpolation(kind, text) or _of_override(error, kind, text) or _of_choice(text)
    if sentence is None:
        sentence = _of_key(f"{text}\n{error.__cause__ or ''}", config_name, arguments)
    return ConfigError(sentence or next(iter(text.strip().splitlines()), kind))


def _of_interpolation(kind: str, text: str) -> str | None:
    """Name the key of a ${...} that cannot be resolved, or of a value that was never given."""
    at = re.search(r"full_key: (\S+)", text)
    key = at[1] if at else "a key"
    variable = re.search(r"Environment variable '([^']+)' not found", text)
    if variable:
        name = variable[1]
        return (
            f"{key}: the environment variable {name} is not set: set it, or write ${{oc.env:{name},default}}"
        )
    if kind == "MissingMandatoryValue":
        return f"{key} is not set: give it a value"
    if "nterpolation" in kind or kind == "UnsupportedInterpolationType":
        found = re.search(r"(?:key|type) '?([^'\s]+)'?", text)
        return f"{key}: ${{{found[1] if found else '...'}}} cannot be resolved: write a plain value"
    return None


def _of_override(error: Exception, kind: str, text: str) -> str | None:
    several = re.search(r"Ambiguous value for argument '([^']+)'", text)
    if several:
        key, _, value = several[1].partition("=")
        return f"{key}={value} are several values: write -m to run each, or {key}=[{value}] for a list"
    if kind == "OverrideParseException":
        bad = getattr(error, "override", "")
        return (
            f"cannot read '{bad}': write key=value, and keep quotes around a value with blanks or "
            "brackets from the shell, like \"name='my run'\""
        )
    there = re.search(r"An item is already at '([^']+)'", text)
    if there:
        return f"{there[1]} is there already: write it without a +, {there[1]}=..."
    twice = re.search(r"(\S+) appears more than once in the final defaults list", text)
    if twice:
        return f"{twice[1]} is chosen twice: choose it once, {twice[1]}=..., without a +"
    return None


def _of_choice(text: str) -> str | None:
    missing = re.search(r"Could not find '([^']+)/([^'/]*)'", text)
    if missing is None:
        return None
    group, choice = missing[1], missing[2]
    known = re.findall(r"^\t(\S+)$", text, re.MULTILINE) or choices_of(group)
    return unknown_name(group, choice, known)


def _of_key(text: str, config_name: str, arguments: Sequence[str]) -> str | None:
    found = next((match for rule in _UNKNOWN_KEY if (match := re.search(rule, text))), None)
    if found is None:
        return None
    key = found[1]
    known = _known_keys(config_name, arguments)
    group, _, name = key.rpartition(".")
    beside = [path for path in known if path.rpartition(".")[0] == group]
    close = nearest(key, beside) or nearest(name, known)
    hint = f": did you mean '{close}'?" if close else ""
    names = sorted(path.rpartition(".")[2] for path in beside)
    listed = f"known: {', '.join(names)}" if names else f"python -m jobs.{config_name} --help lists all keys"
    return f"unknown key '{key}'{hint} ({listed})"


def _known_keys(config_name: str, arguments: Sequence[str]) -> list[str]:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf import OmegaConf

    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose(config_name, overrides=choices_among(arguments))
    except HydraException:  # one more thing is wrong; the first is told
        return []
    return _flatten(OmegaConf.to_container(config), "")


def _flatten(node: Any, prefix: str) -> list[str]:
    if not isinstance(node, dict):
        return []
    keys: list[str] = []
    for name, value in node.items():
        path = f"{prefix}{name}"
        keys.append(path)
        keys.extend(_flatten(value, f"{path}."))
    return keys
