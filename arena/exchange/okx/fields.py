"""Reading single fields of OKX's rows: text that may be empty, exact numbers, times, flags.

Pure. Invariant: a field that is there and cannot be read is an error that names it; it is never skipped
and never zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from arena.core.errors import ExchangeError
from arena.core.quantity import EXACT, Quantity

__all__ = ["Fields"]

_Kind = TypeVar("_Kind", bound=Quantity)
_Word = TypeVar("_Word", bound=StrEnum)


class Fields:
    """A row of an answer; `what` names it in errors: `order`, `position`, ..."""

    __slots__ = ("raw", "what")

    def __init__(self, raw: object, what: str) -> None:
        if not isinstance(raw, Mapping):
            raise ExchangeError(f"{what} of OKX is a {type(raw).__name__}, not a row of fields")
        self.raw: Mapping[str, Any] = raw
        self.what = what

    def maybe(self, key: str) -> str | None:
        """Return the text of a field, None where OKX leaves it empty or out."""
        value = self.raw.get(key)
        if value is None or value == "":
            return None
        if isinstance(value, str):
            return value
        raise self._unreadable(key, "text is expected")

    def text(self, key: str) -> str:
        """Return the text of a field that has to be there."""
        value = self.maybe(key)
        if value is None:
            raise self._unreadable(key, "it has to be there")
        return value

    def number(self, key: str, kind: type[_Kind]) -> _Kind:
        """Return a number that has to be there, in its unit."""
        try:
            return kind(self.text(key))
        except ValueError:
            raise self._unreadable(key, "a number is expected") from None

    def maybe_number(self, key: str, kind: type[_Kind]) -> _Kind | None:
        """Return a number in its unit, None where OKX leaves it empty."""
        return None if self.maybe(key) is None else self.number(key, kind)

    def maybe_ratio(self, key: str) -> Decimal | None:
        """Return a number without a unit, None where OKX leaves it empty."""
        text = self.maybe(key)
        try:
            return None if text is None else EXACT.create_decimal(text)
        except ArithmeticError:
            raise self._unreadable(key, "a number is expected") from None

    def ms(self, key: str) -> int:
        """Return a time that has to be there, UTC ms."""
        text = self.text(key)
        if not (text.isascii() and text.isdigit()):
            raise self._unreadable(key, "milliseconds are expected")
        return int(text)

    def maybe_ms(self, key: str) -> int | None:
        """Return a time in UTC ms, None where OKX leaves it empty."""
        return None if self.maybe(key) is None else self.ms(key)

    def flag(self, key: str) -> bool:
        """Return a yes or no, which OKX sends as JSON or as text; absent is no."""
        value = self.raw.get(key)
        if value in (True, "true"):
            return True
        if value in (False, None, "", "false"):
            return False
        raise self._unreadable(key, "true or false is expected")

    def word(self, key: str, words: Mapping[str, _Word]) -> _Word:
        """Return the house's word for OKX's one, which has to be known."""
        text = self.text(key)
        if text not in words:
            raise self._unreadable(key, f"known are {', '.join(words)}")
        return words[text]

    def maybe_word(self, key: str, words: Mapping[str, _Word]) -> _Word | None:
        """Return the house's word for OKX's one, None where OKX leaves it empty."""
        return None if self.maybe(key) is None else self.word(key, words)

    def settled_in_usdt(self, key: str) -> None:
        """Make sure that money of this row is USDT.

        Raises:
            ExchangeError: it is not; the house counts linear USDT swaps alone.
        """
        currency = self.maybe(key)
        if currency not in {None, "USDT"}:
            raise self._unreadable(
                key, "only what settles in USDT can be counted: trade it on another account"
            )

    def _unreadable(self, key: str, why: str) -> ExchangeError:
        found = repr(self.raw.get(key))[:60]
        owner = self.raw.get("instId") or self.raw.get("ccy") or ""
        return ExchangeError(f"{self.what} of OKX {owner}: {key} is {found}: {why}".replace("  ", " "))
