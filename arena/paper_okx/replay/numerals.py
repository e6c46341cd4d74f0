"""Numbers as the exchange writes them: plain decimals, no exponent, no trailing zeros.

Pure. Invariant: a float of a stored series comes back as the same float.
"""

from __future__ import annotations

from decimal import Decimal

__all__ = ["decimal_of", "is_whole", "plain"]


def plain(value: float) -> str:
    """Return `value` as the exchange would write it; 15 digits tell every decimal that was stored."""
    text = f"{value:.15g}"
    return f"{Decimal(text):f}" if "e" in text else text


def decimal_of(value: float) -> Decimal:
    """Return the decimal that `value` was stored for."""
    return Decimal(f"{value:.15g}")


def is_whole(text: str) -> bool:
    """Whether a text is a whole number of a length that times, ids and limits have."""
    return len(text) <= 19 and text.isascii() and text.isdecimal()
