"""What metrics are measured on: the equity path, its benchmark, the trades, the costs.

Frozen and pure; what several metrics need is worked out once, at first use. Invariant: a path has one
point more than bars: the capital at the open of the first traded bar, then equity at each close.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from arena.backtest.drawdowns import Episodes, drawdown_series, find_episodes, point_times, stop_at_ruin
from arena.backtest.metrics.sums import lane_sum, squares_about_mean
from arena.backtest.periods import day_ends, period_returns
from arena.backtest.result import Counts, PnlSplit, RunArrays
from arena.core.bars import FloatArray, TsArray
from arena.core.timeframe import MS_PER_DAY, MS_PER_YEAR, Timeframe

# Spread of returns that is nothing but rounding: 64-bit equity carries about 16 digits.
_ROUNDING = 1e-14
_RELATIVE_ROUNDING = 1e-10


def varies(spread: float, centre: float) -> bool:
    """Tell whether a standard deviation is more than rounding around `centre`."""
    return bool(vary(np.asarray(spread), np.asarray(centre)))


def vary(spreads: FloatArray, centres: FloatArray) -> NDArray[np.bool_]:
    """Tell of each standard deviation whether it is more than rounding around its centre, (n,) each."""
    return np.asarray(spreads > np.fmax(_ROUNDING, _RELATIVE_ROUNDING * np.abs(centres)), np.bool_)


@dataclass(frozen=True, eq=False)
class EquityPath:
    """Equity over the traded bars.

    `ts` are the opens of the traded bars, `equity` has one point more. From ruin on the path is 0 and
    there are no more returns: the last one is -100 %.
    """

    timeframe: Timeframe
    ts: TsArray
    equity: FloatArray

    @cached_property
    def points(self) -> FloatArray:
        """Equity, 0 from ruin on."""
        return stop_at_ruin(self.equity)

    @cached_property
    def times(self) -> TsArray:
        """When each point holds, UTC ms."""
        return point_times(self.ts, self.timeframe.step_ms)

    @cached_property
    def days(self) -> float:
        """Elapsed time from the first open to the last close, holes included, in days."""
        return float(self.times[-1] - self.times[0]) / MS_PER_DAY if len(self.times) else 0.0

    @property
    def years(self) -> float:
        """Elapsed time in years of 365 days."""
        return self.days * MS_PER_DAY / MS_PER_YEAR

    @cached_property
    def returns(self) -> FloatArray:
        """Return of each bar, up to ruin."""
        points = self.points
        ruined = points <= 0.0
        stop = int(np.argmax(ruined)) + 1 if ruined.any() else len(points)
        alive = points[:stop]
        return alive[1:] / alive[:-1] - 1.0

    @cached_property
    def average(self) -> float:
        """Mean of all points, USDT."""
        points = self.points
        return (float(points[0]) + lane_sum(points[1:])) / len(points)

    @cached_property
    def mean(self) -> float:
        """Mean return of a bar; 0 without bars."""
        return lane_sum(self.returns) / len(self.returns) if len(self.returns) else 0.0

    @cached_property
    def deviation(self) -> float:
        """Standard deviation of a bar's return (n - 1); 0 below 2 returns and where it is rounding."""
        if len(self.returns) < 2:
            return 0.0
        spread = math.sqrt(squares_about_mean(self.returns) / (len(self.returns) - 1))
        return spread if varies(spread, self.mean) else 0.0

    @cached_property
    def downside(self) -> float:
        """Root of the mean squared loss of a bar, over all bars."""
        losses = np.minimum(self.returns, 0.0)
        spread = math.sqrt(lane_sum(losses * losses) / len(losses)) if len(losses) else 0.0
        return spread if spread > _ROUNDING else 0.0

    @cached_property
    def daily_ts(self) -> TsArray:
        """Start of each UTC day that has a bar."""
        last = self.ts[day_ends(self.ts)]
        return last - last % MS_PER_DAY

    @cached_property
    def daily_returns(self) -> FloatArray:
        """Return of each of those days; the first and the last may be shorter than a day."""
        return period_returns(self.equity, day_ends(self.ts))

    @cached_property
    def drawdowns(self) -> FloatArray:
        """Distance of each point from the highest so far, in [-1, 0]."""
        return drawdown_series(self.equity)

    @cached_property
    def episodes(self) -> Episodes:
        """Every fall from a peak."""
        return find_episodes(self.drawdowns)

    @cached_property
    def largest_fall(self) -> float:
        """Largest distance of a point below the highest so far, in USDT."""
        return float((np.maximum.accumulate(self.points) - self.points).max())

    def days_between(self, first: int, last: int) -> float:
        """Return the time between two points in days."""
        return float(self.times[last] - self.times[first]) / MS_PER_DAY


@dataclass(frozen=True, eq=False)
class MetricInputs:
    """Everything a single run knows, over its traded bars.

    `trades` has TRADE_DTYPE with bar positions of the run; `first_bar` is the position of the first
    traded bar. `traded_notional` and the costs are USDT; `max_leverage` is notional over equity.
    """

    path: EquityPath
    hold: EquityPath
    trades: NDArray[np.void]
    pnl: PnlSplit
    counts: Counts
    first_bar: int
    traded_notional: float
    max_leverage: float

    @cached_property
    def closed(self) -> NDArray[np.void]:
        """Trades that ended."""
        closed: NDArray[np.void] = self.trades[~self.trades["is_open"]]
        return closed

    @cached_property
    def net(self) -> FloatArray:
        """Net PnL of each closed trade, USDT."""
        return np.ascontiguousarray(self.closed["net_pnl"])

    @cached_property
    def wins(self) -> FloatArray:
        """Net PnL of the closed trades that made money."""
        return self.net[self.net > 0.0]

    @cached_property
    def losses(self) -> FloatArray:
        """Net PnL of the closed trades that lost money, < 0."""
        return self.net[self.net < 0.0]

    @property
    def cost_total(self) -> float:
        """Fees, funding paid, slippage and liquidation cost, USDT; funding received lowers it."""
        pnl = self.pnl
        return pnl.fees - pnl.funding + pnl.slippage + pnl.liquidation

    @cached_property
    def gross_profit(self) -> float:
        """Price PnL before costs of the trades that won before costs, USDT."""
        gross = self.trades["price_pnl"]
        return float(gross[gross > 0.0].sum())

    @cached_property
    def bars_in_market(self) -> int:
        """Traded bars with a position at any time; a bar that two trades share counts once."""
        if not len(self.trades):
            return 0
        start = self.trades["entry_bar"]
        stop = start + self.trades["bars_held"]
        reached = np.concatenate(([self.first_bar], np.maximum.accumulate(stop)[:-1]))
        return int(np.maximum(stop - np.maximum(start, reached), 0).sum())


def make_inputs(
    run: RunArrays,
    *,
    first_bar: int,
    initial_capital: float,
    ct_val: float,
    pnl: PnlSplit,
    counts: Counts,
) -> MetricInputs:
    """Return the inputs of a run's metrics.

    Args:
        run: arrays over all of the run's bars.
        first_bar: position of the first bar that may be traded (the signal window).
        initial_capital: USDT before the first fill.
        ct_val: coins per contract.
        pnl: where the equity change came from.
        counts: how often things happened.
    """
    fills = run.fills
    bars = run.bars
    return MetricInputs(
        path=equity_path(run, run.equity, first_bar, initial_capital),
        hold=equity_path(run, run.hold_equity, first_bar, initial_capital),
        trades=run.trades,
        pnl=pnl,
        counts=counts,
        first_bar=first_bar,
        traded_notional=float((fills["contracts"] * fills["price"]).sum()) * ct_val + _spot_notional(run),
        max_leverage=max(
            _peak_ratio(np.abs(run.position) * bars.close * ct_val, run.equity),
            _entry_leverage(fills, ct_val, run.spot_fills),
        ),
    )


def equity_path(run: RunArrays, equity: FloatArray, first_bar: int, initial_capital: float) -> EquityPath:
    """Return `equity` of all of the run's bars as a path over the traded ones."""
    points = np.concatenate(([initial_capital], equity[first_bar:]))
    return EquityPath(run.bars.timeframe, run.bars.ts[first_bar:], points)


def _spot_notional(run: RunArrays) -> float:
    return 0.0 if run.spot_fills is None else float((run.spot_fills["coins"] * run.spot_fills["price"]).sum())


def _entry_leverage(fills: NDArray[np.void], ct_val: float, spot: NDArray[np.void] | None) -> float:
    # From flat, cash after the fill is the whole equity: this sees positions that never reach a close.
    from_flat = np.concatenate(([0.0], fills["position"]))[:-1] == 0.0
    entries = fills[from_flat]
    equity = entries["cash"]
    if spot is not None:
        equity = equity + (spot["holding"] * spot["ref_price"])[from_flat]
    return _peak_ratio(np.abs(entries["position"]) * entries["price"] * ct_val, equity)


def _peak_ratio(notional: FloatArray, equity: FloatArray) -> float:
    solvent = equity > 0.0
    return float(np.max(notional[solvent] / equity[solvent], initial=0.0))
