"""An OKX on paper: scripted answers instead of a network, and time that passes only when waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from arena.core.lots import Lots
from arena.core.quantity import Coins, Contracts, Price
from arena.exchange.okx.client import OkxClient
from arena.exchange.okx.limits import RateLimits
from arena.exchange.okx.settings import OkxCredentials, OkxSettings
from arena.exchange.okx.wire import Answer


class Lost(Exception):  # noqa: N818 - named as the wire names it
    """No whole answer came."""


def envelope(rows: list[Any] | None = None, code: str = "0", msg: str = "") -> dict[str, Any]:
    """Return an answer's body."""
    return {"code": code, "msg": msg, "data": rows or []}


@dataclass
class FakeWire:
    """Answers each request with the next of a script; the last one stays."""

    script: list[Any] = field(default_factory=list)
    sent: list[tuple[str, str, Any]] = field(default_factory=list)
    lost: type[Exception] = Lost
    headers: Mapping[str, str] = field(default_factory=dict)
    deadlines: list[str | None] = field(default_factory=list)
    now_ms: Callable[[], int] = lambda: 0
    times: list[int] = field(default_factory=list)

    def request(self, path: str, api: list[str], method: str, params: Any) -> object:
        if path == "public/time":
            self.sent.append((method, path, params))
            raise Answer(200, {}, envelope([{"ts": "1700000000000"}]))
        if api == ["private"]:
            self.times.append(self.now_ms())
        self.sent.append((method, path, params))
        self.deadlines.append(self.headers.get("expTime"))
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, Exception):
            raise step
        status, body = step if isinstance(step, tuple) else (200, step)
        raise Answer(status, {}, body)

    def paths(self) -> list[str]:
        """Return the paths asked for, in order."""
        return [path for _, path, _ in self.sent]


class FakeTime:
    """Seconds that pass when somebody waits on a condition."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.lock = threading.Lock()

    def clock(self) -> float:
        return self.now

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        with self.lock:
            self.now += seconds


CREDENTIALS = OkxCredentials(
    SecretStr("canary-key-1f9a"), SecretStr("canary-secret-77c2"), SecretStr("canary-pass-0b3d"), demo=False
)


@pytest.fixture(scope="session")
def btc_lots() -> Lots:
    """BTC-USDT-SWAP as OKX lists it."""
    return Lots("BTC-USDT-SWAP", Coins("0.01"), Contracts("0.01"), Contracts("0.01"), Price("0.1"))


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def wire() -> FakeWire:
    return FakeWire()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(wire: FakeWire, fake_time: FakeTime, pauses: list[float]) -> OkxClient:
    """A client with a key whose requests go nowhere."""

    def connect(_settings: OkxSettings, now_ms: Callable[[], int]) -> FakeWire:
        wire.now_ms = now_ms
        return wire

    return OkxClient(
        OkxSettings(credentials=CREDENTIALS),
        connect=connect,
        sleep=pauses.append,
        jitter=lambda: 1.0,
        limits=RateLimits(clock=fake_time.clock, wait=fake_time.wait),
    )
