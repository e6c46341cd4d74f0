"""The one way out for requests that act, and the reading of what they are answered with.

Invariant: nothing that acts leaves unless the gateway was made for trading; and each row of an answer is
judged on its own, one that proves nothing being `OutcomeUnknown`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from arena.core.errors import ConfigError, ExchangeError, OutcomeUnknown, Rejected, TradingDisabled
from arena.core.trading import Ack, Outcome
from arena.exchange.okx.client import Body, OkxClient
from arena.exchange.okx.errors import Call, Row, check_row
from arena.exchange.okx.limits import Priority
from arena.exchange.okx.reading import Reader

__all__ = ["Desk"]


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
        self, path: str, body: Mapping[str, Any], priority: Priority, id_key: str, *, expires: bool = False
    ) -> Ack:
        """Send one order's request and return what OKX says of it."""
        call = Call("POST", path)
        rows = self._act(path, body, priority, expires=expires)
        if len(rows) != 1:
            raise _unproved(call, f"{len(rows)} rows for one order")
        return _ack(call, body, rows[0], id_key)

    def _act_on_all(
        self,
        path: str,
        bodies: Sequence[Mapping[str, Any]],
        priority: Priority,
        *,
        most: int,
        id_key: str = "ordId",
        expires: bool = False,
    ) -> list[Outcome]:
        """Send a batch and return what became of each, in the order they were asked in."""
        call = Call("POST", path)
        if not 1 <= len(bodies) <= most:
            raise Rejected(f"not sent: {call} takes 1 to {most} orders at once, not {len(bodies)}")
        rows = self._act(path, bodies, priority, expires=expires)
        return [_outcome(call, body, rows, id_key) for body in bodies]


def _outcome(call: Call, body: Mapping[str, Any], rows: Sequence[Row], id_key: str) -> Outcome:
    row = next((row for row in rows if _same(body, row, id_key)), None)
    if row is None:
        return _unproved(call, f"no row about {_name(body, id_key)}")
    try:
        return _ack(call, body, row, id_key)
    except ExchangeError as error:
        return error
    except ConfigError as error:  # the key may not do this one: the others have an outcome of their own
        return Rejected(str(error), str(row.get("sCode")))


def _ack(call: Call, body: Mapping[str, Any], row: Row, id_key: str) -> Ack:
    check_row(call, row)
    if not _same(body, row, id_key) or not row.get(id_key):
        raise _unproved(call, f"a row that is not about {_name(body, id_key)}")
    ts = row.get("ts")
    client_id = row.get("algoClOrdId") if id_key == "algoId" else row.get("clOrdId")
    return Ack(
        inst_id=str(body["instId"]),
        id=str(row[id_key]),
        client_id=client_id or None,
        ts=int(ts) if isinstance(ts, str) and ts.isdigit() else None,
        raw=row,
    )


def _same(body: Mapping[str, Any], row: object, id_key: str) -> bool:
    """Tell whether a row answers a body, by the ids that the body names."""
    if not isinstance(row, Mapping):
        return False
    names = ("algoClOrdId", "algoId") if id_key == "algoId" else ("clOrdId", "ordId")
    told = [(body[name], row.get(name)) for name in names if body.get(name)]
    return any(asked == found for asked, found in told)


def _name(body: Mapping[str, Any], id_key: str) -> str:
    names = ("algoClOrdId", "algoId") if id_key == "algoId" else ("clOrdId", "ordId")
    return next((f"{name} {body[name]}" for name in names if body.get(name)), "the order")


def _unproved(call: Call, found: str) -> OutcomeUnknown:
    return OutcomeUnknown(f"OKX answered {call} with {found}: whether it was done is not known, look it up")
