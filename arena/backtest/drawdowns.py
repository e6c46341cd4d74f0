"""Falls of equity from its running peak.

Pure. An equity path has one point more than it has bars: the capital at the open of the first bar, then
equity at each close. Invariant: depths are fractions in [-1, 0].
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arena.backtest.result import Drawdown
from arena.core.bars import FloatArray, IntArray, TsArray
from arena.core.clock import to_iso

TOP_COUNT = 10
RUIN = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Episodes:
    """Every fall of a path, oldest first, as positions in the path.

    `peak` is the last point at the peak, `end` the first point at or above it again, or the path's last
    point where it is not `recovered`.
    """

    peak: IntArray
    end: IntArray
    depth: FloatArray
    recovered: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.peak)


def stop_at_ruin(equity: FloatArray) -> FloatArray:
    """Return the path with 0 from ruin on: nothing comes back from there.

    Ruin is equity at or below a billionth of the start: what a take-over at the bankruptcy price leaves
    is zero but for rounding.
    """
    ruined = equity <= equity[0] * RUIN
    if not ruined.any():
        return equity
    stopped = equity.copy()
    stopped[int(np.argmax(ruined)) :] = 0.0
    return stopped


def point_times(ts: TsArray, step_ms: int) -> TsArray:
    """Return when each point of a path over bars `ts` holds: the first open, then each close."""
    if not len(ts):
        return ts
    return np.concatenate((ts[:1], ts + step_ms))


def drawdown_series(equity: FloatArray) -> FloatArray:
    """Return each point's distance from the highest point so far, as a fraction in [-1, 0]."""
    path = stop_at_ruin(equity)
    return path / np.maximum.accumulate(path) - 1.0


def find_episodes(depths: FloatArray) -> Episodes:
    """Return every fall in a series made by `drawdown_series`."""
    under = np.concatenate(([False], depths < 0.0, [False]))
    turns = np.diff(under.astype(np.int8))
    first = np.flatnonzero(turns == 1)
    end = np.flatnonzero(turns == -1)
    recovered = end < len(depths)
    deepest = np.minimum.reduceat(depths, first) if len(first) else np.empty(0)
    return Episodes(first - 1, np.minimum(end, len(depths) - 1), deepest, recovered)


def top_drawdowns(equity: FloatArray, ts: TsArray, step_ms: int, count: int = TOP_COUNT) -> list[Drawdown]:
    """Return the deepest falls, deepest first, ties oldest first.

    Args:
        equity: path of len(ts) + 1 points, USDT.
        ts: opens of the path's bars.
        step_ms: length of a bar.
        count: how many at most.
    """
    depths = drawdown_series(equity)
    episodes = find_episodes(depths)
    times = point_times(ts, step_ms)
    order = np.argsort(episodes.depth, kind="stable")[:count]
    return [_describe(episodes, int(row), depths, times) for row in order]


def _describe(episodes: Episodes, row: int, depths: FloatArray, times: TsArray) -> Drawdown:
    peak, end = int(episodes.peak[row]), int(episodes.end[row])
    trough = peak + int(np.argmin(depths[peak : end + 1]))
    return Drawdown(
        depth=float(episodes.depth[row]),
        peak=to_iso(int(times[peak])),
        trough=to_iso(int(times[trough])),
        recovered=to_iso(int(times[end])) if episodes.recovered[row] else None,
        bars=end - peak,
    )
