"""A job that stays: each slot is a recorded run of its own.

Invariant: a run that fails ends neither the process nor the slots that follow, and a request to stop
ends both cleanly.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeGuard

from arena.config.schedule import ScheduledJobConfig
from arena.core.clock import to_iso, wall_clock
from arena.core.errors import ConfigError
from jobs._console import tell_note
from jobs._instance import only_instance
from jobs._interrupts import Interrupts
from jobs._schedule import Timetable, announcement, keep_running


def is_scheduled(config: object) -> TypeGuard[ScheduledJobConfig]:
    """Whether a job with this config stays."""
    return isinstance(config, ScheduledJobConfig) and config.schedule.every_minutes is not None


def run_scheduled(
    name: str,
    config: ScheduledJobConfig,
    composed: Any,
    run_one: Callable[[Any, float], object],
    fail: Callable[[Exception], None],
    interrupts: Interrupts,
    sweeping: bool,  # noqa: FBT001 - a fact of the call
) -> None:
    """Do `run_one` of the composed config without its schedule, slot after slot, until a request to stop.

    What a run raises goes to `fail`.

    Raises:
        ConfigError: another instance runs, or it was asked for within a sweep.
    """
    if sweeping:
        raise ConfigError("schedule and -m do not go together: a sweep ends, a schedule does not")
    timetable, single = Timetable.of(config.schedule), _once(composed)

    def work(_slot: int) -> None:
        try:
            run_one(single, time.perf_counter())
        except Exception as error:  # noqa: BLE001 - told by `fail`; the next slot has a run of its own
            fail(error)
        if interrupts.asked:
            raise KeyboardInterrupt

    lock = _lock_file(config.store.root, config.reports.root, name)
    with only_instance(lock, f"jobs.{name} on a schedule with this store") as before:
        if before is not None:
            alive = to_iso(before.alive_ms // 1000 * 1000)
            tell_note(f"process {before.pid} of {before.host} is gone since {alive}: its place is taken over")
        tell_note(announcement(name, timetable, wall_clock()))
        try:
            with interrupts.allowed():
                keep_running(work, timetable)
        except KeyboardInterrupt:
            tell_note(f"jobs.{name} was asked to stop and has ended its schedule")


def _once(composed: Any) -> Any:
    """Return a composed config whose run ends by itself, and can be run again by itself."""
    from omegaconf import OmegaConf

    return OmegaConf.merge(composed, {"schedule": {"every_minutes": None, "delay_s": 0}})


def _lock_file(store_root: str, reports_root: str, name: str) -> Path:
    """Return the file that instances with the same store share."""
    place = reports_root if "://" in store_root else store_root
    return Path(place) / f".{name}.schedule.lock"
