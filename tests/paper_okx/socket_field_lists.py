"""Field lists of the sockets alone, as documented; rows of REST are in field_lists and venue_field_lists."""

from __future__ import annotations

from tests.paper_okx.field_lists import (
    FUNDING_RATE,
    INDEX_TICKER,
    INSTRUMENT,
    MARK_PRICE,
    OPEN_INTEREST,
    PRICE_LIMIT,
    TICKER,
    keys,
)

PUSH = keys("arg data")
SNAPSHOT_PUSH = keys("arg eventType curPage lastPage data")
STEP_PUSH = keys("arg action data")
UPDATE_PUSH = keys("arg eventType data")

SUBSCRIBED = keys("event arg connId")
REFUSED = keys("event code msg connId")
COUNTED = keys("event channel connCount connId")
ORDER_REPLY = keys("id op code msg data inTime outTime")

TRADE = keys("instId tradeId px sz side ts count")
TRADES_ALL = keys("instId tradeId px sz side source ts")
BOOKS5 = keys("asks bids instId ts seqId")
BOOKS = keys("asks bids ts checksum prevSeqId seqId")
BBO = keys("asks bids ts seqId")

PUBLIC = {
    "tickers": TICKER,
    "mark-price": MARK_PRICE,
    "index-tickers": INDEX_TICKER,
    "funding-rate": FUNDING_RATE,
    "books5": BOOKS5,
    "bbo-tbt": BBO,
    "price-limit": PRICE_LIMIT,
    "open-interest": OPEN_INTEREST,
    "instruments": INSTRUMENT,
}
"""Key set of each public channel that tells its state to a new subscriber."""

CANDLES = {"candle1m": 9, "candle1H": 9, "candle1Dutc": 9, "mark-price-candle1m": 6, "index-candle1m": 6}
"""Number of fields of candle channels."""

BOTH_BALANCE = keys("ccy cashBal uTime")
BOTH_POSITION = keys(
    "posId tradeId instId instType mgnMode posSide pos ccy posCcy avgPx nonSettleAvgPx settledPnl uTime"
)
BOTH_TRADE = keys("instId tradeId")
WARNING = keys(
    "instType instFamily instId mgnMode posId posSide pos posCcy lever markPx mgnRatio ccy cTime uTime pTime"
)
