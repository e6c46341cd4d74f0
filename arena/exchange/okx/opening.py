"""From a config to an OKX that can be asked.

Reads the environment for the key, sends nothing. Invariant: the key of the environment goes to OKX
alone, never to a paper exchange.
"""

from __future__ import annotations

from arena.config.exchange import OkxExchange
from arena.config.secrets import okx_key
from arena.exchange.okx.client import OkxClient
from arena.exchange.okx.feed import OkxFeed
from arena.exchange.okx.settings import OkxCredentials, OkxSettings


def open_feed(config: OkxExchange) -> OkxFeed:
    """Return the market feed of the exchange that `config` names; it asks without a key.

    Raises:
        ConfigError: an address that may not be used.
    """
    return OkxFeed(OkxClient(settings_of(config)), name=config.name)


def settings_of(config: OkxExchange, credentials: OkxCredentials | None = None) -> OkxSettings:
    """Return the settings of the exchange that `config` names, public data only without credentials.

    Raises:
        ConfigError: an address that may not be used, a key of the other world.
    """
    return OkxSettings(
        base_url=config.base_url.rstrip("/"),
        ws_url=config.ws_url.rstrip("/"),
        demo=config.is_demo,
        credentials=credentials,
        timeout_s=config.timeout_s,
        attempts=config.attempts,
        rate_limits=config.rate_limits,
    )


def credentials_of_environment() -> OkxCredentials | None:
    """Return the OKX key of the environment, None where there is none.

    Raises:
        ConfigError: half a key.
    """
    found = okx_key()
    if found is None or not (found.okx_api_key and found.okx_api_secret and found.okx_api_passphrase):
        return None
    return OkxCredentials(
        found.okx_api_key, found.okx_api_secret, found.okx_api_passphrase, demo=found.okx_is_demo
    )
