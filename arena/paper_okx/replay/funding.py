"""Funding as the exchange tells it: the estimate of the next settlement, and those that were.

Pure. Invariant: the estimate starts at the last settled rate and reaches the next one at its settlement, so
that it knows of the future no more than the premium gathered so far would tell.
"""

from __future__ import annotations

from arena.core.timeframe import MS_PER_DAY
from arena.paper_okx.replay.listing import Listing
from arena.paper_okx.replay.numerals import plain

__all__ = ["HISTORY_MS", "funding_row", "history_rows"]

Row = dict[str, object]

HISTORY_MS = 90 * MS_PER_DAY
"""How far back settlements are told: three months."""

_CAP, _INTEREST, _IMPACT = "0.00375", "0.0001", "20000"


def funding_row(listing: Listing, now: int) -> Row:
    """Return the row of public/funding-rate."""
    step = listing.interval_ms
    due = now - now % step + step
    settled = _settled(listing, now)
    estimate = _estimate(listing, settled, due, now)
    premium = listing.candles.price(now) / listing.index.price(now) - 1
    return {
        "instType": "SWAP",
        "instId": listing.contract.inst_id,
        "method": "current_period",
        "formulaType": "withRate",
        "fundingRate": plain(estimate),
        "nextFundingRate": "",
        "fundingTime": str(due),
        "nextFundingTime": str(due + step),
        "minFundingRate": f"-{_CAP}",
        "maxFundingRate": _CAP,
        "interestRate": _INTEREST,
        "impactValue": _IMPACT,
        "settState": "settled",
        "settFundingRate": plain(settled),
        "premium": plain(round(premium, 10)),
        "ts": str(now),
    }


def _settled(listing: Listing, now: int) -> float:
    place = int(listing.funding.ts.searchsorted(now, side="right")) - 1
    return float(listing.funding.rate[place]) if place >= 0 else 0.0


def _estimate(listing: Listing, settled: float, due: int, now: int) -> float:
    place = int(listing.funding.ts.searchsorted(due))
    if place >= len(listing.funding.ts) or listing.funding.ts[place] != due:
        return settled
    share = 1 - (due - now) / listing.interval_ms
    return round(settled + (float(listing.funding.rate[place]) - settled) * share, 10)


def history_rows(
    listing: Listing, *, after: int | None, before: int | None, limit: int, now: int
) -> list[Row]:
    """Return settlements with before < fundingTime < after, newest first, of the last three months."""
    ts = listing.funding.ts
    low = int(ts.searchsorted(now - HISTORY_MS))
    high = int(ts.searchsorted(now, side="right"))
    if after is not None:
        high = min(high, int(ts.searchsorted(after)))
    if before is not None:
        low = max(low, int(ts.searchsorted(before, side="right")))
    places = range(high - 1, max(low, high - limit) - 1, -1)
    return [_history_row(listing, place) for place in places]


def _history_row(listing: Listing, place: int) -> Row:
    rate = plain(float(listing.funding.rate[place]))
    return {
        "instType": "SWAP",
        "instId": listing.contract.inst_id,
        "formulaType": "withRate",
        "fundingRate": rate,
        "realizedRate": rate,
        "fundingTime": str(int(listing.funding.ts[place])),
        "method": "current_period",
    }
