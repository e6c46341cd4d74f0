"""The venue's memory on disk: one SQLite file in WAL mode, one transaction for each change.

Knows records as text only. Invariant: what `save` returned from is there after the process was killed at any
moment; a loss of power may cost the last transactions, never half of one (synchronous=NORMAL).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from arena.core.errors import DataError

__all__ = ["State"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clock (
    id INTEGER PRIMARY KEY CHECK (id = 1), now INTEGER NOT NULL, serial INTEGER NOT NULL
);
"""
_UPSERT = "INSERT INTO record VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"
_CLOCK = "INSERT OR REPLACE INTO clock VALUES (1, ?, ?)"


class State:
    """A file that a venue resumes from; one venue at a time."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(self.path, timeout=1, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
            self._db.execute("BEGIN IMMEDIATE")  # takes the file for as long as it is open
            self._db.execute("COMMIT")
            (verdict,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise _unusable(self.path, str(error)) from error
        if verdict != "ok":
            self._db.close()
            raise _unusable(self.path, verdict)

    def clock(self) -> tuple[int, int] | None:
        """Return venue time and last serial number of the last transaction; None for a new file."""
        row = self._db.execute("SELECT now, serial FROM clock").fetchone()
        return None if row is None else (row[0], row[1])

    def records(self, kind: str) -> Iterator[str]:
        """Yield the bodies of one kind in the order of their keys."""
        for (body,) in self._db.execute("SELECT body FROM record WHERE kind = ? ORDER BY key", (kind,)):
            yield body

    def save(self, now: int, serial: int, changed: Iterable[tuple[str, str, str]]) -> None:
        """Write (kind, key, body) of everything that changed, with the clock, in one transaction."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(_UPSERT, changed)
            self._db.execute(_CLOCK, (now, serial))
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def close(self) -> None:
        self._db.close()


def _unusable(path: Path, found: str) -> DataError:
    if "locked" in found:
        return DataError(f"state of the paper exchange {path} is in use: stop the other exchange first")
    return DataError(f"state of the paper exchange {path} is not usable: {found}; move it away to start anew")
