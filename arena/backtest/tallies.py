"""What happened and what was there, counted: the events of an account and the health of a run's data.

Counts and nothing else. Invariant: every number is found again in the run's fills, trades or bars.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arena.backtest.market import RunMarket
from arena.backtest.result import Counts, DataHealth, Gap, RunArrays
from arena.core.clock import to_iso
from arena.engine.records import FillReason
from arena.engine.simulate import AccountCourse

MOST_GAPS = 100


def count_events(course: AccountCourse, arrays: RunArrays) -> Counts:
    """Return how often things happened to the account."""
    reasons = arrays.fills["reason"]
    is_open: NDArray[np.bool_] = arrays.trades["is_open"]

    def of(reason: FillReason) -> int:
        return int(np.count_nonzero(reasons == reason))

    return Counts(
        orders=course.orders,
        fills=len(arrays.fills),
        trades=int(np.count_nonzero(~is_open)),
        open_trades=int(np.count_nonzero(is_open)),
        stop_losses=of(FillReason.STOP_LOSS),
        take_profits=of(FillReason.TAKE_PROFIT),
        liquidations=of(FillReason.LIQUIDATION),
        partial_liquidations=of(FillReason.LIQUIDATION_PARTIAL),
        expired_orders=course.expired,
        rejected_orders=course.rejected,
        clipped_orders=course.clipped,
        unfilled_orders=course.unfilled,
    )


def describe_health(market: RunMarket) -> DataHealth:
    """Return what the run's range should hold and what it does."""
    health = market.health
    largest = sorted(health.gaps, key=lambda gap: (-gap.bars, gap.start))[:MOST_GAPS]
    return DataHealth(
        expected=health.expected,
        present=health.present,
        missing=health.missing,
        flat=health.flat,
        gaps=[Gap(start=to_iso(gap.start), end=to_iso(gap.end), bars=gap.bars) for gap in largest],
        gap_count=len(health.gaps),
        history_missing=market.history_health.missing,
        funding_expected=market.plan.expected,
        funding_present=market.plan.expected - market.plan.sources.get("", 0),
        mark_missing=market.mark_missing,
        fit=market.verdict.fit,
        duplicates=health.duplicates,
        off_grid=health.off_grid,
        bad_ohlc=market.verdict.count("bad_ohlc"),
        spikes=market.verdict.count("spike"),
        zero_volume=market.verdict.count("zero_volume"),
        bridged=market.bridged,
    )
