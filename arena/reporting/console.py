"""A result as people read it in a terminal."""

from __future__ import annotations

from pathlib import Path

from arena.backtest.causality import badge_sentence
from arena.backtest.result import BacktestResult, HedgeSplit, Metric
from arena.reporting.band_view import wide_note
from arena.reporting.figures import metric_text, number


def headline(result: BacktestResult, folder: Path, *, html: bool) -> str:
    """Return the table of primary metrics, the warnings and where the files are."""
    market = result.market
    lines = []
    if result.synthetic:
        lines.append("SYNTHETIC: the market was generated; these numbers are about no real one")
    title = f"{result.strategy.name}  {market.symbol}  {market.timeframe}"
    lines += [
        title,
        f"{market.start} to {market.end}, {market.traded_bars:,} of {market.bars:,} bars traded",
        "",
    ]
    lines += [_row(metric) for metric in result.primary]
    if result.hedge is not None:
        lines += ["", _hedge(result.hedge)]
    lines += ["", *(f"! {text}" for text in result.warnings if not text.startswith("SYNTHETIC"))]
    if wide := wide_note(result):
        lines.append(f"! {wide}")
    if result.causality is not None and result.causality.passed:
        lines.append(badge_sentence(result.causality))
    if result.timings_ms is not None:
        lines += ["time, ms", *(f"  {step:<10}{spent:8.1f}" for step, spent in result.timings_ms.items())]
    lines.append(f"report  {folder / 'report.html' if html else folder / 'result.json'}")
    return "\n".join(lines)


def _hedge(split: HedgeSplit) -> str:
    amounts = (
        ("swap", split.swap_price_pnl),
        ("spot", split.spot_price_pnl),
        ("basis", split.basis_pnl),
        ("funding", split.funding),
        ("fees", -split.swap_fees - split.spot_fees),
        ("slippage", -split.swap_slippage - split.spot_slippage),
    )
    words = ", ".join(f"{name} {number(amount, signed=True)}" for name, amount in amounts)
    return f"  {'Hedged, USDT':<22}{words}"


def _row(metric: Metric) -> str:
    note = metric.note or ""
    if metric.value is None:
        note = metric.reason or ""
    return f"  {metric.label:<22}{metric_text(metric):>12}  {note}".rstrip()
