"""Decide which rows of the files may enter the store.

Pure and vectorised. Invariant: every row read is accepted, dropped as an exact duplicate, or refused
with one reason; the three counts add up to the rows read. Accepted rows ascend strictly by time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arena.core.bars import FloatArray, IntArray, TsArray
from arena.core.clock import to_iso
from arena.core.errors import DataError
from arena.core.timeframe import TIMEFRAMES, Timeframe
from arena.exchange.files.sheets import NO_TIME, Sheet

REASONS = (
    "unreadable_time",
    "not_finite",
    "unfinished",
    "off_grid",
    "non_positive_price",
    "high_below_low",
    "outside_high_low",
    "negative_volume",
    "conflicting_duplicate",
)
"""Why a row is refused; where several hold, the first in this order is given."""

_CODE = {reason: np.uint8(place) for place, reason in enumerate(REASONS, start=1)}
_DUPLICATE = np.uint8(len(REASONS) + 1)

HOUR_MS = 3_600_000

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of all files, one under the other; `file` and `row` (from 1) say where each stood."""

    ts: TsArray
    values: dict[str, FloatArray]
    closed: Mask
    file: NDArray[np.int32]
    row: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What became of each row: `code` 0 accepted, otherwise a reason or a dropped duplicate.

    `order` lists the accepted rows by time.
    """

    code: NDArray[np.uint8]
    order: IntArray

    @property
    def refused(self) -> dict[str, int]:
        """Refused rows by reason, only the reasons that occurred."""
        counts = np.bincount(self.code, minlength=len(REASONS) + 2)
        return {reason: int(counts[_CODE[reason]]) for reason in REASONS if counts[_CODE[reason]]}

    @property
    def duplicates(self) -> int:
        """Exact repetitions that were dropped."""
        return int(np.count_nonzero(self.code == _DUPLICATE))

    def refused_rows(self) -> IntArray:
        """Positions of the refused rows."""
        return np.flatnonzero((self.code > 0) & (self.code < _DUPLICATE))

    def reason(self, position: int) -> str:
        """Return why the row at `position` was refused."""
        return REASONS[int(self.code[position]) - 1]


def stack(sheets: Sequence[Sheet]) -> Rows:
    """Return the rows of all sheets as one."""
    lengths = [len(sheet) for sheet in sheets]
    closed = [np.ones(len(s), np.bool_) if s.closed is None else s.closed for s in sheets]
    return Rows(
        ts=np.concatenate([sheet.ts for sheet in sheets]),
        values={n: np.concatenate([s.values[n] for s in sheets]) for n in sheets[0].values},
        closed=np.concatenate(closed),
        file=np.repeat(np.arange(len(sheets), dtype=np.int32), lengths),
        row=np.concatenate([np.arange(1, length + 1, dtype=np.int64) for length in lengths]),
    )


def judge_bars(rows: Rows, step_ms: int, now_ms: int) -> Verdict:
    """Check bars: time, numbers, finished, grid, prices, volume, repetition."""
    value = rows.values
    opened, high, low, close = value["open"], value["high"], value["low"], value["close"]
    code = _judge_times(rows, step_ms, now_ms - step_ms)
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    _refuse(code, "non_positive_price", np.minimum(bottom, np.minimum(high, low)) <= 0)
    _refuse(code, "high_below_low", high < low)
    _refuse(code, "outside_high_low", (top > high) | (bottom < low))
    _refuse(code, "negative_volume", value["volume"] < 0)
    return _judge_repetition(rows, code)


def judge_funding(rows: Rows, now_ms: int) -> Verdict:
    """Check settlements: time, numbers, already settled, whole hours, repetition."""
    return _judge_repetition(rows, _judge_times(rows, HOUR_MS, now_ms))


def _judge_times(rows: Rows, step_ms: int, last_open_ms: int) -> NDArray[np.uint8]:
    code = np.zeros(len(rows.ts), np.uint8)
    finite = np.ones(len(rows.ts), np.bool_)
    for column in rows.values.values():
        finite &= np.isfinite(column)
    _refuse(code, "unreadable_time", rows.ts == NO_TIME)
    _refuse(code, "not_finite", ~finite)
    _refuse(code, "unfinished", (rows.ts > last_open_ms) | ~rows.closed)
    _refuse(code, "off_grid", rows.ts % step_ms != 0)
    return code


def _refuse(code: NDArray[np.uint8], reason: str, mask: Mask) -> None:
    code[mask & (code == 0)] = _CODE[reason]


def _judge_repetition(rows: Rows, code: NDArray[np.uint8]) -> Verdict:
    """Drop exact repetitions; refuse all rows of a time that is told in different ways."""
    order = np.flatnonzero(code == 0)
    if not is_ascending(rows.ts[order]):
        order = order[np.argsort(rows.ts[order], kind="stable")]
        ts = rows.ts[order]
        first = np.concatenate([[True], ts[1:] != ts[:-1]])
        if not first.all():
            group = np.cumsum(first) - 1
            differs = np.zeros(len(ts), np.bool_)
            for column in rows.values.values():
                told = column[order]
                differs |= told != told[first][group]
            conflict = np.bincount(group, weights=differs)[group] > 0
            code[order[~first]] = _DUPLICATE
            code[order[conflict]] = _CODE["conflicting_duplicate"]
            order = order[first & ~conflict]
    return Verdict(code, order)


def is_ascending(ts: TsArray) -> bool:
    """Return whether `ts` ascends strictly."""
    return bool(np.all(ts[1:] > ts[:-1]))


def count_out_of_order(ts: TsArray) -> int:
    """Return how many rows stand below a row of a later time."""
    return int(np.count_nonzero(ts[1:] < ts[:-1]))


def count_gaps(ts: TsArray, step_ms: int) -> tuple[int, int]:
    """Return the holes between ascending stamps and the stamps missing in them."""
    holes = np.diff(ts) // step_ms - 1
    holes = holes[holes > 0]
    return len(holes), int(holes.sum())


def check_bar_grid(label: str, ts: TsArray, timeframe: Timeframe) -> None:
    """Refuse a file whose stamps say that it is of another timeframe.

    Raises:
        DataError: the spacing is finer or coarser, or most bars open off the UTC grid.
    """
    spacing, stamps = _spacing(ts)
    if not len(stamps):
        return
    if len(spacing):
        usual = int(np.median(spacing))
        if usual < timeframe.step_ms or int(spacing.min()) > timeframe.step_ms:
            advice = " and derive the coarser ones from it" if usual < timeframe.step_ms else ""
            raise DataError(
                f"{label}: bars every {_length(usual)}, but timeframe={timeframe} was named; "
                f"name timeframe={_length(usual)}{advice}"
            )
    off = stamps[stamps % timeframe.step_ms != 0]
    if 2 * len(off) > len(stamps):
        raise DataError(
            f"{label}: {len(off)} of {len(stamps)} bars open off the UTC grid of {timeframe}, "
            f"the first at {to_iso(int(off[0]))}; take bars that open on UTC boundaries"
        )


def check_funding_grid(label: str, ts: TsArray) -> None:
    """Refuse a file whose stamps are no settlement times.

    Raises:
        DataError: most stamps are not on whole hours.
    """
    spacing, stamps = _spacing(ts)
    off = stamps[stamps % HOUR_MS != 0]
    if 2 * len(off) > len(stamps):
        usual = f"every {_length(int(np.median(spacing)))}, " if len(spacing) else ""
        raise DataError(
            f"{label}: {len(off)} of {len(stamps)} stamps are not on a whole hour ({usual}the first at "
            f"{to_iso(int(off[0]))}), so they are no funding settlements"
        )


def _spacing(ts: TsArray) -> tuple[IntArray, TsArray]:
    stamps = ts[ts != NO_TIME]
    if not is_ascending(stamps):
        stamps = np.unique(stamps)
    return np.diff(stamps), stamps


def _length(ms: int) -> str:
    """Return a spacing as the timeframe of that name, else in seconds."""
    for name in TIMEFRAMES:
        if Timeframe.parse(name).step_ms == ms:
            return name
    return f"{ms / 1000:g} s"
