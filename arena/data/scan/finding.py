"""The vocabulary of the scan: kinds of findings, how grave each is, and what each means.

Pure. Invariant: a finding is known by its kind, its series and its range; two scans of equal data give
equal findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType

DIFFERS_FROM = "differs_from_"


class Severity(IntEnum):
    """How grave a finding is; ordered."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    @property
    def word(self) -> str:
        """The name that people and the ledger read."""
        return self.name.lower()


MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "absent": "the series was asked for and is not stored",
        "gap": "bars are missing between the first and the last stored one",
        "duplicate": "a stamp is stored more than once",
        "off_grid": "a bar opens between two bars of its timeframe",
        "unfinished": "a bar was stored before it had closed",
        "stale": "the newest bar is older than it should be",
        "bad_ohlc": "prices or volume that no market can have made",
        "zero_volume": "nobody traded: an outage of the exchange, or a quiet market",
        "spike": "a price far out of its neighbours on both sides",
        "off_mark": "a price far from the mark price of the same bar",
        "funding_gap": "settlements are missing",
        "funding_spacing": "settlements that do not follow each other at the instrument's interval",
        "funding_stale": "the newest settlement is older than it should be",
    }
)
"""What a kind means, in words. A kind of mark or index prices is `mark_` or `index_` and one of these."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong in [start, end), UTC ms; `bars` counts the bars or settlements concerned."""

    kind: str
    start: int
    end: int
    bars: int
    severity: Severity
    detail: Mapping[str, float | int | str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int, int]:
        """What makes it the same finding in another scan of the series."""
        return self.kind, self.start, self.end


def meaning(kind: str) -> str:
    """Return what a kind means, in words."""
    if kind.startswith(DIFFERS_FROM):
        other = kind.removeprefix(DIFFERS_FROM)
        return f"bars that are not what the {other} series of the same time says"
    for prefix in ("mark", "index"):
        plain = kind.removeprefix(f"{prefix}_")
        if plain != kind:
            return f"{prefix} prices: {MEANINGS.get(plain, plain)}"
    return MEANINGS.get(kind, kind)


def worst(findings: Iterable[Finding]) -> Severity | None:
    """Return the gravest severity, None where nothing was found."""
    return max((found.severity for found in findings), default=None)
