"""python -m jobs.reproduce: run a past backtest again and compare bit for bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from arena.config.audit import ReproduceConfig
from jobs._context import identity_of
from jobs._runner import JobContext, job

if TYPE_CHECKING:
    from arena.backtest.result import BacktestResult
    from arena.config.models import BacktestConfig


@job("reproduce", ReproduceConfig)
def main(config: ReproduceConfig, context: JobContext) -> None:
    """Compare and write result.json; exit code 3 where the data differ, 1 where the numbers alone do."""
    from arena.audit.archive import find_run
    from arena.audit.reproduce import in_words, problem_of, reproduce
    from arena.backtest.ledger_rows import trial_record
    from arena.core.ids import content_hash
    from arena.reporting.run_folder import run_tables
    from jobs._results import run_info, write_result

    def log_reading(result: BacktestResult, past: BacktestConfig) -> None:
        record = trial_record(result, unlocked=past.window.unlock)
        again = replace(record, run_id=context.run_id, created_ms=context.created_ms)
        context.ledger.record_reading(again, "jobs.reproduce")

    found = reproduce(
        find_run(Path(config.reports.root), config.run),
        run_info(context),
        read_from=config.read_from,
        hash_of=lambda past: content_hash(identity_of(past)),
        tables_of=run_tables,
        tell=context.log.debug,
        read=log_reading,
    )
    write_result(context, found)
    context.show(f"{in_words(found)}\nresult     {context.final_folder / 'result.json'}")
    context.find(problem_of(found))


if __name__ == "__main__":
    main()
