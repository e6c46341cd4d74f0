"""Tells the market's channels what changed since they were last told.

Asks the market at a moment of the venue; knows no account. Invariant: a push is made and written once for all
who listen to it, and comes no oftener than its channel allows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from arena.paper_okx.replay import ReplayMarket
from arena.paper_okx.sockets.book_steps import Book, change_row, snapshot_row
from arena.paper_okx.sockets.market_rows import Pushes
from arena.paper_okx.sockets.messages import Row, encode, push
from arena.paper_okx.sockets.subscriptions import Listener, Subscriptions, Topic

__all__ = ["Publisher"]


class Publisher:
    """Pushes of the market."""

    def __init__(self, market: ReplayMarket, subscriptions: Subscriptions) -> None:
        self._market = market
        self._subscriptions = subscriptions

    def publish(self, now: int) -> None:
        """Tell every topic that has something to say at venue time `now`."""
        for topic in list(self._subscriptions.topics.values()):
            if now > topic.told_at and now - topic.told_at >= topic.channel.every_ms:
                self._tell(topic, now)

    def greet(self, listener: Listener, topic: Topic, now: int) -> None:
        """Tell a new listener the state of `topic`; of a book in steps the one that the next step changes."""
        pushes = self._pushes(topic, now, now)
        if topic.shown is None and pushes:
            topic.shown = _state(pushes[-1])
        texts = [_snapshot(topic)] if topic.channel.in_steps else _texts(topic, pushes)
        for text in texts:
            listener.push(topic.channel.name, text)

    def _tell(self, topic: Topic, now: int) -> None:
        pushes = self._pushes(topic, topic.told_at, now)
        known = _is_known(topic, pushes)
        if not pushes or (known and not _is_overdue(topic, now)):
            return
        before, previous = topic.shown, topic.sequence
        topic.told_at, topic.shown = now, _state(pushes[-1])
        topic.sequence += not known  # what is told again keeps its number
        texts = [_step(topic, before, previous)] if topic.channel.in_steps else _texts(topic, pushes)
        for text in texts:
            for listener in list(topic.listeners):
                listener.push(topic.channel.name, text)

    def _pushes(self, topic: Topic, since: int, now: int) -> Pushes:
        make = topic.channel.rows
        return make(self._market, topic.arg, since, now) if make else []


def _is_overdue(topic: Topic, now: int) -> bool:
    repeat_ms = topic.channel.repeat_ms
    return repeat_ms is not None and now - topic.told_at >= repeat_ms


def _is_known(topic: Topic, pushes: Pushes) -> bool:
    return len(pushes) == 1 and _state(pushes[0]) == topic.shown


def _state(rows: Sequence[Row]) -> list[Row]:
    # A row that differs in its time alone tells nothing new.
    return [_timeless(row) for row in rows]


def _timeless(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "ts"} if isinstance(row, Mapping) else row


def _snapshot(topic: Topic) -> str:
    row = snapshot_row(_book(topic.shown), topic.told_at, topic.sequence)
    return encode(push(topic.arg, [row], action="snapshot"))


def _step(topic: Topic, before: Sequence[Row] | None, previous: int) -> str:
    row = change_row(_book(before), _book(topic.shown), topic.told_at, previous, topic.sequence)
    return encode(push(topic.arg, [row], action="update"))


def _book(shown: Sequence[Row] | None) -> Book:
    book = shown[0] if shown else {}
    return book if isinstance(book, Mapping) else {}


def _texts(topic: Topic, pushes: Pushes) -> list[str]:
    return [encode(push(topic.arg, _numbered(topic, rows))) for rows in pushes]


def _numbered(topic: Topic, rows: Sequence[Row]) -> Sequence[Row]:
    if not topic.channel.sequenced:
        return rows
    return [{**row, "seqId": topic.sequence} for row in rows if isinstance(row, Mapping)]
