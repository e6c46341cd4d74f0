"""From the kernel's sums to a trial's figures: the same words and numbers as `arena.backtest.metrics`.

Vectorised over trials. Invariant: what a single run has as null with a reason is NaN here, and every
other figure is the same float; skew and kurtosis, which a single run standardises value by value, agree
to 1e-12.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.backtest.metrics.inputs import EquityPath, vary
from arena.backtest.metrics.shape import MIN_MOMENT_BARS
from arena.core.bars import Bars, FloatArray, IntArray
from arena.core.errors import ArenaError
from arena.core.instrument import Instrument
from arena.engine.simulate import IDENTITY_TOLERANCE

FIGURES: dict[str, type[np.generic]] = {
    "total_return": np.float64,
    "final_equity": np.float64,
    "sharpe": np.float64,
    "sortino": np.float64,
    "max_drawdown": np.float64,
    "trades": np.int64,
    "open_trades": np.int64,
    "win_rate": np.float64,
    "profit_factor": np.float64,
    "net_of_winners": np.float64,
    "net_of_losers": np.float64,
    "fees": np.float64,
    "funding": np.float64,
    "slippage": np.float64,
    "liquidation": np.float64,
    "exposure": np.float64,
    "turnover": np.float64,
    "returns": np.int64,
    "skew": np.float64,
    "kurtosis": np.float64,
    "orders": np.int64,
    "fills": np.int64,
    "liquidations": np.int64,
    "partial_liquidations": np.int64,
    "expired_orders": np.int64,
    "rejected_orders": np.int64,
    "clipped_orders": np.int64,
    "unfilled_orders": np.int64,
    "ruined": np.bool_,
}
"""The figures of a trial, named as in a single result, and their types."""

Part = tuple[dict[str, NDArray[Any]], NDArray[np.float32] | None]
"""Some trials: a column a figure, and their daily returns, (trials, days)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What all trials of a sweep have in common: capital, instrument, the traded bars and their clock."""

    capital: float
    ct_val: float
    lot_sz: float
    last_close: float
    traded_bars: int
    years: float
    root_of_year: float

    @classmethod
    def of(cls, bars: Bars, first_bar: int, capital: float, instrument: Instrument) -> Frame:
        """Return the frame of runs over `bars`, traded from position `first_bar` on."""
        traded = bars.slice(first_bar)
        path = EquityPath(bars.timeframe, traded.ts, np.full(len(traded) + 1, capital))
        return cls(
            capital=capital,
            ct_val=instrument.ct_val,
            lot_sz=instrument.lot_sz,
            last_close=float(bars.close[-1]),
            traded_bars=len(traded),
            years=path.years,
            root_of_year=math.sqrt(bars.timeframe.bars_per_year),
        )


def figures_of(
    summaries: NDArray[np.void], states: NDArray[np.void], frame: Frame
) -> dict[str, NDArray[np.generic]]:
    """Return the figures of trials, one array a name of `FIGURES`.

    Raises:
        ArenaError: the parts of an account do not add up to its equity: a bug, not a property of the data.
    """
    _check_identity(summaries, states, frame)
    with np.errstate(all="ignore"):
        found: dict[str, NDArray[np.generic]] = {
            "total_return": summaries["last_point"] / frame.capital - 1.0,
            "final_equity": summaries["final_equity"],
            "max_drawdown": summaries["max_drawdown"],
            "exposure": summaries["bars_in_market"] / frame.traded_bars,
            "turnover": summaries["traded"]
            * frame.ct_val
            / (summaries["points_sum"] / summaries["points"])
            / frame.years,
            "ruined": states["ruined"] != 0,
            **_reward(summaries, frame),
            **_trades(summaries),
            **_counts(summaries, states),
        }
    return {name: _stated(found[name].astype(kind, copy=False)) for name, kind in FIGURES.items()}


def _reward(summaries: NDArray[np.void], frame: Frame) -> dict[str, NDArray[np.generic]]:
    count: IntArray = summaries["returns"]
    mean = summaries["return_sum"] / count
    deviation = _beyond_rounding(np.sqrt(summaries["second"] / (count - 1)), mean)
    downside = _beyond_rounding(np.sqrt(summaries["loss_squares"] / count), np.zeros(len(count)))
    spread = np.where(count >= MIN_MOMENT_BARS, np.sqrt(summaries["second"] / count), np.nan)
    spread = np.where(np.isnan(deviation), np.nan, spread)
    enough = count >= 2
    return {
        "returns": count,
        "sharpe": np.where(enough, mean / deviation * frame.root_of_year, np.nan),
        "sortino": np.where(enough, mean / downside * frame.root_of_year, np.nan),
        "skew": summaries["third"] / count / spread**3,
        "kurtosis": summaries["fourth"] / count / spread**4,
    }


def _trades(summaries: NDArray[np.void]) -> dict[str, NDArray[np.generic]]:
    closed, losers = summaries["closed"], summaries["losers"]
    return {
        "trades": closed,
        "open_trades": summaries["open"],
        "win_rate": np.where(closed > 0, summaries["winners"] / closed, np.nan),
        "profit_factor": np.where(losers > 0, summaries["won"] / -summaries["lost"], np.nan),
        "net_of_winners": summaries["won"],
        "net_of_losers": summaries["lost"],
    }


def _counts(summaries: NDArray[np.void], states: NDArray[np.void]) -> dict[str, NDArray[np.generic]]:
    return {
        "fees": states["fees"],
        "funding": states["funding"],
        "slippage": states["slippage"],
        "liquidation": states["penalty"],
        "orders": states["orders"],
        "fills": states["fills"],
        "liquidations": summaries["liquidations"],
        "partial_liquidations": summaries["partial_liquidations"],
        "expired_orders": states["expired"],
        "rejected_orders": states["rejected"],
        "clipped_orders": states["clipped"],
        "unfilled_orders": states["unfilled"],
    }


def _beyond_rounding(spread: FloatArray, centre: FloatArray) -> FloatArray:
    """Return `spread` where it is more than rounding around `centre`, else NaN."""
    return np.where(vary(spread, centre), spread, np.nan)


def _stated(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return NaN for what no float can hold, as a single run has null for it."""
    if values.dtype.kind != "f":
        return values
    return np.where(np.isfinite(values.astype(np.float64)), values, np.nan)


def _check_identity(summaries: NDArray[np.void], states: NDArray[np.void], frame: Frame) -> None:
    coins = states["lots"] * frame.lot_sz * frame.ct_val
    price_pnl = states["price_pnl"] + coins * (frame.last_close - states["last_ref"])
    parts = price_pnl - states["fees"] + states["funding"] - states["slippage"] - states["penalty"]
    errors = np.abs(parts - (summaries["final_equity"] - frame.capital)) / frame.capital
    if not (errors <= IDENTITY_TOLERANCE).all():
        raise ArenaError(
            f"the account of a trial does not add up: the largest error is {float(np.max(errors)):.3g} of "
            "the capital"
        )
