"""Where an OKX is and who asks: hosts, demo or live, credentials.

Reads nothing by itself. Invariant: settings that exist never mix live and demo, and their secrets
can only leave over TLS or to this machine.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

from arena.core.errors import ConfigError

LIVE_URL = "https://www.okx.com"
LIVE_WS_URL = "wss://ws.okx.com:8443/ws/v5"
DEMO_WS_URL = "wss://wspap.okx.com:8443/ws/v5"

_DEMO_SOCKETS = "pap."
"""End of the first label of every demo socket host: wspap.okx.com, wseeapap.okx.com, wsuspap.okx.com."""


@dataclass(frozen=True, slots=True)
class OkxCredentials:
    """One API key. `demo` says for which of OKX's two worlds it was made."""

    key: SecretStr
    secret: SecretStr
    passphrase: SecretStr
    demo: bool

    def scrub(self, text: str) -> str:
        """Return `text` with the key's parts replaced by stars."""
        for part in (self.secret, self.passphrase, self.key):
            text = text.replace(part.get_secret_value(), "***")
        return text


@dataclass(frozen=True, slots=True)
class OkxSettings:
    """One OKX to talk to; public data needs no credentials.

    Attributes:
        base_url: scheme and host of the REST API, without a path.
        ws_url: sockets up to and without `/public`, `/private`, `/business`.
        demo: whether this is demo trading: every request then says so in a header.
        credentials: who signs private requests.
        timeout_s: how long one request may take.
        attempts: how often a read is sent at most before its last error is told.
        rate_limits: whether requests wait for OKX's limits; off only towards this machine.

    Raises:
        ConfigError: a key of the other world, an open host for secrets, a URL that is none.
    """

    base_url: str = LIVE_URL
    ws_url: str = LIVE_WS_URL
    demo: bool = False
    credentials: OkxCredentials | None = None
    timeout_s: float = 10.0
    attempts: int = 6
    rate_limits: bool = True

    def __post_init__(self) -> None:
        _check_url("exchange.base_url", self.base_url, ("http", "https"))
        _check_url("exchange.ws_url", self.ws_url, ("ws", "wss"))
        _check_world(self)
        _check_way(self)

    @property
    def is_local(self) -> bool:
        """Whether this is an exchange on this machine, such as the paper exchange."""
        return _is_loopback(self.base_url)

    @property
    def world(self) -> str:
        """What messages call this side of OKX."""
        return "demo" if self.demo else "live"


def _check_url(key: str, url: str, schemes: tuple[str, ...]) -> None:
    parts = urlsplit(url)
    if parts.scheme not in schemes or not parts.hostname or parts.username or parts.query or parts.fragment:
        wanted = " or ".join(f"{scheme}://HOST" for scheme in schemes)
        raise ConfigError(f"{key}={_without_user(url)} is no address: write {wanted}, with a port if needed")


def _check_world(settings: OkxSettings) -> None:
    """Keep live and demo apart: keys by what they were made for, sockets by their host."""
    host = urlsplit(settings.ws_url).hostname or ""
    first, dot, _ = host.partition(".")
    if host.endswith(".okx.com") and (first + dot).endswith(_DEMO_SOCKETS) != settings.demo:
        raise ConfigError(
            f"exchange.ws_url={settings.ws_url} is not a {settings.world} host of OKX: "
            f"use {DEMO_WS_URL if settings.demo else LIVE_WS_URL} or that of your region"
        )
    if settings.credentials is None or settings.credentials.demo == settings.demo:
        return
    made_for, choice = ("demo", "okx_demo") if settings.credentials.demo else ("live", "okx")
    raise ConfigError(
        f"the environment's OKX_API_KEY is a {made_for} key by OKX_IS_DEMO and this is {settings.world} "
        f"trading: choose exchange={choice}, or set the {settings.world} key and its OKX_IS_DEMO"
    )


def _check_way(settings: OkxSettings) -> None:
    for key, url in (("exchange.base_url", settings.base_url), ("exchange.ws_url", settings.ws_url)):
        if urlsplit(url).scheme in {"http", "ws"} and not _is_loopback(url):
            raise ConfigError(f"{key}={url} is not encrypted: only this machine may be spoken to so")
    if not settings.rate_limits and not settings.is_local:
        raise ConfigError(
            f"exchange.rate_limits=false with {settings.base_url}: only an exchange on this machine may be "
            "asked without limits"
        )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _without_user(url: str) -> str:
    """Return `url` without the name and password that it should not have had."""
    scheme, slashes, rest = url.partition("://")
    return f"{scheme}{slashes}{rest.rpartition('@')[2]}"
