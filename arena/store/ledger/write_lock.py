"""One writer at a time on a SQLite ledger, across threads and processes.

SQLite 3.7.0 to 3.51.2 can lose commits when several processes write or checkpoint one WAL at
once; an OS lock on a file beside the ledger keeps them apart. It is held around a write alone,
and the system lets go of it when its holder dies.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arena.core.errors import DataError

_FIRST_WAIT_S = 0.0005
_LONGEST_WAIT_S = 0.02


class WriteLock:
    """Lock file of the ledger at `ledger`; waits up to `timeout_s` for another writer."""

    def __init__(self, ledger: Path, timeout_s: float = 30.0) -> None:
        self.path = ledger.with_name(ledger.name + ".lock")
        self._ledger = ledger
        self._timeout_s = timeout_s

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock.

        Raises:
            DataError: another process kept it for too long, or the lock file cannot be made.
        """
        handle = self._open()
        try:
            self._acquire(handle)
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(handle)  # lets go of the lock

    def _open(self) -> int:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            message = f"ledger {self._ledger}: the lock file {self.path} cannot be opened: {error.strerror}"
            raise DataError(f"{message}; make the folder writable or choose another DATABASE_URL") from error

    def _acquire(self, handle: int) -> None:
        deadline = time.monotonic() + self._timeout_s
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    holder = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
                    message = f"ledger {self._ledger}: process {holder} has been writing"
                    message += f" for more than {self._timeout_s:g} s; wait for it or stop it"
                    raise DataError(message) from None
            else:
                return
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
