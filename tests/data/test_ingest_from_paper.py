"""Ingest from a paper exchange over HTTP: what is stored equals what it replays, whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from arena.core.timeframe import Timeframe
from arena.data.ingest_exchange import FeedImport, FeedIngest
from arena.data.ingest_plan import FeedRequest, Mode
from arena.exchange.okx.client import OkxClient
from arena.exchange.okx.feed import OkxFeed
from arena.exchange.okx.settings import OkxSettings
from arena.paper_okx.limits import Limits
from arena.paper_okx.replay import ReplayMarket
from arena.paper_okx.replay.buckets import BARS
from arena.paper_okx.replay.numerals import plain
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader
from tests.paper_okx.running import NOW_MS, RunningPaperOkx, run_paper_okx, small_market

SWAP = "BTC-USDT-SWAP"
MINUTE, QUARTER = Timeframe.parse("1m"), Timeframe.parse("15m")


@pytest.fixture(scope="module")
def market() -> ReplayMarket:
    return small_market()


@pytest.fixture
def okx(market: ReplayMarket) -> Iterator[RunningPaperOkx]:
    with run_paper_okx(market=market) as running:
        yield running


def ingest(
    okx: RunningPaperOkx,
    root: Path,
    kinds: tuple[str, ...] = ("candles",),
    timeframes: tuple[Timeframe, ...] = (QUARTER,),
    mode: Mode = "incremental",
    *,
    rate_limits: bool = False,
) -> FeedIngest:
    settings = OkxSettings(base_url=okx.base_url, ws_url=okx.ws_url, rate_limits=rate_limits, timeout_s=2.0)
    request = FeedRequest([SWAP], kinds, timeframes, 30.0, mode)  # type: ignore[arg-type]
    client = OkxClient(settings, sleep=lambda _s: None)
    with OkxFeed(client, name="paper") as feed:
        return FeedImport(feed, request, str(root), clock=lambda: NOW_MS).run()


def assert_equal_to_source(
    okx: RunningPaperOkx, root: Path, kind: Kind = Kind.CANDLES, timeframe: Timeframe = QUARTER
) -> int:
    """Compare with the replayed bars, bit for bit; return how many there are."""
    now = okx.exchange.clock.now()
    listing = okx.exchange.market.listing(SWAP)
    series = {Kind.CANDLES: listing.candles, Kind.MARK: listing.mark, Kind.INDEX: listing.index}[kind]
    columns = series.columns(BARS[timeframe.name])
    closed = columns.ts + timeframe.step_ms <= now
    stored = MarketReader(root).read_bars(kind, SWAP, timeframe)
    np.testing.assert_array_equal(stored.ts, columns.ts[closed])
    for name in ("open", "high", "low", "close", *(("volume",) if kind is Kind.CANDLES else ())):
        told = [float(plain(value)) for value in getattr(columns, name)[closed].tolist()]
        np.testing.assert_array_equal(getattr(stored, name), told, err_msg=name)
        if timeframe is MINUTE:  # as it is replayed: nothing was put together
            np.testing.assert_array_equal(getattr(stored, name), getattr(columns, name)[closed])
    return len(stored)


def test_all_series_equal_the_replayed_market_bit_for_bit(okx: RunningPaperOkx, tmp_path: Path) -> None:
    done = ingest(okx, tmp_path, ("candles", "mark", "index", "funding"), (MINUTE, QUARTER))
    assert done.errors == ()
    for kind in Kind:
        assert assert_equal_to_source(okx, tmp_path, kind, MINUTE) == 5_040
        assert assert_equal_to_source(okx, tmp_path, kind) == 336
    funding = MarketReader(tmp_path).read_funding(SWAP)
    settled = okx.exchange.market.settlements(SWAP, 0, NOW_MS)
    assert funding.ts.tolist() == [one.ts for one in settled]
    assert funding.rate.tolist() == [float(one.rate) for one in settled]
    assert set(funding.source) == {"synthetic"}


def test_bars_go_on_coming_as_the_exchange_goes_on(okx: RunningPaperOkx, tmp_path: Path) -> None:
    ingest(okx, tmp_path, timeframes=(MINUTE,))
    for minutes in (1, 7, 400):
        okx.step(minutes * 60_000 + 1_000)
        ingest(okx, tmp_path, timeframes=(MINUTE,))
        assert_equal_to_source(okx, tmp_path, timeframe=MINUTE)


FAULTS: dict[str, list[dict[str, object]]] = {
    "429": [{"kind": "http_429", "probability": 0.3}],
    "50011": [{"kind": "code", "code": "50011", "probability": 0.3}],
    "busy": [{"kind": "code", "code": "50013", "probability": 0.3}],
    "timeout": [{"kind": "code", "code": "50004", "probability": 0.3}],
    "html": [{"kind": "html", "probability": 0.3}],
    "truncated": [{"kind": "truncated", "probability": 0.3}],
    "dropped before": [{"kind": "drop_before", "probability": 0.3}],
    "dropped after": [{"kind": "drop_after", "probability": 0.3}],
    "slow": [{"kind": "delay", "delay_ms": 30, "probability": 0.5}],
    "all at once": [
        {"kind": kind, "probability": 0.08} for kind in ("http_429", "html", "truncated", "drop_after")
    ],
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_of_the_way_lose_and_double_nothing(okx: RunningPaperOkx, tmp_path: Path, name: str) -> None:
    for rule in FAULTS[name]:
        okx.fault(path="/api/v5/market/*", **rule)
    for _ in range(5):
        done = ingest(okx, tmp_path, timeframes=(MINUTE,))
        if not done.errors:
            break
    assert assert_equal_to_source(okx, tmp_path, timeframe=MINUTE) == 5_040


@pytest.mark.parametrize("kind", ["missing_bars", "unconfirmed_bars"])
def test_bars_that_are_held_back_once_are_had_by_asking_again(
    okx: RunningPaperOkx, tmp_path: Path, kind: str
) -> None:
    okx.fault(kind, path="*candles", bars=40, times=1, skip=2)
    ingest(okx, tmp_path, timeframes=(MINUTE,))
    assert_equal_to_source(okx, tmp_path, timeframe=MINUTE)


def test_bars_that_are_held_back_for_long_are_told_and_come_with_the_next_run(
    okx: RunningPaperOkx, tmp_path: Path
) -> None:
    okx.fault(
        "unconfirmed_bars", path="*candles", from_ms=NOW_MS - 30 * 60_000, until_ms=NOW_MS - 10 * 60_000
    )
    done = ingest(okx, tmp_path, timeframes=(MINUTE,))
    assert "20 rows missing in 1 hole" in "\n".join(done.report.lines())
    okx.clear_faults()
    ingest(okx, tmp_path, timeframes=(MINUTE,))
    assert_equal_to_source(okx, tmp_path, timeframe=MINUTE)


def test_a_bar_that_was_not_final_is_revised_and_its_first_values_are_kept(
    okx: RunningPaperOkx, tmp_path: Path
) -> None:
    okx.fault("revised_bars", path="*candles", bars=3)
    ingest(okx, tmp_path)
    okx.clear_faults()
    (series,) = ingest(okx, tmp_path, mode="backfill").report.series
    assert series.revised > 0
    assert_equal_to_source(okx, tmp_path)
    revisions = MarketReader(tmp_path).read_revisions(Kind.CANDLES, SWAP, QUARTER)
    assert len(revisions["ts"]) == series.revised


def test_a_skewed_clock_of_the_exchange_changes_nothing(okx: RunningPaperOkx, tmp_path: Path) -> None:
    okx.fault("clock_skew", skew_ms=45_000, path="*/public/time")
    ingest(okx, tmp_path, timeframes=(MINUTE,))
    assert_equal_to_source(okx, tmp_path, timeframe=MINUTE)


def test_backfill_of_a_whole_store_changes_nothing(okx: RunningPaperOkx, tmp_path: Path) -> None:
    ingest(okx, tmp_path)
    (series,) = ingest(okx, tmp_path, mode="backfill").report.series
    assert (series.inserted, series.revised, series.unchanged) == (0, 0, 336)


def test_generated_prices_are_stored_as_generated(okx: RunningPaperOkx, tmp_path: Path) -> None:
    assert ingest(okx, tmp_path).report.is_synthetic
    assert MarketReader(tmp_path).read_bars(Kind.CANDLES, SWAP, QUARTER).is_synthetic


def test_with_the_exchanges_limits_on_no_request_is_ever_too_much(
    market: ReplayMarket, tmp_path: Path
) -> None:
    with run_paper_okx(market=market, rate_limits=True) as okx:
        refused = count_refused(okx)
        done = ingest(okx, tmp_path, ("candles", "mark"), (MINUTE,), rate_limits=True)
        assert done.errors == ()
        assert refused() == 0
        for kind in (Kind.CANDLES, Kind.MARK):
            assert_equal_to_source(okx, tmp_path, kind, MINUTE)


def count_refused(okx: RunningPaperOkx) -> Callable[[], int]:
    """Count the requests beyond a limit from now on."""
    limits: Limits = okx.exchange.limits
    real, refused = limits.take, 0

    def take(*arguments: object, **options: object) -> object:
        nonlocal refused
        try:
            return real(*arguments, **options)  # type: ignore[arg-type]
        except Exception:
            refused += 1
            raise

    limits.take = take  # type: ignore[method-assign,assignment]
    return lambda: refused
