"""Write what a health scan leaves: in the run's folder, and under the day's name beside all runs.

Writes into the folders it is given. Invariant: whoever reads db_stats_* sees a whole file of one scan.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from arena.audit.health_result import HealthResult
from arena.reporting.health_html import render_health

RESULT, REPORT = "result.json", "report.html"


def write_health(folder: Path, result: HealthResult) -> None:
    """Write result.json and report.html into the run's folder."""
    (folder / RESULT).write_text(result.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (folder / REPORT).write_text(render_health(result), encoding="utf-8")


def stats_path(root: Path, now: int, suffix: str = ".html") -> Path:
    """Return the name of the day's statistics; `now` is UTC ms."""
    return root / f"db_stats_{datetime.fromtimestamp(now / 1000, UTC):%Y%m%d}{suffix}"


def publish_stats(root: Path, now: int, folder: Path) -> None:
    """Put the scan in `folder` under the name of its day; the newest scan of a day stands there."""
    for name in (RESULT, REPORT):
        target = stats_path(root, now, ".json" if name == RESULT else ".html")
        temp = target.with_name(f".{target.name}.{folder.name}")
        temp.write_bytes((folder / name).read_bytes())
        temp.replace(target)
