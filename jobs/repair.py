"""python -m jobs.repair: mend a stored series and say which past results that touches."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from arena.config.exchange import OkxExchange
from arena.config.health import RepairConfig
from jobs._runner import JobContext, job

if TYPE_CHECKING:
    from arena.backtest.result import BacktestResult
    from arena.config.models import BacktestConfig
    from arena.exchange.port import MarketFeed


@job("repair", RepairConfig)
def main(config: RepairConfig, context: JobContext) -> None:
    """Repair, write result.json and the ledger's rows; exit code 3 where a range could not be mended."""
    from arena.audit.repair_run import Asking, problem_of, repair_series
    from arena.backtest.ledger_rows import trial_record
    from arena.reporting.repair_console import repair_headline
    from arena.store.ledger import open_reads
    from jobs._results import run_info, write_result

    def log_reading(result: BacktestResult, past: BacktestConfig) -> None:
        record = trial_record(result, unlocked=past.window.unlock)
        again = replace(record, run_id=context.run_id, created_ms=context.created_ms)
        context.ledger.record_reading(again, "jobs.repair")

    with ExitStack() as stack:
        feed = _feed(config, stack)
        reads = stack.enter_context(open_reads(context.ledger_url))
        update = stack.enter_context(context.progress("ranges", total=100))
        asking = Asking(
            run_info(context),
            context.ledger,
            reads,
            context.clock,
            feed,
            lambda done, of: update(100 * done // max(1, of)),
            log_reading,
        )
        result = repair_series(config, asking)
    write_result(context, result)
    context.show(repair_headline(result, context.final_folder))
    context.find(problem_of(result))


def _feed(config: RepairConfig, stack: ExitStack) -> MarketFeed | None:
    """Return the exchange to ask, None where bars are built from finer ones."""
    if config.mode != "refetch" or not isinstance(config.exchange, OkxExchange):
        return None
    from arena.exchange.okx.opening import open_feed

    return stack.enter_context(open_feed(config.exchange))


if __name__ == "__main__":
    main()
