"""The words of a job's command line: Hydra's flags and the overrides, checked before Hydra is imported.

Reads file names below `conf` and nothing else. Invariant: what passes here, Hydra's own parser of
arguments takes without a complaint of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from arena.core.errors import ConfigError, nearest, unknown_name

CONF = Path(__file__).resolve().parent.parent / "conf"

_FLAGS = frozenset(
    {"--help", "-h", "--hydra-help", "--version", "--resolve", "--run", "-r", "--multirun", "-m"}
    | {"--shell-completion", "-sc"}
)
_VALUED = frozenset(
    {"--cfg", "-c", "--info", "-i", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn"}
    | {"--config-dir", "-cd", "--experimental-rerun"}
)
_SHOWN = ("job", "hydra", "all")

_CHOICE = re.compile(r"^(?P<group>[A-Za-z_]\w*)=(?P<choices>[A-Za-z0-9_,]*)$")
_NAME = re.compile(r"^(?P<group>[A-Za-z_]\w*)\.name=(?P<name>[^,]*)$")


def order(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with all flags first: Hydra's parser takes overrides in one piece only.

    Raises:
        ConfigError: there is no such flag.
    """
    flags: list[str] = []
    overrides: list[str] = []
    words = iter(arguments)
    for word in words:
        if not word.startswith("-"):
            overrides.append(word)
            continue
        flag, given, value = word.partition("=")
        if flag in _VALUED and not given:
            value = next(words, "")
            flags += [flag, value]
        elif flag in _VALUED or word in _FLAGS:
            flags.append(word)
        else:
            raise ConfigError(_unknown_flag(flag))
        if flag in {"--cfg", "-c"} and value not in _SHOWN:
            raise ConfigError(unknown_name("view of the configuration", value, _SHOWN))
    return [*flags, *overrides]


def join_lists(arguments: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Return the arguments with `key=a,b` as `key=[a,b]` for keys that hold a list: no sweep is meant."""
    joined = []
    for word in arguments:
        key, given, value = word.partition("=")
        several = bool(given) and key in keys and "," in value and value[0] not in "[\"'"
        joined.append(f"{key}=[{value}]" if several else word)
    return joined


def check_choices(arguments: Sequence[str]) -> None:
    """Raise ConfigError where an argument picks a file that its group does not have."""
    for argument in arguments:
        named = _NAME.match(argument)
        if named and is_group(named["group"]):
            group, name = named["group"], named["name"]
            if name in choices_of(group):
                raise ConfigError(f"{argument}: choose the whole group, {group}={name}")
            raise ConfigError(unknown_name(group, name, choices_of(group)))
        match = _CHOICE.match(argument)
        if match is None or not is_group(match["group"]):
            continue
        group = match["group"]
        for choice in match["choices"].split(","):
            if choice not in choices_of(group):
                raise ConfigError(unknown_name(group, choice, choices_of(group)))


def choices_among(arguments: Sequence[str]) -> list[str]:
    """Return the arguments that pick a file of a group, each with its first choice alone."""
    found = [a for a in arguments if (match := _CHOICE.match(a)) and is_group(match["group"])]
    return [argument.split(",")[0] for argument in found]


def is_group(name: str) -> bool:
    """Whether there is a group of that name."""
    return (CONF / name).is_dir()


def choices_of(group: str) -> list[str]:
    """Return the files that a group has."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def _unknown_flag(flag: str) -> str:
    close = nearest(flag, [name for name in (*_FLAGS, *_VALUED) if name.startswith("--")])
    hint = f": did you mean '{close}'?" if close else ""
    return f"unknown option '{flag}'{hint} (keys are written without dashes: key=value)"
