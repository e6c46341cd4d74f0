import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import arena
from arena.core.bars import Bars, FundingSeries
from arena.core.errors import ConfigError, DataError
from arena.core.timeframe import Timeframe
from arena.data.service import DataService, FundingPoint, PricePoint
from arena.store.ledger import IntegrityEventRow, open_ledger
from arena.store.market.layout import Kind, SeriesInfo
from arena.store.market.reader import Coverage
from arena.store.market.writer import MarketWriter

BTC, UNIFIED = "BTC-USDT-SWAP", "BTC/USDT:USDT"
M15, H1 = Timeframe.parse("15m"), Timeframe.parse("1h")
START = 1_767_225_600_000
QUARTER, HOUR = M15.step_ms, H1.step_ms


@pytest.fixture
def candles(make_walk: Any) -> Bars:
    bars: Bars = make_walk([0, 1, 2, 3, 6, 7], timeframe="15m")
    return bars


@pytest.fixture
def service(tmp_path: Path, make_walk: Any, candles: Bars) -> DataService:
    """Candles with a hole at 15m, one 1h bar, 1h mark prices that reach further, and funding."""
    writer = MarketWriter(tmp_path, clock=lambda: 100)
    writer.write_bars(Kind.CANDLES, candles, source="synthetic")
    writer.write_bars(Kind.CANDLES, make_walk([0], timeframe="1h"), source="synthetic")
    writer.write_bars(Kind.MARK, make_walk([0, 1, 2], timeframe="1h", seed=3), source="synthetic")
    funding = FundingSeries(
        BTC, np.array([START, START + 8 * HOUR], np.int64), np.array([1e-4, -3e-4]), ("binance", "okx")
    )
    writer.write_funding(funding)
    return DataService(tmp_path)


@pytest.mark.parametrize("symbol", [BTC, UNIFIED])
@pytest.mark.parametrize("timeframe", ["15m", M15], ids=["name", "timeframe"])
def test_candles_by_either_name_of_symbol_and_length(
    service: DataService, candles: Bars, symbol: str, timeframe: Any
) -> None:
    got = service.get_candles(symbol, timeframe)
    np.testing.assert_array_equal(got.ts, candles.ts)
    np.testing.assert_array_equal(got.close, candles.close)
    assert (got.inst_id, got.timeframe, got.is_synthetic) == (BTC, M15, True)


@pytest.mark.parametrize(
    ("ask", "rows"),
    [
        ({"limit": 2}, [4, 5]),
        ({"start": START + QUARTER, "end": START + 6 * QUARTER}, [1, 2, 3]),
        ({"end": START + 4 * QUARTER, "limit": 1}, [3]),
        ({"start": START + 8 * QUARTER}, []),
        ({"as_of": 99}, []),
        ({"as_of": 100}, [0, 1, 2, 3, 4, 5]),
    ],
    ids=["limit", "range", "both", "after the end", "before the import", "after the import"],
)
def test_candles_of_a_range(
    service: DataService, candles: Bars, ask: dict[str, int], rows: list[int]
) -> None:
    assert service.get_candles(BTC, "15m", **ask).ts.tolist() == candles.ts[rows].tolist()


def test_series_that_is_not_stored_is_an_error_that_tells_how_to_get_it(service: DataService) -> None:
    with pytest.raises(DataError) as caught:
        service.get_candles(BTC, "4h")
    message = str(caught.value)
    assert message.startswith("4h candles of BTC-USDT-SWAP are not stored in ")
    assert "(stored: 15m candles of BTC-USDT-SWAP, 1h candles of BTC-USDT-SWAP, 1h mark" in message
    assert (
        "run python -m jobs.ingest symbol=btc_usdt_swap timeframe=4h kind=candles exchange.path=" in message
    )


@pytest.mark.parametrize(
    ("symbol", "known"), [("ETH-USDT-SWAP", "of other instruments: BTC-USDT-SWAP")], ids=["other symbol"]
)
def test_unknown_instrument_names_the_stored_ones(service: DataService, symbol: str, known: str) -> None:
    with pytest.raises(DataError, match=known):
        service.get_candles(symbol, "15m")


def test_empty_store_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="of other instruments: nothing"):
        DataService(tmp_path).get_candles(BTC, "15m")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda data: data.get_candles("BTC", "15m"), "names no linear swap"),
        (lambda data: data.get_candles(BTC, "15min"), "did you mean '15m'"),
        (lambda data: data.get_candles(BTC, "15m", kind="last"), "known: candles, mark, index"),
    ],
    ids=["symbol", "timeframe", "kind"],
)
def test_wrong_words_are_config_errors(service: DataService, call: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call(service)


def test_funding_and_its_newest_settlement(service: DataService, tmp_path: Path) -> None:
    assert service.get_funding(UNIFIED).source == ("binance", "okx")
    assert service.get_funding(BTC, start=START + 1).rate.tolist() == [-3e-4]
    assert service.get_latest_funding(BTC) == FundingPoint(START + 8 * HOUR, -3e-4, "okx")
    empty = DataService(tmp_path / "other")
    assert len(empty.get_funding(BTC)) == 0
    assert empty.get_latest_funding(BTC) is None


def test_latest_prices_come_from_the_series_that_reaches_furthest(
    service: DataService, candles: Bars
) -> None:
    prices = service.get_latest_prices(UNIFIED)
    mark = service.get_candles(BTC, "1h", kind="mark")
    assert prices.inst_id == BTC
    assert prices.last == PricePoint(float(candles.close[-1]), START + 8 * QUARTER)
    assert prices.mark == PricePoint(float(mark.close[-1]), START + 3 * HOUR)
    assert prices.index is None


def test_service_of_a_past_time_reads_everything_as_it_was_known_then(
    tmp_path: Path, service: DataService, candles: Bars
) -> None:
    MarketWriter(tmp_path, clock=lambda: 200).write_bars(
        Kind.CANDLES, replace(candles, close=candles.close + 0.5), source="synthetic"
    )
    past = DataService(tmp_path, known_at=100)
    symbol, length = candles.inst_id, candles.timeframe
    assert past.get_candles(symbol, length).close.tolist() == candles.close.tolist()
    assert past.get_candles(symbol, length, as_of=200).close.tolist() == (candles.close + 0.5).tolist()
    now, then = service.get_latest_prices(symbol).last, past.get_latest_prices(symbol).last
    assert now is not None
    assert then is not None
    assert now.price - then.price == pytest.approx(0.5)
    assert DataService(tmp_path, known_at=99).get_latest_prices(symbol).last is None
    assert len(DataService(tmp_path, known_at=99).get_funding(symbol)) == 0


def test_snapshot_puts_bar_mark_funding_and_age_together(service: DataService, candles: Bars) -> None:
    snapshot = service.get_latest_market_snapshot(BTC, "15m", clock=lambda: START + 8 * QUARTER + 42)
    assert snapshot.bar.ts.tolist() == [candles.ts[-1]]
    assert snapshot.mark == service.get_latest_prices(BTC).mark
    assert snapshot.funding == service.get_latest_funding(BTC)
    assert snapshot.age_ms == 42


def test_coverage_of_one_and_of_all_lengths(service: DataService) -> None:
    quarter = Coverage(START, START + 7 * QUARTER, present=6, expected=8, missing=2)
    assert service.get_coverage(BTC, "15m") == {"15m": quarter}
    assert list(service.get_coverage(UNIFIED)) == ["15m", "1h"]
    assert service.get_coverage(BTC, kind="mark")["1h"].present == 3
    assert service.get_coverage("ETH-USDT-SWAP") == {}
    with pytest.raises(DataError, match="1d candles of BTC-USDT-SWAP are not stored"):
        service.get_coverage(BTC, "1d")


def test_stored_series_are_listed(service: DataService) -> None:
    assert service.list_series() == [
        SeriesInfo(Kind.CANDLES, BTC, M15),
        SeriesInfo(Kind.CANDLES, BTC, H1),
        SeriesInfo(Kind.MARK, BTC, H1),
    ]
    assert service.has_series(UNIFIED, "1h", kind="mark")
    assert not service.has_series(UNIFIED, "1h", kind="index")


def test_integrity_events_come_from_the_ledger(service: DataService, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no ledger"):
        service.get_integrity_events(BTC)
    gap = IntegrityEventRow(
        kind="gap",
        inst_id=BTC,
        timeframe="15m",
        start_ts=START + 4 * QUARTER,
        end_ts=START + 6 * QUARTER,
        severity="warning",
        seen_ms=5,
        bars=2,
    )
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", clock=lambda: 5) as ledger:
        ledger.record_integrity_events([gap])
    found = service.get_integrity_events(UNIFIED, M15, start=START, end=START + 5 * QUARTER)
    assert [(event["kind"], event["start_ts"], event["bars"]) for event in found] == [
        ("gap", START + 4 * QUARTER, 2)
    ]
    assert service.get_integrity_events(BTC, end=START) == []
    assert service.ledger.list_backtests() == []
    service.ledger.close()


def test_market_reads_load_neither_sql_nor_frames(service: DataService, tmp_path: Path) -> None:
    script = """
import sys
from arena.data.service import DataService
assert "pyarrow" not in sys.modules
data = DataService(sys.argv[1])
assert len(data.get_candles("BTC-USDT-SWAP", "15m")) == 6
print(*sorted({"sqlalchemy", "alembic", "polars", "pandas", "duckdb", "numba"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env={"PYTHONPATH": str(Path(arena.__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")
