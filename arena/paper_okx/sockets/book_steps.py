"""An order book told in steps: all of it at first, then the levels that changed.

Pure. Invariant: a reader that applies every step, taking out levels of size 0, has the book whose checksum
the step carries.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from itertools import chain, zip_longest

from arena.paper_okx.sockets.messages import Row

__all__ = ["change_row", "checksum_of", "snapshot_row"]

Level = list[str]
Book = Mapping[str, object]
"""`asks` and `bids`, each a list of [price, contracts, "0", orders], best first."""

_CHECKED = 25  # levels a side that the checksum covers
_BEFORE_ALL = -1


def checksum_of(book: Book) -> int:
    """Return the CRC32, signed, of "bid:contracts:ask:contracts:..." over the best 25 levels."""
    pairs = zip_longest(levels(book, "bids")[:_CHECKED], levels(book, "asks")[:_CHECKED])
    parts = chain.from_iterable(level[:2] for level in chain.from_iterable(pairs) if level)
    unsigned = zlib.crc32(":".join(parts).encode())
    return unsigned - (1 << 32) if unsigned >= 1 << 31 else unsigned


def snapshot_row(book: Book, ts: int, sequence: int) -> Row:
    """Return the whole book as the first step."""
    return _row(book, book, ts, _BEFORE_ALL, sequence)


def change_row(before: Book, book: Book, ts: int, previous: int, sequence: int) -> Row:
    """Return the step from one book to the next; without a change it has no levels."""
    changed = {side: _changed(levels(before, side), levels(book, side)) for side in ("asks", "bids")}
    return _row(changed, book, ts, previous, sequence)


def levels(book: Book, side: str) -> list[Level]:
    """Return the levels of `asks` or `bids`, best first."""
    found = book[side]
    return found if isinstance(found, list) else []


def _row(told: Book, whole: Book, ts: int, previous: int, sequence: int) -> Row:
    return {
        "asks": told["asks"],
        "bids": told["bids"],
        "ts": str(ts),
        "checksum": checksum_of(whole),
        "prevSeqId": previous,
        "seqId": sequence,
    }


def _changed(before: list[Level], after: list[Level]) -> list[Level]:
    known, kept = {level[0]: level for level in before}, {level[0] for level in after}
    gone = [[px, "0", "0", "0"] for px in known if px not in kept]
    return [*gone, *(level for level in after if known.get(level[0]) != level)]
