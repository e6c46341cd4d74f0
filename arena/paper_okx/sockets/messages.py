"""The texts of a socket: replies, errors, notices, pushes.

Pure. Invariant: what answers a request carries the request's `id` when it had one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import orjson

from arena.paper_okx.codes import message

__all__ = ["Arg", "Message", "Row", "encode", "error", "event", "push"]

Arg: TypeAlias = Mapping[str, object]
Message: TypeAlias = dict[str, object]
Row: TypeAlias = Mapping[str, object] | Sequence[str]  # candles are lists


def encode(document: Mapping[str, object]) -> str:
    """Return the JSON of `document` without blanks."""
    return orjson.dumps(document).decode()


def event(name: str, conn_id: str, request_id: object = None, **fields: object) -> Message:
    """Return what the exchange tells of a connection: `subscribe`, `login`, `notice` and their like."""
    head: Message = {} if request_id is None else {"id": request_id}
    return head | {"event": name} | fields | {"connId": conn_id}


def error(code: str, detail: str, conn_id: str, request_id: object = None, name: str = "error") -> Message:
    """Return the refusal of a request, or with `name="notice"` a warning."""
    return event(name, conn_id, request_id, code=code, msg=message(code, detail))


def push(arg: Arg, rows: Sequence[Row], **fields: object) -> Message:
    """Return rows of a channel; `fields` stand between the argument and the rows."""
    return {"arg": arg, **fields, "data": rows}
