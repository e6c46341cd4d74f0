"""Rate limits: how often each endpoint may be called, by whom.

`RULES` is data. Invariant: a call counts in a bucket only where the bucket has room for all of it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from arena.paper_okx.refusal import Refusal

__all__ = ["ACCOUNT_ORDERS", "RULES", "Limit", "Limits"]


@dataclass(frozen=True, slots=True)
class Limit:
    """`count` units in `window_s`, for each value of `per` (ip, user, instId, instType, tag)."""

    bucket: str
    count: int
    window_s: float
    per: tuple[str, ...]
    weighs: bool = False  # a unit is an order of the batch, not a call


def _ip(path: str, count: int, *more: str) -> tuple[str, Limit]:
    return path, Limit(path, count, 2.0, ("ip", *more))


def _user(path: str, count: int, *more: str, window_s: float = 2.0) -> tuple[str, Limit]:
    return path, Limit(path, count, window_s, ("user", *more))


def _orders(path: str, count: int) -> tuple[str, Limit]:
    return path, Limit(path, count, 2.0, ("user", "instId"), weighs=True)


_POSTS = dict(
    [
        _user("trade/order", 60, "instId"),
        _user("trade/cancel-order", 60, "instId"),
        _user("trade/amend-order", 60, "instId"),
        _orders("trade/batch-orders", 300),
        _orders("trade/cancel-batch-orders", 300),
        _orders("trade/amend-batch-orders", 300),
        _user("trade/close-position", 20, "instId"),
        _user("trade/order-algo", 20, "instId"),
        _orders("trade/cancel-algos", 20),
        _user("trade/cancel-all-after", 1, "tag", window_s=1.0),
        _user("account/set-leverage", 20),
        _user("account/set-position-mode", 5),
        _user("account/position/margin-balance", 20),
    ]
)

_GETS = dict(
    [
        _ip("public/instruments", 20, "instType"),
        _ip("public/time", 10),
        _ip("market/candles", 40),
        _ip("market/history-candles", 20),
        _ip("market/mark-price-candles", 20),
        _ip("market/history-mark-price-candles", 20),
        _ip("market/index-candles", 20),
        _ip("market/history-index-candles", 10),
        _ip("market/ticker", 20),
        _ip("market/tickers", 20),
        _ip("market/index-tickers", 20),
        _ip("market/books", 40),
        _ip("market/trades", 100),
        _ip("public/open-interest", 20),
        _ip("public/price-limit", 20),
        _ip("public/mark-price", 10, "instId"),
        _ip("public/funding-rate", 10, "instId"),
        _ip("public/funding-rate-history", 10, "instId"),
        _ip("public/position-tiers", 10),
        _user("account/balance", 10),
        _user("account/positions", 10),
        _user("account/positions-history", 10),
        _user("account/config", 5),
        _user("account/trade-fee", 5),
        _user("account/leverage-info", 20),
        _user("account/max-size", 20),
        _user("account/max-avail-size", 20),
        _user("account/bills", 5, window_s=1.0),
        _user("account/bills-archive", 5),
        ("trade/order", Limit("get trade/order", 60, 2.0, ("user", "instId"))),
        _user("trade/orders-pending", 60),
        _user("trade/fills", 60),
        _user("trade/orders-history", 40),
        _user("trade/orders-history-archive", 20),
        _user("trade/fills-history", 10),
        ("trade/order-algo", Limit("get trade/order-algo", 20, 2.0, ("user",))),
        _user("trade/orders-algo-pending", 20),
        _user("trade/orders-algo-history", 20),
    ]
)

RULES: dict[tuple[str, str], Limit] = {
    **{("POST", f"/api/v5/{path}"): limit for path, limit in _POSTS.items()},
    **{("GET", f"/api/v5/{path}"): limit for path, limit in _GETS.items()},
}
"""The limit of each endpoint, by method and path. An endpoint without one may be called at will."""

_SINGLE = {  # a batch of one order counts where single orders do
    "trade/batch-orders": "trade/order",
    "trade/cancel-batch-orders": "trade/cancel-order",
    "trade/amend-batch-orders": "trade/amend-order",
}

ACCOUNT_ORDERS = Limit("orders of the account", 1000, 2.0, ("user",), weighs=True)
"""New and amended orders of one account, whichever endpoint they come by: 50061 beyond it."""


class Limits:
    """Sliding windows over what was called."""

    def __init__(
        self, *, enabled: bool = True, status: int = 429, watch: Callable[[], float] = time.monotonic
    ) -> None:
        self.enabled = enabled
        self.status = status
        """HTTP status of an answer over the limit: 429 or 200, both are seen at the exchange."""
        self._watch = watch
        self._calls: dict[tuple[str, ...], deque[tuple[float, int]]] = {}

    def take(self, method: str, path: str, who: dict[str, str], orders: int = 1) -> None:
        """Count one call of `orders` orders.

        Raises:
            Refusal: 50011, the limit of the endpoint is reached; nothing was counted.
        """
        limit = RULES.get((method, path))
        if limit is None or not self.enabled:
            return
        if limit.weighs and orders == 1 and limit.bucket in _SINGLE:
            limit = _POSTS[_SINGLE[limit.bucket]]
        self._count(limit, who, orders if limit.weighs else 1, "50011")

    def take_account(self, who: dict[str, str], orders: int) -> None:
        """Count new or amended orders of an account.

        Raises:
            Refusal: 50061, too many.
        """
        if self.enabled:
            self._count(ACCOUNT_ORDERS, who, orders, "50061")

    def _count(self, limit: Limit, who: dict[str, str], units: int, code: str) -> None:
        now = self._watch()
        calls = self._calls.setdefault((limit.bucket, *(who.get(part, "") for part in limit.per)), deque())
        while calls and calls[0][0] <= now - limit.window_s:
            calls.popleft()
        if sum(weight for _, weight in calls) + units > limit.count:
            raise Refusal(code, f"{limit.count} in {limit.window_s:g} s")
        calls.append((now, units))
