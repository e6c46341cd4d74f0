"""The keys of OKX's account and trade rows, as documented; a row of the venue has these and no others.

Keys of algo rows are those that the exchange documents for trade/orders-algo-pending and its two channels;
those of attached stops are of a recorded answer of GET trade/order-algo.
"""

from __future__ import annotations


def keys(text: str) -> frozenset[str]:
    return frozenset(text.split())


ORDER = keys(
    """
    instType instId tgtCcy ccy ordId clOrdId tag px pxUsd pxVol pxType sz pnl ordType side posSide
    tdMode accFillSz fillPx tradeId fillSz fillTime avgPx state stpId stpMode lever
    attachAlgoClOrdId tpTriggerPx tpTriggerPxType tpOrdPx slTriggerPx slTriggerPxType slOrdPx
    attachAlgoOrds linkedAlgoOrd feeCcy fee rebateCcy rebate source category reduceOnly isTpLimit
    cancelSource cancelSourceReason quickMgnType algoClOrdId algoId uTime cTime tradeQuoteCcy
    """
)
ORDER_PUSH = ORDER | keys(
    """
    notionalUsd fillPnl fillFee fillFeeCcy fillNotionalUsd fillPxVol fillPxUsd fillMarkVol fillFwdPx
    fillMarkPx fillIdxPx execType amendSource reqId amendResult lastPx code msg
    """
)
FILL = keys(
    """
    instType instId tradeId ordId clOrdId billId subType tag fillPx fillSz fillIdxPx fillPnl
    fillPxVol fillPxUsd fillMarkVol fillFwdPx fillMarkPx side posSide execType feeCcy fee ts
    fillTime feeRate tradeQuoteCcy
    """
)
ALGO = keys(
    """
    activePx actualPx actualSide actualSz algoClOrdId algoId amendPxOnTriggerType attachAlgoOrds
    cTime callbackRatio callbackSpread ccy chaseType chaseVal clOrdId closeFraction failCode instId
    instType isTradeBorrowMode last lever linkedOrd maxChaseType maxChaseVal moveTriggerPx ordId
    ordIdList ordPx ordType posSide pxLimit pxSpread pxVar quickMgnType reduceOnly side slOrdPx
    slTriggerPx slTriggerPxType state sz szLimit tag tdMode tgtCcy timeInterval tpOrdPx tpTriggerPx
    tpTriggerPxType triggerPx triggerPxType triggerTime tradeQuoteCcy uTime
    """
)
ALGO_PUSH = keys(
    """
    instType instId ccy ordId ordIdList algoId clOrdId sz closeFraction ordType side posSide tdMode
    tgtCcy lever state tpTriggerPx tpTriggerPxType tpOrdPx slTriggerPx slTriggerPxType slOrdPx
    triggerPx triggerPxType ordPx last actualSz actualPx notionalUsd tag actualSide triggerTime
    reduceOnly quickMgnType failCode algoClOrdId reqId amendResult amendPxOnTriggerType
    attachAlgoOrds linkedOrd cTime uTime isTradeBorrowMode chaseType chaseVal maxChaseType
    maxChaseVal tradeQuoteCcy
    """
)
TRAILING_PUSH = keys(
    """
    instType instId ccy ordId algoId clOrdId sz ordType side posSide tdMode tgtCcy lever state
    tpTriggerPx tpOrdPx slTriggerPx slOrdPx triggerPx ordPx actualSz actualPx notionalUsd tag
    actualSide triggerTime cTime pxVar pxSpread szLimit pxLimit timeInterval count callbackRatio
    callbackSpread activePx moveTriggerPx failCode algoClOrdId reduceOnly pTime isTradeBorrowMode
    tradeQuoteCcy
    """
)
ATTACHED = keys(
    """
    attachAlgoId attachAlgoClOrdId tpOrdKind tpTriggerPx tpTriggerPxType tpOrdPx slTriggerPx
    slTriggerPxType slOrdPx sz amendPxOnTriggerType failCode failReason
    """
)
CONFIG = keys(
    """
    uid mainUid acctLv acctStpMode posMode autoLoan greeksType feeType level levelTmp ctIsoMode
    mgnIsoMode spotOffsetType roleType traderInsts spotRoleType spotTraderInsts opAuth kycLv label
    ip perm liquidationGear enableSpotBorrow spotBorrowAutoRepay type settleCcy settleCcyList
    """
)
BALANCE = keys(
    """
    uTime totalEq isoEq adjEq availEq ordFroz imr mmr borrowFroz mgnRatio notionalUsd
    notionalUsdForBorrow notionalUsdForSwap notionalUsdForFutures notionalUsdForOption upl details
    """
)
BALANCE_DETAIL = keys(
    """
    ccy eq cashBal uTime isoEq availEq disEq fixedBal availBal frozenBal ordFrozen liab upl uplLiab
    crossLiab rewardBal isoLiab mgnRatio imr mmr interest twap frpType maxLoan eqUsd borrowFroz
    notionalLever stgyEq isoUpl spotInUseAmt clSpotInUseAmt maxSpotInUseAmt spotIsoBal smtSyncEq
    spotCopyTradingEq spotBal openAvgPx accAvgPx spotUpl spotUplRatio totalPnl totalPnlRatio colRes
    colBorrAutoConversion collateralRestrict collateralEnabled autoLendStatus autoLendMtAmt
    """
)
POSITION = keys(
    """
    instType mgnMode posId posSide pos baseBal quoteBal baseBorrowed baseInterest quoteBorrowed
    quoteInterest posCcy availPos avgPx nonSettleAvgPx markPx upl uplRatio uplLastPx uplRatioLastPx
    instId lever liqPx imr margin mgnRatio mmr liab liabCcy interest tradeId optVal
    pendingCloseOrdLiabVal notionalUsd adl ccy last idxPx usdPx bePx deltaBS gammaBS thetaBS vegaBS
    deltaPA gammaPA thetaPA vegaPA spotInUseAmt spotInUseCcy clSpotInUseAmt maxSpotInUseAmt bizRefId
    bizRefType realizedPnl settledPnl pnl fee fundingFee liqPenalty closeOrderAlgo cTime uTime
    """
)
POSITION_PUSH = POSITION | {"pTime"}
CLOSING = keys(
    """
    instType instId mgnMode type cTime uTime openAvgPx nonSettleAvgPx closeAvgPx posId openMaxPos
    closeTotalPos realizedPnl settledPnl pnlRatio fee fundingFee liqPenalty pnl posSide lever
    direction triggerPx uly ccy
    """
)
BILL = keys(
    """
    instType billId type subType ts balChg posBalChg bal posBal sz px ccy pnl fee earnAmt earnApr
    mgnMode instId ordId execType from to notes interest tag fillTime tradeId clOrdId fillIdxPx
    fillMarkPx fillPxVol fillPxUsd fillMarkVol fillFwdPx
    """
)
TRADE_FEE = keys(
    """
    level taker maker takerU makerU takerUSDC makerUSDC delivery exercise instType ruleType category
    ts fiat
    """
)
BALANCE_AND_POSITION = keys("pTime eventType balData posData trades")
LEVERAGE = keys("instId mgnMode posSide lever ccy")
PLACED = keys("ordId clOrdId tag ts sCode sMsg")
CANCELED = keys("ordId clOrdId ts sCode sMsg")
AMENDED = keys("ordId clOrdId reqId ts sCode sMsg")
CLOSED = keys("instId posSide clOrdId tag")
CANCEL_ALL_AFTER = keys("triggerTime tag ts")
ALGO_PLACED = keys("algoId clOrdId algoClOrdId sCode sMsg tag")
ALGO_CANCELED = keys("algoId sCode sMsg")
MAX_SIZE = keys("instId ccy maxBuy maxSell")
MAX_AVAIL = keys("instId availBuy availSell")

BY_CHANNEL = {
    "orders": ORDER_PUSH,
    "positions": POSITION_PUSH,
    "account": BALANCE,
    "balance_and_position": BALANCE_AND_POSITION,
    "orders-algo": ALGO_PUSH,
    "algo-advance": TRAILING_PUSH,
    "liquidation-warning": POSITION_PUSH,
}
