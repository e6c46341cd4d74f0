"""Writes about runs: jobs, backtests, and the audit log.

Invariant: a backtest is in the ledger whole, config, results, fills and decisions, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table, insert, select

from arena.core.ids import canonical_json
from arena.store.ledger.record import BacktestRecord
from arena.store.ledger.table_writer import TableWriter
from arena.store.ledger.tables import (
    AUDIT_LOG,
    BACKTEST_CONFIGS,
    BACKTEST_DECISIONS,
    BACKTEST_ORDERS,
    BACKTEST_RESULTS,
    BACKTEST_RUNS,
    HEADLINE_METRICS,
    JOB_RUNS,
)
from arena.store.ledger.values import bulk_values, finite_metrics, mapped_values

if TYPE_CHECKING:
    from arena.store.ledger.rows import AuditRow

_CHUNK_ROWS = 5_000

_RUN_FIELDS = (
    "run_id",
    "job_run_id",
    "job",
    "name",
    "notes",
    "status",
    "strategy",
    "inst_id",
    "symbol",
    "timeframe",
    "config_hash",
    "dataset_hash",
    "code_version",
    "synthetic",
    "start_ms",
    "end_ms",
    "bars",
    "created_ms",
    "trial_count",
    "sharpe_variance",
)


class RunWrites(TableWriter):
    """The ledger's methods about runs."""

    def start_job_run(
        self, run_id: str, job: str, config_hash: str, config_json: str, command: str, started_ms: int
    ) -> None:
        """Write down that a job has started.

        Raises:
            DataError: the run id is there already.
        """
        values = mapped_values(
            JOB_RUNS,
            {
                "run_id": run_id,
                "job": job,
                "status": "running",
                "config_hash": config_hash,
                "config_json": config_json,
                "command": command,
                "started_ms": started_ms,
            },
        )
        with self._connection.write() as connection:
            connection.execute(insert(JOB_RUNS).values(values))

    def open_job_runs(self, job: str) -> list[str]:
        """Return the ids of the job's runs that have no end yet."""
        wanted = select(JOB_RUNS.c.run_id).where(JOB_RUNS.c.job == job, JOB_RUNS.c.status == "running")
        with self._connection.write() as connection:
            return list(connection.execute(wanted).scalars())

    def finish_job_run(
        self, run_id: str, status: str, exit_code: int, error: str | None, finished_ms: int
    ) -> None:
        """Write down how a job has ended.

        Raises:
            DataError: no such run was started.
        """
        changes = {"status": status, "exit_code": exit_code, "error": error, "finished_ms": finished_ms}
        self._change(JOB_RUNS, "run_id", run_id, changes)

    def record_backtest(self, record: BacktestRecord) -> None:
        """Write a backtest in one transaction; its config once, whichever runs used it.

        Raises:
            DataError: the run id is there already, or a row or metric cannot be stored.
        """
        run = {name: getattr(record, name) for name in _RUN_FIELDS}
        run["tags"] = canonical_json(list(record.tags))
        metrics = finite_metrics(record.metrics)
        config = {
            "config_hash": record.config_hash,
            "config_json": record.config_json,
            "job": record.job,
            "strategy": record.strategy,
            "first_seen_ms": record.created_ms,
        }
        result = {name: metrics.get(name) for name in HEADLINE_METRICS}
        shared = {"run_id": record.run_id}
        with self._connection.write() as connection:
            self._insert_unless_known(connection, BACKTEST_CONFIGS, mapped_values(BACKTEST_CONFIGS, config))
            connection.execute(insert(BACKTEST_RUNS).values(mapped_values(BACKTEST_RUNS, run)))
            connection.execute(
                insert(BACKTEST_RESULTS).values(**shared, **result, metrics_json=canonical_json(metrics))
            )
            _insert_many(connection, BACKTEST_ORDERS, record.orders, shared)
            _insert_many(connection, BACKTEST_DECISIONS, record.decisions, shared)

    def describe_backtest(
        self,
        run_id: str,
        *,
        name: str | None = None,
        notes: str | None = None,
        tags: Sequence[str] | None = None,
    ) -> None:
        """Change what the user wrote about a run; None leaves a text as it is.

        Raises:
            DataError: there is no such run, or nothing to change.
        """
        written = {"name": name, "notes": notes, "tags": None if tags is None else canonical_json(list(tags))}
        changes = {key: value for key, value in written.items() if value is not None}
        self._change(BACKTEST_RUNS, "run_id", run_id, changes)

    def append_audit(self, row: AuditRow) -> str:
        """Append one deed to the audit log and return its key."""
        return self._append(AUDIT_LOG, [row])[0]


def _insert_many(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], shared: Mapping[str, Any]
) -> None:
    values = bulk_values(table, rows, shared)
    while chunk := list(islice(values, _CHUNK_ROWS)):
        connection.execute(insert(table), chunk)
