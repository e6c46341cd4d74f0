"""What only PostgreSQL has: partitions by month, other sessions, and statements that use indexes."""

import itertools
import threading

import pytest
from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy import table as sql_table
from sqlalchemy.dialects import postgresql

from arena.core.errors import ArenaError
from arena.store.ledger import open_ledger, open_reads, queries
from arena.store.ledger.address import read_address
from arena.store.ledger.partitions import month_range, months_of, partition_name
from arena.store.ledger.rows import AuditRow, RiskEventRow
from arena.store.ledger.tables import EVENT_TABLES, ORDERS

pytestmark = pytest.mark.postgres

JANUARY_MS, FEBRUARY_MS, MARCH_MS = 1_767_225_600_000, 1_769_904_000_000, 1_772_323_200_000


@pytest.fixture
def url(new_postgres, postgres_template) -> str:
    return str(new_postgres(postgres_template))


@pytest.fixture
def engine(url: str):
    engine = create_engine(read_address(url).url)
    yield engine
    engine.dispose()


def _partitions(engine: Engine, table: str) -> dict[str, int]:
    statement = text(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = to_regclass(:name) ORDER BY 1"
    )
    with engine.connect() as connection:
        names = connection.execute(statement, {"name": table}).scalars().all()
        counts = [select(func.count()).select_from(sql_table(name)) for name in names]
        return {name: connection.scalar(count) for name, count in zip(names, counts, strict=True)}


def test_event_tables_are_the_append_only_ones():
    names = "audit_log balance_snapshots llm_calls order_lifecycle_events position_snapshots risk_events"
    assert sorted(table.name for table in EVENT_TABLES) == names.split()
    assert all("ts" in table.primary_key.columns for table in EVENT_TABLES)


@pytest.mark.parametrize("table", EVENT_TABLES, ids=lambda table: table.name)
def test_every_event_table_starts_with_its_default_partition(engine, table):
    assert _partitions(engine, table.name) == {f"{table.name}_default": 0}


def test_rows_make_and_fill_the_partition_of_their_month(url, engine, row):
    stamps = [JANUARY_MS, FEBRUARY_MS - 1, FEBRUARY_MS, MARCH_MS - 1, MARCH_MS]
    with open_ledger(url) as ledger:
        ledger.append_risk_events([row(RiskEventRow, ts=ts) for ts in stamps])
        ledger.append_risk_events([row(RiskEventRow, ts=JANUARY_MS)])
    assert _partitions(engine, "risk_events") == {
        "risk_events_default": 0,
        "risk_events_y2026m01": 3,
        "risk_events_y2026m02": 2,
        "risk_events_y2026m03": 1,
    }


def test_second_process_finds_the_partition_that_a_first_has_made(url, engine, row):
    for _ in range(2):
        with open_ledger(url) as ledger:
            ledger.append_audit(row(AuditRow, ts=JANUARY_MS))
    assert _partitions(engine, "audit_log") == {"audit_log_default": 0, "audit_log_y2026m01": 2}


def test_row_of_no_month_goes_to_the_default_partition(url, engine, row):
    with open_ledger(url) as ledger:
        ledger.append_audit(row(AuditRow, ts=0))
        ledger.append_audit(row(AuditRow, ts=10**17))
    assert _partitions(engine, "audit_log") == {"audit_log_default": 2}


def test_month_whose_rows_lie_in_default_goes_on_there(url, engine, row):
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO audit_log (event_id, ts, actor, action) VALUES ('x', %s, 'a', 'b')", (JANUARY_MS,)
        )
    with open_ledger(url) as ledger, open_reads(url) as reads:
        ledger.append_audit(row(AuditRow, ts=JANUARY_MS))
        ledger.append_audit(row(AuditRow, ts=MARCH_MS))
        assert len(reads.list_audit()) == 3
    assert _partitions(engine, "audit_log") == {"audit_log_default": 2, "audit_log_y2026m03": 1}


def test_write_that_fails_takes_its_partition_along_and_the_next_makes_it(url, engine, row):
    with open_ledger(url) as ledger:
        with pytest.raises(ArenaError, match="refused a row"):
            ledger.append_risk_events([row(RiskEventRow, ts=JANUARY_MS, cycle_id="nowhere")])
        assert _partitions(engine, "risk_events") == {"risk_events_default": 0}
        ledger.append_risk_events([row(RiskEventRow, ts=JANUARY_MS)])
    assert _partitions(engine, "risk_events") == {"risk_events_default": 0, "risk_events_y2026m01": 1}


def test_sessions_that_need_the_same_new_month_at_once_both_write(url, engine, row):
    failures: list[ArenaError] = []
    start = threading.Barrier(4)

    def write() -> None:
        try:
            with open_ledger(url) as ledger:
                start.wait(timeout=60)
                ledger.append_audit(row(AuditRow, ts=JANUARY_MS))
        except ArenaError as error:
            failures.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert _partitions(engine, "audit_log") == {"audit_log_default": 0, "audit_log_y2026m01": 4}


def test_month_ranges_join_without_hole_or_overlap():
    months = [(year, month) for year in (2025, 2026) for month in range(1, 13)]
    ranges = [month_range(month) for month in months]
    assert all(first[1] == second[0] for first, second in itertools.pairwise(ranges))
    assert all(
        months_of([start, end - 1]) == {month} for (start, end), month in zip(ranges, months, strict=True)
    )
    assert partition_name("audit_log", (2026, 3)) == "audit_log_y2026m03"


def test_orders_by_status_use_their_index(engine):
    statement = queries.newest(ORDERS, "created_ms", 50, {"status": "open"})
    compiled = statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # an empty table would be scanned
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {compiled}").scalars())
    assert "ix_orders_status_created_ms" in plan
