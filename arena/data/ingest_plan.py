"""What to ask an exchange for: which ranges of which series, given what is stored.

Reads the store's extents and asks the exchange for its time and listings. Invariant: whatever is stored
of a series after a run was killed, the next plan begins where that ended, so nothing is lost or doubled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from arena.core.errors import ConfigError
from arena.core.timeframe import MS_PER_DAY, Timeframe
from arena.exchange.port import MarketFeed, PriceKind
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader

Mode = Literal["incremental", "backfill"]
FeedKind = Literal["candles", "mark", "index", "funding"]


_LOOK_BACK_BARS = 60
"""Newest stored bars that are asked for again: revised or late ones come in, at the cost of no request."""


@dataclass(frozen=True, slots=True)
class FeedRequest:
    """Which series of which instruments, and how far back.

    `incremental` goes on from the newest stored bars, and back from the oldest one where it does not
    reach `since_days`; `backfill` ignores what is stored.
    """

    inst_ids: Sequence[str]
    kinds: Sequence[FeedKind]
    timeframes: Sequence[Timeframe]
    since_days: float
    mode: Mode = "incremental"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A range to ask for; `backwards` from its newest bar to its start or to the first bar there is."""

    start: int
    end: int
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class BarsPlan:
    """The ranges of one bar series, in the order in which they are to be asked for."""

    kind: PriceKind
    inst_id: str
    timeframe: Timeframe
    stretches: tuple[Stretch, ...]

    @property
    def rows(self) -> int:
        """How many bars the ranges have room for."""
        return sum(max(0, part.end - part.start) // self.timeframe.step_ms for part in self.stretches)


@dataclass(frozen=True, slots=True)
class FundingPlan:
    """Funding of one instrument from `start` on."""

    inst_id: str
    start: int
    rows: int = 1


SeriesPlan = BarsPlan | FundingPlan


def plan_series(feed: MarketFeed, reader: MarketReader, request: FeedRequest) -> list[SeriesPlan]:
    """Return the plan of each series that `request` asks for.

    Raises:
        ExchangeError: the exchange does not answer, or lists no such instrument.
        ConfigError: an instrument whose prices the store has no place for.
    """
    now = feed.server_time()
    plans: list[SeriesPlan] = []
    for inst_id in request.inst_ids:
        listing = feed.instrument(inst_id)
        if not listing.linear:
            raise ConfigError(f"{inst_id} is no linear swap: its volumes and profits are counted in coins")
        since = max(now - round(request.since_days * MS_PER_DAY), listing.listed_ms)
        for kind in request.kinds:
            if kind == "funding":
                plans.append(FundingPlan(inst_id, since))
                continue
            for timeframe in sorted(request.timeframes, reverse=True):
                stretches = _stretches(reader, kind, inst_id, timeframe, since, now, request.mode)
                plans.append(BarsPlan(kind, inst_id, timeframe, stretches))
    return plans


def _stretches(
    reader: MarketReader,
    kind: PriceKind,
    inst_id: str,
    timeframe: Timeframe,
    since: int,
    now: int,
    mode: Mode,
) -> tuple[Stretch, ...]:
    start, end = -(-since // timeframe.step_ms) * timeframe.step_ms, timeframe.floor(now)
    stored = None if mode == "backfill" else reader.coverage(Kind(kind), inst_id, timeframe)
    if stored is None:
        return (Stretch(start, end, backwards=True),)
    again = max(stored.first, stored.last - _LOOK_BACK_BARS * timeframe.step_ms)
    newer = Stretch(again, max(end, stored.last))
    older = Stretch(start, stored.first, backwards=True)
    return (newer, older) if start < stored.first else (newer,)
