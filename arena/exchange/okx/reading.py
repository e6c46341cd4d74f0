"""Reading an account's lists whole, however many pages they have and wherever OKX keeps them.

Invariant: each row comes once and none is left out, also when new ones are added while the pages are read;
what lies beyond OKX's memory is an error, never a shorter list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from arena.core.errors import DataError, ExchangeError
from arena.exchange.okx.client import OkxClient
from arena.exchange.okx.errors import Row

__all__ = ["DAY_MS", "History", "Reader"]

DAY_MS = 86_400_000
_ARCHIVE_MS = 90 * DAY_MS
_EDGE_MS = 3_600_000  # of a list's reach is not relied on
_PAGE = 100


@dataclass(frozen=True, slots=True)
class History:
    """A list that OKX keeps twice: for `reach_ms` at hand, for three months in an archive."""

    recent: str
    archive: str
    reach_ms: int
    id_key: str


class Reader:
    """Reads of one account."""

    def __init__(self, client: OkxClient) -> None:
        self._client = client

    def server_time(self) -> int:
        """Return the exchange's time, UTC ms, counted on from its newest answer."""
        return self._client.time.now_ms()

    def _read(self, path: str, params: Mapping[str, object]) -> list[Row]:
        given = {key: value for key, value in params.items() if value is not None}
        return self._client.get(path, given, private=True)

    def _pages(self, path: str, params: Mapping[str, object], id_key: str) -> Iterator[Row]:
        """Yield all rows of a list, newest first, each once; rows that are added meanwhile shift nothing."""
        seen: set[str] = set()
        after: str | None = None
        while rows := self._read(path, {**params, "limit": str(_PAGE), "after": after}):
            fresh = [row for row in rows if row.get(id_key) and row[id_key] not in seen]
            if not fresh:
                raise ExchangeError(
                    f"GET {path} of OKX repeats the page after {id_key} {after}: the rest is not known"
                )
            seen.update(row[id_key] for row in fresh)
            yield from fresh
            after = str(rows[-1][id_key])

    def _history(
        self, history: History, params: Mapping[str, object], begin_ms: int | None, end_ms: int | None
    ) -> list[Row]:
        """Return the rows of [begin_ms, end_ms], oldest first; without a begin all that is at hand."""
        window = {"begin": _text(begin_ms), "end": _text(end_ms)}
        paths = self._paths_since(history, begin_ms)
        rows = chain(*(self._pages(path, {**params, **window}, history.id_key) for path in paths))
        return sorted(
            {row[history.id_key]: row for row in rows}.values(), key=lambda row: int(row[history.id_key])
        )

    def _paths_since(self, history: History, begin_ms: int | None) -> list[str]:
        """Return what to read: what is at hand first, so that a row that leaves it meanwhile was in it."""
        age_ms = 0 if begin_ms is None else self.server_time() - begin_ms
        if age_ms > _ARCHIVE_MS:
            raise DataError(
                f"{history.archive} of {age_ms // DAY_MS} days was asked for and OKX remembers 90: "
                "begin later; what is older has to be in the ledger"
            )
        if age_ms < history.reach_ms - _EDGE_MS:
            return [history.recent]
        return [history.recent, history.archive]


def _text(ms: int | None) -> str | None:
    return None if ms is None else str(ms)
