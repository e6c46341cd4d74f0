"""The grid of a sweep: names and their values, combined by position and never written out.

Pure. Invariant: row r of the grid is the r-th combination in the order of nested loops, the last axis
the innermost; a column of any rows costs a division, not a list.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.core.bars import IntArray
from arena.core.errors import ConfigError, unknown_name

STRATEGY = "strategy."
TERM_AXES = ("fee_rate", "costs.half_spread_bps", "costs.slippage_bps", "leverage", "sizing.value")
"""Terms of the account: each trial has its own in the kernel."""

CONDUCT_AXES = (
    "costs.impact_coefficient",
    "costs.participation_cap",
    "costs.latency_bars",
    "orders.offset_bps",
    "orders.bars",
    "orders.maker_fee_rate",
)
"""How the market is met: trials that are equal in it are handed to the kernel together."""

HEDGE_AXES = ("hedge.fee_rate", "hedge.half_spread_bps", "hedge.slippage_bps")
"""What a hedge of coins costs: its trials are runs of their own."""

ACCOUNT_AXES = (*TERM_AXES, *CONDUCT_AXES, *HEDGE_AXES)
"""What can be swept beside the strategy's own numbers: columns of one batch, not another market."""


@dataclass(frozen=True, slots=True, eq=False)
class Axes:
    """Names and the values of each, in order; `shape` is the grid's."""

    names: tuple[str, ...]
    values: tuple[NDArray[Any], ...]

    @classmethod
    def of(cls, given: Mapping[str, Sequence[float] | NDArray[Any]]) -> Axes:
        """Return axes over `given`, name by name.

        Raises:
            ConfigError: no axis, an axis without a value, with one that is no number or is there twice,
                or a name that cannot be swept as a column.
        """
        if not given:
            raise ConfigError("a sweep needs at least one axis: give a name and its values")
        return cls(tuple(given), tuple(_values(name, given[name]) for name in given))

    @property
    def shape(self) -> tuple[int, ...]:
        """Values on each axis."""
        return tuple(len(values) for values in self.values)

    @property
    def size(self) -> int:
        """Combinations of the whole grid."""
        return math.prod(self.shape)

    def positions(self, rows: IntArray) -> tuple[IntArray, ...]:
        """Return for each axis the position of its value in each of `rows`."""
        return tuple(np.asarray(part, np.int64) for part in np.unravel_index(rows, self.shape))

    def columns(self, rows: IntArray) -> dict[str, NDArray[Any]]:
        """Return for each name its value in each of `rows`."""
        found = self.positions(rows)
        return {name: values[at] for name, values, at in zip(self.names, self.values, found, strict=True)}


def _values(name: str, given: Sequence[float] | NDArray[Any]) -> NDArray[Any]:
    if not name.startswith(STRATEGY) and name not in ACCOUNT_AXES:
        raise ConfigError(
            unknown_name("axis", name, (*ACCOUNT_AXES, f"{STRATEGY}<parameter>"), "others need a run each")
        )
    values = np.asarray(given)
    if values.ndim != 1 or not len(values):
        raise ConfigError(f"{name}: an axis needs a list of at least one value")
    if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        raise ConfigError(f"{name}: the values of an axis are finite numbers")
    if len(np.unique(values)) < len(values):
        raise ConfigError(f"{name}: a value is there twice; give each once")
    return values
