"""The pass by stretches equals the pass by bars: state, fills and equity, bit for bit."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.engine.account import AccountRules
from arena.engine.crosses import compare_series, cross_memory, cross_runs, lead_of
from arena.engine.jit import kernel
from arena.engine.kernel import run_bars
from arena.engine.lanes import LANES
from arena.engine.records import COMPACT_FILL_DTYPE, FillReason
from arena.engine.settlements import place_settlements
from arena.engine.simulate import account_rules, new_state
from arena.engine.stretches import market_guide, run_stretches, runs_of
from arena.engine.trial_memory import COURSE_DTYPE
from tests.engine.markets import HOUR, Scene, make_bars, make_signal, random_scene, scene_of

ROOM = 4_000


@kernel
def by_stretches(signal, funding, tier_lots, tier_mmr, rules, state, fills, equity, guide, memory, piece):
    """Pass the bars a piece at a time, each written into memory of its own, as trials do."""
    starts, targets, course, written = memory
    count = runs_of(signal[0], starts, targets)
    bars = len(signal[0])
    course[0].run = 0
    for begin in range(0, bars, piece):
        end = min(begin + piece, bars)
        done = run_stretches(
            (starts, targets, count),
            (signal[1], signal[2], 0, 1.0, 1.0),
            funding,
            tier_lots,
            tier_mmr,
            rules,
            state,
            fills,
            written,
            guide,
            course[0],
            begin,
            end,
        )
        for bar in range(begin, done):
            equity[bar] = written[bar - begin]
        if done < end:
            return done
    return bars


@kernel
def runs_of_a_cross(series, upper, lower, ready, offset, bars, up, down, starts, targets, memory, counts):
    """Write the runs of each cross, and how many there are: -1 where it is unclear."""
    compare_series(series, upper, lower, ready, offset, bars, 0, len(upper), memory)
    words, unclear = memory
    for trial in range(len(upper)):
        counts[trial] = -1
        if not unclear[trial]:
            begin = max(ready[trial] - offset, 0)
            counts[trial] = cross_runs(
                words[trial], lead_of(offset), begin, bars, up, down, starts[trial], targets[trial]
            )


def both(scene: Scene, room: int = ROOM, piece: int | None = None):
    bars, mark, due, signal = scene.bars, scene.mark, scene.settlements, scene.signal
    market = (bars.ts, bars.open, bars.high, bars.low, bars.close, mark.open, mark.high, mark.low)
    tiers = scene.instrument.tiers.tiers
    lots = np.array([tier.max_contracts / scene.instrument.lot_sz for tier in tiers])
    mmr = np.array([tier.mmr for tier in tiers])
    rules = AccountRules(*account_rules(scene.instrument, scene.settings))
    funding = (due.bar, due.at_open, due.rate, due.mark)
    found = []
    for run in (run_bars, by_stretches):
        state = new_state(scene.settings.initial_capital)
        state["last_ref"] = bars.open[0]
        fills, equity = np.zeros(room, COMPACT_FILL_DTYPE), np.empty(len(bars) + LANES)
        common = (
            (signal.target, signal.stop_distance, signal.take_distance),
            funding, lots, mmr, rules, state, fills,
        )  # fmt: skip
        if run is run_bars:
            written = equity[: len(bars)]
            done = run(market, bars.timeframe.step_ms, *common, written, 0, (None, None, None, None))
        else:
            guide = market_guide(market, bars.timeframe.step_ms, funding)
            size, own = len(bars) + 2, piece or len(bars)
            memory = (
                np.empty(size, np.int64),
                np.empty(size),
                np.zeros(1, COURSE_DTYPE),
                np.empty(own + LANES),
            )
            done = run(*common, equity, guide, memory, own)
        found.append((done, state[0], fills[: int(state[0]["fills"])], equity[:done]))
    return found


def assert_equal(scene: Scene, room: int = ROOM, piece: int | None = None) -> np.ndarray:
    one, other = both(scene, room, piece)
    (done, state, fills, equity), (other_done, other_state, other_fills, other_equity) = one, other
    assert other_done == done
    for name in state.dtype.names:
        assert np.array_equal(other_state[name], state[name], equal_nan=True), name
    for name in fills.dtype.names:
        assert np.array_equal(other_fills[name], fills[name]), name
    assert np.array_equal(other_equity, equity)
    return fills


@settings(max_examples=1500, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), piece=st.sampled_from([None, None, 1, 3, 16]))
def test_any_generated_market_passes_alike(seed, piece):
    assert_equal(random_scene(seed), piece=piece)


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    parts=st.integers(2, 12),
    dust=st.booleans(),
    piece=st.sampled_from([None, None, 50, 128]),
)
def test_long_holds_pass_alike(seed, parts, dust, piece):
    assert_equal(long_scene(seed, parts, dust=dust), piece=piece)


def long_scene(seed: int, parts: int, *, dust: bool) -> Scene:
    """Hundreds of bars with few decisions: stops, take-profits and liquidations far from the entry."""
    rng = np.random.default_rng(seed)
    bars = 64 * parts + int(rng.integers(-9, 9))
    sigma = float(rng.choice([0.001, 0.004, 0.02]))
    close = np.maximum(10.0, np.round(30_000 * np.exp(np.cumsum(rng.standard_normal(bars) * sigma)), 1))
    open_ = np.concatenate(([30_000.0], close[:-1]))
    high = np.round(np.maximum(open_, close) * (1 + abs(rng.standard_normal(bars)) * sigma / 2), 1)
    low = np.round(np.minimum(open_, close) * (1 - abs(rng.standard_normal(bars)) * sigma / 2), 1)
    made = make_bars(
        list(zip(open_, high, low, close, strict=True)), skip=tuple(set(rng.integers(1, bars, 3).tolist()))
    )
    turns = np.sort(rng.integers(0, bars, int(rng.integers(1, 9))))
    target = np.zeros(bars)
    for turn in turns:
        target[turn:] = rng.choice([-1.0, -0.4, 0.0, 0.5, 1.0])
    distance = close * sigma * float(rng.choice([2, 8, 40]))
    stop = distance if rng.random() < 0.5 else np.full(bars, np.nan)
    take = 2 * distance if rng.random() < 0.5 else None
    every = int(rng.choice([1, 8])) * HOUR.step_ms
    offset = 1_800_000 if rng.random() < 0.3 else 0
    when = np.arange(0, int(made.ts[-1]), every) + offset
    size = 0.01 if dust else 0.0003
    funding = [(int(ts), float(rng.standard_normal() * size), float(rng.choice(close))) for ts in when]
    scene = scene_of(
        made,
        make_signal(target, stop, take),
        funding=funding,
        leverage=float(rng.choice([1, 3, 10, 50, 100])),
        isolated=bool(rng.random() < 0.4),
        size_value=float(rng.choice([0.2, 1.0])),
        first_bar=int(rng.choice([0, 1, 50, bars])),
    )
    if rng.random() < 0.3:  # a mark price that is not consistent with itself
        mark = scene.mark
        scene = replace(scene, mark=replace(mark, low=mark.low + rng.standard_normal(bars) * sigma * 30_000))
    return scene


def test_generated_markets_hold_every_reason():
    reasons: Counter[int] = Counter()
    for seed in range(300):
        reasons.update(assert_equal(random_scene(seed))["reason"].tolist())
        reasons.update(assert_equal(long_scene(seed, 4, dust=seed % 2 == 0))["reason"].tolist())
    assert set(reasons) == {int(reason) for reason in FillReason} - {
        FillReason.OPEN_LIMIT
    }  # nothing rests here
    assert min(reasons.values()) > 20


@pytest.mark.parametrize("room", [161, 164, 180])
def test_too_little_room_is_told_and_never_overrun(room):
    stopped = 0
    for seed in range(40):
        scene = random_scene(seed)
        _, (done, state, fills, equity) = both(scene, room)
        assert len(fills) == int(state["fills"]) <= room
        _, (_, _, all_fills, whole) = both(scene)
        assert np.array_equal(fills, all_fills[: len(fills)])
        assert np.array_equal(equity, whole[:done])
        stopped += done < len(whole)
    assert stopped > 0


def test_a_market_without_settlements_or_with_one_bar_passes():
    bars = make_bars([(100.0, 101.0, 99.0, 100.0)])
    assert_equal(scene_of(bars, make_signal(np.ones(1))))
    bars = make_bars([(100.0, 101.0, 99.0, 100.0)] * 200)
    assert_equal(scene_of(bars, make_signal(np.ones(200)), leverage=100.0))


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    bars=st.integers(1, 80),
    offset=st.integers(0, 20),
    begin=st.integers(0, 90),
    sides=st.sampled_from([(1.0, -1.0), (1.0, -0.0), (0.0, -1.0)]),
)
def test_runs_of_a_cross_are_those_of_its_target(seed, bars, offset, begin, sides):
    rng = np.random.default_rng(seed)
    upper, lower = rng.integers(0, 12, bars + offset) + 0.5, rng.integers(0, 12, bars + offset) + 0.0
    if rng.random() < 0.2:
        upper[rng.integers(0, len(upper))] = rng.choice([np.nan, 3.0])
    target = np.where(upper > lower, sides[0], sides[1])[offset:]
    target[:begin] = 0.0
    made = (np.empty((1, bars + 2), np.int64), np.empty((1, bars + 2)))
    series, ready = np.stack([upper, lower]), np.array([begin + offset])
    zero, one = np.array([0]), np.array([1])
    count = np.empty(1, np.int64)
    runs_of_a_cross(series, zero, one, ready, offset, bars, *sides, *made, cross_memory(bars), count)
    known = (upper != lower) & ~np.isnan(upper)
    if count[0] < 0:
        assert not known[offset + begin :].all()
        return
    assert begin >= bars or known[offset + begin :].all()
    starts, targets = made[0][0, : count[0]], made[1][0, : count[0]]
    assert starts[0] == 0
    assert np.array_equal(np.repeat(targets, np.diff([*starts.tolist(), bars])), target)


def test_many_crosses_side_by_side_are_those_of_each_alone():
    rng = np.random.default_rng(3)
    bars, offset = 5_000, 37
    series = np.cumsum(rng.standard_normal((9, bars + offset)), axis=1)
    upper, lower = rng.integers(0, 9, 16), rng.integers(0, 9, 16)
    upper = np.where(upper == lower, (upper + 1) % 9, upper)
    ready = rng.integers(0, bars, 16)
    made = (np.empty((16, bars + 2), np.int64), np.empty((16, bars + 2)))
    counts = np.empty(16, np.int64)
    runs_of_a_cross(series, upper, lower, ready, offset, bars, 1.0, -1.0, *made, cross_memory(bars), counts)
    for trial in range(16):
        target = np.where(series[upper[trial]] > series[lower[trial]], 1.0, -1.0)[offset:]
        target[: max(ready[trial] - offset, 0)] = 0.0
        starts = made[0][trial, : counts[trial]].tolist()
        assert np.array_equal(np.repeat(made[1][trial, : counts[trial]], np.diff([*starts, bars])), target)


def test_what_a_guide_tells_of_blocks():
    rng = np.random.default_rng(1)
    low, high = rng.random(130), rng.random(130)
    due = place_settlements(
        np.arange(130) * 10, 10, np.arange(1, 1300, 100), rng.random(13) - 0.5, np.full(13, 2.0)
    )
    prices = rng.random(130)
    ts = np.arange(130) * 10
    columns = (ts, prices, high, low, prices, prices, high, low)
    guide = market_guide(columns, 10, (due.bar, due.at_open, due.rate, due.mark))
    reach, blocks, whole = guide.reach, guide.blocks, guide.whole
    assert reach[:, :130].tolist() == [low.tolist(), high.tolist()] * 2
    lows = [low[i : i + 8].min() for i in range(0, 130, 8)]
    highs = [high[i : i + 8].max() for i in range(0, 130, 8)]
    assert blocks[:, : len(lows)].tolist() == [lows, highs] * 2
    assert whole[:, 0].tolist() == [low.min(), high.max()] * 2
    for part, count in ((reach, 130), (blocks, len(lows)), (whole, 1)):
        assert part[:, count:].tolist() == [[np.inf] * 8, [-np.inf] * 8] * 2  # nothing is reached there
    assert guide.settled.tolist() == [int((due.bar <= bar).sum()) for bar in range(130)]
    assert guide.charge[-1] == pytest.approx(np.abs(due.rate * 2.0).sum())
    assert guide.costs
