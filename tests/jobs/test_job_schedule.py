"""Slots, one instance at a time, and a job that is left running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, tzinfo
from pathlib import Path

import pytest
import schedule
from hypothesis import given
from hypothesis import strategies as st

from arena.config.base import validate
from arena.config.schedule import ScheduleConfig
from arena.core.errors import ConfigError
from jobs._instance import Owner, only_instance
from jobs._schedule import Timetable, announcement, keep_running

MINUTE = 60_000
QUARTER = Timetable(15 * MINUTE, 10_000)
NINE = 1_735_722_000_000  # 2025-01-01 09:00 UTC


class End(Exception):  # noqa: N818 - not an error: the test has seen enough
    """The test has seen enough."""


class Day:
    """A clock that moves when somebody pauses, and work that takes as long as it is told."""

    def __init__(self, now: int, looks: int, *, jumps: dict[int, int] | None = None) -> None:
        self.now, self.looks, self.jumps = now, looks, jumps or {}
        self.took: list[int] = []
        self.begun: list[tuple[int, int]] = []

    def clock(self) -> int:
        return self.now

    def pause(self, _seconds: float) -> None:
        self.looks -= 1
        if self.looks < 0:
            raise End
        self.now += self.jumps.pop(self.looks, 1_000)

    def work(self, slot: int) -> None:
        self.begun.append((slot, self.now))
        self.now += self.took.pop(0) if self.took else 0

    def run(self, work: Callable[[int], None] | None = None) -> list[int]:
        """Let the day pass; return the slots that ran, in minutes after nine."""
        day = self

        class Now(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # the library asks for its own time
                return datetime.fromtimestamp(day.now / 1000, tz)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(schedule.datetime, "datetime", Now)
            with pytest.raises(End):
                keep_running(work or self.work, QUARTER, clock=self.clock, pause=self.pause)
        return [(slot - NINE) // MINUTE for slot, _ in self.begun]


def test_a_run_at_once_and_then_one_a_slot() -> None:
    day = Day(NINE + 20_000, 3_600)
    assert day.run() == [0, 15, 30, 45, 60]
    assert [now - slot for slot, now in day.begun[1:]] == [10_000] * 4


def test_slots_that_a_long_run_missed_are_caught_up_once() -> None:
    day = Day(NINE + 20_000, 2_000)
    day.took = [0, 40 * MINUTE]
    assert day.run() == [0, 15, 45, 60]  # 30 passed while 15 ran


def test_slots_that_a_sleeping_machine_missed_are_caught_up_once() -> None:
    day = Day(NINE + 20_000, 200, jumps={150: 3 * 3_600_000})
    assert day.run() == [0, 180]


def test_a_clock_that_jumps_back_runs_no_slot_twice() -> None:
    day = Day(NINE + 20_000, 4_000, jumps={2_500: -45 * MINUTE})
    slots = day.run()
    assert slots == sorted(set(slots))


def test_no_run_begins_within_another() -> None:
    day = Day(NINE + 20_000, 500)
    depth: list[int] = []

    def work(slot: int) -> None:
        assert not depth
        depth.append(slot)
        day.now += 20 * MINUTE
        depth.pop()

    day.run(work)


@given(
    now=st.integers(0, 4 * 10**12), every=st.sampled_from([1, 5, 15, 60, 240, 1440]), delay=st.integers(0, 59)
)
def test_the_newest_slot_is_due_and_the_next_is_not(now: int, every: int, delay: int) -> None:
    table = Timetable(every * MINUTE, delay * 1000)
    slot = table.slot(now)
    assert slot % (every * MINUTE) == 0
    assert slot + delay * 1000 <= now < table.next_due(now)


def test_the_first_words_say_when_it_runs_again() -> None:
    assert "every 15 minutes, next at 2025-01-01T09:15:10Z" in announcement("ingest", QUARTER, NINE + 20_000)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"every_minutes": 7, "delay_s": 0}, "does not divide a day"),
        ({"every_minutes": 5, "delay_s": 300}, "must be shorter than 5 minutes"),
        ({"every_minutes": 0, "delay_s": 0}, "at least 1"),
    ],
)
def test_slots_off_the_grid_are_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(ScheduleConfig, values)


class TestOneInstance:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "store" / ".ingest.schedule.lock"

    def test_a_second_one_is_told_who_runs(self, path: Path) -> None:
        with only_instance(path, "jobs.ingest", clock=lambda: NINE):
            self.wait_for_owner(path)
            second = only_instance(path, "jobs.ingest", clock=lambda: NINE + 3_000)
            with pytest.raises(ConfigError) as caught:
                second.__enter__()
        who = f"process {os.getpid()} of {os.uname().nodename}, since 2025-01-01T09:00:00Z, alive 3 s ago"
        assert f"jobs.ingest is running already ({who}; {path}): stop that one first" == str(caught.value)

    def test_a_clean_end_leaves_nobody_behind(self, path: Path) -> None:
        for _ in range(2):
            with only_instance(path, "jobs.ingest") as before:
                assert before is None
        assert path.read_bytes() == b""

    def test_a_killed_one_is_taken_over_from(self, path: Path) -> None:
        code = (
            "import os, signal, pathlib, time\n"
            "from jobs._instance import only_instance\n"
            f"path = pathlib.Path({str(path)!r})\n"
            "with only_instance(path, 'jobs.ingest'):\n"
            "    while not path.read_bytes(): time.sleep(0.001)\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        killed = subprocess.run([sys.executable, "-c", code], check=False)
        assert killed.returncode == -signal.SIGKILL
        with only_instance(path, "jobs.ingest") as before:
            assert before is not None
            assert before.pid != os.getpid()

    def test_one_on_another_machine_counts_while_it_gives_signs_of_life(self, path: Path) -> None:
        path.parent.mkdir()
        other = Owner(1, "elsewhere", NINE, NINE)
        path.write_text(json.dumps({"pid": 1, "host": "elsewhere", "since_ms": NINE, "alive_ms": NINE}))
        with (
            pytest.raises(ConfigError, match="process 1 of elsewhere"),
            only_instance(path, "jobs.ingest", clock=lambda: NINE + 30_000),
        ):
            pass
        with only_instance(path, "jobs.ingest", clock=lambda: NINE + 90_000) as before:
            assert before == other

    def test_signs_of_life_go_on_while_it_runs(self, path: Path) -> None:
        times = iter(range(NINE, NINE + 10_000_000, 1_000))
        with only_instance(path, "jobs.ingest", clock=lambda: next(times), beat_s=0.002):
            seen: set[int] = set()
            deadline = time.monotonic() + 10
            while len(seen) < 3 and time.monotonic() < deadline:
                if path.read_bytes():
                    seen.add(json.loads(path.read_bytes())["alive_ms"])
            assert len(seen) >= 3

    def test_a_torn_file_blocks_nobody(self, path: Path) -> None:
        path.parent.mkdir()
        path.write_text("{torn")
        with only_instance(path, "jobs.ingest") as before:
            assert before is None

    def wait_for_owner(self, path: Path) -> None:
        deadline = time.monotonic() + 10
        while not path.read_bytes() and time.monotonic() < deadline:
            time.sleep(0.001)
