"""Limits and rhythms of the sockets, as the exchange documents them.

Values alone. Invariant: the defaults are the exchange's own; a test shortens what it would have to wait for.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SocketSettings"]


@dataclass(frozen=True, slots=True)
class SocketSettings:
    """`*_s` are seconds of wall time, `*_ms` milliseconds of venue time."""

    idle_s: float = 30.0  # no message in either direction for so long ends the connection
    connects_per_s: int = 3  # of one address
    requests_per_hour: int = 480  # subscribe, unsubscribe and login of one connection
    message_bytes: int = 64 * 1024
    connections_per_channel: int = 30  # of one account on one private channel
    waiting_messages: int = 5000  # more than these unread: the reader is too slow to keep
    poll_s: float = 0.02  # how often the venue's clock is looked at
    regular_ms: int = 5000  # positions and account are repeated so often
    goodbye_s: float = 1.0  # what a closing handshake may take
