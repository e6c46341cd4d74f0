"""Run a job slot after slot until somebody asks to stop.

Knows nothing of what the job does. Invariant: one run at a time, at most one a slot; of the slots that
passed meanwhile the newest alone is caught up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from arena.config.schedule import ScheduleConfig
from arena.core.clock import Clock, to_iso, wall_clock

_LOOK_EVERY_S = 1


@dataclass(frozen=True, slots=True)
class Timetable:
    """Slots of `every_ms` on the UTC grid, each due `delay_ms` after its begin."""

    every_ms: int
    delay_ms: int

    @staticmethod
    def of(config: ScheduleConfig) -> Timetable:
        """Return the timetable of a config that has slots."""
        return Timetable((config.every_minutes or 0) * 60_000, round(config.delay_s * 1000))

    def slot(self, now_ms: int) -> int:
        """Return the begin of the newest slot that is due, UTC ms."""
        due = now_ms - self.delay_ms
        return due - due % self.every_ms

    def next_due(self, now_ms: int) -> int:
        """Return when the next slot is due, UTC ms."""
        return self.slot(now_ms) + self.every_ms + self.delay_ms

    def __str__(self) -> str:
        return f"every {self.every_ms // 60_000} minutes"


def keep_running(
    work: Callable[[int], None],
    timetable: Timetable,
    *,
    clock: Clock = wall_clock,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Do `work(slot)` at once and then once a slot; ends by the exception that `work` or `pause` raises.

    The clock is looked at every second instead of slept to: it may jump, and the machine may sleep.
    """
    import schedule

    newest: int | None = None

    def look() -> None:
        nonlocal newest
        slot = timetable.slot(clock())
        if newest is None or slot > newest:
            newest = slot
            work(slot)

    scheduler = schedule.Scheduler()
    scheduler.every(_LOOK_EVERY_S).seconds.do(look)
    look()
    while True:
        scheduler.run_pending()
        pause(_LOOK_EVERY_S)


def announcement(name: str, timetable: Timetable, now_ms: int) -> str:
    """Return the sentence with which a scheduled job begins."""
    return (
        f"jobs.{name} runs now and then {timetable}, next at {to_iso(timetable.next_due(now_ms))}; "
        "Ctrl-C or SIGTERM ends it"
    )
