"""What the feed says of an instrument, over HTTP, exact to the last digit; and whose clock is believed."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from pydantic import SecretStr

from arena.core.errors import ConfigError, Rejected
from arena.exchange.okx.client import OkxClient
from arena.exchange.okx.feed import OkxFeed
from arena.exchange.okx.settings import OkxCredentials, OkxSettings
from arena.exchange.port import MarketFeed
from tests.paper_okx.running import DEMO, LIVE, RunningPaperOkx, run_paper_okx

SWAP = "BTC-USDT-SWAP"


@pytest.fixture(scope="module")
def okx() -> Iterator[RunningPaperOkx]:
    with run_paper_okx() as running:
        yield running


def client_of(okx: RunningPaperOkx, *, demo: bool, key: object = None) -> OkxClient:
    key = key or (DEMO if demo else LIVE)
    parts = (SecretStr(getattr(key, name)) for name in ("key", "secret", "passphrase"))
    settings = OkxSettings(
        base_url=okx.base_url,
        ws_url=okx.ws_url,
        demo=demo,
        credentials=OkxCredentials(*parts, demo=demo),
        rate_limits=False,
    )
    return OkxClient(settings, sleep=lambda _s: None)


@pytest.fixture
def feed(okx: RunningPaperOkx) -> Iterator[OkxFeed]:
    with OkxFeed(client_of(okx, demo=True), name="paper") as opened:
        yield opened


def test_terms_prices_tiers_and_fees_are_exact_decimals(okx: RunningPaperOkx, feed: MarketFeed) -> None:
    contract = okx.exchange.market.contracts[SWAP]
    listed = feed.instrument(SWAP)
    assert (listed.ct_val, listed.lot_sz, listed.min_sz) == (
        contract.ct_val,
        contract.lot_sz,
        contract.min_sz,
    )
    assert (listed.tick_sz, listed.max_market_sz) == (contract.tick_sz, contract.max_mkt_sz)
    assert (listed.state, listed.settle, listed.linear) == ("live", "USDT", True)
    quote = okx.exchange.market.quote(SWAP, okx.exchange.clock.now())
    ticker = feed.ticker(SWAP)
    assert (ticker.last, ticker.bid, ticker.ask) == (quote.last, quote.bids[0][0], quote.asks[0][0])
    assert feed.mark_price(SWAP).price == quote.mark
    tiers = feed.position_tiers(SWAP)
    assert [one.max_contracts for one in tiers] == [one.max_sz for one in contract.tiers]
    assert tiers[0].mmr == Decimal("0.004")
    fees = feed.fee_rates(SWAP)
    assert (fees.maker, fees.taker) == (Decimal("0.0002"), Decimal("0.0005"))
    assert feed.server_time() == okx.exchange.clock.now()


@pytest.mark.parametrize("demo", [True, False])
def test_each_world_takes_its_own_key(okx: RunningPaperOkx, demo: bool) -> None:
    assert client_of(okx, demo=demo).get("account/config", private=True)


def test_a_key_of_the_other_world_is_told_by_the_exchange_too(okx: RunningPaperOkx) -> None:
    with pytest.raises(ConfigError, match=r"50101.*the other of live and demo trading"):
        client_of(okx, demo=True, key=LIVE).get("account/config", private=True)


def test_a_clock_that_was_read_wrong_is_read_again_and_the_request_sent_once_more(
    okx: RunningPaperOkx,
) -> None:
    okx.fault("clock_skew", skew_ms=-45_000, path="*/public/time", times=1)
    before = okx.exchange.served["GET /api/v5/account/config"]
    assert client_of(okx, demo=True).get("account/config", private=True)
    assert okx.exchange.served["GET /api/v5/account/config"] == before + 2


def test_a_clock_that_stays_wrong_ends_in_one_sentence(okx: RunningPaperOkx) -> None:
    okx.fault("clock_skew", skew_ms=-45_000, path="*/public/time", times=2)
    with pytest.raises(Rejected, match=r"50102.*also after it was measured anew"):
        client_of(okx, demo=True).get("account/config", private=True)


def test_a_swap_that_is_not_listed_is_refused_with_its_neighbours(feed: OkxFeed) -> None:
    with pytest.raises(Rejected, match="did you mean 'BTC-USDT-SWAP'"):
        feed.instrument("BTC-USDT-SWPA")
