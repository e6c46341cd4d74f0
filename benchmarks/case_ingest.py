"""Case 8: three years of bars through the paper exchange, over HTTP, into the store.

The exchange is a process of its own, so that both work at once as they do in life. Invariant: a figure
counts only when every bar came in and no request was turned away.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from arena.core.clock import to_iso
from arena.core.timeframe import MS_PER_DAY, Timeframe
from arena.data.ingest import ingest_synthetic
from arena.data.ingest_exchange import FeedImport
from arena.data.ingest_plan import FeedKind, FeedRequest
from arena.exchange.okx.client import OkxClient
from arena.exchange.okx.feed import PAGE_ROWS, OkxFeed
from arena.exchange.okx.limits import LIMITS, Cost, NoLimits, RateLimits
from arena.exchange.okx.settings import OkxSettings
from arena.exchange.synthetic import SyntheticSpec
from benchmarks.market import listed_instrument
from benchmarks.table import Row, row
from benchmarks.timing import Sample

QUARTER = Timeframe.parse("15m")
START_MS = 1_672_531_200_000  # 2023-01-01
DAYS, QUICK_DAYS = 1_094, 120  # 105,024 bars of 15m

FREE_TARGET_S = 15.0
LIMITED_TARGET = 1.15
"""Largest ratio of the time taken to the time that OKX's limits ask for."""

SERIES: tuple[tuple[tuple[FeedKind, ...], tuple[str, ...]], ...] = (
    (("candles",), ("15m",)),
    (("candles",), ("15m", "30m", "1h")),
    (("candles", "mark", "index"), ("30m",)),
)
"""What is imported with limits on: one series, three that share one endpoint, three endpoints at once."""

_HISTORY = {
    "candles": "market/history-candles",
    "mark": "market/history-mark-price-candles",
    "index": "market/history-index-candles",
}


def measure_ingest(folder: Path, checks: list[str], *, quick: bool) -> list[Row]:
    """Return the rows without limits, with them, and with several series that share them."""
    case, days = "8. Ingest", QUICK_DAYS if quick else DAYS
    source = folder / "ingest-source"
    instrument = listed_instrument()
    ingest_synthetic(instrument, QUARTER, str(source), spec=SyntheticSpec(start_ms=START_MS, days=days))
    rows = []
    with _exchange(source, days, rate_limits=False) as url:
        bars, taken = _bring_in(folder, url, days, ("candles",), (QUARTER,), NoLimits())
        rows.append(row(case, f"{bars:,} bars of 15m, no limits", "s", _once(taken), FREE_TARGET_S))
        rows.append(row(case, "the same, bars a second", "", _once(bars / taken)))
    limits = CountingLimits()
    with _exchange(source, days, rate_limits=True) as url:
        for kinds, lengths in SERIES:
            timeframes = [Timeframe.parse(name) for name in lengths]
            bars, taken = _bring_in(folder, url, days, kinds, timeframes, limits)
            allowed = _allowed_s(days, kinds, timeframes)
            what = f"{'+'.join(kinds)} of {'+'.join(lengths)}, {bars:,} bars; limits ask for {allowed:.0f} s"
            rows.append(row(case, what, "s", _once(taken)))
            rows.append(
                row(case, "the same, times what they ask for", "", _once(taken / allowed), LIMITED_TARGET)
            )
    checks.append(f"ingest: {limits.turned_away} requests were turned away for being too many")
    return rows


class CountingLimits(RateLimits):
    """OKX's limits, which know how often the exchange thought otherwise."""

    turned_away = 0

    def back_off(self, costs: Sequence[Cost]) -> None:
        self.turned_away += 1
        super().back_off(costs)


def _bring_in(
    folder: Path,
    url: str,
    days: int,
    kinds: Sequence[FeedKind],
    timeframes: Sequence[Timeframe],
    limits: RateLimits,
) -> tuple[int, float]:
    """Import into an empty store; return the number of bars and the seconds from plan to last write."""
    root = folder / "ingest-store"
    shutil.rmtree(root, ignore_errors=True)
    client = OkxClient(OkxSettings(base_url=url, ws_url=url.replace("http", "ws")), limits=limits)
    request = FeedRequest([listed_instrument().inst_id], kinds, timeframes, float(days))
    time.sleep(2.1)  # what the run before took from the limits is back
    begin = time.perf_counter()
    with OkxFeed(client, name="paper") as feed:
        done = FeedImport(feed, request, str(root)).run()
    taken = time.perf_counter() - begin
    assert not done.errors, done.errors
    return sum(series.accepted for series in done.report.series), taken


def _allowed_s(days: int, kinds: Sequence[str], timeframes: Sequence[Timeframe]) -> float:
    """Return the shortest time in which the pages can be had within the limits of their endpoints.

    A window of two seconds lets its number through at once, so the first one costs nothing.
    """
    longest = 0.0
    for kind in kinds:
        limit = LIMITS[_HISTORY[kind]]
        pages = sum(-(-days * MS_PER_DAY // (PAGE_ROWS[kind] * one.step_ms)) for one in timeframes)
        longest = max(longest, (-(-pages // limit.requests) - 1) * limit.window_s)
    return longest


@contextmanager
def _exchange(source: Path, days: int, *, rate_limits: bool) -> Iterator[str]:
    """Run the paper exchange in a process of its own, its clock at the end of the bars."""
    words = (
        f"store.root={source}",
        "port=0",
        "clock.speed=0",
        f"clock.start={to_iso(START_MS + days * MS_PER_DAY).removesuffix('Z')}",
        f"rate_limits={str(rate_limits).lower()}",
    )
    command = [sys.executable, "-m", "jobs.paper_exchange", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+(?=: )", process.stdout.readline())
            assert found, "the paper exchange did not start"
            yield found[0]
        finally:
            process.terminate()


def _once(value: float) -> Sample:
    return Sample((value,))
