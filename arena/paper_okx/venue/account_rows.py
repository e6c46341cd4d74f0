"""Balance, positions, their history and bills as the exchange writes them.

Reads only. Invariant: a row has the same keys whatever its values; what does not apply is "".
"""

from __future__ import annotations

from decimal import Decimal

from arena.paper_okx.venue.amounts import ONE, ZERO, money, text
from arena.paper_okx.venue.desk import Account, Desk, Row
from arena.paper_okx.venue.funds import (
    bound_by_orders,
    cross_equity,
    cross_pool,
    equity,
    initial_margin,
    isolated_equity,
    leg_of,
    notional,
    pool_of,
    position_lever,
    upl,
)
from arena.paper_okx.venue.margin import isolated_liquidation, upl_ratio
from arena.paper_okx.venue.records import Bill, Closing, Position

__all__ = ["available", "balance_row", "bill_row", "closing_row", "config_row", "position_row"]

_ACCOUNT_BLANK = [
    "adjEq",
    "availEq",
    "ordFroz",
    "imr",
    "mmr",
    "borrowFroz",
    "mgnRatio",
    "notionalUsd",
    "notionalUsdForBorrow",
    "notionalUsdForSwap",
    "notionalUsdForFutures",
    "notionalUsdForOption",
]
_DETAIL_BLANK = [
    "uplLiab",
    "crossLiab",
    "rewardBal",
    "isoLiab",
    "interest",
    "twap",
    "maxLoan",
    "borrowFroz",
    "spotInUseAmt",
    "clSpotInUseAmt",
    "maxSpotInUseAmt",
    "openAvgPx",
    "accAvgPx",
    "spotUpl",
    "spotUplRatio",
    "totalPnl",
    "totalPnlRatio",
]
_DETAIL_ZERO = [
    "fixedBal",
    "liab",
    "frpType",
    "stgyEq",
    "spotIsoBal",
    "smtSyncEq",
    "spotCopyTradingEq",
    "spotBal",
    "colRes",
]
_POSITION_BLANK = [
    "baseBal",
    "quoteBal",
    "baseBorrowed",
    "baseInterest",
    "quoteBorrowed",
    "quoteInterest",
    "posCcy",
    "nonSettleAvgPx",
    "liab",
    "liabCcy",
    "interest",
    "optVal",
    "pendingCloseOrdLiabVal",
    "deltaBS",
    "gammaBS",
    "thetaBS",
    "vegaBS",
    "deltaPA",
    "gammaPA",
    "thetaPA",
    "vegaPA",
    "spotInUseAmt",
    "spotInUseCcy",
    "clSpotInUseAmt",
    "maxSpotInUseAmt",
    "bizRefId",
    "bizRefType",
    "settledPnl",
]
_BILL_BLANK = [
    "earnAmt",
    "earnApr",
    "from",
    "to",
    "notes",
    "interest",
    "fillPxVol",
    "fillPxUsd",
    "fillMarkVol",
    "fillFwdPx",
]


def balance_row(desk: Desk, account: Account) -> Row:
    """Return the balance; at account level 2 the margin stands in `details` alone."""
    detail = _detail(desk, account)
    row: Row = dict.fromkeys(_ACCOUNT_BLANK, "")
    row["uTime"] = str(desk.now)
    row["totalEq"] = detail["eq"]
    row["isoEq"] = detail["isoEq"]
    row["upl"] = ""
    row["details"] = [detail]
    return row


def _detail(desk: Desk, account: Account) -> Row:
    total, isolated = equity(desk, account), isolated_equity(desk, account)
    crossed = account.open_positions("cross")
    used = sum((initial_margin(desk, account, p) for p in crossed), ZERO)
    frozen = bound_by_orders(desk, account)
    free = max(ZERO, cross_equity(desk, account) - used - frozen)
    pool = cross_pool(desk, account)
    worth = sum((notional(desk, p) for p in crossed), ZERO)
    kept = sum((notional(desk, p) * desk.tier(p).mmr for p in crossed), ZERO)
    whole = cross_equity(desk, account)
    row: Row = dict.fromkeys(_DETAIL_BLANK, "")
    row.update(dict.fromkeys(_DETAIL_ZERO, "0"))
    row.update(
        {
            "ccy": "USDT",
            "eq": text(total),
            "cashBal": text(account.profile.cash),
            "uTime": str(account.profile.u_time),
            "isoEq": text(isolated),
            "availEq": text(free),
            "disEq": text(total),
            "availBal": text(free),
            "frozenBal": text(max(ZERO, total - free)),
            "ordFrozen": text(frozen),
            "upl": text(sum((upl(desk, p) for p in crossed), ZERO)),
            "mgnRatio": text(pool.ratio(desk.mark)),
            "imr": text(used),
            "mmr": text(kept),
            "eqUsd": text(total),
            "notionalLever": text((worth / whole).quantize(Decimal("1E-8"))) if whole > 0 else "0",
            "isoUpl": text(sum((upl(desk, p) for p in account.open_positions("isolated")), ZERO)),
            "colBorrAutoConversion": "0",
            "collateralRestrict": False,
            "collateralEnabled": True,
            "autoLendStatus": "off",
            "autoLendMtAmt": "0",
        }
    )
    return row


def position_row(desk: Desk, account: Account, position: Position) -> Row:
    """Return the position object; a closed one has its size, "0", and what it realised."""
    row: Row = dict.fromkeys(_POSITION_BLANK, "")
    hedged = position.pos_side != "net"
    prices = desk.prices(position.inst_id)
    row.update(
        {
            "instType": "SWAP",
            "mgnMode": position.mgn_mode,
            "posId": position.pos_id,
            "posSide": position.pos_side,
            "pos": text(abs(position.held) if hedged else position.held),
            "availPos": text(available(account, position)) if hedged else "",
            "instId": position.inst_id,
            "lever": text(position_lever(desk, account, position)),
            "tradeId": position.trade_id,
            "ccy": desk.contract(position.inst_id).settle,
            "markPx": text(prices.mark),
            "last": text(prices.last),
            "idxPx": text(prices.index),
            "usdPx": "1",
            "adl": "1" if position.held else "0",
            "realizedPnl": text(position.realized),
            "pnl": text(position.pnl),
            "fee": text(position.fee),
            "fundingFee": text(position.funding),
            "liqPenalty": text(position.liq_penalty),
            "closeOrderAlgo": _closing_algos(account, position),
            "cTime": str(position.c_time),
            "uTime": str(position.u_time),
        }
    )
    row.update(_risk(desk, account, position) if position.held else dict.fromkeys(_RISK, ""))
    return row


_RISK = [
    "avgPx",
    "upl",
    "uplRatio",
    "uplLastPx",
    "uplRatioLastPx",
    "liqPx",
    "imr",
    "margin",
    "mgnRatio",
    "mmr",
    "notionalUsd",
    "bePx",
]


def _risk(desk: Desk, account: Account, position: Position) -> Row:
    """Return what hangs on the prices of the moment."""
    leg, lever = leg_of(desk, account, position), position_lever(desk, account, position)
    prices = desk.prices(position.inst_id)
    isolated = position.mgn_mode == "isolated"
    pool = pool_of(desk, account, position)
    fee = desk.fees(account).taker
    tilt = (ONE + fee) / (ONE - fee)
    liquidation = (
        isolated_liquidation(leg, position.margin) if isolated else pool.liquidation_price(leg, desk.mark)
    )
    return {
        "avgPx": text(position.avg_px),
        "upl": text(upl(desk, position)),
        "uplRatio": text(upl_ratio(leg, prices.mark, lever)),
        "uplLastPx": text(money(leg.upl(prices.last))),
        "uplRatioLastPx": text(upl_ratio(leg, prices.last, lever)),
        "liqPx": text(liquidation),
        "imr": "" if isolated else text(initial_margin(desk, account, position)),
        "margin": text(position.margin) if isolated else "",
        "mgnRatio": text(pool.ratio(desk.mark)),
        "mmr": text(notional(desk, position) * desk.tier(position).mmr),
        "notionalUsd": text(notional(desk, position)),
        "bePx": text(
            (position.avg_px * (tilt if position.held > 0 else ONE / tilt)).quantize(Decimal("1E-12"))
        ),
    }


def available(account: Account, position: Position) -> Decimal:
    """Return the contracts of a leg, long or short, that no resting order is closing already."""
    side = "sell" if position.pos_side == "long" else "buy"
    closing = account.resting.side((position.position_key, side)).reducing
    return max(ZERO, abs(position.held) - closing)


def _closing_algos(account: Account, position: Position) -> list[Row]:
    """Return the stops that close the whole position."""
    return [
        {
            "algoId": algo.algo_id,
            "slTriggerPx": text(algo.sl_trigger_px),
            "slTriggerPxType": algo.sl_trigger_px_type,
            "tpTriggerPx": text(algo.tp_trigger_px),
            "tpTriggerPxType": algo.tp_trigger_px_type,
            "closeFraction": algo.close_fraction,
        }
        for algo in account.live_algos.values()
        if algo.close_fraction and algo.position_key == position.position_key
    ]


def closing_row(desk: Desk, closing: Closing) -> Row:
    """Return a row of positions-history."""
    contract = desk.contract(closing.inst_id)
    realized = closing.pnl + closing.fee + closing.funding + closing.liq_penalty
    return {
        "instType": "SWAP",
        "instId": closing.inst_id,
        "mgnMode": closing.mgn_mode,
        "type": closing.kind,
        "cTime": str(closing.c_time),
        "uTime": str(closing.u_time),
        "openAvgPx": text(closing.open_avg_px),
        "nonSettleAvgPx": "",
        "closeAvgPx": text(closing.close_avg_px),
        "posId": closing.pos_id,
        "openMaxPos": text(closing.open_max),
        "closeTotalPos": text(closing.closed_sz),
        "realizedPnl": text(realized),
        "settledPnl": "",
        "pnlRatio": text(closing.pnl_ratio),
        "fee": text(closing.fee),
        "fundingFee": text(closing.funding),
        "liqPenalty": text(closing.liq_penalty),
        "pnl": text(closing.pnl),
        "posSide": closing.pos_side,
        "lever": text(closing.lever),
        "direction": closing.direction,
        "triggerPx": text(closing.trigger_px),
        "uly": contract.inst_family,
        "ccy": contract.settle,
    }


def bill_row(bill: Bill) -> Row:
    """Return a row of account/bills."""
    row: Row = dict.fromkeys(_BILL_BLANK, "")
    row.update(
        {
            "instType": "SWAP" if bill.inst_id else "",
            "billId": bill.bill_id,
            "type": bill.kind,
            "subType": bill.sub_type,
            "ts": str(bill.ts),
            "balChg": text(bill.bal_chg),
            "posBalChg": text(bill.pos_bal_chg),
            "bal": text(bill.bal),
            "posBal": text(bill.pos_bal),
            "sz": text(bill.sz),
            "px": text(bill.px),
            "ccy": "USDT",
            "pnl": text(bill.pnl),
            "fee": text(bill.fee),
            "mgnMode": bill.mgn_mode,
            "instId": bill.inst_id,
            "ordId": bill.ord_id,
            "execType": bill.exec_type,
            "tag": bill.tag,
            "fillTime": str(bill.fill_time) if bill.fill_time else "",
            "tradeId": bill.trade_id,
            "clOrdId": bill.cl_ord_id,
            "fillIdxPx": text(bill.index),
            "fillMarkPx": text(bill.mark),
        }
    )
    return row


def config_row(account: Account) -> Row:
    """Return account/config; the key's own part (label, ip) is filled in by who knows the key."""
    profile = account.profile
    return {
        "uid": profile.uid,
        "mainUid": profile.uid,
        "acctLv": profile.acct_lv,
        "acctStpMode": "cancel_maker",
        "posMode": profile.pos_mode,
        "autoLoan": False,
        "greeksType": "PA",
        "feeType": "0",
        "level": profile.fee_level,
        "levelTmp": "",
        "ctIsoMode": "automatic",
        "mgnIsoMode": "automatic",
        "spotOffsetType": "",
        "roleType": "0",
        "traderInsts": [],
        "spotRoleType": "0",
        "spotTraderInsts": [],
        "opAuth": "0",
        "kycLv": "3",
        "label": "paper",
        "ip": "",
        "perm": "read_only,trade",
        "liquidationGear": "-1",
        "enableSpotBorrow": False,
        "spotBorrowAutoRepay": False,
        "type": "0",
        "settleCcy": "",
        "settleCcyList": [],
    }
