"""The ready questions: what people ask the ledger most, as SQL with named parameters.

Data alone. Invariant: each runs on an empty ledger, answers with the newest rows first and is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["QUESTIONS", "Question"]


@dataclass(frozen=True, slots=True)
class Question:
    """One canned query; parameters are `:name` in the SQL."""

    name: str
    title: str
    description: str
    sql: str


_UTC = "strftime('%Y-%m-%d %H:%M:%S', {0} / 1000, 'unixepoch') AS {1}"
_NEWEST = "LIMIT 200"


def _time(column: str, name: str) -> str:
    return _UTC.format(column, name)


QUESTIONS: tuple[Question, ...] = (
    Question(
        "orders_by_status",
        "Orders by status",
        "How many orders stand in each status, and when the newest of them changed.",
        f"SELECT status, origin, count(*) AS orders, {_time('max(updated_ms)', 'newest_utc')} "
        f"FROM orders GROUP BY status, origin ORDER BY orders DESC {_NEWEST}",
    ),
    Question(
        "open_orders",
        "Orders that may still fill",
        "Orders without an end: new, open, partial or unknown. An unknown one has to be reconciled.",
        f"SELECT {_time('created_ms', 'created_utc')}, inst_id, side, order_type, size_text, filled_text, "
        "price_text, status, cl_ord_id, exchange_order_id FROM orders "
        f"WHERE status IN ('new', 'open', 'partial', 'unknown') ORDER BY created_ms DESC {_NEWEST}",
    ),
    Question(
        "order_story",
        "The life of one order",
        "Every change of the order with this order_id, in the order it became known.",
        f"SELECT {_time('ts', 'utc')}, kind, from_status, to_status, source, message "
        f"FROM order_lifecycle_events WHERE order_id = :order_id ORDER BY ts DESC {_NEWEST}",
    ),
    Question(
        "last_decisions",
        "Last decisions",
        "What was wanted at the close of the newest bars, by whom and why.",
        f"SELECT {_time('ts', 'bar_utc')}, inst_id, timeframe, source, strategy, action, target, "
        f"confidence, reason FROM decisions ORDER BY created_ms DESC {_NEWEST}",
    ),
    Question(
        "last_cycles",
        "Last trade cycles",
        "Which bar each cycle was for, how far it came and why it stopped.",
        f"SELECT {_time('bar_ts', 'bar_utc')}, account, inst_id, timeframe, status, step, error "
        f"FROM cycles ORDER BY started_ms DESC {_NEWEST}",
    ),
    Question(
        "risk_events_by_kind",
        "Risk events by kind",
        "How often each rule clamped, refused or halted, and when it did last.",
        f"SELECT kind, rule, severity, count(*) AS times, {_time('max(ts)', 'newest_utc')} "
        f"FROM risk_events GROUP BY kind, rule, severity ORDER BY times DESC {_NEWEST}",
    ),
    Question(
        "fills_by_day",
        "Fills by day",
        "Fills, contracts, fees and realised PnL of each UTC day and instrument.",
        "SELECT date(ts / 1000, 'unixepoch') AS day, inst_id, count(*) AS fills, sum(size) AS contracts, "
        "sum(fee) AS fees, sum(realized_pnl) AS realized_pnl FROM trades "
        f"GROUP BY day, inst_id ORDER BY day DESC {_NEWEST}",
    ),
    Question(
        "positions_now",
        "Positions and balances",
        "What each account holds, as it was last read.",
        "SELECT account, inst_id AS what, position_side AS side, size_text AS amount, unrealized_pnl, "
        f"{_time('updated_ms', 'read_utc')} FROM positions "
        "UNION ALL SELECT account, currency, 'balance', equity_text, unrealized_pnl, "
        f"{_time('updated_ms', 'read_utc')} FROM balances ORDER BY read_utc DESC {_NEWEST}",
    ),
    Question(
        "data_findings",
        "What is wrong with the candles",
        "Open findings in the stored series, those that weigh most first.",
        f"SELECT severity, kind, inst_id, timeframe, {_time('start_ts', 'start_utc')}, "
        f"{_time('end_ts', 'end_utc')}, bars, times_seen, detail_json FROM candle_integrity_events "
        "WHERE resolution IS NULL ORDER BY CASE severity WHEN 'error' THEN 0 WHEN 'warning' THEN 1 ELSE 2 "
        f"END, start_ts DESC {_NEWEST}",
    ),
    Question(
        "repairs",
        "Repairs of candles",
        "What was asked, what was done, and what came of it.",
        f"SELECT {_time('created_ms', 'utc')}, inst_id, timeframe, mode, source, status, bars_asked, "
        f"bars_done, outcome, error FROM candle_repair_jobs ORDER BY created_ms DESC {_NEWEST}",
    ),
    Question(
        "best_backtests",
        "Best backtests",
        "Backtests by Sharpe ratio. The best of many is luck in part: trial_count says of how many.",
        f"SELECT r.run_id, {_time('r.created_ms', 'utc')}, r.strategy, r.symbol, r.timeframe, r.synthetic, "
        "r.trial_count, s.sharpe, s.total_return, s.max_drawdown FROM backtest_runs r "
        "JOIN backtest_results s ON s.run_id = r.run_id WHERE s.sharpe IS NOT NULL "
        f"ORDER BY s.sharpe DESC {_NEWEST}",
    ),
    Question(
        "trials_by_market",
        "Everything ever tried",
        "Parameter sets that were run on each market and timeframe, generated markets apart.",
        "SELECT inst_id, timeframe, synthetic, count(*) AS batches, sum(sets) AS parameter_sets, "
        f"{_time('max(created_ms)', 'newest_utc')} FROM trials GROUP BY inst_id, timeframe, synthetic "
        f"ORDER BY parameter_sets DESC {_NEWEST}",
    ),
    Question(
        "failed_jobs",
        "Jobs that did not end well",
        "Runs that failed, were interrupted or are still open, with their message.",
        f"SELECT {_time('started_ms', 'utc')}, job, status, exit_code, error, command FROM job_runs "
        f"WHERE status <> 'done' OR exit_code <> 0 ORDER BY started_ms DESC {_NEWEST}",
    ),
    Question(
        "audit_trail",
        "Who did what",
        "Deeds that change what the system may do: switches, releases, unlocks.",
        f"SELECT {_time('ts', 'utc')}, actor, action, subject_kind, subject_id, run_id, detail_json "
        f"FROM audit_log ORDER BY ts DESC {_NEWEST}",
    ),
)
