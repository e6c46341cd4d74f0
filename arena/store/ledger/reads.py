"""The reading side of the ledger: opened read only, waits for no writer, changes nothing.

Answers are plain dicts by column name, newest first. Invariant: no method can write.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Table

from arena.core.errors import DataError, unknown_name
from arena.store.ledger import queries
from arena.store.ledger.address import DEFAULT_URL, LedgerAddress, read_address
from arena.store.ledger.connection import reading_engine
from arena.store.ledger.faults import ledger_faults
from arena.store.ledger.queries import Row, Rows
from arena.store.ledger.soundness import require_head, stored_revision
from arena.store.ledger.tables import (
    AUDIT_LOG,
    BACKTEST_DECISIONS,
    BACKTEST_ORDERS,
    BALANCE_SNAPSHOTS,
    BALANCES,
    CANDLE_REPAIR_JOBS,
    CYCLES,
    DECISIONS,
    INSTRUMENTS,
    INTENTS,
    JOB_RUNS,
    LLM_CALLS,
    ORDER_LIFECYCLE_EVENTS,
    ORDERS,
    POSITION_SNAPSHOTS,
    POSITIONS,
    RISK_EVENTS,
    TRADES,
    TRIALS,
)

if TYPE_CHECKING:
    from arena.store.ledger.copying import TableCopy


def open_reads(url: str = DEFAULT_URL) -> "LedgerReads":
    """Return the reads of an existing ledger at this code's schema revision.

    Raises:
        ConfigError: the URL cannot be used.
        DataError: there is no ledger there, or one of another revision.
    """
    address = read_address(url)
    if address.path is not None and not address.path.exists():
        raise DataError(f"there is no ledger at {address.shown}: run `python -m jobs.migrate`")
    reads = LedgerReads(address)
    try:
        reads.require_head()
    except BaseException:
        reads.close()
        raise
    return reads


class LedgerReads:
    """The reads of one ledger; may be used by several threads at once."""

    def __init__(self, address: LedgerAddress) -> None:
        self._address = address
        self._engine = reading_engine(address)

    @property
    def path(self) -> Path | None:
        """The file of a SQLite ledger, None on PostgreSQL."""
        return self._address.path

    @property
    def shown(self) -> str:
        """Where the ledger is, without its password."""
        return self._address.shown

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def require_head(self) -> None:
        """Refuse a ledger of another schema revision.

        Raises:
            DataError: the ledger is empty, older or newer.
        """
        with ledger_faults(self._address), self._engine.connect() as connection:
            revision = stored_revision(connection)
        require_head(self._address, revision)

    def copy_newest(self, path: Path, most: int) -> "list[TableCopy]":
        """Write the newest `most` rows of each table of a PostgreSQL ledger into a new SQLite file.

        Raises:
            DataError: the server cannot be reached, or a table takes more than a minute to be read.
        """
        from arena.store.ledger.copying import copy_newest

        engine = self._engine.execution_options(isolation_level="REPEATABLE READ")
        with ledger_faults(self._address), engine.connect() as connection:
            return copy_newest(connection, path, most)

    def list_job_runs(
        self, limit: int = 50, *, job: str | None = None, status: str | None = None
    ) -> list[Row]:
        """Return the newest job runs."""
        return self._newest(JOB_RUNS, "started_ms", limit, {"job": job, "status": status})

    def get_job_run(self, run_id: str) -> Row:
        """Return one job run; `DataError` when there is none."""
        return self._one(JOB_RUNS, "run_id", run_id)

    def list_backtests(
        self,
        limit: int = 50,
        *,
        strategy: str | None = None,
        inst_id: str | None = None,
        symbol: str | None = None,
        dataset_hash: str | None = None,
    ) -> list[Row]:
        """Return the newest backtest runs, each with its headline metrics."""
        same = {"strategy": strategy, "inst_id": inst_id, "symbol": symbol, "dataset_hash": dataset_hash}
        return self._rows(queries.backtests(limit, same))

    def get_backtest(self, run_id: str) -> Row:
        """Return one run with `config_json` and all metrics by name in `metrics`.

        Raises:
            DataError: there is no such run.
        """
        found = self._rows(queries.backtest(run_id))
        if not found:
            known = [str(row["run_id"]) for row in self.list_backtests(5)]
            raise DataError(unknown_name("backtest run", run_id, known, "the newest are listed"))
        row = found[0]
        row["metrics"] = json.loads(row.pop("metrics_json") or "{}")
        return row

    def list_runs_over(self, inst_id: str, after_ms: int, before_ms: int) -> list[Row]:
        """Return all runs made before `before_ms` whose bars reach beyond `after_ms`, with configs."""
        return self._rows(queries.runs_over(inst_id, after_ms, before_ms))

    def list_decisions_over(
        self, inst_id: str, timeframe: str | None, after_ms: int, before_ms: int
    ) -> list[Row]:
        """Return all decisions made before `before_ms` at bars from `after_ms` on, the oldest first.

        Bars of one length, or of any where `timeframe` is None.
        """
        return self._rows(queries.decisions_over(inst_id, timeframe, after_ms, before_ms))

    def list_backtest_orders(
        self, run_id: str, limit: int | None = None, *, after_seq: int = -1
    ) -> list[Row]:
        """Return a run's fills in the order of the account."""
        return self._rows(queries.rows_of_run(BACKTEST_ORDERS, run_id, limit, after_seq))

    def list_backtest_decisions(
        self, run_id: str, limit: int | None = None, *, after_seq: int = -1
    ) -> list[Row]:
        """Return a run's decisions, oldest first."""
        return self._rows(queries.rows_of_run(BACKTEST_DECISIONS, run_id, limit, after_seq))

    def count_trials(self, dataset_hash: str) -> int:
        """Return how many parameter sets were ever tried on a data set; a config run again counts once."""
        return int(next(iter(self._rows(queries.trial_count(dataset_hash))[0].values())))

    def list_trials(
        self, limit: int = 100, *, inst_id: str | None = None, timeframe: str | None = None
    ) -> list[Row]:
        """Return the newest rows of the trial ledger: a run is one, a batch of a sweep is one."""
        return self._newest(TRIALS, "created_ms", limit, {"inst_id": inst_id, "timeframe": timeframe})

    def list_orders(
        self,
        status: str | None = None,
        limit: int = 100,
        *,
        inst_id: str | None = None,
        symbol: str | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> list[Row]:
        """Return the newest orders by `created_ms` in [start_ms, end_ms)."""
        same = {"status": status, "inst_id": inst_id, "symbol": symbol}
        return self._newest(ORDERS, "created_ms", limit, same, start_ms=start_ms, end_ms=end_ms)

    def list_lifecycle_events(self, order_id: int | None = None, limit: int = 500) -> list[Row]:
        """Return the newest changes of orders' states."""
        return self._newest(ORDER_LIFECYCLE_EVENTS, "ts", limit, {"order_id": order_id})

    def list_trades(
        self,
        limit: int = 100,
        *,
        inst_id: str | None = None,
        order_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> list[Row]:
        """Return the newest fills at the exchange by `ts` in [start_ms, end_ms)."""
        same = {"inst_id": inst_id, "order_id": order_id}
        return self._newest(TRADES, "ts", limit, same, start_ms=start_ms, end_ms=end_ms)

    def list_positions(self, account: str | None = None, limit: int = 500) -> list[Row]:
        """Return the positions as they stand."""
        return self._newest(POSITIONS, "updated_ms", limit, {"account": account})

    def list_position_snapshots(
        self, account: str, inst_id: str, limit: int = 500, *, start_ms: int | None = None
    ) -> list[Row]:
        """Return how a position stood, newest first."""
        same = {"account": account, "inst_id": inst_id}
        return self._newest(POSITION_SNAPSHOTS, "ts", limit, same, start_ms=start_ms)

    def list_balances(self, account: str | None = None, limit: int = 500) -> list[Row]:
        """Return the balances as they stand."""
        return self._newest(BALANCES, "updated_ms", limit, {"account": account})

    def list_balance_snapshots(
        self, account: str, currency: str, limit: int = 500, *, start_ms: int | None = None
    ) -> list[Row]:
        """Return how a balance stood, newest first."""
        same = {"account": account, "currency": currency}
        return self._newest(BALANCE_SNAPSHOTS, "ts", limit, same, start_ms=start_ms)

    def list_instruments(self, limit: int = 500) -> list[Row]:
        """Return the instruments that an exchange has described."""
        return self._newest(INSTRUMENTS, "updated_ms", limit, {})

    def list_cycles(
        self, limit: int = 100, *, status: str | None = None, inst_id: str | None = None
    ) -> list[Row]:
        """Return the newest trade cycles."""
        return self._newest(CYCLES, "started_ms", limit, {"status": status, "inst_id": inst_id})

    def get_cycle(self, cycle_id: str) -> Row:
        """Return one cycle; `DataError` when there is none."""
        return self._one(CYCLES, "cycle_id", cycle_id)

    def list_intents(
        self, status: str | None = None, limit: int = 100, *, cycle_id: str | None = None
    ) -> list[Row]:
        """Return the newest intents."""
        return self._newest(INTENTS, "created_ms", limit, {"status": status, "cycle_id": cycle_id})

    def list_decisions(
        self,
        limit: int = 100,
        *,
        inst_id: str | None = None,
        strategy: str | None = None,
        cycle_id: str | None = None,
    ) -> list[Row]:
        """Return the newest decisions."""
        same = {"inst_id": inst_id, "strategy": strategy, "cycle_id": cycle_id}
        return self._newest(DECISIONS, "created_ms", limit, same)

    def list_llm_calls(
        self, limit: int = 100, *, request_hash: str | None = None, cycle_id: str | None = None
    ) -> list[Row]:
        """Return the newest calls of a language model."""
        return self._newest(LLM_CALLS, "ts", limit, {"request_hash": request_hash, "cycle_id": cycle_id})

    def list_risk_events(
        self,
        limit: int = 100,
        *,
        kind: str | None = None,
        cycle_id: str | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> list[Row]:
        """Return the newest risk events with `ts` in [start_ms, end_ms)."""
        same = {"kind": kind, "cycle_id": cycle_id}
        return self._newest(RISK_EVENTS, "ts", limit, same, start_ms=start_ms, end_ms=end_ms)

    def list_integrity_events(
        self,
        limit: int = 500,
        *,
        inst_id: str | None = None,
        timeframe: str | None = None,
        kind: str | None = None,
        unresolved: bool = False,
        start_ts: int | None = None,
        end_ts: int | None = None,
    ) -> list[Row]:
        """Return findings in stored candles, those whose range touches [start_ts, end_ts)."""
        same = {"inst_id": inst_id, "timeframe": timeframe, "kind": kind}
        return self._rows(
            queries.integrity_events(limit, same, unresolved=unresolved, start_ts=start_ts, end_ts=end_ts)
        )

    def list_repair_jobs(
        self,
        limit: int = 100,
        *,
        inst_id: str | None = None,
        timeframe: str | None = None,
        status: str | None = None,
        start_ms: int | None = None,
    ) -> list[Row]:
        """Return the newest repairs, those that were started at `start_ms` (UTC) or later."""
        same = {"inst_id": inst_id, "timeframe": timeframe, "status": status}
        return self._newest(CANDLE_REPAIR_JOBS, "created_ms", limit, same, start_ms=start_ms)

    def list_audit(
        self,
        limit: int = 100,
        *,
        action: str | None = None,
        subject_kind: str | None = None,
        subject_id: str | None = None,
    ) -> list[Row]:
        """Return the newest rows of the audit log."""
        same = {"action": action, "subject_kind": subject_kind, "subject_id": subject_id}
        return self._newest(AUDIT_LOG, "ts", limit, same)

    def _newest(
        self,
        table: Table,
        time: str,
        limit: int,
        same: Mapping[str, Any],
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> list[Row]:
        return self._rows(queries.newest(table, time, limit, same, start_ms=start_ms, end_ms=end_ms))

    def _one(self, table: Table, key: str, value: str) -> Row:
        found = self._rows(queries.one(table, key, value))
        if not found:
            raise DataError(f"ledger {self._address.shown}: {table.name} has no {key} '{value}'")
        return found[0]

    def _rows(self, statement: Rows) -> list[Row]:
        with ledger_faults(self._address), self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]
