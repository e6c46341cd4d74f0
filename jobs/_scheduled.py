"""A job that stays: each slot is a recorded run of its own.

Invariant: a run that fails ends neither the process nor the slots that follow, and a request to stop
ends both cleanly.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from arena.config.schedule import ScheduledJobConfig
from arena.core.clock import to_iso, wall_clock
from arena.core.errors import ConfigError
from jobs._console import tell_note
from jobs._instance import only_instance
from jobs._interrupts import Interrupts
from jobs._schedule import Timetable, announcement, keep_running

ONCE = {"every_minutes": None, "delay_s": 0}
"""What a single run of a schedule has in its config, so that it can be run again by itself."""


def timetable_of(config: object) -> Timetable | None:
    """Return when a job with this config runs again, None where it runs once."""
    return Timetable.of(config.schedule) if isinstance(config, ScheduledJobConfig) else None


def without_schedule(composed: Any) -> Any:
    """Return a composed config whose run ends by itself."""
    from omegaconf import OmegaConf

    return OmegaConf.merge(composed, {"schedule": ONCE})


def run_scheduled(
    name: str,
    config: ScheduledJobConfig,
    timetable: Timetable,
    run: Callable[[], None],
    interrupts: Interrupts,
    *,
    sweeping: bool,
) -> None:
    """Do `run` slot after slot until a request to stop comes.

    Raises:
        ConfigError: another instance runs, or it was asked for within a sweep.
    """
    if sweeping:
        raise ConfigError("schedule and -m do not go together: a sweep ends, a schedule does not")
    lock = _lock_file(config.store.root, config.reports.root, name)
    with only_instance(lock, f"jobs.{name} on a schedule with this store") as before:
        if before is not None:
            alive = to_iso(before.alive_ms // 1000 * 1000)
            tell_note(f"process {before.pid} of {before.host} is gone since {alive}: its place is taken over")
        tell_note(announcement(name, timetable, wall_clock()))
        try:
            with interrupts.allowed():
                keep_running(lambda _slot: _one(run, interrupts), timetable)
        except KeyboardInterrupt:
            tell_note(f"jobs.{name} was asked to stop and has ended its schedule")


def _one(run: Callable[[], None], interrupts: Interrupts) -> None:
    """Do one run, then let a request that came meanwhile end the schedule."""
    run()
    if interrupts.asked:
        raise KeyboardInterrupt


def _lock_file(store_root: str, reports_root: str, name: str) -> Path:
    """Return the file that instances with the same store share."""
    place = reports_root if "://" in store_root else store_root
    return Path(place) / f".{name}.schedule.lock"
