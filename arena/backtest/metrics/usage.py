"""Metrics of what trading took: time in the market, money, leverage, and what went otherwise than asked.

Pure. Invariant: a cost is positive, funding received lowers the total.
"""

from collections.abc import Callable

from arena.backtest.metrics.definition import MetricDefinition, Outcome, Reading, Undefined
from arena.backtest.metrics.inputs import MetricInputs
from arena.backtest.metrics.wording import percent, usdt
from arena.backtest.result import Counts


def exposure(inputs: MetricInputs) -> Outcome:
    """Return the share of traded bars with a position."""
    bars = len(inputs.path.ts)
    return inputs.bars_in_market / bars if bars else Undefined("no traded bar")


def costs(inputs: MetricInputs) -> Outcome:
    """Return what trading cost, with its parts."""
    pnl = inputs.pnl
    way = "paid" if pnl.funding <= 0.0 else "received"
    parts = [
        f"fees {usdt(pnl.fees)}",
        f"funding {way} {usdt(abs(pnl.funding))}",
        f"slippage {usdt(pnl.slippage)}",
    ]
    if pnl.liquidation:
        parts.append(f"liquidation {usdt(pnl.liquidation)}")
    share = cost_share(inputs)
    if inputs.cost_total < 0.0:
        told = "a net gain"
    else:
        told = share.reason if isinstance(share, Undefined) else f"{percent(share)} of gross profit"
    return Reading(inputs.cost_total, f"{', '.join(parts)}; {told}")


def cost_share(inputs: MetricInputs) -> float | Undefined:
    """Return costs over gross profit."""
    if inputs.gross_profit <= 0.0:
        return Undefined("no gross profit")
    return inputs.cost_total / inputs.gross_profit


def turnover(inputs: MetricInputs) -> Outcome:
    """Return traded notional over average equity, a year."""
    if not inputs.path.days:
        return Undefined("no traded bar")
    return inputs.traded_notional / inputs.path.average / inputs.path.years


def max_leverage(inputs: MetricInputs) -> Outcome:
    """Return the largest notional over equity."""
    return inputs.max_leverage


def _count_of(field: str) -> Callable[[MetricInputs], Outcome]:
    return lambda inputs: float(getattr(inputs.counts, field))


def _count(field: str, label: str) -> MetricDefinition:
    meaning = Counts.model_fields[field].description or f"number of {label.lower()}"
    return MetricDefinition(field, label, "count", _count_of(field), formula=meaning)


EXPOSURE = MetricDefinition(
    "exposure",
    "Exposure",
    "fraction",
    exposure,
    formula="traded bars with a position for any time / traded bars",
    undefined="no traded bar",
)
COSTS = MetricDefinition(
    "costs",
    "Costs",
    "usdt",
    costs,
    formula="fees - funding (> 0 received) + slippage (with spread and tick rounding) + liquidation cost; "
    "the note has "
    "the parts and the share of gross profit (see cost_share)",
)
SECONDARY = (
    MetricDefinition(
        "cost_share",
        "Costs / gross profit",
        "fraction",
        cost_share,
        formula="costs / sum of price PnL at reference prices of the trades that won before costs; at 1 "
        "they eat it all",
        undefined="no trade won before costs",
    ),
    MetricDefinition(
        "turnover",
        "Turnover",
        "ratio",
        turnover,
        formula="sum of the notional of all fills / mean equity",
        annualised="divided by elapsed years of 365 days",
        undefined="no traded bar",
    ),
    MetricDefinition(
        "max_leverage",
        "Max leverage used",
        "leverage",
        max_leverage,
        formula="largest |position| x price / equity, at bar closes and right after each entry from flat",
    ),
    _count("liquidations", "Liquidations"),
    _count("partial_liquidations", "Partial liquidations"),
    _count("rejected_orders", "Rejected orders"),
    _count("expired_orders", "Expired orders"),
    _count("clipped_orders", "Clipped orders"),
)
