"""OKX's rate limits: one bucket of tokens an endpoint group, shared by all of a process.

Knows times and counts only, never a request's content. Invariant: a token comes back one window after
the answer to its request, so whatever the network does, no window at the exchange sees more requests
than allowed; and of those who wait, exits are served before entries, entries before reads.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import IntEnum

from arena.core.errors import Retryable

Monotonic = Callable[[], float]
"""Returns seconds that never go backwards."""

Wait = Callable[[threading.Condition, float], object]
"""Waits on a held condition for at most so many seconds."""


_MARGIN_S = 0.005  # a venue that counts in whole milliseconds may see a window a little shorter


class Priority(IntEnum):
    """Who is served first where several wait."""

    EXIT = 0
    ENTRY = 1
    READ = 2


@dataclass(frozen=True, slots=True)
class Limit:
    """`requests` in any `window_s` seconds, counted apart for each value of the `keys` parameters."""

    name: str
    requests: int
    window_s: float = 2.0
    keys: tuple[str, ...] = ()


_ORDERS = Limit("orders of one instrument", 60, keys=("instId",))
_ORDER_READS = Limit("reads of single orders of one instrument", 60, keys=("instId",))
_BATCHES = Limit("batched orders of one instrument", 300, keys=("instId",))
_CANCEL_ALGOS = Limit("algo cancels of one instrument", 20, keys=("instId",))
_PLACED = Limit("new and amended orders of the account", 1000)
_UNLISTED = 5  # requests in two seconds where no limit is known: the strictest of the known ones


def _limit(path: str, requests: int, window_s: float = 2.0, keys: tuple[str, ...] = ()) -> Limit:
    return Limit(path, requests, window_s, keys)


LIMITS: Mapping[str, Limit] = {
    limit.name: limit
    for limit in (
        _limit("public/instruments", 20, keys=("instType",)),
        _limit("public/time", 10),
        _limit("market/candles", 40),
        _limit("market/history-candles", 20),
        _limit("market/mark-price-candles", 20),
        _limit("market/history-mark-price-candles", 20),
        _limit("market/index-candles", 20),
        _limit("market/history-index-candles", 10),
        _limit("market/ticker", 20),
        _limit("market/tickers", 20),
        _limit("market/index-tickers", 20),
        _limit("market/books", 40),
        _limit("market/trades", 100),
        _limit("public/open-interest", 20),
        _limit("public/price-limit", 20),
        _limit("public/mark-price", 10, keys=("instId",)),
        _limit("public/funding-rate", 10, keys=("instId",)),
        _limit("public/funding-rate-history", 10, keys=("instId",)),
        _limit("public/position-tiers", 10),
        _limit("account/balance", 10),
        _limit("account/positions", 10),
        _limit("account/positions-history", 10),
        _limit("account/config", 5),
        _limit("account/set-position-mode", 5),
        _limit("account/trade-fee", 5),
        _limit("account/set-leverage", 20),
        _limit("account/leverage-info", 20),
        _limit("account/max-size", 20),
        _limit("account/max-avail-size", 20),
        _limit("account/position/margin-balance", 20),
        _limit("account/bills", 5, 1.0),
        _limit("account/bills-archive", 5),
        _limit("trade/orders-pending", 60),
        _limit("trade/fills", 60),
        _limit("trade/orders-history", 40),
        _limit("trade/orders-history-archive", 20),
        _limit("trade/fills-history", 10),
        _limit("trade/close-position", 20, keys=("instId",)),
        _limit("trade/order-algo", 20, keys=("instId",)),
        _limit("trade/orders-algo-pending", 20),
        _limit("trade/orders-algo-history", 20),
        _limit("trade/cancel-all-after", 1, 1.0, keys=("tag",)),
    )
}
"""Limits by path where a request counts once (okx.md §4); orders are in `costs_of`."""

_SINGLE = {"trade/order", "trade/cancel-order", "trade/amend-order"}
_BATCH = {"trade/batch-orders", "trade/cancel-batch-orders", "trade/amend-batch-orders"}
_COUNTED_BY_ACCOUNT = {"trade/order", "trade/amend-order", "trade/batch-orders", "trade/amend-batch-orders"}

_Row = Mapping[str, object]
Cost = tuple[Limit, str, int]
"""A limit, the value of its keys, and how many of its tokens a request takes."""


def costs_of(method: str, path: str, params: _Row | Sequence[_Row]) -> list[Cost]:
    """Return what a request takes from which buckets.

    A batch counts its orders, instrument by instrument; one order in a batch counts as a single one.
    """
    rows = [params] if isinstance(params, Mapping) else list(params)
    first = rows[0] if rows else {}
    costs: list[Cost]
    if method == "GET" and path == "trade/order":
        return [_cost(_ORDER_READS, first)]
    if path in _SINGLE or (path in _BATCH and len(rows) == 1):
        costs = [_cost(_ORDERS, first)]
    elif path in _BATCH or path == "trade/cancel-algos":
        limit = _BATCHES if path in _BATCH else _CANCEL_ALGOS
        counts = Counter(str(row.get("instId", "")) for row in rows)
        costs = [(limit, inst_id, count) for inst_id, count in sorted(counts.items())]
    else:
        costs = [_cost(LIMITS.get(path) or Limit(path, _UNLISTED), first)]
    if path in _COUNTED_BY_ACCOUNT:
        costs.append((_PLACED, "", len(rows)))
    return costs


def _cost(limit: Limit, row: _Row) -> Cost:
    return limit, ",".join(str(row.get(key, "")) for key in limit.keys), 1


class TokenBucket:
    """The tokens of one limit; safe to use from many threads."""

    def __init__(
        self,
        limit: Limit,
        *,
        clock: Monotonic = time.monotonic,
        wait: Wait = threading.Condition.wait,
    ) -> None:
        self.limit = limit
        self._clock, self._wait = clock, wait
        self._free = limit.requests
        self._returning: deque[tuple[float, int]] = deque()
        self._closed_until = 0.0
        self._queue: list[tuple[int, int]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()

    def take(self, count: int = 1, priority: Priority = Priority.READ, timeout_s: float = 60.0) -> None:
        """Wait for `count` tokens and take them.

        Raises:
            Retryable: they were not to be had in `timeout_s`; nothing was sent.
        """
        if count > self.limit.requests:
            raise ValueError(f"{count} tokens of {self.limit.name}: there are {self.limit.requests}")
        deadline = self._clock() + timeout_s
        with self._changed:
            ticket = (int(priority), next(self._numbers))
            heapq.heappush(self._queue, ticket)
            try:
                while not (self._queue[0] == ticket and self._available() >= count):
                    self._wait_for(count, deadline, timeout_s, first=self._queue[0] == ticket)
                self._free -= count
            finally:
                self._queue.remove(ticket)
                heapq.heapify(self._queue)
                self._changed.notify_all()

    def give_back(self, count: int = 1) -> None:
        """Tell that the answer came: the tokens return one window from now."""
        with self._changed:
            self._returning.append((self._clock() + self.limit.window_s + _MARGIN_S, count))
            self._changed.notify_all()

    def close_for(self, seconds: float) -> None:
        """Serve nobody for `seconds`: the exchange said that it was too much."""
        with self._changed:
            self._closed_until = max(self._closed_until, self._clock() + seconds)

    def _available(self) -> int:
        now = self._clock()
        while self._returning and self._returning[0][0] <= now:
            self._free += self._returning.popleft()[1]
        return self._free if now >= self._closed_until else 0

    def _wait_for(self, count: int, deadline: float, timeout_s: float, *, first: bool) -> None:
        now = self._clock()
        if now >= deadline:
            raise Retryable(
                f"no room within OKX's limit of {self.limit.requests} requests in {self.limit.window_s:g} s "
                f"({self.limit.name}) for {timeout_s:g} s: nothing was sent, try again"
            )
        until = deadline
        if first:
            until = min(until, max(self._back_at(count), self._closed_until))
        self._wait(self._changed, max(0.001, until - now))

    def _back_at(self, count: int) -> float:
        """Return when `count` tokens will be here, as far as their answers have come."""
        missing = count - self._free
        for when, tokens in self._returning:
            missing -= tokens
            if missing <= 0:
                return when
        return float("inf") if missing > 0 else 0.0


class RateLimits:
    """The buckets of one exchange and one key, made when first used."""

    def __init__(self, *, clock: Monotonic = time.monotonic, wait: Wait = threading.Condition.wait) -> None:
        self._clock, self._wait = clock, wait
        self._buckets: dict[tuple[Limit, str], TokenBucket] = {}
        self._lock = threading.Lock()

    @contextmanager
    def slot(self, costs: Sequence[Cost], priority: Priority, timeout_s: float = 60.0) -> Iterator[None]:
        """Hold the tokens of one request while the block sends it and waits for the answer.

        Raises:
            Retryable: see `TokenBucket.take`.
        """
        with ExitStack() as held:
            for limit, key, count in costs:
                bucket = self.bucket(limit, key)
                bucket.take(count, priority, timeout_s)
                held.callback(bucket.give_back, count)
            yield

    def back_off(self, costs: Sequence[Cost]) -> None:
        """Serve nobody in these buckets for a window: the exchange counted more than we did."""
        for limit, key, _count in costs:
            self.bucket(limit, key).close_for(limit.window_s)

    def bucket(self, limit: Limit, key: str = "") -> TokenBucket:
        """Return the bucket of a limit and the value of its keys."""
        with self._lock:
            found = self._buckets.get((limit, key))
            if found is None:
                found = TokenBucket(limit, clock=self._clock, wait=self._wait)
                self._buckets[limit, key] = found
            return found


class NoLimits(RateLimits):
    """Lets everything through at once: for an exchange on this machine that counts nothing."""

    @contextmanager
    def slot(self, costs: Sequence[Cost], priority: Priority, timeout_s: float = 60.0) -> Iterator[None]:
        """Do the block at once."""
        del costs, priority, timeout_s
        yield

    def back_off(self, costs: Sequence[Cost]) -> None:
        """Close nothing."""


_SHARED: dict[tuple[str, str], RateLimits] = {}
_SHARED_LOCK = threading.Lock()


def shared_limits(base_url: str, user: str = "") -> RateLimits:
    """Return the buckets that all in this process share who ask `base_url` as `user`.

    Without a user they are those of this machine's address, which public endpoints count by.
    """
    with _SHARED_LOCK:
        return _SHARED.setdefault((base_url, user), RateLimits())
