"""Entries that rest in the book: equal to the oracle, worked by hand, and inside the band of readings."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.engine.conduct import BarPath, Conduct, Resting
from arena.engine.records import FillReason
from tests.engine.markets import Scene, make_bars, make_signal, resting_scene, scene_of
from tests.engine.test_engine_oracle import assert_equal_fill_by_fill

OPEN, CLOSE, STOP, TAKE, LIMIT = (
    FillReason.OPEN,
    FillReason.CLOSE,
    FillReason.STOP_LOSS,
    FillReason.TAKE_PROFIT,
    FillReason.OPEN_LIMIT,
)
TOUCH = Resting(offset=0.01, bars=2, through=False, maker_fee=0.0002, takes=False)
Row = tuple[float, float, float, float]
FLAT: Row = (100, 100, 100, 100)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=1500, deadline=None)
def test_resting_orders_equal_the_oracle(seed: int) -> None:
    assert_equal_fill_by_fill(resting_scene(seed))


def test_generated_markets_reach_every_rule_of_resting_orders() -> None:
    reasons: Counter[str] = Counter()
    unfilled = ambiguous = unresolved = 0
    for seed in range(800):
        scene = resting_scene(seed)
        reasons += assert_equal_fill_by_fill(scene)
        course = scene.run()
        unfilled += course.unfilled
        ambiguous += course.ambiguous
        unresolved += len(course.unresolved)
    assert min(reasons[name] for name in ("open", "open_limit", "stop_loss", "take_profit")) > 200
    assert min(reasons[name] for name in ("liquidation", "liquidation_partial")) > 20
    assert unfilled > 500
    assert ambiguous > 500
    assert unresolved > 50


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=700, deadline=None)
def test_the_finer_path_ends_a_bar_between_worst_and_best(seed: int) -> None:
    """As without resting orders, up to the first bar in which the readings part.

    Not where an order that adds to a position rests: to add first may be better or worse than to leave.
    Before costs: a profit that is taken has paid its exit, one that is still open has not.
    """
    scene = resting_scene(seed, gaps=False)
    assert scene.conduct.resting is not None
    scene = replace(
        scene,
        signal=replace(scene.signal, target=np.sign(scene.signal.target)),
        settings=replace(scene.settings, fee_rate=0.0, cost_rate=0.0),
        conduct=replace(scene.conduct, resting=replace(scene.conduct.resting, maker_fee=0.0)),
    )
    equity = {
        name: replace(scene, conduct=replace(scene.conduct, intrabar=name, fine=None)).run().equity
        for name in ("worst", "best", "ohlc")
    }
    equity["detail"] = scene.run().equity
    apart = np.flatnonzero(np.ptp(np.array(list(equity.values())), axis=0) > 0)
    if not len(apart):
        return
    slack = 1e-9 * max(1.0, scene.settings.initial_capital)
    at = {name: values[int(apart[0])] for name, values in equity.items()}
    assert at["worst"] - slack <= at["detail"] <= at["best"] + slack
    assert at["worst"] - slack <= at["ohlc"] <= at["best"] + slack


def course_of(
    rows: list[Row],
    resting: Resting = TOUCH,
    *,
    target: list[float] | None = None,
    stop: float = np.nan,
    take: float = np.nan,
    reading: BarPath = "worst",
) -> tuple[Scene, list[tuple[int, FillReason, float]]]:
    """One contract of one coin on bars after a flat one whose close decides; bar, reason, price of fills."""
    rows = [FLAT, *rows]
    n = len(rows)
    signal = make_signal(np.array(target or [1.0] * n), np.full(n, stop), np.full(n, take))
    scene = scene_of(
        make_bars(rows), signal, size_mode="contracts", size_value=1.0, fee_rate=0.001, cost_rate=0.0
    )
    coin = replace(scene.instrument, ct_val=1.0, lot_sz=1.0, min_sz=1.0)
    scene = replace(scene, instrument=coin, conduct=Conduct(reading, resting=resting))
    fills = scene.run().compact_fills
    return scene, [(int(r["bar"]), FillReason(int(r["reason"])), float(r["price"])) for r in fills]


@pytest.mark.parametrize(
    ("rows", "through", "expected"),
    [
        pytest.param([(100, 100, 99, 100)], False, [(1, LIMIT, 99.0)], id="touched"),
        pytest.param([(100, 100, 99, 100)], True, [], id="touched is not traded through"),
        pytest.param([(100, 100, 98.9, 100)], True, [(1, LIMIT, 99.0)], id="traded through"),
        pytest.param([FLAT, (100, 100, 98, 100)], False, [(2, LIMIT, 99.0)], id="the second of two bars"),
        pytest.param([FLAT, FLAT, (100, 100, 98, 100)], False, [], id="one bar too late"),
        pytest.param(
            [(98, 100, 98, 100)], False, [(1, OPEN, 98.0)], id="there on arrival: a taker at the open"
        ),
        pytest.param(
            [FLAT, (95, 96, 94, 95)], False, [(2, LIMIT, 99.0)], id="jumped while it rests: at its limit"
        ),
    ],
)
def test_entry_rests_until_it_is_met(
    rows: list[Row], through: bool, expected: list[tuple[int, FillReason, float]]
) -> None:
    scene, fills = course_of(rows, replace(TOUCH, through=through))
    assert fills == expected
    expires = len(rows) > TOUCH.bars
    assert scene.run().unfilled == (1 if expires and not expected else 0)


def test_maker_pays_the_maker_fee_and_no_slippage() -> None:
    scene, _ = course_of([(100, 100, 98, 100), FLAT], target=[1, 1, 0])
    fills = scene.fills(scene.run())
    assert fills["fee"].tolist() == pytest.approx([99 * 0.0002])
    scene, _ = course_of([(100, 100, 98, 100), FLAT], target=[1, 0, 0])
    fills = scene.fills(scene.run())
    assert fills["reason"].tolist() == [LIMIT, CLOSE]
    assert fills["fee"].tolist() == pytest.approx([99 * 0.0002, 100 * 0.001])
    assert scene.run().slippage == 0.0


def test_reversal_closes_at_market_and_enters_by_limit() -> None:
    _, fills = course_of([(100, 100, 99, 100), FLAT, (100, 102, 100, 100)], target=[1, -1, -1, -1])
    assert fills == [(1, LIMIT, 99.0), (2, CLOSE, 100.0), (3, LIMIT, 101.0)]


def test_new_decision_replaces_a_resting_order() -> None:
    scene, fills = course_of([FLAT, (100, 101, 98, 100)], replace(TOUCH, bars=50), target=[1, -1, -1])
    assert fills == [(2, LIMIT, 101.0)]
    assert scene.run().unfilled == 1


@pytest.mark.parametrize(
    ("row", "reading", "last"),
    [
        pytest.param((100, 103, 97, 100), "worst", STOP, id="worst: in, then out by the stop"),
        pytest.param((100, 103, 97, 100), "best", TAKE, id="best: in, then straight to the profit"),
        pytest.param((100, 103, 97.5, 100), "ohlc", STOP, id="the low is nearer and holds both"),
        pytest.param((100, 101, 98.5, 100.5), "worst", TAKE, id="the close is beyond the profit: certain"),
        pytest.param((100, 103, 98.5, 99.5), "worst", LIMIT, id="worst: the high came before the entry"),
        pytest.param((100, 103, 98.5, 99.5), "best", TAKE, id="best: the high came after the entry"),
        pytest.param((100, 103, 98.5, 99.5), "ohlc", TAKE, id="the low is nearer: entry, then profit"),
    ],
)
def test_bar_of_the_entry_may_end_the_trade(row: Row, reading: BarPath, last: FillReason) -> None:
    scene, fills = course_of([row], stop=1.5, take=1.2, reading=reading)
    assert fills[0] == (1, LIMIT, 99.0)
    assert fills[-1][1] == last
    assert scene.run().ambiguous == (0 if last == LIMIT and row[1] < 100.2 else 1)


@pytest.mark.parametrize(
    ("takes", "through", "row", "expected"),
    [
        pytest.param(False, False, (104, 104, 104, 104), 104.0, id="a triggered market order gets the open"),
        pytest.param(True, False, (104, 104, 104, 104), 102.0, id="a resting one gets its level"),
        pytest.param(True, False, (100, 102, 100, 100), 102.0, id="touched"),
        pytest.param(True, True, (100, 102, 100, 100), None, id="touched is not traded through"),
    ],
)
def test_take_profit_may_rest(takes: bool, through: bool, row: Row, expected: float | None) -> None:
    scene, fills = course_of(
        [(99, 99, 99, 99), row], replace(TOUCH, takes=takes, through=through, bars=1), take=3.0
    )
    assert fills[0] == (1, OPEN, 99.0)
    assert [price for _, reason, price in fills if reason == TAKE] == ([] if expected is None else [expected])
    if expected is not None:
        rate = 0.0002 if takes else 0.001
        assert scene.fills(scene.run())["fee"][-1] == pytest.approx(expected * rate)
