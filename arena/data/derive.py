"""Keep coarser stored series in step with a finer one.

Reads and writes through the store alone. Invariant: a stored bar is never replaced by a derived one,
so what came from the exchange stays.
"""

from __future__ import annotations

from collections.abc import Sequence

from arena.core.timeframe import Timeframe
from arena.data.resample import resample
from arena.store.market.layout import Kind
from arena.store.market.merge import WriteReport
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter


def derive_series(
    reader: MarketReader,
    writer: MarketWriter,
    inst_id: str,
    source: Timeframe,
    targets: Sequence[Timeframe],
    kinds: Sequence[Kind] = (Kind.CANDLES,),
    *,
    job: str = "",
    full: bool = False,
) -> dict[str, WriteReport]:
    """Build each target series from the stored `source` series; return what was written, by `kind/timeframe`.

    Bars after the newest stored one are built; all of them where `full` is set or the source begins
    before the target does. Kinds without a stored source are left out.

    Raises:
        ConfigError: a target is not a multiple of the source.
        DataError: as the store's reads and writes.
    """
    reports: dict[str, WriteReport] = {}
    for kind in kinds:
        if reader.coverage(kind, inst_id, source) is None:
            continue
        starts = {
            target: None if full else _resume_at(reader, kind, inst_id, source, target) for target in targets
        }
        known = [start for start in starts.values() if start is not None]
        oldest = min(known) if len(known) == len(targets) and known else None
        bars = reader.read_bars(kind, inst_id, source, start=oldest)
        for target, start in starts.items():
            begin = 0 if start is None else int(bars.ts.searchsorted(start))
            built = resample(bars.slice(begin), target)
            reports[f"{kind}/{target}"] = writer.write_bars(
                kind, built, source=f"derived from {source}", job=job, on_conflict="keep"
            )
    return reports


def _resume_at(
    reader: MarketReader, kind: Kind, inst_id: str, source: Timeframe, target: Timeframe
) -> int | None:
    """Return the open of the first target bar to build, None for all that the source can give."""
    fine = reader.coverage(kind, inst_id, source)
    coarse = reader.coverage(kind, inst_id, target)
    if fine is None or coarse is None:
        return None
    first_whole = -(-fine.first // target.step_ms) * target.step_ms
    return None if first_whole < coarse.first else coarse.last + target.step_ms
