"""Token buckets: never beyond a limit in any window, and who is served first."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.core.errors import Retryable
from arena.exchange.okx.limits import (
    LIMITS,
    Limit,
    Priority,
    RateLimits,
    TokenBucket,
    costs_of,
    shared_limits,
)
from tests.exchange.okx.conftest import FakeTime


@settings(max_examples=60, deadline=None)
@given(
    journeys=st.lists(
        st.tuples(st.floats(0, 0.4), st.floats(0, 0.4), st.floats(0, 0.5)), min_size=5, max_size=80
    ),
    allowed=st.integers(1, 7),
)
def test_no_window_at_the_venue_ever_sees_more_than_allowed(
    journeys: list[tuple[float, float, float]], allowed: int
) -> None:
    fake = FakeTime()
    bucket = TokenBucket(Limit("x", allowed), clock=fake.clock, wait=fake.wait)
    arrivals = []
    for there, back, idle in journeys:
        bucket.take()
        fake.now += there
        arrivals.append(fake.now)
        fake.now += back
        bucket.give_back()
        fake.now += idle
    for index, at in enumerate(arrivals[allowed:]):
        assert at - arrivals[index] >= 2.0


def test_a_full_bucket_serves_a_burst_at_once_and_the_next_a_window_later(fake_time: FakeTime) -> None:
    bucket = TokenBucket(Limit("x", 20), clock=fake_time.clock, wait=fake_time.wait)
    for _ in range(20):
        bucket.take()
        bucket.give_back()
    assert fake_time.now == 1000.0
    bucket.take()
    assert fake_time.now == pytest.approx(1002.0, abs=0.02)


def test_a_hundred_windows_take_no_longer_than_the_limit_asks_for(fake_time: FakeTime) -> None:
    bucket = TokenBucket(Limit("x", 20), clock=fake_time.clock, wait=fake_time.wait)
    for _ in range(2000):
        bucket.take()
        fake_time.now += 0.003
        bucket.give_back()
    assert fake_time.now - 1000 == pytest.approx(99 * 2.0, rel=0.02)


def test_no_token_in_time_is_retryable_and_says_that_nothing_was_sent(fake_time: FakeTime) -> None:
    bucket = TokenBucket(Limit("trade/order", 1), clock=fake_time.clock, wait=fake_time.wait)
    bucket.take()
    with pytest.raises(
        Retryable, match=r"limit of 1 requests in 2 s \(trade/order\) for 5 s: nothing was sent"
    ):
        bucket.take(timeout_s=5)
    bucket.give_back()
    bucket.take(timeout_s=5)


def test_exits_are_served_before_entries_before_reads() -> None:
    bucket = TokenBucket(Limit("x", 1, 0.05))
    bucket.take()
    served: list[str] = []
    waiting = threading.Semaphore(0)

    def ask(name: str, priority: Priority) -> None:
        waiting.release()
        bucket.take(priority=priority)
        served.append(name)
        bucket.give_back()

    threads = []
    order = [
        ("read", Priority.READ),
        ("entry", Priority.ENTRY),
        ("exit", Priority.EXIT),
        ("exit 2", Priority.EXIT),
    ]
    for queued, (name, priority) in enumerate(order, start=1):
        threads.append(threading.Thread(target=ask, args=(name, priority)))
        threads[-1].start()
        waiting.acquire()
        while len(bucket._queue) < queued:
            time.sleep(0.001)
    bucket.give_back()
    for thread in threads:
        thread.join(10)
    assert served == ["exit", "exit 2", "entry", "read"]


def test_a_closed_bucket_serves_nobody_for_a_window(fake_time: FakeTime) -> None:
    limits = RateLimits(clock=fake_time.clock, wait=fake_time.wait)
    costs = costs_of("GET", "market/ticker", {"instId": "BTC-USDT-SWAP"})
    limits.back_off(costs)
    with limits.slot(costs, Priority.EXIT):
        assert fake_time.now >= 1002.0


def test_the_token_of_a_failed_request_comes_back(fake_time: FakeTime) -> None:
    limits = RateLimits(clock=fake_time.clock, wait=fake_time.wait)
    costs = [(Limit("x", 1), "", 1)]
    for _ in range(3):
        with pytest.raises(RuntimeError), limits.slot(costs, Priority.READ):
            raise RuntimeError("lost")


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "trade/order", {"instId": "A"}, {("orders of one instrument", "A"): 1}),
        ("POST", "trade/batch-orders", [{"instId": "A"}], {("orders of one instrument", "A"): 1}),
        (
            "POST",
            "trade/batch-orders",
            [{"instId": "A"}, {"instId": "B"}, {"instId": "A"}],
            {("batched orders of one instrument", "A"): 2, ("batched orders of one instrument", "B"): 1},
        ),
        ("POST", "trade/cancel-algos", [{"instId": "A"}] * 3, {("algo cancels of one instrument", "A"): 3}),
        ("GET", "trade/order", {"instId": "A"}, {("reads of single orders of one instrument", "A"): 1}),
        ("GET", "public/instruments", {"instType": "SWAP"}, {("public/instruments", "SWAP"): 1}),
        ("GET", "market/candles", {"instId": "A"}, {("market/candles", ""): 1}),
        ("GET", "asset/unheard-of", {}, {("asset/unheard-of", ""): 1}),
    ],
)
def test_each_request_takes_from_its_own_bucket(
    method: str, path: str, body: object, expected: dict[tuple[str, str], int]
) -> None:
    costs = costs_of(method, path, body)  # type: ignore[arg-type]
    account = "new and amended orders of the account"
    assert {(limit.name, key): count for limit, key, count in costs if limit.name != account} == expected
    placed = sum(count for limit, _, count in costs if limit.name == account)
    places = method == "POST" and path in {"trade/order", "trade/batch-orders"}
    assert placed == (len(body) if isinstance(body, list) else 1) * places


def test_limits_are_those_of_the_documents() -> None:
    assert (LIMITS["market/candles"].requests, LIMITS["market/history-candles"].requests) == (40, 20)
    assert LIMITS["market/history-index-candles"].requests == 10
    assert all(limit.window_s in {1.0, 2.0} for limit in LIMITS.values())


def test_everybody_who_asks_one_exchange_shares_its_buckets() -> None:
    assert shared_limits("http://127.0.0.1:1") is shared_limits("http://127.0.0.1:1")
    assert shared_limits("http://127.0.0.1:1") is not shared_limits("http://127.0.0.1:2")
    assert shared_limits("http://127.0.0.1:1", "a") is not shared_limits("http://127.0.0.1:1", "b")
