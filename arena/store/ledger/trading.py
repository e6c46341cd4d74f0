"""Writes about what the exchange says: orders, fills, positions, balances, instruments.

Invariant: an order or a fill that is reported twice is one row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from arena.core.errors import DataError
from arena.store.ledger.table_writer import TableWriter
from arena.store.ledger.tables import (
    BALANCE_SNAPSHOTS,
    BALANCES,
    INSTRUMENTS,
    ORDER_LIFECYCLE_EVENTS,
    ORDERS,
    POSITION_SNAPSHOTS,
    POSITIONS,
    TRADES,
)
from arena.store.ledger.values import row_values

if TYPE_CHECKING:
    from arena.store.ledger.rows import (
        BalanceRow,
        BalanceSnapshotRow,
        InstrumentRow,
        LifecycleEventRow,
        OrderRow,
        PositionRow,
        PositionSnapshotRow,
        TradeRow,
    )


class TradingWrites(TableWriter):
    """The ledger's methods about an exchange account."""

    def save_instrument(self, row: InstrumentRow) -> None:
        """Write an instrument as it is now described."""
        self._replace(INSTRUMENTS, row)

    def insert_order(self, row: OrderRow) -> int:
        """Return the id of the order, inserting it unless its client or exchange id is known.

        A known order is left as it is: use `update_order`.
        """
        if row.cl_ord_id is None and row.exchange_order_id is None:
            raise DataError("an order needs cl_ord_id or exchange_order_id, to be found again by")
        statement = self._upserting(ORDERS).values(row_values(ORDERS, row)).on_conflict_do_nothing()
        with self._connection.write() as connection:
            new = connection.execute(statement.returning(ORDERS.c.order_id)).scalar()
            if new is not None:
                return int(new)
            for same in _order_keys(row):
                known = self._known_id(connection, ORDERS, "order_id", same)
                if known is not None:
                    return known
        raise DataError(f"order {row.cl_ord_id or row.exchange_order_id} was neither inserted nor found")

    def update_order(self, order_id: int, changes: Mapping[str, Any]) -> None:
        """Change named columns of an order, e.g. `{"status": "filled", "filled_text": "3"}`.

        Raises:
            DataError: there is no such order or column.
        """
        self._change(ORDERS, "order_id", order_id, changes)

    def append_lifecycle_events(self, rows: Sequence[LifecycleEventRow]) -> list[str]:
        """Append changes of orders' states and return their keys."""
        return self._append(ORDER_LIFECYCLE_EVENTS, rows)

    def add_trade(self, row: TradeRow) -> bool:
        """Write a fill; return False, and change nothing, when it is known."""
        return self._insert_new(TRADES, row)

    def save_position(self, row: PositionRow) -> None:
        """Write a position as it stands now."""
        self._replace(POSITIONS, row)

    def append_position_snapshots(self, rows: Sequence[PositionSnapshotRow]) -> list[str]:
        """Append positions as they stood and return the keys."""
        return self._append(POSITION_SNAPSHOTS, rows)

    def save_balance(self, row: BalanceRow) -> None:
        """Write a balance as it stands now."""
        self._replace(BALANCES, row)

    def append_balance_snapshots(self, rows: Sequence[BalanceSnapshotRow]) -> list[str]:
        """Append balances as they stood and return the keys."""
        return self._append(BALANCE_SNAPSHOTS, rows)


def _order_keys(row: OrderRow) -> list[dict[str, str]]:
    keys: list[dict[str, str]] = []
    if row.cl_ord_id is not None:
        keys.append({"account": row.account, "cl_ord_id": row.cl_ord_id})
    if row.exchange_order_id is not None:
        place = {"account": row.account, "inst_id": row.inst_id}
        keys.append({**place, "exchange_order_id": row.exchange_order_id})
    return keys
