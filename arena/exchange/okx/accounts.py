"""The account at OKX: how it is set up, what it holds, what its balance went through.

Invariant: an answer that cannot be read whole is an error: it is never an empty account or no position.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from arena.core.account import AccountConfig, Balance, Bill, BillKind, Leverage, PositionSnapshot
from arena.core.errors import ExchangeError, Rejected
from arena.core.trading import MarginMode, PositionMode, PositionSide, Raw
from arena.exchange.okx.account_rows import (
    read_balance,
    read_bill,
    read_config,
    read_leverage,
    read_position,
)
from arena.exchange.okx.desk import Desk
from arena.exchange.okx.errors import Row
from arena.exchange.okx.limits import Priority
from arena.exchange.okx.reading import DAY_MS, History
from arena.exchange.okx.words import BILL_TYPES, OKX_POSITION_MODES

__all__ = ["Accounts"]

_BILLS = History("account/bills", "account/bills-archive", 7 * DAY_MS, "billId")
_Answer = TypeVar("_Answer")


class Accounts(Desk):
    """The gateway's methods about the account."""

    def config(self) -> AccountConfig:
        """Return how the account is set up."""
        return _only(self._read("account/config", {}), read_config, "account config")

    def balance(self) -> Balance:
        """Return what the account holds."""
        return _only(self._read("account/balance", {}), read_balance, "balance")

    def positions(self, inst_id: str | None = None) -> list[PositionSnapshot]:
        """Return all positions that are not flat.

        An empty list is OKX's word that there is none; whatever else goes wrong raises.
        """
        rows = self._read("account/positions", {"instType": "SWAP", "instId": inst_id})
        return [position for position in map(read_position, rows) if position.size]

    def leverage(self, inst_id: str, margin_mode: MarginMode) -> list[Leverage]:
        """Return the leverage of an instrument; of two legs in isolated margin one each."""
        rows = self._read("account/leverage-info", {"instId": inst_id, "mgnMode": margin_mode.value})
        return [read_leverage(row) for row in rows]

    def set_leverage(
        self,
        inst_id: str,
        leverage: Decimal,
        margin_mode: MarginMode,
        position_side: PositionSide | None = None,
    ) -> list[Leverage]:
        """Set the leverage of an instrument; of one leg where isolated margin has two."""
        if not leverage.is_finite() or leverage <= 0:
            raise Rejected(f"not sent: leverage {leverage} of {inst_id} has to be above zero")
        body = {"instId": inst_id, "lever": format(leverage, "f"), "mgnMode": margin_mode.value}
        leg = {} if position_side is None else {"posSide": position_side.value}
        return [
            read_leverage(row) for row in self._act("account/set-leverage", {**body, **leg}, Priority.ENTRY)
        ]

    def set_position_mode(self, mode: PositionMode) -> None:
        """Set whether the account has one leg or two; OKX refuses while anything is open."""
        self._act("account/set-position-mode", {"posMode": OKX_POSITION_MODES[mode]}, Priority.ENTRY)

    def bills(
        self,
        *,
        kind: BillKind | None = None,
        inst_id: str | None = None,
        begin_ms: int | None = None,
        end_ms: int | None = None,
    ) -> list[Bill]:
        """Return the changes of the USDT balance in [begin_ms, end_ms], oldest first.

        Without `begin_ms` those of the last seven days.

        Raises:
            DataError: `begin_ms` is further back than OKX remembers.
        """
        number = None if kind is None else BILL_TYPES.get(kind)  # OTHER has none: it is picked below
        params = {"ccy": "USDT", "type": number, "instId": inst_id}
        bills = map(read_bill, self._history(_BILLS, params, begin_ms, end_ms))
        return [bill for bill in bills if kind in {None, bill.kind}]


def _only(rows: list[Row], read: Callable[[Raw], _Answer], what: str) -> _Answer:
    if len(rows) != 1:
        raise ExchangeError(
            f"{what} of OKX came in {len(rows)} rows, one is expected: nothing is known of it"
        )
    return read(rows[0])
