"""python -m jobs.migrate: create the ledger's tables or bring them to the newest revision."""

from arena.config.models import MigrateConfig
from jobs._runner import JobContext, job


@job("migrate", MigrateConfig, recorded=False)
def main(_config: MigrateConfig, context: JobContext) -> None:
    """Migrate the ledger and say from where to where."""
    from arena.store.ledger.migration import migrate

    before, after = migrate(context.ledger_url)
    if before == after:
        context.log.info("the ledger is at revision %s: nothing to do", after)
    else:
        context.log.info("the ledger went from revision %s to %s", before or "none", after)


if __name__ == "__main__":
    main()
