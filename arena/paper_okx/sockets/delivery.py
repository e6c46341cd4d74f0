"""The way of a push to its reader, with the faults that strike it there.

Acts on what the rules say and makes no rule. Invariant: without a rule in force every push goes out once, in
order.
"""

from __future__ import annotations

from arena.config.paper import FaultRule
from arena.paper_okx.faults import Faults
from arena.paper_okx.sockets.messages import encode, error
from arena.paper_okx.sockets.outbox import Outbox

__all__ = ["UPGRADE", "Delivery"]

UPGRADE = 4006
_LONGEST_HOLD_S = 0.5  # a push that waits to be overtaken, and is not


class Delivery:
    """The pushes of one socket."""

    def __init__(self, outbox: Outbox, faults: Faults, conn_id: str) -> None:
        self._outbox = outbox
        self._faults = faults
        self._conn_id = conn_id
        self._held: list[str] = []

    def deliver(self, channel: str, text: str) -> None:
        """Send a push, once, twice, later, behind the next one, or break the connection off instead."""
        rules = {rule.kind: rule for rule in self._faults.of_push(channel)}
        if "socket_drop" in rules:
            self._outbox.drop()
        elif "push_reorder" in rules:
            self._hold(text)
        elif late := rules.get("push_late"):
            self._outbox.put_late(text, late.delay_ms / 1000)
        else:
            self._send(text, twice="push_duplicate" in rules)
        if notice := rules.get("socket_notice"):
            self._announce_end(notice)

    def _send(self, text: str, *, twice: bool) -> None:
        held, self._held = self._held, []
        for one in (text, *((text,) if twice else ()), *held):
            self._outbox.put(one)

    def _hold(self, text: str) -> None:
        self._held.append(text)
        self._outbox.later(_LONGEST_HOLD_S, self._release)

    def _release(self) -> None:
        held, self._held = self._held, []
        for text in held:
            self._outbox.put(text)

    def _announce_end(self, rule: FaultRule) -> None:
        self._outbox.put(encode(error("64008", "", self._conn_id, name="notice")))
        self._outbox.later(rule.delay_ms / 1000, lambda: self._outbox.close(UPGRADE, "upgrade"))
