"""Write the key tables of docs/configuration.md: `python -m arena.config.document`.

Reads the models and the YAML of conf/, and rewrites what stands between two marks in the page; a test
holds the page to that. Invariant: each key of each model has one row, and no row is without a meaning.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from arena.config.audit import AuditConfig, CompareConfig, ReproduceConfig
from arena.config.base import models_in
from arena.config.health import HealthConfig, RepairConfig
from arena.config.ingest import IngestConfig
from arena.config.models import BacktestConfig, JobConfig, MigrateConfig, SmokeConfig
from arena.config.paper import PaperConfig
from arena.config.screens import BrowseConfig, MonitorConfig
from arena.core.timeframe import TIMEFRAMES

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
PAGE = ROOT / "docs" / "configuration.md"
BEGIN = "<!-- begin: written by python -m arena.config.document -->"
END = "<!-- end -->"

JOBS: dict[str, type[JobConfig]] = {
    "backtest": BacktestConfig,
    "ingest": IngestConfig,
    "health": HealthConfig,
    "repair": RepairConfig,
    "audit": AuditConfig,
    "reproduce": ReproduceConfig,
    "compare": CompareConfig,
    "smoke": SmokeConfig,
    "monitor": MonitorConfig,
    "browse": BrowseConfig,
    "migrate": MigrateConfig,
    "paper_exchange": PaperConfig,
}

_EVERY_JOB = ("name", "validate_only", "reports", "store")
ELSEWHERE = {
    "strategy": "The parameters of each strategy, with bounds: [strategies.md](strategies.md).",
    "sweep": "Axes as data, and how trials are drawn from them: [sweeps.md](sweeps.md#axes-as-data).",
}

_MEANINGS = {
    "data.policy": "strict: stop with exit code 3 where bars of the window are missing, doubled or "
    "impossible; warn: run and say so",
    "what": "what to look at",
    "initial_capital": "cash before the first trade, USDT",
    "margin_mode": "what stands behind the position: the account, or margin of its own",
    "seed": "stamped on the result; no shipped strategy draws random numbers",
    "reports.root": "where run folders go",
    "store.root": "folder of the market store and, without DATABASE_URL, of the ledger; or s3://BUCKET/PREFIX",
    "engine.name": "where trials of a sweep run; no figure depends on it",
    "exchange.format": "the layout of the files; auto: told by the columns",
    "exchange.seed": "another seed is another market",
    "report.html": "write report.html beside result.json",
    "sizing.mode": "how a target of 1 becomes a size",
    "timeframe.name": "length of a bar",
    "symbol.inst_id": "the exchange's id; also the folder in the store",
    "symbol.symbol": "unified symbol",
    "symbol.ct_val": "coins a contract",
    "symbol.lot_sz": "size grid, contracts",
    "symbol.min_sz": "smallest order, contracts",
    "symbol.tick_sz": "price grid, quote currency",
    "symbol.max_market_sz": "largest market order, contracts",
    "symbol.max_leverage": "largest leverage setting",
    "symbol.funding_interval_hours": "hours between settlements, on the UTC grid",
    "symbol.tiers.as_of": "the day on which the tiers were like this",
    "symbol.tiers.source": "who says so; a text that begins with `assumed` counts as an estimate",
    "symbol.tiers.rows": "largest contracts, maintenance rate, initial rate of each tier",
    "symbol.tiers.ladder.imr_step": "initial rate added a tier",
    "window.start": "first open of the run; a day or a time, UTC",
    "window.end": "first open after the run",
}
"""What a key means where neither its model nor a comment in conf/ says it in words that stand alone."""

_BOUNDS = {"ge": "at least {:g}", "gt": "above {:g}", "le": "at most {:g}", "lt": "below {:g}"}
_KINDS = {int: "whole number", float: "number", Decimal: "number", str: "text", bool: "true, false"}
_COMMENTED = re.compile(r"^(?P<indent> *)(?P<key>\w+):(?P<value>[^#]*)(#\s*(?P<comment>.*))?$")


@dataclass(frozen=True, slots=True)
class Key:
    """One key as a user types it."""

    path: str
    field: FieldInfo


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[Key]:
    """Yield the leaf keys of `model`, groups included; alternatives of a union give their keys together.

    The tag of a union is left out: the choice of the group sets it.
    """
    seen = set()
    for name, field in model.model_fields.items():
        if _is_tag(field.annotation):
            continue
        path = f"{prefix}{name}"
        nested = models_in(field.annotation)
        if not nested:
            yield Key(path, field)
        for part in nested:
            for key in keys_of(part, f"{path}."):
                if key.path not in seen:
                    seen.add(key.path)
                    yield key


def choices(group: str) -> list[str]:
    """Return the choices of a group: the files in its folder; timeframes from fine to coarse."""
    names = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
    return sorted(names, key=TIMEFRAMES.index) if group == "timeframe" else names


def render_tables() -> str:
    """Return the generated part of the page."""
    parts = ["## Keys of every job", "", "Group: [store](#group-store) (`local`)."]
    parts += ["", *_table(_own_keys(JobConfig), "house")]
    for job, model in JOBS.items():
        groups = [group for group in _groups(model) if group not in _EVERY_JOB]
        used = ", ".join(f"[{group}](#group-{group}) (`{default_of(group, job)}`)" for group in groups)
        parts += [
            "",
            f"## jobs.{job}",
            "",
            f"Groups and what they are by default: {used}." if used else "No groups.",
        ]
        own = [key for key in _own_keys(model) if key.path.split(".")[0] not in _EVERY_JOB]
        parts += ["", *_table(own, job)] if own else ["", "No keys of its own."]
    for group in sorted({group for model in JOBS.values() for group in _groups(model)}):
        parts += ["", *_group(group)]
    return "\n".join(parts)


def render_page(page: str) -> str:
    """Return `page` with its generated part written anew.

    Raises:
        ValueError: the page has lost its marks.
    """
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has no '{BEGIN}' ... '{END}': put them back around the key tables")
    return f"{head}{BEGIN}\n\n{render_tables()}\n\n{END}{tail}"


def _groups(model: type[BaseModel]) -> list[str]:
    return [name for name in model.model_fields if (CONF / name).is_dir()]


def _own_keys(model: type[JobConfig]) -> list[Key]:
    return [key for key in keys_of(model) if not (CONF / key.path.split(".")[0]).is_dir()]


def _group(group: str) -> list[str]:
    default = next(found for found in (default_of(group, job) for job in (*JOBS, "house")) if found)
    listed = ", ".join(f"**`{name}`**" if name == default else f"`{name}`" for name in choices(group))
    lines = [f"## Group {group}", "", f"Choices: {listed}."]
    if group in ELSEWHERE:
        return [*lines, "", ELSEWHERE[group]]
    found = {
        key.path: key for model in JOBS.values() for key in keys_of(model) if key.path.split(".")[0] == group
    }
    return [*lines, "", *_table(list(found.values()), f"{group}/{default}")]


def default_of(group: str, job: str) -> str:
    """Return the choice of `group` in the defaults list of a job, empty where it makes none."""
    match = re.search(rf"^\s+- /?{group}: (\w+)$", (CONF / f"{job}.yaml").read_text(), re.MULTILINE)
    return match[1] if match else ""


def _table(keys: list[Key], file: str) -> list[str]:
    rows = ["| key | default | allowed | meaning |", "|---|---|---|---|"]
    for key in keys:
        cells = (f"`{key.path}`", _default(key, file), _allowed(key.field), meaning_of(key, file))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return rows


def _default(key: Key, file: str) -> str:
    """Return the value in `file`, or in another choice of the group that has the key."""
    group = file.partition("/")[0] if "/" in file else ""
    for candidate in [file, *(f"{group}/{choice}" for choice in choices(group) if group)]:
        value, _ = _commented(candidate).get(_inside(key.path, file), ("", ""))
        if value:
            return f"`{value}`" + (f" ({candidate.partition('/')[2]})" if candidate != file else "")
    return ""


def meaning_of(key: Key, file: str) -> str:
    """Return what a key means: by the list above, by its model, by the comment beside it in `file`.

    Raises:
        ValueError: nobody says it.
    """
    _, comment = _commented(file).get(_inside(key.path, file), ("", ""))
    text = _MEANINGS.get(key.path) or key.field.description or comment
    if not text:
        raise ValueError(f"{key.path} has no meaning: give its field a description")
    return text


def _inside(path: str, file: str) -> str:
    """Return the path of a key inside its own YAML file: without the group's name."""
    return path.partition(".")[2] if "/" in file else path


@cache
def _commented(file: str) -> dict[str, tuple[str, str]]:
    """Return value and comment by dotted key, read from the text: a YAML reader drops comments."""
    found: dict[str, tuple[str, str]] = {}
    above: list[tuple[int, str]] = []
    for line in (CONF / f"{file}.yaml").read_text().splitlines():
        match = _COMMENTED.match(line)
        if match is None:
            continue
        indent = len(match["indent"])
        above = [(depth, key) for depth, key in above if depth < indent]
        path = ".".join([*(key for _, key in above), match["key"]])
        found[path] = (match["value"].strip(), (match["comment"] or "").strip())
        above.append((indent, match["key"]))
    return found


def _allowed(field: FieldInfo) -> str:
    annotation, options = field.annotation, typing.get_args(field.annotation)
    if typing.get_origin(annotation) is typing.Literal:
        return ", ".join(f"`{option}`" for option in options)
    bounds = _bounds(field)
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        kinds = [_KINDS[kind] for kind in options if kind in _KINDS]
        return " ".join([" or ".join(["null", *kinds]), bounds]).strip()
    if typing.get_origin(annotation) is list:
        return "list"
    return " ".join([_KINDS.get(typing.cast("type", annotation), ""), bounds]).strip()


def _bounds(field: FieldInfo) -> str:
    """Return the bounds of a field in words, those inside an annotated alias included."""
    rules = [rule for entry in field.metadata for rule in (entry, *getattr(entry, "metadata", ()))]
    found = {name: getattr(rule, name) for rule in rules for name in _BOUNDS if hasattr(rule, name)}
    if found.keys() == {"ge", "le"}:
        return f"from {found['ge']:g} to {found['le']:g}"
    return " and ".join(_BOUNDS[name].format(bound) for name, bound in found.items())


def _is_tag(annotation: Any) -> bool:
    return typing.get_origin(annotation) is typing.Literal and len(typing.get_args(annotation)) == 1


def main() -> None:
    """Rewrite the tables in docs/configuration.md."""
    PAGE.write_text(render_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
