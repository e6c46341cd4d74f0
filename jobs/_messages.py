"""A user's mistake on the command line, told in one sentence.

Turns Hydra's errors into ours. The group check reads file names only, so that a wrong choice is
answered before Hydra is imported.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arena.core.errors import ConfigError, nearest, unknown_name

CONF = Path(__file__).resolve().parent.parent / "conf"

_SIMPLE_CHOICE = re.compile(r"^(?P<group>[A-Za-z_]\w*)=(?P<choices>[A-Za-z0-9_,]+)$")


def check_choices(arguments: Sequence[str]) -> None:
    """Raise ConfigError where an argument picks a file that its group does not have."""
    for argument in arguments:
        match = _SIMPLE_CHOICE.match(argument)
        if match is None or not (CONF / match["group"]).is_dir():
            continue
        known = [path.stem for path in (CONF / match["group"]).glob("*.yaml")]
        for choice in match["choices"].split(","):
            if choice not in known and choice != "null":
                raise ConfigError(unknown_name(match["group"], choice, known))


def translate(error: Exception, config_name: str, arguments: Sequence[str]) -> ConfigError:
    """Return the ConfigError that says what Hydra's error means."""
    text = str(error)
    cause = f"{text}\n{error.__cause__ or ''}"
    override = re.search(r"Could not override '([^']+)'", text) or re.search(r"full_key: (\S+)", cause)
    if override:
        key = override[1]
        known = _known_keys(config_name, arguments)
        close = nearest(key, known) or nearest(key.rsplit(".", 1)[-1], known)
        hint = f": did you mean '{close}'?" if close else ""
        return ConfigError(f"unknown key '{key}'{hint} (python -m jobs.{config_name} --help lists all keys)")
    missing = re.search(r"Could not find '([^']+)/([^'/]+)'", text)
    if missing:
        group, choice = missing[1], missing[2]
        known = [path.stem for path in (CONF / group).glob("*.yaml")]
        return ConfigError(unknown_name(group, choice, known))
    if type(error).__name__ == "OverrideParseException":
        bad = getattr(error, "override", "")
        return ConfigError(f"cannot read '{bad}': write key=value, and quote values with blanks or brackets")
    first = text.strip().splitlines()[0] if text.strip() else type(error).__name__
    return ConfigError(first)


def _known_keys(config_name: str, arguments: Sequence[str]) -> list[str]:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from omegaconf import OmegaConf

    choices = [a for a in arguments if (m := _SIMPLE_CHOICE.match(a)) and (CONF / m["group"]).is_dir()]
    choices = [choice.split(",")[0] for choice in choices]
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(config_name, overrides=choices)
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
