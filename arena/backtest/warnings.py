"""What a reader has to know before believing a result, as plain sentences."""

from __future__ import annotations

from arena.backtest.result import BacktestResult

FEW_TRADES = 30


def collect_warnings(result: BacktestResult, *, ruined: bool) -> list[str]:
    """Return the warnings of a result, the gravest first."""
    return [
        text
        for text in (
            "SYNTHETIC: the market was generated; nothing here is about a real one."
            if result.synthetic
            else "",
            "The account was liquidated and did not trade again." if ruined else "",
            *_of_data(result),
            *_of_costs(result),
            *_of_trading(result),
        )
        if text
    ]


def _of_data(result: BacktestResult) -> list[str]:
    data, market = result.data, result.market
    found = []
    if data.missing:
        largest, holes = data.gaps[0], "hole" if data.gap_count == 1 else "holes"
        found.append(
            f"{data.missing} of {data.expected} bars are missing in {data.gap_count} {holes}; "
            f"the largest from {largest.start} to {largest.end}. "
            "Nothing was filled in: orders due in a hole were dropped."
        )
    if data.history_missing:
        found.append(f"{data.history_missing} bars are missing in the history that fed the warm-up.")
    if data.flat:
        found.append(f"{data.flat} bars are flat without volume (the exchange was down or nobody traded).")
    known = market.history_bars + market.signal_window
    if known < market.warmup_bars:
        found.append(
            f"The strategy needs {market.warmup_bars} bars before its first value; {known} came before the "
            "first tradable bar."
        )
    return found


def _of_costs(result: BacktestResult) -> list[str]:
    found = []
    for cost in result.costs:
        if cost.cost in {"funding", "mark_price"} and cost.estimated_share > 0:
            name = cost.cost.replace("_", " ").capitalize()
            found.append(f"{name} is {cost.estimated_share:.0%} estimated: {cost.source}.")
        if cost.status == "missing":
            found.append(f"{cost.cost.replace('_', ' ').capitalize()} is missing: {cost.source}.")
    return found


def _of_trading(result: BacktestResult) -> list[str]:
    counts = result.counts
    found = []
    if counts.trades < FEW_TRADES:
        found.append(f"Only {counts.trades} trades: too few to tell skill from luck.")
    if counts.liquidations or counts.partial_liquidations:
        total = counts.liquidations + counts.partial_liquidations
        found.append(f"{total} liquidations: the leverage is too high for this strategy.")
    if counts.rejected_orders:
        found.append(
            f"{counts.rejected_orders} orders were refused (below the minimum size or without margin)."
        )
    if counts.clipped_orders:
        found.append(
            f"{counts.clipped_orders} orders were cut to what margin, tier or largest order allowed."
        )
    return found
