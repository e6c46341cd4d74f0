"""Time passing: ticks, settlements and timers in order, and what each of them sets off.

At one moment funding comes first, then the tick, then timers; on a tick resting orders fill first, then
liquidation is looked at, then algo orders fire. Invariant: the same ticks give the same result however the
time was cut into calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from heapq import merge

from arena.paper_okx.market import Settlement, Tick
from arena.paper_okx.venue.amounts import ONE
from arena.paper_okx.venue.desk import Account, Desk, Prices
from arena.paper_okx.venue.funding import settle
from arena.paper_okx.venue.funds import pools
from arena.paper_okx.venue.liquidation import WARNING_RATIO, check_account
from arena.paper_okx.venue.matching import TAKES_ON, play_resting
from arena.paper_okx.venue.order_changes import fire_timers
from arena.paper_okx.venue.triggers import fire_due, watched_levels

__all__ = ["play_until"]

Step = tuple[int, int, int, Tick | Settlement]
_SETTLEMENT, _TICK = 0, 1


@dataclass(slots=True)
class Watch:
    """The prices of an instrument between which nothing happens; good for one version of the records.

    `always`: an order goes on taking at every tick. `pooled`: margin hangs on other instruments, too, and is
    looked at on every tick.
    """

    version: int
    always: bool = False
    pooled: bool = False
    lowest: dict[str, Decimal] = field(default_factory=dict)
    highest: dict[str, Decimal] = field(default_factory=dict)

    def add(self, kind: str, px: Decimal, *, above: bool) -> None:
        if above:
            self.highest[kind] = min(px, self.highest.get(kind, px))
        else:
            self.lowest[kind] = max(px, self.lowest.get(kind, px))

    def is_quiet(self, prices: Prices) -> bool:
        return (
            not self.always
            and all(prices.of(kind) > px for kind, px in self.lowest.items())
            and all(prices.of(kind) < px for kind, px in self.highest.items())
        )


def play_until(desk: Desk, until: int) -> None:
    """Play everything up to and including `until`."""
    if until <= desk.now:
        return
    desk.forget_prices()
    in_play = _in_play(desk)
    if in_play:
        _play_path(desk, in_play, until)
    _pass_to(desk, until)
    desk.forget_prices()


def _in_play(desk: Desk) -> list[str]:
    """Return the instruments in which anybody has anything: what happens elsewhere concerns nobody."""
    return sorted(set().union(*(account.instruments() for account in desk.accounts.values())))


def _play_path(desk: Desk, in_play: list[str], until: int) -> None:
    watches = {inst_id: Watch(-1) for inst_id in in_play}
    version, due = desk.version, _next_timer(desk)
    for ts, _, place, step in merge(*_steps(desk, in_play, until)):
        if due is not None and due < ts:
            _pass_to(desk, ts - 1)
            due = _next_timer(desk)
        if desk.version != version:
            version = desk.version
            if not _in_play(desk):
                return
        desk.now = ts
        inst_id = in_play[place]
        if isinstance(step, Settlement):
            _play_settlement(desk, inst_id, step)
        else:
            _play_tick(desk, inst_id, step, watches)


def _steps(desk: Desk, in_play: list[str], until: int) -> Iterator[Iterator[Step]]:
    for place, inst_id in enumerate(in_play):
        yield _ranked(desk.market.settlements(inst_id, desk.now, until), _SETTLEMENT, place)
        yield _ranked(desk.market.ticks(inst_id, desk.now, until), _TICK, place)


def _ranked(steps: Iterable[Tick] | Iterable[Settlement], rank: int, place: int) -> Iterator[Step]:
    for step in steps:
        yield step.ts, rank, place, step


def _next_timer(desk: Desk) -> int | None:
    return min(
        (ts for account in desk.accounts.values() for ts in account.profile.timers.values()), default=None
    )


def _pass_to(desk: Desk, until: int) -> None:
    """Move the time, and fire the timers that are due on the way."""
    while (due := _next_timer(desk)) is not None and due <= until:
        desk.now = max(desk.now, due)
        for account in desk.accounts.values():
            fire_timers(desk, account)
    desk.now = max(desk.now, until)


def _play_settlement(desk: Desk, inst_id: str, settlement: Settlement) -> None:
    quote = desk.quote(inst_id)
    desk.see(inst_id, Prices(quote.last, quote.mark, quote.index))
    settle(desk, inst_id, settlement)
    for account in desk.accounts.values():
        check_account(desk, account, inst_id)


def _play_tick(desk: Desk, inst_id: str, tick: Tick, watches: dict[str, Watch]) -> None:
    prices = Prices(tick.last, tick.mark, tick.index)
    desk.see(inst_id, prices)
    watch = watches[inst_id]
    if watch.version != desk.version:
        watch = watches[inst_id] = _watch(desk, inst_id)
    quiet = watch.is_quiet(prices)
    if quiet and not watch.pooled:
        return
    for account in desk.accounts.values():
        if not quiet:
            play_resting(desk, account, inst_id, tick)
        check_account(desk, account, inst_id)
        if not quiet:
            fire_due(desk, account, inst_id)


def _watch(desk: Desk, inst_id: str) -> Watch:
    watch = Watch(desk.version)
    for account in desk.accounts.values():
        _watch_orders(account, inst_id, watch)
        _watch_margin(desk, account, inst_id, watch)
    return watch


def _watch_orders(account: Account, inst_id: str, watch: Watch) -> None:
    for order in account.live.values():
        if order.inst_id == inst_id:
            watch.always = watch.always or order.ord_type in TAKES_ON
            watch.add("last", order.limit, above=order.sign < 0)
    for algo in account.live_algos.values():
        if algo.inst_id == inst_id:
            for level in watched_levels(algo):
                watch.add(level.kind, level.px, above=level.above)


def _watch_margin(desk: Desk, account: Account, inst_id: str, watch: Watch) -> None:
    """Watch the marks at which a pool is warned of or exhausted."""
    warned = all(p.warned for p in account.open_positions())
    for pool in pools(desk, account):
        instruments = {leg.inst_id for leg in pool.legs}
        if inst_id not in instruments:
            continue
        if len(instruments) > 1:
            watch.pooled = True
            continue
        for times in (ONE,) if warned else (ONE, WARNING_RATIO):
            below, above = pool.bounds(times)
            if below is not None:
                watch.add("mark", below, above=False)
            if above is not None:
                watch.add("mark", above, above=True)
