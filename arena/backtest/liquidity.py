"""What the market takes of an order, bar by bar: room under the participation cap, and square-root impact.

Pure. Invariant: the impact in a bar follows from bars that had closed before it; the room is the bar's own
volume, which limits an order and tells the strategy nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena.backtest.market import RunMarket
from arena.config.models import CostsConfig
from arena.config.orders import OrdersConfig
from arena.core.bars import Bars, FloatArray
from arena.core.errors import DataError
from arena.core.instrument import Instrument
from arena.engine.conduct import Conduct, Liquidity, Resting

IMPACT_DAYS = 30
"""Days over which daily volatility and volume are measured, up to the bar before."""


@dataclass(frozen=True, slots=True, eq=False)
class Depth:
    """What of a market's depth hangs on no assumption, (n,) each: volume in lots, and `impact_per_lot`."""

    volume_lots: FloatArray
    lot_impact: FloatArray

    @classmethod
    def of(cls, market: RunMarket, instrument: Instrument) -> Depth:
        """Return the depth of the run's bars.

        Raises:
            DataError: there is no volume in the run.
        """
        bars = market.bars
        if not bars.volume.any():
            raise DataError(
                f"{bars.inst_id} {bars.timeframe} is stored without volume, which costs.impact_coefficient "
                "and costs.participation_cap need: ingest it, or switch both off (0 and null)"
            )
        lot_coins = instrument.ct_val * instrument.lot_sz
        return cls(bars.volume / lot_coins, impact_per_lot(market.history, lot_coins)[market.start :])


def conduct_of(
    costs: CostsConfig,
    orders: OrdersConfig,
    market: RunMarket,
    instrument: Instrument,
    depth: Depth | None = None,
) -> Conduct:
    """Return what is assumed of the way to the market, of its depth and of orders that rest in it.

    With `depth`, the market's, the conduct has a liquidity also where it neither limits nor moves a price.

    Raises:
        DataError: volume is needed and there is none in the run.
    """
    resting = None
    if orders.kind == "limit":
        resting = Resting(
            offset=orders.offset_bps * 1e-4,
            bars=orders.bars,
            through=orders.fill == "through",
            maker_fee=orders.maker_fee_rate,
            takes=orders.take_profit == "limit",
        )
    if depth is None:
        if not costs.impact_coefficient and costs.participation_cap is None:
            return Conduct(latency_bars=costs.latency_bars, resting=resting)
        depth = Depth.of(market, instrument)
    room = np.full(len(market.bars), np.inf)
    if costs.participation_cap is not None:
        room = depth.volume_lots * costs.participation_cap
    liquidity = Liquidity(room, costs.impact_coefficient * depth.lot_impact)
    return Conduct(liquidity=liquidity, latency_bars=costs.latency_bars, resting=resting)


def impact_per_lot(bars: Bars, lot_coins: float) -> FloatArray:
    """Return sigma_D / sqrt(V_D), V_D in lots: times Y and the root of an order's lots it is its impact.

    sigma_D is the root of the mean squared log return of a bar times the root of bars a day, V_D the mean
    volume of a bar times bars a day, both over up to IMPACT_DAYS before the bar, (n,). 0 where nothing is
    known of either: the first two bars of the history, or a month without volume. Source: the square-root
    law, seen on Bitcoin over four decades of size (arXiv 1412.4503).
    """
    per_day = bars.timeframe.bars_per_day
    window = max(2, round(IMPACT_DAYS * per_day))
    returns = np.diff(np.log(bars.close), prepend=np.log(bars.close[:1]))
    variance = _mean_before(returns * returns, window) * per_day
    volume = _mean_before(bars.volume, window) * per_day / lot_coins
    known = volume > 0.0
    return np.where(known, np.sqrt(variance / np.where(known, volume, 1.0)), 0.0)


def _mean_before(values: FloatArray, window: int) -> FloatArray:
    """Return the mean of up to `window` values before each, 0 before the first."""
    sums = np.concatenate(([0.0], np.cumsum(values)))
    stop = np.arange(len(values))
    start = np.maximum(stop - window, 0)
    mean: FloatArray = np.maximum(sums[stop] - sums[start], 0.0) / np.maximum(stop - start, 1)
    return mean
