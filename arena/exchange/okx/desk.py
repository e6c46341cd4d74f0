"""The one way out for requests that act, and the reading of what they are answered with.

Invariant: nothing that acts leaves unless the gateway was made for trading; and each row of an answer is
judged on its own, one that proves nothing being `OutcomeUnknown`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from arena.core.errors import ConfigError, ExchangeError, OutcomeUnknown, Rejected, TradingDisabled
from arena.core.trading import Ack, Outcome
from arena.exchange.okx.client import Body, OkxClient
from arena.exchange.okx.errors import Call, Row, check_row
from arena.exchange.okx.limits import Priority
from arena.exchange.okx.reading import Reader

__all__ = ["ALGO_IDS", "ORDER_IDS", "Desk", "Ids"]

Fields = Mapping[str, Any]


class Ids(NamedTuple):
    """The fields that name an order: by our id, and by OKX's."""

    ours: str
    theirs: str


ORDER_IDS, ALGO_IDS = Ids("clOrdId", "ordId"), Ids("algoClOrdId", "algoId")


class Desk(Reader):
    """What the acting parts of the gateway share.

    `trading_enabled` lets acting requests out. An order is void `order_deadline_s` after it was asked for.
    """

    def __init__(
        self, client: OkxClient, *, trading_enabled: bool = False, order_deadline_s: float = 5.0
    ) -> None:
        super().__init__(client)
        self._trading_enabled = trading_enabled
        self._deadline_ms = round(order_deadline_s * 1000)

    @property
    def order_deadline_ms(self) -> int:
        """How long after it was asked for an order can still come to life."""
        return self._deadline_ms

    def _act(self, path: str, body: Body, priority: Priority, *, expires: bool = False) -> list[Row]:
        """Send a request that acts; the last line before the client."""
        if not self._trading_enabled:
            raise TradingDisabled(
                f"POST {path} was not sent: this gateway only reads. Set TRADING_ENABLED=true to let it trade"
            )
        deadline_ms = self.server_time() + self._deadline_ms if expires else None
        return self._client.post(path, body, priority=priority, deadline_ms=deadline_ms)

    def _act_once(
        self, path: str, body: Fields, priority: Priority, ids: Ids = ORDER_IDS, *, expires: bool = False
    ) -> Ack:
        """Send one order's request and return what OKX says of it."""
        rows = self._act(path, body, priority, expires=expires)
        if len(rows) != 1:
            raise _unproved(self._call(path), f"{len(rows)} rows for one order")
        return _ack(self._call(path), body, rows[0], ids)

    def _act_on_all(
        self,
        path: str,
        bodies: Sequence[Fields],
        priority: Priority,
        *,
        most: int,
        ids: Ids = ORDER_IDS,
        expires: bool = False,
    ) -> list[Outcome]:
        """Send a batch and return what became of each, in the order they were asked in."""
        if not 1 <= len(bodies) <= most:
            raise Rejected(f"not sent: POST {path} takes 1 to {most} orders at once, not {len(bodies)}")
        names = [_name(body, ids) for body in bodies]
        if len(set(names)) < len(names):
            raise Rejected(f"not sent: POST {path} names an order twice: {', '.join(names)}")
        rows = self._act(path, bodies, priority, expires=expires)
        return [_outcome(self._call(path), body, rows, ids) for body in bodies]

    def _call(self, path: str) -> Call:
        credentials = self._client.settings.credentials
        return Call("POST", path, credentials.scrub) if credentials else Call("POST", path)


def _outcome(call: Call, body: Fields, rows: Sequence[Row], ids: Ids) -> Outcome:
    row = next((row for row in rows if _same(body, row, ids)), None)
    if row is None:
        return _unproved(call, f"no row about {_name(body, ids)}")
    try:
        return _ack(call, body, row, ids)
    except ExchangeError as error:
        return error
    except ConfigError as error:  # the key may not do this one: the others have an outcome of their own
        return Rejected(str(error), str(row.get("sCode")))


def _ack(call: Call, body: Fields, row: Row, ids: Ids) -> Ack:
    check_row(call, row)
    if not _same(body, row, ids) or not row.get(ids.theirs):
        raise _unproved(call, f"a row that is not about {_name(body, ids)}")
    ts = row.get("ts")
    return Ack(
        inst_id=str(body["instId"]),
        id=str(row[ids.theirs]),
        client_id=row.get(ids.ours) or None,
        ts=int(ts) if isinstance(ts, str) and ts.isdigit() else None,
        raw=row,
    )


def _same(body: Fields, row: object, ids: Ids) -> bool:
    """Tell whether a row answers a body, by the ids that the body names."""
    return isinstance(row, Mapping) and any(body.get(name) and body[name] == row.get(name) for name in ids)


def _name(body: Fields, ids: Ids) -> str:
    return next((f"{name} {body[name]}" for name in reversed(ids) if body.get(name)), "the order")


def _unproved(call: Call, found: str) -> OutcomeUnknown:
    return OutcomeUnknown(f"OKX answered {call} with {found}: whether it was done is not known, look it up")
