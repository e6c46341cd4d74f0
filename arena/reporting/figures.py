"""How numbers and times read in a report.

Pure. Invariant: a minus is U+2212 and never stands before a rounded zero; an unknown is a dash.
"""

from __future__ import annotations

from arena.backtest.result import Metric
from arena.engine.records import FillReason

MINUS = "\u2212"
DASH = "\u2013"

_SIGNED_WORDS = ("return", "cagr", "excess", "expectancy", "pnl", "net_profit", "alpha", "funding")

REASON_NAMES = {
    0: "still open",
    FillReason.OPEN: "open",
    FillReason.CLOSE: "signal",
    FillReason.STOP_LOSS: "stop loss",
    FillReason.TAKE_PROFIT: "take profit",
    FillReason.LIQUIDATION_PARTIAL: "partial liquidation",
    FillReason.LIQUIDATION: "liquidation",
    FillReason.OPEN_LIMIT: "open, limit",
}


def reason_name(code: int) -> str:
    """Return why a trade or fill ended, in words."""
    return REASON_NAMES.get(code, f"code {code}")


def number(value: float | None, decimals: int = 2, *, signed: bool = False) -> str:
    """Return `value` with thousands separators: 12,345.68."""
    if value is None:
        return DASH
    text = f"{abs(value):,.{decimals}f}"
    if not any(digit in text for digit in "123456789"):
        return text
    if value < 0:
        return MINUS + text
    return f"+{text}" if signed else text


def percent(value: float | None, decimals: int = 2, *, signed: bool = False) -> str:
    """Return a fraction as percent: 0.123 reads 12.30%."""
    return DASH if value is None else f"{number(100 * value, decimals, signed=signed)}%"


def moment(iso: str | None) -> str:
    """Return an ISO-8601 UTC time as people read it: 2025-01-31 12:00."""
    return DASH if iso is None else iso[:16].replace("T", " ")


def is_signed(metric: Metric) -> bool:
    """Whether a plus says something in front of this metric."""
    return metric.unit in {"fraction", "usdt"} and any(word in metric.name for word in _SIGNED_WORDS)


def metric_text(metric: Metric) -> str:
    """Return a metric's value with its unit, or a dash when it is undefined."""
    value, signed = metric.value, is_signed(metric)
    if value is None:
        return DASH
    texts = {
        "fraction": lambda: percent(value, signed=signed),
        "usdt": lambda: f"{number(value, signed=signed)} USDT",
        "ratio": lambda: number(value),
        "count": lambda: number(value, 0),
        "bars": lambda: f"{number(value, 0 if float(value).is_integer() else 1)} bars",
        "days": lambda: f"{number(value, 1)} days",
        "leverage": lambda: f"{number(value)}\u00d7",
    }
    return texts[metric.unit]()


def tone(value: float | None) -> str:
    """Return the CSS class of a gain or loss; zero and unknown have none."""
    if not value:
        return ""
    return "gain" if value > 0 else "loss"
