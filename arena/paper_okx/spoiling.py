"""What faults do to an answer that is right: bars that are missing, unconfirmed or not yet final; cut bodies.

Pure. Invariant: without a rule the answer is the same object.
"""

from __future__ import annotations

from collections.abc import Sequence

from arena.config.paper import FaultRule
from arena.paper_okx.envelope import Reply

__all__ = ["spoil_bars", "spoil_reply"]

_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"


def spoil_bars(rows: list[list[str]], struck: Sequence[FaultRule]) -> list[list[str]]:
    """Return a page of bars as the rules of kind `*_bars` leave it; the running bar is never hit."""
    for rule in struck:
        if rule.kind.endswith("_bars"):
            rows = _spoilt(rows, rule)
    return rows


def _spoilt(rows: list[list[str]], rule: FaultRule) -> list[list[str]]:
    hit = {row[0] for row in _hit(rows, rule)}
    if rule.kind == "missing_bars":
        return [row for row in rows if row[0] not in hit]
    change = _unconfirmed if rule.kind == "unconfirmed_bars" else _unfinished
    return [change(row) if row[0] in hit else row for row in rows]


def _hit(rows: list[list[str]], rule: FaultRule) -> list[list[str]]:
    closed = [row for row in rows if row[-1] == "1"]
    if rule.from_ms is None and rule.until_ms is None:
        return closed[: rule.bars]
    first, end = rule.from_ms or 0, rule.until_ms
    return [row for row in closed if first <= int(row[0]) and (end is None or int(row[0]) < end)]


def _unconfirmed(row: list[str]) -> list[str]:
    return [*row[:-1], "0"]


def _unfinished(row: list[str]) -> list[str]:
    """Return the bar as if only its opening were known: a later call gives the values it ended with."""
    return [row[0], row[1], row[1], row[1], row[1], *("0" for _ in row[5:-1]), row[-1]]


def spoil_reply(reply: Reply, struck: Sequence[FaultRule]) -> Reply:
    """Return the answer as the rules `html` and `truncated` leave it."""
    for rule in struck:
        if rule.kind == "html":
            return Reply(_PAGE, 502, "text/html")
        if rule.kind == "truncated":
            return Reply(reply.body[: len(reply.body) // 2], reply.status)
    return reply
