"""A request as the routes see it, and what a route is.

Pure. Invariant: numbers of a body stay the text they came as, so that no decimal is lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import parse_qsl

from arena.config.paper import FaultRule
from arena.paper_okx.exchange import PaperExchange
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.replay.numerals import is_whole

__all__ = ["Call", "Route", "Shape", "parse_body", "parse_query"]

Row = dict[str, object]


@dataclass(slots=True)
class Call:
    """One request to /api/v5."""

    method: str
    path: str
    params: Mapping[str, str]
    body: object
    address: str
    now: int = 0
    uid: str = ""
    struck: Sequence[FaultRule] = field(default_factory=tuple)

    def text(self, name: str, default: str = "") -> str:
        """Return a parameter of the query; absent and empty are the same."""
        return self.params.get(name) or default

    def needed(self, name: str) -> str:
        """Return a parameter of the query.

        Raises:
            Refusal: 50014, it is absent or empty.
        """
        value = self.text(name)
        if not value:
            raise Refusal("50014", name)
        return value

    def number(self, name: str) -> int | None:
        """Return a whole number of the query, None where it is absent.

        Raises:
            Refusal: 51000, it is no whole number.
        """
        value = self.text(name)
        if not value:
            return None
        if not is_whole(value):
            raise Refusal("51000", f"{name} (found '{value[:20]}')")
        return int(value)

    def limit(self, usual: int, largest: int, name: str = "limit") -> int:
        """Return the page length; what is above the largest means the largest.

        Raises:
            Refusal: 51000, it is no whole number above 0.
        """
        found = self.number(name)
        if found == 0:
            raise Refusal("51000", f"{name} (found '0')")
        return min(found or usual, largest)

    def struck_by(self, kind: str) -> bool:
        """Whether a fault of this kind strikes the call."""
        return any(rule.kind == kind for rule in self.struck)


class Shape(Enum):
    """How the rows of a route are wrapped."""

    ROWS = "rows"  # code 0, or the refusal's code with no rows
    ORDER = "order"  # one row with its sCode, inTime and outTime
    ALGO = "algo"  # one row with its sCode
    BATCH = "batch"  # a row an item, each with its sCode, inTime and outTime
    ALGO_BATCH = "algo_batch"  # a row an item, each with its sCode


Handle = Callable[[PaperExchange, Call], Sequence[object]]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint."""

    handle: Handle
    private: bool = False
    shape: Shape = Shape.ROWS
    changes: bool = False  # asks for the permission to trade
    blank: tuple[str, ...] = ()  # what a refused row has beside sCode and sMsg
    most: int = 1  # items of a batch
    counted: bool = False  # whether it counts as new or amended orders of the account


def parse_query(text: str) -> dict[str, str]:
    """Return the parameters of a query; the first of a name counts."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found.setdefault(name, value)
    return found


def parse_body(body: bytes, content_type: str) -> object:
    """Return the JSON of a POST.

    Raises:
        Refusal: 50000 there is none, 50006 it is said to be something else, 50002 it is no JSON.
    """
    if not body.strip():
        raise Refusal("50000")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise Refusal("50006", f"found '{content_type}'")
    try:
        return json.loads(body, parse_float=str, parse_int=str, parse_constant=_no_constant)
    except (ValueError, RecursionError):  # the second: thousands of brackets
        raise Refusal("50002") from None


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
