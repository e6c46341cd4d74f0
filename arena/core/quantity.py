"""Contracts, coins, USDT and prices: exact numbers that do not mix.

Pure. One may add contracts to contracts and to nothing else; the way from one kind to another leads through
an instrument's contract size (`arena.core.lots`). Made of text, int or Decimal, never of a float.
Invariant: no operation rounds: a sum that does not fit is an error, not a nearby number.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Self

__all__ = ["EXACT", "Coins", "Contracts", "Price", "Quantity", "Usdt"]

EXACT = Context(prec=96, Emin=-96, Emax=96, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
"""Arithmetic that raises where it would have to round."""

_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,2})?")


class Quantity:
    """A Decimal with a unit; use one of its kinds below.

    `str()` gives plain digits as the exchange writes them: text in, the same text out.
    """

    __slots__ = ("value",)

    value: Decimal

    def __init__(self, value: str | int | Decimal) -> None:
        object.__setattr__(self, "value", _exact(value, type(self).__name__))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed: make a new one")

    def __reduce__(self) -> tuple[type[Self], tuple[Decimal]]:
        return type(self), (self.value,)

    def __str__(self) -> str:
        return format(self.value, "f")

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self}')"

    def __hash__(self) -> int:
        return hash((type(self), self.value))

    def __bool__(self) -> bool:
        return bool(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Quantity | int | float | Decimal):
            return self.value == self._same(other, "compare").value  # never False by a slip of the unit
        return NotImplemented

    def __lt__(self, other: Self) -> bool:
        return self.value < self._same(other, "compare").value

    def __le__(self, other: Self) -> bool:
        return self.value <= self._same(other, "compare").value

    def __gt__(self, other: Self) -> bool:
        return self.value > self._same(other, "compare").value

    def __ge__(self, other: Self) -> bool:
        return self.value >= self._same(other, "compare").value

    def __add__(self, other: Self) -> Self:
        return type(self)(EXACT.add(self.value, self._same(other, "add").value))

    def __sub__(self, other: Self) -> Self:
        return type(self)(EXACT.subtract(self.value, self._same(other, "subtract").value))

    def __mul__(self, factor: int | Decimal) -> Self:
        if isinstance(factor, bool) or not isinstance(factor, int | Decimal):
            raise TypeError(f"{type(self).__name__} can be multiplied by an int or a Decimal alone")
        return type(self)(EXACT.multiply(self.value, Decimal(factor)))

    __rmul__ = __mul__

    def __neg__(self) -> Self:
        return type(self)(self.value.copy_negate() if self.value else self.value)

    def __abs__(self) -> Self:
        return type(self)(self.value.copy_abs())

    def _same(self, other: object, action: str) -> Self:
        if type(other) is type(self):
            return other
        raise TypeError(f"cannot {action} {type(self).__name__} and {type(other).__name__}: convert first")


class Contracts(Quantity):
    """A size as the account counts it; a position's is signed, short below zero."""

    __slots__ = ()


class Coins(Quantity):
    """An amount of the base currency."""

    __slots__ = ()


class Usdt(Quantity):
    """Money of the account: margin, PnL, fees (below zero when charged), notional."""

    __slots__ = ()


class Price(Quantity):
    """USDT for one coin."""

    __slots__ = ()


def _exact(value: object, kind: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise TypeError(f"{kind} is made of text, int or Decimal, not of {type(value).__name__} {value!r}")
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError(f"'{value[:40]}' is no number: {kind} reads plain digits like -12.50")
    number = Decimal(value)
    try:
        return EXACT.create_decimal(number if number.is_finite() else "nan is refused")
    except ArithmeticError:
        raise ValueError(
            f"{kind} cannot hold {str(value)[:40]}: finite, at most {EXACT.prec} digits"
        ) from None
