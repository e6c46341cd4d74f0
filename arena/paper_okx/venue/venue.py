"""The exchange behind the paper OKX: what can be asked of it, each call one transaction.

No I/O but its state's file, no wall clock, nothing random. Invariant: what a call returned is on disk, and
listeners hear of it afterwards in the order of happening.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import cast

from arena.core.errors import ConfigError, unknown_name
from arena.paper_okx.market import Market
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.venue import algos, history, leverage, order_changes, orders, sizing, timeline
from arena.paper_okx.venue.account_rows import balance_row, bill_row, config_row
from arena.paper_okx.venue.amounts import ZERO, money
from arena.paper_okx.venue.desk import Account, Desk, Event, Row
from arena.paper_okx.venue.funds import headroom
from arena.paper_okx.venue.ledger import book
from arena.paper_okx.venue.memory import resume, store
from arena.paper_okx.venue.order_rows import algo_push
from arena.paper_okx.venue.pushes import tell_account
from arena.paper_okx.venue.records import Bill, Profile
from arena.paper_okx.venue.requests import Request
from arena.paper_okx.venue.settings import VenueSettings
from arena.paper_okx.venue.state import State
from arena.paper_okx.venue.trailing import TRAILING

__all__ = ["Venue"]

Asked = Mapping[str, object]
_NOTHING: Asked = {}
_DEPOSITED, _WITHDRAWN = "11", "12"
_LARGEST_TRANSFER = Decimal(10**12)


class Venue:
    """A venue over a replayed market; on a state that was used before it goes on where that ended."""

    def __init__(self, market: Market, settings: VenueSettings, state: State | None = None) -> None:
        self._desk = Desk(market, settings)
        self._state = state
        self._failed = False
        if state is not None:
            resume(self._desk, state)

    @property
    def now(self) -> int:
        """Venue time, UTC ms."""
        return self._desk.now

    @property
    def uids(self) -> list[str]:
        return list(self._desk.accounts)

    def listen(self, callback: Callable[[Event], None]) -> None:
        """Call back for each event, after the change it tells of was stored."""
        self._desk.listeners.append(callback)

    def _account(self, uid: str) -> Account:
        return self._desk.account(uid)

    @contextmanager
    def _turn(self) -> Iterator[Desk]:
        """Store what the call changed, then tell of it; a refusal may have changed something (cxlOnFail).

        After an error that is no refusal the memory may hold half a change: nothing more is stored.
        """
        if self._failed:
            raise RuntimeError("the venue stopped at an error: start anew, its state is as before that call")
        refusal = None
        try:
            try:
                yield self._desk
            except Refusal as answer:
                refusal = answer
            store(self._desk, self._state)
        except BaseException:
            self._failed = True
            raise
        self._desk.publish()
        if refusal is not None:
            raise refusal

    # time and money

    def advance(self, until: int) -> None:
        """Play the market up to `until`; an earlier time changes nothing."""
        with self._turn() as desk:
            timeline.play_until(desk, until)

    def open_account(
        self,
        uid: str,
        usdt: Decimal,
        pos_mode: str = "net_mode",
        acct_lv: str = "2",
        fee_level: str = "Lv1",
    ) -> None:
        """Open an account with USDT; of one that is there already only the fee level changes.

        Raises:
            ConfigError: the position mode, the account level or the fee level is none that is modelled.
        """
        if pos_mode not in {"net_mode", "long_short_mode"} or acct_lv not in {"1", "2"}:
            raise ConfigError(
                f"account {uid}: pos_mode={pos_mode!r} acct_lv={acct_lv!r} are not modelled; "
                "known are net_mode and long_short_mode, levels 1 (spot) and 2 (futures)"
            )
        if fee_level not in self._desk.settings.fee_levels:
            found = unknown_name("fee level", fee_level, self._desk.settings.fee_levels)
            raise ConfigError(f"account {uid}: {found}")
        with self._turn() as desk:
            if uid in desk.accounts:
                self._move_to(desk.accounts[uid].profile, fee_level)
                return
            profile = Profile(uid, pos_mode, acct_lv, fee_level, desk.now, u_time=desk.now)
            desk.accounts[uid] = Account(profile)
            desk.accounts = dict(sorted(desk.accounts.items()))  # the order that a restart finds
            desk.touch(profile)
            if usdt:
                self._transfer(desk.accounts[uid], usdt)

    def _move_to(self, profile: Profile, fee_level: str) -> None:
        if profile.fee_level != fee_level:
            profile.fee_level = fee_level
            self._desk.touch(profile)

    def deposit(self, uid: str, usdt: Decimal) -> Row:
        """Pay USDT in, or out where negative; return the bill."""
        with self._turn() as desk:
            account = self._account(uid)
            if abs(usdt) > _LARGEST_TRANSFER:
                raise Refusal("51000", "usdt")
            if usdt < 0 and -usdt > headroom(desk, account):
                raise Refusal("51008", "USDT")
            return bill_row(self._transfer(account, usdt))

    def _transfer(self, account: Account, usdt: Decimal) -> Bill:
        sub_type = _DEPOSITED if usdt >= 0 else _WITHDRAWN
        bill = Bill(account.uid, self._desk.next_id(), "1", sub_type, self.now, money(usdt), ZERO)
        book(self._desk, account, bill)
        tell_account(self._desk, account, None, "transferred")
        return bill

    # trade

    def place_order(self, uid: str, request: Asked) -> Row:
        with self._turn() as desk:
            return orders.place(desk, self._account(uid), Request(request))

    def cancel_order(self, uid: str, request: Asked) -> Row:
        with self._turn() as desk:
            return order_changes.cancel_order(desk, self._account(uid), Request(request))

    def amend_order(self, uid: str, request: Asked) -> Row:
        with self._turn() as desk:
            return order_changes.amend_order(desk, self._account(uid), Request(request))

    def close_position(self, uid: str, request: Asked) -> Row:
        with self._turn() as desk:
            return order_changes.close_position(desk, self._account(uid), Request(request))

    def cancel_all_after(self, uid: str, request: Asked) -> Row:
        with self._turn() as desk:
            return order_changes.cancel_all_after(desk, self._account(uid), Request(request))

    def place_algo(self, uid: str, request: Asked) -> Row:
        with self._turn() as desk:
            return algos.place_algo(desk, self._account(uid), Request(request))

    def cancel_algo(self, uid: str, request: Asked) -> Row:
        with self._turn() as desk:
            return algos.cancel_algo_order(desk, self._account(uid), Request(request))

    def get_order(self, uid: str, request: Asked) -> Row:
        return history.order_by_id(self._desk, self._account(uid), Request(request))

    def orders_pending(self, uid: str, request: Asked = _NOTHING) -> list[Row]:
        return history.orders_waiting(self._desk, self._account(uid), Request(request))

    def orders_history(self, uid: str, request: Asked) -> list[Row]:
        return history.order_history(self._desk, self._account(uid), Request(request), archive=False)

    def orders_history_archive(self, uid: str, request: Asked) -> list[Row]:
        return history.order_history(self._desk, self._account(uid), Request(request), archive=True)

    def fills(self, uid: str, request: Asked = _NOTHING) -> list[Row]:
        return history.fills(self._desk, self._account(uid), Request(request), archive=False)

    def fills_history(self, uid: str, request: Asked) -> list[Row]:
        asked = Request(request)
        asked.need("instType")
        return history.fills(self._desk, self._account(uid), asked, archive=True)

    def get_algo(self, uid: str, request: Asked) -> Row:
        return history.algo_by_id(self._desk, self._account(uid), Request(request))

    def algos_pending(self, uid: str, request: Asked = _NOTHING) -> list[Row]:
        return history.algos_waiting(self._desk, self._account(uid), Request(request))

    def trailing_stops(self, uid: str) -> list[Row]:
        """Return the trailing stops that wait, as their channel tells them."""
        waiting = self._account(uid).live_algos.values()
        return [algo_push(self._desk, algo) for algo in waiting if algo.ord_type == TRAILING]

    def algos_history(self, uid: str, request: Asked = _NOTHING) -> list[Row]:
        return history.algo_history(self._desk, self._account(uid), Request(request))

    # account

    def config(self, uid: str) -> Row:
        return config_row(self._account(uid))

    def balance(self, uid: str, request: Asked = _NOTHING) -> Row:
        """Return the balance; asked for other currencies alone, its details are empty."""
        row = balance_row(self._desk, self._account(uid))
        asked = Request(request).text("ccy")
        if asked and "USDT" not in asked.split(","):
            row["details"] = cast("list[Row]", [])
        return row

    def positions(self, uid: str, request: Asked = _NOTHING) -> list[Row]:
        return history.positions(self._desk, self._account(uid), Request(request))

    def positions_history(self, uid: str, request: Asked = _NOTHING) -> list[Row]:
        return history.position_history(self._desk, self._account(uid), Request(request))

    def bills(self, uid: str, request: Asked = _NOTHING) -> list[Row]:
        return history.bills(self._desk, self._account(uid), Request(request), archive=False)

    def bills_archive(self, uid: str, request: Asked = _NOTHING) -> list[Row]:
        return history.bills(self._desk, self._account(uid), Request(request), archive=True)

    def set_leverage(self, uid: str, request: Asked) -> Row:
        with self._turn() as desk:
            return leverage.set_leverage(desk, self._account(uid), Request(request))

    def leverage_info(self, uid: str, request: Asked) -> list[Row]:
        return leverage.leverage_rows(self._desk, self._account(uid), Request(request))

    def set_position_mode(self, uid: str, request: Asked) -> Row:
        with self._turn() as desk:
            return leverage.set_position_mode(desk, self._account(uid), Request(request))

    def max_size(self, uid: str, request: Asked) -> list[Row]:
        return sizing.size_rows(self._desk, self._account(uid), Request(request))

    def max_avail_size(self, uid: str, request: Asked) -> list[Row]:
        return sizing.available_rows(self._desk, self._account(uid), Request(request))

    def trade_fee(self, uid: str, request: Asked) -> Row:
        return sizing.fee_row(self._desk, self._account(uid), Request(request))

    def margin_balance(self, uid: str, request: Asked) -> Row:
        with self._turn() as desk:
            return leverage.change_margin(desk, self._account(uid), Request(request))
