"""python -m jobs.backtest: run one strategy over stored bars; leave JSON, Parquet and an HTML report.

With several values (-m, sweep=NAME) one sweep over all of them, in one folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arena.config.models import BacktestConfig
from jobs._runner import JobContext, job

if TYPE_CHECKING:
    from arena.backtest.judge import PastTrials
    from arena.backtest.sweep.study import Study


def check(values: dict[str, Any]) -> None:
    """Check the strategy's own parameters before anything heavy is imported."""
    from arena.strategies.parameters import parse_params
    from arena.strategies.registry import get_strategy

    strategy = values.get("strategy")
    if isinstance(strategy, dict) and "name" in strategy:
        parse_params(get_strategy(str(strategy["name"])), strategy)


def sweep(study: Study, context: JobContext) -> float | None:
    """Run the trials, write one folder and the rows in the ledger, print the best."""
    from jobs._sweeps import run_asked

    return run_asked(study, context)


@job("backtest", BacktestConfig, check=check, sweep=sweep)
def main(config: BacktestConfig, context: JobContext) -> float | None:
    """Run, write the run's folder and its rows in the ledger, print the headline."""
    from arena.backtest.ledger_rows import backtest_record, count_trials, trial_record
    from arena.backtest.result import BacktestResult
    from arena.backtest.run import RunIdentity, run_backtest
    from arena.reporting.console import headline
    from arena.reporting.run_folder import write_run

    identity = RunIdentity(context.run_id, context.created_ms, context.command, context.config_hash)

    def past(found: BacktestResult) -> PastTrials:
        return count_trials(context.ledger, trial_record(found, unlocked=config.window.unlock))

    result, arrays = run_backtest(
        config, identity, started=context.started, tell=context.log.debug, past=past
    )
    write_run(context.folder, result, arrays, html=config.report.html, config=config)
    record = backtest_record(result, arrays, context.identity)
    context.at_end(lambda: context.ledger.record_backtest(record))
    context.show(headline(result, context.final_folder, html=config.report.html))
    return next(metric.value for metric in result.primary if metric.name == "sharpe")


if __name__ == "__main__":
    main()
