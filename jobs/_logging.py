"""The log of a run: sentences on the console, one JSON object a line in the run's folder.

Configures the `arena` logger only; libraries keep their own. Secrets never reach it, because
no config model holds one.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


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
        return json.dumps(line, default=str)


class ConsoleLines(logging.Formatter):
    """A sentence a record; the level only where it matters."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as people read it."""
        prefix = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        return f"{prefix}{record.getMessage()}"


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
    return log


def close_log(log: logging.Logger) -> None:
    """Flush and detach the handlers of a run."""
    for handler in list(log.handlers):
        handler.close()
        log.removeHandler(handler)
