"""Rows about trading and the market that a caller hands to the ledger, one dataclass a table.

Field names are column names; numbers from an exchange are its exact text (or a Decimal) in
`<name>_text`, and the float beside it is derived. Imports no database library.
"""

from dataclasses import dataclass
from decimal import Decimal

Exact = str | Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentRow:
    inst_id: str
    symbol: str
    updated_ms: int
    state: str | None = None
    ct_val_text: Exact = None
    lot_sz_text: Exact = None
    min_sz_text: Exact = None
    tick_sz_text: Exact = None
    max_market_sz_text: Exact = None
    max_leverage_text: Exact = None
    funding_interval_ms: int | None = None
    raw: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    account: str
    inst_id: str
    symbol: str
    side: str
    status: str
    created_ms: int
    updated_ms: int
    cl_ord_id: str | None = None
    exchange_order_id: str | None = None
    intent_id: str | None = None
    origin: str = "own"
    position_side: str | None = None
    order_type: str | None = None
    margin_mode: str | None = None
    reduce_only: bool = False
    size_text: Exact = None
    price_text: Exact = None
    trigger_price_text: Exact = None
    filled_text: Exact = None
    average_price_text: Exact = None
    fee_text: Exact = None
    fee_currency: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    raw: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleEventRow:
    order_id: int
    ts: int
    kind: str
    to_status: str
    source: str
    recorded_ms: int
    from_status: str | None = None
    message: str | None = None
    raw: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow:
    account: str
    inst_id: str
    symbol: str
    trade_id: str
    side: str
    ts: int
    recorded_ms: int
    price_text: Exact
    size_text: Exact
    exchange_order_id: str | None = None
    order_id: int | None = None
    fee_text: Exact = None
    fee_currency: str | None = None
    realized_pnl_text: Exact = None
    liquidity: str | None = None
    raw: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _PositionState:
    account: str
    inst_id: str
    position_side: str
    symbol: str
    margin_mode: str | None = None
    size_text: Exact = None
    average_price_text: Exact = None
    mark_price_text: Exact = None
    liquidation_price_text: Exact = None
    unrealized_pnl_text: Exact = None
    margin_text: Exact = None
    leverage_text: Exact = None
    raw: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRow(_PositionState):
    updated_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionSnapshotRow(_PositionState):
    ts: int
    cycle_id: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _BalanceState:
    account: str
    currency: str
    equity_text: Exact = None
    cash_text: Exact = None
    available_text: Exact = None
    unrealized_pnl_text: Exact = None
    raw: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceRow(_BalanceState):
    updated_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceSnapshotRow(_BalanceState):
    ts: int
    cycle_id: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleRow:
    cycle_id: str
    account: str
    inst_id: str
    symbol: str
    timeframe: str
    bar_ts: int
    started_ms: int
    status: str = "running"
    run_id: str | None = None
    step: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    decision_id: str
    inst_id: str
    symbol: str
    timeframe: str
    ts: int
    source: str
    action: str
    created_ms: int
    cycle_id: str | None = None
    run_id: str | None = None
    account: str | None = None
    strategy: str | None = None
    target: float | None = None
    confidence: float | None = None
    stop_distance: float | None = None
    take_distance: float | None = None
    reason: str | None = None
    llm_call_id: str | None = None
    config_hash: str | None = None
    dataset_hash: str | None = None
    detail_json: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmCallRow:
    ts: int
    provider: str
    model: str
    mode: str
    request_hash: str
    request: str
    status: str
    attempt: int = 1
    response: str | None = None
    finish_reason: str | None = None
    error: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    latency_ms: int | None = None
    cycle_id: str | None = None
    run_id: str | None = None
    call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskEventRow:
    ts: int
    kind: str
    severity: str
    message: str
    rule: str | None = None
    account: str | None = None
    inst_id: str | None = None
    cycle_id: str | None = None
    decision_id: str | None = None
    run_id: str | None = None
    asked: float | None = None
    allowed: float | None = None
    detail_json: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentRow:
    intent_id: str
    account: str
    cl_ord_id: str
    inst_id: str
    symbol: str
    leg: str
    side: str
    order_type: str
    size_text: Exact
    created_ms: int
    updated_ms: int
    attempt: int = 1
    price_text: Exact = None
    stop_price_text: Exact = None
    take_price_text: Exact = None
    reduce_only: bool = False
    status: str = "written"
    cycle_id: str | None = None
    decision_id: str | None = None
    expires_ms: int | None = None
    detail_json: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrityEventRow:
    """A finding in [start_ts, end_ts) of one series; `seen_ms` is when the check ran."""

    kind: str
    inst_id: str
    timeframe: str
    start_ts: int
    end_ts: int
    severity: str
    seen_ms: int
    bars: int | None = None
    source: str | None = None
    detail_json: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairJobRow:
    repair_id: str
    inst_id: str
    timeframe: str
    mode: str
    start_ts: int
    end_ts: int
    created_ms: int
    kind: str = "candles"
    status: str = "running"
    run_id: str | None = None
    source: str | None = None
    bars_asked: int | None = None
    before_json: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    ts: int
    actor: str
    action: str
    subject_kind: str | None = None
    subject_id: str | None = None
    run_id: str | None = None
    detail_json: str | None = None
    event_id: str | None = None
