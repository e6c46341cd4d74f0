"""OKX's words and the house's, both ways.

Tables alone. Invariant: a state or a type that OKX adds later reads as UNKNOWN and is never taken for
another one.
"""

from __future__ import annotations

from arena.core.account import BillKind
from arena.core.trading import (
    AlgoState,
    AlgoType,
    Liquidity,
    MarginMode,
    OrderState,
    OrderType,
    PositionMode,
    PositionSide,
    Side,
    TriggerBy,
)

SIDES = {side.value: side for side in Side}
POSITION_SIDES = {side.value: side for side in PositionSide}
MARGIN_MODES = {mode.value: mode for mode in MarginMode}
POSITION_MODES = {"net_mode": PositionMode.NET, "long_short_mode": PositionMode.LONG_SHORT}
LIQUIDITY = {"M": Liquidity.MAKER, "T": Liquidity.TAKER}
TRIGGERS = {trigger.value: trigger for trigger in TriggerBy}

ORDER_TYPES = {
    "market": OrderType.MARKET,
    "limit": OrderType.LIMIT,
    "post_only": OrderType.POST_ONLY,
    "fok": OrderType.FOK,
    "ioc": OrderType.IOC,
    "optimal_limit_ioc": OrderType.MARKET_IOC,
}
ORDER_STATES = {
    "live": OrderState.OPEN,
    "partially_filled": OrderState.PARTIAL,
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "mmp_canceled": OrderState.CANCELED,  # by market maker protection
}
ALGO_TYPES = {
    "conditional": AlgoType.CONDITIONAL,
    "oco": AlgoType.OCO,
    "trigger": AlgoType.TRIGGER,
    "move_order_stop": AlgoType.TRAILING,
}
ALGO_STATES = {
    "live": AlgoState.WAITING,
    "pause": AlgoState.PAUSED,
    "partially_effective": AlgoState.PARTLY_TRIGGERED,
    "effective": AlgoState.TRIGGERED,
    "canceled": AlgoState.CANCELED,
    "order_failed": AlgoState.FAILED,
    "partially_failed": AlgoState.FAILED,
}
BILL_KINDS = {
    "1": BillKind.TRANSFER,
    "2": BillKind.TRADE,
    "5": BillKind.LIQUIDATION,
    "6": BillKind.MARGIN,
    "8": BillKind.FUNDING,
    "9": BillKind.ADL,
    "10": BillKind.CLAWBACK,
}
BILL_TYPES = {kind: number for number, kind in BILL_KINDS.items()}

OKX_ORDER_TYPES = {word: name for name, word in ORDER_TYPES.items()}
OKX_ALGO_TYPES = {word: name for name, word in ALGO_TYPES.items()}
OKX_POSITION_MODES = {word: name for name, word in POSITION_MODES.items()}
