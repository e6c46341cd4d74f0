"""Memory for fills is used again, and never while anybody still looks at what lies in it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from arena.engine.memory import FillMemory
from tests.engine.markets import random_scene


@pytest.fixture
def memory() -> FillMemory:
    return FillMemory()


def address(rows: np.ndarray) -> int:
    return int(rows.__array_interface__["data"][0])


def test_memory_that_nobody_looks_at_is_lent_again(memory):
    first = memory.lend(100)
    place = address(first)
    del first
    assert address(memory.lend(60)) == place


@pytest.mark.parametrize(
    "part",
    [
        lambda lent: lent[:3],
        lambda lent: lent[3:]["price"],
        lambda lent: lent["price"][::2].reshape(-1, 1).view(np.int64),
        lambda lent: memoryview(lent["cash"]),
        lambda lent: lent[5],
    ],
    ids=["rows", "column", "view of a view", "buffer", "row"],
)
def test_memory_is_not_lent_while_a_part_is_held(memory, part):
    lent = memory.lend(100)
    place, held = address(lent), part(lent)
    del lent
    assert address(memory.lend(100)) != place
    del held


def test_more_rows_than_before_are_other_memory(memory):
    small = memory.lend(10)
    small["lots"] = 7.0
    del small
    large = memory.lend(20)
    large["lots"] = 1.0
    assert len(large) == 20


def test_threads_share_nothing(memory):
    place = address(memory.lend(100))
    others: list[int] = []
    thread = threading.Thread(target=lambda: others.append(address(memory.lend(100))))
    thread.start()
    thread.join()
    assert others != [place]
    assert address(memory.lend(100)) == place


def test_a_course_keeps_its_fills_through_later_runs():
    scene = random_scene(11)
    course = scene.run()
    before = course.compact_fills.copy()
    later = [random_scene(seed).run() for seed in range(20)]
    np.testing.assert_array_equal(course.compact_fills, before)
    assert len({address(one.compact_fills) for one in later}) == len(later)
