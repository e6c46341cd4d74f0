"""What resting orders bind: kept up to date by each change, and equal to a plain walk over all of them."""

from __future__ import annotations

import random
from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.paper_okx.refusal import Refusal
from arena.paper_okx.venue import State, Venue, VenueSettings
from arena.paper_okx.venue.amounts import money
from arena.paper_okx.venue.desk import Account, Desk
from arena.paper_okx.venue.funds import bound_by_orders, lever_of
from arena.paper_okx.venue.records import Order
from arena.paper_okx.venue.resting import Resting, RestingSide, place_of
from tests.paper_okx.fake_market import BTC, MINUTE, START, D, limit, market, opened

NOTHING = D(0)
Levels = list[tuple[Decimal, Decimal]]


def beyond(levels: Levels, contracts: Decimal) -> Decimal:
    """Return price x contracts of the dearest, once the cheapest `contracts` are taken away."""
    excess, value = max(D(0), sum((size for _, size in levels), D(0)) - contracts), D(0)
    for px, size in sorted(levels, reverse=True):
        part = min(excess, size)
        excess, value = excess - part, value + part * px
    return value


def walked(
    desk: Desk,
    account: Account,
    also: Order | None = None,
    px: Decimal = NOTHING,
    without: Order | None = None,
) -> Decimal:
    """Return what orders bind by looking at each of them."""
    sides: dict[Any, Levels] = defaultdict(list)
    for order in account.live.values():
        if order is not without and not order.only_reduces:
            sides[place_of(order)].append((order.limit, order.remaining))
    if also is not None and not also.only_reduces:
        sides[place_of(also)].append((px, also.remaining))
    bound = D(0)
    for (key, side), levels in sides.items():
        held = account.held(key)
        against = abs(held) if (held < 0) == (side == "buy") else D(0)
        value = beyond(levels, against) * desk.contract(key[0]).ct_val
        bound += money(value / lever_of(desk, account, *key) + value * desk.fees(account).taker)
    return bound


def check(desk: Desk) -> None:
    for account in desk.accounts.values():
        assert bound_by_orders(desk, account) == walked(desk, account)
        again = Resting()
        for order in account.orders.values():
            again.note(order)
        assert again._sides == account.resting._sides
        assert +again._orders == +account.resting._orders
        for order in list(account.live.values())[:3]:
            dearer = replace(order, sz=order.sz + D("7.5"), limit=order.limit * 2)
            asked = (desk, account, dearer, dearer.limit, order)
            assert bound_by_orders(*asked) == walked(*asked)


class Crowd:
    """Many orders around a price that wanders: placed, amended, cancelled, filled, closed."""

    def __init__(self, seed: int, state: State | None = None) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - a path, not a secret
        lasts = [D(50_000)]
        for _ in range(400):
            lasts.append(lasts[-1] + self.dice.choice([-150, -40, 0, 40, 150]))
        self.market = market(*map(str, lasts), volume="6")
        self.venue = Venue(self.market, VenueSettings(fill_rule="touch"), state)
        self.venue.advance(START)
        for uid, mode in (("net", "net_mode"), ("legs", "long_short_mode")):
            self.venue.open_account(uid, D(300_000), mode)

    def step(self) -> None:
        with suppress(Refusal):
            self._step(self.dice.choice(["net", "legs"]))

    def _step(self, uid: str) -> None:
        dice, venue = self.dice, self.venue
        live = list(venue._desk.accounts[uid].live.values())
        side, act = dice.choice(["buy", "sell"]), dice.random()
        away = dice.randint(5, 40) * (-50 if side == "buy" else 50)
        px = str(self.market.quote(BTC, venue.now).last + away)
        asked = limit(
            px, side=side, sz=dice.choice(["0.5", "3", "11"]), tdMode=dice.choice(["cross", "isolated"])
        )
        if uid == "legs":
            asked["posSide"] = dice.choice(["long", "short"])
        if act < 0.55 or not live:
            venue.place_order(uid, {**asked, "reduceOnly": dice.random() < 0.2})
        elif act < 0.65:
            venue.place_order(uid, {**asked, "ordType": "market", "px": ""})
        elif act < 0.75:
            named = {"instId": BTC, "ordId": dice.choice(live).ord_id}
            venue.amend_order(uid, {**named, "newSz": dice.choice(["2", "9"]), "newPx": px})
        elif act < 0.82:
            venue.cancel_order(uid, {"instId": BTC, "ordId": dice.choice(live).ord_id})
        else:
            venue.advance(venue.now + dice.randint(1, 2 * MINUTE))


@pytest.mark.parametrize("seed", range(4))
def test_what_is_bound_is_what_a_walk_over_the_orders_says(seed: int) -> None:
    crowd = Crowd(seed)
    most = 0
    for _ in range(500):
        crowd.step()
        check(crowd.venue._desk)
        most = max(most, *(len(account.live) for account in crowd.venue._desk.accounts.values()))
    assert most > 30
    fills = [fill for account in crowd.venue._desk.accounts.values() for fill in account.fills]
    assert {fill.exec_type for fill in fills} == {"M", "T"}


def test_a_venue_that_was_resumed_knows_what_is_bound(tmp_path: Path) -> None:
    state = State(tmp_path / "venue.sqlite")
    crowd = Crowd(1, state)
    for _ in range(200):
        crowd.step()
    bound = [bound_by_orders(crowd.venue._desk, one) for one in crowd.venue._desk.accounts.values()]
    resumed = Venue(crowd.market, VenueSettings(fill_rule="touch"), state)._desk
    check(resumed)
    assert [bound_by_orders(resumed, one) for one in resumed.accounts.values()] == bound
    assert all(bound)
    state.close()


PRICES = st.sampled_from([D("0.1"), D("7"), D("7.3"), D("49999.9"), D("50000")])
SIZES = st.integers(1, 400).map(lambda hundredths: D(hundredths) / 100)
LEVELS = st.lists(st.tuples(PRICES, SIZES), max_size=12)


@given(kept=LEVELS, gone=LEVELS, more=LEVELS, held=st.integers(0, 3000).map(lambda tenths: D(tenths) / 100))
def test_the_dearest_of_a_side_are_what_a_position_leaves(
    kept: Levels, gone: Levels, more: Levels, held: Decimal
) -> None:
    side = RestingSide()
    for px, size in [*kept, *gone]:
        side.change(px, size)
    for px, size in gone:
        side.change(px, -size)
    assert side.value_beyond(held) == beyond(kept, held)
    assert side.value_beyond(held, more) == beyond([*kept, *more], held)
    instead = [*((px, -size) for px, size in kept[:1]), *more]
    assert side.value_beyond(held, instead) == beyond([*kept[1:], *more], held)


class Unwalked(dict[str, Order]):
    """Live orders that nobody may walk over."""

    def __iter__(self) -> Any:
        raise AssertionError("the live orders were walked over")

    keys = values = items = __iter__


def test_an_order_is_placed_amended_and_cancelled_without_a_look_at_the_others() -> None:
    venue = opened("50000", pos_mode="long_short_mode")
    account = venue._desk.accounts["u"]
    venue.place_order("u", {**limit("50000.1", sz="4"), "posSide": "long"})
    for number in range(50):
        venue.place_order("u", {**limit(str(49_000 - number), sz="0.01"), "posSide": "long"})
    account.live = Unwalked(account.live)
    for asked in (limit("48000"), limit("52000", side="sell")):
        named = {"instId": BTC, "ordId": venue.place_order("u", {**asked, "posSide": "long"})["ordId"]}
        venue.amend_order("u", {**named, "newSz": "2"})
        venue.cancel_order("u", named)
    venue.max_size("u", {"instId": BTC, "tdMode": "cross"})
    venue.balance("u")
    venue.positions("u")
