"""Rows about what is listed: instruments and position tiers.

Pure. Invariant: every row has exactly the exchange's keys.
"""

from __future__ import annotations

from arena.paper_okx.market import Contract, Tier

__all__ = ["instrument_row", "tier_rows"]

Row = dict[str, object]


def instrument_row(contract: Contract) -> Row:
    """Return a row of public/instruments."""
    market, limit = f"{contract.max_mkt_sz:f}", f"{contract.max_lmt_sz:f}"
    return {
        "instType": "SWAP",
        "instId": contract.inst_id,
        "uly": contract.inst_family,
        "instFamily": contract.inst_family,
        "category": "1",
        "baseCcy": "",
        "quoteCcy": "",
        "settleCcy": contract.settle,
        "ctVal": f"{contract.ct_val:f}",
        "ctMult": "1",
        "ctValCcy": contract.base,
        "optType": "",
        "stk": "",
        "listTime": str(contract.list_ms),
        "auctionEndTime": "",
        "contTdSwTime": "",
        "preMktSwTime": "",
        "openType": "",
        "expTime": "",
        "lever": f"{contract.lever:f}",
        "tickSz": f"{contract.tick_sz:f}",
        "lotSz": f"{contract.lot_sz:f}",
        "minSz": f"{contract.min_sz:f}",
        "ctType": "linear",
        "alias": "",
        "state": "live",
        "ruleType": "normal",
        "maxLmtSz": limit,
        "maxMktSz": market,
        "maxLmtAmt": "20000000",
        "maxMktAmt": "",
        "maxTwapSz": limit,
        "maxIcebergSz": limit,
        "maxTriggerSz": limit,
        "maxStopSz": market,
        "futureSettlement": False,
        "tradeQuoteCcyList": [],
        "instIdCode": contract.code,
    }


def tier_rows(contract: Contract, number: int | None = None) -> list[Row]:
    """Return the rows of public/position-tiers, or the one tier of this number."""
    numbered = enumerate(contract.tiers, start=1)
    return [_tier_row(contract, place, tier) for place, tier in numbered if number in {None, place}]


def _tier_row(contract: Contract, number: int, tier: Tier) -> Row:
    return {
        "uly": contract.inst_family,
        "instFamily": contract.inst_family,
        "instId": "",
        "tier": str(number),
        "minSz": f"{tier.min_sz:f}",
        "maxSz": f"{tier.max_sz:f}",
        "mmr": f"{tier.mmr:f}",
        "imr": f"{tier.imr:f}",
        "maxLever": f"{tier.max_lever.normalize():f}",
        "optMgnFactor": "0",
        "quoteMaxLoan": "",
        "baseMaxLoan": "",
    }
