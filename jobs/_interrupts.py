"""When Ctrl-C and a termination request may stop a job.

Both raise KeyboardInterrupt where work can be thrown away and wait where it cannot. Invariant:
one request raises once, so that cleaning up after it is never cut short by a second one.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """The requests to stop that reach this process."""

    def __init__(self) -> None:
        self._open = True
        self._asked = False

    @property
    def asked(self) -> bool:
        """Whether somebody has asked to stop."""
        return self._asked

    def listen(self) -> None:
        """Take both signals over for the rest of the process."""
        for number in _SIGNALS:
            signal.signal(number, self._hear)

    def close(self) -> None:
        """Raise no more: the process is about to end by itself."""
        self._open = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let requests wait during the block; one that waited is met by the next `allowed`."""
        before, self._open = self._open, False
        try:
            yield
        finally:
            self._open = before and not self._asked

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Raise KeyboardInterrupt for a request during the block, or for one that has waited."""
        if self._asked:
            raise KeyboardInterrupt
        self._open = True
        try:
            yield
        finally:
            self._open = False

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
        if self._open:
            self._open = False
            raise KeyboardInterrupt
