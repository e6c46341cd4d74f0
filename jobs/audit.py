"""python -m jobs.audit: recompute a strategy without the future and compare bit for bit."""

from arena.config.audit import AuditConfig
from jobs._runner import JobContext, job
from jobs.backtest import check


@job("audit", AuditConfig, check=check)
def main(config: AuditConfig, context: JobContext) -> None:
    """Audit, write result.json and a row in the audit log; exit code 3 where the strategy looks ahead."""
    from arena.audit.strategy_audit import AuditResult, audit_row, audit_strategy, in_words, problem_of
    from jobs._results import run_info, write_result

    def tell(done: int, total: int) -> None:
        update(done * config.prefixes // total)

    def log_it(result: AuditResult) -> None:
        context.ledger.append_audit(audit_row(result, context.clock()))

    with context.progress("prefixes", total=config.prefixes) as update:
        found = audit_strategy(config, run_info(context), context.config_hash, tell=tell)
    write_result(context, found)
    context.at_end(lambda: log_it(found))
    context.show(f"{in_words(found)}\nresult  {context.final_folder / 'result.json'}")
    context.find(problem_of(found))


if __name__ == "__main__":
    main()
