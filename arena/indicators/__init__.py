"""Causal indicators over bars: value t reads rows <= t and nothing else.

Names are loaded on first use (PEP 562), so that importing a strategy does not import numba.
Invariant: outputs have the length of the input and are NaN until warm; no kernel writes into its input.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arena.indicators.averages import ema, rma
    from arena.indicators.directional import Directional, adx, atr, true_range
    from arena.indicators.many import ema_rows
    from arena.indicators.settlements import annualised_funding, funding_as_of
    from arena.indicators.states import crossed_above, crossed_below, latch
    from arena.indicators.windows import Bollinger, bollinger, rolling_max, rolling_min, rolling_std, sma

__all__ = [
    "Bollinger",
    "Directional",
    "adx",
    "annualised_funding",
    "atr",
    "bollinger",
    "crossed_above",
    "crossed_below",
    "ema",
    "ema_rows",
    "funding_as_of",
    "latch",
    "rma",
    "rolling_max",
    "rolling_min",
    "rolling_std",
    "sma",
    "true_range",
]

_MODULES = {
    "averages": ("ema", "rma"),
    "directional": ("Directional", "adx", "atr", "true_range"),
    "many": ("ema_rows",),
    "settlements": ("annualised_funding", "funding_as_of"),
    "states": ("crossed_above", "crossed_below", "latch"),
    "windows": ("Bollinger", "bollinger", "rolling_max", "rolling_min", "rolling_std", "sma"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
