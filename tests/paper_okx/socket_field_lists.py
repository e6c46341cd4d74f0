"""Field lists of the sockets' pushes and replies, as documented; REST's lists are in field_lists."""

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
UPDATE_PUSH = keys("arg eventType data")

SUBSCRIBED = keys("event arg connId")
REFUSED = keys("event code msg connId")
COUNTED = keys("event channel connCount connId")
ORDER_REPLY = keys("id op code msg data inTime outTime")
PLACED_ROW = keys("ordId clOrdId tag ts sCode sMsg")
CANCELED_ROW = keys("ordId clOrdId ts sCode sMsg")
AMENDED_ROW = keys("ordId clOrdId reqId ts sCode sMsg")

TRADE = keys("instId tradeId px sz side ts count")
BOOKS5 = keys("asks bids instId ts seqId")
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

ORDER = keys(
    "instType instId tgtCcy ccy ordId clOrdId tag px pxUsd pxVol pxType sz pnl ordType side posSide tdMode "
    "accFillSz fillPx tradeId fillSz fillTime avgPx state stpId stpMode lever attachAlgoClOrdId tpTriggerPx "
    "tpTriggerPxType tpOrdPx slTriggerPx slTriggerPxType slOrdPx attachAlgoOrds linkedAlgoOrd feeCcy fee "
    "rebateCcy rebate source category reduceOnly isTpLimit cancelSource cancelSourceReason quickMgnType "
    "algoClOrdId algoId uTime cTime tradeQuoteCcy"
)
ORDER_PUSH = ORDER | keys(
    "notionalUsd fillPnl fillFee fillFeeCcy fillNotionalUsd fillPxVol fillPxUsd fillMarkVol fillFwdPx "
    "fillMarkPx fillIdxPx execType amendSource reqId amendResult lastPx code msg"
)
POSITION = keys(
    "instType mgnMode posId posSide pos baseBal quoteBal baseBorrowed baseInterest quoteBorrowed "
    "quoteInterest posCcy availPos avgPx nonSettleAvgPx markPx upl uplRatio uplLastPx uplRatioLastPx instId "
    "lever liqPx imr margin mgnRatio mmr liab liabCcy interest tradeId optVal pendingCloseOrdLiabVal "
    "notionalUsd adl ccy last idxPx usdPx bePx deltaBS deltaPA gammaBS gammaPA thetaBS thetaPA vegaBS vegaPA "
    "spotInUseAmt spotInUseCcy clSpotInUseAmt maxSpotInUseAmt bizRefId bizRefType realizedPnl settledPnl pnl "
    "fee fundingFee liqPenalty closeOrderAlgo cTime uTime"
)
POSITION_PUSH = POSITION | keys("pTime")
BALANCE = keys(
    "uTime totalEq isoEq adjEq availEq ordFroz imr mmr borrowFroz mgnRatio notionalUsd notionalUsdForBorrow "
    "notionalUsdForSwap notionalUsdForFutures notionalUsdForOption upl details"
)
BALANCE_DETAIL = keys(
    "ccy eq cashBal uTime isoEq availEq disEq fixedBal availBal frozenBal ordFrozen liab upl uplLiab "
    "crossLiab rewardBal isoLiab mgnRatio imr mmr interest twap frpType maxLoan eqUsd borrowFroz "
    "notionalLever stgyEq isoUpl spotInUseAmt clSpotInUseAmt maxSpotInUseAmt spotIsoBal smtSyncEq "
    "spotCopyTradingEq spotBal openAvgPx accAvgPx spotUpl spotUplRatio totalPnl totalPnlRatio colRes "
    "colBorrAutoConversion collateralRestrict collateralEnabled autoLendStatus autoLendMtAmt"
)
BOTH = keys("pTime eventType balData posData trades")
BOTH_BALANCE = keys("ccy cashBal uTime")
BOTH_POSITION = keys(
    "posId tradeId instId instType mgnMode posSide pos ccy posCcy avgPx nonSettleAvgPx settledPnl uTime"
)
BOTH_TRADE = keys("instId tradeId")
