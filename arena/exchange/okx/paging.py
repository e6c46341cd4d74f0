"""Read long series page by page: loops that lose no row whatever the size of a page.

Pure but for the function that asks. Invariant: a range counts as read only when the exchange has given
its first row or has nothing older in it; what then is still missing was asked for twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

import numpy as np

from arena.core.bars import FloatArray, TsArray
from arena.core.errors import Rejected
from arena.exchange.files.checks import Rows, judge_bars

CandleRow = Sequence[str]
AskBars = Callable[[int, int], list[CandleRow]]
"""Rows with first <= open < end, the newest of them when they do not fit into one page."""

AskFunding = Callable[[int | None], list[dict[str, str]]]
"""The newest settlements before a time, newest first."""

PRICES = ("open", "high", "low", "close")
_VOLUME_IN_COINS = 6
_UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """Closed, sound candles by time, and how many rows were refused for which reason."""

    ts: TsArray
    values: Mapping[str, FloatArray]
    refused: Counter[str] = field(default_factory=Counter)


def windows(start: int, end: int, width: int, *, backwards: bool = False) -> Iterator[tuple[int, int]]:
    """Yield adjoining ranges of at most `width` that cover [start, end)."""
    if backwards:
        for last in range(end, start, -width):
            yield max(start, last - width), last
        return
    for first in range(start, end, width):
        yield first, min(end, first + width)


def read_window(ask: AskBars, ask_again: AskBars, start: int, end: int, step_ms: int, now_ms: int) -> Candles:
    """Return the candles with start <= open < end; `ask_again` is asked once for those that are missing."""
    rows = _read_down(ask, start, end)
    found = judge(rows, step_ms, now_ms)
    absent = np.setdiff1d(np.arange(start, end, step_ms, dtype=np.int64), found.ts, assume_unique=True)
    if not len(absent):
        return found
    wanted = set(absent.tolist())
    told = _read_down(ask_again, int(absent[0]), int(absent[-1]) + step_ms)
    again = [row for row in told if stamp_of(row) in wanted]
    replaced = {stamp_of(row) for row in again}
    return judge([*(row for row in rows if stamp_of(row) not in replaced), *again], step_ms, now_ms)


def _read_down(ask: AskBars, start: int, end: int) -> list[CandleRow]:
    """Ask from the newest row down, until the first one is there or nothing older is."""
    found: list[CandleRow] = []
    upper = end
    while upper > start:
        inside = [row for row in ask(start, upper) if start <= stamp_of(row) < upper]
        if not inside:
            break
        found += inside
        upper = min(stamp_of(row) for row in inside)
    return found


def judge(rows: Sequence[CandleRow], step_ms: int, now_ms: int) -> Candles:
    """Return the rows that may be kept; exact repetitions count once, the running bar not at all.

    Raises:
        Rejected: a row is not one of a candle.
    """
    if not rows:
        return no_candles()
    table = _table(rows)
    verdict = judge_bars(table, step_ms, now_ms)
    refused = Counter(verdict.refused)
    del refused[_UNFINISHED]
    kept = verdict.order
    return Candles(table.ts[kept], {name: column[kept] for name, column in table.values.items()}, refused)


def no_candles() -> Candles:
    """Return none."""
    return Candles(np.empty(0, np.int64), {name: np.empty(0) for name in (*PRICES, "volume")})


def _table(rows: Sequence[CandleRow]) -> Rows:
    width = len(rows[0])
    try:
        columns = list(zip(*rows, strict=True))
        ts = np.array([int(text) for text in columns[0]], np.int64)
        values = {name: _numbers(columns[place]) for place, name in enumerate(PRICES, start=1)}
        has_volume = width > _VOLUME_IN_COINS
        values["volume"] = _numbers(columns[_VOLUME_IN_COINS]) if has_volume else np.zeros(len(ts))
        closed = np.array([text == "1" for text in columns[-1]], np.bool_)
    except (ValueError, TypeError, IndexError) as error:
        raise Rejected(f"OKX gave candles that are none ({error}): {str(rows[0])[:200]}") from error
    return Rows(ts, values, closed, np.zeros(len(ts), np.int32), np.arange(1, len(ts) + 1, dtype=np.int64))


def _numbers(texts: Sequence[str]) -> FloatArray:
    return np.array([float(text) for text in texts])


def stamp_of(row: CandleRow) -> int:
    """Return the open of a row.

    Raises:
        Rejected: it has none.
    """
    try:
        return int(row[0])
    except (ValueError, TypeError, IndexError) as error:
        raise Rejected(f"OKX gave a candle without a time: {str(row)[:200]}") from error


@dataclass(frozen=True, slots=True, eq=False)
class Settlements:
    """Settled funding by time; `reach_ms` is the first moment from which on nothing is missing."""

    ts: TsArray
    rate: FloatArray
    reach_ms: int


def read_funding(ask: AskFunding, start: int) -> Settlements:
    """Return the settlements at and after `start`, read backwards to it or to the exchange's wall.

    Raises:
        Rejected: a row is not one of a settlement.
    """
    rates: dict[int, float] = {}
    oldest: int | None = None
    while oldest is None or oldest > start:
        page = [(ts, rate) for ts, rate in map(_settlement, ask(oldest)) if oldest is None or ts < oldest]
        if not page:
            break
        rates.update(page)
        oldest = min(ts for ts, _rate in page)
    reached = oldest is not None and oldest <= start
    reach_ms = start if reached or oldest is None else oldest
    kept = sorted(ts for ts in rates if ts >= start)
    return Settlements(np.array(kept, np.int64), np.array([rates[ts] for ts in kept]), reach_ms)


def _settlement(row: Mapping[str, str]) -> tuple[int, float]:
    """Return time and rate of one row: the rate that was charged, not the one that was forecast."""
    try:
        return int(row["fundingTime"]), _finite(row.get("realizedRate") or row["fundingRate"])
    except (ValueError, TypeError, KeyError) as error:
        raise Rejected(f"OKX gave a settlement that is none ({error}): {str(row)[:200]}") from error


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"rate {number}")
    return number
