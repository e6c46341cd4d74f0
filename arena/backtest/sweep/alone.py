"""Trials that are runs of their own, by the functions of single runs: hedged ones, and along finer bars.

What a worker has opened of finer bars, and the signal of the last parameters, serve its next trial.
Invariant: a trial's figures do not depend on what its worker ran before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.backtest.account import Outcome, measure_account, open_account
from arena.backtest.finer import FinerBars
from arena.backtest.market import RunMarket
from arena.backtest.metrics import PRIMARY, SECONDARY
from arena.backtest.sweep.axes import STRATEGY
from arena.backtest.sweep.meeting import changed
from arena.backtest.sweep.statistics import FIGURES, Part
from arena.config.models import BacktestConfig
from arena.core.errors import DataError
from arena.core.instrument import Instrument
from arena.core.signal import Signal
from arena.core.timeframe import Timeframe
from arena.data.service import DataService
from arena.engine.simulate import AccountCourse
from arena.strategies import StrategySpec, compute_signal, parse_params

_MEASURES = [metric for metric in (*PRIMARY, *SECONDARY) if metric.name in FIGURES]


def needs_runs(config: BacktestConfig) -> bool:
    """Whether each trial has to be a run of its own."""
    return config.hedge.kind != "none" or config.intrabar == "detail"


@dataclass(frozen=True, slots=True, eq=False)
class Alone:
    """What all trials have in common, and which lengths of finer bars are stored; sent to every worker."""

    config: BacktestConfig
    spec: StrategySpec[Any]
    fixed: dict[str, Any]
    instrument: Instrument
    market: RunMarket
    days: int
    root: str
    finer: tuple[Timeframe, ...]

    @classmethod
    def of(
        cls,
        config: BacktestConfig,
        spec: StrategySpec[Any],
        fixed: dict[str, Any],
        instrument: Instrument,
        market: RunMarket,
        days: int,
    ) -> Alone:
        """Return what trials over `config` have in common; `fixed` are parameters that axes may change."""
        root = config.store.root
        if "://" not in root:
            root = str(Path(root).absolute())  # a worker may stand in another folder
        lengths = _stored(_finer(root, config, market), config)
        return cls(config, spec, fixed, instrument, market, days, root, lengths)

    def worker(self) -> Worker:
        """Return what runs the trials in one thread.

        Raises:
            DataError: the store of this machine is not that of the sweep.
        """
        finer = _finer(self.root, self.config, self.market)
        found = _stored(finer, self.config)
        if found != self.finer:
            raise DataError(
                f"intrabar=detail: a worker finds {_names(found)} below {self.market.bars.timeframe} in "
                f"{self.root} where the sweep finds {_names(self.finer)}: all workers have to read one store"
            )
        return Worker(self, finer)


@dataclass(eq=False)
class Worker:
    """Runs trials one after the other."""

    alone: Alone
    finer: FinerBars
    decided: dict[tuple[Any, ...], Signal] = field(default_factory=dict)

    def run(self, columns: Mapping[str, NDArray[Any]], count: int) -> Part:
        """Return figures and daily returns of `count` trials, whose axes have the values in `columns`."""
        figures: dict[str, NDArray[Any]] = {name: np.empty(count, kind) for name, kind in FIGURES.items()}
        daily = np.empty((count, self.alone.days), np.float32)
        for trial in range(count):
            course, outcome = self._play({name: column[trial].item() for name, column in columns.items()})
            for name, value in _figures(course, outcome).items():
                figures[name][trial] = value
            daily[trial] = outcome.inputs.path.daily_returns
        return figures, daily

    def _play(self, chosen: dict[str, Any]) -> tuple[AccountCourse, Outcome]:
        alone = self.alone
        own = {
            name.removeprefix(STRATEGY): value for name, value in chosen.items() if name.startswith(STRATEGY)
        }
        account = {name: value for name, value in chosen.items() if not name.startswith(STRATEGY)}
        config = changed(alone.config, account)
        signal = self._signal(own)
        readings, _ = open_account(config, alone.market, alone.instrument, signal, self.finer)
        course = readings.play(config.intrabar)
        return course, measure_account(config, readings, course)

    def _signal(self, own: dict[str, Any]) -> Signal:
        """Return the strategy's word; trials of the same parameters come one after the other."""
        key = tuple(own.values())
        if key not in self.decided:
            alone = self.alone
            params = parse_params(alone.spec, {**alone.fixed, **own})
            self.decided = {
                key: compute_signal(alone.spec, alone.market.history, alone.market.funding, params)
            }
        return self.decided[key]


def _figures(course: AccountCourse, outcome: Outcome) -> dict[str, Any]:
    """Return the figures of a trial by the names of `FIGURES`, NaN where a single run has null."""
    inputs, pnl, counts = outcome.inputs, outcome.pnl, outcome.counts
    with np.errstate(all="ignore"):  # as where a single run measures
        measured = {metric.name: metric.read(inputs).value for metric in _MEASURES}
    stated = {name: np.nan if value is None else value for name, value in measured.items()}
    return stated | {
        "final_equity": course.equity[-1],
        "open_trades": counts.open_trades,
        "net_of_winners": inputs.wins.sum(),
        "net_of_losers": inputs.losses.sum(),
        "fees": pnl.fees,
        "funding": pnl.funding,
        "slippage": pnl.slippage,
        "liquidation": pnl.liquidation,
        "returns": len(inputs.path.returns),
        "orders": counts.orders,
        "fills": counts.fills,
        "liquidations": counts.liquidations,
        "partial_liquidations": counts.partial_liquidations,
        "expired_orders": counts.expired_orders,
        "rejected_orders": counts.rejected_orders,
        "clipped_orders": counts.clipped_orders,
        "unfilled_orders": counts.unfilled_orders,
        "ruined": course.ruined,
    }


def _finer(root: str, config: BacktestConfig, market: RunMarket) -> FinerBars:
    return FinerBars(DataService(root, known_at=config.as_of_ms), market.bars, market.mark)


def _stored(finer: FinerBars, config: BacktestConfig) -> tuple[Timeframe, ...]:
    """Return the lengths of finer bars that trials may open, none where they open none."""
    return tuple(finer.timeframes()) if config.intrabar == "detail" else ()


def _names(lengths: tuple[Timeframe, ...]) -> str:
    return ", ".join(map(str, lengths)) or "no bars"
