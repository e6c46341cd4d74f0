"""The newest rows of each stored series as tables of an in-memory database.

Reads through DataService and writes into memory alone. Invariant: what was generated says so in its table's
title.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from arena.core.bars import SYNTHETIC
from arena.core.clock import to_iso
from arena.core.errors import DataError
from arena.data.service import DataService
from arena.store.market.layout import SeriesInfo


@dataclass(frozen=True, slots=True)
class SeriesTable:
    """One series: its table's name and title, what is stored of it, and its newest rows, newest first."""

    name: str
    title: str
    description: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]
    synthetic: bool


def read_market(service: DataService, newest: int) -> list[SeriesTable]:
    """Return a table for each stored series of prices and of funding, with its `newest` rows."""
    series = service.list_series()
    tables = [_bars_or_why_not(service, one, newest) for one in series]
    for inst_id in sorted({one.inst_id for one in series}):
        tables += _funding(service, inst_id, newest)
    return tables


def fill(connection: sqlite3.Connection, tables: Sequence[SeriesTable]) -> None:
    """Write `tables` into the database behind `connection`."""
    for table in tables:
        kinds = ("INTEGER PRIMARY KEY", "TEXT", *(["REAL"] * (len(table.columns) - 2)))
        columns = ", ".join(f"{name} {kind}" for name, kind in zip(table.columns, kinds, strict=True))
        connection.execute(f'CREATE TABLE "{table.name}" ({columns})')
        marks = ", ".join("?" * len(table.columns))
        connection.executemany(f'INSERT INTO "{table.name}" VALUES ({marks})', table.rows)  # noqa: S608 - names are ours


def _bars_or_why_not(service: DataService, series: SeriesInfo, newest: int) -> SeriesTable:
    try:
        return _bars(service, series, newest)
    except DataError as error:  # a broken file of one series is no reason to hide the others
        name = _table_name(series.kind, series.inst_id, series.timeframe.name)
        columns = ("ts", "utc", *series.values)
        return SeriesTable(name, series.label, f"cannot be read: {error}", columns, [], synthetic=False)


def _bars(service: DataService, series: SeriesInfo, newest: int) -> SeriesTable:
    timeframe = series.timeframe.name
    coverage = service.get_coverage(series.inst_id, timeframe, kind=series.kind)[timeframe]
    bars = service.get_candles(series.inst_id, timeframe, limit=newest, kind=series.kind)
    values = [getattr(bars, name).tolist() for name in series.values]
    rows = list(zip(bars.ts.tolist(), map(to_iso, bars.ts.tolist()), *values, strict=True))
    return SeriesTable(
        _table_name(series.kind, series.inst_id, timeframe),
        _labelled(f"{series.inst_id} {series.kind} {timeframe}", synthetic=bars.is_synthetic),
        f"{coverage.present:,} bars from {to_iso(coverage.first)} to {to_iso(coverage.last)}, "
        f"{coverage.missing:,} missing; here are the newest {len(rows):,}",
        ("ts", "utc", *series.values),
        rows[::-1],
        bars.is_synthetic,
    )


def _funding(service: DataService, inst_id: str, newest: int) -> list[SeriesTable]:
    funding = service.get_funding(inst_id)
    if not len(funding):
        return []
    stamps, rates = funding.ts[-newest:].tolist(), funding.rate[-newest:].tolist()
    rows = list(zip(stamps, map(to_iso, stamps), rates, strict=True))
    synthetic = SYNTHETIC in funding.source
    return [
        SeriesTable(
            _table_name("funding", inst_id),
            _labelled(f"{inst_id} funding", synthetic=synthetic),
            f"{len(funding):,} settlements; here are the newest {len(rows):,}",
            ("ts", "utc", "rate"),
            rows[::-1],
            synthetic,
        )
    ]


def _labelled(title: str, *, synthetic: bool) -> str:
    return f"SYNTHETIC: {title}" if synthetic else title


def _table_name(*parts: str) -> str:
    return "_".join(parts).lower().replace("-", "_")
