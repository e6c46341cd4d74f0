"""Progress where nobody watches: a line now and then, with pace and time left."""

from __future__ import annotations

from jobs._progress import ProgressLines


def test_lines_come_every_half_minute_with_pace_and_time_left() -> None:
    lines: list[str] = []
    now = 100.0
    update = ProgressLines("ingest", 100_000, lines.append, clock=lambda: now)
    for seconds in range(1, 76):
        now = 100.0 + seconds
        update(1_000 * seconds)
    assert lines == [
        "ingest: 30,000 of 100,000, 1,000 a second, 70 s left",
        "ingest: 60,000 of 100,000, 1,000 a second, 40 s left",
    ]


def test_a_step_that_has_not_begun_has_no_time_left() -> None:
    lines: list[str] = []
    times = iter([0.0, 40.0])
    ProgressLines("ingest", 10, lines.append, clock=lambda: next(times))(0)
    assert lines == ["ingest: 0 of 10, 0 a second"]
