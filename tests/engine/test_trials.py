"""Trials of accounts beyond plain ones: state, fills and equity of a single run, over markets with holes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.engine.account import AccountRules
from arena.engine.conduct import Conduct, decided_at
from arena.engine.records import FillReason
from arena.engine.sides import GIVEN
from arena.engine.simulate import NO_BARS, NOWHERE, account_rules, new_state
from arena.engine.summary import SUMMARY_DTYPE
from arena.engine.trial_memory import trial_memory
from arena.engine.trials import run_trials
from tests.engine.markets import Scene, resting_scene, thin_scene

ROOM = 4_000
TRIALS = 2


def traded(scene: Scene) -> Scene:
    """The scene with at least one bar to trade, as the market of a sweep has it."""
    account = scene.settings
    return replace(scene, settings=replace(account, first_bar=min(account.first_bar, len(scene.bars) - 1)))


def late_and_thin(seed: int) -> Scene:
    scene = traded(thin_scene(seed))
    return replace(scene, conduct=Conduct(liquidity=scene.conduct.liquidity, latency_bars=1 + seed % 3))


def resting(seed: int) -> Scene:
    scene = traded(resting_scene(seed))
    return replace(scene, conduct=Conduct("ohlc", resting=scene.conduct.resting, latency_bars=1))


SCENES = {"late-and-thin": late_and_thin, "resting": resting}


def run(scene: Scene, room: int = ROOM):
    """Run the scene's signal as two trials of a batch; return the next trial, states, sums and memory."""
    bars, mark, due, account = scene.bars, scene.mark, scene.settlements, scene.settings
    tiers = scene.instrument.tiers
    rules = AccountRules(*account_rules(scene.instrument, account))
    names = ("fee", "cost", "margin_rate", "order_rate", "max_position_lots", "size_value")
    given_rows, nothing = np.full(TRIALS, GIVEN, np.int64), np.zeros(TRIALS)
    none = np.empty((0, len(bars)))
    state = new_state(account.initial_capital)
    state["last_ref"] = bars.open[0]
    states = np.repeat(state, TRIALS)
    summaries = np.zeros(TRIALS, SUMMARY_DTYPE)
    memory = trial_memory(len(bars), room, whole=True)
    signal = (scene.signal.target, scene.signal.stop_distance, scene.signal.take_distance)
    for place, array in zip((memory.target, memory.stop, memory.take), signal, strict=True):
        place[:] = array
    columns = scene.conduct.columns(NOWHERE, NO_BARS)
    done = run_trials(
        (bars.ts, bars.open, bars.high, bars.low, bars.close, mark.open, mark.high, mark.low),
        bars.timeframe.step_ms,
        (due.bar, due.at_open, due.rate, due.mark),
        tiers.sizes / scene.instrument.lot_sz,
        tiers.maintenance_rates,
        rules,
        tuple(np.full(TRIALS, getattr(rules, name)) for name in names),
        (none, none, none, 0, *[given_rows] * 4, nothing, nothing, nothing, given_rows, nothing, nothing),
        states,
        memory,
        (account.initial_capital, 0.0, scene.instrument.ct_val),
        np.empty(0, np.int64),
        summaries,
        np.empty((TRIALS, 0), np.float32),
        np.arange(TRIALS),
        None,
        0,
        TRIALS,
        (columns, decided_at(bars.ts, bars.timeframe.step_ms, scene.conduct.latency_bars), columns[2]),
    )
    return done, states, summaries, memory


@pytest.mark.parametrize("make", SCENES.values(), ids=SCENES)
@settings(max_examples=400, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_trial_is_the_single_run(make, seed):
    scene = make(seed)
    course = scene.run()
    done, states, summaries, memory = run(scene)
    assert done == TRIALS
    own = states[-1]
    fills, path = memory.fills[: int(own["fills"])], memory.path
    for name in ("bar", "order_id", "reason", "lots", "ref_price", "price", "cash", "funding_total"):
        assert np.array_equal(fills[name], course.compact_fills[name]), name
    first = scene.settings.first_bar
    alive = course.equity[first:] if course.equity[first:].min(initial=1.0) > 0.0 else np.empty(0)
    assert np.array_equal(path[first + 1 :][: len(alive)], alive)
    for name in ("fees", "funding", "slippage", "penalty", "orders", "expired", "rejected", "unfilled"):
        assert own[name] == getattr(course, name), name
    assert own["ambiguous"] == course.ambiguous
    assert summaries["open"][-1] == (own["lots"] != 0.0)
    for rows in (states, summaries):
        for name in rows.dtype.names:
            assert np.array_equal(rows[name][:1], rows[name][1:], equal_nan=True), name


@pytest.mark.parametrize("make", SCENES.values(), ids=SCENES)
def test_a_trial_without_room_for_its_fills_is_told(make):
    stopped = 0
    for seed in range(60):
        scene = make(seed)
        fills = len(scene.run().compact_fills)
        done, states, _, _ = run(scene, room=164)
        assert int(states[0]["fills"]) <= min(164, fills)
        stopped += done == 0
    assert stopped > 0


def test_the_scenes_hold_late_decisions_resting_entries_and_what_is_left_over():
    reasons, carried = set(), 0
    for seed in range(200):
        scene = resting(seed)
        reasons |= set(scene.run().compact_fills["reason"].tolist())
        fills = late_and_thin(seed).run().compact_fills
        orders = fills[fills["signal_bar"] >= 0]
        carried += len(orders) - len(np.unique(orders["signal_bar"]))
    assert {FillReason.OPEN_LIMIT, FillReason.TAKE_PROFIT, FillReason.STOP_LOSS} <= reasons
    assert carried > 100
