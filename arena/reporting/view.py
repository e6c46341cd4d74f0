"""What each section of the report says, as plain values for the template.

Pure: turns a result into words and rows, computes no statistic of its own. Invariant: an
undefined number reads as a dash beside its reason, never as zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from arena.backtest.causality import badge_sentence
from arena.backtest.result import (
    BacktestResult,
    CausalityBadge,
    CostProvenance,
    HedgeSplit,
    Metric,
    MonthReturn,
    PnlSplit,
)
from arena.reporting.figures import DASH, is_signed, metric_text, number, percent, tone
from arena.reporting.heat import heat_class

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_FEW_TRADES, _SOME_TRADES = 30, 100


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric ready to read."""

    label: str
    text: str
    tone: str
    note: str
    badge: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A heat cell ready to read."""

    text: str
    css: str


@dataclass(frozen=True, slots=True)
class YearRow:
    """Twelve months and their year."""

    year: int
    months: list[Cell]
    total: Cell


@dataclass(frozen=True, slots=True)
class Step:
    """One step from price result to total: its bar runs from `left` for `width` percent."""

    label: str
    note: str
    amount: str
    tone: str
    left: float
    width: float


def figure(metric: Metric) -> Figure:
    """Return a metric as a card or row shows it."""
    parts = [text for text in (metric.reason if metric.value is None else None, metric.note) if text]
    note = ". ".join(part[:1].upper() + part[1:] for part in parts)
    badge = ""
    if metric.name == "trades" and metric.value is not None:
        if metric.value < _FEW_TRADES:
            badge = f"low sample: under {_FEW_TRADES}"
        elif metric.value < _SOME_TRADES:
            badge = f"small sample: under {_SOME_TRADES}"
    return Figure(
        metric.label, metric_text(metric), tone(metric.value) if is_signed(metric) else "", note, badge
    )


@dataclass(frozen=True, slots=True)
class Badge:
    """Whether the strategy looks ahead: a CSS class, a short verdict and a sentence."""

    css: str
    verdict: str
    sentence: str


def causality_badge(badge: CausalityBadge | None) -> Badge:
    """Return the causality badge as a page's head shows it."""
    if badge is None:
        return Badge("unchecked", "Look-ahead not checked", "This result was made without the check.")
    if badge.passed is None:
        return Badge("unchecked", "Look-ahead not checked", badge_sentence(badge))
    if badge.passed:
        return Badge("passed", "Causal", badge_sentence(badge))
    return Badge("failed", "LOOKS AHEAD", badge_sentence(badge))


def comparison(result: BacktestResult) -> list[tuple[str, str, str]]:
    """Return rows of label, strategy, buy and hold for the metrics that both have."""
    own = {metric.name: metric for metric in (*result.primary, *result.secondary)}
    rows = []
    for metric in result.buy_and_hold:
        mine = own.get(metric.name)
        rows.append((metric.label, metric_text(mine) if mine else DASH, metric_text(metric)))
    return rows


def month_rows(months: list[MonthReturn]) -> list[YearRow]:
    """Return one row a year; the total compounds the months that are there."""
    by_year: dict[int, dict[int, float]] = {}
    for month in months:
        by_year.setdefault(month.year, {})[month.month] = month.value
    largest = max((abs(month.value) for month in months), default=0.0)
    rows = []
    for year, values in sorted(by_year.items()):
        growth = 1.0
        for value in values.values():
            growth *= 1.0 + value
        cells = [_cell(values.get(month), largest) for month in range(1, 13)]
        rows.append(YearRow(year, cells, Cell(percent(growth - 1.0, 1, signed=True), tone(growth - 1.0))))
    return rows


def pnl_steps(pnl: PnlSplit) -> list[Step]:
    """Return the way from the price result to the total, each step where the one before ended."""
    parts = [
        ("Price moves", "at reference prices, before any cost", pnl.price),
        ("Fees", "charged by the exchange", -pnl.fees),
        ("Funding", "received" if pnl.funding >= 0 else "paid", pnl.funding),
        ("Spread and slippage", "price paid against the reference price", -pnl.slippage),
        ("Liquidation", "bankruptcy price against the mark", -pnl.liquidation),
    ]
    levels = [0.0]
    for _, _, amount in parts:
        levels.append(levels[-1] + amount)
    low, high = min(*levels, pnl.total), max(*levels, pnl.total)
    span = (high - low) or 1.0

    def step(label: str, note: str, amount: float, start: float) -> Step:
        left = 100 * (min(start, start + amount) - low) / span
        width = 100 * abs(amount) / span
        return Step(label, note, number(amount, signed=True), tone(amount), round(left, 2), round(width, 2))

    steps = [step(*part, start) for part, start in zip(parts, levels, strict=False)]
    return [*steps, step("Total", "change of equity", pnl.total, 0.0)]


def leg_rows(split: HedgeSplit | None) -> list[tuple[str, str, str, str]]:
    """Return rows of part, swap, spot, both for a hedged run; none where nothing is hedged."""
    if split is None:
        return []
    parts = [
        ("Price moves", split.swap_price_pnl, split.spot_price_pnl),
        ("Fees", -split.swap_fees, -split.spot_fees),
        ("Spread and slippage", -split.swap_slippage, -split.spot_slippage),
        ("Funding", split.funding, None),
        ("Liquidation", -split.liquidation, None),
        ("Total", split.swap_pnl, split.spot_pnl),
    ]

    def text(amount: float | None) -> str:
        return DASH if amount is None else number(amount, signed=True)

    return [(label, text(swap), text(spot), text(swap + (spot or 0.0))) for label, swap, spot in parts]


def cost_rows(costs: list[CostProvenance]) -> list[dict[str, str]]:
    """Return one row a cost: what is known, what is assumed, what is missing."""
    return [
        {
            "cost": cost.cost.replace("_", " ").capitalize(),
            "status": cost.status,
            "actual": percent(cost.actual_share, 1),
            "estimated": percent(cost.estimated_share, 1),
            "missing": percent(cost.missing_share, 1),
            "amount": number(cost.amount),
            "source": cost.source,
        }
        for cost in costs
    ]


def flat_settings(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested settings as dotted keys and short texts."""
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            rows += flat_settings(value, f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", _setting(value)))
    return rows


def _setting(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(_setting(item) for item in value)
    return str(value)


def _cell(value: float | None, largest: float) -> Cell:
    return Cell("" if value is None else percent(value, 1, signed=True), heat_class(value, largest))
