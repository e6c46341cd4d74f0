"""OKX's rows of configuration, balance, positions, leverage and bills as the house's snapshots.

Pure. Invariant: a position's size is signed here in both position modes.
"""

from __future__ import annotations

from arena.core.account import (
    AccountConfig,
    Balance,
    Bill,
    BillKind,
    Holding,
    Leverage,
    Money,
    PositionSnapshot,
)
from arena.core.errors import ExchangeError
from arena.core.quantity import Coins, Contracts, Price, Usdt
from arena.core.trading import PositionSide, Raw
from arena.exchange.okx.fields import Fields
from arena.exchange.okx.words import BILL_KINDS, MARGIN_MODES, POSITION_MODES, POSITION_SIDES

__all__ = ["read_balance", "read_bill", "read_config", "read_leverage", "read_position"]

_OF_POSITIONS = {BillKind.TRADE, BillKind.LIQUIDATION, BillKind.ADL, BillKind.FUNDING}


def read_config(raw: Raw) -> AccountConfig:
    """Return the row of `/account/config`."""
    row = Fields(raw, "account config")
    return AccountConfig(
        uid=row.text("uid"),
        level=row.text("acctLv"),
        position_mode=row.word("posMode", POSITION_MODES),
        permissions=frozenset((row.maybe("perm") or "").split(",")) - {""},
        raw=raw,
    )


def read_balance(raw: Raw) -> Balance:
    """Return the row of `/account/balance` or of the account channel.

    An account that never held USDT has none of it; that is a balance of zero.
    """
    row = Fields(raw, "balance")
    details = raw.get("details")
    if not isinstance(details, list):
        raise ExchangeError(
            f"balance of OKX: details is {details!r}, a list is expected: nothing is known of it"
        )
    rows = [Fields(detail, "balance") for detail in details]
    usdt = [_holding(detail, Usdt) for detail in rows if detail.text("ccy") == "USDT"]
    coins = tuple(_holding(detail, Coins) for detail in rows if detail.text("ccy") != "USDT")
    return Balance(ts=row.ms("uTime"), usdt=usdt[0] if usdt else _NO_USDT, coins=coins, raw=raw)


def read_position(raw: Raw) -> PositionSnapshot:
    """Return the row of `/account/positions` or of the positions channel."""
    row = Fields(raw, "position")
    row.settled_in_usdt("ccy")
    side = row.word("posSide", POSITION_SIDES)
    size = row.number("pos", Contracts)
    return PositionSnapshot(
        inst_id=row.text("instId"),
        position_id=row.text("posId"),
        side=side,
        margin_mode=row.word("mgnMode", MARGIN_MODES),
        size=-abs(size) if side is PositionSide.SHORT else size,
        average_price=row.maybe_number("avgPx", Price),
        mark_price=row.maybe_number("markPx", Price),
        liquidation_price=row.maybe_number("liqPx", Price),
        unrealized_pnl=row.maybe_number("upl", Usdt),
        realized_pnl=row.maybe_number("realizedPnl", Usdt),
        fee=row.maybe_number("fee", Usdt),
        funding=row.maybe_number("fundingFee", Usdt),
        margin=_first(row, Usdt, "imr", "margin"),
        maintenance_margin=row.maybe_number("mmr", Usdt),
        margin_ratio=row.maybe_ratio("mgnRatio"),
        leverage=row.maybe_ratio("lever"),
        trade_id=row.maybe("tradeId"),
        created_ms=row.maybe_ms("cTime"),
        updated_ms=row.maybe_ms("uTime"),
        raw=raw,
    )


def read_leverage(raw: Raw) -> Leverage:
    """Return a row of `/account/leverage-info` or of `/account/set-leverage`."""
    row = Fields(raw, "leverage")
    leverage = row.maybe_ratio("lever")
    if leverage is None:
        raise ExchangeError(f"leverage of OKX for {row.text('instId')} is empty")
    return Leverage(
        inst_id=row.text("instId"),
        margin_mode=row.word("mgnMode", MARGIN_MODES),
        position_side=row.maybe_word("posSide", POSITION_SIDES) or PositionSide.NET,
        leverage=leverage,
        raw=raw,
    )


def read_bill(raw: Raw) -> Bill:
    """Return a USDT row of `/account/bills*`."""
    row = Fields(raw, "bill")
    row.settled_in_usdt("ccy")
    kind = BILL_KINDS.get(row.text("type"), BillKind.OTHER)
    return Bill(
        bill_id=row.text("billId"),
        kind=kind,
        sub_type=row.text("subType"),
        inst_id=row.maybe("instId"),
        change=row.number("balChg", Usdt),
        balance=row.number("bal", Usdt),
        realized_pnl=row.maybe_number("pnl", Usdt),
        fee=row.maybe_number("fee", Usdt),
        size=row.maybe_number("sz", Contracts) if kind in _OF_POSITIONS else None,
        price=row.maybe_number("px", Price),
        order_id=row.maybe("ordId"),
        trade_id=row.maybe("tradeId"),
        ts=row.ms("ts"),
        raw=raw,
    )


def _holding(row: Fields, unit: type[Money]) -> Holding[Money]:
    return Holding(
        currency=row.text("ccy"),
        equity=row.number("eq", unit),
        cash=row.number("cashBal", unit),
        available=_first(row, unit, "availEq", "availBal"),
        frozen=row.maybe_number("frozenBal", unit),
        unrealized_pnl=row.maybe_number("upl", unit),
        raw=row.raw,
    )


_NO_USDT: Holding[Usdt] = Holding(
    currency="USDT",
    equity=Usdt(0),
    cash=Usdt(0),
    available=Usdt(0),
    frozen=Usdt(0),
    unrealized_pnl=Usdt(0),
    raw={},
)


def _first(row: Fields, unit: type[Money], *keys: str) -> Money | None:
    return next((found for key in keys if (found := row.maybe_number(key, unit)) is not None), None)
