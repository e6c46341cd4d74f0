"""Tables of what the exchange says: instruments, orders, trades, positions, balances."""

from sqlalchemy import Column, Index, UniqueConstraint
from sqlalchemy.schema import SchemaItem

from arena.store.ledger.tables.columns import event_table, exact, flag, moment, serial, table, text, whole

INSTRUMENTS = table(
    "instruments",
    "Instruments as the exchange last described them",
    text("inst_id", "exchange's id, e.g. BTC-USDT-SWAP", primary_key=True),
    text("symbol", "unified symbol, e.g. BTC/USDT:USDT"),
    text("state", "live, suspended, ...", null=True),
    exact("ct_val", "coins a contract"),
    exact("lot_sz", "size grid, contracts"),
    exact("min_sz", "smallest order, contracts"),
    exact("tick_sz", "price grid, quote currency"),
    exact("max_market_sz", "largest market order, contracts"),
    exact("max_leverage", "largest leverage"),
    whole("funding_interval_ms", "time between fundings", null=True),
    moment("updated_ms", "when it was last read, UTC ms"),
    text("raw", "the exchange's whole answer, JSON", null=True),
    Index(None, "symbol"),
)

ORDERS = table(
    "orders",
    "Orders as they stand, our own and those found at the exchange",
    serial("order_id", "counted up"),
    text("account", "account it belongs to"),
    text("cl_ord_id", "client order id; null for an order that is not ours", null=True),
    text("exchange_order_id", "the exchange's id, once it is known", null=True),
    text("intent_id", "intent it carries out", null=True, to="intents.intent_id"),
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
    moment("created_ms", "UTC ms"),
    moment("updated_ms", "UTC ms"),
    text("raw", "the exchange's last whole answer, JSON", null=True),
    UniqueConstraint("account", "cl_ord_id"),
    UniqueConstraint("account", "inst_id", "exchange_order_id"),
    Index(None, "created_ms"),
    Index(None, "status", "created_ms"),
    Index(None, "inst_id", "created_ms"),
    Index(None, "symbol", "created_ms"),
    Index(None, "intent_id"),
)

ORDER_LIFECYCLE_EVENTS = event_table(
    "order_lifecycle_events",
    "Every change of an order's state, in the order it became known",
    whole("order_id", "order it is about", to="orders.order_id"),
    text("kind", "what happened, e.g. sent, acknowledged, filled"),
    text("from_status", "status before", null=True),
    text("to_status", "status after"),
    text("source", "how it became known: local, rest or ws"),
    text("message", "one sentence for people", null=True),
    moment("recorded_ms", "when it was written down, UTC ms"),
    text("raw", "the exchange's whole message, JSON", null=True),
    Index(None, "order_id", "ts"),
    Index(None, "ts"),
)

TRADES = table(
    "trades",
    "Fills of our orders at the exchange, each counted once",
    serial("fill_id", "counted up"),
    text("account", "account it belongs to"),
    text("inst_id", "exchange's id of the instrument"),
    text("symbol", "unified symbol"),
    text("trade_id", "the exchange's id of the trade"),
    text("exchange_order_id", "the exchange's id of the order", null=True),
    whole("order_id", "our order, where it is known", null=True, to="orders.order_id"),
    text("side", "buy or sell"),
    exact("price", "fill price"),
    exact("size", "filled size, contracts"),
    exact("fee", "fee, negative when charged"),
    text("fee_currency", "currency of the fee", null=True),
    exact("realized_pnl", "PnL that it realised"),
    text("liquidity", "maker or taker", null=True),
    moment("ts", "when it filled, UTC ms"),
    moment("recorded_ms", "when it was written down, UTC ms"),
    text("raw", "the exchange's whole message, JSON", null=True),
    UniqueConstraint("account", "inst_id", "trade_id"),
    Index(None, "ts"),
    Index(None, "inst_id", "ts"),
    Index(None, "order_id"),
)


def _position_columns() -> tuple[SchemaItem, ...]:
    return (
        text("symbol", "unified symbol"),
        text("margin_mode", "cross or isolated", null=True),
        *exact("size", "signed size, contracts"),
        *exact("average_price", "average entry price"),
        *exact("mark_price", "mark price"),
        *exact("liquidation_price", "liquidation price"),
        *exact("unrealized_pnl", "unrealised PnL"),
        *exact("margin", "margin held"),
        *exact("leverage", "leverage"),
        text("raw", "the exchange's whole answer, JSON", null=True),
    )


def _balance_columns() -> tuple[SchemaItem, ...]:
    return (
        *exact("equity", "equity"),
        *exact("cash", "cash balance"),
        *exact("available", "free for new orders"),
        *exact("unrealized_pnl", "unrealised PnL"),
        text("raw", "the exchange's whole answer, JSON", null=True),
    )


def _part_of_key(name: str, comment: str) -> Column[str]:
    return text(name, comment, primary_key=True)


POSITIONS = table(
    "positions",
    "Positions as they stand",
    _part_of_key("account", "account it belongs to"),
    _part_of_key("inst_id", "exchange's id of the instrument"),
    _part_of_key("position_side", "net, long or short"),
    _position_columns(),
    moment("updated_ms", "when it was last read, UTC ms"),
    Index(None, "updated_ms"),
)

POSITION_SNAPSHOTS = event_table(
    "position_snapshots",
    "Positions as they stood, one row a look",
    text("account", "account it belongs to"),
    text("inst_id", "exchange's id of the instrument"),
    text("position_side", "net, long or short"),
    text("cycle_id", "cycle that looked", null=True, to="cycles.cycle_id"),
    _position_columns(),
    Index(None, "ts"),
    Index(None, "account", "inst_id", "ts"),
    Index(None, "cycle_id"),
)

BALANCES = table(
    "balances",
    "Balances as they stand, one row a currency",
    _part_of_key("account", "account it belongs to"),
    _part_of_key("currency", "e.g. USDT"),
    _balance_columns(),
    moment("updated_ms", "when it was last read, UTC ms"),
)

BALANCE_SNAPSHOTS = event_table(
    "balance_snapshots",
    "Balances as they stood, one row a currency and look",
    text("account", "account it belongs to"),
    text("currency", "e.g. USDT"),
    text("cycle_id", "cycle that looked", null=True, to="cycles.cycle_id"),
    _balance_columns(),
    Index(None, "ts"),
    Index(None, "account", "currency", "ts"),
    Index(None, "cycle_id"),
)
