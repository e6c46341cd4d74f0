"""The market as ccxt sees it: one request for markets, pages of bars as measured, funding, prices."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import ccxt
import pytest

from arena.paper_okx.replay import ReplayMarket
from tests.paper_okx.foreign_clients import ETHER, SYMBOL, counted, sync_ccxt
from tests.paper_okx.running import NOW_MS, START_MS, RunningPaperOkx, run_paper_okx

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


@pytest.fixture(scope="module")
def paper(replay_market: ReplayMarket) -> Iterator[RunningPaperOkx]:
    with run_paper_okx(market=replay_market, usdt="100000") as running:
        yield running


@pytest.fixture(scope="module", params=["demo", "live"])
def client(paper: RunningPaperOkx, request: pytest.FixtureRequest) -> ccxt.okx:
    """ccxt in both environments."""
    made = sync_ccxt(paper, request.param)
    made.load_markets()
    return made


def test_markets_come_in_one_request(paper: RunningPaperOkx) -> None:
    fresh = sync_ccxt(paper)
    with counted(paper) as requests:
        fresh.load_markets()
    assert requests == {"GET /api/v5/public/instruments": 1}
    market = fresh.market(SYMBOL)
    assert (market["id"], market["contractSize"]) == ("BTC-USDT-SWAP", 0.01)
    assert market["precision"] == {"amount": 0.01, "price": 0.1}
    assert (market["taker"], market["maker"]) == (0.0005, 0.0002)


class TestBars:
    def test_the_newest_come_oldest_first_with_the_running_one_last(self, client: ccxt.okx) -> None:
        bars = client.fetch_ohlcv(SYMBOL, "15m", limit=5)
        assert [bar[0] for bar in bars] == [NOW_MS - n * 15 * MINUTE_MS for n in (4, 3, 2, 1, 0)]

    def test_no_more_than_300_come(self, client: ccxt.okx) -> None:
        assert len(client.fetch_ohlcv(SYMBOL, "1m", limit=500)) == 300

    @pytest.mark.parametrize("price", ["mark", "index"])
    def test_no_more_than_100_of_mark_and_index_come(self, client: ccxt.okx, price: str) -> None:
        bars = client.fetch_ohlcv(SYMBOL, "1m", limit=500, params={"price": price})
        assert len(bars) == 100
        assert bars[-1][0] == NOW_MS

    def test_since_within_the_newest_1440_is_asked_of_candles(
        self, client: ccxt.okx, paper: RunningPaperOkx
    ) -> None:
        since = NOW_MS - 1000 * MINUTE_MS
        with counted(paper) as requests:
            bars = client.fetch_ohlcv(SYMBOL, "1m", since, 50)
        assert requests == {"GET /api/v5/market/candles": 1}
        assert [bar[0] for bar in bars] == [since + n * MINUTE_MS for n in range(50)]

    def test_since_before_them_is_asked_of_history(self, client: ccxt.okx, paper: RunningPaperOkx) -> None:
        since = START_MS + HOUR_MS
        with counted(paper) as requests:
            bars = client.fetch_ohlcv(SYMBOL, "1m", since, 300)
        assert requests == {"GET /api/v5/market/history-candles": 1}
        assert [bar[0] for bar in bars] == [since + n * MINUTE_MS for n in range(300)]

    def test_candles_show_no_bar_before_the_newest_1440(self, client: ccxt.okx) -> None:
        old = str(NOW_MS - 1440 * MINUTE_MS)
        asked = {"instId": "BTC-USDT-SWAP", "bar": "1m", "after": old}
        assert client.public_get_market_candles(asked)["data"] == []
        assert client.public_get_market_history_candles(asked)["data"][0][0] == str(int(old) - MINUTE_MS)

    def test_paging_with_until_gives_the_newest_rows_alone(self, client: ccxt.okx) -> None:
        """ccxt moves `before` only: with OKX's window rule each page is the same newest rows, no error."""
        since, until = START_MS, START_MS + 1000 * MINUTE_MS
        bars = client.fetch_ohlcv(SYMBOL, "1m", since, 1000, {"paginate": True, "until": until})
        assert (len(bars), bars[-1][0]) == (200, until - MINUTE_MS)

    def test_since_limit_and_until_give_the_last_rows_before_until(self, client: ccxt.okx) -> None:
        until = START_MS + 1000 * MINUTE_MS
        bars = client.fetch_ohlcv(SYMBOL, "1m", START_MS, 300, {"until": until})
        assert (bars[0][0], bars[-1][0]) == (until - 300 * MINUTE_MS, until - MINUTE_MS)

    def test_the_safe_loop_reads_every_bar_once(self, client: ccxt.okx) -> None:
        since, seen = NOW_MS - 2000 * MINUTE_MS, []
        while since < NOW_MS:
            seen += [bar[0] for bar in client.fetch_ohlcv(SYMBOL, "1m", since, 300)]
            since += 300 * MINUTE_MS
        assert seen == [NOW_MS - n * MINUTE_MS for n in range(2000, -1, -1)]

    def test_bars_of_a_day_open_at_midnight_of_utc(self, client: ccxt.okx, paper: RunningPaperOkx) -> None:
        bars = client.fetch_ohlcv(SYMBOL, "1d", limit=3)
        assert [bar[0] % DAY_MS for bar in bars] == [0, 0, 0]
        plain = client.public_get_market_candles({"instId": "BTC-USDT-SWAP", "bar": "1D", "limit": "3"})
        assert [int(row[0]) % DAY_MS for row in plain["data"]] == [16 * HOUR_MS] * 3

    def test_volume_is_in_coins(self, client: ccxt.okx) -> None:
        bar = client.fetch_ohlcv(SYMBOL, "1m", limit=2)[0]
        row = client.public_get_market_candles({"instId": "BTC-USDT-SWAP", "limit": "2"})["data"][1]
        assert bar[5] == float(row[6]) == pytest.approx(float(row[5]) * 0.01)


class TestMarket:
    def test_funding_history_is_of_what_was_charged(self, client: ccxt.okx) -> None:
        rates = client.fetch_funding_rate_history(SYMBOL)
        assert [rate["timestamp"] for rate in rates] == sorted(rate["timestamp"] for rate in rates)
        assert all(rate["timestamp"] % (8 * HOUR_MS) == 0 for rate in rates)
        assert all(rate["fundingRate"] == float(rate["info"]["realizedRate"]) for rate in rates)

    def test_funding_history_with_since_gives_the_newest_of_it(self, client: ccxt.okx) -> None:
        everything = client.fetch_funding_rate_history(SYMBOL)
        since = everything[0]["timestamp"]
        newest = client.fetch_funding_rate_history(SYMBOL, since, 2)
        assert [one["timestamp"] for one in newest] == [one["timestamp"] for one in everything[-2:]]
        before = client.fetch_funding_rate_history(SYMBOL, since, 2, {"after": newest[0]["timestamp"]})
        assert before[-1]["timestamp"] == everything[-3]["timestamp"]

    def test_the_funding_rate_says_when_it_is_charged(self, client: ccxt.okx) -> None:
        rate = client.fetch_funding_rate(SYMBOL)
        assert rate["fundingTimestamp"] > NOW_MS
        assert rate["nextFundingTimestamp"] - rate["fundingTimestamp"] == 8 * HOUR_MS
        assert set(client.fetch_funding_rates()) == {SYMBOL, ETHER}

    def test_tickers_books_trades_and_marks_agree(self, client: ccxt.okx) -> None:
        ticker, book = client.fetch_ticker(SYMBOL), client.fetch_order_book(SYMBOL, 5)
        assert (ticker["bid"], ticker["ask"]) == (book["bids"][0][0], book["asks"][0][0])
        assert len(book["bids"]) == 5
        assert client.fetch_trades(SYMBOL, limit=1)[0]["price"] == ticker["last"]
        mark = client.fetch_mark_price(SYMBOL)["markPrice"]
        assert mark == pytest.approx(ticker["last"], rel=0.01)
        assert set(client.fetch_tickers()) == {SYMBOL, ETHER}

    def test_open_interest_time_and_status_are_told(self, client: ccxt.okx) -> None:
        assert client.fetch_open_interest(SYMBOL)["openInterestAmount"] > 0
        assert client.fetch_time() == NOW_MS

    def test_tiers_grow_in_size_and_margin(self, client: ccxt.okx) -> None:
        tiers = client.fetch_market_leverage_tiers(SYMBOL)
        assert (tiers[0]["maxLeverage"], tiers[0]["maintenanceMarginRate"]) == (100, 0.004)
        assert all(one["maxNotional"] < two["maxNotional"] for one, two in pairwise(tiers))
