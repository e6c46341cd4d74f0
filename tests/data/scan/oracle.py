"""The scan again, bar by bar in plain Python: slow, and written from the meanings of the kinds alone."""

from __future__ import annotations

import math

from arena.core.bars import Bars
from arena.data.scan.rules import RANGE_BLOCK, ScanRules

Told = tuple[str, int, int, int, str]
"""Kind, start, end, bars, severity."""

Row = tuple[int, float, float, float, float, float]


def rows_of(bars: Bars) -> list[Row]:
    columns = (bars.ts, bars.open, bars.high, bars.low, bars.close, bars.volume)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def scan(bars: Bars, now: int, rules: ScanRules, mark: Bars | None = None) -> set[Told]:
    """Return what is wrong with `bars`."""
    step = bars.timeframe.step_ms
    by_ts: dict[int, Row] = {}
    doubled: dict[int, int] = {}
    stray: dict[int, int] = {}
    for row in rows_of(bars):
        if row[0] % step:
            cell = row[0] // step * step
            stray[cell] = stray.get(cell, 0) + 1
        elif row[0] in by_ts:
            doubled[row[0]] = doubled.get(row[0], 0) + 1
        else:
            by_ts[row[0]] = row
    marks = {} if mark is None else {row[0]: row for row in rows_of(mark)}
    found = runs("duplicate", doubled, step) | runs("off_grid", stray, step)
    if not by_ts:
        return found
    first, last = min(by_ts), max(by_ts)
    found |= runs("gap", {ts: 1 for ts in range(first, last, step) if ts not in by_ts}, step)
    found |= runs("unfinished", {ts: 1 for ts in by_ts if ts + step > now}, step)
    overdue = (now - last - step) // step
    if overdue > rules.stale_bars:
        found.add(("stale", last + step, last + 2 * step, overdue, "warning"))
    bad = {ts for ts, row in by_ts.items() if is_bad(row)}
    found |= runs("bad_ohlc", dict.fromkeys(bad, 1), step)
    quiet = runs("zero_volume", {ts: 1 for ts, row in by_ts.items() if row[5] == 0}, step)
    for kind, start, end, count, _ in quiet:
        found.add((kind, start, end, count, "warning" if end - start >= rules.zero_volume_ms else "info"))
    found |= spikes(by_ts, bad, step, rules, marks)
    off = {}
    for ts, row in by_ts.items():
        if ts in marks and ts not in bad:
            move = max(row[2] / marks[ts][2] - 1, 1 - row[3] / marks[ts][3])
            if move > rules.mark_move:
                off[ts] = 1
    return found | {(*one[:4], "warning") for one in runs("off_mark", off, step)}


def is_bad(row: Row) -> bool:
    _, opened, high, low, close, volume = row
    if not all(map(math.isfinite, (opened, high, low, close, volume))):
        return True
    return low <= 0 or low > min(opened, close) or high < max(opened, close) or volume < 0


def spikes(
    by_ts: dict[int, Row], bad: set[int], step: int, rules: ScanRules, marks: dict[int, Row]
) -> set[Told]:
    flagged: dict[int, bool] = {}
    for ts, row in by_ts.items():
        beside = [by_ts.get(ts - step), by_ts.get(ts + step)]
        if None in beside or {ts - step, ts, ts + step} & bad:
            continue
        before, after = beside
        move = max(row[2] / max(before[2], after[2]) - 1, 1 - row[3] / min(before[3], after[3]))
        block = ts // (RANGE_BLOCK * step)
        others = [
            (one[2] - one[3]) / one[4]
            for other, one in by_ts.items()
            if other // (RANGE_BLOCK * step) == block and other != ts and other not in bad
        ]
        usual = sum(others) / len(others) if others else 0.0
        if move > rules.spike_move and move > rules.spike_ranges * usual:
            agreed = ts in marks and (
                row[2] <= marks[ts][2] * (1 + rules.mark_move / 2)
                and row[3] >= marks[ts][3] * (1 - rules.mark_move / 2)
            )
            flagged[ts] = agreed
    found = set()
    for kind, start, end, count, _ in runs("spike", dict.fromkeys(flagged, 1), step):
        agreed = all(flagged[ts] for ts in range(start, end, step))
        found.add((kind, start, end, count, "info" if agreed else "warning"))
    return found


def runs(kind: str, cells: dict[int, int], step: int) -> set[Told]:
    """Return the runs of adjoining cells as errors; each cell has a count of bars."""
    found = set()
    for cell in cells:
        if cell - step in cells:
            continue
        end, count = cell, 0
        while end in cells:
            count += cells[end]
            end += step
        found.add((kind, cell, end, count, "error"))
    return found


def resampled(bars: Bars, step: int) -> dict[int, Row]:
    """Return the coarser bars of which every finer one is there, by open."""
    parts: dict[int, list[Row]] = {}
    for row in rows_of(bars):
        parts.setdefault(row[0] // step * step, []).append(row)
    whole = step // bars.timeframe.step_ms
    return {
        ts: (
            ts,
            rows[0][1],
            max(row[2] for row in rows),
            min(row[3] for row in rows),
            rows[-1][4],
            math.fsum(row[5] for row in rows),
        )
        for ts, rows in parts.items()
        if len(rows) == whole
    }
