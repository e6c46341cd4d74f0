"""The ledger's tables, by subject.

Says what there is; never opens a database. Invariant: a change here comes with a migration,
which a test holds against these tables on both databases.
"""

from arena.store.ledger.tables.backtests import (
    BACKTEST_CONFIGS,
    BACKTEST_DECISIONS,
    BACKTEST_ORDERS,
    BACKTEST_RESULTS,
    BACKTEST_RUNS,
    HEADLINE_METRICS,
    TRIALS,
)
from arena.store.ledger.tables.columns import EXACT_OF, METADATA, PARTITIONED
from arena.store.ledger.tables.decisions import CYCLES, DECISIONS, INTENTS, LLM_CALLS, RISK_EVENTS
from arena.store.ledger.tables.jobs import AUDIT_LOG, JOB_RUNS
from arena.store.ledger.tables.market_health import CANDLE_INTEGRITY_EVENTS, CANDLE_REPAIR_JOBS
from arena.store.ledger.tables.trading import (
    BALANCE_SNAPSHOTS,
    BALANCES,
    INSTRUMENTS,
    ORDER_LIFECYCLE_EVENTS,
    ORDERS,
    POSITION_SNAPSHOTS,
    POSITIONS,
    TRADES,
)

EVENT_TABLES = tuple(table for table in METADATA.tables.values() if PARTITIONED in table.info)
"""Append-only tables, partitioned by month on PostgreSQL."""

__all__ = [
    "AUDIT_LOG",
    "BACKTEST_CONFIGS",
    "BACKTEST_DECISIONS",
    "BACKTEST_ORDERS",
    "BACKTEST_RESULTS",
    "BACKTEST_RUNS",
    "BALANCES",
    "BALANCE_SNAPSHOTS",
    "CANDLE_INTEGRITY_EVENTS",
    "CANDLE_REPAIR_JOBS",
    "CYCLES",
    "DECISIONS",
    "EVENT_TABLES",
    "EXACT_OF",
    "HEADLINE_METRICS",
    "INSTRUMENTS",
    "INTENTS",
    "JOB_RUNS",
    "LLM_CALLS",
    "METADATA",
    "ORDERS",
    "ORDER_LIFECYCLE_EVENTS",
    "PARTITIONED",
    "POSITIONS",
    "POSITION_SNAPSHOTS",
    "RISK_EVENTS",
    "TRADES",
    "TRIALS",
]
