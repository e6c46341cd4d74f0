"""What a reader has to know before believing a result, as plain sentences."""

from __future__ import annotations

from arena.backtest.causality import badge_sentence
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
            _of_causality(result),
            "The account was liquidated and did not trade again." if ruined else "",
            *_of_data(result),
            *_of_costs(result),
            *_of_trading(result),
        )
        if text
    ]


def _of_causality(result: BacktestResult) -> str:
    badge = result.causality
    return "" if badge is None or badge.passed else badge_sentence(badge)


def _of_data(result: BacktestResult) -> list[str]:
    data, market = result.data, result.market
    found = []
    if data.missing:
        largest = data.gaps[0]
        dropped = result.counts.expired_orders
        found.append(
            f"{data.missing:,} of {data.expected:,} bars are missing in {_count(data.gap_count, 'hole')}; "
            f"the largest from {largest.start} to {largest.end}. Nothing was filled in"
            + (f"; {_count(dropped, 'order')} due in a hole dropped." if dropped else ".")
        )
    if data.bridged:
        found.append(
            f"At {_count(data.bridged, 'bar')} the strategy looks back across a hole: its indicators take "
            "the bars on both sides as neighbours."
        )
    for number, what in (
        (data.duplicates, "doubled"),
        (data.off_grid, "between the opens of the timeframe"),
        (data.bad_ohlc, "with prices or volume that no market can have made"),
        (data.spikes, "far out of both neighbours: crashes, or wrong prices"),
    ):
        if number:
            found.append(f"{_count(number, 'bar')} {what}.")
    if data.history_missing:
        found.append(f"{_count(data.history_missing, 'bar')} missing in the warm-up before the run.")
    if data.flat:
        found.append(
            f"{_count(data.flat, 'bar')} flat without volume: the exchange was down or nobody traded."
        )
    known = market.history_bars + market.signal_window
    if known < market.warmup_bars:
        found.append(
            f"The strategy needs {market.warmup_bars:,} bars before its first value; {known:,} came before "
            "the first tradable bar."
        )
    return found


def _of_costs(result: BacktestResult) -> list[str]:
    found = []
    for cost in result.costs:
        name = cost.cost.replace("_", " ").capitalize()
        if cost.cost in {"funding", "mark_price"} and cost.estimated_share > 0:
            found.append(f"{name} is {_share(cost.estimated_share)} estimated: {cost.source}.")
        if cost.status == "missing":
            found.append(f"{name} is missing: {cost.source}.")
    return found


def _of_trading(result: BacktestResult) -> list[str]:
    counts = result.counts
    found = []
    if counts.trades < FEW_TRADES:
        found.append(f"Only {_count(counts.trades, 'trade')}: too few to tell skill from luck.")
    if counts.liquidations or counts.partial_liquidations:
        total = counts.liquidations + counts.partial_liquidations
        found.append(f"{_count(total, 'liquidation')}: the leverage is too high for this strategy.")
    if counts.rejected_orders:
        found.append(
            f"{_count(counts.rejected_orders, 'order')} refused: the account was too small for the minimum "
            "size, or without margin. A run that goes on without trading looks calmer than it is."
        )
    if counts.clipped_orders:
        found.append(
            f"{_count(counts.clipped_orders, 'order')} cut to what margin, tier or the largest order allowed."
        )
    return found


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _share(fraction: float) -> str:
    return "less than 1%" if fraction < 0.01 else f"{fraction:.0%}"
