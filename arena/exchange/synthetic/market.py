"""A synthetic perpetual swap: candles, mark and index prices, funding.

Nothing of it was observed: every series carries the origin SYNTHETIC. Invariant: bars of any length
are the one-minute bars put together, and high and low come from the path inside the minute.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from arena.core.bars import SYNTHETIC, Bars, FloatArray, FundingSeries
from arena.core.errors import ConfigError
from arena.core.instrument import Instrument
from arena.core.timeframe import Timeframe
from arena.exchange.synthetic.processes import Latent, make_latent, smooth, streams
from arena.exchange.synthetic.spec import MINUTE_MS, MINUTES_PER_DAY, SyntheticSpec

_STEPS = 6  # points of the path inside a minute: ten seconds each
_BLOCK = 8 * MINUTES_PER_DAY  # keeps the paths in the cache; results do not depend on it

_SPOT_LOT = 1e-8
_SPOT_NOISE, _SPOT_MINUTES, _SPOT_STREAM = 0.0002, 30.0, 1
"""Spot stays within about this share of the index, and wanders for about so long."""

_ORIGIN = frozenset({SYNTHETIC})


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Prices of every minute, the ones that were not recorded included."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticMarket:
    """A generated market; the methods return its series in any timeframe.

    `recorded` is False for the minutes whose candle is missing; mark and index have no hole.
    """

    spec: SyntheticSpec
    inst_id: str
    funding: FundingSeries
    recorded: NDArray[np.bool_]
    _candles: Prices
    _mark: Prices
    _index: Prices
    _tick: float

    def candles(self, timeframe: Timeframe) -> Bars:
        """Return traded prices; a bar with a missing minute is left out."""
        return self._bars(self._candles, timeframe, self.recorded)

    def mark(self, timeframe: Timeframe) -> Bars:
        """Return mark prices, without volume."""
        return self._bars(self._mark, timeframe, None)

    def index(self, timeframe: Timeframe) -> Bars:
        """Return index prices, without volume."""
        return self._bars(self._index, timeframe, None)

    def spot(self, inst_id: str, timeframe: Timeframe) -> Bars:
        """Return candles of the spot pair `inst_id`: the index and a little noise, half the swap's volume."""
        rng = np.random.default_rng([self.spec.seed, _SPOT_STREAM])
        keep = np.exp(-1.0 / _SPOT_MINUTES)
        noise = smooth(rng.standard_normal(self.spec.minutes), _SPOT_MINUTES)
        after = 1.0 + _SPOT_NOISE * np.sqrt((1.0 + keep) / (1.0 - keep)) * noise
        prices = _shifted(self._index, after)
        prices.volume[:] = self._candles.volume / 2.0
        _to_grid(prices, self._tick, _SPOT_LOT)
        return replace(self._bars(prices, timeframe, None), inst_id=inst_id)

    def _bars(self, prices: Prices, timeframe: Timeframe, recorded: NDArray[np.bool_] | None) -> Bars:
        shape = (-1, timeframe.step_ms // MINUTE_MS)
        columns = [
            prices.open.reshape(shape)[:, 0],
            prices.high.reshape(shape).max(axis=1),
            prices.low.reshape(shape).min(axis=1),
            prices.close.reshape(shape)[:, -1],
            prices.volume if shape[1] == 1 else prices.volume.reshape(shape).sum(axis=1),
        ]
        ts = self.spec.start_ms + np.arange(len(columns[0]), dtype=np.int64) * timeframe.step_ms
        if recorded is not None and not recorded.all():
            whole = recorded.reshape(shape).all(axis=1)
            ts, columns = ts[whole], [column[whole] for column in columns]
        opened, high, low, close, volume = map(np.ascontiguousarray, columns)
        return Bars(self.inst_id, timeframe, ts, opened, high, low, close, volume, _ORIGIN)


def generate_market(instrument: Instrument, spec: SyntheticSpec | None = None) -> SyntheticMarket:
    """Return the market of `spec` on the grids of `instrument`."""
    spec = spec or SyntheticSpec()
    draw = streams(spec.seed)
    latent = make_latent(spec, draw)
    index, candles = _walk(spec, latent, draw["path"])
    tick = instrument.tick_sz
    candles.volume[:] = _volumes(spec, latent, index, draw["volume"])
    mark = _mark_prices(spec, latent, index)
    for prices in (index, mark, candles):
        _to_grid(prices, tick, instrument.lot_sz * instrument.ct_val)
    _stand_still(spec, candles)
    return SyntheticMarket(
        spec,
        instrument.inst_id,
        _funding(spec, instrument, latent),
        _recorded(spec),
        candles,
        mark,
        index,
        tick,
    )


def generate_bars(
    instrument: Instrument, timeframe: Timeframe, count: int, seed: int = 1, start_ms: int | None = None
) -> Bars:
    """Return `count` candles from a midnight on, for tests and benchmarks; events come as in the demo market.

    Raises:
        ConfigError: a count below 1.
    """
    if count < 1:
        raise ConfigError(f"count={count}: a series has at least one bar")
    whole = SyntheticSpec()
    days = -(-(count * timeframe.step_ms // MINUTE_MS) // MINUTES_PER_DAY) + 1
    spec = SyntheticSpec(seed=seed, days=days, start_ms=whole.start_ms if start_ms is None else start_ms)
    return generate_market(instrument, spec).candles(timeframe).slice(0, count)


def _walk(spec: SyntheticSpec, latent: Latent, rng: np.random.Generator) -> tuple[Prices, Prices]:
    """Return index and traded prices, before rounding.

    Both follow one path inside the minute; the traded price moves its premium along with it.
    """
    log_premium = np.log1p(latent.premium)
    drift_of_premium = np.diff(log_premium, prepend=0.0)
    count = spec.minutes
    index_moves = np.empty((3, count))  # log high, log low, log close against the open
    perp_moves = np.empty((3, count))
    for begin in range(0, count, _BLOCK):
        part = np.s_[begin : begin + _BLOCK]
        noise = rng.standard_normal((len(latent.sigma[part]), _STEPS))
        step = latent.sigma[part] / np.sqrt(_STEPS)
        _move(noise, step, latent.push[part] / _STEPS, index_moves[:, part])
        _move(noise, step, (latent.push[part] + drift_of_premium[part]) / _STEPS, perp_moves[:, part])
    index_close = np.log(spec.start_price) + np.cumsum(index_moves[2])
    index = _prices(np.log(spec.start_price), index_close, index_moves)
    perp = _prices(np.log(spec.start_price), index_close + log_premium, perp_moves)
    return index, perp


def _move(noise: FloatArray, step: FloatArray, push: FloatArray, out: FloatArray) -> None:
    """Walk the steps of a minute; write its highest, lowest and last point into the rows of `out`."""
    high, low, at = out
    high[:] = low[:] = at[:] = 0.0
    for place in range(_STEPS):
        at += noise[:, place] * step + push
        np.maximum(high, at, out=high)
        np.minimum(low, at, out=low)


def _prices(log_start: float, log_close: FloatArray, moves: FloatArray) -> Prices:
    close = np.exp(log_close)
    opened = np.concatenate([[np.exp(log_start)], close[:-1]])
    high = np.maximum(opened * np.exp(moves[0]), close)
    low = np.minimum(opened * np.exp(moves[1]), close)
    return Prices(opened, high, low, close, np.zeros(len(close)))


def _mark_prices(spec: SyntheticSpec, latent: Latent, index: Prices) -> Prices:
    """Return the index plus the smoothed premium."""
    return _shifted(index, 1.0 + smooth(latent.premium, spec.premium.mark_minutes))


def _shifted(index: Prices, after: FloatArray) -> Prices:
    """Return the index times a factor that is `after` at each close, without volume."""
    before = np.concatenate([[1.0], after[:-1]])
    return Prices(
        index.open * before,
        index.high * np.maximum(before, after),
        index.low * np.minimum(before, after),
        index.close * after,
        np.zeros(len(after)),
    )


def _volumes(spec: SyntheticSpec, latent: Latent, index: Prices, rng: np.random.Generator) -> FloatArray:
    """Return coins a minute: more in wild times, more in minutes that move, and noise."""
    usual = spec.volatility.annual / np.sqrt(365 * MINUTES_PER_DAY)
    surprise = np.abs(np.log(index.close / index.open)) / latent.sigma
    logs = 1.1 * np.log(latent.sigma / usual) + 0.35 * np.minimum(surprise, 6.0)
    logs += 0.55 * rng.standard_normal(spec.minutes) - 0.25
    volumes: FloatArray = spec.volume_per_minute * np.exp(logs)
    return volumes


def _to_grid(prices: Prices, tick: float, lot: float) -> None:
    digits = _decimals(tick)
    for column in (prices.open, prices.high, prices.low, prices.close):
        column[:] = np.maximum(np.round(np.rint(column / tick) * tick, digits), tick)
    prices.volume[:] = np.round(np.rint(prices.volume / lot) * lot, _decimals(lot))


def _decimals(grid: float) -> int:
    return max(0, -int(Decimal(f"{grid:.12f}").normalize().as_tuple().exponent))


def _stand_still(spec: SyntheticSpec, candles: Prices) -> None:
    """Overwrite the outage with flat bars; the first bar after it opens where the market went."""
    begin = round(spec.events.outage_day * MINUTES_PER_DAY)
    part = np.s_[begin : begin + round(spec.events.outage_hours * 60)]
    if 0 < begin < spec.minutes:
        for column in (candles.open, candles.high, candles.low, candles.close):
            column[part] = candles.close[begin - 1]
        candles.volume[part] = 0.0


def _recorded(spec: SyntheticSpec) -> NDArray[np.bool_]:
    recorded = np.ones(spec.minutes, np.bool_)
    begin = round(spec.events.hole_day * MINUTES_PER_DAY)
    recorded[begin : begin + spec.events.hole_minutes] = False
    return recorded


def _funding(spec: SyntheticSpec, instrument: Instrument, latent: Latent) -> FundingSeries:
    """Return the settlements inside the market, each from the premium of the interval before it."""
    rule = spec.funding
    interval_minutes = rule.interval_hours * 60
    mean = latent.premium.reshape(-1, interval_minutes).mean(axis=1)[:-1]
    rate = mean + np.clip(rule.interest - mean, -rule.band, rule.band)
    rate = np.round(np.clip(rate, -rule.cap, rule.cap), 8)
    steps = np.arange(1, len(rate) + 1, dtype=np.int64)
    ts = spec.start_ms + steps * interval_minutes * MINUTE_MS
    return FundingSeries(instrument.inst_id, ts, rate, (SYNTHETIC,) * len(rate))
