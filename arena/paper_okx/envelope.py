"""The envelope that every answer of the exchange comes in.

Pure. Invariant: code, msg and data are always there; an order's answer adds inTime and outTime.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from arena.paper_okx.codes import http_status, message

__all__ = ["Reply", "not_found", "refused", "rows_reply", "summary", "trade_reply"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent: a body and its HTTP status."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"


def rows_reply(rows: Sequence[object]) -> Reply:
    """Return the answer of a read."""
    return Reply(orjson.dumps({"code": "0", "msg": "", "data": rows}))


def refused(code: str, detail: str = "", *, status: int | None = None) -> Reply:
    """Return an answer whose code is at the top."""
    body = orjson.dumps({"code": code, "msg": message(code, detail), "data": []})
    return Reply(body, http_status(code) if status is None else status)


def trade_reply(rows: Sequence[dict[str, object]], in_us: int, out_us: int, *, timed: bool) -> Reply:
    """Return the answer of a trade call, whose top code sums up the sCodes of its rows."""
    code = summary(rows)
    document: dict[str, object] = {"code": code, "msg": "" if code == "0" else message(code), "data": rows}
    if timed:
        document |= {"inTime": str(in_us), "outTime": str(out_us)}
    return Reply(orjson.dumps(document))


def summary(rows: Sequence[dict[str, object]]) -> str:
    """Return 0 when every row went well, 1 when none did, 2 otherwise."""
    failed = sum(row.get("sCode") != "0" for row in rows)
    if not failed:
        return "0"
    return "1" if failed == len(rows) else "2"


def not_found(status: int = 404) -> Reply:
    """Return what a path or a method that does not exist is answered with."""
    words = {404: "Not Found", 405: "Method Not Allowed"}[status]
    document = {"code": str(status), "data": {}, "detailMsg": "", "error_code": str(status)}
    return Reply(orjson.dumps({**document, "error_message": words, "msg": words}), status)
