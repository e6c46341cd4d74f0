"""python -m jobs.health: what is wrong with the stored data of one instrument."""

from __future__ import annotations

from pathlib import Path

from arena.config.health import HealthConfig
from jobs._runner import JobContext, job


@job("health", HealthConfig, lists=("timeframes",))
def main(config: HealthConfig, context: JobContext) -> None:
    """Scan, settle the findings with the ledger, write JSON and HTML; exit code 3 as `fail_on` says."""
    from arena.audit.health_check import check_health, problem_of
    from arena.reporting.health_console import health_headline
    from arena.reporting.health_files import publish_stats, stats_path, write_health
    from jobs._results import run_info

    root, now = Path(config.reports.root), context.created_ms
    with context.progress("series", total=100) as update:
        result = check_health(
            config, run_info(context), context.ledger, now, tell=lambda done, of: update(100 * done // of)
        )
    write_health(context.folder, result)
    context.at_end(lambda: publish_stats(root, now, result))
    context.show(health_headline(result, stats_path(root, now)))
    context.find(problem_of(result))


if __name__ == "__main__":
    main()
