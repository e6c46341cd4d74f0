"""Pages of bars against a naive oracle: every bar written down, then filtered as the documents say."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.core.bars import Bars
from arena.core.timeframe import Timeframe
from arena.paper_okx.refusal import Refusal
from arena.paper_okx.replay.buckets import BARS
from arena.paper_okx.replay.candles import bar_of, candle_page
from arena.paper_okx.replay.path import TICKS, tick_ts, walk
from arena.paper_okx.replay.series import Series

MINUTE = 60_000
START = 1_704_067_200_000 - 3 * 3_600_000  # 21:00 UTC, so that days of both clocks begin inside
COUNT = 3 * 1440
LOT_COINS = 0.0001


def _bars(holes: tuple[tuple[int, int], ...] = ((400, 425), (2000, 2001))) -> Bars:
    rng = np.random.default_rng(5)
    close = np.round(20_000 + np.cumsum(rng.integers(-30, 31, COUNT)) * 0.1, 1)
    opened = np.concatenate(([20_000.0], close[:-1])) + np.round(rng.integers(-1, 2, COUNT) * 0.1, 1)
    opened = np.round(opened, 1)
    high = np.round(np.maximum(opened, close) + rng.integers(0, 9, COUNT) * 0.1, 1)
    low = np.round(np.minimum(opened, close) - rng.integers(0, 9, COUNT) * 0.1, 1)
    volume = np.round(rng.integers(0, 90_000, COUNT) * LOT_COINS, 4)
    kept = np.ones(COUNT, np.bool_)
    for first, end in holes:
        kept[first:end] = False
    ts = START + MINUTE * np.arange(COUNT, dtype=np.int64)
    columns = [column[kept] for column in (ts, opened, high, low, close, volume)]
    return Bars("BTC-USDT-SWAP", Timeframe.parse("1m"), *columns)


BASE = _bars()
SERIES = Series(BASE, LOT_COINS)
ROWS = list(
    zip(
        BASE.ts.tolist(),
        BASE.open.tolist(),
        BASE.high.tolist(),
        BASE.low.tolist(),
        BASE.close.tolist(),
        BASE.volume.tolist(),
        strict=True,
    )
)


def _ticks(row: tuple, now: int) -> list[float]:
    path = walk(*row[1:5])
    return [path[k] for k in range(TICKS) if tick_ts(row[0], MINUTE, k) <= now]


def _known_minutes(now: int) -> list[tuple]:
    """Minutes as they are known at `now`: (ts, o, h, l, c, coins, closed)."""
    known, last = [], ROWS[0][1]
    for row in ROWS:
        if row[0] > now:
            break
        if row[0] + MINUTE <= now:
            known.append((*row, True))
        elif seen := _ticks(row, now):
            lots = round(row[5] / LOT_COINS)
            share = sum(lots // TICKS + (k < lots % TICKS) for k in range(len(seen)))
            known.append((row[0], seen[0], max(seen), min(seen), seen[-1], share * LOT_COINS, False))
        else:
            known.append((row[0], last, last, last, last, 0.0, None))
        last = row[4]
    return known


@functools.cache
def _opens(bar: str) -> list[int]:
    return BARS[bar].opens(BASE.ts).tolist()


def oracle(bar: str, after: int | None, before: int | None, limit: int, now: int) -> list[list[float]]:
    """Return the page as rows of numbers, newest first: ts, o, h, l, c, coins, confirm."""
    one, buckets = BARS[bar], {}
    for minute, opened in zip(_known_minutes(now), _opens(bar), strict=False):
        buckets.setdefault(opened, []).append(minute)
    rows = []
    for opened, inside in buckets.items():
        end = int(one.closes(np.array([opened]))[0])
        wanted = (min(end, now - now % MINUTE + MINUTE) - opened) // MINUTE
        if len(inside) != wanted:
            continue
        traded = [minute for minute in inside if minute[6] is not None] or inside
        rows.append(
            [
                opened,
                traded[0][1],
                max(minute[2] for minute in traded),
                min(minute[3] for minute in traded),
                traded[-1][4],
                sum(minute[5] for minute in inside),
                1 if end <= now else 0,
            ]
        )
    rows = [row for row in rows if (after is None or row[0] < after) and (before is None or row[0] > before)]
    return rows[::-1][:limit]


def page(bar: str, after: int | None, before: int | None, limit: int, now: int, **more) -> list[list[str]]:
    return candle_page(
        SERIES, BARS[bar], after=after, before=before, limit=limit, now=now, lot_contracts=0.01, **more
    )


def _numbers(rows: list[list[str]]) -> list[list[float]]:
    return [[int(row[0]), *(float(v) for v in row[1:5]), float(row[6]), int(row[-1])] for row in rows]


moments = st.integers(START - MINUTE, START + (COUNT + 5) * MINUTE)


@settings(max_examples=300, deadline=None)
@given(
    bar=st.sampled_from(["1m", "3m", "15m", "1H", "4H", "6H", "6Hutc", "1D", "1Dutc", "2D", "1W", "1Mutc"]),
    after=st.none() | moments,
    before=st.none() | moments,
    limit=st.integers(1, 60),
    now=moments,
)
def test_a_page_equals_the_naive_one(bar, after, before, limit, now):
    found = _numbers(page(bar, after, before, limit, now))
    wanted = oracle(bar, after, before, limit, now)
    assert [row[0] for row in found] == [row[0] for row in wanted]
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("bar", ["1m", "5m", "1H"])
def test_paging_back_by_after_gives_every_bar_once(bar):
    now, seen, after = START + COUNT * MINUTE, [], None
    while rows := page(bar, after, None, 300, now):
        seen += [int(row[0]) for row in rows]
        after = seen[-1]
    wanted = [row[0] for row in oracle(bar, None, None, COUNT, now)]
    assert seen == wanted


def test_before_alone_gives_the_newest_page_and_not_the_next_one():
    now = START + COUNT * MINUTE
    rows = page("1m", None, START, 5, now)
    assert [int(row[0]) for row in rows] == [int(ts) for ts in BASE.ts[-5:][::-1]]


def test_reach_hides_what_is_older_than_the_newest_bars():
    now = START + 2000 * MINUTE - 1
    rows = page("1m", None, None, 300, now, reach=10)
    assert len(rows) == 10
    assert rows[0][-1] == "0"
    assert page("1m", int(rows[-1][0]), None, 300, now, reach=10) == []


def test_a_hole_takes_the_coarser_bar_with_it():
    hole = START + 400 * MINUTE
    now = START + COUNT * MINUTE
    opens = {int(row[0]) for row in page("15m", None, None, 300, now)}
    assert hole - hole % (15 * MINUTE) not in opens
    assert hole - hole % (15 * MINUTE) - 15 * MINUTE in opens


def test_nothing_of_a_bar_is_known_at_its_open():
    now = START + 100 * MINUTE
    running, closed = page("1m", None, None, 2, now)
    assert running[1:5] == [closed[4]] * 4
    assert running[5:] == ["0", "0", "0", "0"]


def test_a_bar_is_whole_when_it_closes():
    now = START + 100 * MINUTE
    row = page("1m", now, None, 1, now)[0]
    assert [float(value) for value in row[1:5]] == list(ROWS[99][1:5])
    assert row[-1] == "1"


@pytest.mark.parametrize(
    ("bar", "opens"),
    [
        ("1D", "16:00"),
        ("1Dutc", "00:00"),
        ("6H", "04:00"),
        ("6Hutc", "06:00"),
        ("12H", "04:00"),
    ],
)
def test_bars_of_six_hours_and_more_open_by_utc_plus_8(bar, opens):
    hour, minute = map(int, opens.split(":"))
    moment = 1_704_067_200_000 + (hour * 60 + minute) * MINUTE
    assert BARS[bar].open_of(moment) == moment
    assert BARS[bar].open_of(moment - 1) < moment


@pytest.mark.parametrize(
    ("bar", "moment", "opens"),
    [
        ("1Wutc", "2024-01-03T12:00", "2024-01-01T00:00"),  # a Monday
        ("1W", "2024-01-01T00:00", "2023-12-31T16:00"),
        ("1Mutc", "2024-02-29T12:00", "2024-02-01T00:00"),
        ("1M", "2024-02-29T16:00", "2024-02-29T16:00"),  # March in Hong Kong
        ("3Mutc", "2024-06-30T23:59", "2024-04-01T00:00"),
    ],
)
def test_weeks_and_months_open_on_their_calendar(bar, moment, opens):
    from arena.core.clock import parse_time

    assert BARS[bar].open_of(parse_time(moment)) == parse_time(opens)


@given(st.sampled_from(list(BARS)), st.integers(0, 4_000_000_000_000))
def test_buckets_leave_no_room_between_them(name, ts):
    bar = BARS[name]
    opened = bar.open_of(ts)
    closes = int(bar.closes(np.array([opened]))[0])
    assert opened <= ts < closes
    assert bar.open_of(closes) == closes


@pytest.mark.parametrize("name", ["1h", "1d", "7m", "1s", "", "1min"])
def test_an_unknown_bar_is_51000(name):
    with pytest.raises(Refusal, match=r"^51000 bar"):
        bar_of(name, SERIES)


def test_a_bar_finer_than_the_replay_is_51000():
    hours = Series(Bars("X", Timeframe.parse("1h"), *(c[::60] for c in _columns())), LOT_COINS)
    assert bar_of("4H", hours).name == "4H"
    with pytest.raises(Refusal, match="cannot be made of the replay's 60m"):
        bar_of("15m", hours)


def _columns() -> tuple:
    return BASE.ts, BASE.open, BASE.high, BASE.low, BASE.close, BASE.volume
