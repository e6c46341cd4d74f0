"""How a request leaves: ccxt signs and sends it, and hands the answer over untouched.

Decides nothing about an answer. Invariant: whatever came back arrives as `Answer`, so ccxt's own
reading of codes never decides; and ccxt's log, which would show the key, is silent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn, Protocol

from arena.exchange.okx.settings import OkxSettings

DEMO_HEADER = "x-simulated-trading"
DEADLINE_HEADER = "expTime"


class Answer(Exception):  # noqa: N818 - an answer, not an error: raised to leave ccxt with it whole
    """What came back: HTTP status, headers, and the decoded body or None where it was no JSON."""

    def __init__(self, status: int, headers: Mapping[str, str], body: object) -> None:
        super().__init__(f"HTTP {status}")
        self.status, self.headers, self.body = status, headers, body


class Wire(Protocol):
    """The part of ccxt's exchange that is used."""

    lost: type[Exception]
    """What `request` raises when no whole answer came."""

    headers: Mapping[str, str]
    """What every request says beside its signature."""

    def request(self, path: str, api: list[str], method: str, params: Any) -> object:
        """Sign and send one request.

        Raises:
            Answer: always, unless no whole answer came.
        """


Connect = Callable[[OkxSettings, Callable[[], int]], Wire]
"""Makes a way to an exchange; the second argument tells the exchange's time, for signatures."""


def connect_ccxt(settings: OkxSettings, now_ms: Callable[[], int]) -> Wire:
    """Return a ccxt exchange that talks to `settings.base_url` and leaves limits and errors to us."""
    import ccxt

    exchange = ccxt.okx({"enableRateLimit": False, "timeout": round(settings.timeout_s * 1000)})
    exchange.urls["api"]["rest"] = settings.base_url
    exchange.options["brokerId"] = ""  # no order carries the tag of a third party
    if settings.demo:
        exchange.headers = {**(exchange.headers or {}), DEMO_HEADER: "1"}
    if settings.credentials is not None:
        exchange.apiKey = settings.credentials.key.get_secret_value()
        exchange.secret = settings.credentials.secret.get_secret_value()
        exchange.password = settings.credentials.passphrase.get_secret_value()
    exchange.session.max_redirects = 0  # signed headers go to nobody else
    exchange.logger = _silent()
    exchange.nonce = now_ms
    exchange.handle_errors = _hand_over
    exchange.lost = ccxt.BaseError
    wire: Wire = exchange
    return wire


@contextmanager
def void_after(wire: Wire, deadline_ms: int | None) -> Iterator[None]:
    """Let the requests of the block say when OKX must not act on them any more, UTC ms of its clock."""
    before = wire.headers
    if deadline_ms is not None:
        wire.headers = {**before, DEADLINE_HEADER: str(deadline_ms)}
    try:
        yield
    finally:
        wire.headers = before


def never_left(error: BaseException) -> bool:
    """Whether the connection was never made, so that nothing can have been done."""
    import requests
    import urllib3

    early = (
        requests.exceptions.ConnectTimeout,
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
    )
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or one in seen:
            continue
        if isinstance(one, early):
            return True
        seen.append(one)
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return False


def _hand_over(
    status: int,
    _reason: str,
    _url: str,
    _method: str,
    headers: Mapping[str, str],
    _text: str,
    body: object,
    *_request: object,
) -> NoReturn:
    """Stand in for ccxt's reading of an answer; it is called with every one."""
    raise Answer(status, headers, body)


def _silent() -> logging.Logger:
    log = logging.Logger("ccxt, silent")
    log.disabled = True
    return log
