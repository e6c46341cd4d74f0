"""How far a long step is, with its pace and the time that is left.

Invariant: nothing is written for a step that is over within half a minute, unless a person watches.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging import Logger

_LINE_EVERY_S = 30.0


@contextmanager
def progress_of(label: str, total: int, log: Logger) -> Iterator[Callable[[int], None]]:
    """Yield `update(done)`: it moves a bar on a terminal, elsewhere it writes a line now and then."""
    if not sys.stderr.isatty():
        yield ProgressLines(label, total, log.info)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:,.0f} a second")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.update(task, completed=done)


class ProgressLines:
    """Writes a line every half minute: done, pace and time left, counted from the first call on."""

    def __init__(
        self,
        label: str,
        total: int,
        write: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._label, self._total, self._write, self._clock = label, total, write, clock
        self._begin = self._told = clock()

    def __call__(self, done: int) -> None:
        """Tell how much is done."""
        now = self._clock()
        if now - self._told < _LINE_EVERY_S:
            return
        self._told = now
        pace = done / (now - self._begin)
        left = f", {(self._total - done) / pace:,.0f} s left" if pace > 0 else ""
        self._write(f"{self._label}: {done:,} of {self._total:,}, {pace:,.0f} a second{left}")
