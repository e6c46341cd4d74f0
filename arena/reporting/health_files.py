"""Write what a health scan leaves: in the run's folder, and into the day's statistics beside all runs.

Writes into the folders it is given. Invariant: whoever reads db_stats_* sees a whole file, and of two scans
that end at once neither is lost.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from arena.audit.health_day import HealthDay, add_scan
from arena.audit.health_result import HealthResult
from arena.reporting.health_html import render_health, render_health_day

RESULT, REPORT = "result.json", "report.html"


def write_health(folder: Path, result: HealthResult) -> None:
    """Write result.json and report.html into the run's folder."""
    (folder / RESULT).write_text(_as_json(result), encoding="utf-8")
    (folder / REPORT).write_text(render_health(result), encoding="utf-8")


def stats_path(root: Path, now: int, suffix: str = ".html") -> Path:
    """Return the name of the day's statistics; `now` is UTC ms."""
    return root / f"db_stats_{datetime.fromtimestamp(now / 1000, UTC):%Y%m%d}{suffix}"


def publish_stats(root: Path, now: int, result: HealthResult) -> None:
    """Put the scan into the statistics of its day; `now` is UTC ms."""
    path = stats_path(root, now, ".json")
    with _alone(root):
        day = add_scan(f"{datetime.fromtimestamp(now / 1000, UTC):%Y-%m-%d}", _scans_in(path), result)
        for target, text in (
            (path, _as_json(day)),
            (stats_path(root, now), render_health_day(day)),
        ):
            temp = target.with_name(f".{target.name}.{result.run.run_id}")
            temp.write_text(text, encoding="utf-8")
            temp.replace(target)


def _scans_in(path: Path) -> list[HealthResult]:
    """Return the scans of the day so far; a file that is none begins anew."""
    try:
        return HealthDay.model_validate_json(path.read_bytes()).scans
    except (FileNotFoundError, ValidationError):
        return []


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which ends with the process."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _as_json(model: HealthResult | HealthDay) -> str:
    return model.model_dump_json(indent=2) + "\n"
