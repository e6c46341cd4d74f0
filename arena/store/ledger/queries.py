"""The ledger's reads as statements, apart from any connection, so that tests can ask for their plans.

Newest first, always limited. Invariant: every read of a long table goes along an index.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, case, func, select

from arena.store.ledger.tables import (
    AUDIT_LOG,
    BACKTEST_CONFIGS,
    BACKTEST_RESULTS,
    BACKTEST_RUNS,
    CANDLE_INTEGRITY_EVENTS,
    DECISIONS,
    TRIALS,
)

UNLOCK = "lockbox.unlock"
MARKET = "market"

Row = dict[str, Any]
Rows = Select[Any]


def newest(
    table: Table,
    time: str,
    limit: int,
    same: Mapping[str, Any] | None = None,
    *,
    start_ms: int | None = None,
    end_ms: int | None = None,
) -> Rows:
    """Return the newest rows by `time`, those where the given columns are equal (None: any value)."""
    column = table.c[time]
    keys = [key.desc() for key in table.primary_key.columns if key is not column]  # a fixed order of equals
    statement = select(table).order_by(column.desc(), *keys).limit(limit)
    for name, value in (same or {}).items():
        if value is not None:
            statement = statement.where(table.c[name] == value)
    if start_ms is not None:
        statement = statement.where(column >= start_ms)
    if end_ms is not None:
        statement = statement.where(column < end_ms)
    return statement


def backtests(limit: int, same: Mapping[str, Any]) -> Rows:
    """Return the newest runs, each with its headline metrics."""
    results = [column for column in BACKTEST_RESULTS.c if column.name not in {"run_id", "metrics_json"}]
    joined = BACKTEST_RUNS.outerjoin(BACKTEST_RESULTS)
    statement = select(*BACKTEST_RUNS.c, *results).select_from(joined)
    for name, value in same.items():
        if value is not None:
            statement = statement.where(BACKTEST_RUNS.c[name] == value)
    return statement.order_by(BACKTEST_RUNS.c.created_ms.desc(), BACKTEST_RUNS.c.run_id.desc()).limit(limit)


def runs_over(inst_id: str, after_ms: int, before_ms: int) -> Rows:
    """Return runs of an instrument made before a time whose bars reach beyond `after_ms`, with configs."""
    column = BACKTEST_RUNS.c
    joined = BACKTEST_RUNS.outerjoin(BACKTEST_RESULTS).outerjoin(BACKTEST_CONFIGS)
    results = [one for one in BACKTEST_RESULTS.c if one.name not in {"run_id", "metrics_json"}]
    statement = select(*column, *results, BACKTEST_CONFIGS.c.config_json).select_from(joined)
    return statement.where(
        column.inst_id == inst_id, column.created_ms < before_ms, column.end_ms > after_ms
    ).order_by(column.created_ms.desc(), column.run_id.desc())


def decisions_over(inst_id: str, timeframe: str | None, after_ms: int, before_ms: int) -> Rows:
    """Return decisions made before a time at bars from `after_ms` on, the oldest first."""
    column = DECISIONS.c
    lengths = () if timeframe is None else (column.timeframe == timeframe,)
    return (
        select(column.decision_id, column.cycle_id, column.ts, column.strategy, column.action)
        .add_columns(column.target, column.created_ms)
        .where(column.inst_id == inst_id, column.created_ms < before_ms)
        .where(column.ts >= after_ms, *lengths)
        .order_by(column.created_ms, column.decision_id)
    )


def backtest(run_id: str) -> Rows:
    """Return one run with its config and metrics."""
    results = [column for column in BACKTEST_RESULTS.c if column.name != "run_id"]
    joined = BACKTEST_RUNS.outerjoin(BACKTEST_RESULTS).outerjoin(BACKTEST_CONFIGS)
    statement = select(*BACKTEST_RUNS.c, *results, BACKTEST_CONFIGS.c.config_json).select_from(joined)
    return statement.where(BACKTEST_RUNS.c.run_id == run_id)


def trial_count(dataset_hash: str) -> Rows:
    """Return how many parameter sets were tried on a data set; one config counts once."""
    a_config = (
        select(func.max(BACKTEST_RUNS.c.trial_count).label("trials"))
        .where(BACKTEST_RUNS.c.dataset_hash == dataset_hash)
        .group_by(BACKTEST_RUNS.c.config_hash)
        .subquery()
    )
    return select(func.coalesce(func.sum(a_config.c.trials), 0))


def trial_sums(inst_id: str, timeframe: str, start_ms: int, end_ms: int, *, synthetic: bool) -> Rows:
    """Return one row: sums over all trials of a market whose time overlaps [start_ms, end_ms)."""
    column = TRIALS.c
    count, mean = column.sharpes, func.coalesce(column.sharpe_mean, 0.0)
    within = func.coalesce(column.sharpe_variance, 0.0) * case((count > 1, count - 1), else_=0)
    sweep = case((column.kind == "sweep", column.config_hash))
    return select(
        func.coalesce(func.sum(column.sets), 0).label("sets"),
        func.count(case((column.kind == "run", 1))).label("runs"),
        func.count(sweep.distinct()).label("sweeps"),
        func.coalesce(func.sum(count), 0).label("sharpes"),
        func.coalesce(func.sum(count * mean), 0.0).label("total"),
        func.coalesce(func.sum(within), 0.0).label("within"),
        func.coalesce(func.sum(count * mean * mean), 0.0).label("squares"),
        func.coalesce(func.sum(func.coalesce(column.effective, column.sets)), 0.0).label("effective"),
        func.min(column.created_ms).label("first_ms"),
    ).where(*_overlapping(inst_id, timeframe, start_ms, end_ms, synthetic=synthetic))


def held_before(inst_id: str, timeframe: str, start_ms: int, end_ms: int, *, synthetic: bool) -> Rows:
    """Return a row if some of [start_ms, end_ms) was once kept back in trials of this market."""
    column = TRIALS.c
    return (
        select(column.run_id)
        .where(column.inst_id == inst_id, column.timeframe == timeframe, column.synthetic == synthetic)
        .where(column.held_end_ms > start_ms, column.held_start_ms < end_ms)
        .limit(1)
    )


def unlocks(market: str) -> Rows:
    """Return every time that bars of a market were read that had been kept back."""
    column = AUDIT_LOG.c
    return select(column.detail_json).where(
        column.subject_kind == MARKET, column.subject_id == market, column.action == UNLOCK
    )


def _overlapping(
    inst_id: str, timeframe: str, start_ms: int, end_ms: int, *, synthetic: bool
) -> list[ColumnElement[bool]]:
    column = TRIALS.c
    same = [column.inst_id == inst_id, column.timeframe == timeframe, column.synthetic == synthetic]
    return [*same, column.end_ms > start_ms, column.start_ms < end_ms]


def rows_of_run(table: Table, run_id: str, limit: int | None, after_seq: int) -> Rows:
    """Return a run's rows in their order, from the one after `after_seq`."""
    statement = select(table).where(table.c.run_id == run_id, table.c.seq > after_seq).order_by(table.c.seq)
    return statement if limit is None else statement.limit(limit)


def integrity_events(
    limit: int, same: Mapping[str, Any], *, unresolved: bool, start_ts: int | None, end_ts: int | None
) -> Rows:
    """Return findings, the newest range first, those that touch [start_ts, end_ts)."""
    columns = CANDLE_INTEGRITY_EVENTS.c
    statement = newest(CANDLE_INTEGRITY_EVENTS, "start_ts", limit, same, end_ms=end_ts)
    if start_ts is not None:
        statement = statement.where(columns.end_ts > start_ts)
    return statement.where(columns.resolution.is_(None)) if unresolved else statement


def one(table: Table, key: str, value: str) -> Rows:
    """Return the row with this key."""
    return select(table).where(table.c[key] == value)
