"""How numbers read in the small print of a metric.

Pure. Invariant: a sign is shown wherever a figure can be a gain or a loss.
"""

from arena.core.timeframe import MS_PER_DAY


def usdt(value: float) -> str:
    """Return an amount like `1,234.56 USDT`."""
    return f"{value:,.2f} USDT"


def signed_usdt(value: float) -> str:
    """Return an amount like `+1,234.56 USDT`."""
    return _with_minus(f"{value:+,.2f} USDT")


def signed_percent(fraction: float) -> str:
    """Return a fraction like `+12.34%`."""
    return _with_minus(f"{fraction:+,.2%}")


def signed_points(fraction: float) -> str:
    """Return a difference of two percentages like `+12.34 points`."""
    return _with_minus(f"{100 * fraction:+,.2f} points")


def percent(fraction: float) -> str:
    """Return a fraction like `12.34%`."""
    return _with_minus(f"{fraction:,.2%}")


def day_count(days: float) -> str:
    """Return a length of time like `31.5 days`."""
    return f"{days:,.1f} days"


def bar_time(bars: float, step_ms: int) -> str:
    """Return the time that `bars` take, in hours below two days."""
    ms = bars * step_ms
    return f"{ms / 3_600_000:,.1f} hours" if ms < 2 * MS_PER_DAY else day_count(ms / MS_PER_DAY)


def _with_minus(text: str) -> str:
    return text.replace("-", "\u2212")
