"""The one writer of the ledger: runs, orders, decisions, risk, and the health of the candles.

Reads are in `reads`. Invariant: every method is one transaction, and a ledger is never opened
for writing when it is damaged or of another schema revision.
"""

from types import TracebackType
from typing import Self

from arena.core.clock import Clock, wall_clock
from arena.store.ledger.address import DEFAULT_URL, read_address
from arena.store.ledger.connection import LedgerConnection
from arena.store.ledger.cycles import CycleWrites
from arena.store.ledger.market_health import MarketHealthWrites
from arena.store.ledger.runs import RunWrites
from arena.store.ledger.soundness import IntegrityCheck, check_file, require_head, stored_revision
from arena.store.ledger.trading import TradingWrites
from arena.store.ledger.trials import TrialWrites


class Ledger(RunWrites, TrialWrites, CycleWrites, TradingWrites, MarketHealthWrites):
    """Writes to one ledger; may be used by several threads, which take turns."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; safe to call twice."""
        self._connection.close()


def open_ledger(
    url: str = DEFAULT_URL,
    *,
    clock: Clock = wall_clock,
    check: IntegrityCheck = "quick",
    lock_timeout_s: float = 30.0,
) -> Ledger:
    """Open a ledger for writing; an empty database is first brought to this code's schema.

    Args:
        url: `sqlite:///FILE` (relative to the working folder) or `postgresql://...`.
        clock: tells the day of the integrity check.
        check: "quick" reads a SQLite file's pages (a large file's once a day), "full" also holds its
            indexes against its tables: for a process that will trade.
        lock_timeout_s: how long to wait for another process that is writing to a SQLite file.

    Raises:
        ConfigError: the URL cannot be used, or its driver is not installed.
        DataError: the ledger is damaged, locked, unreachable, or of another schema revision.
    """
    address = read_address(url)
    connection = LedgerConnection(address, lock_timeout_s=lock_timeout_s)
    try:
        if connection.lock:
            with connection.lock.held():
                check_file(address, clock(), check)
        with connection.write() as transaction:
            revision = stored_revision(transaction)
        if revision is None:
            from arena.store.ledger.migration import migrate  # an empty database alone needs Alembic

            _, revision = migrate(url)
        require_head(address, revision)
    except BaseException:
        connection.close()
        raise
    return Ledger(connection, clock)
