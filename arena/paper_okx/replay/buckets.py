"""The bars that OKX knows and where each of them opens.

Pure. Invariant: every moment lies in exactly one bucket of a bar, and buckets leave no room between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena.core.bars import IntArray, TsArray
from arena.core.timeframe import MS_PER_DAY

__all__ = ["BARS", "Bar"]

_HOUR = 3_600_000
_CHINA_MS = 8 * _HOUR  # bars of six hours and more open by the clock of UTC+8
_MONDAY_MS = 4 * MS_PER_DAY  # 1970-01-05, the first Monday of the epoch


@dataclass(frozen=True, slots=True)
class Bar:
    """A length of bar: `step_ms` long and `shift_ms` off the epoch, or `months` of a calendar."""

    name: str
    step_ms: int
    shift_ms: int = 0
    months: int = 0

    def opens(self, ts: TsArray) -> TsArray:
        """Return the open of the bucket of each moment."""
        if self.months:
            return self._first_of(self._month(ts))
        shifted = ts - self.shift_ms
        return shifted - shifted % self.step_ms + self.shift_ms

    def closes(self, opens: TsArray) -> TsArray:
        """Return the close of the buckets that open at `opens`."""
        if self.months:
            return self._first_of(self._month(opens) + self.months)
        return opens + self.step_ms

    def open_of(self, ts: int) -> int:
        """Return the open of the bucket of one moment."""
        return int(self.opens(np.array([ts], np.int64))[0])

    def fits(self, step_ms: int) -> bool:
        """Whether it can be put together of bars of `step_ms` on the UTC grid."""
        return self.step_ms % step_ms == 0 and self.shift_ms % step_ms == 0

    def _month(self, ts: TsArray) -> IntArray:
        """Return months since 1970-01, cut down to the first of the bucket."""
        local = (ts - self.shift_ms).astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
        return local - local % self.months

    def _first_of(self, month: IntArray) -> TsArray:
        first = month.astype("datetime64[M]").astype("datetime64[ms]").astype(np.int64)
        return first + self.shift_ms


def _known() -> dict[str, Bar]:
    short = {"1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1H": 60, "2H": 120, "4H": 240}
    bars = [Bar(name, minutes * 60_000) for name, minutes in short.items()]
    for suffix, shift in (("", -_CHINA_MS), ("utc", 0)):
        bars += [Bar(f"{hours}H{suffix}", hours * _HOUR, shift) for hours in (6, 12)]
        bars += [Bar(f"{days}D{suffix}", days * MS_PER_DAY, shift) for days in (1, 2, 3)]
        bars.append(Bar(f"1W{suffix}", 7 * MS_PER_DAY, shift + _MONDAY_MS))
        bars += [Bar(f"{months}M{suffix}", MS_PER_DAY, shift, months) for months in (1, 3)]
    return {bar.name: bar for bar in bars}


BARS = _known()
"""Every bar of the exchange but 1s, by its name."""
