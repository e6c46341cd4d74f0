"""Bring market history into the store: from files or from the generator.

Writes through MarketWriter alone, and refused rows beside it under `<store root>/rejects`. Invariant:
everything is read and checked before the first row is written, and generated and observed prices of
one instrument never share a store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from arena.core.bars import SYNTHETIC, Bars, FundingSeries
from arena.core.clock import Clock, wall_clock
from arena.core.errors import ConfigError, DataError
from arena.core.instrument import Instrument
from arena.core.timeframe import Timeframe
from arena.data.derive import derive_series
from arena.data.ingest_origin import check_origin
from arena.data.ingest_rejects import write_rejects
from arena.data.ingest_report import DERIVED_FROM, IngestReport, SeriesReport
from arena.data.ingest_tally import series_report
from arena.exchange.files import FileImport, FileRequest, read_files
from arena.exchange.synthetic import SyntheticSpec, generate_market
from arena.store.market.layout import Kind
from arena.store.market.merge import WriteReport
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter

__all__ = ["IngestReport", "Progress", "SeriesReport", "ingest_files", "ingest_synthetic"]

Progress = Callable[[int, int, str], None]
"""Called with steps done, steps in all, and what is being done."""

_FUNDING = "funding"


def ingest_files(
    request: FileRequest,
    root: str,
    *,
    derive: Sequence[Timeframe] = (),
    run_id: str = "",
    clock: Clock = wall_clock,
    progress: Progress | None = None,
) -> IngestReport:
    """Import the files of `request` into the store at `root`, then build the `derive` timeframes.

    Raises:
        ConfigError: a file that cannot be read or is in an unknown layout; a store of generated prices.
        DataError: a file of another instrument or timeframe, or without one good row.
    """
    begin = time.perf_counter()
    tell = progress or _silent
    _check_derive(request.timeframe, derive)
    found = read_files(request, clock(), lambda done, total, label: tell(done, total + 1, label))
    reader, writer = MarketReader(root), MarketWriter(root, clock=clock)
    check_origin(reader, request.instrument.inst_id, generated=found.source == SYNTHETIC)
    rejects = write_rejects(root, run_id or "import", found.rejects)
    if not len(found.series):
        reasons = ", ".join(f"{count} {reason}" for reason, count in found.refused.items())
        raise DataError(f"{request.path}: no row could be accepted ({reasons}); see {', '.join(rejects)}")
    written = _write(writer, request.kind, found.series, found.source, run_id)
    series = [_file_report(request, found, written, rejects, time.perf_counter() - begin)]
    if isinstance(found.series, Bars) and derive:
        full = bool(written.inserted or written.revised)
        kinds = (Kind(request.kind),)
        series += _derive(reader, writer, found.series, derive, kinds, found.source, run_id, full=full)
    steps = len(found.files) + 1
    tell(steps, steps, "done")
    return IngestReport(tuple(series), time.perf_counter() - begin)


def ingest_synthetic(
    instrument: Instrument,
    timeframe: Timeframe,
    root: str,
    *,
    spec: SyntheticSpec | None = None,
    derive: Sequence[Timeframe] = (),
    run_id: str = "",
    clock: Clock = wall_clock,
    progress: Progress | None = None,
    spot_inst_id: str | None = None,
) -> IngestReport:
    """Generate a market and store its candles, mark, index and funding, then the `derive` timeframes.

    With `spot_inst_id` the candles of that spot pair are stored, too.

    Raises:
        ConfigError: the store holds observed prices of the instrument.
    """
    begin = time.perf_counter()
    tell = progress or _silent
    _check_derive(timeframe, derive)
    reader, writer = MarketReader(root), MarketWriter(root, clock=clock)
    check_origin(reader, instrument.inst_id, generated=True)
    if spot_inst_id is not None:
        check_origin(reader, spot_inst_id, generated=True)
    tell(0, 6, "generate")
    market = generate_market(instrument, spec)
    candles = market.candles(timeframe)
    parts: dict[str, Bars | FundingSeries] = {
        Kind.CANDLES: candles,
        Kind.MARK: market.mark(timeframe),
        Kind.INDEX: market.index(timeframe),
        _FUNDING: market.funding,
    }
    reports: list[SeriesReport] = []
    changed = 0
    for done, (kind, series) in enumerate(parts.items(), start=1):
        tell(done, 6, f"write {kind}")
        started = time.perf_counter()
        written = _write(writer, kind, series, SYNTHETIC, run_id)
        changed += written.inserted + written.revised
        seconds = time.perf_counter() - started
        reports.append(_series_report(kind, series, written, SYNTHETIC, "generator", seconds))
    if derive:
        tell(5, 6, "derive")
        full = changed > 0
        reports += _derive(reader, writer, candles, derive, tuple(Kind), SYNTHETIC, run_id, full=full)
    if spot_inst_id is not None:
        reports += _synthetic_spot(reader, writer, market.spot(spot_inst_id, timeframe), derive, run_id)
    tell(6, 6, "done")
    return IngestReport(tuple(reports), time.perf_counter() - begin)


def _synthetic_spot(
    reader: MarketReader, writer: MarketWriter, bars: Bars, derive: Sequence[Timeframe], run_id: str
) -> list[SeriesReport]:
    started = time.perf_counter()
    written = _write(writer, Kind.CANDLES, bars, SYNTHETIC, run_id)
    seconds = time.perf_counter() - started
    reports = [_series_report(Kind.CANDLES, bars, written, SYNTHETIC, "generator", seconds)]
    if derive:
        full = bool(written.inserted or written.revised)
        reports += _derive(reader, writer, bars, derive, (Kind.CANDLES,), SYNTHETIC, run_id, full=full)
    return reports


def _silent(_done: int, _total: int, _label: str) -> None:
    """Stand in for a progress bar that nobody watches."""


def _check_derive(timeframe: Timeframe | None, derive: Sequence[Timeframe]) -> None:
    for target in derive:
        if timeframe is None:
            raise ConfigError(f"derive={target}: funding has no timeframe to derive from; leave derive empty")
        if target.step_ms <= timeframe.step_ms or target.step_ms % timeframe.step_ms:
            raise ConfigError(f"derive={target}: not a multiple of timeframe={timeframe}")


def _write(
    writer: MarketWriter, kind: str, series: Bars | FundingSeries, source: str, run_id: str
) -> WriteReport:
    if isinstance(series, FundingSeries):
        return writer.write_funding(series, job=run_id)
    return writer.write_bars(Kind(kind), series, source=source, job=run_id)


def _derive(
    reader: MarketReader,
    writer: MarketWriter,
    bars: Bars,
    targets: Sequence[Timeframe],
    kinds: Sequence[Kind],
    source: str,
    run_id: str,
    *,
    full: bool,
) -> list[SeriesReport]:
    started = time.perf_counter()
    written = derive_series(
        reader, writer, bars.inst_id, bars.timeframe, targets, kinds, job=run_id, full=full
    )
    seconds = (time.perf_counter() - started) / max(1, len(written))
    reports = []
    for kind in kinds:
        for target in targets:
            counts = written.get(f"{kind}/{target}", WriteReport())
            extent = reader.coverage(kind, bars.inst_id, target)
            rows = counts.inserted + counts.unchanged + counts.revised + counts.kept
            reports.append(
                SeriesReport(
                    kind=str(kind),
                    inst_id=bars.inst_id,
                    timeframe=target.name,
                    source=source,
                    format=f"{DERIVED_FROM}{bars.timeframe}",
                    rows_read=rows,
                    accepted=rows,
                    inserted=counts.inserted,
                    unchanged=counts.unchanged,
                    revised=counts.revised,
                    kept=counts.kept,
                    first_ts=extent.first if extent else None,
                    last_ts=extent.last if extent else None,
                    seconds=seconds,
                )
            )
    return reports


def _file_report(
    request: FileRequest, found: FileImport, written: WriteReport, rejects: Sequence[str], seconds: float
) -> SeriesReport:
    layouts = ", ".join(found.formats)
    report = _series_report(request.kind, found.series, written, found.source, layouts, seconds)
    return replace(
        report,
        rows_read=found.rows_read,
        files=len(found.files),
        duplicates=found.duplicates,
        out_of_order=found.out_of_order,
        refused=found.refused,
        gaps=found.gaps,
        missing=found.missing,
        rejects=tuple(rejects),
    )


def _series_report(
    kind: str, series: Bars | FundingSeries, written: WriteReport, source: str, layout: str, seconds: float
) -> SeriesReport:
    timeframe = series.timeframe if isinstance(series, Bars) else None
    return series_report(
        kind, series.inst_id, timeframe, series.ts, written, source=source, layout=layout, seconds=seconds
    )
