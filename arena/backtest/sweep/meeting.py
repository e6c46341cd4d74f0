"""How the trials of a batch meet the market: late, with impact, under a cap, by orders that rest.

Asks `conduct_of` for each combination of the axes' values and holds none. Invariant: a part that
is on for any value of its axis is on for all, so that one compiled variant serves the batch; where it does
nothing (no impact, no cap, no delay) the figures are those without it, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from arena.backtest.liquidity import Depth, conduct_of
from arena.backtest.market import RunMarket
from arena.backtest.sweep.axes import Axes
from arena.config.models import BacktestConfig
from arena.core.instrument import Instrument
from arena.engine.conduct import Conduct, decided_at
from arena.engine.simulate import NO_BARS, NOWHERE

Given = tuple[Any, Any, Any]
"""What `run_trials` takes as `conduct`."""


@dataclass(frozen=True, slots=True, eq=False)
class Meeting:
    """What all trials have in common; `depth` is None where none of them asks for it."""

    config: BacktestConfig
    market: RunMarket
    instrument: Instrument
    depth: Depth | None
    is_late: bool

    @classmethod
    def of(cls, config: BacktestConfig, axes: Axes, market: RunMarket, instrument: Instrument) -> Meeting:
        """Return how trials of `axes` over `config` meet `market`.

        Raises:
            DataError: volume is needed and there is none in the run.
        """
        swept = dict(zip(axes.names, axes.values, strict=True))
        costs = config.costs
        moves = np.any(swept.get("costs.impact_coefficient", costs.impact_coefficient))
        limits = "costs.participation_cap" in swept or costs.participation_cap is not None
        depth = Depth.of(market, instrument) if moves or limits else None
        late = bool(np.any(swept.get("costs.latency_bars", costs.latency_bars)))
        return cls(config, market, instrument, depth, late)

    @property
    def is_plain(self) -> bool:
        """Whether nothing is assumed beyond the plain account."""
        return not self.is_late and all(part is None for part in _columns(self._conduct(self.config)))

    @property
    def size(self) -> int:
        """Bytes of what is worked out for one combination."""
        arrays = 2 * (self.depth is not None) + self.is_late
        return 8 * arrays * len(self.market.bars)

    def given(self, chosen: Mapping[str, float]) -> Given:
        """Return what the kernel takes for trials with these values of the conduct's axes."""
        conduct = self._conduct(changed(self.config, chosen))
        columns = _columns(conduct)
        bars, source = self.market.bars, None
        if self.is_late:
            source = decided_at(bars.ts, bars.timeframe.step_ms, conduct.latency_bars)
        is_plain = source is None and all(part is None for part in columns)
        return None if is_plain else columns, source, columns[2]

    def _conduct(self, config: BacktestConfig) -> Conduct:
        found = conduct_of(config.costs, config.orders, self.market, self.instrument, self.depth)
        return replace(found, intrabar="worst" if config.intrabar == "detail" else config.intrabar)


def changed(config: BacktestConfig, chosen: Mapping[str, float]) -> BacktestConfig:
    """Return `config` with the account's values in `chosen`, names like `costs.slippage_bps`, unchecked."""
    own: dict[str, Any] = {}
    groups: dict[str, dict[str, float]] = {}
    for name, value in chosen.items():
        group, _, key = name.rpartition(".")
        if group:
            groups.setdefault(group, {})[key] = value
        else:
            own[key] = value
    for group, values in groups.items():
        own[group] = getattr(config, group).model_copy(update=values)
    return config.model_copy(update=own)


def _columns(conduct: Conduct) -> Any:
    return conduct.columns(NOWHERE, NO_BARS)
