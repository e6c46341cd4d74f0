"""Scan what is stored of one instrument: candles, mark, index and funding, each series read once.

Reads the store and writes nothing. Invariant: every candle series is held against each finer one that is
stored, whichever of them were asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from arena.core.bars import Bars, TsArray
from arena.core.timeframe import Timeframe
from arena.data.resample import resample
from arena.data.scan.rules import ScanRules
from arena.data.scan.series import (
    BarChecks,
    PriceKind,
    SeriesHealth,
    absent,
    interval_name,
    scan_bars,
    scan_funding,
)
from arena.data.scan.stamps import sort_out
from arena.store.market.layout import Kind, SeriesInfo
from arena.store.market.reader import MarketReader

Progress = Callable[[int, int], None]
"""Called with series done and series in all."""


@dataclass(frozen=True, slots=True)
class SurveyRequest:
    """What to scan.

    Attributes:
        inst_id: exchange's id of the instrument.
        timeframes: lengths of bar; candles of each have to be stored.
        funding_interval_ms: time between two settlements.
        now: UTC ms.
        rules: the limits.
        spot_inst_id: the spot pair that is a second source of prices, where there is one.
    """

    inst_id: str
    timeframes: Sequence[Timeframe]
    funding_interval_ms: int
    now: int
    rules: ScanRules
    spot_inst_id: str | None = None


def survey(
    reader: MarketReader, request: SurveyRequest, progress: Progress | None = None
) -> list[SeriesHealth]:
    """Return the health of each series: candles by length, then mark, index and funding where stored.

    Raises:
        DataError: a stored file cannot be read.
    """
    return _Survey(reader, request, progress or _silent).run()


class _Survey:
    """One survey: what is read is kept until the end, because series are held against each other."""

    def __init__(self, reader: MarketReader, request: SurveyRequest, progress: Progress) -> None:
        self._reader, self._request, self._tell = reader, request, progress
        self._stored = frozenset(reader.list_series())
        self._read: dict[SeriesInfo, tuple[Bars, TsArray]] = {}  # and since when each bar is known
        self._built: dict[tuple[Timeframe, Timeframe], Bars] = {}

    def run(self) -> list[SeriesHealth]:
        wanted = list(self._wanted())
        found = []
        for done, (kind, timeframe) in enumerate(wanted):
            self._tell(done, len(wanted) + 1)
            found.append(self._series(kind, timeframe))
        self._tell(len(wanted), len(wanted) + 1)
        found.append(self._funding())
        self._tell(len(wanted) + 1, len(wanted) + 1)
        return found

    def _wanted(self) -> Iterator[tuple[PriceKind, Timeframe]]:
        timeframes = sorted(set(self._request.timeframes))
        for timeframe in timeframes:
            yield "candles", timeframe
        others: tuple[PriceKind, ...] = ("mark", "index")
        for kind in others:
            for timeframe in timeframes:
                if self._info(kind, timeframe) in self._stored:
                    yield kind, timeframe

    def _series(self, kind: PriceKind, timeframe: Timeframe) -> SeriesHealth:
        request = self._request
        bars = self._bars(kind, timeframe)
        if bars is None:
            return absent(kind, request.inst_id, timeframe.name, timeframe.step_ms)
        is_candles = kind == "candles"
        checks = BarChecks(
            now=request.now,
            rules=request.rules,
            kind=kind,
            known_since=self._read[self._info(kind, timeframe)][1],
            mark=self._bars("mark", timeframe) if is_candles else None,
            built=self._from_finer(timeframe) if is_candles else {},
            sources=self._sources(timeframe) if is_candles else {},
        )
        return scan_bars(bars, checks)

    def _funding(self) -> SeriesHealth:
        request = self._request
        funding = self._reader.read_funding(request.inst_id)
        if not len(funding):
            return absent(
                "funding",
                request.inst_id,
                interval_name(request.funding_interval_ms),
                request.funding_interval_ms,
            )
        return scan_funding(funding, request.funding_interval_ms, request.now, request.rules)

    def _info(self, kind: str, timeframe: Timeframe, inst_id: str | None = None) -> SeriesInfo:
        return SeriesInfo(Kind(kind), inst_id or self._request.inst_id, timeframe)

    def _bars(self, kind: str, timeframe: Timeframe, inst_id: str | None = None) -> Bars | None:
        info = self._info(kind, timeframe, inst_id)
        if info not in self._stored:
            return None
        if info not in self._read:
            self._read[info] = self._reader.read_known_bars(info.kind, info.inst_id, info.timeframe)
        return self._read[info][0]

    def _from_finer(self, timeframe: Timeframe) -> Mapping[str, Bars]:
        """Return bars of this length built from each finer stored series."""
        finer = sorted(
            info.timeframe
            for info in self._stored
            if info == self._info("candles", info.timeframe) and info.timeframe < timeframe
        )
        return {
            source.name: self._build(source, timeframe)
            for source in finer
            if timeframe.step_ms % source.step_ms == 0
        }

    def _build(self, source: Timeframe, target: Timeframe) -> Bars:
        """Return `source` bars as `target` bars, by way of the coarsest length between that is built."""
        if (source, target) not in self._built:
            steps = [
                (known.step_ms, built)
                for (origin, known), built in self._built.items()
                if origin == source and target.step_ms % known.step_ms == 0
            ]
            if steps:
                nearest = max(steps, key=lambda step: step[0])[1]
            else:
                bars = self._bars("candles", source)
                assert bars is not None  # noqa: S101 - only stored series are asked for
                nearest = sort_out(bars)[0]
            self._built[source, target] = resample(nearest, target)
        return self._built[source, target]

    def _sources(self, timeframe: Timeframe) -> Mapping[str, Bars]:
        """Return the second sources of these prices that are stored: the index, the spot pair."""
        spot = self._request.spot_inst_id
        found = {
            "index": self._bars("index", timeframe),
            "spot": None if spot is None else self._bars("candles", timeframe, spot),
        }
        return {name: sort_out(bars)[0] for name, bars in found.items() if bars is not None}


def _silent(_done: int, _total: int) -> None:
    """Stand in for a progress bar that nobody watches."""
