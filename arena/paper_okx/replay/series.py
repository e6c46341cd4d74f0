"""One series of bars: the finest as it is stored, the coarser ones put together when they are asked for.

Pure. Invariant: a coarser bar is there only where every finer bar inside of it is, so that a hole stays a
hole, and a bar that is not closed at the moment asked for is never in a closed range.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena.core.bars import Bars, FloatArray, TsArray
from arena.paper_okx.replay.buckets import Bar
from arena.paper_okx.replay.path import TICKS, share_of_lots, tick_of, walk

__all__ = ["Columns", "Running", "Series"]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Bars of one length, oldest first; `volume` in coins, `lots` and `turnover` (quote) beside it."""

    ts: TsArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    lots: FloatArray
    turnover: FloatArray

    def __len__(self) -> int:
        return len(self.ts)


@dataclass(frozen=True, slots=True)
class Running:
    """What is known so far of the bar that is not closed yet."""

    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    lots: float
    turnover: float


class Series:
    """The prices of one kind of one instrument, in any bar."""

    def __init__(self, bars: Bars, lot_coins: float) -> None:
        """Take over `bars`; `lot_coins` is what one lot of volume is in coins."""
        self.step_ms = bars.timeframe.step_ms
        mean = bars.open + bars.high + bars.low + bars.close
        mean /= 4.0
        self.finest = Columns(
            bars.ts,
            bars.open,
            bars.high,
            bars.low,
            bars.close,
            bars.volume,
            np.rint(bars.volume / lot_coins),
            np.multiply(mean, bars.volume, out=mean),
        )
        self._lot_coins = lot_coins
        self._coarser: dict[str, Columns] = {}

    def columns(self, bar: Bar) -> Columns:
        """Return every whole bar of the series, whether it is closed yet or not."""
        if bar.step_ms == self.step_ms and not bar.months:
            return self.finest
        if bar.name not in self._coarser:
            self._coarser[bar.name] = _gathered(self.finest, bar, self.step_ms)
        return self._coarser[bar.name]

    def closed(self, bar: Bar, now: int) -> int:
        """Return how many of the bar's columns are closed at `now`."""
        ts = self.columns(bar).ts
        return int(np.searchsorted(ts, bar.open_of(now)))

    def at(self, now: int) -> tuple[int, int]:
        """Return the place of the bar and the number of the tick that came last; (0, -1) before any."""
        ts = self.finest.ts
        place = int(np.searchsorted(ts, now, side="right")) - 1
        if place < 0:
            return 0, -1
        number = tick_of(int(ts[place]), self.step_ms, now)
        return (place, number) if number >= 0 or place == 0 else (place - 1, TICKS - 1)

    def price(self, now: int) -> float:
        """Return the last price at `now`; before the first bar, that bar's open."""
        place, number = self.at(now)
        return self.prices(place)[max(0, number)]

    def prices(self, place: int) -> tuple[float, float, float, float]:
        """Return the four prices of a bar of the finest length, in the order of its path."""
        one = self.finest
        return walk(
            float(one.open[place]), float(one.high[place]), float(one.low[place]), float(one.close[place])
        )

    def running(self, bar: Bar, now: int) -> Running | None:
        """Return the bar that is open at `now`; None where a part of it is not stored."""
        opened = bar.open_of(now)
        ts = self.finest.ts
        first = int(np.searchsorted(ts, opened))
        last = int(np.searchsorted(ts, now - now % self.step_ms))
        whole = last < len(ts) and ts[last] == now - now % self.step_ms
        if not whole or last - first != (int(ts[last]) - opened) // self.step_ms:
            return None
        return self._merged(opened, first, last, now)

    def _merged(self, opened: int, first: int, last: int, now: int) -> Running:
        """Put the finest bars [first, last) and what is known of bar `last` together."""
        one, part = self.finest, self._begun(last, now)
        if first == last:
            return part
        known = np.s_[first:last]
        ticked = tick_of(part.ts, self.step_ms, now) >= 0
        high, low = float(one.high[known].max()), float(one.low[known].min())
        return Running(
            opened,
            float(one.open[first]),
            max(high, part.high) if ticked else high,
            min(low, part.low) if ticked else low,
            part.close,
            float(one.volume[known].sum()) + part.volume,
            float(one.lots[known].sum()) + part.lots,
            float(one.turnover[known].sum()) + part.turnover,
        )

    def _begun(self, place: int, now: int) -> Running:
        """Return what is known of one bar of the finest length: flat at the last close before it trades."""
        one = self.finest
        opened = int(one.ts[place])
        seen = tick_of(opened, self.step_ms, now) + 1
        if not seen:
            last = float(one.close[place - 1] if place else one.open[place])
            return Running(opened, last, last, last, last, 0.0, 0.0, 0.0)
        prices = self.prices(place)[:seen]
        if seen == TICKS:
            volume, lots = float(one.volume[place]), float(one.lots[place])
        else:
            lots = float(sum(share_of_lots(int(one.lots[place]), number) for number in range(seen)))
            volume = lots * self._lot_coins
        turnover = volume * sum(prices) / seen
        return Running(opened, prices[0], max(prices), min(prices), prices[-1], volume, lots, turnover)


def _gathered(one: Columns, bar: Bar, step_ms: int) -> Columns:
    buckets = bar.opens(one.ts)
    starts = np.flatnonzero(np.concatenate(([True], buckets[1:] != buckets[:-1])))
    opens = buckets[starts]
    ends = np.append(starts[1:], len(buckets)) - 1
    whole = (ends - starts + 1) * step_ms == bar.closes(opens) - opens
    return Columns(
        opens[whole],
        one.open[starts][whole],
        np.maximum.reduceat(one.high, starts)[whole],
        np.minimum.reduceat(one.low, starts)[whole],
        one.close[ends][whole],
        np.add.reduceat(one.volume, starts)[whole],
        np.add.reduceat(one.lots, starts)[whole],
        np.add.reduceat(one.turnover, starts)[whole],
    )
