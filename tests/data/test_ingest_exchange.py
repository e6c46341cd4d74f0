"""Ingest from an exchange in memory: goes on where it was, loses nothing, doubles nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from arena.core.bars import FundingSeries
from arena.core.errors import ConfigError, Retryable
from arena.core.timeframe import MS_PER_DAY, Timeframe
from arena.data import ingest_exchange
from arena.data.ingest_exchange import FeedImport, FeedIngest
from arena.data.ingest_plan import BarsPlan, FeedRequest, Mode
from arena.exchange.okx.client import OkxClient
from arena.exchange.okx.feed import OkxFeed
from arena.exchange.okx.limits import NoLimits
from arena.exchange.okx.settings import OkxSettings
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter
from tests.exchange.okx.twin import TwinOkx, bar

SWAP, STEP = "BTC-USDT-SWAP", 60_000
MINUTE = Timeframe.parse("1m")
START = 1_700_006_400_000 // MS_PER_DAY * MS_PER_DAY
COUNT = 2_000


@pytest.fixture
def twin() -> TwinOkx:
    bars = {START + place * STEP: bar(place) for place in range(COUNT)}
    return TwinOkx(now=START + (COUNT - 1) * STEP + 1, step=STEP, bars=bars, listed=START)


def ingest(twin: TwinOkx, root: Path, mode: Mode = "incremental", **changes: object) -> FeedIngest:
    wanted: dict[str, object] = {
        "inst_ids": [SWAP],
        "kinds": ["candles"],
        "timeframes": [MINUTE],
        "since_days": 10.0,
        "mode": mode,
    }
    request = FeedRequest(**{**wanted, **changes})  # type: ignore[arg-type]
    client = OkxClient(
        OkxSettings(attempts=2), connect=twin.connect, sleep=lambda _s: None, limits=NoLimits()
    )
    with OkxFeed(client, workers=1) as feed:
        return FeedImport(feed, request, str(root), run_id="run", clock=lambda: twin.now).run()


def stored(root: Path, kind: Kind = Kind.CANDLES) -> list[int]:
    return MarketReader(root).read_bars(kind, SWAP, MINUTE).ts.tolist()


def asked(twin: TwinOkx) -> int:
    return sum("candles" in path for path, _ in twin.sent)


def test_what_is_stored_equals_the_source_bar_for_bar(twin: TwinOkx, tmp_path: Path) -> None:
    done = ingest(twin, tmp_path, kinds=["candles", "mark", "index"])
    assert done.errors == ()
    assert stored(tmp_path) == sorted(twin.bars)[:-1]
    bars = MarketReader(tmp_path).read_bars(Kind.CANDLES, SWAP, MINUTE)
    assert bars.origin == {"okx"}
    assert bars.volume.tolist() == [float(twin.bars[ts][5]) for ts in bars.ts.tolist()]
    assert stored(tmp_path, Kind.MARK) == stored(tmp_path, Kind.INDEX) == stored(tmp_path)
    (candles, mark, index) = done.report.series
    assert (candles.inserted, mark.inserted, index.inserted) == (COUNT - 1,) * 3
    assert candles.format == "asked from okx"


def test_the_next_run_asks_for_what_is_new_alone(twin: TwinOkx, tmp_path: Path) -> None:
    ingest(twin, tmp_path)
    twin.sent.clear()
    twin.now += 5 * STEP
    twin.bars |= {START + place * STEP: bar(place) for place in range(COUNT, COUNT + 5)}
    (series,) = ingest(twin, tmp_path).report.series
    assert (series.inserted, series.unchanged) == (5, 61)
    assert asked(twin) == 1
    assert stored(tmp_path) == sorted(twin.bars)[:-1]


def test_a_run_at_the_same_moment_changes_nothing(twin: TwinOkx, tmp_path: Path) -> None:
    ingest(twin, tmp_path)
    (series,) = ingest(twin, tmp_path).report.series
    assert (series.inserted, series.revised) == (0, 0)


def test_a_longer_reach_fills_backwards_to_the_first_bar_there_is(twin: TwinOkx, tmp_path: Path) -> None:
    ingest(twin, tmp_path, since_days=0.1)
    assert len(stored(tmp_path)) == 143
    twin.listed = START - 100 * MS_PER_DAY
    twin.sent.clear()
    ingest(twin, tmp_path, since_days=100.0)
    assert stored(tmp_path) == sorted(twin.bars)[:-1]
    assert asked(twin) < 60  # the hundred days before the first bar would be 480 pages


def test_backfill_asks_for_everything_newest_first_and_keeps_revised_values(
    twin: TwinOkx, tmp_path: Path
) -> None:
    ingest(twin, tmp_path)
    twin.bars[START + 10 * STEP] = bar(4_242)
    twin.sent.clear()
    (series,) = ingest(twin, tmp_path, "backfill").report.series
    assert (series.revised, series.unchanged) == (1, COUNT - 2)
    befores = [int(params["before"]) for _, params in twin.sent if "before" in params]
    assert befores == sorted(befores, reverse=True)
    revisions = MarketReader(tmp_path).read_revisions(Kind.CANDLES, SWAP, MINUTE)
    assert revisions["old_open"].tolist() == [float(bar(10)[0])]
    assert revisions["source"].tolist() == ["okx"]


def test_the_newest_stored_bars_are_looked_at_again(twin: TwinOkx, tmp_path: Path) -> None:
    late = twin.bars.pop(START + (COUNT - 40) * STEP)
    ingest(twin, tmp_path)
    twin.bars[START + (COUNT - 2) * STEP] = bar(4_242)
    twin.bars[START + (COUNT - 40) * STEP] = late
    (series,) = ingest(twin, tmp_path).report.series
    assert (series.revised, series.inserted) == (1, 1)


@pytest.mark.parametrize("mode", ["incremental", "backfill"])
def test_a_run_cut_short_anywhere_is_completed_by_the_next(
    twin: TwinOkx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    monkeypatch.setattr(ingest_exchange, "_BLOCK_ROWS", 300)
    for answers in range(1, 7):
        root = tmp_path / str(answers)
        twin.faults = [None] * answers + [(502, None)] * 50
        done = ingest(twin, root, mode)
        assert [type(error) for error in done.errors] == [Retryable]
        twin.faults = []
        there = stored(root)
        assert there == [] or np.all(np.diff(there) == STEP)
        ingest(twin, root)
        assert stored(root) == sorted(twin.bars)[:-1]


def test_one_series_that_fails_keeps_no_other_from_being_stored(twin: TwinOkx, tmp_path: Path) -> None:
    del twin.bars[START]
    rows = twin._candles

    def broken(path: str, params: dict[str, str]) -> list[list[str]]:
        return [["x"]] if "mark" in path.removeprefix("market") else rows(path, params)

    twin._candles = broken  # type: ignore[method-assign]
    done = ingest(twin, tmp_path, kinds=["candles", "mark", "index"])
    assert len(done.errors) == 1
    assert [series.kind for series in done.report.series] == ["candles", "index"]
    assert len(stored(tmp_path)) == COUNT - 2


def test_a_hole_of_the_exchange_is_told(twin: TwinOkx, tmp_path: Path) -> None:
    for place in range(700, 720):
        del twin.bars[START + place * STEP]
    done = ingest(twin, tmp_path)
    assert "BTC-USDT-SWAP candles 1m: 20 rows missing in 1 hole" in "\n".join(done.report.lines())
    assert stored(tmp_path) == sorted(twin.bars)[:-1]


def test_refused_rows_are_counted_and_told(twin: TwinOkx, tmp_path: Path) -> None:
    twin.bars[START + STEP] = ("10", "5", "1", "3", "1", "1", "1")
    (series,) = (report := ingest(twin, tmp_path).report).series
    assert series.rows_read == series.accepted + 1
    assert any("1 rows refused (1 outside_high_low)" in line for line in report.lines())


def test_generated_prices_never_join_observed_ones(twin: TwinOkx, tmp_path: Path) -> None:
    ingest(twin, tmp_path)
    twin.headers = {"x-paper-origin": "synthetic"}
    with pytest.raises(
        ConfigError, match=r"holds real prices of BTC-USDT-SWAP: synthetic ones go to a store"
    ):
        ingest(twin, tmp_path)
    ingest(twin, tmp_path / "own")
    assert MarketReader(tmp_path / "own").read_bars(Kind.CANDLES, SWAP, MINUTE).is_synthetic


def test_funding_beyond_the_exchanges_reach_is_told_until_files_fill_it(
    twin: TwinOkx, tmp_path: Path
) -> None:
    eight = MS_PER_DAY // 3
    twin.settlements = {START - place * eight: f"0.000{place}" for place in range(12)}
    twin.listed = 0
    report = ingest(twin, tmp_path, kinds=["funding"], since_days=30).report
    assert MarketReader(tmp_path).read_funding(SWAP).ts.tolist() == sorted(twin.settlements)
    (note,) = report.series[0].notes
    assert "the exchange gives none before 2023-11-1" in note
    assert "exchange=files kind=funding" in note
    older = np.arange(START - 100 * eight, START - 11 * eight, eight, dtype=np.int64)
    files = FundingSeries(SWAP, older, np.full(len(older), 0.0001), ("okx",) * len(older))
    MarketWriter(tmp_path, clock=lambda: 0).write_funding(files)
    assert ingest(twin, tmp_path, kinds=["funding"], since_days=30).report.series[0].notes == ()


def test_several_swaps_and_lengths_come_in_one_run(twin: TwinOkx, tmp_path: Path) -> None:
    done = ingest(twin, tmp_path, inst_ids=[SWAP, "ETH-USDT-SWAP"], kinds=["candles", "funding"])
    assert [series.label for series in done.report.series] == [
        "BTC-USDT-SWAP candles 1m",
        "BTC-USDT-SWAP funding",
        "ETH-USDT-SWAP candles 1m",
        "ETH-USDT-SWAP funding",
    ]


def test_progress_counts_every_row_once_and_reaches_the_whole(twin: TwinOkx, tmp_path: Path) -> None:
    client = OkxClient(OkxSettings(), connect=twin.connect, limits=NoLimits())
    told: list[int] = []
    with OkxFeed(client) as feed:
        request = FeedRequest([SWAP], ["candles", "mark", "funding"], [MINUTE], 10.0)
        work = FeedImport(feed, request, str(tmp_path))
        work.run(told.append)
    assert told == sorted(told)
    assert told[-1] == work.rows == 2 * (COUNT - 1) + 1


def test_who_asks_to_stop_keeps_what_is_stored(
    twin: TwinOkx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_exchange, "_BLOCK_ROWS", 300)
    client = OkxClient(OkxSettings(), connect=twin.connect, limits=NoLimits())
    feed = OkxFeed(client)
    work = FeedImport(feed, FeedRequest([SWAP], ["candles"], [MINUTE], 10.0), str(tmp_path))

    def interrupted(_work: object) -> None:
        while not stored(tmp_path):
            pass
        raise KeyboardInterrupt

    monkeypatch.setattr(ingest_exchange, "_wait_for_all", interrupted)
    done = work.run()
    assert done.stopped
    assert done.report.changed == len(stored(tmp_path)) > 0


def test_an_instrument_listed_lately_is_asked_for_from_then_on(twin: TwinOkx, tmp_path: Path) -> None:
    client = OkxClient(OkxSettings(), connect=twin.connect, limits=NoLimits())
    twin.listed = START + 1_000
    with OkxFeed(client) as feed:
        (plan,) = FeedImport(feed, FeedRequest([SWAP], ["candles"], [MINUTE], 365.0), str(tmp_path)).plans
    assert isinstance(plan, BarsPlan)
    assert plan.stretches[0].start == START + STEP
