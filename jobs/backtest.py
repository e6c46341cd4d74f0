"""python -m jobs.backtest: run one strategy over stored bars; leave JSON, Parquet and an HTML report."""

from typing import Any

from arena.config.models import BacktestConfig
from jobs._runner import JobContext, job


def check(values: dict[str, Any]) -> None:
    """Check the strategy's own parameters before anything heavy is imported."""
    from arena.strategies.parameters import parse_params
    from arena.strategies.registry import get_strategy

    strategy = values.get("strategy")
    if isinstance(strategy, dict) and "name" in strategy:
        parse_params(get_strategy(str(strategy["name"])), strategy)


@job("backtest", BacktestConfig, check=check)
def main(config: BacktestConfig, context: JobContext) -> float | None:
    """Run, write the run's folder and its rows in the ledger, print the headline."""
    from arena.backtest.ledger_rows import backtest_record
    from arena.backtest.run import RunIdentity, run_backtest
    from arena.reporting.console import headline
    from arena.reporting.run_folder import write_run

    identity = RunIdentity(context.run_id, context.created_ms, context.command, context.config_hash)
    result, arrays = run_backtest(config, identity, started=context.started, tell=context.log.debug)
    write_run(context.folder, result, arrays, html=config.report.html)
    record = backtest_record(result, arrays, context.identity)
    context.at_end(lambda: context.ledger.record_backtest(record))
    context.show(headline(result, context.final_folder, html=config.report.html))
    return next(metric.value for metric in result.primary if metric.name == "sharpe")


if __name__ == "__main__":
    main()
