"""The kernel equals the Decimal oracle, fill by fill, on generated markets."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.engine.records import FillReason
from tests.engine.markets import REASON_NAMES, Scene, oracle_of, random_scene


def assert_equal_fill_by_fill(scene: Scene) -> Counter[str]:
    course = scene.run()
    fills = scene.fills(course)
    account, equity = oracle_of(scene)
    assert len(fills) == len(account.fills)
    scale = max(1.0, scene.settings.initial_capital)
    for ours, theirs in zip(fills, account.fills, strict=True):
        assert int(ours["bar"]) == theirs.bar
        assert REASON_NAMES[FillReason(int(ours["reason"]))] == theirs.reason
        signed = float(ours["side"]) * float(ours["contracts"])
        assert signed == pytest.approx(float(theirs.contracts), rel=1e-12)
        assert float(ours["price"]) == pytest.approx(float(theirs.price), rel=1e-9)
        assert float(ours["ref_price"]) == pytest.approx(float(theirs.ref), rel=1e-9)
        assert float(ours["fee"]) == pytest.approx(float(theirs.fee), rel=1e-9, abs=1e-12 * scale)
    np.testing.assert_allclose(course.equity, [float(e) for e in equity], rtol=1e-9, atol=1e-9 * scale)
    assert course.funding == pytest.approx(float(account.funding), rel=1e-9, abs=1e-9 * scale)
    assert course.fees == pytest.approx(float(account.fees), rel=1e-9, abs=1e-9 * scale)
    assert (course.expired, course.rejected, course.clipped) == (
        account.expired,
        account.rejected,
        account.clipped,
    )
    assert course.ruined == account.dead
    assert course.unfilled == account.unfilled
    assert course.ambiguous == account.ambiguous
    assert course.unresolved.tolist() == account.unresolved
    if course.spot is not None:
        for leg, other in zip(course.spot.fills, account.spot_fills, strict=True):
            assert int(leg["bar"]) == other.bar
            assert float(leg["side"] * leg["coins"]) == pytest.approx(float(other.coins), rel=1e-12)
            assert float(leg["price"]) == pytest.approx(float(other.price), rel=1e-12)
            assert float(leg["fee"]) == pytest.approx(float(other.fee), rel=1e-9)
    return Counter(fill.reason for fill in account.fills)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=1500, deadline=None)
def test_kernel_equals_oracle_on_any_generated_market(seed: int) -> None:
    assert_equal_fill_by_fill(random_scene(seed))


def test_generated_markets_reach_every_rule() -> None:
    """The comparison is worth what it covers: fixed seeds hit every reason and every refusal often."""
    reasons: Counter[str] = Counter()
    refusals = np.zeros(3, int)
    ruined = 0
    for seed in range(2000):
        scene = random_scene(seed)
        reasons += assert_equal_fill_by_fill(scene)
        course = scene.run()
        refusals += [course.expired, course.rejected, course.clipped]
        ruined += course.ruined
    assert set(reasons) == set(REASON_NAMES.values()) - {"open_limit"}
    assert min(reasons.values()) >= 50
    assert min(refusals) >= 50
    assert ruined >= 20
