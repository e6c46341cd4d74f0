"""The site: a read-only datasette over one SQLite ledger and the newest rows of the market.

Opens the ledger file with `mode=ro`. Invariant: downloads, writes and long queries are off whatever is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
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


def ledger_file(service: DataService) -> Path:
    """Return the file of the store's ledger.

    Raises:
        ConfigError: the ledger is in PostgreSQL.
        DataError: there is none, or one of another schema revision.
    """
    path = service.ledger.path
    if path is None:
        raise ConfigError(
            "DATABASE_URL names PostgreSQL and the browser shows SQLite ledgers: use psql there, or "
            "unset DATABASE_URL to see the ledger beside the store"
        )
    return path


def make_site(ledger: Path, market: Sequence[SeriesTable]) -> Any:
    """Return the ASGI application.

    Args:
        ledger: the SQLite file; it has to be there.
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
    site = Datasette(metadata=metadata(market), settings=SETTINGS)
    site.add_database(Database(site, path=str(ledger), is_mutable=True), name=LEDGER)
    memory = Database(site, memory_name=MARKET)
    # memory lives as long as one connection to it: datasette's own keep reading it
    connection = memory.connect(write=True)
    fill(connection, market)
    connection.commit()
    site.add_database(memory, name=MARKET)
    site.arena_memory = connection
    return site.app()


def metadata(market: Sequence[SeriesTable]) -> dict[str, Any]:
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
                        "description": words.purpose,
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
