"""What `jobs.ingest` does when the history comes from an exchange.

Invariant: what was stored stays and is reported, also where a series failed or somebody asked to stop.
"""

from __future__ import annotations

from collections.abc import Sequence

from arena.config.exchange import OkxExchange
from arena.config.ingest import IngestConfig
from arena.core.errors import ArenaError
from arena.data.ingest_exchange import FeedImport
from arena.data.ingest_plan import FeedRequest
from arena.data.ingest_report import IngestReport
from arena.exchange.okx.opening import open_feed
from jobs._context import JobContext


def ask_exchange(config: IngestConfig, exchange: OkxExchange, context: JobContext) -> IngestReport:
    """Ask for the series that `config` names and store them; an error of one is told after the report."""
    request = FeedRequest(config.inst_ids(), config.kinds, config.lengths(), config.since_days, config.mode)
    root, run_id = config.store.root, context.run_id
    with open_feed(exchange) as feed:
        work = FeedImport(feed, request, root, run_id=run_id, clock=context.clock)
        with context.progress("ingest", work.rows) as update:
            done = work.run(update)
    for error in _different(done.errors):
        context.find(error)
    if done.stopped:
        context.stopped("what was stored by then stays, and the next run goes on from there")
    return done.report


def _different(errors: Sequence[ArenaError]) -> list[ArenaError]:
    """Return one error of each text: when the exchange is away, every series says so."""
    return list({str(error): error for error in errors}.values())
