"""The grids that amounts are kept on, and how a number is written in a row.

Pure. Invariant: money lies on one grid from the moment it is booked, so that sums are exact whatever their
order.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

__all__ = ["ONE", "ZERO", "ceil_to", "fine", "floor_to", "money", "on_grid", "text"]

ZERO = Decimal(0)
ONE = Decimal(1)
_MONEY = Decimal("1E-12")
_FINE = Decimal("1E-16")


def money(value: Decimal) -> Decimal:
    """Round to the grid of balances, 1e-12."""
    return value.quantize(_MONEY)


def fine(value: Decimal) -> Decimal:
    """Round to 1e-16, for average prices and ratios."""
    return value.quantize(_FINE)


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Return the highest multiple of `step` that is at most `value`."""
    return (value / step).to_integral_value(ROUND_FLOOR) * step


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """Return the lowest multiple of `step` that is at least `value`."""
    return (value / step).to_integral_value(ROUND_CEILING) * step


def on_grid(value: Decimal, step: Decimal) -> bool:
    """Whether `value` is a whole multiple of `step`."""
    return value % step == 0


def text(value: Decimal | None) -> str:
    """Write plain digits without trailing zeros; "" for a number that does not apply."""
    if value is None:
        return ""
    return format(value.normalize(), "f") if value else "0"
