"""What an account's resting orders add up to, brought up to date by each change of one.

Knows no margin. Invariant: the sums are those of a walk over the live orders, to the last digit, for sums of
decimals on the grids of prices and sizes are exact.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from heapq import merge

from arena.paper_okx.venue.amounts import ZERO
from arena.paper_okx.venue.records import Order, PositionKey

__all__ = ["Change", "Place", "Resting", "RestingSide", "place_of"]

Place = tuple[PositionKey, str]  # a side, buy or sell, of one position
Change = tuple[Decimal, Decimal]  # price, contracts more or (negative) less


def place_of(order: Order) -> Place:
    """Return where an order rests."""
    return order.position_key, order.side


@dataclass(slots=True)
class RestingSide:
    """The orders of one side of one position; those that only reduce it bind no margin.

    `opening` and `reducing` are contracts, `value` is the sum of price x contracts of the opening ones.
    """

    orders: int = 0
    reducing: Decimal = ZERO
    opening: Decimal = ZERO
    value: Decimal = ZERO
    _prices: list[Decimal] = field(default_factory=list)  # of opening orders, cheapest first
    _sizes: dict[Decimal, Decimal] = field(default_factory=dict)

    @property
    def contracts(self) -> Decimal:
        return self.reducing + self.opening

    def change(self, px: Decimal, contracts: Decimal) -> None:
        """Add contracts of opening orders at a price, or take them away where negative."""
        size = self._sizes.get(px)
        if size is None:
            insort(self._prices, px)
        size = (size or ZERO) + contracts
        if size:
            self._sizes[px] = size
        else:
            del self._prices[bisect_left(self._prices, px)]
            self._sizes.pop(px, None)
        self.opening += contracts
        self.value += px * contracts

    def value_beyond(self, contracts: Decimal, changes: Sequence[Change] = ()) -> Decimal:
        """Return price x contracts of what is left beyond the cheapest `contracts`, were `changes` made.

        Walks no more prices than those `contracts` take up.
        """
        opening = self.opening + sum((size for _, size in changes), ZERO)
        if contracts >= opening:
            return ZERO
        value = self.value + sum((px * size for px, size in changes), ZERO)
        for px, size in self._cheapest(changes):
            if not contracts:
                break
            part = min(contracts, size)
            contracts -= part
            value -= part * px
        return value

    def _cheapest(self, changes: Sequence[Change]) -> Iterator[Change]:
        more: dict[Decimal, Decimal] = {}
        for px, size in changes:
            more[px] = more.get(px, ZERO) + size
        fresh = sorted(px for px in more if px not in self._sizes)
        for px in merge(self._prices, fresh):
            yield px, self._sizes.get(px, ZERO) + more.get(px, ZERO)


@dataclass(frozen=True, slots=True)
class _Noted:
    """What an order was counted with."""

    place: Place
    px: Decimal
    contracts: Decimal
    reduces: bool


_NOBODY = RestingSide()


class Resting:
    """The resting orders of one account."""

    def __init__(self) -> None:
        self._sides: dict[Place, RestingSide] = {}
        self._noted: dict[str, _Noted] = {}
        self._orders: Counter[str] = Counter()

    def note(self, order: Order) -> None:
        """Count an order as it is now; one that has ended is not counted any more."""
        before = self._noted.pop(order.ord_id, None)
        if before is not None:
            self._count(before, -1)
        if order.is_live:
            now = _Noted(place_of(order), order.limit, order.remaining, order.only_reduces)
            self._noted[order.ord_id] = now
            self._count(now, 1)

    def side(self, place: Place) -> RestingSide:
        """Return one side; without orders it is empty, and not to be changed."""
        return self._sides.get(place, _NOBODY)

    def places(self) -> Iterable[Place]:
        """Return where orders rest, in no order."""
        return self._sides.keys()

    def orders_in(self, inst_id: str) -> int:
        """Return how many orders rest in an instrument."""
        return self._orders[inst_id]

    def instruments(self) -> set[str]:
        """Return the instruments in which orders rest."""
        return {key[0] for key, _ in self._sides}

    def _count(self, noted: _Noted, sign: int) -> None:
        side = self._sides.setdefault(noted.place, RestingSide())
        side.orders += sign
        self._orders[noted.place[0][0]] += sign
        if noted.reduces:
            side.reducing += sign * noted.contracts
        else:
            side.change(noted.px, sign * noted.contracts)
        if not side.orders:
            del self._sides[noted.place]
