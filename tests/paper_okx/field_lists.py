"""Field lists of the exchange's replies, as documented: the key set of every reply has to equal its list."""

from __future__ import annotations


def keys(text: str) -> frozenset[str]:
    """Return the names of a list that is separated by spaces."""
    return frozenset(text.split())


INSTRUMENT = keys(
    "instType instId uly instFamily category baseCcy quoteCcy settleCcy ctVal ctMult ctValCcy optType stk "
    "listTime auctionEndTime contTdSwTime preMktSwTime openType expTime lever tickSz lotSz minSz ctType "
    "alias state ruleType maxLmtSz maxMktSz maxLmtAmt maxMktAmt maxTwapSz maxIcebergSz maxTriggerSz "
    "maxStopSz futureSettlement tradeQuoteCcyList instIdCode"
)
TIME = keys("ts")
TICKER = keys(
    "instType instId last lastSz askPx askSz bidPx bidSz open24h high24h low24h volCcy24h vol24h sodUtc0 "
    "sodUtc8 ts"
)
INDEX_TICKER = keys("instId idxPx high24h low24h open24h sodUtc0 sodUtc8 ts")
MARK_PRICE = keys("instType instId markPx ts")
BOOK = keys("asks bids ts")
TRADE = keys("instId tradeId px sz side source ts")
PRICE_LIMIT = keys("instType instId buyLmt sellLmt ts enabled")
OPEN_INTEREST = keys("instType instId oi oiCcy oiUsd ts")
FUNDING_RATE = keys(
    "instType instId method formulaType fundingRate nextFundingRate fundingTime nextFundingTime "
    "minFundingRate maxFundingRate interestRate impactValue settState settFundingRate premium ts"
)
FUNDING_HISTORY = keys("instType instId formulaType fundingRate realizedRate fundingTime method")
POSITION_TIER = keys(
    "uly instFamily instId tier minSz maxSz mmr imr maxLever optMgnFactor quoteMaxLoan baseMaxLoan"
)

ENVELOPE = keys("code msg data")
TRADE_ENVELOPE = keys("code msg data inTime outTime")
CANDLE_FIELDS = 9
PRICE_CANDLE_FIELDS = 6  # mark and index

PUBLIC = {
    "/api/v5/public/time": (TIME, {}),
    "/api/v5/public/instruments": (INSTRUMENT, {"instType": "SWAP"}),
    "/api/v5/public/mark-price": (MARK_PRICE, {"instType": "SWAP", "instId": "BTC-USDT-SWAP"}),
    "/api/v5/public/open-interest": (OPEN_INTEREST, {"instType": "SWAP", "instId": "BTC-USDT-SWAP"}),
    "/api/v5/public/price-limit": (PRICE_LIMIT, {"instId": "BTC-USDT-SWAP"}),
    "/api/v5/public/funding-rate": (FUNDING_RATE, {"instId": "BTC-USDT-SWAP"}),
    "/api/v5/public/funding-rate-history": (FUNDING_HISTORY, {"instId": "BTC-USDT-SWAP"}),
    "/api/v5/public/position-tiers": (
        POSITION_TIER,
        {"instType": "SWAP", "tdMode": "cross", "instFamily": "BTC-USDT"},
    ),
    "/api/v5/market/ticker": (TICKER, {"instId": "BTC-USDT-SWAP"}),
    "/api/v5/market/tickers": (TICKER, {"instType": "SWAP"}),
    "/api/v5/market/index-tickers": (INDEX_TICKER, {"quoteCcy": "USDT"}),
    "/api/v5/market/books": (BOOK, {"instId": "BTC-USDT-SWAP", "sz": "5"}),
    "/api/v5/market/trades": (TRADE, {"instId": "BTC-USDT-SWAP"}),
}
"""Key set and parameters of each public endpoint whose rows are objects."""
