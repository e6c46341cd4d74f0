"""The site: a read-only datasette over one SQLite ledger and the newest rows of the market.

Opens the ledger file with `mode=ro`; of a ledger in PostgreSQL it makes a copy that ends with the site.
Invariant: downloads, writes and long queries are off whatever is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from arena.browse.market_rows import SeriesTable, fill
from arena.browse.questions import QUESTIONS
from arena.core.errors import ConfigError
from arena.data.service import DataService
from arena.store.ledger.description import describe_tables

LEDGER = "ledger"
MARKET = "market"

SETTINGS: dict[str, object] = {
    "sql_time_limit_ms": 1000,
    "max_returned_rows": 1000,
    "allow_download": False,
    "allow_csv_stream": False,
    "default_page_size": 50,
    "suggest_facets": False,  # the facets that help are named; guessing them reads whole tables
    "facet_time_limit_ms": 500,
}

_FACETS: dict[str, list[str]] = {
    "orders": ["status", "origin", "symbol"],
    "order_lifecycle_events": ["kind", "source"],
    "decisions": ["source", "action", "strategy"],
    "cycles": ["status", "step"],
    "risk_events": ["kind", "rule", "severity"],
    "intents": ["status", "leg"],
    "trades": ["symbol", "side"],
    "llm_calls": ["provider", "model", "status"],
    "candle_integrity_events": ["kind", "severity", "timeframe", "resolution"],
    "candle_repair_jobs": ["mode", "outcome"],
    "backtest_runs": ["strategy", "timeframe", "synthetic", "status"],
    "job_runs": ["job", "status"],
    "audit_log": ["action", "actor"],
}


@dataclass(frozen=True, slots=True)
class LedgerFile:
    """A SQLite file to show: its path, what people are told it is, and a word beside tables that are cut."""

    path: Path
    shown: str
    notes: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def ledger_file(service: DataService, newest: int) -> Iterator[LedgerFile]:
    """Yield the file of the store's ledger; of one in PostgreSQL a copy that is gone after the block.

    Args:
        service: reads of the store.
        newest: rows of each table that are copied.

    Raises:
        DataError: there is no ledger, one of another schema revision, or its server does not answer.
    """
    reads = service.ledger
    if reads.path is not None:
        yield LedgerFile(reads.path, str(reads.path))
        return
    with TemporaryDirectory(prefix="arena-browse-") as folder:
        path = Path(folder) / "ledger.sqlite"
        copies = reads.copy_newest(path, newest)
        reads.close()
        yield LedgerFile(
            path,
            f"a copy of {reads.shown}, at most the newest {newest:,} rows of a table,",
            {one.name: _words(one.copied, one.rows) for one in copies},
        )


def _words(copied: int, rows: int) -> str:
    part = f"the newest {copied:,} of {rows:,} rows" if copied < rows else f"all {rows:,} rows"
    return f"Here are {part}, as they stood at the start."


def make_site(ledger: LedgerFile, market: Sequence[SeriesTable]) -> Any:
    """Return the ASGI application.

    Args:
        ledger: the SQLite file.
        market: newest rows of the stored series; was any generated, every page says so.

    Raises:
        ConfigError: datasette is not installed.
    """
    try:
        from datasette.app import Datasette
        from datasette.database import Database
    except ImportError as error:
        raise ConfigError(
            "the browser needs datasette: install it with pip install 'alpha-arena[dbview]'"
        ) from error
    # with rich installed every wrong query would print a trace with all local values on the console;
    # the module registers itself, so it must not be imported before the application
    vars(import_module("datasette.handle_exception"))["rich"] = None
    site = Datasette(metadata=metadata(market, ledger.notes), settings=SETTINGS)
    site.remove_database("_memory")  # empty, and there whenever no file is named
    site.add_database(Database(site, path=str(ledger.path), is_mutable=True), name=LEDGER)
    memory = Database(site, memory_name=MARKET)
    # memory lives as long as one connection to it: datasette's own keep reading it
    connection = memory.connect(write=True)
    fill(connection, market)
    connection.commit()
    site.add_database(memory, name=MARKET)
    site.arena_memory = connection
    return site.app()


def metadata(market: Sequence[SeriesTable], notes: Mapping[str, str]) -> dict[str, Any]:
    """Return titles, words, facets and ready questions as datasette takes them."""
    synthetic = any(one.synthetic for one in market)
    label = "SYNTHETIC market. " if synthetic else ""
    return {
        "title": "Alpha Arena: the ledger" + (" (SYNTHETIC market)" if synthetic else ""),
        "description": f"{label}Read only. Times ending in _ms and ts are UTC milliseconds.",
        "databases": {
            LEDGER: {
                "description": "What ran, what was decided, ordered and found.",
                "tables": {
                    "alembic_version": {"hidden": True},
                }
                | {
                    words.name: {
                        "description": f"{words.purpose}. {notes.get(words.name, '')}".rstrip(" ."),
                        "columns": words.columns,
                        "facets": _FACETS.get(words.name, []),
                        **_newest_first(words.columns),
                    }
                    for words in describe_tables()
                },
                "queries": {
                    one.name: {"sql": one.sql, "title": one.title, "description": one.description}
                    for one in QUESTIONS
                },
            },
            MARKET: {
                "description": f"{label}The newest rows of each stored series, as they stood at the start.",
                "tables": {
                    one.name: {"title": one.title, "description": one.description, "sort_desc": "ts"}
                    for one in market
                },
            },
        },
    }


def _newest_first(columns: dict[str, str]) -> dict[str, str]:
    names = ("created_ms", "ts", "started_ms", "updated_ms")
    return next(({"sort_desc": name} for name in names if name in columns), {})
