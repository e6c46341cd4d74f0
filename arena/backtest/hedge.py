"""A run whose short swap is hedged by coins: what it needs, what it left out, and its result by leg.

Computes, reads nothing. Invariant: the parts of both legs are the parts of the run's PnL split.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from arena.backtest.costs import OWN_SOURCES
from arena.backtest.result import CostProvenance, HedgeSplit, PnlSplit
from arena.backtest.spot_prices import SpotPrices
from arena.config.hedge import HedgeConfig
from arena.config.models import BacktestConfig
from arena.core.errors import DataError
from arena.core.signal import Signal
from arena.engine.simulate import AccountCourse
from arena.engine.spot import SpotLeg, SpotMarket


def spot_pair(config: BacktestConfig) -> str | None:
    """Return the pair whose coins hedge the run, None where nothing does."""
    return config.symbol.spot_inst_id if config.hedge.kind == "spot" else None


def short_side(signal: Signal, config: BacktestConfig) -> tuple[Signal, int]:
    """Return the signal without its long side where the run is hedged, and how many longs are refused.

    A long swap would have to be hedged by coins that are borrowed and sold.
    """
    if config.hedge.kind == "none":
        return signal, 0
    is_long = signal.target > 0.0
    begins = is_long & ~np.concatenate(([False], is_long[:-1]))
    begins[: max(config.signal_window - 1, 0)] = False
    return replace(signal, target=np.minimum(signal.target, 0.0)), int(np.count_nonzero(begins))


def spot_market(prices: SpotPrices | None, config: BacktestConfig) -> SpotMarket | None:
    """Return where the run hedges and at what cost, None where it does not.

    Raises:
        DataError: spot bars are missing and `costs.missing` does not allow to go on.
    """
    if prices is None:
        return None
    if prices.missing and config.costs.missing == "error":
        raise DataError(
            f"{prices.missing:,} of {len(prices.open):,} bars have no stored bar of {prices.inst_id} and "
            "costs.missing=error: ingest kind=spot, or allow costs.missing=estimate"
        )
    return SpotMarket(prices.open, prices.close, config.hedge.cost_rate, config.hedge.fee_rate)


def with_leg(swap: PnlSplit, leg: SpotLeg | None) -> PnlSplit:
    """Return the split of both legs together."""
    if leg is None:
        return swap
    both = {
        "price": swap.price + leg.price_pnl,
        "fees": swap.fees + leg.fees,
        "slippage": swap.slippage + leg.slippage,
    }
    return swap.model_copy(update=both)


def split_by_leg(course: AccountCourse, prices: SpotPrices | None, refused: int) -> HedgeSplit | None:
    """Return what each leg earned, None without a spot leg."""
    leg = course.spot
    if leg is None or prices is None:
        return None
    swap_total = course.price_pnl - course.fees + course.funding - course.slippage - course.penalty
    assumed = ~prices.known[leg.fills["bar"]]
    return HedgeSplit(
        spot_inst_id=prices.inst_id,
        sources=sorted(prices.origin),
        swap_price_pnl=course.price_pnl,
        spot_price_pnl=leg.price_pnl,
        basis_pnl=course.price_pnl + leg.price_pnl,
        funding=course.funding,
        swap_fees=course.fees,
        spot_fees=leg.fees,
        swap_slippage=course.slippage,
        spot_slippage=leg.slippage,
        liquidation=course.penalty,
        swap_pnl=swap_total,
        spot_pnl=leg.total,
        spot_fills=len(leg.fills),
        assumed_fills=int(np.count_nonzero(assumed)),
        missing_bars=prices.missing,
        refused_longs=refused,
    )


def spot_costs(hedge: HedgeConfig, prices: SpotPrices | None, leg: SpotLeg | None) -> list[CostProvenance]:
    """Return the rows of what the spot leg costs, none without one."""
    if prices is None or leg is None:
        return []
    own = len(prices.origin - OWN_SOURCES) == 0
    bars = len(prices.open)
    actual = (bars - prices.missing) / bars if own else 0.0
    words = f"{prices.inst_id} from {', '.join(sorted(prices.origin))}"
    if not own:
        words += ", which stands in for the exchange's own spot market"
    if prices.missing:
        words += (
            f"; {prices.missing:,} of {bars:,} bars have none: the swap's price times the last known ratio"
        )
    assumed = f"hedge.half_spread_bps={hedge.half_spread_bps:g} and hedge.slippage_bps={hedge.slippage_bps:g}"
    return [
        _row(
            "spot_fee", 0.0, f"hedge.fee_rate={hedge.fee_rate:g} of notional, taker, as configured", leg.fees
        ),
        _row("spot_slippage", 0.0, f"{assumed}, assumptions", leg.slippage),
        _row("spot_price", actual, words, None),
    ]


def hedge_notes(found: HedgeSplit | None) -> list[str]:
    """Return what a reader of a hedged result has to know."""
    if found is None:
        return []
    notes = []
    if found.refused_longs:
        count = "1 long" if found.refused_longs == 1 else f"{found.refused_longs:,} longs"
        notes.append(
            f"{count} of the strategy refused: hedge=spot holds coins against a short swap; a long one would "
            "need borrowed coins."
        )
    if found.missing_bars:
        bars = "1 bar" if found.missing_bars == 1 else f"{found.missing_bars:,} bars"
        notes.append(
            f"{bars} without a spot bar of {found.spot_inst_id}, {found.assumed_fills:,} of "
            f"{found.spot_fills:,} spot trades on them: there the basis is assumed to stand still."
        )
    if set(found.sources) - OWN_SOURCES:
        notes.append(f"Spot prices are from {', '.join(found.sources)}: the basis is between two exchanges.")
    return notes


def _row(cost: str, actual: float, source: str, amount: float | None) -> CostProvenance:
    return CostProvenance(
        cost=cost,
        status="actual" if actual == 1.0 else "estimated",
        actual_share=actual,
        estimated_share=1.0 - actual,
        missing_share=0.0,
        source=source,
        amount=amount,
    )
