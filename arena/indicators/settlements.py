"""Settled funding brought onto bars.

Reads settlements that lie at or before a bar's close and no later one, and spacings between
settlements that are already past. Invariant: before the first settlement everything is NaN.
"""

import numpy as np
from numpy.typing import ArrayLike

from arena.core.bars import FloatArray, TsArray
from arena.core.timeframe import MS_PER_YEAR
from arena.indicators.compiled import SERIES, STAMPS, as_series, as_stamps, check_same_length, kernel

SHORTEST_INTERVAL_MS = 3_600_000  # no venue settles more often; a doubled stamp must not look like one


@kernel(STAMPS, STAMPS, SERIES)
def as_of_nb(close_ts: TsArray, ts: TsArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    n = len(close_ts)
    value = np.full(n, np.nan)
    age_ms = np.full(n, np.nan)
    known = 0
    for i in range(n):
        while known < len(ts) and ts[known] <= close_ts[i]:
            known += 1
        if known > 0:
            value[i] = values[known - 1]
            age_ms[i] = close_ts[i] - ts[known - 1]
    return value, age_ms


def funding_as_of(close_ts: TsArray, ts: TsArray, values: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return for each bar the value of the newest settlement with ts <= the bar's close, and its age in ms.

    Args:
        close_ts: closes of the bars (`bars.close_ts`), ascending.
        ts: settlements, ascending.
        values: one value a settlement: its rate, or what `annualised_funding` made of it.

    Both outputs are NaN before the first settlement. An old value is given with its age and not
    withheld: the caller says how old is too old.
    """
    stamps, series = as_stamps(ts), as_series(values)
    check_same_length(ts=stamps, values=series)
    return as_of_nb(as_stamps(close_ts), stamps, series)


def annualised_funding(ts: TsArray, rate: ArrayLike) -> FloatArray:
    """Return rate * settlements per year (365 days) for each settlement, simple, not compounded.

    The interval is the shorter of the two spacings before the settlement, so that one missing
    settlement does not halve the rate; when an exchange lengthens its interval the first value after
    the change still uses the old one. NaN for the first settlement, whose interval nobody knows yet.
    """
    stamps, rates = as_stamps(ts), as_series(rate)
    check_same_length(ts=stamps, rate=rates)
    out = np.full(len(stamps), np.nan)
    if len(stamps) < 2:
        return out
    spacing = np.diff(stamps)
    interval_ms = spacing.copy()
    interval_ms[1:] = np.minimum(spacing[1:], spacing[:-1])
    out[1:] = rates[1:] * (MS_PER_YEAR / np.maximum(interval_ms, SHORTEST_INTERVAL_MS))
    return out
