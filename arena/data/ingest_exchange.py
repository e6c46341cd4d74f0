"""Bring market history from an exchange into the store: several series at once, block by block.

Reads through the feed it is given and writes through MarketWriter alone. Invariant: each block is
written whole before the next is, in the order of its range, so a run that is killed loses at most the
block at hand and the next one goes on behind it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np

from arena.core.bars import SYNTHETIC, Bars, empty_bars
from arena.core.clock import Clock, wall_clock
from arena.core.errors import ArenaError
from arena.data.ingest_origin import check_origin
from arena.data.ingest_plan import BarsPlan, FeedRequest, FundingPlan, SeriesPlan, Stretch, plan_series
from arena.data.ingest_report import ASKED_FROM, IngestReport, SeriesReport
from arena.data.ingest_tally import BarsTally, funding_report, reach_note
from arena.exchange.port import BarPage, MarketFeed
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter

Progress = Callable[[int], None]
"""Called with the number of rows dealt with so far, from one thread at a time."""

_BLOCK_ROWS = 3_000
_BLOCK_S = 5.0
_SERIES_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class FeedIngest:
    """What came of it: a report of what was stored, and the errors of the series that are not whole.

    `stopped` says that somebody asked to stop before the end.
    """

    report: IngestReport
    errors: tuple[ArenaError, ...]
    stopped: bool


class FeedImport:
    """One import from an exchange: planned when made, done by `run`."""

    def __init__(
        self,
        feed: MarketFeed,
        request: FeedRequest,
        root: str,
        *,
        run_id: str = "",
        clock: Clock = wall_clock,
    ) -> None:
        """Plan it.

        Raises:
            ConfigError: the store holds prices of the other origin.
            ExchangeError: the exchange does not answer.
        """
        self._feed, self._request, self._root = feed, request, root
        self._run_id, self._clock = run_id, clock
        self._reader = MarketReader(root)
        self._stop, self._counting = threading.Event(), threading.Lock()
        self._progress: Progress = _silent
        self._done = 0
        self.plans = plan_series(feed, self._reader, request)
        for inst_id in request.inst_ids:
            check_origin(self._reader, inst_id, generated=feed.source == SYNTHETIC)

    @property
    def rows(self) -> int:
        """How many rows are to be dealt with, as far as that is known before."""
        return sum(plan.rows for plan in self.plans)

    def run(self, progress: Progress | None = None) -> FeedIngest:
        """Do it; one series that fails does not keep the others from being done.

        A KeyboardInterrupt ends it early: what was stored by then is reported and stays.
        """
        begin = time.perf_counter()
        self._progress = progress or _silent
        pool = ThreadPoolExecutor(min(_SERIES_AT_ONCE, len(self.plans) or 1), thread_name_prefix="ingest")
        work = [pool.submit(self._one, plan) for plan in self.plans]
        try:
            _wait_for_all(work)
        except BaseException as error:
            self._stop.set()  # the threads end with the block at hand
            self._feed.close()
            if not isinstance(error, KeyboardInterrupt):
                raise
        finally:
            pool.shutdown(cancel_futures=True)
        reports, errors = _sort_out(work)
        report = IngestReport(tuple(reports), time.perf_counter() - begin)
        return FeedIngest(report, tuple(errors), stopped=self._stop.is_set())

    def _one(self, plan: SeriesPlan) -> SeriesReport:
        return self._funding(plan) if isinstance(plan, FundingPlan) else self._bars(plan)

    def _bars(self, plan: BarsPlan) -> SeriesReport:
        begin = time.perf_counter()
        writer = MarketWriter(self._root, clock=self._clock)
        tally = BarsTally()
        for stretch in plan.stretches:
            for block in _blocks(self._pages(plan, stretch)):
                bars = _join(block, plan)
                source = self._feed.source
                written = writer.write_bars(Kind(plan.kind), bars, source=source, job=self._run_id)
                tally.add(bars, written, block)
                self._advance(tally.spanned(block, plan.timeframe.step_ms))
        if not self._stop.is_set():
            self._advance(plan.rows - tally.span)  # the exchange's history ends within the range
        seconds = time.perf_counter() - begin
        return tally.report(plan, source=self._feed.source, layout=self._layout, seconds=seconds)

    def _pages(self, plan: BarsPlan, stretch: Stretch) -> Iterator[BarPage]:
        pages = self._feed.bars(
            plan.kind,
            plan.inst_id,
            plan.timeframe,
            stretch.start,
            stretch.end,
            backwards=stretch.backwards,
        )
        for page in pages:
            yield page
            if self._stop.is_set():
                return

    def _funding(self, plan: FundingPlan) -> SeriesReport:
        begin = time.perf_counter()
        history = self._feed.funding(plan.inst_id, plan.start)
        notes = reach_note(plan, history.reach_ms, self._reader.read_funding(plan.inst_id).ts)
        writer = MarketWriter(self._root, clock=self._clock)
        written = writer.write_funding(history.series, job=self._run_id)
        self._advance(plan.rows)
        return funding_report(
            plan,
            history.series,
            written,
            source=self._feed.source,
            layout=self._layout,
            seconds=time.perf_counter() - begin,
            notes=notes,
        )

    def _advance(self, rows: int) -> None:
        with self._counting:
            self._done += rows
            self._progress(self._done)

    @property
    def _layout(self) -> str:
        return f"{ASKED_FROM}{self._feed.name}"


def _blocks(pages: Iterator[BarPage]) -> Iterator[list[BarPage]]:
    """Gather pages until they are worth a write, by their rows or by the time they took."""
    block: list[BarPage] = []
    begin = time.monotonic()
    for page in pages:
        block.append(page)
        if sum(len(one.bars) for one in block) >= _BLOCK_ROWS or time.monotonic() - begin >= _BLOCK_S:
            yield block
            block, begin = [], time.monotonic()
    if block:
        yield block


def _join(block: Sequence[BarPage], plan: BarsPlan) -> Bars:
    pages = [page.bars for page in sorted(block, key=lambda page: page.start_ms) if len(page.bars)]
    if not pages:
        return empty_bars(plan.inst_id, plan.timeframe)
    columns = {
        name: np.concatenate([getattr(bars, name) for bars in pages])
        for name in ("ts", "open", "high", "low", "close", "volume")
    }
    origin = frozenset[str]().union(*(bars.origin for bars in pages))
    return Bars(plan.inst_id, plan.timeframe, **columns, origin=origin)


def _silent(_rows: int) -> None:
    """Stand in for a progress bar that nobody watches."""


def _wait_for_all(work: Sequence[Future[SeriesReport]]) -> None:
    """Wait; an error that is a bug is raised at once."""
    pending: set[Future[SeriesReport]] = set(work)
    while pending:
        finished, pending = wait(pending, return_when=FIRST_EXCEPTION)
        for one in finished:
            error = one.exception()
            if error is not None and not isinstance(error, ArenaError):
                raise error


def _sort_out(work: Sequence[Future[SeriesReport]]) -> tuple[list[SeriesReport], list[ArenaError]]:
    reports, errors = [], []
    for one in work:
        if one.cancelled():
            continue
        error = one.exception()
        if isinstance(error, ArenaError):
            errors.append(error)
        else:
            reports.append(one.result())
    return reports, errors
