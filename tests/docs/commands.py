"""The commands that the documents show, and what is done with each of them.

Nothing here runs anything. Invariant: a command has exactly one rule; one without a rule is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

PAGES = (
    "README.md",
    "README.zh-CN.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "data/README.md",
    "reports/README.md",
    "docs/*.md",
    "docs/adr/*.md",
)

RUN, TARGET, PATHS, SKIP, VALIDATE = "run", "target", "paths", "skip", "validate"

RULES: tuple[tuple[str, str, str], ...] = (
    (r"make [a-z-]+", TARGET, "long, or in need of a network: the target has to exist"),
    (r"python -m jobs\.ingest .*exchange=okx", VALIDATE, "asks OKX: its configuration is checked"),
    (r"python -m jobs\.(browse|monitor)", SKIP, "serves until stopped: their own tests start and stop them"),
    (r"python -m jobs\.paper_exchange\b", SKIP, "serves until stopped: tests/paper_okx starts each"),
    (r"python -m (jobs|arena)\.", RUN, ""),
    (r"ls ", RUN, ""),
    (r"python -m pytest ", PATHS, "tests do not start themselves: the paths have to exist"),
    (r"chromium ", SKIP, "takes a picture; the browser tests drive Chromium and say where it is missing"),
    (r"source \.venv/bin/activate$", SKIP, "for a person's shell; tests call the environment's own python"),
)
"""Pattern at the start of a command, what is done with it, and why it is not simply run."""

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXIT_CODE = re.compile(r"\s+# exit code (\d+)$")


@dataclass
class Command:
    """A command as shown, the exit code it announces and the lines of output shown below it."""

    text: str
    exit_code: int = 0
    shown: list[str] = field(default_factory=list)


def find_pages(project: Path) -> list[Path]:
    """Return the pages of the project, sorted."""
    return sorted({page for pattern in PAGES for page in project.glob(pattern)})


def blocks(text: str, *languages: str) -> list[str]:
    """Return the content of the fenced blocks in these languages."""
    return [match[2] for match in _BLOCK.finditer(text) if match[1] in languages]


def commands(text: str) -> list[Command]:
    """Return the commands of all `bash` blocks (a line each) and `console` blocks (after `$ `)."""
    found: list[Command] = []
    for match in _BLOCK.finditer(text):
        if match[1] == "bash":
            found += [_command(line) for line in match[2].splitlines() if line and not line.startswith("#")]
        elif match[1] == "console":
            found += _session(match[2])
    return found


def rule_of(command: str) -> str:
    """Return what is to be done with a command.

    Raises:
        LookupError: no rule covers it.
    """
    for pattern, action, _ in RULES:
        if re.match(pattern, command):
            return action
    raise LookupError(f"no rule covers `{command}`: add one to RULES with a reason, or take the command out")


def _session(block: str) -> list[Command]:
    found: list[Command] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(_command(line.removeprefix("$ ")))
        elif found and line.strip() not in {"", "..."}:
            found[-1].shown.append(line)
    return found


def _command(line: str) -> Command:
    code = _EXIT_CODE.search(line)
    return Command(_EXIT_CODE.sub("", line), int(code[1]) if code else 0)
