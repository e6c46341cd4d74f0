"""Error codes as ccxt raises them: every code of the exchange, and those that a client can bring about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ccxt
import pytest

from arena.paper_okx.auth import ApiKey
from arena.paper_okx.replay import ReplayMarket
from tests.paper_okx.foreign_clients import SYMBOL, sync_ccxt
from tests.paper_okx.running import LIVE, RunningPaperOkx, run_paper_okx

BTC = "BTC-USDT-SWAP"

CLASSES: dict[type[ccxt.BaseError], str] = {
    ccxt.AuthenticationError: "50101 50103 50104 50105 50106 50107 50111 50112 50113",
    ccxt.InvalidNonce: "50102",
    ccxt.PermissionDenied: "50110",
    ccxt.RateLimitExceeded: "50011",
    ccxt.ExchangeNotAvailable: "50013 50026",
    ccxt.OnMaintenance: "50001",
    ccxt.RequestTimeout: "50004",
    ccxt.BadRequest: "50000 50014 51000 51003 51111 51407",
    ccxt.BadSymbol: "51001 51014",
    ccxt.InsufficientFunds: "51008 51502 59103 59108 59200",
    ccxt.InvalidOrder: (
        "51004 51005 51006 51016 51020 51046 51047 51051 51112 51121 51136 51137 51138 51174 51201 51202 "
        "51203 51205 51277 51278 51279 51280 51403"
    ),
    ccxt.CancelPending: "51410",
    ccxt.AccountNotEnabled: "51010",
    ccxt.OrderNotFound: "51400 51401 51402 51503 51603",
    ccxt.ExchangeError: (
        "50061 51023 51500 51511 59000 59101 59102 59105 59106 59107 59109 59300 "
        "50036 50037 50040 50119 50120 51048 51049 51050 51052 51053 51148 51169 51170"
    ),
}
"""The class that each code is raised as; the last row is raised as plain ExchangeError, no class below it."""

BY_CODE = {code: kind for kind, codes in CLASSES.items() for code in codes.split()}


@pytest.fixture(scope="module")
def paper(replay_market: ReplayMarket) -> Iterator[RunningPaperOkx]:
    with run_paper_okx(market=replay_market, usdt="10000") as running:
        yield running


@pytest.fixture(scope="module")
def client(paper: RunningPaperOkx) -> ccxt.okx:
    made = sync_ccxt(paper)
    made.load_markets()
    return made


@pytest.fixture
def clean(paper: RunningPaperOkx, client: ccxt.okx) -> Iterator[ccxt.okx]:
    """The client, with no fault in force and nothing open after the test."""
    yield client
    paper.clear_faults()
    for order in client.fetch_open_orders():
        client.cancel_order(order["id"], order["symbol"])
    for held in client.fetch_positions():
        client.close_position(held["symbol"], params={"marginMode": held["marginMode"]})


def assert_raised(error: BaseException, code: str) -> None:
    assert type(error) is BY_CODE[code], (code, type(error).__name__)
    assert code in str(error)


@pytest.mark.parametrize("code", BY_CODE)
def test_a_code_at_the_top_is_raised_as_its_class(paper: RunningPaperOkx, clean: ccxt.okx, code: str) -> None:
    paper.fault("code", path="/api/v5/account/balance", code=code, times=1)
    with pytest.raises(ccxt.BaseError) as raised:
        clean.fetch_balance()
    assert_raised(raised.value, code)
    assert clean.fetch_balance()["USDT"]["total"] > 0


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("http_429", ccxt.ExchangeNotAvailable),
        ("html", ccxt.ExchangeNotAvailable),
        ("drop_before", ccxt.NetworkError),
        ("drop_after", ccxt.NetworkError),
    ],
)
def test_what_is_no_envelope_is_raised_as_a_failure_of_the_network(
    paper: RunningPaperOkx, clean: ccxt.okx, kind: str, error: type[ccxt.BaseError]
) -> None:
    paper.fault(kind, path="/api/v5/account/balance", times=1)
    with pytest.raises(error):
        clean.fetch_balance()


def order(**changes: Any) -> dict[str, Any]:
    plain = {"instId": BTC, "tdMode": "cross", "side": "buy", "ordType": "market", "sz": "1"}
    return {name: value for name, value in (plain | changes).items() if value is not None}


def resting(**changes: Any) -> dict[str, Any]:
    return order(**{"ordType": "limit", "px": "15500"} | changes)


def attached(**stop: str) -> dict[str, Any]:
    return {"attachAlgoOrds": [stop]}


def place(client: ccxt.okx, **changes: Any) -> Any:
    return client.private_post_trade_order(order(**changes))


def stop(client: ccxt.okx, side: str, **trigger: str) -> Any:
    wanted = order(side=side, ordType="conditional", **trigger)
    return client.private_post_trade_order_algo(wanted)


def lever(client: ccxt.okx, value: str) -> Any:
    return client.private_post_account_set_leverage({"instId": BTC, "mgnMode": "cross", "lever": value})


def placed(client: ccxt.okx, **changes: Any) -> str:
    return client.private_post_trade_order(resting(**changes))["data"][0]["ordId"]


def filled_then_canceled(client: ccxt.okx) -> Any:
    done = place(client)["data"][0]["ordId"]
    return client.private_post_trade_cancel_order({"instId": BTC, "ordId": done})


def amended_after_its_end(client: ccxt.okx) -> Any:
    done = place(client)["data"][0]["ordId"]
    return client.private_post_trade_amend_order({"instId": BTC, "ordId": done, "newSz": "2"})


def amended_by_nothing(client: ccxt.okx) -> Any:
    return client.private_post_trade_amend_order({"instId": BTC, "ordId": placed(client)})


def same_id_twice(client: ccxt.okx) -> Any:
    placed(client, clOrdId="twin")
    return placed(client, clOrdId="twin")


def reduced_by_too_much(client: ccxt.okx) -> Any:
    place(client)
    return place(client, side="sell", sz="2", reduceOnly=True)


def reduced_in_its_own_direction(client: ccxt.okx) -> Any:
    place(client)
    return place(client, reduceOnly=True)


def sold_against_a_pending_close(client: ccxt.okx) -> Any:
    place(client)
    client.private_post_trade_order(resting(side="sell", px="16900", reduceOnly=True))
    return client.private_post_trade_order(resting(side="sell", px="16900"))


def mode_changed_with_an_order(client: ccxt.okx) -> Any:
    placed(client)
    return client.private_post_account_set_position_mode({"posMode": "long_short_mode"})


def leverage_changed_with_an_order(client: ccxt.okx) -> Any:
    placed(client)
    return lever(client, "50")


PROVOKED: dict[str, tuple[str, Callable[[ccxt.okx], Any]]] = {
    "a parameter is missing": ("50014", lambda c: c.private_get_trade_order({"ordId": "1"})),
    "posSide in net mode": ("51000", lambda c: place(c, posSide="long")),
    "no price of a limit order": ("51000", lambda c: place(c, ordType="limit")),
    "an unknown type of order": ("51000", lambda c: place(c, ordType="hidden")),
    "an unknown bar": ("51000", lambda c: c.public_get_market_candles({"instId": BTC, "bar": "7m"})),
    "an unknown instrument": ("51001", lambda c: place(c, instId="DOGE-USDT-SWAP")),
    "more than the tiers allow": ("51004", lambda c: place(c, ordType="limit", px="16500", sz="1950000")),
    "a price off the band": ("51006", lambda c: place(c, ordType="limit", px="99999")),
    "more than the money allows": ("51008", lambda c: place(c, sz="2000")),
    "an id that is in use": ("51016", same_id_twice),
    "less than the smallest size": ("51020", lambda c: place(c, sz="0.001")),
    "a size off the lots": ("51121", lambda c: place(c, sz="1.005")),
    "a market order too large": ("51202", lambda c: place(c, sz="12001")),
    "a limit order too large": ("51203", lambda c: placed(c, sz="100000001")),
    "no position to close": (
        "51023",
        lambda c: c.private_post_trade_close_position({"instId": BTC, "mgnMode": "cross"}),
    ),
    "buy: take-profit below": ("51046", lambda c: placed(c, **attached(tpTriggerPx="15000", tpOrdPx="-1"))),
    "buy: stop-loss above": ("51047", lambda c: placed(c, **attached(slTriggerPx="16000", slOrdPx="-1"))),
    "sell: take-profit above": (
        "51048",
        lambda c: placed(c, side="sell", px="16900", **attached(tpTriggerPx="17000", tpOrdPx="-1")),
    ),
    "sell: stop-loss below": (
        "51049",
        lambda c: placed(c, side="sell", px="16900", **attached(slTriggerPx="16000", slOrdPx="-1")),
    ),
    "at market, buy: take-profit below": (
        "51050",
        lambda c: place(c, **attached(tpTriggerPx="15000", tpOrdPx="-1")),
    ),
    "at market, buy: stop-loss above": (
        "51051",
        lambda c: place(c, **attached(slTriggerPx="18000", slOrdPx="-1")),
    ),
    "at market, sell: take-profit above": (
        "51052",
        lambda c: place(c, side="sell", **attached(tpTriggerPx="18000", tpOrdPx="-1")),
    ),
    "at market, sell: stop-loss below": (
        "51053",
        lambda c: place(c, side="sell", **attached(slTriggerPx="15000", slOrdPx="-1")),
    ),
    "a buying stop: take-profit above": (
        "51277",
        lambda c: stop(c, "buy", tpTriggerPx="18000", tpOrdPx="-1"),
    ),
    "a buying stop: stop-loss below": ("51278", lambda c: stop(c, "buy", slTriggerPx="15000", slOrdPx="-1")),
    "a selling stop: take-profit below": (
        "51279",
        lambda c: stop(c, "sell", tpTriggerPx="15000", tpOrdPx="-1"),
    ),
    "a selling stop: stop-loss above": (
        "51280",
        lambda c: stop(c, "sell", slTriggerPx="18000", slOrdPx="-1"),
    ),
    "reduce-only beyond the position": ("51112", reduced_by_too_much),
    "against a pending reduce-only": ("51148", sold_against_a_pending_close),
    "reduce-only without a position": ("51169", lambda c: place(c, reduceOnly=True)),
    "reduce-only in the same direction": ("51170", reduced_in_its_own_direction),
    "canceled after its fill": ("51400", filled_then_canceled),
    "nothing to amend": ("51500", amended_by_nothing),
    "amended after its fill": ("51503", amended_after_its_end),
    "an unknown order": ("51603", lambda c: c.fetch_order("1", SYMBOL)),
    "mode with an order pending": ("59000", mode_changed_with_an_order),
    "leverage above the largest": ("59102", lambda c: lever(c, "101")),
    "leverage below the smallest": ("59105", lambda c: lever(c, "0.5")),
    "leverage with an order pending": ("59107", leverage_changed_with_an_order),
    "margin of no position": (
        "59300",
        lambda c: c.private_post_account_position_margin_balance(
            {"instId": BTC, "posSide": "net", "type": "add", "amt": "1"}
        ),
    ),
}


@pytest.mark.parametrize("case", PROVOKED)
def test_a_refusal_reaches_the_caller_as_its_class(clean: ccxt.okx, case: str) -> None:
    code, provoke = PROVOKED[case]
    with pytest.raises(ccxt.BaseError) as raised:
        provoke(clean)
    assert_raised(raised.value, code)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"apiKey": "nobody"}, "50111"),
        ({"apiKey": "01234567-89ab-cdef-0123-456789abcdef"}, "50119"),
        ({"apiKey": LIVE.key}, "50101"),
        ({"password": "wrong"}, "50105"),
        ({"secret": "wrong"}, "50113"),
    ],
)
def test_a_wrong_identity_is_an_authentication_error(
    paper: RunningPaperOkx, changes: dict[str, str], code: str
) -> None:
    client = sync_ccxt(paper)
    for name, value in changes.items():
        setattr(client, name, value)
    with pytest.raises(ccxt.ExchangeError) as raised:
        client.fetch_balance()
    assert_raised(raised.value, code)


def test_a_clock_that_is_wrong_is_an_invalid_nonce(paper: RunningPaperOkx) -> None:
    client = sync_ccxt(paper)
    client.milliseconds = lambda: paper.exchange.clock.now() + 45_000
    with pytest.raises(ccxt.InvalidNonce, match="50102"):
        client.fetch_balance()


@pytest.mark.parametrize("status", [429, 200])
def test_too_many_requests_are_a_rate_limit_whatever_the_status(
    replay_market: ReplayMarket, status: int
) -> None:
    with run_paper_okx(market=replay_market, rate_limits=True, limit_status=status) as paper:
        client = sync_ccxt(paper)
        for _ in range(5):
            client.fetch_accounts()
        with pytest.raises(ccxt.RateLimitExceeded, match="50011"):
            client.fetch_accounts()


def test_an_order_that_comes_after_its_deadline_is_refused(paper: RunningPaperOkx) -> None:
    client = sync_ccxt(paper)
    client.headers = {**client.headers, "expTime": str(paper.exchange.clock.now() - 1)}
    with pytest.raises(ccxt.ExchangeError) as raised:
        client.private_post_trade_order(resting())
    assert_raised(raised.value, "50036")


def test_a_key_that_may_only_read_changes_nothing(replay_market: ReplayMarket) -> None:
    reader = ApiKey("paper-reader", "s", "p", "reader", perm="read_only")
    with run_paper_okx(market=replay_market, keys=[reader]) as paper:
        client = sync_ccxt(paper, "reader")
        assert client.fetch_balance()["USDT"]["total"] > 0
        with pytest.raises(ccxt.ExchangeError) as raised:
            client.private_post_trade_order(resting())
        assert_raised(raised.value, "50120")


def test_a_partial_batch_raises_nothing_and_tells_in_its_rows(clean: ccxt.okx) -> None:
    reply = clean.private_post_trade_batch_orders([resting(), order(sz="0.001")])
    assert (reply["code"], [row["sCode"] for row in reply["data"]]) == ("2", ["0", "51020"])
