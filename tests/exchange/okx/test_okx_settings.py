"""Live and demo never mix, and secrets leave over TLS or not at all."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from arena.config.secrets import okx_key
from arena.core.errors import ConfigError
from arena.exchange.okx.settings import DEMO_WS_URL, LIVE_WS_URL, OkxCredentials, OkxSettings


def credentials(*, demo: bool) -> OkxCredentials:
    return OkxCredentials(SecretStr("the-key"), SecretStr("the-secret"), SecretStr("the-pass"), demo)


def test_a_demo_key_is_refused_in_live_trading() -> None:
    with pytest.raises(ConfigError, match=r"is a demo key .* this is live trading: choose exchange=okx_demo"):
        OkxSettings(credentials=credentials(demo=True))


def test_a_live_key_is_refused_in_demo_trading() -> None:
    with pytest.raises(ConfigError, match=r"is a live key .* this is demo trading: choose exchange=okx,"):
        OkxSettings(demo=True, ws_url=DEMO_WS_URL, credentials=credentials(demo=False))


@pytest.mark.parametrize(
    ("demo", "ws_url"),
    [(False, DEMO_WS_URL), (True, LIVE_WS_URL), (True, "wss://wseea.okx.com:8443/ws/v5")],
)
def test_sockets_of_the_other_world_are_refused(demo: bool, ws_url: str) -> None:
    with pytest.raises(ConfigError, match=r"exchange\.ws_url"):
        OkxSettings(demo=demo, ws_url=ws_url)


@pytest.mark.parametrize(
    ("base_url", "ws_url"),
    [
        ("https://eea.okx.com", "wss://wseea.okx.com:8443/ws/v5"),
        ("http://127.0.0.1:8099", "ws://127.0.0.1:8099/ws/v5"),
        ("http://[::1]:8099", "ws://localhost:8099/ws/v5"),
    ],
)
def test_other_regions_and_this_machine_are_fine(base_url: str, ws_url: str) -> None:
    assert OkxSettings(base_url=base_url, ws_url=ws_url).world == "live"


@pytest.mark.parametrize(
    "base_url", ["http://www.okx.com", "http://10.0.0.8:8099", "http://127.0.0.1.evil.example"]
)
def test_an_open_way_to_another_machine_is_refused(base_url: str) -> None:
    with pytest.raises(ConfigError, match="not encrypted"):
        OkxSettings(base_url=base_url)


@pytest.mark.parametrize(
    "base_url", ["", "www.okx.com", "ftp://okx.com", "https://", "https://a:b@www.okx.com"]
)
def test_what_is_no_address_is_refused_and_a_password_in_it_not_shown(base_url: str) -> None:
    with pytest.raises(ConfigError, match="is no address") as caught:
        OkxSettings(base_url=base_url)
    assert "a:b" not in str(caught.value)


def test_limits_can_be_off_on_this_machine_alone() -> None:
    OkxSettings(base_url="http://127.0.0.1:1", ws_url="ws://127.0.0.1:1/ws/v5", rate_limits=False)
    with pytest.raises(ConfigError, match="without limits"):
        OkxSettings(rate_limits=False)


def test_secrets_are_in_no_text_of_the_settings() -> None:
    shown = repr(OkxSettings(credentials=credentials(demo=False)))
    assert not any(word in shown for word in ("the-key", "the-secret", "the-pass"))


class TestKeyOfTheEnvironment:
    @pytest.fixture(autouse=True)
    def _no_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("OKX_API_KEY", "OKX_API_SECRET", "OKX_API_PASSPHRASE", "OKX_IS_DEMO"):
            monkeypatch.delenv(name, raising=False)

    def test_no_key_is_no_mistake(self) -> None:
        assert okx_key() is None

    def test_a_whole_key_is_a_demo_key_unless_said_otherwise(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("OKX_API_KEY", "OKX_API_SECRET", "OKX_API_PASSPHRASE"):
            monkeypatch.setenv(name, f"value of {name}")
        found = okx_key()
        assert found is not None
        assert found.okx_is_demo
        assert "value of" not in repr(found)

    def test_half_a_key_says_what_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OKX_API_KEY", "canary")
        monkeypatch.setenv("OKX_API_SECRET", "")
        with pytest.raises(ConfigError, match="OKX_API_SECRET and OKX_API_PASSPHRASE is not set") as caught:
            okx_key()
        assert "canary" not in str(caught.value)

    def test_a_world_that_is_none_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OKX_IS_DEMO", "perhaps")
        with pytest.raises(ConfigError, match="OKX_IS_DEMO must be true or false"):
            okx_key()
