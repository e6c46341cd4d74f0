"""How much worse a cost may get before the run stops paying: the same decisions, one cost changed.

Runs the engine again and reads nothing. Invariant: but for the cost in question, a run on a curve is the run
itself, so at the value of now it gives the run's own return.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from arena.backtest.market import RunMarket
from arena.backtest.metrics.inputs import EquityPath
from arena.backtest.verdict import BreakEvenCurve
from arena.core.bars import FloatArray
from arena.core.instrument import Instrument
from arena.core.signal import Signal
from arena.engine.conduct import USUAL, Conduct
from arena.engine.settlements import Settlements
from arena.engine.simulate import AccountSettings, simulate

BPS = 1e-4
SLIPPAGE_BPS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0)
FEES = (0.0, 0.0002, 0.0005, 0.001, 0.002)
DELAYS = (0, 1, 2, 4, 8)
SHOCKS_BPS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
_STEPS = 5
_CLOSE = 1e-4

Cost = Literal["slippage_bps", "fee_rate", "delay_bars", "funding_shock"]
Rerun = Callable[[float], EquityPath]


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """A run that can be run again: its inputs, and the position that it held after each bar."""

    market: RunMarket
    instrument: Instrument
    signal: Signal
    settings: AccountSettings
    position: FloatArray
    slippage_bps: float
    conduct: Conduct = USUAL

    def path(
        self,
        *,
        signal: Signal | None = None,
        settings: AccountSettings | None = None,
        settlements: Settlements | None = None,
    ) -> EquityPath:
        """Return the equity over the traded bars with the given parts changed."""
        market, used = self.market, settings or self.settings
        course = simulate(
            market.bars,
            signal or self.signal,
            settlements or market.plan.settlements,
            market.mark,
            self.instrument,
            used,
            self.conduct,
        )
        points = np.concatenate(([used.initial_capital], course.equity[used.first_bar :]))
        return EquityPath(market.bars.timeframe, market.bars.ts[used.first_bar :], points)

    def with_slippage(self, bps: float) -> EquityPath:
        """Return the path with another slippage; the half spread stays."""
        rate = self.settings.cost_rate + (bps - self.slippage_bps) * BPS
        return self.path(settings=replace(self.settings, cost_rate=max(rate, 0.0)))

    def with_fee(self, rate: float) -> EquityPath:
        """Return the path with another fee, a fraction of notional."""
        return self.path(settings=replace(self.settings, fee_rate=rate))

    def with_delay(self, bars: float) -> EquityPath:
        """Return the path where every decision is known so many bars later."""
        return self.path(signal=delay(self.signal, int(bars)))

    def with_shock(self, bps: float) -> EquityPath:
        """Return the path where every settlement costs so many bps of the position more.

        The rate moves against the side that the run held then, whichever it was.
        """
        known = self.market.plan.settlements
        before = np.concatenate(([0.0], self.position[:-1]))
        held = np.where(known.at_open == 1, before[known.bar], self.position[known.bar])
        return self.path(settlements=replace(known, rate=known.rate + np.sign(held) * (bps * BPS)))


def break_even_curves(replay: Replay) -> list[BreakEvenCurve]:
    """Return the curves of slippage, fee, delay and funding; one that no float can hold is left out."""
    now_fee, now_slip = replay.settings.fee_rate, replay.slippage_bps
    curves = (
        _curve("slippage_bps", "bps", _with(SLIPPAGE_BPS, now_slip), now_slip, replay.with_slippage),
        _curve("fee_rate", "fraction", _with(FEES, now_fee), now_fee, replay.with_fee),
        _curve("delay_bars", "bars", [float(bars) for bars in DELAYS], 0.0, replay.with_delay, whole=True),
        _curve("funding_shock", "bps", list(SHOCKS_BPS), 0.0, replay.with_shock),
    )
    return [curve for curve in curves if curve is not None]


def delay(signal: Signal, bars: int) -> Signal:
    """Return the signal as it would be known `bars` bars later; before that it says nothing."""
    if bars == 0:
        return signal
    late = min(bars, len(signal.target))

    def shifted(values: FloatArray, empty: float) -> FloatArray:
        return np.concatenate((np.full(late, empty), values[: len(values) - late]))

    return replace(
        signal,
        target=shifted(signal.target, 0.0),
        stop_distance=shifted(signal.stop_distance, math.nan),
        take_distance=shifted(signal.take_distance, math.nan),
    )


def _with(values: tuple[float, ...], now: float) -> list[float]:
    return sorted({*values, now})


def _curve(
    cost: Cost, unit: str, values: list[float], now: float, rerun: Rerun, *, whole: bool = False
) -> BreakEvenCurve | None:
    paths = [rerun(value) for value in values]
    returns = [_return(path) for path in paths]
    if not all(map(math.isfinite, returns)):
        return None
    return BreakEvenCurve(
        cost=cost,
        unit=unit,
        values=values,
        sharpe=[_sharpe(path) for path in paths],
        total_return=returns,
        now=now,
        dies_at=_dies_at(values, returns, rerun, whole=whole),
    )


def _dies_at(values: list[float], returns: list[float], rerun: Rerun, *, whole: bool) -> float | None:
    """Return where the return first falls to 0, between two values of the curve by more runs."""
    for place in range(len(values) - 1):
        if returns[place] > 0.0 >= returns[place + 1]:
            low, high = (values[place], returns[place]), (values[place + 1], returns[place + 1])
            return _first_dead(low, high, rerun) if whole else _root(low, high, rerun)
    return None


def _first_dead(alive: tuple[float, float], dead: tuple[float, float], rerun: Rerun) -> float:
    low, high = alive[0], dead[0]
    while high - low > 1.0:
        middle = float((low + high) // 2)
        low, high = (middle, high) if _return(rerun(middle)) > 0.0 else (low, middle)
    return high


def _root(alive: tuple[float, float], dead: tuple[float, float], rerun: Rerun) -> float:
    """Return the zero between two points of a falling curve: false position, Illinois variant."""
    (low, above), (high, below) = alive, dead
    side, found = 0, high
    for _ in range(_STEPS):
        found = (low * below - high * above) / (below - above)
        value = _return(rerun(found))
        if not math.isfinite(value) or abs(value) < _CLOSE:
            break
        if value > 0.0:
            low, above = found, value
            below = below / 2.0 if side == 1 else below
            side = 1
        else:
            high, below = found, value
            above = above / 2.0 if side == -1 else above
            side = -1
    return found


def _return(path: EquityPath) -> float:
    points = path.points
    return float(points[-1] / points[0]) - 1.0


def _sharpe(path: EquityPath) -> float | None:
    if path.deviation == 0.0:
        return None
    found = path.mean / path.deviation * math.sqrt(path.timeframe.bars_per_year)
    return found if math.isfinite(found) else None
