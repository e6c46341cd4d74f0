"""The file feed: from a path to checked series, ready to be stored.

Reads the user's files and writes nothing. Invariant: either every file is understood and the whole
import is returned, or an error names the file and nothing is; single bad rows are refused, not fatal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from arena.core.bars import Bars, FundingSeries, TsArray
from arena.core.errors import ConfigError
from arena.core.instrument import Instrument
from arena.core.timeframe import Timeframe
from arena.exchange.files import checks
from arena.exchange.files.layouts import FUNDING, Format, Kind, detect_layout
from arena.exchange.files.sheets import NO_TIME, Sheet, make_sheet
from arena.exchange.files.sources import find_files, open_sources
from arena.exchange.files.tables import read_table

if TYPE_CHECKING:
    import polars as pl

Progress = Callable[[int, int, str], None]
"""Called with files done, files in all, and what is being read."""

AUTO = "auto"
_FILE = "file"
_PUBLISHERS = {"binance": "binance", "okx": "okx"}


@dataclass(frozen=True, slots=True)
class FileRequest:
    """What the user says the files are.

    `volume` is the unit of volumes in the files, `source` who published them ("auto": told by the
    layout, "file" where a layout belongs to no exchange).
    """

    path: str
    instrument: Instrument
    kind: Kind
    timeframe: Timeframe | None
    format: Format = "auto"
    volume: Literal["base", "contracts"] = "base"
    source: str = AUTO


@dataclass(frozen=True, slots=True)
class FileCount:
    """One file's share of an import."""

    label: str
    format: str
    layout: str
    rows: int
    out_of_order: int
    refused: int


@dataclass(frozen=True, slots=True, eq=False)
class Rejects:
    """The refused rows of one file: row (from 1, header not counted), reason and the values."""

    label: str
    frame: pl.DataFrame


@dataclass(frozen=True, slots=True, eq=False)
class FileImport:
    """Checked rows of all files; `series` may be empty when every row was refused.

    `rejects` holds the refused rows of each file that has any.
    """

    series: Bars | FundingSeries
    source: str
    files: tuple[FileCount, ...]
    refused: dict[str, int]
    duplicates: int
    gaps: int
    missing: int
    rejects: tuple[Rejects, ...]

    @property
    def rows_read(self) -> int:
        """Rows in all files."""
        return sum(file.rows for file in self.files)

    @property
    def out_of_order(self) -> int:
        """Rows that stood below a row of a later time in their file."""
        return sum(file.out_of_order for file in self.files)

    @property
    def formats(self) -> tuple[str, ...]:
        """The layouts found."""
        return tuple(sorted({file.layout for file in self.files}))


def read_files(request: FileRequest, now_ms: int, progress: Progress | None = None) -> FileImport:
    """Read and check every file of the request; a bar that closes after `now_ms` is not finished.

    Raises:
        ConfigError: no file there, one that cannot be read, or one in an unknown layout.
        DataError: a file of another instrument or timeframe.
    """
    sheets = _by_time(_read_sheets(request, find_files(request.path), progress))
    source = _source_of(request, sheets)
    rows = checks.stack(sheets)
    if request.timeframe is None or request.kind == FUNDING:
        verdict = checks.judge_funding(rows, now_ms)
        step_ms = request.instrument.funding_interval_ms
    else:
        step_ms = request.timeframe.step_ms
        verdict = checks.judge_bars(rows, step_ms, now_ms)
    series = _series(request, rows, verdict, source)
    gaps, missing = checks.count_gaps(series.ts, step_ms)
    return FileImport(
        series=series,
        source=source,
        files=tuple(_counts(sheets, rows, verdict)),
        refused=verdict.refused,
        duplicates=verdict.duplicates,
        gaps=gaps,
        missing=missing,
        rejects=tuple(_rejects(sheets, rows, verdict)),
    )


def _read_sheets(request: FileRequest, files: Sequence[Path], progress: Progress | None) -> list[Sheet]:
    sheets: list[Sheet] = []
    for done, file in enumerate(files):
        if progress is not None:
            progress(done, len(files), file.name)
        for source in open_sources(file):
            table = read_table(source)
            layout = detect_layout(table, request.kind, request.format)
            in_contracts = request.volume == "contracts"
            sheet = make_sheet(table, layout, request.kind, request.instrument, contracts=in_contracts)
            if request.kind == FUNDING or request.timeframe is None:
                checks.check_funding_grid(sheet.label, sheet.ts)
            else:
                checks.check_bar_grid(sheet.label, sheet.ts, request.timeframe)
            sheets.append(sheet)
    if progress is not None:
        progress(len(files), len(files), "read")
    return sheets


def _by_time(sheets: list[Sheet]) -> list[Sheet]:
    """Return sheets by their earliest time: names like 2024-9 and 2024-10 do not sort by date."""
    return sorted(sheets, key=lambda sheet: (_earliest(sheet.ts), sheet.label))


def _earliest(ts: TsArray) -> int:
    stamps = ts[ts != NO_TIME]
    return int(stamps.min()) if len(stamps) else 0


def _source_of(request: FileRequest, sheets: Iterable[Sheet]) -> str:
    if request.source != AUTO:
        return request.source
    sources = sorted({_PUBLISHERS.get(sheet.layout.format, _FILE) for sheet in sheets})
    if len(sources) > 1:
        raise ConfigError(
            f"exchange.path={request.path}: files of several publishers ({', '.join(sources)}); "
            "import them apart or say who published them with exchange.source=NAME"
        )
    return sources[0]


def _series(
    request: FileRequest, rows: checks.Rows, verdict: checks.Verdict, source: str
) -> Bars | FundingSeries:
    order, value = verdict.order, rows.values
    inst_id = request.instrument.inst_id
    if request.timeframe is None or request.kind == FUNDING:
        return FundingSeries(inst_id, rows.ts[order], value["rate"][order], (source,) * len(order))
    return Bars(
        inst_id,
        request.timeframe,
        rows.ts[order],
        value["open"][order],
        value["high"][order],
        value["low"][order],
        value["close"][order],
        value["volume"][order],
        frozenset({source}),
    )


def _counts(sheets: Sequence[Sheet], rows: checks.Rows, verdict: checks.Verdict) -> Iterable[FileCount]:
    refused = np.bincount(rows.file[verdict.refused_rows()], minlength=len(sheets))
    for sheet, count in zip(sheets, refused, strict=True):
        out_of_order = checks.count_out_of_order(sheet.ts[sheet.ts != NO_TIME])
        yield FileCount(
            sheet.label, sheet.layout.format, sheet.layout.name, len(sheet), out_of_order, int(count)
        )


def _rejects(sheets: Sequence[Sheet], rows: checks.Rows, verdict: checks.Verdict) -> Iterable[Rejects]:
    import polars as pl

    refused = verdict.refused_rows()
    for file in np.unique(rows.file[refused]):
        at = refused[rows.file[refused] == file]
        ts = rows.ts[at]
        columns: dict[str, object] = {
            "row": rows.row[at],
            "reason": [verdict.reason(position) for position in at],
            "ts": pl.Series(ts).set(pl.Series(ts == NO_TIME), None),
            **{name: column[at] for name, column in rows.values.items()},
        }
        yield Rejects(sheets[file].label, pl.DataFrame(columns))
