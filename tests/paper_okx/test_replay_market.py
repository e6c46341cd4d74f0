"""The market that the matching sees: ticks, quotes, settlements; and that rows tell the same."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.core.timeframe import MS_PER_DAY
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.replay import MarketShape, ReplayMarket
from arena.paper_okx.replay.numerals import decimal_of, plain
from arena.paper_okx.replay.path import TICKS, share_of_lots, walk
from tests.paper_okx.running import START_MS, small_market

BTC, ETH = "BTC-USDT-SWAP", "ETH-USDT-SWAP"
MINUTE = 60_000
NOON = START_MS + MS_PER_DAY // 2


@pytest.fixture(scope="module")
def market(replay_market: ReplayMarket) -> ReplayMarket:
    return replay_market


def _row(market: ReplayMarket, ts: int) -> list[str]:
    return market.candles("candles", BTC, "1m", after=ts + 1, limit=1, now=ts + MINUTE)[0]


def test_a_bar_is_four_ticks_that_end_on_its_close_and_keep_its_volume(market):
    ticks = list(market.ticks(BTC, NOON, NOON + MINUTE))
    row = _row(market, NOON)
    assert [tick.ts - NOON for tick in ticks] == [1, 15_001, 30_001, 45_001]
    assert (ticks[0].last, ticks[-1].last) == (Decimal(row[1]), Decimal(row[4]))
    assert {max(t.last for t in ticks), min(t.last for t in ticks)} == {Decimal(row[2]), Decimal(row[3])}
    assert sum(tick.volume for tick in ticks) == Decimal(row[5])


def test_the_nearer_extreme_comes_first():
    assert walk(100, 101, 95, 98) == (100, 101, 95, 98)
    assert walk(100, 105, 99, 98) == (100, 99, 105, 98)
    assert walk(100, 102, 98, 99) == (100, 102, 98, 99)


@given(st.integers(0, 10**9))
def test_no_lot_is_lost_between_ticks(lots):
    shares = [share_of_lots(lots, number) for number in range(TICKS)]
    assert sum(shares) == lots
    assert max(shares) - min(shares) <= 1


@settings(max_examples=60, deadline=None)
@given(st.integers(-MINUTE, 3 * MS_PER_DAY), st.integers(0, 20 * MINUTE), st.integers(0, 20 * MINUTE))
def test_ticks_of_two_spans_are_those_of_the_whole(market, begin, first, second):
    low, middle, high = START_MS + begin, START_MS + begin + first, START_MS + begin + first + second
    whole = list(market.ticks(BTC, low, high))
    assert whole == [*market.ticks(BTC, low, middle), *market.ticks(BTC, middle, high)]
    assert [tick.ts for tick in whole] == sorted({tick.ts for tick in whole})
    assert all(low < tick.ts <= high for tick in whole)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3 * MS_PER_DAY))
def test_a_quote_is_the_last_tick_with_a_book_around_it(market, offset):
    now = START_MS + offset
    quote, last = market.quote(BTC, now), list(market.ticks(BTC, now - 2 * MINUTE, now))[-1]
    assert (quote.last, quote.mark, quote.index) == (last.last, last.mark, last.index)
    assert quote.bids[0][0] < quote.last < quote.asks[0][0]
    prices = [price for price, _ in quote.asks]
    assert prices == sorted(prices)
    assert quote.lowest < quote.mark < quote.highest
    for price in (quote.last, quote.mark, quote.lowest, quote.highest, *prices):
        assert price % Decimal("0.1") == 0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 4 * MS_PER_DAY))
def test_rows_tell_what_the_quote_tells(market, offset):
    now = START_MS + offset
    quote, ticker = market.quote(BTC, now), market.ticker(BTC, now)
    assert Decimal(ticker["last"]) == quote.last
    assert (Decimal(ticker["bidPx"]), Decimal(ticker["askPx"])) == (quote.bids[0][0], quote.asks[0][0])
    assert Decimal(market.mark_price(BTC, now)["markPx"]) == quote.mark
    assert Decimal(market.index_ticker("BTC-USDT", now)["idxPx"]) == quote.index
    running = market.candles("candles", BTC, "1m", limit=1, now=now)[0]
    if now % MINUTE:
        assert Decimal(running[4]) == quote.last
    assert Decimal(ticker["low24h"]) <= quote.last <= Decimal(ticker["high24h"])


def test_a_ticker_of_the_last_24_hours_is_that_of_its_bars(market):
    now = START_MS + 2 * MS_PER_DAY
    rows = market.candles("candles", BTC, "1m", after=now, limit=1440, now=now)
    ticker = market.ticker(BTC, now)
    assert ticker["open24h"] == rows[-1][1]
    assert Decimal(ticker["high24h"]) == max(Decimal(row[2]) for row in rows)
    assert Decimal(ticker["low24h"]) == min(Decimal(row[3]) for row in rows)
    assert Decimal(ticker["vol24h"]) == sum(Decimal(row[5]) for row in rows)
    assert ticker["sodUtc0"] == ticker["last"]
    assert ticker["sodUtc8"] == market.candles("candles", BTC, "1D", limit=1, now=now)[0][1]


def test_trades_are_the_ticks_that_traded_newest_first(market):
    now = NOON + 10 * MINUTE
    trades = market.trades(BTC, 40, now)
    ticks = [tick for tick in market.ticks(BTC, NOON, now) if tick.volume][::-1]
    assert [(int(t["ts"]), Decimal(t["px"]), Decimal(t["sz"])) for t in trades] == [
        (tick.ts, tick.last, tick.volume) for tick in ticks
    ]
    ids = [int(trade["tradeId"]) for trade in trades]
    assert ids == sorted(set(ids), reverse=True)


def test_after_the_last_bar_the_market_stands_still(market):
    end = market.end_ms
    assert list(market.ticks(BTC, end, end + MS_PER_DAY)) == []
    assert market.quote(BTC, end + MS_PER_DAY).last == market.quote(BTC, end).last
    rows = market.candles("candles", BTC, "1m", limit=2, now=end + MS_PER_DAY)
    assert [row[-1] for row in rows] == ["1", "1"]


def test_before_the_first_bar_there_is_a_price_and_no_bar(market):
    assert market.candles("candles", BTC, "1m", now=START_MS - 1) == []
    assert market.quote(BTC, START_MS - MS_PER_DAY).last == Decimal(_row(market, START_MS)[1])


def test_settlements_come_every_eight_hours_and_their_history_is_newest_first(market):
    now = START_MS + 2 * MS_PER_DAY
    due = market.settlements(BTC, START_MS, now)
    assert [one.ts for one in due] == [START_MS + hours * 3_600_000 for hours in range(8, 49, 8)]
    rows = market.funding_history(BTC, now=now)
    assert [int(row["fundingTime"]) for row in rows] == [one.ts for one in due][::-1]
    assert [Decimal(row["realizedRate"]) for row in rows] == [one.rate for one in due][::-1]
    page = market.funding_history(BTC, after=due[-1].ts, before=due[1].ts, limit=2, now=now)
    assert [int(row["fundingTime"]) for row in page] == [due[4].ts, due[3].ts]


def test_the_funding_estimate_grows_into_the_settlement_and_does_not_jump_ahead(market):
    due = market.settlements(BTC, START_MS, START_MS + 2 * MS_PER_DAY)
    last, coming = due[1], due[2]
    begin, end = (market.funding_rate(BTC, ts) for ts in (last.ts, coming.ts - 1))
    assert (begin["fundingTime"], begin["nextFundingTime"]) == (str(coming.ts), str(coming.ts + 28_800_000))
    assert Decimal(begin["fundingRate"]) == last.rate == Decimal(begin["settFundingRate"])
    assert float(end["fundingRate"]) == pytest.approx(float(coming.rate), abs=1e-8)
    assert Decimal(market.funding_rate(BTC, coming.ts)["settFundingRate"]) == coming.rate


def test_funding_history_ends_three_months_back():
    market = small_market(days=120, timeframe="1h")
    now = START_MS + 110 * MS_PER_DAY
    rows = market.funding_history(BTC, now=now)
    assert int(rows[-1]["fundingTime"]) == START_MS + 20 * MS_PER_DAY
    assert market.funding_history(BTC, after=START_MS + 20 * MS_PER_DAY, now=now) == []


def test_the_recorded_contract_is_listed_as_recorded(market):
    row = market.instruments(BTC)[0]
    wanted = {"ctVal": "0.01", "lotSz": "0.01", "minSz": "0.01", "tickSz": "0.1", "lever": "100"}
    wanted |= {
        "maxMktSz": "12000",
        "maxStopSz": "12000",
        "maxLmtSz": "100000000",
        "listTime": "1573557408000",
    }
    assert {name: row[name] for name in wanted} == wanted
    assert row["instIdCode"] == 10459
    assert market.instruments(ETH)[0]["instIdCode"] == 10461


def test_tiers_are_those_of_the_snapshot(market):
    rows = market.position_tiers("BTC-USDT")
    assert len(rows) == 99
    assert [(row["minSz"], row["maxSz"]) for row in rows[:3]] == [
        ("0", "1000"),
        ("1000.01", "5000"),
        ("5000.01", "20000"),
    ]
    assert [rows[n]["maxLever"] for n in (0, 1, 4, 98)] == ["100", "66.66", "33.33", "2"]
    assert (rows[98]["mmr"], rows[98]["imr"], rows[98]["maxSz"]) == ("0.4875", "0.5", "1940000")


def test_the_book_has_the_shape_it_was_given():
    shape = MarketShape(half_spread_ticks=3, levels=4, level_ticks=2, contracts_per_level=Decimal(7))
    market = small_market(days=1, shape=shape)
    book, last = market.books(BTC, 2, NOON), market.quote(BTC, NOON).last
    assert book["asks"] == [[f"{last + Decimal(step) / 10}", "7", "0", "1"] for step in (3, 5)]
    assert len(market.books(BTC, 400, NOON)["bids"]) == 4


@pytest.mark.parametrize("call", ["ticker", "mark_price", "price_limit", "open_interest", "funding_rate"])
def test_an_unknown_instrument_is_51001(market, call):
    with pytest.raises(Refusal, match=r"^51001 X-USDT-SWAP"):
        getattr(market, call)("X-USDT-SWAP", NOON)


def test_an_unknown_index_is_51014(market):
    with pytest.raises(Refusal, match=r"^51014"):
        market.candles("index", BTC, "1m", now=NOON)


@given(
    st.decimals(min_value=Decimal("0.00000001"), max_value=Decimal(10**9), places=8).filter(lambda d: d > 0)
)
def test_numbers_are_plain_and_come_back(value):
    number = float(value)
    text = plain(number)
    assert "e" not in text.lower()
    assert decimal_of(number) == Decimal(text)
    assert float(text) == pytest.approx(number, rel=1e-14)
