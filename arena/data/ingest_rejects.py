"""Keep refused rows where a person can look at them.

Writes CSV under `<store root>/rejects` and reads nothing back. Invariant: one file a source file and
run, whole or not at all; a row never appears both here and in the market store by the same run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from arena.exchange.files import Rejects
from arena.store.market.files import Files, open_files

REJECTS_FOLDER = "rejects"

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def write_rejects(root: str, run_id: str, rejects: Sequence[Rejects]) -> list[str]:
    """Write each file's refused rows to `<root>/rejects/<run>-<file>.csv`; return the paths.

    What an import left half-written that was killed is removed.
    """
    files = open_files(root, REJECTS_FOLDER)
    for temp in files.dead_temps():
        temp.unlink(missing_ok=True)
    paths: list[str] = []
    for entry in rejects:
        name = _free_name(files, f"{run_id}-{_UNSAFE.sub('_', entry.label)}")
        files.write_whole(name, entry.frame.write_csv().encode())
        paths.append(str(files.path(name)))
    return paths


def _free_name(files: Files, stem: str) -> str:
    """Return a name that nothing has: files of one name may come from several folders."""
    stem = stem.removesuffix(".csv")
    name, number = f"{stem}.csv", 2
    while files.exists(name):
        name, number = f"{stem}-{number}.csv", number + 1
    return name
