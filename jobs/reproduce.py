"""python -m jobs.reproduce: run a past backtest again and compare bit for bit."""

from pathlib import Path

from arena.config.audit import ReproduceConfig
from jobs._context import identity_of
from jobs._runner import JobContext, job


@job("reproduce", ReproduceConfig)
def main(config: ReproduceConfig, context: JobContext) -> None:
    """Compare and write result.json; exit code 3 where the data differ, 1 where the numbers alone do."""
    from arena.audit.archive import find_run
    from arena.audit.reproduce import in_words, problem_of, reproduce
    from arena.core.ids import content_hash
    from arena.reporting.run_folder import run_tables
    from jobs._results import run_info, write_result

    found = reproduce(
        find_run(Path(config.reports.root), config.run),
        run_info(context),
        read_from=config.read_from,
        hash_of=lambda past: content_hash(identity_of(past)),
        tables_of=run_tables,
        tell=context.log.debug,
    )
    write_result(context, found)
    context.show(f"{in_words(found)}\nresult     {context.final_folder / 'result.json'}")
    context.find(problem_of(found))


if __name__ == "__main__":
    main()
