"""Rate limits: the table, what counts together and what apart, and what an answer over the limit is."""

from __future__ import annotations

import pytest

from arena.paper_okx.dispatch import ROUTES
from arena.paper_okx.limits import RULES, Limits
from arena.paper_okx.refusal import Refusal
from tests.paper_okx.running import run_paper_okx

V5 = "/api/v5"
ME = {"ip": "127.0.0.1", "user": "demo", "instId": "BTC-USDT-SWAP", "instType": "SWAP", "tag": ""}
DOCUMENTED = {
    ("GET", "public/instruments"): 20,
    ("GET", "public/time"): 10,
    ("GET", "market/candles"): 40,
    ("GET", "market/history-candles"): 20,
    ("GET", "market/history-index-candles"): 10,
    ("GET", "market/ticker"): 20,
    ("GET", "market/books"): 40,
    ("GET", "market/trades"): 100,
    ("GET", "public/funding-rate-history"): 10,
    ("GET", "account/balance"): 10,
    ("GET", "account/config"): 5,
    ("GET", "account/leverage-info"): 20,
    ("GET", "trade/order"): 60,
    ("GET", "trade/orders-history"): 40,
    ("GET", "trade/orders-history-archive"): 20,
    ("GET", "trade/fills-history"): 10,
    ("GET", "trade/order-algo"): 20,
    ("POST", "trade/order"): 60,
    ("POST", "trade/cancel-order"): 60,
    ("POST", "trade/close-position"): 20,
    ("POST", "trade/order-algo"): 20,
    ("POST", "trade/batch-orders"): 300,
    ("POST", "trade/cancel-algos"): 20,
}


class Watch:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def _taken(limits: Limits, method: str, path: str, orders: int = 1, **who: str) -> int:
    """Return how many calls pass before one is refused."""
    for count in range(2_000):
        try:
            limits.take(method, f"{V5}/{path}", ME | who, orders)
        except Refusal:
            return count
    return -1


@pytest.mark.parametrize(
    ("endpoint", "count"), DOCUMENTED.items(), ids=lambda v: v if isinstance(v, str) else None
)
def test_the_documented_number_of_calls_passes(endpoint, count):
    method, path = endpoint
    # batches of two: a batch of one counts with single orders
    orders = 2 if count == 300 or path == "trade/cancel-algos" else 1
    assert _taken(Limits(watch=Watch()), method, path, orders) == count // orders


def test_every_route_but_the_status_has_a_limit():
    without = set(ROUTES) - set(RULES)
    assert {path for _, path in without} == {f"{V5}/system/status"}
    assert set(RULES) <= set(ROUTES)


def test_a_window_slides():
    watch = Watch()
    limits = Limits(watch=watch)
    assert _taken(limits, "GET", "public/time") == 10
    watch.seconds += 1.9
    assert _taken(limits, "GET", "public/time") == 0
    watch.seconds += 0.1
    assert _taken(limits, "GET", "public/time") == 10


def test_bills_have_a_window_of_one_second():
    watch = Watch()
    limits = Limits(watch=watch)
    assert _taken(limits, "GET", "account/bills") == 5
    watch.seconds += 1.0
    assert _taken(limits, "GET", "account/bills") == 5


def test_instruments_users_and_addresses_are_counted_apart_where_documented():
    limits = Limits(watch=Watch())
    assert _taken(limits, "POST", "trade/order") == 60
    assert _taken(limits, "POST", "trade/order", instId="ETH-USDT-SWAP") == 60
    assert _taken(limits, "POST", "trade/order", user="other") == 60
    assert _taken(limits, "GET", "trade/order") == 60
    assert _taken(limits, "GET", "market/candles") == 40
    assert _taken(limits, "GET", "market/candles", instId="ETH-USDT-SWAP") == 0


def test_a_batch_of_one_counts_with_single_orders():
    limits = Limits(watch=Watch())
    assert _taken(limits, "POST", "trade/batch-orders", 1) == 60
    assert _taken(limits, "POST", "trade/order") == 0
    assert _taken(limits, "POST", "trade/batch-orders", 20) == 15


def test_the_account_may_send_a_thousand_orders_in_two_seconds():
    limits = Limits(watch=Watch())
    for _ in range(50):
        limits.take_account(ME, 20)
    with pytest.raises(Refusal, match="50061"):
        limits.take_account(ME, 1)
    limits.take_account(ME | {"user": "other"}, 1)


def test_limits_can_be_switched_off():
    assert _taken(Limits(enabled=False), "GET", "public/time") == -1


@pytest.mark.parametrize("status", [429, 200])
def test_over_the_limit_the_body_is_50011_whichever_status_is_chosen(replay_market, status):
    with run_paper_okx(market=replay_market, rate_limits=True, limit_status=status) as okx:
        answers = [okx.send("GET", "/api/v5/public/time") for _ in range(11)]
        assert [answer.status for answer in answers] == [200] * 10 + [status]
        assert answers[-1].json()["code"] == "50011"
        okx.exchange.limits.enabled = False
        assert okx.get("/api/v5/public/time")["code"] == "0"
