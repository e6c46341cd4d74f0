"""Pages of bars as the exchange answers them.

Pure. Invariant: after > ts > before, newest first, at most `limit` rows; the bar that is still running has
confirm "0" and every other one "1".
"""

from __future__ import annotations

from arena.paper_okx.refusal import Refusal
from arena.paper_okx.replay.buckets import BARS, Bar
from arena.paper_okx.replay.numerals import plain
from arena.paper_okx.replay.series import Running, Series

__all__ = ["bar_of", "candle_page"]

Row = list[str]


def bar_of(name: str, series: Series) -> Bar:
    """Return the bar of this name.

    Raises:
        Refusal: 51000, no such bar, or one finer than what is replayed.
    """
    bar = BARS.get(name)
    if bar is None:
        raise Refusal("51000", f"bar (found '{name}', known: {', '.join(BARS)})")
    if not bar.fits(series.step_ms):
        raise Refusal("51000", f"bar ('{name}' cannot be made of the replay's {series.step_ms // 60_000}m)")
    return bar


def candle_page(
    series: Series,
    bar: Bar,
    *,
    after: int | None,
    before: int | None,
    limit: int,
    now: int,
    reach: int | None = None,
    lot_contracts: float | None = None,
) -> list[Row]:
    """Return one page; `reach` is how many of the newest bars may be seen at all.

    Rows have volumes where `lot_contracts`, the size of a lot, is given: candles do, mark and
    index bars do not.
    """
    columns = series.columns(bar)
    closed = series.closed(bar, now)
    running = series.running(bar, now)
    low = 0
    if reach is not None:
        low = max(0, closed + (running is not None) - reach)
    high = closed
    if after is not None:
        high = min(high, int(columns.ts.searchsorted(after)))
    if before is not None:
        low = max(low, int(columns.ts.searchsorted(before, side="right")))
    rows: list[Row] = []
    if running is not None and _inside(running.ts, after, before):
        rows.append(_running_row(running, lot_contracts))
    first = max(low, high - (limit - len(rows)))
    rows += _closed_rows(series, bar, first, high, lot_contracts)[::-1]
    return rows[:limit]


def _inside(ts: int, after: int | None, before: int | None) -> bool:
    return (after is None or ts < after) and (before is None or ts > before)


def _closed_rows(series: Series, bar: Bar, first: int, end: int, lot_contracts: float | None) -> list[Row]:
    if end <= first:
        return []
    one, part = series.columns(bar), slice(first, end)
    prices = zip(
        one.ts[part].tolist(),
        one.open[part].tolist(),
        one.high[part].tolist(),
        one.low[part].tolist(),
        one.close[part].tolist(),
        strict=True,
    )
    rows = [[str(ts), plain(o), plain(h), plain(low), plain(c)] for ts, o, h, low, c in prices]
    if lot_contracts is not None:
        volumes = zip(
            rows,
            (one.lots[part] * lot_contracts).tolist(),
            one.volume[part].tolist(),
            one.turnover[part].tolist(),
            strict=True,
        )
        for row, contracts, coins, quote in volumes:
            row.extend((plain(contracts), plain(coins), plain(quote)))
    for row in rows:
        row.append("1")
    return rows


def _running_row(one: Running, lot_contracts: float | None) -> Row:
    row = [str(one.ts), plain(one.open), plain(one.high), plain(one.low), plain(one.close)]
    if lot_contracts is not None:
        row += [plain(one.lots * lot_contracts), plain(one.volume), plain(one.turnover)]
    return [*row, "0"]
