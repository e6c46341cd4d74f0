"""Who listens to what: the open connections of all addresses and the topics of the market.

Knows no protocol and no market. Invariant: a connection that has gone is in no topic.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from arena.paper_okx.sockets.channels import Channel
from arena.paper_okx.sockets.messages import Arg, Row

__all__ = ["Listener", "Subscription", "Subscriptions", "Topic", "topic_key"]


@dataclass(slots=True)
class Subscription:
    """One argument of one connection: of which account, and the venue time of its last regular push."""

    channel: Channel
    arg: Arg
    uid: str
    told_at: int


class Listener(Protocol):
    """What the publisher needs of a connection."""

    @property
    def uid(self) -> str | None:
        """The account that is logged in."""

    @property
    def subscriptions(self) -> dict[str, Subscription]:
        """What it is subscribed to, by `topic_key`."""

    def push(self, channel: str, text: str) -> None:
        """Queue a push, never waiting for its reader."""


@dataclass(slots=True)
class Topic:
    """A market channel with its argument: what was last told of it, and to whom it is told."""

    channel: Channel
    arg: Arg
    told_at: int
    shown: Sequence[Row] | None = None
    sequence: int = 0
    listeners: set[Listener] = field(default_factory=set)


def topic_key(arg: Arg) -> str:
    """Return the same text for arguments that differ in the order of their fields alone."""
    return repr(sorted((name, str(value)) for name, value in arg.items()))


class Subscriptions:
    """The registry of listeners."""

    def __init__(self) -> None:
        self.listeners: set[Listener] = set()
        self.topics: dict[str, Topic] = {}
        self._connects: dict[str, deque[float]] = {}

    def may_connect(self, address: str, now_s: float, most_per_s: int) -> bool:
        """Count a new connection of `address`; False when it had too many within the last second."""
        recent = self._connects.setdefault(address, deque())
        while recent and recent[0] <= now_s - 1.0:
            recent.popleft()
        if len(recent) >= most_per_s:
            return False
        recent.append(now_s)
        return True

    def add(self, listener: Listener, channel: Channel, arg: Arg, now: int) -> Subscription:
        """Subscribe; a second time changes nothing but gives the first push again."""
        key = topic_key(arg)
        fresh = Subscription(channel, arg, listener.uid or "", now)
        subscription = listener.subscriptions.setdefault(key, fresh)
        if not channel.private:
            topic = self.topics.setdefault(key, Topic(channel, arg, now))
            topic.listeners.add(listener)
        return subscription

    def remove(self, listener: Listener, arg: Arg) -> None:
        """Unsubscribe; what was not subscribed stays so."""
        key = topic_key(arg)
        listener.subscriptions.pop(key, None)
        topic = self.topics.get(key)
        if topic is not None:
            topic.listeners.discard(listener)
            if not topic.listeners:
                del self.topics[key]

    def leave(self, listener: Listener) -> None:
        """Forget a connection that has gone."""
        for subscription in list(listener.subscriptions.values()):
            self.remove(listener, subscription.arg)
        self.listeners.discard(listener)

    def of_account(self, uid: str, channels: tuple[str, ...]) -> Iterator[tuple[Listener, Subscription]]:
        """Yield who listens to one of these private channels of an account."""
        for listener in list(self.listeners):
            if listener.uid == uid:
                for subscription in list(listener.subscriptions.values()):
                    if subscription.channel.name in channels:
                        yield listener, subscription

    def connections(self, uid: str, channel: str) -> int:
        """Return how many connections of an account listen to a private channel."""
        return len({id(listener) for listener, _ in self.of_account(uid, (channel,))})
