"""Keep refused rows where a person can look at them.

Writes CSV under `<store root>/rejects` and reads nothing back. Invariant: one file a source file and
run, whole or not at all; a row never appears both here and in the market store by the same run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from arena.exchange.files import Rejects
from arena.store.market.files import local_path

REJECTS_FOLDER = "rejects"

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def write_rejects(root: str, run_id: str, rejects: Sequence[Rejects]) -> list[str]:
    """Write each file's refused rows to `<root>/rejects/<run>-<file>.csv`; return the paths."""
    if not rejects:
        return []
    folder = local_path(root) / REJECTS_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for entry in rejects:
        path = _free_path(folder, f"{run_id}-{_UNSAFE.sub('_', entry.label)}")
        partial = path.with_suffix(".tmp")
        entry.frame.write_csv(partial)
        partial.replace(path)
        paths.append(path)
    return [str(path) for path in paths]


def _free_path(folder: Path, stem: str) -> Path:
    """Return a path that nothing has: files of one name may come from several folders."""
    stem = stem.removesuffix(".csv")
    path, number = folder / f"{stem}.csv", 2
    while path.exists():
        path, number = folder / f"{stem}-{number}.csv", number + 1
    return path
