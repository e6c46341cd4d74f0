"""Every error the project raises on purpose, grouped by the reaction it asks for.

    ArenaError
    ├── ConfigError            the user mends a key, a value or a path        exit 2
    ├── DataError              the data is not fit for what was asked         exit 3
    │   ├── GapError           bars are missing where none may be
    │   └── StaleDataError     the newest bar is too old
    ├── ExchangeError          the exchange or the network                    exit 4
    │   ├── Retryable          nothing happened; the same call may be sent again
    │   ├── Rejected           the exchange said no; do not send it again
    │   └── OutcomeUnknown     an order may exist: reconcile, never resend
    ├── RiskBlocked            a risk rule refused                            exit 5
    └── TradingDisabled        a safety switch is off                         exit 5

A message says what, where, the value found, the values known, and what to do.
"""

import difflib
from collections.abc import Iterable

__all__ = [
    "ArenaError",
    "ConfigError",
    "DataError",
    "ExchangeError",
    "GapError",
    "OutcomeUnknown",
    "Rejected",
    "Retryable",
    "RiskBlocked",
    "StaleDataError",
    "TradingDisabled",
    "nearest",
    "unknown_name",
]


class ArenaError(Exception):
    """Base of the tree; `exit_code` is what a job ends with."""

    exit_code = 1


class ConfigError(ArenaError):
    """A key, value or path that the user has to mend."""

    exit_code = 2


class DataError(ArenaError):
    """Data that is missing or not fit for what was asked of it."""

    exit_code = 3


class GapError(DataError):
    """Bars are missing inside a range that has to be whole."""


class StaleDataError(DataError):
    """The newest bar is older than the caller allows."""


class ExchangeError(ArenaError):
    """The exchange or the way to it failed; `code` is the exchange's own, empty where it gave none."""

    exit_code = 4

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Retryable(ExchangeError):
    """Nothing was applied: the same call may be sent again."""


class Rejected(ExchangeError):
    """The exchange refused for good: do not send it again."""


class OutcomeUnknown(ExchangeError):
    """The call may have been applied: reconcile by id, never resend."""


class RiskBlocked(ArenaError):
    """A risk rule refused the action."""

    exit_code = 5


class TradingDisabled(ArenaError):
    """A safety switch keeps orders from leaving."""

    exit_code = 5


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest in spelling to `name`, or None when nothing is close.

    One that differs in upper and lower case alone is the closest.
    """
    names = list(known)
    alike = [one for one in names if one.casefold() == name.casefold()]
    matches = alike or difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return matches[0] if matches else None


def unknown_name(what: str, name: str, known: Iterable[str], hint: str = "") -> str:
    """Return one sentence that names the unknown value, the nearest known one and all known ones."""
    names = sorted(known)
    close = nearest(name, names)
    message = f"unknown {what} '{name}'"
    if close:
        message += f": did you mean '{close}'?"
    message += f" (known: {', '.join(names) if names else 'none'})"
    return f"{message}; {hint}" if hint else message
