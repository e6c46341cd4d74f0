"""The schema: migrations against tables on both databases, revisions, partitions, documents."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text

from arena.core.errors import DataError
from arena.store.ledger import HEAD_REVISION, open_ledger, open_reads
from arena.store.ledger.address import read_address
from arena.store.ledger.database_document import DOCUMENT, render_document
from arena.store.ledger.migration import alembic_config, current_revision, migrate
from arena.store.ledger.partitions import is_partition
from arena.store.ledger.revision import REVISIONS
from arena.store.ledger.tables import EVENT_TABLES, METADATA

DESIGN = (
    "audit_log backtest_configs backtest_decisions backtest_orders backtest_results backtest_runs "
    "balance_snapshots balances candle_integrity_events candle_repair_jobs cycles decisions instruments "
    "intents job_runs llm_calls order_lifecycle_events orders position_snapshots positions risk_events "
    "trades trials"
)


@pytest.fixture
def engine(ledger_url: str) -> Iterator[Engine]:
    engine = create_engine(read_address(ledger_url).url)
    yield engine
    engine.dispose()


def _set_revision(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def test_every_table_of_the_design_is_there_and_no_other():
    assert " ".join(sorted(METADATA.tables)) == DESIGN


def test_every_table_and_column_says_what_it_is():
    silent = [str(column) for table in METADATA.sorted_tables for column in table.c if not column.comment]
    assert silent == []
    assert [table.name for table in METADATA.sorted_tables if not table.comment] == []


def test_every_time_is_a_64_bit_number():
    times = [
        c for t in METADATA.sorted_tables for c in t.c if c.name == "ts" or c.name.endswith(("_ms", "_ts"))
    ]
    assert len(times) > 40
    assert {str(column.type) for column in times} == {"BIGINT"}


def test_head_revision_is_the_newest_script():
    scripts = ScriptDirectory.from_config(alembic_config())
    assert [script.revision for script in scripts.walk_revisions()][::-1] == list(REVISIONS)
    assert scripts.get_heads() == [HEAD_REVISION]


def test_migrated_schema_equals_the_tables(engine: Engine):
    events = [table.name for table in EVENT_TABLES]

    def is_ours(thing: object, name: str | None, kind: str, reflected: bool, other: object) -> bool:
        return not (kind == "table" and is_partition(str(name), events))

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": is_ours, "compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, METADATA) == []


def test_primary_keys_are_those_of_the_tables(engine: Engine):
    found = inspect(engine)
    stored = {name: found.get_pk_constraint(name)["constrained_columns"] for name in METADATA.tables}
    assert stored == {name: table.primary_key.columns.keys() for name, table in METADATA.tables.items()}


def test_empty_database_is_migrated_to_head_and_again_is_no_change(empty_url: str):
    assert current_revision(empty_url) is None
    assert migrate(empty_url) == (None, HEAD_REVISION)
    assert migrate(empty_url) == (HEAD_REVISION, HEAD_REVISION)
    assert current_revision(empty_url) == HEAD_REVISION


def test_fresh_ledger_is_opened_without_a_migration_by_hand(empty_url: str):
    with open_ledger(empty_url) as ledger:
        ledger.start_job_run("run-1", "smoke", "abc", "{}", "python -m jobs.smoke", 1)
    with open_reads(empty_url) as reads:
        assert [row["run_id"] for row in reads.list_job_runs()] == ["run-1"]


@pytest.mark.parametrize(
    ("revision", "says"),
    [("0001", r"older schema revision 0001.*run `python -m jobs\.migrate`"), ("9999", "newer than")],
    ids=["older", "newer"],
)
@pytest.mark.parametrize("opener", [open_ledger, open_reads], ids=["writer", "reader"])
def test_another_revision_is_refused_with_what_to_do(ledger_url, engine, monkeypatch, revision, says, opener):
    for module in ("soundness", "migration"):
        monkeypatch.setattr(f"arena.store.ledger.{module}.HEAD_REVISION", "0003")
    _set_revision(engine, revision)
    with pytest.raises(DataError, match=says):
        opener(ledger_url)


def test_migrate_refuses_a_newer_ledger(ledger_url: str, engine: Engine):
    _set_revision(engine, "9999")
    with pytest.raises(DataError, match="revision 9999, newer than"):
        migrate(ledger_url)


def test_database_of_somebody_else_is_left_alone(empty_url: str):
    engine = create_engine(read_address(empty_url).url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE customers (name TEXT)")
    with pytest.raises(DataError, match=r"other tables \(customers\)"):
        open_ledger(empty_url)
    assert inspect(engine).get_table_names() == ["customers"]
    engine.dispose()


def test_migration_sets_up_no_logging(empty_url: str):
    before = (logging.getLogger().handlers[:], logging.getLogger().level, logging.getLogger("alembic").level)
    migrate(empty_url)
    after = (logging.getLogger().handlers[:], logging.getLogger().level, logging.getLogger("alembic").level)
    assert after == before
    assert not logging.getLogger("arena").disabled


def test_migration_stopped_half_way_leaves_an_empty_database(empty_url: str, monkeypatch):
    script = (
        "import os, signal, sys\n"
        "from alembic import op\n"
        "from arena.store.ledger.migration import migrate\n"
        "create, count = op.create_table, iter(range(99))\n"
        "def dying(*args, **options):\n"
        "    if next(count) == 12: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return create(*args, **options)\n"
        "op.create_table = dying\n"
        "migrate(sys.argv[1])\n"
    )
    died = subprocess.run([sys.executable, "-c", script, empty_url], check=False, timeout=60)
    assert died.returncode == -9
    assert current_revision(empty_url) is None
    assert migrate(empty_url) == (None, HEAD_REVISION)


def test_hot_path_imports_neither_alembic_nor_the_other_dialect(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    migrate(url)
    script = (
        "import sys\n"
        "from arena.store.ledger import open_ledger\n"
        "with open_ledger(sys.argv[1]) as ledger:\n"
        "    ledger.start_job_run('r', 'smoke', 'abc', '{}', 'cmd', 1)\n"
        "heavy = ['alembic', 'psycopg', 'sqlalchemy.dialects.postgresql', 'numpy', 'pyarrow']\n"
        "sys.exit(', '.join(name for name in heavy if name in sys.modules) or None)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, url], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr.strip() == ""
    assert done.returncode == 0


def test_document_of_the_database_is_up_to_date():
    message = "run `python -m arena.store.ledger.database_document`"
    assert DOCUMENT.read_text(encoding="utf-8") == render_document(), message


def test_document_names_every_table_and_column():
    document = render_document()
    for table in METADATA.sorted_tables:
        section = document.split(f"## {table.name}\n")[1].split("\n## ")[0]
        assert [column.name for column in table.c if f"| `{column.name}` |" not in section] == []
