"""Keys of an import that its source would pass over are refused, with what to write instead."""

from __future__ import annotations

import pytest

from arena.config.base import validate
from arena.config.exchange import OkxExchange
from arena.config.ingest import UNASKED_TIMEFRAME, IngestConfig
from arena.core.errors import ConfigError
from arena.exchange.okx.opening import credentials_of_environment, open_feed, settings_of


def ingest(composed, *words: str) -> IngestConfig:
    return validate(IngestConfig, composed("ingest", *words))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("exchange=okx", "derive=[1h]"),
            r"derive=.*exchange=okx gives each length of bar itself, set timeframes=",
        ),
        (("exchange=okx", "kind=mark"), r"kind=mark is for files: with exchange=okx set kinds=\[mark\]"),
        (
            ("exchange=okx", "timeframe=1m"),
            r"timeframe=1m is for files: with exchange=okx set timeframes=\[1m\]",
        ),
        (("exchange=okx", "timeframes=[7m]"), "'7m' is not a timeframe"),
        (("exchange=okx", "timeframes=[]"), "a list of at least 1"),
        (("exchange=okx", "kinds=[candles,volume]"), "'volume'|volume"),
        (("exchange=okx", "symbols=[BTC]"), "'BTC' names no linear swap"),
        (("exchange=okx", "since_days=0"), "above 0"),
        (("exchange=okx", "mode=forwards"), "one of 'incremental' or 'backfill'"),
        (("exchange.path=a.csv", "mode=backfill"), "mode=backfill is for an exchange, like exchange=okx"),
        (("exchange=synthetic", "symbols=[BTC-USDT-SWAP]"), "is for an exchange, like exchange=okx"),
        (("exchange=synthetic", "schedule=every_15m"), "exchange=synthetic has nothing new to ask for again"),
    ],
)
def test_a_key_that_would_be_passed_over_is_refused(composed, words, message):
    with pytest.raises(ConfigError, match=message):
        ingest(composed, *words)


def test_without_symbols_the_one_of_the_group_is_asked_for(composed):
    assert ingest(composed, "exchange=okx").inst_ids() == ["BTC-USDT-SWAP"]
    several = ingest(composed, "exchange=okx", "symbols=[ETH/USDT:USDT,BTC-USDT-SWAP,ETH-USDT-SWAP]")
    assert several.inst_ids() == ["ETH-USDT-SWAP", "BTC-USDT-SWAP"]
    assert [str(one) for one in several.lengths()] == ["15m", "1h", "4h", "1d"]


def test_a_timeframe_that_nobody_asked_for_refuses_no_list(composed):
    assert [str(one) for one in ingest(composed, "exchange=okx", "timeframes=[1h]").lengths()] == ["1h"]
    assert ingest(composed, "exchange=okx").timeframe.name == UNASKED_TIMEFRAME


@pytest.mark.parametrize(("choice", "demo"), [("okx", False), ("okx_demo", True), ("paper", False)])
def test_each_exchange_opens_without_a_key_and_sends_nothing(composed, choice, demo):
    exchange = ingest(composed, f"exchange={choice}").exchange
    assert isinstance(exchange, OkxExchange)
    with open_feed(exchange) as feed:
        assert feed.name == choice
        assert feed.client.settings.credentials is None
        assert feed.client.settings.demo is demo


@pytest.mark.parametrize(("choice", "is_demo"), [("okx", "true"), ("okx_demo", "false")])
def test_the_key_of_the_other_world_is_refused(composed, monkeypatch, choice, is_demo):
    for name in ("OKX_API_KEY", "OKX_API_SECRET", "OKX_API_PASSPHRASE"):
        monkeypatch.setenv(name, "canary-value")
    monkeypatch.setenv("OKX_IS_DEMO", is_demo)
    exchange = ingest(composed, f"exchange={choice}").exchange
    assert isinstance(exchange, OkxExchange)
    with pytest.raises(ConfigError, match="OKX_IS_DEMO") as caught:
        settings_of(exchange, credentials_of_environment())
    assert "canary" not in str(caught.value)


def test_limits_of_the_real_exchange_cannot_be_switched_off(composed):
    exchange = ingest(composed, "exchange=okx", "exchange.rate_limits=false").exchange
    assert isinstance(exchange, OkxExchange)
    with pytest.raises(ConfigError, match="without limits"):
        open_feed(exchange)
