"""Tells the private channels what happened to an account, and how it stands.

Listens to the venue, changes nothing. Invariant: an event reaches every socket that is logged in to its
account and asked for it, in the order in which the venue tells it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from arena.paper_okx.sockets.channels import update_interval
from arena.paper_okx.sockets.messages import Arg, Row, encode, push
from arena.paper_okx.sockets.settings import SocketSettings
from arena.paper_okx.sockets.subscriptions import Listener, Subscription, Subscriptions

if TYPE_CHECKING:
    from arena.paper_okx.venue import Event, Venue

__all__ = ["AccountPushes"]

_STANDING = {"positions", "account"}  # told again at regular times
_POSITION_BRIEF = (
    *("posId", "tradeId", "instId", "instType", "mgnMode", "posSide", "pos", "ccy", "posCcy", "avgPx"),
    *("nonSettleAvgPx", "settledPnl", "uTime"),
)

_WARNED_OF = (
    *("instId", "mgnMode", "posId", "posSide", "pos", "posCcy", "lever", "markPx", "mgnRatio", "ccy"),
    *("cTime", "uTime", "pTime"),
)


class AccountPushes:
    """Pushes of the accounts."""

    def __init__(self, venue: Venue, subscriptions: Subscriptions, settings: SocketSettings) -> None:
        self._venue = venue
        self._subscriptions = subscriptions
        self._settings = settings
        venue.listen(self.tell)

    def tell(self, event: Event) -> None:
        """Push an event of the venue."""
        for listener, subscription in self._subscriptions.of_account(event.uid, (event.channel,)):
            asked = [row for row in event.rows if _is_asked_for(subscription, row)]
            rows = [_warning(row) for row in asked] if event.channel == "liquidation-warning" else asked
            if rows:
                fields = {"eventType": "event_update"} if event.channel in _STANDING else {}
                _push(listener, subscription, rows, **fields)

    def greet(self, listener: Listener, subscription: Subscription, now: int) -> None:
        """Push how the account stands to a new listener of positions, account or both, or what trails."""
        if subscription.channel.name == "balance_and_position":
            _push(listener, subscription, [self._both(subscription.uid, now)])
        elif subscription.channel.name in _STANDING:
            self._tell_standing(listener, subscription, now)
        elif subscription.channel.name == "algo-advance":
            self._tell_trailing(listener, subscription)

    def repeat(self, now: int) -> None:
        """Push again what is told at regular times."""
        for listener in list(self._subscriptions.listeners):
            for subscription in list(listener.subscriptions.values()):
                if subscription.channel.name in _STANDING and self._is_due(subscription, now):
                    self._tell_standing(listener, subscription, now)

    def _is_due(self, subscription: Subscription, now: int) -> bool:
        asked_ms = update_interval(subscription.arg)
        regular_ms = self._settings.regular_ms if asked_ms is None else asked_ms
        return regular_ms > 0 and now - subscription.told_at >= regular_ms

    def _tell_standing(self, listener: Listener, subscription: Subscription, now: int) -> None:
        subscription.told_at = now
        uid = subscription.uid
        if subscription.channel.name == "account":
            rows: list[Row] = [_of_coin(self._venue.balance(uid), subscription.arg)]
        else:
            held = [row for row in self._venue.positions(uid) if _is_asked_for(subscription, row)]
            rows = [{**row, "pTime": str(now)} for row in held]
        _push(listener, subscription, rows, eventType="snapshot", curPage=1, lastPage=True)

    def _tell_trailing(self, listener: Listener, subscription: Subscription) -> None:
        waiting = self._venue.trailing_stops(subscription.uid)
        if rows := [row for row in waiting if _is_asked_for(subscription, row)]:
            _push(listener, subscription, rows)

    def _both(self, uid: str, now: int) -> Row:
        details = _details(self._venue.balance(uid))
        return {
            "pTime": str(now),
            "eventType": "snapshot",
            "balData": [_brief(detail, ("ccy", "cashBal", "uTime")) for detail in details],
            "posData": [_brief(row, _POSITION_BRIEF) for row in self._venue.positions(uid)],
            "trades": [],
        }


def _push(listener: Listener, subscription: Subscription, rows: Sequence[Row], **fields: object) -> None:
    arg = {**subscription.arg, "uid": subscription.uid}
    listener.push(subscription.channel.name, encode(push(arg, rows, **fields)))


def _warning(position: Mapping[str, object]) -> Row:
    """Return what a warning tells of a position."""
    family = str(position["instId"]).removesuffix("-SWAP")
    return {"instType": position["instType"], "instFamily": family} | _brief(position, _WARNED_OF)


def _is_asked_for(subscription: Subscription, row: Mapping[str, object]) -> bool:
    arg = subscription.arg
    if arg.get("algoId") not in {None, row.get("algoId")}:
        return False
    if arg.get("instType") not in {None, "ANY", row.get("instType")}:
        return False
    inst_id = str(row.get("instId", ""))
    if (family := arg.get("instFamily")) and not inst_id.startswith(f"{family}-"):
        return False
    return not arg.get("instId") or arg["instId"] == inst_id


def _of_coin(row: Mapping[str, object], arg: Arg) -> Row:
    if not arg.get("ccy"):
        return row
    return {**row, "details": [one for one in _details(row) if one["ccy"] == arg["ccy"]]}


def _details(balance: Mapping[str, object]) -> list[Mapping[str, object]]:
    details = balance["details"]
    return details if isinstance(details, list) else []


def _brief(row: Mapping[str, object], names: Sequence[str]) -> dict[str, object]:
    return {name: row[name] for name in names}
