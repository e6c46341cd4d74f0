"""The venue's time: by the wall, faster, by step; never back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.core.errors import ConfigError
from arena.paper_okx.clock import VenueClock

START = 1_700_000_000_000


class Wall:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.ms = 1_800_000_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.mark.parametrize(("speed", "passed"), [(1.0, 2_000), (60.0, 120_000), (0.5, 1_000), (0.0, 0)])
def test_time_passes_at_its_speed(speed, passed):
    wall = Wall()
    clock = VenueClock(START, speed=speed, wall=wall)
    wall.ms += 2_000
    assert clock.now() == START + passed


def test_a_change_of_speed_keeps_the_time():
    wall = Wall()
    clock = VenueClock(START, speed=60.0, wall=wall)
    wall.ms += 1_000
    clock.set_speed(1.0)
    wall.ms += 1_000
    assert clock.now() == START + 61_000


def test_steps_and_jumps_go_on_from_the_time_of_the_moment():
    wall = Wall()
    clock = VenueClock(START, speed=1.0, wall=wall)
    wall.ms += 500
    assert clock.step(1_000) == START + 1_500
    assert clock.jump(START + 9_000) == START + 9_000
    wall.ms += 1
    assert clock.now() == START + 9_001


def test_a_step_back_is_refused():
    clock = VenueClock(START, speed=0.0, wall=Wall())
    with pytest.raises(ConfigError, match="cannot go back by 5 ms"):
        clock.jump(START - 5)
    assert clock.now() == START


@pytest.mark.parametrize("speed", [-1.0, float("nan"), 1e9])
def test_a_speed_out_of_range_is_refused(speed):
    with pytest.raises(ConfigError, match=r"clock\.speed"):
        VenueClock(START, speed=speed)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("wall"), st.integers(-5_000, 5_000)),  # somebody sets the machine's clock
            st.tuples(st.just("step"), st.integers(0, 10_000)),
            st.tuples(st.just("speed"), st.sampled_from([0.0, 1.0, 3.7, 60.0])),
        )
    )
)
def test_time_never_goes_back(moves):
    wall = Wall()
    clock = VenueClock(START, wall=wall)
    last = clock.now()
    for kind, value in moves:
        if kind == "wall":
            wall.ms += int(value)
        elif kind == "step":
            clock.step(int(value))
        else:
            clock.set_speed(value)
        assert clock.now() >= last
        last = clock.now()
