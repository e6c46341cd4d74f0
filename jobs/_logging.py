"""The log of a run: sentences on the console, one JSON object a line in the run's folder.

Configures the loggers `arena` and `py.warnings` only; libraries keep their own. Invariant: a secret
of the environment is in no line, wherever it came from.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRET_NAME = re.compile(r"(^|_)(KEY|KEY_ID|SECRET|PASSPHRASE|PASSWORD|TOKEN)$")
_PASSWORD = re.compile(r"://[^:/@]*:(.+)@|[?&]password=([^&]+)")
_SHORTEST_SECRET = 6
_HIDDEN = "***"


class JsonLines(logging.Formatter):
    """One JSON object a record: time, level, logger, message, run id and the record's own fields."""

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self._run_id = run_id

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "run_id": self._run_id,
        }
        line.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        shown = {key: hide_secrets(value) if isinstance(value, str) else value for key, value in line.items()}
        return json.dumps(shown, default=str)


class ConsoleLines(logging.Formatter):
    """A sentence a record; the level only where it matters."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as people read it."""
        prefix = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        return hide_secrets(f"{prefix}{record.getMessage()}")


def open_log(path: Path | None, run_id: str) -> logging.Logger:
    """Return the `arena` logger, writing to the console and, where a path is given, to that file."""
    log = logging.getLogger("arena")
    close_log(log)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    console = logging.StreamHandler(sys.stderr)
    console.setLevel(logging.INFO)
    console.setFormatter(ConsoleLines())
    # a failure is told once, by the wrapper
    console.addFilter(lambda record: getattr(record, "event", "") not in {"failed", "bug"})
    log.addHandler(console)
    if path is not None:
        lines = logging.FileHandler(path, encoding="utf-8")
        lines.setFormatter(JsonLines(run_id))
        log.addHandler(lines)
        _warnings().addHandler(lines)
    return log


def close_log(log: logging.Logger) -> None:
    """Flush and detach the handlers of a run."""
    for handler in list(log.handlers):
        handler.close()
        log.removeHandler(handler)
        _warnings().removeHandler(handler)


def keep_warnings_from_console() -> None:
    """Send the warnings of Python and libraries to the log of the run; outside of one, nowhere."""
    logging.raiseExceptions = False  # a log that cannot be written is no reason for a trace on the console
    logging.captureWarnings(capture=True)
    warnings = _warnings()
    warnings.propagate = False
    warnings.addHandler(logging.NullHandler())


def hide_secrets(text: str) -> str:
    """Return `text` with the secrets of the environment replaced by stars."""
    for secret in _secrets(os.environ):
        if secret in text:
            text = text.replace(secret, _HIDDEN)
    return text


def secret_in(value: Any, key: str = "") -> str | None:
    """Return the key of the first text within `value` that holds a secret of the environment."""
    if isinstance(value, Mapping):
        inner = (secret_in(part, f"{key}.{name}" if key else str(name)) for name, part in value.items())
        return next((found for found in inner if found), None)
    if isinstance(value, list):
        return next((found for part in value if (found := secret_in(part, key))), None)
    return key if isinstance(value, str) and hide_secrets(value) != value else None


def _secrets(environment: Mapping[str, str]) -> list[str]:
    """Return what must not be shown, the longest first: a password goes with the URL around it."""
    found = {value for name, value in environment.items() if _SECRET_NAME.search(name)}
    url = environment.get("DATABASE_URL", "")
    for groups in _PASSWORD.findall(url):
        password = "".join(groups)
        found |= {url, password, unquote(password)}
    return sorted((text for text in found if len(text) >= _SHORTEST_SECRET), key=len, reverse=True)


def _warnings() -> logging.Logger:
    return logging.getLogger("py.warnings")
