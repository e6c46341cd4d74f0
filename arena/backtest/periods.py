"""Returns of UTC days and calendar months out of equity at bar closes.

Pure. A period without a bar has no row; the next one then holds the whole move. Invariant: the returns
of all periods compound to the total return.
"""

import numpy as np

from arena.backtest.drawdowns import stop_at_ruin
from arena.backtest.result import MonthReturn
from arena.core.bars import FloatArray, IntArray, TsArray
from arena.core.timeframe import MS_PER_DAY


def day_ends(ts: TsArray) -> IntArray:
    """Return the position of each UTC day's last bar."""
    return _last_of_each(ts // MS_PER_DAY)


def month_ends(ts: TsArray) -> IntArray:
    """Return the position of each calendar month's last bar."""
    return _last_of_each(_months(ts))


def period_returns(equity: FloatArray, ends: IntArray) -> FloatArray:
    """Return the growth of a path between period ends; after ruin there is none.

    Args:
        equity: path of bars + 1 points: the capital, then equity at each close, USDT.
        ends: position of each period's last bar.
    """
    path = stop_at_ruin(equity)
    points = np.concatenate((path[:1], path[1:][ends]))
    before = points[:-1]
    alive = before > 0.0
    returns: FloatArray = np.where(alive, points[1:] / np.where(alive, before, 1.0) - 1.0, 0.0)
    return returns


def month_returns(equity: FloatArray, ts: TsArray) -> list[MonthReturn]:
    """Return one row a calendar month (UTC) of a path of len(ts) + 1 points."""
    ends = month_ends(ts)
    months = _months(ts[ends])
    returns = period_returns(equity, ends)
    return [
        MonthReturn(year=1970 + month // 12, month=month % 12 + 1, value=value)
        for month, value in zip(months.tolist(), returns.tolist(), strict=True)
    ]


def _months(ts: TsArray) -> IntArray:
    return ts.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)


def _last_of_each(period: IntArray) -> IntArray:
    if not len(period):
        return np.empty(0, np.int64)
    return np.append(np.flatnonzero(np.diff(period)), len(period) - 1)
