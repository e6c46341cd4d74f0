"""Monthly partitions of the event tables on PostgreSQL, made when a row first needs them.

SQLite has none. Invariant: a row always finds a place, the DEFAULT partition if no other.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import Connection, Table
from sqlalchemy.exc import IntegrityError

Month = tuple[int, int]

_FIRST_MONTH_MS = 946_684_800_000  # 2000-01; anything outside goes to DEFAULT
_LAST_MONTH_MS = 4_102_444_800_000  # 2100-01
_LOCK_KEY = 0x616C6C65  # any constant: keeps two processes from making one partition at once


def default_name(table: str) -> str:
    """Return the name of the partition for rows outside of every month."""
    return f"{table}_default"


def partition_name(table: str, month: Month) -> str:
    """Return the name of a month's partition, e.g. `risk_events_y2026m01`."""
    return f"{table}_y{month[0]:04d}m{month[1]:02d}"


def is_partition(name: str, event_tables: Iterable[str]) -> bool:
    """Whether a table's name is that of a partition."""
    return any(name == default_name(table) or name.startswith(f"{table}_y") for table in event_tables)


def months_of(stamps: Iterable[int]) -> set[Month]:
    """Return the (year, month) in UTC of stamps in ms, those of this century alone."""
    known = {ts for ts in stamps if _FIRST_MONTH_MS <= ts < _LAST_MONTH_MS}
    moments = (datetime.fromtimestamp(ts / 1000, UTC) for ts in known)
    return {(moment.year, moment.month) for moment in moments}


def month_range(month: Month) -> tuple[int, int]:
    """Return the half-open range of a month in UTC ms."""
    year, number = month
    start = datetime(year, number, 1, tzinfo=UTC)
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    return int(start.timestamp()) * 1000, int(end.timestamp()) * 1000


def make_partitions(connection: Connection, table: Table, months: Iterable[Month]) -> None:
    """Make the partitions that are missing, inside the running transaction."""
    wanted = sorted(months)
    if not wanted:
        return
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})")
    for month in wanted:
        start, end = month_range(month)
        name = partition_name(table.name, month)
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(
                    f'CREATE TABLE IF NOT EXISTS "{name}" PARTITION OF "{table.name}" '
                    f"FOR VALUES FROM ({start}) TO ({end})"
                )
        except IntegrityError:
            continue  # rows of this month lie in DEFAULT already: its others follow them
