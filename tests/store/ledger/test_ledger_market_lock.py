"""Writers of a market on object storage are kept apart by the ledger's database."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arena.core.bars import Bars
from arena.core.errors import ConfigError, DataError
from arena.core.timeframe import Timeframe
from arena.store.ledger.address import read_address
from arena.store.ledger.connection import writing_engine
from arena.store.market import writer as writer_module
from arena.store.market.layout import Kind
from arena.store.market.locks import _check_session, ledger_lock
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter

RESOURCE, OTHER = (
    "s3://bucket/market/candles/X/1h/2026.parquet",
    "s3://bucket/market/candles/X/1h/2025.parquet",
)


@pytest.fixture
def url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if backend == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'ledger.sqlite'}"
    make: Callable[[], str] = request.getfixturevalue("new_postgres")
    return make()


def test_second_writer_waits_and_is_told_who_holds_the_lock(url: str) -> None:
    with (
        ledger_lock(url, RESOURCE, holder="writing 1h candles", timeout_s=1) as check,
        pytest.raises(DataError, match=r"held for 0\.1 s by process \d+.*, writing 1h candles") as caught,
        ledger_lock(url, RESOURCE, holder="late", timeout_s=0.1),
    ):
        pytest.fail("two writers held one lock")
    assert "canary" not in str(caught.value)
    with ledger_lock(url, RESOURCE, holder="late", timeout_s=0) as again:
        again()
    assert check is not again


def test_other_partitions_are_free(url: str) -> None:
    with (
        ledger_lock(url, RESOURCE, holder="one", timeout_s=0) as first,
        ledger_lock(url, OTHER, holder="two", timeout_s=0) as second,
    ):
        first()
        second()


def test_lock_ends_with_a_writer_that_failed(url: str) -> None:
    with contextlib.suppress(ZeroDivisionError), ledger_lock(url, RESOURCE, holder="one", timeout_s=0):
        raise ZeroDivisionError
    with ledger_lock(url, RESOURCE, holder="two", timeout_s=0) as check:
        check()


@pytest.mark.postgres
def test_lock_whose_session_was_ended_is_found_out_before_the_write(
    new_postgres: Any, postgres_server: Any
) -> None:
    url = new_postgres()
    end_sessions = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND application_name LIKE 'process %, ending'"
    )
    with (
        contextlib.suppress(DataError),  # the session cannot be closed in order, either
        ledger_lock(url, RESOURCE, holder="ending", timeout_s=0) as check,
    ):
        check()
        postgres_server.run(end_sessions)
        with pytest.raises(DataError, match="check that the server runs") as caught:
            check()
        with pytest.raises(DataError):
            check()  # no new session takes its place
    assert "canary" not in str(caught.value)
    with ledger_lock(url, RESOURCE, holder="two", timeout_s=0) as check:
        check()


@pytest.mark.postgres
def test_session_that_answers_but_holds_nothing_is_found_out(new_postgres: Any) -> None:
    address = read_address(new_postgres())
    engine = writing_engine(address)
    try:
        with engine.connect() as connection, pytest.raises(DataError, match="was lost before the write"):
            _check_session(connection, address, 5, RESOURCE)
    finally:
        engine.dispose()


@pytest.mark.postgres
def test_server_that_is_not_there_is_an_error_without_the_password() -> None:
    url = "postgresql://arena:canary-1@127.0.0.1:1/ledger?connect_timeout=2"
    with (
        pytest.raises(DataError, match="check that the server runs") as caught,
        ledger_lock(url, RESOURCE, holder="one", timeout_s=0),
    ):
        pytest.fail("held")
    assert "canary" not in str(caught.value)


@pytest.mark.postgres
def test_two_writers_of_a_market_on_object_storage_lose_nothing(
    new_postgres: Any, s3_root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", new_postgres())
    one_hour, step = Timeframe.parse("1h"), 3_600_000

    def write_every_other(first: int) -> None:
        writer = MarketWriter(s3_root, clock=lambda: 1)
        for rank in range(first, 12, 2):
            level = np.full(1, float(rank))
            bars = Bars("BTC-USDT-SWAP", one_hour, np.array([rank * step]), *[level] * 5)
            writer.write_bars(Kind.CANDLES, bars, source="okx")

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(write_every_other, first) for first in (0, 1)]:
            done.result()
    stored = MarketReader(s3_root).read_bars(Kind.CANDLES, "BTC-USDT-SWAP", one_hour)
    assert stored.ts.tolist() == [rank * step for rank in range(12)]
    assert stored.close.tolist() == [float(rank) for rank in range(12)]


@pytest.mark.postgres
def test_writer_whose_lock_is_lost_replaces_nothing(
    new_postgres: Any, postgres_server: Any, s3_root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", new_postgres())
    one_hour, writer = Timeframe.parse("1h"), MarketWriter(s3_root, clock=lambda: 1)
    writing = writer_module.write_table

    def write_and_lose_the_lock(*arguments: Any, **options: Any) -> None:
        writing(*arguments, **options)
        postgres_server.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND application_name LIKE 'process %, writing 1h candles%'"
        )

    def bars(value: float) -> Bars:
        return Bars("BTC-USDT-SWAP", one_hour, np.zeros(1, np.int64), *[np.full(1, value)] * 5)

    writer.write_bars(Kind.CANDLES, bars(1.0), source="okx")
    with monkeypatch.context() as patch:
        patch.setattr(writer_module, "write_table", write_and_lose_the_lock)
        with pytest.raises(DataError, match="check that the server runs"):
            writer.write_bars(Kind.CANDLES, bars(2.0), source="okx")
    reader = MarketReader(s3_root)
    assert reader.read_bars(Kind.CANDLES, "BTC-USDT-SWAP", one_hour).close.tolist() == [1.0]
    writer.write_bars(Kind.CANDLES, bars(3.0), source="okx")
    assert reader.read_bars(Kind.CANDLES, "BTC-USDT-SWAP", one_hour).close.tolist() == [3.0]
    assert reader.read_revisions(Kind.CANDLES, "BTC-USDT-SWAP", one_hour)["new_close"].tolist() == [3.0]


def test_url_that_names_no_ledger_is_refused() -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL"), ledger_lock("x", RESOURCE, holder="", timeout_s=0):
        pytest.fail("held")
