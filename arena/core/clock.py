"""The one door to the wall clock, so that tests and replays can pass their own time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from arena.core.errors import ConfigError

Clock = Callable[[], int]
"""Returns the time in UTC milliseconds."""


def wall_clock() -> int:
    """Return the time now in UTC milliseconds."""
    return time.time_ns() // 1_000_000


def to_iso(ts_ms: int) -> str:
    """Return `ts_ms` as ISO-8601 UTC, milliseconds shown only where there are any."""
    moment = datetime.fromtimestamp(ts_ms / 1000, UTC)
    text = moment.isoformat(timespec="milliseconds" if ts_ms % 1000 else "seconds")
    return text.replace("+00:00", "Z")


def parse_time(text: str | int, key: str = "time") -> int:
    """Return UTC milliseconds for an ISO date or date-time (UTC when no zone is given) or for milliseconds.

    Raises:
        ConfigError: the text is neither.
    """
    if isinstance(text, int):
        return text
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        message = f"{key}='{text}' is not a time: write it like 2025-01-31 or 2025-01-31T12:00:00Z"
        raise ConfigError(message) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
