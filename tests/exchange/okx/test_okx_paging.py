"""Paging against an OKX in memory: whatever its pages and holes, what comes in is what it has."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.core.errors import Rejected, Retryable
from arena.core.timeframe import MS_PER_DAY, Timeframe
from arena.exchange.okx.client import OkxClient
from arena.exchange.okx.feed import BAR_NAMES, OkxFeed, index_id
from arena.exchange.okx.limits import NoLimits
from arena.exchange.okx.paging import judge, read_window, windows
from arena.exchange.okx.settings import OkxSettings
from arena.exchange.port import BarPage
from tests.exchange.okx.twin import LostError, TwinOkx, bar

SWAP = "BTC-USDT-SWAP"
STEP = 60_000
MINUTE = Timeframe.parse("1m")
START = 1_700_000_040_000 // STEP * STEP


def make_twin(count: int, holes: set[int] | None = None, **changes: object) -> TwinOkx:
    """Return a twin whose last bar is running."""
    bars = {START + place * STEP: bar(place) for place in range(count) if place not in (holes or set())}
    return TwinOkx(now=START + (count - 1) * STEP + 20_000, step=STEP, bars=bars, **changes)  # type: ignore[arg-type]


def make_feed(twin: TwinOkx) -> OkxFeed:
    client = OkxClient(OkxSettings(), connect=twin.connect, sleep=lambda _s: None, limits=NoLimits())
    return OkxFeed(client, workers=2)


def read_all(twin: TwinOkx, kind: str = "candles", *, backwards: bool = False) -> list[BarPage]:
    with make_feed(twin) as feed:
        return list(feed.bars(kind, SWAP, MINUTE, START, 10**15, backwards=backwards))  # type: ignore[arg-type]


def closed(twin: TwinOkx) -> list[int]:
    return sorted(ts for ts in twin.bars if ts + STEP <= twin.now)


def assert_equal_to_source(
    pages: list[BarPage], twin: TwinOkx, columns: tuple[int, ...] = (0, 1, 2, 3, 5)
) -> None:
    """Compare bar for bar, value for value."""
    ordered = sorted(pages, key=lambda page: page.start_ms)
    ts = np.concatenate([page.bars.ts for page in ordered])
    assert ts.tolist() == closed(twin)
    for name, column in zip(("open", "high", "low", "close", "volume"), columns, strict=False):
        came = np.concatenate([getattr(page.bars, name) for page in ordered]).tolist()
        assert came == [float(twin.bars[one][column]) for one in closed(twin)]


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(2, 900),
    page=st.integers(1, 320),
    wall=st.integers(60, 1440),
    holes=st.sets(st.integers(0, 899), max_size=60),
    block=st.tuples(st.integers(0, 899), st.integers(0, 400)),
    backwards=st.booleans(),
)
def test_any_page_size_and_any_holes_give_the_source_bar_for_bar(
    count: int, page: int, wall: int, holes: set[int], block: tuple[int, int], *, backwards: bool
) -> None:
    missing = holes | set(range(block[0], block[0] + block[1]))
    twin = make_twin(count, missing, page=page, wall=wall)
    if not closed(twin):
        return
    assert_equal_to_source(read_all(twin, backwards=backwards), twin)


@pytest.mark.parametrize("kind", ["mark", "index"])
def test_mark_and_index_come_in_pages_of_a_hundred_without_volume(kind: str) -> None:
    twin = make_twin(450)
    pages = read_all(twin, kind)
    assert_equal_to_source(pages, twin, (0, 1, 2, 3))
    assert {len(page.bars) for page in pages} == {100, 49}
    assert {params["instId"] for path, params in twin.sent if "candles" in path} == {
        "BTC-USDT" if kind == "index" else SWAP
    }


def test_pages_of_three_hundred_cost_one_request_each() -> None:
    twin = make_twin(1201)
    read_all(twin)
    assert sum("candles" in path for path, _ in twin.sent) == 4


def test_bars_beyond_the_wall_come_from_history_and_newer_ones_do_not() -> None:
    twin = make_twin(3001)
    assert_equal_to_source(read_all(twin), twin)
    paths = [path for path, _ in twin.sent if "candles" in path]
    assert set(paths[:5]) == {"market/history-candles"}
    assert paths[-1] == "market/candles"


def test_the_running_bar_is_left_for_the_next_time() -> None:
    twin = make_twin(10)
    pages = read_all(twin)
    assert pages[-1].bars.ts[-1] == START + 8 * STEP
    assert pages[-1].end_ms == START + 9 * STEP


def test_a_bar_that_is_over_but_not_confirmed_is_left_for_the_next_time() -> None:
    rows = [
        ["120000", "1", "1", "1", "1", "9", "9", "9", "0"],
        ["60000", "1", "1", "1", "1", "9", "9", "9", "1"],
    ]
    assert judge(rows, STEP, 10**12).ts.tolist() == [60_000]


def test_rows_that_were_left_out_of_one_answer_are_asked_for_again() -> None:
    full = make_twin(200)
    lossy = make_twin(200, set(range(50, 60)) | set(range(150, 200)))

    def ask(twin: TwinOkx, first: int, last: int) -> list[list[str]]:
        return twin._candles("history", {"before": str(first - 1), "after": str(last), "limit": "300"})

    found = read_window(partial(ask, lossy), partial(ask, full), START, START + 199 * STEP, STEP, full.now)
    assert found.ts.tolist() == closed(full)


def test_a_bar_told_anew_between_two_answers_keeps_its_first_telling() -> None:
    first, second = make_twin(20, {7}), make_twin(20)
    second.bars[START + 3 * STEP] = bar(99)

    def ask(twin: TwinOkx, begin: int, last: int) -> list[list[str]]:
        return twin._candles("history", {"before": str(begin - 1), "after": str(last), "limit": "300"})

    found = read_window(partial(ask, first), partial(ask, second), START, START + 19 * STEP, STEP, first.now)
    assert found.ts.tolist() == closed(second)
    assert found.values["open"][3] == 103.1
    assert not found.refused


def test_prices_that_no_market_can_make_are_refused_and_counted() -> None:
    twin = make_twin(5)
    twin.bars[START + STEP] = ("10", "5", "1", "3", "1", "1", "1")
    twin.bars[START + 2 * STEP] = ("-1", "5", "-1", "3", "1", "1", "1")
    (page,) = read_all(twin)
    assert page.refused == {"outside_high_low": 1, "non_positive_price": 1}
    assert len(page.bars) == 2


@pytest.mark.parametrize(
    "row", [["x", "1", "1", "1", "1", "1"], [], ["60000", "1"], ["60000", "a", "1", "1", "1", "1"]]
)
def test_what_is_no_candle_is_told_as_such(row: list[str]) -> None:
    with pytest.raises(Rejected, match="OKX gave"):
        read_window(lambda _f, _l: [row], lambda _f, _l: [], 60_000, 120_000, STEP, 10**12)


@pytest.mark.parametrize(
    "fault", [(429, None), (200, "<html>"), (200, {"code": "50011", "msg": "", "data": []}), LostError()]
)
def test_faults_between_pages_lose_nothing(fault: object) -> None:
    twin = make_twin(1500, faults=[None, fault, None, fault, fault])
    assert_equal_to_source(read_all(twin), twin)


def test_an_exchange_that_stays_away_ends_the_reading_and_what_came_before_stays() -> None:
    twin = make_twin(1500, faults=[None] + [(502, None)] * 100)
    with make_feed(twin) as feed:
        feed._ahead = 0
        pages = feed.bars("candles", SWAP, MINUTE, START, 10**15)
        assert len(next(pages).bars) == 300
        with pytest.raises(Retryable, match="given up"):
            next(pages)


def test_a_reader_that_leaves_early_asks_for_no_more() -> None:
    twin = make_twin(3000)
    with make_feed(twin) as feed:
        pages = feed.bars("candles", SWAP, MINUTE, START, 10**15)
        next(pages)
        pages.close()  # type: ignore[attr-defined]
    assert sum("candles" in path for path, _ in twin.sent) <= 4


def test_generated_prices_are_called_so_whatever_the_exchange_is_called() -> None:
    (page,) = read_all(make_twin(10, headers={"x-paper-origin": "synthetic"}))
    assert page.bars.is_synthetic
    (page,) = read_all(make_twin(10))
    assert page.bars.origin == {"okx"}


@settings(max_examples=40, deadline=None)
@given(count=st.integers(0, 300), page=st.integers(1, 400), begin=st.integers(-50, 320))
def test_funding_is_read_backwards_to_the_start_or_to_the_wall(count: int, page: int, begin: int) -> None:
    settle = MS_PER_DAY // 3
    rates = {START + place * settle: f"0.000{place}" for place in range(count)}
    twin = TwinOkx(now=START, step=STEP, bars={}, page=page, settlements=rates)
    start = START + begin * settle
    with make_feed(twin) as feed:
        history = feed.funding(SWAP, start)
    wanted = [ts for ts in sorted(rates) if ts >= start]
    assert history.series.ts.tolist() == wanted
    assert history.series.rate.tolist() == [float(rates[ts]) for ts in wanted]
    assert history.reach_ms == (max(start, START) if rates else start)


def test_the_charged_rate_counts_and_the_forecast_only_where_it_is_missing() -> None:
    twin = TwinOkx(now=START, step=STEP, bars={}, settlements={START: "0.0001", START + 1: ""})
    with make_feed(twin) as feed:
        assert feed.funding(SWAP, START).series.rate.tolist() == [0.0001, 0.9]


@pytest.mark.parametrize("backwards", [False, True])
def test_windows_adjoin_and_cover(backwards: bool) -> None:
    found = list(windows(0, 25, 10, backwards=backwards))
    assert found == ([(15, 25), (5, 15), (0, 5)] if backwards else [(0, 10), (10, 20), (20, 25)])


def test_every_timeframe_has_a_name_that_opens_on_utc() -> None:
    names = {name: okx for name, okx in BAR_NAMES.items() if Timeframe.parse(name).step_ms >= 6 * 3_600_000}
    assert all(okx.endswith("utc") for okx in names.values())
    assert index_id("BTC-USDT-SWAP") == "BTC-USDT"


def scripted(rows: dict[str, list[dict[str, str]]]) -> Callable[..., OkxFeed]:
    class Scripted(TwinOkx):
        def _rows(self, path: str, params: dict[str, str]) -> list[dict[str, str]]:
            return rows[path]

    return lambda: make_feed(Scripted(now=START, step=STEP, bars={}))


def test_an_unknown_instrument_is_named_with_its_neighbours() -> None:
    make = scripted({"public/instruments": [{"instId": "BTC-USDT-SWAP"}, {"instId": "ETH-USDT-SWAP"}]})
    with make() as feed, pytest.raises(Rejected, match="'BTC-USD-SWAP': did you mean 'BTC-USDT-SWAP'"):
        feed.instrument("BTC-USD-SWAP")
