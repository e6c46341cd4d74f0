"""The market as it was known at a time, through the same door as always.

Reads through DataService and nothing else. Invariant: what was stored or changed later is not seen.
"""

from __future__ import annotations

from arena.data.service import DataService


def open_service(root: str, known_at: int | None) -> DataService:
    """Return the reads of the store at `root`, as of `known_at` (UTC ms) unless that is None."""
    return DataService(root, known_at=known_at)
