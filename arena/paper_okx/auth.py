"""Who sends a request: the headers of a private call, checked in the exchange's order.

Pure but for the clock. Invariant: the signature is checked over the path and body exactly as they came.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from arena.core.clock import parse_time
from arena.core.errors import ConfigError
from arena.paper_okx.clock import VenueClock
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.replay.numerals import is_whole

__all__ = ["ApiKey", "Keys", "Signed", "authorize", "check_deadline", "sign"]

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key of one account; `demo` keys go with the header x-simulated-trading: 1 alone."""

    key: str
    secret: str = field(repr=False)
    passphrase: str = field(repr=False)
    uid: str
    demo: bool = True
    perm: str = "read_only,trade"
    addresses: tuple[str, ...] = ()  # from where it may be used; empty: from anywhere

    @property
    def may_trade(self) -> bool:
        """Whether it may change anything."""
        return "trade" in self.perm.split(",")


class Keys:
    """The keys that the exchange knows."""

    def __init__(self, keys: Sequence[ApiKey]) -> None:
        self._by_key = {one.key: one for one in keys}

    def __iter__(self) -> Iterator[ApiKey]:
        return iter(self._by_key.values())

    def find(self, key: str) -> ApiKey | None:
        """Return the key of this name, None when there is none."""
        return self._by_key.get(key)


@dataclass(frozen=True, slots=True)
class Signed:
    """The parts of a request that its signature is about."""

    method: str
    raw_path: str
    body: bytes
    headers: Mapping[str, str]
    address: str
    waited_ms: int = 0  # since it arrived


def sign(secret: str, text: bytes) -> str:
    """Return the signature of `text`: base64 of its HMAC-SHA256."""
    return base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()


def authorize(signed: Signed, keys: Keys, clock: VenueClock, skew_ms: int = 0) -> tuple[ApiKey, int]:
    """Return whose request it is, and the time by the clock that its sender goes by.

    Raises:
        Refusal: 50101 to 50113, 50119.
    """
    headers = signed.headers
    name = _header(headers, "OK-ACCESS-KEY", "50103")
    passphrase = _header(headers, "OK-ACCESS-PASSPHRASE", "50104")
    signature = _header(headers, "OK-ACCESS-SIGN", "50106")
    timestamp = _header(headers, "OK-ACCESS-TIMESTAMP", "50107")
    stamp_ms = _stamp(timestamp)
    key = keys.find(name)
    if key is None:
        raise Refusal("50119" if _UUID.fullmatch(name) else "50111")
    if key.addresses and signed.address not in key.addresses:
        raise Refusal("50110", signed.address)
    if key.demo != (headers.get("x-simulated-trading") == "1"):
        raise Refusal("50101")
    if not secrets.compare_digest(passphrase.encode(), key.passphrase.encode()):
        raise Refusal("50105")
    now = clock.nearest(stamp_ms, skew_ms)
    if not clock.is_fresh(stamp_ms, skew_ms):
        raise Refusal("50102")
    text = f"{timestamp}{signed.method}{signed.raw_path}".encode() + signed.body
    if not secrets.compare_digest(sign(key.secret, text).encode(), signature.encode()):
        raise Refusal("50113")
    return key, now


def check_deadline(signed: Signed, now: int) -> None:
    """Refuse a request whose expTime has passed by `now`, by the clock that its sender goes by.

    Raises:
        Refusal: 50036 it had passed when it arrived, 50037 it has since, 51000 it is no time.
    """
    deadline = signed.headers.get("expTime")
    if not deadline:
        return
    if not is_whole(deadline):
        raise Refusal("51000", f"expTime (found '{deadline[:20]}')")
    if int(deadline) < now:
        raise Refusal("50036" if int(deadline) < now - signed.waited_ms else "50037")


def _header(headers: Mapping[str, str], name: str, code: str) -> str:
    value = headers.get(name)
    if not value:
        raise Refusal(code)
    return value


def _stamp(text: str) -> int:
    if not _TIMESTAMP.fullmatch(text):
        raise Refusal("50112")
    try:
        return parse_time(text)
    except ConfigError:
        raise Refusal("50112") from None
