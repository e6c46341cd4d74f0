"""Tables of backtests: configs, runs, headline results, fills, decisions, and the count of all trials."""

from sqlalchemy import Column, Float, ForeignKey, Index, Text

from arena.store.ledger.tables.columns import flag, moment, real, table, text, whole

BACKTEST_CONFIGS = table(
    "backtest_configs",
    "Every resolved backtest config once, whichever runs used it",
    text("config_hash", "SHA-256 of the resolved config", primary_key=True),
    text("config_json", "resolved config without secrets, JSON"),
    text("job", "job that brought it first"),
    text("strategy", "name of the strategy"),
    moment("first_seen_ms", "when it was first used, UTC ms"),
)

BACKTEST_RUNS = table(
    "backtest_runs",
    "One row a backtest or sweep: what ran on which data",
    text("run_id", "sorts by time, ends in the config's hash", primary_key=True),
    text("job_run_id", "job run that made it", null=True, to="job_runs.run_id"),
    text("job", "job that made it, e.g. backtest or sweep"),
    text("name", "the user's own name, may be empty", default=""),
    text("notes", "the user's notes, may be empty", default=""),
    text("tags", "the user's tags, JSON list", default="[]"),
    text("status", "done, failed or interrupted", default="done"),
    text("strategy", "name of the strategy"),
    text("inst_id", "exchange's id of the instrument, e.g. BTC-USDT-SWAP"),
    text("symbol", "unified symbol, e.g. BTC/USDT:USDT"),
    text("timeframe", "bar length, e.g. 1h"),
    text("config_hash", "the config it ran with", to="backtest_configs.config_hash"),
    text("dataset_hash", "hash of the exact arrays it read"),
    text("code_version", "version of the code that ran"),
    flag("synthetic", "any input was generated: nothing here is about a real market"),
    moment("start_ms", "open of the first bar, UTC ms"),
    moment("end_ms", "close of the last bar, UTC ms"),
    whole("bars", "bars of the run"),
    moment("created_ms", "when it ran, UTC ms"),
    whole("trial_count", "parameter sets tried: 1, or the size of a sweep", default=1),
    real("sharpe_variance", "variance of the per-period Sharpe ratio over a sweep's trials"),
    Index(None, "created_ms"),
    Index(None, "strategy", "created_ms"),
    Index(None, "inst_id", "created_ms"),
    Index(None, "symbol", "created_ms"),
    Index(None, "dataset_hash", "config_hash", "trial_count"),
    Index(None, "config_hash"),
    Index(None, "job_run_id"),
)

HEADLINE_METRICS = {
    "total_return": "total return, fraction",
    "cagr": "compound annual growth, fraction",
    "max_drawdown": "deepest fall of equity, fraction",
    "sharpe": "annualised Sharpe ratio",
    "sortino": "annualised Sortino ratio",
    "calmar": "CAGR over the deepest drawdown",
    "profit_factor": "gross profit over gross loss",
    "win_rate": "share of winning trades, fraction",
    "trades": "number of trades",
    "expectancy": "mean net PnL a trade, USDT",
    "exposure": "share of bars with a position, fraction",
    "costs": "fees, funding and slippage, USDT",
}
"""Metrics with a column of their own; all others are in `metrics_json`."""


def _run_key() -> Column[str]:
    target = ForeignKey("backtest_runs.run_id", ondelete="CASCADE")
    return Column("run_id", Text, target, primary_key=True, nullable=False, comment="run it belongs to")


def _metric(name: str, comment: str) -> Column[float]:
    return Column(name, Float(53), comment=f"{comment}; null where undefined")


BACKTEST_RESULTS = table(
    "backtest_results",
    "Metrics of a run: the headline ones as columns, all of them as JSON",
    _run_key(),
    *[_metric(name, comment) for name, comment in HEADLINE_METRICS.items()],
    text("metrics_json", "every primary and secondary metric by name, JSON; null where undefined"),
)

BACKTEST_ORDERS = table(
    "backtest_orders",
    "Fills of a backtest in the order of the account; a reversal is one order with two fills",
    _run_key(),
    whole("seq", "0, 1, ... in the run", primary_key=True),
    whole("bar", "index of the bar in the run", null=True),
    moment("ts", "open of that bar, UTC ms"),
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
    sqlite_with_rowid=False,
)

BACKTEST_DECISIONS = table(
    "backtest_decisions",
    "What the strategy said, bar by bar, where the run kept it",
    _run_key(),
    whole("seq", "0, 1, ... in the run", primary_key=True),
    whole("bar", "index of the bar in the run", null=True),
    moment("ts", "open of the bar at whose close it was decided, UTC ms"),
    real("target", "wanted exposure in [-1, 1]"),
    real("confidence", "in [0, 1]"),
    real("stop_distance", "distance of the stop from the entry, quote currency; null for none"),
    real("take_distance", "distance of the take-profit from the entry, quote currency; null for none"),
    text("reason", "the strategy's reason", null=True),
    sqlite_with_rowid=False,
)

TRIALS = table(
    "trials",
    "Trial ledger: every parameter set ever run on a market; a run is one row, a batch of a sweep is one row",
    text("config_hash", "config of the run or of the whole sweep", primary_key=True),
    text("dataset_hash", "hash of the exact arrays it read", primary_key=True),
    whole("batch", "number of the batch in its sweep; 0 for a run", primary_key=True),
    text("kind", "run or sweep"),
    text("run_id", "the run or sweep that counted most of these trials last"),
    text("strategy", "name of the strategy"),
    text("inst_id", "exchange's id of the instrument"),
    text("timeframe", "bar length, e.g. 1h"),
    flag("synthetic", "any input was generated"),
    moment("start_ms", "open of the first bar, UTC ms"),
    moment("end_ms", "close of the last bar that was read, UTC ms"),
    moment("held_start_ms", "open of the first bar kept back, UTC ms; null: none", null=True),
    moment("held_end_ms", "close of the last bar kept back, UTC ms; null: none", null=True),
    whole("sets", "parameter sets that were run: 1, or those of the batch that were done"),
    whole("sharpes", "those among them with a Sharpe ratio"),
    real("sharpe_mean", "mean of their Sharpe ratios a bar"),
    real("sharpe_variance", "variance of their Sharpe ratios a bar (n - 1)"),
    real("effective", "independent trials they amount to, by groups of like returns"),
    moment("created_ms", "when they were first run, UTC ms"),
    Index(None, "inst_id", "timeframe", "synthetic", "end_ms"),
    Index(None, "created_ms"),
)
