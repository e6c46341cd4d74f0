"""From a request to its answer: route, identity, limits, the venue, the envelope.

Does no I/O of its own. Invariant: a call that is refused has changed nothing, and every answer of /api/v5
is an envelope.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from arena.config.paper import FaultRule
from arena.paper_okx.auth import ApiKey, Signed, authorize, check_deadline
from arena.paper_okx.codes import message
from arena.paper_okx.envelope import Reply, not_found, refused, rows_reply, trade_reply
from arena.paper_okx.exchange import PaperExchange
from arena.paper_okx.http import Call, Route, Shape, parse_body, parse_query
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.routes_private import PRIVATE_ROUTES
from arena.paper_okx.routes_public import PUBLIC_ROUTES

__all__ = ["ROUTES", "Dispatch"]

ROUTES: Mapping[tuple[str, str], Route] = {**PUBLIC_ROUTES, **PRIVATE_ROUTES}
_PATHS = frozenset(path for _, path in ROUTES)
_BATCHES = frozenset({Shape.BATCH, Shape.ALGO_BATCH})

Row = dict[str, object]


class Dispatch:
    """The REST side of one exchange."""

    def __init__(self, exchange: PaperExchange) -> None:
        self._exchange = exchange

    def answer(self, signed: Signed, struck: Sequence[FaultRule] = ()) -> Reply:
        """Return what a request is answered with, unless a fault keeps the answer from its sender."""
        path, _, query = signed.raw_path.partition("?")
        route = ROUTES.get((signed.method, path))
        if route is None:
            return not_found(405 if path in _PATHS else 404)
        call = Call(signed.method, path, parse_query(query), None, signed.address, struck=struck)
        try:
            call.now = self._exchange.follow()
            self._admit(route, call, signed)
            return self._apply(route, call)
        except Refusal as refusal:
            status = self._exchange.limits.status if refusal.code == "50011" else None
            return refused(refusal.code, refusal.detail, status=status)

    def _admit(self, route: Route, call: Call, signed: Signed) -> None:
        """Find out who asks, whether they may, and what for."""
        if route.private:
            call.uid = self._identify(route, signed, call.struck).uid
        if call.method == "POST":
            call.body = parse_body(signed.body, signed.headers.get("Content-Type", ""))
        self._count(route, call)

    def _count(self, route: Route, call: Call) -> None:
        """Count the call and its orders against their limits."""
        limits, items = self._exchange.limits, _items(route, call.body)
        who = {**call.params, "ip": call.address, "user": call.uid}
        for inst_id, orders in Counter(_text(item, "instId") for item in items).items():
            about = {"instId": inst_id, "tag": _text(items[0], "tag")} if call.method == "POST" else {}
            limits.take(call.method, call.path, who | about, orders)
        if route.counted:
            limits.take_account(who, len(items))

    def _identify(self, route: Route, signed: Signed, struck: Sequence[FaultRule]) -> ApiKey:
        skew_ms = sum(rule.skew_ms for rule in struck if rule.kind == "clock_skew")
        key, sender_now = authorize(signed, self._exchange.keys, self._exchange.clock, skew_ms)
        if route.changes and not key.may_trade:
            raise Refusal("50120")
        check_deadline(signed, sender_now)
        return key

    def _apply(self, route: Route, call: Call) -> Reply:
        if route.shape is Shape.ROWS:
            return rows_reply(route.handle(self._exchange, call))
        rows, stamp_us = self._rows(route, call), call.now * 1000
        return trade_reply(rows, stamp_us, stamp_us, timed=route.shape in {Shape.ORDER, Shape.BATCH})

    def _rows(self, route: Route, call: Call) -> list[Row]:
        """Return a row for each order of the call; the fault `partial_batch` fails every second one."""
        struck = call.struck_by("partial_batch")
        return [
            self._row(route, replace(call, body=item), fails=struck and place % 2 == 1)
            for place, item in enumerate(_items(route, call.body))
        ]

    def _row(self, route: Route, call: Call, *, fails: bool) -> Row:
        """Return the row of one order, refused or not."""
        if fails:
            return _refused_row(route, call, Refusal("50013"))
        try:
            row = route.handle(self._exchange, call)[0]
        except Refusal as refusal:
            return _refused_row(route, call, refusal)
        return {"sCode": "0", "sMsg": "", **row}  # type: ignore[dict-item]


def _items(route: Route, body: object) -> list[object]:
    """Return the orders of a body: one, or those of a batch.

    Raises:
        Refusal: 51000 no list where one is wanted, or an empty one; 51111 too long a list.
    """
    if route.shape not in _BATCHES:
        return [body]
    if not isinstance(body, list) or not body:
        raise Refusal("51000", "body (a list of orders is wanted)")
    if len(body) > route.most:
        raise Refusal("51111", f"found {len(body)}, at most {route.most}")
    return body


def _refused_row(route: Route, call: Call, refusal: Refusal) -> Row:
    row: Row = {name: _text(call.body, name) for name in route.blank}
    if "ts" in row:
        row["ts"] = str(call.now)
    return {**row, **refusal.data, "sCode": refusal.code, "sMsg": message(refusal.code, refusal.detail)}


def _text(item: object, name: str) -> str:
    value = item.get(name) if isinstance(item, dict) else None
    return "" if value is None else str(value)
