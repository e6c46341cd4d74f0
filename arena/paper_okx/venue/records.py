"""What the venue remembers: accounts, orders, algo orders, positions, fills, bills and closed positions.

Data alone; `codec` writes it down. Invariant: a record's `key` never changes, and `held` is signed (long
positive) whatever the position mode.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from arena.paper_okx.venue.amounts import ZERO

__all__ = [
    "Algo",
    "Bill",
    "Closing",
    "Fill",
    "Order",
    "OrderTerms",
    "Position",
    "PositionKey",
    "Profile",
    "Record",
]

PositionKey = tuple[str, str, str]  # instId, mgnMode, posSide


@dataclass(slots=True)
class Profile:
    """An account's settings and its USDT."""

    uid: str
    pos_mode: str
    acct_lv: str
    fee_level: str
    opened: int
    cash: Decimal = ZERO
    u_time: int = 0
    levers: dict[str, Decimal] = field(default_factory=dict)  # by instId|mgnMode|posSide
    timers: dict[str, int] = field(default_factory=dict)  # cancel-all-after: tag to the moment it fires

    @property
    def key(self) -> str:
        return self.uid


@dataclass(slots=True)
class OrderTerms:
    """What was asked for, by an order or by one that waits for a price."""

    uid: str
    cl_ord_id: str
    tag: str
    inst_id: str
    td_mode: str
    side: str
    pos_side: str
    ord_type: str
    sz: Decimal
    reduce_only: bool
    lever: Decimal
    c_time: int
    u_time: int

    @property
    def position_key(self) -> PositionKey:
        return (self.inst_id, self.td_mode, self.pos_side)


@dataclass(slots=True)
class Order(OrderTerms):
    """An order from its acceptance on; `limit` is the worst price it may trade at, also of a market order."""

    ord_id: str
    px: Decimal | None
    limit: Decimal
    stp_mode: str = "cancel_maker"
    state: str = "live"
    acc_fill_sz: Decimal = ZERO
    avg_px: Decimal = ZERO
    fill_px: Decimal = ZERO
    fill_sz: Decimal = ZERO
    fill_time: int = 0
    trade_id: str = ""
    fee: Decimal = ZERO
    pnl: Decimal = ZERO
    source: str = ""
    category: str = "normal"
    cancel_source: str = ""
    algo_id: str = ""
    algo_cl_ord_id: str = ""
    attached: list[dict[str, str]] = field(default_factory=list)
    rank: int = 0  # time priority among orders of one price: an amended order goes to the back

    @property
    def key(self) -> str:
        return self.ord_id

    @property
    def sign(self) -> int:
        return 1 if self.side == "buy" else -1

    @property
    def remaining(self) -> Decimal:
        return self.sz - self.acc_fill_sz

    @property
    def is_live(self) -> bool:
        return self.state in {"live", "partially_filled"}

    @property
    def closes_leg(self) -> bool:
        """Whether it closes in long_short mode, where such orders only ever reduce."""
        return (self.side, self.pos_side) in {("sell", "long"), ("buy", "short")}

    @property
    def only_reduces(self) -> bool:
        return self.reduce_only or self.closes_leg


@dataclass(slots=True)
class Algo(OrderTerms):
    """An order that waits for a price: conditional, oco (take-profit and stop-loss), trigger, trailing."""

    algo_id: str
    algo_cl_ord_id: str
    close_fraction: str
    cxl_on_close_pos: bool
    last: Decimal  # last price when it was placed
    tp_trigger_px: Decimal | None = None
    tp_trigger_px_type: str = ""
    tp_ord_px: Decimal | None = None  # -1: market
    sl_trigger_px: Decimal | None = None
    sl_trigger_px_type: str = ""
    sl_ord_px: Decimal | None = None
    trigger_px: Decimal | None = None
    trigger_px_type: str = ""
    trigger_above: bool = False  # a trigger order waits for a rise to its price, else for a fall
    ord_px: Decimal | None = None
    callback_ratio: Decimal | None = None
    callback_spread: Decimal | None = None
    active_px: Decimal | None = None
    best_px: Decimal | None = None  # trailing: the extreme of the last price since it became active
    attached: list[dict[str, str]] = field(default_factory=list)
    linked_ord_id: str = ""  # the order that it was attached to
    state: str = "live"
    trigger_time: int = 0
    ord_id: str = ""
    actual_sz: Decimal | None = None
    actual_px: Decimal | None = None
    actual_side: str = ""
    fail_code: str = ""

    @property
    def key(self) -> str:
        return self.algo_id


@dataclass(slots=True)
class Position:
    """One position of an account; stays with `held` 0 when closed, for its posId lives on for 30 days."""

    uid: str
    pos_id: str
    inst_id: str
    mgn_mode: str
    pos_side: str
    c_time: int
    u_time: int
    held: Decimal = ZERO
    avg_px: Decimal = ZERO
    margin: Decimal = ZERO  # isolated: what has left the cash for it
    trade_id: str = ""
    pnl: Decimal = ZERO
    fee: Decimal = ZERO
    funding: Decimal = ZERO
    liq_penalty: Decimal = ZERO
    open_max: Decimal = ZERO
    closed_sz: Decimal = ZERO
    closed_value: Decimal = ZERO  # sum of size x price of what was closed
    warned: bool = False

    @property
    def key(self) -> str:
        return f"{self.uid}|{self.inst_id}|{self.mgn_mode}|{self.pos_side}"

    @property
    def position_key(self) -> PositionKey:
        return (self.inst_id, self.mgn_mode, self.pos_side)

    @property
    def realized(self) -> Decimal:
        return self.pnl + self.fee + self.funding + self.liq_penalty

    @property
    def direction(self) -> str:
        if self.pos_side != "net":
            return self.pos_side
        return "long" if self.held > 0 else "short"


@dataclass(slots=True)
class Closing:
    """A position's life as positions-history tells it, from its first reduction on."""

    uid: str
    pos_id: str
    inst_id: str
    mgn_mode: str
    pos_side: str
    direction: str
    kind: str  # 1 partly closed, 2 closed, 3 liquidated, 4 partly liquidated
    lever: Decimal
    c_time: int
    u_time: int
    open_avg_px: Decimal
    close_avg_px: Decimal
    open_max: Decimal
    closed_sz: Decimal
    pnl: Decimal
    fee: Decimal
    funding: Decimal
    liq_penalty: Decimal
    pnl_ratio: Decimal
    trigger_px: Decimal | None

    @property
    def key(self) -> str:
        return f"{self.pos_id}|{self.c_time}"


@dataclass(slots=True)
class Fill:
    """One trade of an order."""

    uid: str
    bill_id: str
    trade_id: str
    ord_id: str
    cl_ord_id: str
    tag: str
    inst_id: str
    td_mode: str
    side: str
    pos_side: str
    sub_type: str
    exec_type: str
    px: Decimal
    sz: Decimal
    pnl: Decimal
    fee: Decimal
    mark: Decimal
    index: Decimal
    ts: int

    @property
    def key(self) -> str:
        return self.bill_id


@dataclass(slots=True)
class Bill:
    """One change of cash, and of a position's margin."""

    uid: str
    bill_id: str
    kind: str  # OKX's type
    sub_type: str
    ts: int
    bal_chg: Decimal
    bal: Decimal
    pos_bal_chg: Decimal = ZERO
    pos_bal: Decimal = ZERO
    sz: Decimal | None = None
    px: Decimal | None = None
    pnl: Decimal = ZERO
    fee: Decimal = ZERO
    inst_id: str = ""
    mgn_mode: str = ""
    ord_id: str = ""
    cl_ord_id: str = ""
    tag: str = ""
    exec_type: str = ""
    trade_id: str = ""
    mark: Decimal | None = None
    index: Decimal | None = None
    fill_time: int = 0

    @property
    def key(self) -> str:
        return self.bill_id


Record = Profile | Order | Algo | Position | Closing | Fill | Bill
