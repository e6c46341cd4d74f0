"""The paper exchange as the contract suites use it: an account for each test, a clock, faults."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import SecretStr

from arena.core.lots import Lots
from arena.core.quantity import Price
from arena.exchange.okx.client import OkxClient
from arena.exchange.okx.clock import Reading
from arena.exchange.okx.feed import OkxFeed
from arena.exchange.okx.gateway import OkxTradingGateway
from arena.exchange.okx.settings import OkxCredentials, OkxSettings
from arena.paper_okx.auth import ApiKey
from tests.paper_okx.running import RunningPaperOkx, run_paper_okx

BTC = "BTC-USDT-SWAP"
_ACCOUNTS = 100
_Seen = TypeVar("_Seen")


class PaperExchanges:
    """A running exchange and the accounts that no test has touched."""

    def __init__(self, okx: RunningPaperOkx) -> None:
        self.okx = okx
        self._free = iter([key for key in okx.keys.values() if key.demo])

    def next_account(self) -> PaperAccount:
        return PaperAccount(self.okx, next(self._free))

    def clear_faults(self) -> None:
        self.okx.clear_faults()


class PaperAccount:
    """One account: its gateway, and what a test does to the exchange around it."""

    def __init__(self, okx: RunningPaperOkx, key: ApiKey) -> None:
        self._okx, self._key = okx, key
        self.uid = key.uid
        self.secrets = {key.key, key.secret, key.passphrase}
        self.gateway = self.make_gateway()
        self.feed = OkxFeed(self._client(self.settings()))
        self.lots: Lots = self.feed.instrument(BTC).lots

    def settings(
        self, *, claim_demo: bool = True, timeout_s: float = 5.0, rate_limits: bool = False, **parts: str
    ) -> OkxSettings:
        key = replace(self._key, **parts)
        credentials = OkxCredentials(
            SecretStr(key.key), SecretStr(key.secret), SecretStr(key.passphrase), demo=claim_demo
        )
        return OkxSettings(
            self._okx.base_url,
            self._okx.ws_url,
            claim_demo,
            credentials,
            timeout_s=timeout_s,
            rate_limits=rate_limits,
        )

    def make_gateway(self, *, order_deadline_s: float = 5.0, **settings: Any) -> OkxTradingGateway:
        client = self._client(self.settings(**settings))
        return OkxTradingGateway(client, trading_enabled=True, order_deadline_s=order_deadline_s)

    @property
    def last(self) -> Price:
        return Price(self.feed.ticker(BTC).last)

    def fault(
        self, kind: str, path: str = "*", *, method: str = "", times: int | None = 1, **options: object
    ) -> None:
        self._okx.fault(kind, path=path, method=method, times=times, **options)

    def by_hand(self, path: str, **body: object) -> dict[str, Any]:
        """Send a call past the gateway, as its owner does in the exchange's own app; return its row."""
        (row,) = self._okx.post(f"/api/v5/{path}", body, uid=self.uid)["data"]
        return row

    @property
    def struck(self) -> int:
        """How often the faults in force have struck."""
        return sum(rule["struck"] for rule in self._okx.control("GET", "faults")["faults"])

    def step(self, milliseconds: int) -> None:
        self._okx.step(milliseconds)

    def until(
        self,
        look: Callable[[], _Seen],
        enough: Callable[[_Seen], object],
        *,
        step_ms: int = 1000,
        steps: int = 60,
    ) -> _Seen:
        """Look again after each step of the exchange's clock until it is as expected."""
        for _ in range(steps):
            seen = look()
            if enough(seen):
                return seen
            self.step(step_ms)
        raise AssertionError(f"after {steps} steps of {step_ms} ms still {seen!r}")

    @staticmethod
    def skew_client(gateway: OkxTradingGateway, milliseconds: int) -> None:
        """Make a gateway believe that the exchange's clock is so far ahead of what it is."""
        clock = gateway._client.time
        clock._newest = Reading(clock.now_ms() + milliseconds, time.monotonic())

    @staticmethod
    def _client(settings: OkxSettings) -> OkxClient:
        return OkxClient(settings, sleep=lambda _seconds: None)


@contextmanager
def paper_exchange(**options: Any) -> Iterator[PaperExchanges]:
    """Run a paper exchange with many accounts and a clock that goes by step."""
    keys = [
        ApiKey(f"KEY{n}canary", f"SECRET{n}canary", f"PASS{n}canary", f"u{n}", demo=True)
        for n in range(_ACCOUNTS)
    ]
    with run_paper_okx(keys=keys, **options) as okx:
        yield PaperExchanges(okx)
