"""A request as it came in: text, numbers and flags out of a JSON object.

Pure. Invariant: "", None and a missing key are the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal

from arena.paper_okx.refusal import Refusal

__all__ = ["Request"]

_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,20})?")  # what the grid of money has room for
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_WORD = re.compile(r"[A-Za-z0-9]*")


class Request:
    """One request's parameters; what cannot be read is refused with the parameter's name."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = {name: value for name, value in values.items() if value not in ("", None)}

    def has(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str, default: str = "") -> str:
        value = self._values.get(name)
        if value is None:
            return default
        return value if isinstance(value, str) else _plain(value)

    def need(self, name: str) -> str:
        """Return a parameter that may not be missing."""
        if not self.has(name):
            raise Refusal("50014", name)
        return self.text(name)

    def choice(self, name: str, known: Collection[str], default: str = "") -> str:
        """Return one of `known`; a missing parameter needs a default."""
        value = self.text(name, default)
        if not value:
            raise Refusal("50014", name)
        if value not in known:
            raise Refusal("51000", name)
        return value

    def word(self, name: str, longest: int) -> str:
        """Return an id of letters and digits."""
        value = self.text(name)
        if len(value) > longest or not _WORD.fullmatch(value):
            raise Refusal("51000", name)
        return value

    def number(self, name: str) -> Decimal | None:
        if not self.has(name):
            return None
        value = self.text(name)
        if not _NUMBER.fullmatch(value):
            raise Refusal("51000", name)
        return Decimal(value)

    def amount(self, name: str) -> Decimal | None:
        """Return a number that has to be above zero."""
        value = self.number(name)
        if value is not None and value <= 0:
            raise Refusal("51000", name)
        return value

    def whole(self, name: str) -> int | None:
        if not self.has(name):
            return None
        value = self.text(name)
        if not _WHOLE.fullmatch(value):
            raise Refusal("51000", name)
        return int(value)

    def flag(self, name: str) -> bool:
        value = self.text(name, "false").lower()
        if value not in {"true", "false"}:
            raise Refusal("51000", name)
        return value == "true"

    def parts(self, name: str) -> list[Request]:
        """Return the objects of a list inside the request."""
        value = self._values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(part, Mapping) for part in value):
            raise Refusal("51000", name)
        return [Request(part) for part in value]


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)
