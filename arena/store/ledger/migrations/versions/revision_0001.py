"""The first schema of the ledger.

Released revisions are never changed: what comes later is a new module beside this one.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

CREATED = (
    "job_runs",
    "audit_log",
    "candle_repair_jobs",
    "candle_integrity_events",
    "backtest_configs",
    "backtest_runs",
    "backtest_results",
    "backtest_orders",
    "backtest_decisions",
    "cycles",
    "decisions",
    "llm_calls",
    "risk_events",
    "intents",
    "instruments",
    "orders",
    "order_lifecycle_events",
    "trades",
    "positions",
    "position_snapshots",
    "balances",
    "balance_snapshots",
)
PARTITIONED = (
    "audit_log",
    "llm_calls",
    "risk_events",
    "order_lifecycle_events",
    "position_snapshots",
    "balance_snapshots",
)


def upgrade() -> None:
    """Create every table, index and partition of the first schema."""
    create_house()
    create_candle_health()
    create_backtests()
    create_cycles()
    create_account()
    if op.get_bind().dialect.name == "postgresql":
        for name in PARTITIONED:
            op.execute(f'CREATE TABLE "{name}_default" PARTITION OF "{name}" DEFAULT')


def downgrade() -> None:
    """Drop every table, and all their rows."""
    for name in reversed(CREATED):
        op.drop_table(name)


def create(
    name: str,
    purpose: str,
    *items: Any,
    indexes: tuple[tuple[str, ...], ...] = (),
    key: tuple[str, ...],
    **options: Any,
) -> None:
    flat = [part for item in items for part in (item if isinstance(item, tuple) else (item,))]
    if name in PARTITIONED:
        options["postgresql_partition_by"] = "RANGE (ts)"
    primary = sa.PrimaryKeyConstraint(*key, name=f"pk_{name}")
    op.create_table(name, *flat, primary, comment=purpose, **options)
    for columns in indexes:
        op.create_index("_".join(("ix", name, *columns)), name, list(columns))


def serial(name: str, comment: str) -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column(name, kind, autoincrement=True, nullable=False, comment=comment)


def text(name: str, comment: str, *, null: bool = False, default: str | None = None) -> sa.Column[str]:
    given = sa.text(f"'{default}'") if default is not None else None
    return sa.Column(name, sa.Text, nullable=null, server_default=given, comment=comment)


def whole(name: str, comment: str, *, null: bool = False, default: int | None = None) -> sa.Column[int]:
    given = sa.text(str(default)) if default is not None else None
    return sa.Column(
        name, sa.BigInteger, autoincrement=False, nullable=null, server_default=given, comment=comment
    )


def real(name: str, comment: str) -> sa.Column[float]:
    return sa.Column(name, sa.Float(53), nullable=True, comment=comment)


def flag(name: str, comment: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, comment=comment)


def exact(name: str, comment: str) -> tuple[sa.Column[Any], ...]:
    written = sa.Column(f"{name}_text", sa.Text, nullable=True, comment=f"{comment}; exact decimal as sent")
    return written, real(name, f"{comment}; for queries")


def refer(table: str, column: str, target: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    other, _, key = target.partition(".")
    name = f"fk_{table}_{column}_{other}"
    return sa.ForeignKeyConstraint([column], [f"{other}.{key}"], name=name, ondelete=ondelete)


def unique(table: str, *columns: str, name: str | None = None) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=name or "_".join(("uq", table, *columns)))


def create_house() -> None:
    create(
        "job_runs",
        "One row a run of a job, written at its start and closed at its end",
        text("run_id", "sorts by time, ends in the config's hash"),
        text("job", "name of the job, e.g. backtest"),
        text("status", "running, done, failed or interrupted"),
        text("config_hash", "SHA-256 of the resolved config"),
        text("config_json", "resolved config without secrets, JSON"),
        text("command", "command line that was given"),
        whole("started_ms", "start, UTC ms"),
        whole("finished_ms", "end, UTC ms; null while running or when the process was killed", null=True),
        whole("exit_code", "exit code of the process", null=True),
        text("error", "the message it ended with", null=True),
        indexes=(("job", "started_ms"), ("started_ms",), ("status", "started_ms")),
        key=("run_id",),
    )
    create(
        "audit_log",
        "Deeds of people and programs that change what the system may do: switches, releases, unlocks",
        text("event_id", "sorts by time; made by the ledger where the writer gives none"),
        whole("ts", "when it happened, UTC ms"),
        text("actor", "who did it: a job, the API, a person"),
        text("action", "what was done, e.g. halt.release"),
        text("subject_kind", "what kind of thing it was done to, e.g. order", null=True),
        text("subject_id", "key of that thing", null=True),
        text("run_id", "job run it belongs to", null=True),
        text("detail_json", "everything else, JSON", null=True),
        indexes=(("action", "ts"), ("subject_kind", "subject_id", "ts"), ("ts",)),
        key=("event_id", "ts"),
    )


def create_candle_health() -> None:
    create(
        "candle_repair_jobs",
        "One row a repair of stored candles: asked, done, source, before and after",
        text("repair_id", "key of the repair"),
        text("run_id", "job run that did it", null=True),
        text("inst_id", "exchange's id of the instrument"),
        text("timeframe", "bar length"),
        text("mode", "refetch, resample or rebuild"),
        text("source", "where the bars came from", null=True),
        text("status", "running, done or failed"),
        whole("start_ts", "start of the range, UTC ms"),
        whole("end_ts", "end of the range, not included, UTC ms"),
        whole("bars_asked", "bars that were wanted", null=True),
        whole("bars_done", "bars that were written", null=True),
        text("before_json", "health of the range before, JSON", null=True),
        text("after_json", "health of the range after, JSON", null=True),
        text("outcome", "repaired, confirmed_absent, partial or failed", null=True),
        text("error", "why it failed", null=True),
        whole("created_ms", "start, UTC ms"),
        whole("finished_ms", "end, UTC ms", null=True),
        refer("candle_repair_jobs", "run_id", "job_runs.run_id"),
        indexes=(("created_ms",), ("inst_id", "timeframe", "created_ms"), ("run_id",)),
        key=("repair_id",),
    )
    create(
        "candle_integrity_events",
        "One row a finding in a stored series; seen again it is the same row",
        serial("event_id", "counted up"),
        text("kind", "what is wrong, e.g. gap, duplicate, bad_ohlc"),
        text("inst_id", "exchange's id of the instrument"),
        text("timeframe", "bar length, or the interval of the series"),
        whole("start_ts", "start of the range, UTC ms"),
        whole("end_ts", "end of the range, not included, UTC ms"),
        text("severity", "info, warning or error"),
        whole("bars", "bars concerned", null=True),
        text("source", "which check found it", null=True),
        text("detail_json", "everything else, JSON", null=True),
        text("run_id", "job run that saw it last", null=True),
        whole("first_seen_ms", "UTC ms"),
        whole("last_seen_ms", "UTC ms"),
        whole("times_seen", "how often a check has found it", default=1),
        text("resolution", "null while open; repaired, gone or confirmed_absent", null=True),
        whole("resolved_ms", "UTC ms", null=True),
        text("repair_id", "the repair that resolved it", null=True),
        refer("candle_integrity_events", "run_id", "job_runs.run_id"),
        refer("candle_integrity_events", "repair_id", "candle_repair_jobs.repair_id"),
        unique(
            "candle_integrity_events",
            "kind",
            "inst_id",
            "timeframe",
            "start_ts",
            "end_ts",
            name="uq_candle_integrity_events_finding",
        ),
        indexes=(
            ("inst_id", "timeframe", "start_ts"),
            ("kind", "start_ts"),
            ("repair_id",),
            ("resolution", "start_ts"),
            ("run_id",),
            ("start_ts",),
        ),
        key=("event_id",),
    )


def create_backtests() -> None:
    create(
        "backtest_configs",
        "Every resolved backtest config once, whichever runs used it",
        text("config_hash", "SHA-256 of the resolved config"),
        text("config_json", "resolved config without secrets, JSON"),
        text("job", "job that brought it first"),
        text("strategy", "name of the strategy"),
        whole("first_seen_ms", "when it was first used, UTC ms"),
        key=("config_hash",),
    )
    create(
        "backtest_runs",
        "One row a backtest or sweep: what ran on which data",
        text("run_id", "sorts by time, ends in the config's hash"),
        text("job_run_id", "job run that made it", null=True),
        text("job", "job that made it, e.g. backtest or sweep"),
        text("name", "the user's own name, may be empty", default=""),
        text("notes", "the user's notes, may be empty", default=""),
        text("tags", "the user's tags, JSON list", default="[]"),
        text("status", "done, failed or interrupted", default="done"),
        text("strategy", "name of the strategy"),
        text("inst_id", "exchange's id of the instrument, e.g. BTC-USDT-SWAP"),
        text("symbol", "unified symbol, e.g. BTC/USDT:USDT"),
        text("timeframe", "bar length, e.g. 1h"),
        text("config_hash", "the config it ran with"),
        text("dataset_hash", "hash of the exact arrays it read"),
        text("code_version", "version of the code that ran"),
        flag("synthetic", "any input was generated: nothing here is about a real market"),
        whole("start_ms", "open of the first bar, UTC ms"),
        whole("end_ms", "close of the last bar, UTC ms"),
        whole("bars", "bars of the run"),
        whole("created_ms", "when it ran, UTC ms"),
        whole("trial_count", "parameter sets tried: 1, or the size of a sweep", default=1),
        real("sharpe_variance", "variance of the per-period Sharpe ratio over a sweep's trials"),
        refer("backtest_runs", "job_run_id", "job_runs.run_id"),
        refer("backtest_runs", "config_hash", "backtest_configs.config_hash"),
        indexes=(
            ("config_hash",),
            ("created_ms",),
            ("dataset_hash", "config_hash", "trial_count"),
            ("inst_id", "created_ms"),
            ("job_run_id",),
            ("strategy", "created_ms"),
            ("symbol", "created_ms"),
        ),
        key=("run_id",),
    )
    create(
        "backtest_results",
        "Metrics of a run: the headline ones as columns, all of them as JSON",
        text("run_id", "run it belongs to"),
        real("total_return", "total return, fraction; null where undefined"),
        real("cagr", "compound annual growth, fraction; null where undefined"),
        real("max_drawdown", "deepest fall of equity, fraction; null where undefined"),
        real("sharpe", "annualised Sharpe ratio; null where undefined"),
        real("sortino", "annualised Sortino ratio; null where undefined"),
        real("calmar", "CAGR over the deepest drawdown; null where undefined"),
        real("profit_factor", "gross profit over gross loss; null where undefined"),
        real("win_rate", "share of winning trades, fraction; null where undefined"),
        real("trades", "number of trades; null where undefined"),
        real("expectancy", "mean net PnL a trade, USDT; null where undefined"),
        real("exposure", "share of bars with a position, fraction; null where undefined"),
        real("costs", "fees, funding and slippage, USDT; null where undefined"),
        text("metrics_json", "every primary and secondary metric by name, JSON; null where undefined"),
        refer("backtest_results", "run_id", "backtest_runs.run_id", ondelete="CASCADE"),
        key=("run_id",),
    )
    create(
        "backtest_orders",
        "Fills of a backtest in the order of the account; a reversal is one order with two fills",
        text("run_id", "run it belongs to"),
        whole("seq", "0, 1, ... in the run"),
        whole("bar", "index of the bar in the run", null=True),
        whole("ts", "open of that bar, UTC ms"),
        whole("order_id", "number of the order in the run", null=True),
        text("reason", "why it filled, e.g. open, close, stop_loss", null=True),
        whole("side", "+1 buy, -1 sell"),
        real("contracts", "absolute size, contracts"),
        real("ref_price", "price before spread, slippage and tick rounding"),
        real("price", "price paid"),
        real("fee", "fee charged, USDT, >= 0"),
        real("slippage", "cost of price against ref_price, USDT; > 0 is a cost"),
        real("penalty", "liquidation: bankruptcy price against mark, USDT"),
        real("realized", "price PnL realised, fees not included, USDT"),
        real("position", "signed contracts after the fill"),
        real("cash", "cash after the fill, USDT"),
        real("funding_total", "funding since the start, USDT; > 0 received"),
        whole("signal_bar", "bar whose close decided it; -1 for stops and liquidations", null=True),
        refer("backtest_orders", "run_id", "backtest_runs.run_id", ondelete="CASCADE"),
        key=("run_id", "seq"),
        sqlite_with_rowid=False,
    )
    create(
        "backtest_decisions",
        "What the strategy said, bar by bar, where the run kept it",
        text("run_id", "run it belongs to"),
        whole("seq", "0, 1, ... in the run"),
        whole("bar", "index of the bar in the run", null=True),
        whole("ts", "open of the bar at whose close it was decided, UTC ms"),
        real("target", "wanted exposure in [-1, 1]"),
        real("confidence", "in [0, 1]"),
        real("stop_distance", "distance of the stop from the entry, quote currency; null for none"),
        real("take_distance", "distance of the take-profit from the entry, quote currency; null for none"),
        text("reason", "the strategy's reason", null=True),
        refer("backtest_decisions", "run_id", "backtest_runs.run_id", ondelete="CASCADE"),
        key=("run_id", "seq"),
        sqlite_with_rowid=False,
    )


def create_cycles() -> None:
    create(
        "cycles",
        "One row a trade cycle: one account, instrument, timeframe and closed bar",
        text("cycle_id", "derived from account, symbol, timeframe and bar"),
        text("run_id", "job run that made it", null=True),
        text("account", "account it traded"),
        text("inst_id", "exchange's id of the instrument"),
        text("symbol", "unified symbol"),
        text("timeframe", "bar length"),
        whole("bar_ts", "open of the bar, UTC ms"),
        text("status", "running, done, failed or skipped"),
        text("step", "last step that was committed", null=True),
        whole("started_ms", "UTC ms"),
        whole("finished_ms", "UTC ms", null=True),
        text("error", "why it failed or was skipped", null=True),
        text("summary_json", "what it did, JSON", null=True),
        refer("cycles", "run_id", "job_runs.run_id"),
        indexes=(("inst_id", "timeframe", "bar_ts"), ("run_id",), ("started_ms",), ("status", "started_ms")),
        key=("cycle_id",),
    )
    create(
        "decisions",
        "What was wanted at the close of a bar, by whom and why",
        text("decision_id", "key of the decision"),
        text("cycle_id", "cycle that asked", null=True),
        text("run_id", "job run that asked", null=True),
        text("account", "account it is for", null=True),
        text("inst_id", "exchange's id of the instrument"),
        text("symbol", "unified symbol"),
        text("timeframe", "bar length"),
        whole("ts", "open of the bar at whose close it was decided, UTC ms"),
        text("source", "what decided: strategy, regime, portfolio, llm"),
        text("strategy", "strategy chosen", null=True),
        text("action", "what it asks for, e.g. open, close, hold"),
        real("target", "wanted exposure in [-1, 1]"),
        real("confidence", "in [0, 1]"),
        real("stop_distance", "distance of the stop from the entry, quote currency"),
        real("take_distance", "distance of the take-profit from the entry, quote currency"),
        text("reason", "why", null=True),
        text("llm_call_id", "model call it rests on", null=True),
        text("config_hash", "config it was made with", null=True),
        text("dataset_hash", "data it was made from", null=True),
        text("detail_json", "inputs and everything else, JSON", null=True),
        whole("created_ms", "when it was made, UTC ms"),
        refer("decisions", "cycle_id", "cycles.cycle_id"),
        refer("decisions", "run_id", "job_runs.run_id"),
        indexes=(
            ("created_ms",),
            ("cycle_id",),
            ("inst_id", "created_ms"),
            ("run_id",),
            ("strategy", "created_ms"),
        ),
        key=("decision_id",),
    )
    create(
        "llm_calls",
        "One row a call of a language model, with all that was sent and received",
        text("call_id", "sorts by time; made by the ledger where the writer gives none"),
        whole("ts", "when it happened, UTC ms"),
        text("cycle_id", "cycle that asked", null=True),
        text("run_id", "job run that asked", null=True),
        text("provider", "who serves the model"),
        text("model", "name of the model"),
        text("mode", "live, record or replay"),
        whole("attempt", "1, 2, ... of one question", default=1),
        text("request_hash", "hash of everything sent: the key of a replay"),
        text("request", "all that was sent, JSON"),
        text("response", "all that came back, as it came", null=True),
        text("status", "ok, refused, invalid, timeout or error"),
        text("finish_reason", "why the model stopped", null=True),
        text("error", "what went wrong", null=True),
        whole("prompt_tokens", "tokens sent", null=True),
        whole("completion_tokens", "tokens received", null=True),
        real("cost_usd", "price of the call, USD"),
        whole("latency_ms", "from sending to the end of the answer", null=True),
        refer("llm_calls", "cycle_id", "cycles.cycle_id"),
        refer("llm_calls", "run_id", "job_runs.run_id"),
        indexes=(("cycle_id",), ("model", "ts"), ("request_hash", "ts"), ("run_id",), ("ts",)),
        key=("call_id", "ts"),
    )
    create(
        "risk_events",
        "One row a time that a risk rule or a safety switch had something to say",
        text("event_id", "sorts by time; made by the ledger where the writer gives none"),
        whole("ts", "when it happened, UTC ms"),
        text("kind", "clamped, refused, halted, released or alarm"),
        text("rule", "name of the rule", null=True),
        text("severity", "info, warning or error"),
        text("account", "account concerned", null=True),
        text("inst_id", "exchange's id of the instrument concerned", null=True),
        text("cycle_id", "cycle it happened in", null=True),
        text("decision_id", "decision concerned", null=True),
        text("run_id", "job run it happened in", null=True),
        real("asked", "what was asked for, in the rule's unit"),
        real("allowed", "what was allowed, in the rule's unit"),
        text("message", "one sentence for people"),
        text("detail_json", "everything else, JSON", null=True),
        refer("risk_events", "cycle_id", "cycles.cycle_id"),
        refer("risk_events", "decision_id", "decisions.decision_id"),
        refer("risk_events", "run_id", "job_runs.run_id"),
        indexes=(("cycle_id",), ("decision_id",), ("kind", "ts"), ("rule", "ts"), ("run_id",), ("ts",)),
        key=("event_id", "ts"),
    )
    create(
        "intents",
        "Orders that are about to be sent, on disk before the exchange hears of them",
        text("intent_id", "key of the intent"),
        text("cycle_id", "cycle that wants it", null=True),
        text("decision_id", "decision it carries out", null=True),
        text("account", "account that sends it"),
        text("cl_ord_id", "client order id: a hash of cycle, leg and attempt"),
        text("inst_id", "exchange's id of the instrument"),
        text("symbol", "unified symbol"),
        text("leg", "which order of the cycle: entry, exit, stop, ..."),
        whole("attempt", "1, 2, ... of this leg", default=1),
        text("side", "buy or sell"),
        text("order_type", "market, limit, ..."),
        exact("size", "size, contracts"),
        exact("price", "limit price"),
        exact("stop_price", "trigger of the attached stop-loss"),
        exact("take_price", "trigger of the attached take-profit"),
        flag("reduce_only", "may only make the position smaller"),
        text("status", "written, sent, acknowledged, unknown, rejected, failed or abandoned"),
        whole("created_ms", "when it was committed, UTC ms"),
        whole("updated_ms", "when the status last changed, UTC ms"),
        whole("expires_ms", "not to be sent after, UTC ms", null=True),
        text("detail_json", "everything else, JSON", null=True),
        refer("intents", "cycle_id", "cycles.cycle_id"),
        refer("intents", "decision_id", "decisions.decision_id"),
        unique("intents", "account", "cl_ord_id"),
        indexes=(("created_ms",), ("cycle_id",), ("decision_id",), ("status", "created_ms")),
        key=("intent_id",),
    )


def create_account() -> None:
    create(
        "instruments",
        "Instruments as the exchange last described them",
        text("inst_id", "exchange's id, e.g. BTC-USDT-SWAP"),
        text("symbol", "unified symbol, e.g. BTC/USDT:USDT"),
        text("state", "live, suspended, ...", null=True),
        exact("ct_val", "coins a contract"),
        exact("lot_sz", "size grid, contracts"),
        exact("min_sz", "smallest order, contracts"),
        exact("tick_sz", "price grid, quote currency"),
        exact("max_market_sz", "largest market order, contracts"),
        exact("max_leverage", "largest leverage"),
        whole("funding_interval_ms", "time between fundings", null=True),
        whole("updated_ms", "when it was last read, UTC ms"),
        text("raw", "the exchange's whole answer, JSON", null=True),
        indexes=(("symbol",),),
        key=("inst_id",),
    )
    create(
        "orders",
        "Orders as they stand, our own and those found at the exchange",
        serial("order_id", "counted up"),
        text("account", "account it belongs to"),
        text("cl_ord_id", "client order id; null for an order that is not ours", null=True),
        text("exchange_order_id", "the exchange's id, once it is known", null=True),
        text("intent_id", "intent it carries out", null=True),
        text("inst_id", "exchange's id of the instrument"),
        text("symbol", "unified symbol"),
        text("origin", "own or external"),
        text("side", "buy or sell"),
        text("position_side", "net, long or short", null=True),
        text("order_type", "market, limit, conditional, ...", null=True),
        text("margin_mode", "cross or isolated", null=True),
        text("status", "new, open, partial, filled, canceled, rejected, failed or unknown"),
        flag("reduce_only", "may only make the position smaller"),
        exact("size", "size, contracts"),
        exact("price", "limit price"),
        exact("trigger_price", "trigger of a conditional order"),
        exact("filled", "filled size, contracts"),
        exact("average_price", "average fill price"),
        exact("fee", "fee, negative when charged"),
        text("fee_currency", "currency of the fee", null=True),
        text("error_code", "the exchange's code of a refusal", null=True),
        text("error_message", "the exchange's words of a refusal", null=True),
        whole("created_ms", "UTC ms"),
        whole("updated_ms", "UTC ms"),
        text("raw", "the exchange's last whole answer, JSON", null=True),
        refer("orders", "intent_id", "intents.intent_id"),
        unique("orders", "account", "cl_ord_id"),
        unique("orders", "account", "inst_id", "exchange_order_id"),
        indexes=(
            ("created_ms",),
            ("inst_id", "created_ms"),
            ("intent_id",),
            ("status", "created_ms"),
            ("symbol", "created_ms"),
        ),
        key=("order_id",),
    )
    create(
        "order_lifecycle_events",
        "Every change of an order's state, in the order it became known",
        text("event_id", "sorts by time; made by the ledger where the writer gives none"),
        whole("ts", "when it happened, UTC ms"),
        whole("order_id", "order it is about"),
        text("kind", "what happened, e.g. sent, acknowledged, filled"),
        text("from_status", "status before", null=True),
        text("to_status", "status after"),
        text("source", "how it became known: local, rest or ws"),
        text("message", "one sentence for people", null=True),
        whole("recorded_ms", "when it was written down, UTC ms"),
        text("raw", "the exchange's whole message, JSON", null=True),
        refer("order_lifecycle_events", "order_id", "orders.order_id"),
        indexes=(("order_id", "ts"), ("ts",)),
        key=("event_id", "ts"),
    )
    create(
        "trades",
        "Fills of our orders at the exchange, each counted once",
        serial("fill_id", "counted up"),
        text("account", "account it belongs to"),
        text("inst_id", "exchange's id of the instrument"),
        text("symbol", "unified symbol"),
        text("trade_id", "the exchange's id of the trade"),
        text("exchange_order_id", "the exchange's id of the order", null=True),
        whole("order_id", "our order, where it is known", null=True),
        text("side", "buy or sell"),
        exact("price", "fill price"),
        exact("size", "filled size, contracts"),
        exact("fee", "fee, negative when charged"),
        text("fee_currency", "currency of the fee", null=True),
        exact("realized_pnl", "PnL that it realised"),
        text("liquidity", "maker or taker", null=True),
        whole("ts", "when it filled, UTC ms"),
        whole("recorded_ms", "when it was written down, UTC ms"),
        text("raw", "the exchange's whole message, JSON", null=True),
        refer("trades", "order_id", "orders.order_id"),
        unique("trades", "account", "inst_id", "trade_id"),
        indexes=(("inst_id", "ts"), ("order_id",), ("ts",)),
        key=("fill_id",),
    )
    create(
        "positions",
        "Positions as they stand",
        text("account", "account it belongs to"),
        text("inst_id", "exchange's id of the instrument"),
        text("position_side", "net, long or short"),
        text("symbol", "unified symbol"),
        text("margin_mode", "cross or isolated", null=True),
        exact("size", "signed size, contracts"),
        exact("average_price", "average entry price"),
        exact("mark_price", "mark price"),
        exact("liquidation_price", "liquidation price"),
        exact("unrealized_pnl", "unrealised PnL"),
        exact("margin", "margin held"),
        exact("leverage", "leverage"),
        text("raw", "the exchange's whole answer, JSON", null=True),
        whole("updated_ms", "when it was last read, UTC ms"),
        indexes=(("updated_ms",),),
        key=("account", "inst_id", "position_side"),
    )
    create(
        "position_snapshots",
        "Positions as they stood, one row a look",
        text("event_id", "sorts by time; made by the ledger where the writer gives none"),
        whole("ts", "when it happened, UTC ms"),
        text("account", "account it belongs to"),
        text("inst_id", "exchange's id of the instrument"),
        text("position_side", "net, long or short"),
        text("cycle_id", "cycle that looked", null=True),
        text("symbol", "unified symbol"),
        text("margin_mode", "cross or isolated", null=True),
        exact("size", "signed size, contracts"),
        exact("average_price", "average entry price"),
        exact("mark_price", "mark price"),
        exact("liquidation_price", "liquidation price"),
        exact("unrealized_pnl", "unrealised PnL"),
        exact("margin", "margin held"),
        exact("leverage", "leverage"),
        text("raw", "the exchange's whole answer, JSON", null=True),
        refer("position_snapshots", "cycle_id", "cycles.cycle_id"),
        indexes=(("account", "inst_id", "ts"), ("cycle_id",), ("ts",)),
        key=("event_id", "ts"),
    )
    create(
        "balances",
        "Balances as they stand, one row a currency",
        text("account", "account it belongs to"),
        text("currency", "e.g. USDT"),
        exact("equity", "equity"),
        exact("cash", "cash balance"),
        exact("available", "free for new orders"),
        exact("unrealized_pnl", "unrealised PnL"),
        text("raw", "the exchange's whole answer, JSON", null=True),
        whole("updated_ms", "when it was last read, UTC ms"),
        key=("account", "currency"),
    )
    create(
        "balance_snapshots",
        "Balances as they stood, one row a currency and look",
        text("event_id", "sorts by time; made by the ledger where the writer gives none"),
        whole("ts", "when it happened, UTC ms"),
        text("account", "account it belongs to"),
        text("currency", "e.g. USDT"),
        text("cycle_id", "cycle that looked", null=True),
        exact("equity", "equity"),
        exact("cash", "cash balance"),
        exact("available", "free for new orders"),
        exact("unrealized_pnl", "unrealised PnL"),
        text("raw", "the exchange's whole answer, JSON", null=True),
        refer("balance_snapshots", "cycle_id", "cycles.cycle_id"),
        indexes=(("account", "currency", "ts"), ("cycle_id",), ("ts",)),
        key=("event_id", "ts"),
    )
