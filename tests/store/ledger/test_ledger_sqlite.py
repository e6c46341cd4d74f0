"""What a SQLite ledger survives: other writers, kill -9, damage; and how its reads go."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.dialects import sqlite

from arena.core.errors import DataError
from arena.store.ledger import open_ledger, open_reads, queries, tables
from arena.store.ledger.address import read_address
from arena.store.ledger.connection import LedgerConnection
from arena.store.ledger.migration import migrate
from arena.store.ledger.rows import IntentRow, OrderRow
from arena.store.ledger.write_lock import WriteLock

NOW_MS = 1_768_478_400_000
DAY_MS = 86_400_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.sqlite"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def connection(url: str) -> Iterator[LedgerConnection]:
    connection = LedgerConnection(read_address(url))
    yield connection
    connection.close()


def _start(script: str, *arguments: str) -> subprocess.Popen[str]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", script, *arguments], **pipes)  # type: ignore[call-overload]


# -- how it is opened


def test_writing_connection_is_set_up_for_safety(connection):
    names = ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
    with connection.write() as transaction:
        found = [transaction.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]
    assert found == ["wal", 1, 5000, 1]


def test_durable_write_is_synchronous_full_and_the_next_is_not(connection):
    modes = []
    for durable in (True, False):
        with connection.write(durable=durable) as transaction:
            modes.append(transaction.exec_driver_sql("PRAGMA synchronous").scalar())
    assert modes == [2, 1]


def test_intent_is_committed_durably(url, row, monkeypatch):
    asked = []
    write = LedgerConnection.write

    def watched(self, *, durable=False):
        asked.append(durable)
        return write(self, durable=durable)

    with open_ledger(url) as ledger:
        monkeypatch.setattr(LedgerConnection, "write", watched)
        ledger.add_intent(row(IntentRow, intent_id="i"))
        ledger.update_intent("i", "sent", 1)
        ledger.insert_order(row(OrderRow, cl_ord_id="c"))
    assert asked == [True, True, False]


def test_reader_opens_what_no_writer_has_open_and_leaves_it_as_it_was(url, path):
    before = path.read_bytes()
    with open_reads(url) as reads:
        assert reads.list_orders() == []
    assert path.read_bytes() == before


# -- damage


def _damage(path: Path, offset: int, length: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xa5" * length)


@pytest.mark.parametrize(
    ("offset", "length"), [(0, 4096), (4096 * 20, 4096 * 40)], ids=["header", "pages in the middle"]
)
@pytest.mark.parametrize("opener", [open_ledger, migrate], ids=["open_ledger", "migrate"])
def test_damaged_file_is_refused_with_what_to_do(url, path, offset, length, opener):
    _damage(path, offset, length)
    with pytest.raises(DataError, match=r"ledger\.sqlite is damaged .*restore a backup"):
        opener(url)


def test_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "notes.sqlite").write_text("dear diary, " * 1000)
    with pytest.raises(DataError, match="is damaged"):
        open_reads(f"sqlite:///{tmp_path}/notes.sqlite")


def test_large_file_is_checked_on_the_first_opening_of_a_day(url, path, monkeypatch):
    monkeypatch.setattr("arena.store.ledger.soundness._ALWAYS_CHECKED_BYTES", 4096)
    open_ledger(url, clock=lambda: NOW_MS).close()
    _damage(path, path.stat().st_size - 4096, 4096)  # a page that is not read to open the file
    open_ledger(url, clock=lambda: NOW_MS + 1000).close()
    for later, check in ((NOW_MS + DAY_MS, "quick"), (NOW_MS + 1000, "full")):
        with pytest.raises(DataError, match="is damaged"):
            open_ledger(url, clock=lambda now=later: now, check=check)


def test_full_disk_is_a_data_error_and_nothing_is_kept(connection, url, backtest):
    def fill_disk() -> None:
        with connection.write() as transaction:
            transaction.exec_driver_sql("PRAGMA max_page_count=1")
            transaction.exec_driver_sql("CREATE TABLE big AS SELECT zeroblob(9999999) AS b")

    with pytest.raises(DataError, match="disk is full; check that the file is writable"):
        fill_disk()
    with open_ledger(url) as ledger:
        ledger.record_backtest(backtest())


# -- several writers


WRITER = """
import sys
from arena.store.ledger import AuditRow, open_ledger
with open_ledger(sys.argv[1]) as ledger:
    for number in range(int(sys.argv[3])):
        ledger.append_audit(AuditRow(ts=number, actor=sys.argv[2], action="test"))
"""


def test_two_processes_that_write_at_once_lose_nothing(url):
    writers = [_start(WRITER, url, name, "300") for name in ("a", "b")]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert (writer.returncode, errors) == (0, "")
    with open_reads(url) as reads:
        rows = reads.list_audit(1000)
    assert len(rows) == 600
    assert {(deed["actor"], deed["ts"]) for deed in rows} == {(n, ts) for n in "ab" for ts in range(300)}


def test_two_processes_that_open_an_empty_folder_migrate_it_once(tmp_path):
    url = f"sqlite:///{tmp_path}/new/ledger.sqlite"
    writers = [_start(WRITER, url, name, "1") for name in ("a", "b")]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert (writer.returncode, errors) == (0, "")
    with open_reads(url) as reads:
        assert len(reads.list_audit()) == 2


def test_writer_that_waits_too_long_names_the_holder(url, path, row):
    with open_ledger(url, lock_timeout_s=0.05) as ledger, WriteLock(path).held():
        message = rf"process {os.getpid()} has been writing for more than 0\.05 s; wait for it or stop it"
        with pytest.raises(DataError, match=message):
            ledger.insert_order(row(OrderRow, cl_ord_id="c"))


def test_lock_is_free_between_writes_and_after_a_failed_one(url, path, row):
    with open_ledger(url) as ledger:
        with pytest.raises(DataError, match="refused a row"):
            ledger.insert_order(row(OrderRow, cl_ord_id="c", intent_id="nowhere"))
        with WriteLock(path, timeout_s=0).held():
            held = True
    assert held


def test_readers_do_not_wait_for_a_running_write(url, backtest):
    with open_ledger(url) as ledger, open_reads(url) as reads:
        ledger.record_backtest(backtest("before"))
        seen = []

        class Watched(list):
            def __iter__(self):
                for item in super().__iter__():
                    seen.append([run["run_id"] for run in reads.list_backtests()])
                    yield item

        ledger.record_backtest(backtest("after", orders=Watched([{"ts": 1, "side": 1}] * 5)))
        assert seen == [["before"]] * 5
        assert len(reads.list_backtests()) == 2


# -- kill -9


DYING = """
import os, signal, sys
from arena.store.ledger import BacktestRecord, open_ledger

class Dying(list):
    def __iter__(self):
        for number, item in enumerate(super().__iter__()):
            if number == int(sys.argv[2]):
                os.kill(os.getpid(), signal.SIGKILL)
            yield item

fills = Dying([{"ts": 1, "side": 1, "price": 1.0}] * 12_000)
record = BacktestRecord(
    run_id="dying", name="", created_ms=1, job="backtest", strategy="s", inst_id="i", symbol="s",
    timeframe="1h", config_hash="h", config_json="{}", dataset_hash="d", code_version="v", synthetic=True,
    start_ms=0, end_ms=1, bars=1, metrics={}, orders=fills,
)
open_ledger(sys.argv[1]).record_backtest(record)
"""


@pytest.mark.parametrize("after", ["0", "11000"], ids=["before the first fill", "with fills written"])
def test_kill_in_the_middle_of_a_backtest_leaves_nothing_half_written(url, backtest, after):
    died = _start(DYING, url, after)
    died.communicate(timeout=60)
    assert died.returncode == -signal.SIGKILL
    with open_ledger(url, lock_timeout_s=0.05) as ledger, open_reads(url) as reads:
        assert reads.list_backtests() == []
        assert reads.list_backtest_orders("dying") == []
        ledger.record_backtest(backtest("dying"))
        assert len(reads.list_backtest_orders("dying")) == 3


def test_process_that_forgets_to_close_loses_nothing(url):
    script = WRITER.replace(
        "with open_ledger(sys.argv[1]) as ledger:", "ledger = open_ledger(sys.argv[1])\nif 1:"
    )
    done = _start(script, url, "a", "3")
    _, errors = done.communicate(timeout=60)
    assert (done.returncode, errors) == (0, "")
    with open_reads(url) as reads:
        assert len(reads.list_audit()) == 3


# -- how the reads go


T = tables
MAIN_READS = {
    "job runs": (queries.newest(T.JOB_RUNS, "started_ms", 50), "ix_job_runs_started_ms"),
    "orders by status": (
        queries.newest(T.ORDERS, "created_ms", 50, {"status": "open"}),
        "ix_orders_status_created_ms",
    ),
    "orders by instrument": (
        queries.newest(T.ORDERS, "created_ms", 50, {"inst_id": "BTC-USDT-SWAP"}, start_ms=5),
        "ix_orders_inst_id_created_ms",
    ),
    "orders by time": (
        queries.newest(T.ORDERS, "created_ms", 50, start_ms=1, end_ms=9),
        "ix_orders_created_ms",
    ),
    "newest decisions": (queries.newest(T.DECISIONS, "created_ms", 50), "ix_decisions_created_ms"),
    "newest trades": (queries.newest(T.TRADES, "ts", 50), "ix_trades_ts"),
    "lifecycle": (
        queries.newest(T.ORDER_LIFECYCLE_EVENTS, "ts", 50, {"order_id": 1}),
        "ix_order_lifecycle_events_order_id_ts",
    ),
    "risk events by kind": (
        queries.newest(T.RISK_EVENTS, "ts", 50, {"kind": "refused"}, start_ms=1),
        "ix_risk_events_kind_ts",
    ),
    "model calls": (
        queries.newest(T.LLM_CALLS, "ts", 50, {"request_hash": "h"}),
        "ix_llm_calls_request_hash_ts",
    ),
    "findings of a series": (
        queries.integrity_events(
            50, {"inst_id": "i", "timeframe": "1h"}, unresolved=False, start_ts=None, end_ts=None
        ),
        "ix_candle_integrity_events_inst_id_timeframe_start_ts",
    ),
    "findings of a kind": (
        queries.integrity_events(50, {"kind": "gap"}, unresolved=False, start_ts=1, end_ts=9),
        "ix_candle_integrity_events_kind_start_ts",
    ),
    "backtests": (queries.backtests(50, {}), "ix_backtest_runs_created_ms"),
    "backtests of a strategy": (
        queries.backtests(50, {"strategy": "ema_trend"}),
        "ix_backtest_runs_strategy_created_ms",
    ),
    "backtests of a symbol": (queries.backtests(50, {"symbol": "s"}), "ix_backtest_runs_symbol_created_ms"),
    "trials": (queries.trial_count("d"), "ix_backtest_runs_dataset_hash_config_hash_trial_count"),
    "all trials of a market": (
        queries.trial_sums("i", "1h", 1, 9, synthetic=False),
        "ix_trials_inst_id_timeframe_synthetic_end_ms",
    ),
    "bars once kept back": (
        queries.held_before("i", "1h", 1, 9, synthetic=False),
        "ix_trials_inst_id_timeframe_synthetic_end_ms",
    ),
    "unlocks": (queries.unlocks("i 1h"), "ix_audit_log_(action_ts|subject_kind_subject_id_ts)"),
    "runs over changed bars": (queries.runs_over("i", 1, 9), "ix_backtest_runs_inst_id_created_ms"),
    "decisions over changed bars": (
        queries.decisions_over("i", "1h", 1, 9),
        "ix_decisions_inst_id_created_ms",
    ),
    "newest trials": (queries.newest(tables.TRIALS, "created_ms", 50), "ix_trials_created_ms"),
}


@pytest.mark.parametrize("name", MAIN_READS)
def test_main_reads_go_along_an_index(path, name):
    statement, index = MAIN_READS[name]
    compiled = statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    with closing(sqlite3.connect(path)) as database:
        plan = [step[3] for step in database.execute(f"EXPLAIN QUERY PLAN {compiled}")]
    assert any(re.search(rf"INDEX {index}\b", step) for step in plan), plan
    whole = [
        step for step in plan if re.match(r"SCAN (\w+)$", step) and step.split()[1] in tables.METADATA.tables
    ]
    sorted_whole = [step for step in plan if step == "USE TEMP B-TREE FOR ORDER BY"]
    assert (whole, sorted_whole) == ([], [])


def test_rows_of_a_run_are_read_along_their_key(path):
    statement = queries.rows_of_run(tables.BACKTEST_ORDERS, "r", 10, -1)
    compiled = statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    with closing(sqlite3.connect(path)) as database:
        (step,) = [step[3] for step in database.execute(f"EXPLAIN QUERY PLAN {compiled}")]
    assert "PRIMARY KEY (run_id=? AND seq>?)" in step
