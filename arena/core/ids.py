"""Run ids, how a command names a run, and content hashes.

A run id sorts by time and ends in the hash of the resolved config, so that two runs of one
config are seen to be so at a glance.
"""

import hashlib
import json
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

REPORTS_ROOT = "reports"
"""Where runs are unless `reports.root` says otherwise."""


def canonical_json(value: Any) -> str:
    """Return `value` as JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def content_hash(value: Any) -> str:
    """Return the SHA-256 of `value` as canonical JSON, in hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def make_run_id(now_ms: int, config_hash: str) -> str:
    """Return an id like `20260131T120000-123-9f3c2a1b`: UTC time, milliseconds, config hash."""
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    return f"{moment:%Y%m%dT%H%M%S}-{now_ms % 1000:03d}-{config_hash[:8]}"


def resume_command(folder: Path) -> str:
    """Return the command that goes on with the sweep in `folder`, which is ROOT/JOB/RUN."""
    root = folder.parents[1]
    words = [f"jobs.{folder.parent.name}", f"resume={folder.name}"]
    if root.resolve() != Path(REPORTS_ROOT).resolve():
        words.append(f"reports.root={root}")
    return shlex.join(["python", "-m", *words])
