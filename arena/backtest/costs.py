"""Where each cost of a run comes from: actual, estimated or missing. Missing is never silently zero."""

from __future__ import annotations

from arena.backtest.market import FundingPlan
from arena.backtest.result import CostProvenance, PnlSplit
from arena.config.models import CostsConfig
from arena.config.orders import OrdersConfig
from arena.core.errors import DataError
from arena.core.instrument import Instrument

OWN_SOURCES = frozenset({"okx", "synthetic"})
"""Publishers whose funding is the instrument's own; every other is a stand-in."""


def cost_rate(costs: CostsConfig) -> float:
    """Return half spread plus slippage as a fraction of the price.

    Raises:
        DataError: one is not set and `costs.missing` does not allow to go on.
    """
    parts = {"half_spread_bps": costs.half_spread_bps, "slippage_bps": costs.slippage_bps}
    absent = [name for name, value in parts.items() if value is None]
    if absent and costs.missing == "error":
        raise DataError(
            f"costs.{absent[0]} is not set and costs.missing=error: set it, or allow costs.missing=estimate"
        )
    return sum(value or 0.0 for value in parts.values()) * 1e-4


def require_funding(plan: FundingPlan, costs: CostsConfig, inst_id: str) -> None:
    """Stop where settlements have no stored rate and estimates are not allowed.

    Raises:
        DataError: `costs.missing=error` and a rate is missing.
    """
    absent = plan.sources.get("", 0)
    if absent and costs.missing == "error":
        raise DataError(
            f"{absent} of {plan.expected} funding settlements of {inst_id} have no stored rate and "
            "costs.missing=error: ingest kind=funding, or allow costs.missing=estimate"
        )


def cost_provenance(
    costs: CostsConfig,
    orders: OrdersConfig,
    fee_rate: float,
    plan: FundingPlan,
    mark_missing: int,
    bars: int,
    instrument: Instrument,
    pnl: PnlSplit,
) -> list[CostProvenance]:
    """Return one row a cost."""
    tiers = instrument.tiers
    assumed = tiers.source.startswith("assumed")
    return [
        _row("fee", 0.0, 1.0, _fee_words(fee_rate, orders), pnl.fees),
        _setting("spread", "half_spread_bps", costs.half_spread_bps),
        _setting("slippage", "slippage_bps", costs.slippage_bps, pnl.slippage),
        *_impact(costs),
        _funding(plan, costs, pnl),
        _mark(mark_missing, bars),
        _row(
            "margin_tiers",
            0.0 if assumed else 1.0,
            1.0 if assumed else 0.0,
            f"{tiers.source}, as of {tiers.as_of}",
        ),
    ]


def _row(
    cost: str, actual: float, estimated: float, source: str, amount: float | None = None
) -> CostProvenance:
    missing = max(0.0, 1.0 - actual - estimated)
    status = "missing" if missing > 0 else "estimated" if estimated > 0 else "actual"
    return CostProvenance(
        cost=cost,
        status=status,
        actual_share=actual,
        estimated_share=estimated,
        missing_share=missing,
        source=source,
        amount=amount,
    )


def _setting(cost: str, key: str, value: float | None, amount: float | None = None) -> CostProvenance:
    if value is None:
        return _row(cost, 0.0, 0.0, f"costs.{key} is not set: this cost is left out", amount)
    return _row(cost, 0.0, 1.0, f"costs.{key}={value:g}, an assumption", amount)


def _fee_words(fee_rate: float, orders: OrdersConfig) -> str:
    if orders.kind == "market":
        return f"fee_rate={fee_rate:g} of notional, taker, as configured"
    return (
        f"fee_rate={fee_rate:g} of notional, taker, and orders.maker_fee_rate={orders.maker_fee_rate:g} for "
        "orders that rested, as configured"
    )


def _impact(costs: CostsConfig) -> list[CostProvenance]:
    """Return the row of the impact where there is one; its money is in that of the slippage."""
    if not costs.impact_coefficient:
        return []
    words = f"costs.impact_coefficient={costs.impact_coefficient:g}, an assumption; booked as slippage"
    return [_row("impact", 0.0, 1.0, words)]


def _funding(plan: FundingPlan, costs: CostsConfig, pnl: PnlSplit) -> CostProvenance:
    if not plan.expected:
        return _row("funding", 1.0, 0.0, "no settlement falls into the run", -pnl.funding)
    own = sum(count for source, count in plan.sources.items() if source in OWN_SOURCES)
    words = [
        f"{count:,} {'settlement' if count == 1 else 'settlements'} from {source}"
        for source, count in sorted(plan.sources.items())
        if source
    ]
    stand_ins = [source for source in plan.sources if source and source not in OWN_SOURCES]
    if stand_ins:
        words.append(f"{', '.join(sorted(stand_ins))} stands in for the instrument's own funding")
    if plan.sources.get(""):
        words.append(f"{plan.sources['']:,} without a stored rate, assumed {costs.funding_rate_estimate:g}")
    actual = own / plan.expected
    return _row("funding", actual, 1.0 - actual, "; ".join(words), -pnl.funding)


def _mark(mark_missing: int, bars: int) -> CostProvenance:
    actual = 1.0 - mark_missing / bars
    if not mark_missing:
        return _row("mark_price", 1.0, 0.0, "stored mark price of every bar")
    return _row(
        "mark_price",
        actual,
        1.0 - actual,
        f"{mark_missing:,} of {bars:,} bars have none: the last price stands in",
    )
