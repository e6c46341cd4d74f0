"""Stored finer bars of the few bars whose own four prices do not say what happened first.

Reads through DataService, month by month, and only the bars that are asked for. Invariant: finer bars are
taken only where they are whole and agree with the bar on its open, high and low; else there are none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from arena.core.bars import Bars, FloatArray, IntArray
from arena.core.timeframe import MS_PER_DAY, Timeframe
from arena.data.hashing import dataset_hash
from arena.data.service import DataService
from arena.engine.conduct import FineBars
from arena.engine.simulate import MarkPrices

CANDLES, MARK = "candles", "mark"
READ_AT_ONCE_MS = 31 * MS_PER_DAY

_Rows = tuple[FloatArray, ...]
"""open, high, low, mark open, mark high, mark low, close of one bar's finer bars."""


@dataclass
class FinerBars:
    """What is stored below the bars of one run; remembers what it has read."""

    service: DataService
    bars: Bars
    mark: MarkPrices
    found: dict[int, _Rows] = field(default_factory=dict)
    asked: set[int] = field(default_factory=set)
    laid_out: tuple[int, FineBars] | None = None

    @cached_property
    def stored(self) -> set[tuple[str, Timeframe]]:
        """Kinds and lengths of bars that are stored of the instrument, listed once."""
        listed = self.service.list_series()
        return {(one.kind, one.timeframe) for one in listed if one.inst_id == self.bars.inst_id}

    def read(self, wanted: IntArray) -> bool:
        """Read the finer bars of the bars at `wanted`, the finest stored first; tell if any are new."""
        fresh = [bar for bar in wanted.tolist() if bar not in self.asked]
        if not fresh:
            return False
        self.asked.update(fresh)
        left = fresh
        for timeframe in self.timeframes():
            for group in _months(self.bars, left):
                self._read_group(timeframe, group)
            left = [bar for bar in left if bar not in self.found]
            if not left:
                break
        return len(left) < len(fresh)

    def timeframes(self) -> list[Timeframe]:
        """Return the stored lengths that divide a bar, the finest first."""
        step = self.bars.timeframe.step_ms
        return sorted(
            timeframe
            for kind, timeframe in self.stored
            if kind == CANDLES and timeframe.step_ms < step and step % timeframe.step_ms == 0
        )

    def columns(self) -> FineBars:
        """Return all that was found as the engine takes it; laid out anew only where there is more."""
        if self.laid_out is None or self.laid_out[0] != len(self.found):
            self.laid_out = len(self.found), self._lay_out()
        return self.laid_out[1]

    def _lay_out(self) -> FineBars:
        n = len(self.bars)
        first, count = np.zeros(n, np.int64), np.zeros(n, np.int64)
        order = sorted(self.found)
        sizes = [len(self.found[bar][0]) for bar in order]
        count[order] = sizes
        first[order] = np.concatenate(([0], np.cumsum(sizes)[:-1])) if order else []
        empty = np.empty(0)
        return FineBars(
            first,
            count,
            *(np.concatenate([self.found[bar][k] for bar in order]) if order else empty for k in range(7)),
        )

    def fingerprint(self) -> str | None:
        """Return the hash of all that was found, None where nothing was."""
        if not self.found:
            return None
        fine = self.columns()
        return dataset_hash({name: getattr(fine, name) for name in FineBars.__slots__})

    def _read_group(self, timeframe: Timeframe, group: list[int]) -> None:
        step = self.bars.timeframe.step_ms
        start, end = int(self.bars.ts[group[0]]), int(self.bars.ts[group[-1]]) + step
        last = self.service.get_candles(self.bars.inst_id, timeframe, start=start, end=end)
        mark = None
        if (MARK, timeframe) in self.stored:
            mark = self.service.get_candles(self.bars.inst_id, timeframe, start=start, end=end, kind=MARK)
        for bar in group:
            begin = int(self.bars.ts[bar])
            part = _between(last, begin, begin + step)
            if len(part) * timeframe.step_ms != step or not self._agrees(bar, part):
                continue
            own = None if mark is None else _between(mark, begin, begin + step)
            self.found[bar] = (part.open, part.high, part.low, *self._marks(bar, part, own), part.close)

    def _agrees(self, bar: int, part: Bars) -> bool:
        whole = self.bars
        return bool(
            part.open[0] == whole.open[bar]
            and part.high.max() == whole.high[bar]
            and part.low.min() == whole.low[bar]
        )

    def _marks(self, bar: int, part: Bars, own: Bars | None) -> _Rows:
        """Return mark prices below a bar: the stored ones, or last prices that keep to the mark's own range.

        Where none are stored the mark is taken to reach its extremes when the last price reaches its own.
        """
        opened, top, bottom = self.mark.open[bar], self.mark.high[bar], self.mark.low[bar]
        if (
            own is not None
            and len(own) == len(part)
            and (own.open[0], own.high.max(), own.low.min()) == (opened, top, bottom)
        ):
            return own.open, own.high, own.low
        open_, high, low = (np.clip(column, bottom, top) for column in (part.open, part.high, part.low))
        open_[0] = opened
        high[part.high.argmax()], low[part.low.argmin()] = top, bottom
        return open_, np.maximum(high, open_), np.minimum(low, open_)


def _between(bars: Bars, start: int, end: int) -> Bars:
    begin, stop = np.searchsorted(bars.ts, (start, end))
    return bars.slice(int(begin), int(stop))


def _months(bars: Bars, wanted: Iterable[int]) -> list[list[int]]:
    """Return ascending positions in groups that one read serves."""
    groups: dict[int, list[int]] = {}
    for bar in sorted(wanted):
        groups.setdefault(int(bars.ts[bar]) // READ_AT_ONCE_MS, []).append(bar)
    return list(groups.values())
