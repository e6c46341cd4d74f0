"""Let coarser stored series follow the bars of a finer one that was mended.

Reads and writes through the store. Invariant: a coarser bar follows where it is missing or was what the finer
bars made before; one that said something else came from elsewhere and stays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from arena.core.bars import Bars, TsArray
from arena.core.timeframe import Timeframe
from arena.data.health import range_health
from arena.data.repair import changed_bars, taken
from arena.data.repair_plan import Repair, RepairRange
from arena.data.resample import resample
from arena.data.scan.agreement import differing
from arena.data.scan.prices import impossible
from arena.data.scan.rules import ScanRules
from arena.store.market.layout import Kind
from arena.store.market.reader import MarketReader
from arena.store.market.writer import MarketWriter


@dataclass(frozen=True, slots=True, eq=False)
class Following:
    """What is to be written to one coarser series: its bars, and how many stay that differ from them."""

    timeframe: Timeframe
    source: str
    range: RepairRange
    bars: Bars
    kept: int


def coarser_series(reader: MarketReader, kind: Kind, inst_id: str, source: Timeframe) -> list[Timeframe]:
    """Return the stored lengths that bars of `source` make, the finest first."""
    return sorted(
        one.timeframe
        for one in reader.list_series()
        if (one.kind, one.inst_id) == (kind, inst_id)
        and one.timeframe.step_ms > source.step_ms
        and one.timeframe.step_ms % source.step_ms == 0
    )


def plan_following(
    reader: MarketReader,
    kind: Kind,
    inst_id: str,
    source: Timeframe,
    target: Timeframe,
    changed: TsArray,
    known_at: int,
) -> Following | None:
    """Return what `target` bars have to follow, None where none differs.

    Args:
        reader: reads the store.
        kind: which prices.
        inst_id: exchange's id of the instrument.
        source: the mended series.
        target: a coarser one.
        changed: opens of `source` bars that were changed, UTC ms.
        known_at: UTC ms before the first of the changes.

    Raises:
        DataError: a stored file cannot be read.
    """
    extent = reader.coverage(kind, inst_id, target)
    opens = np.unique(changed - changed % target.step_ms)
    if extent is not None:  # what lies outside is not a hole of the coarser series
        opens = opens[(opens >= extent.first) & (opens <= extent.last)]
    if extent is None or not len(opens):
        return None
    asked = RepairRange(int(opens[0]), int(opens[-1]) + target.step_ms)
    finer = reader.read_bars(kind, inst_id, source, start=asked.start, end=asked.end)
    sound = resample(taken(finer, ~impossible(finer)), target)
    made = taken(sound, np.isin(sound.ts, opens))
    old = reader.read_bars(kind, inst_id, source, start=asked.start, end=asked.end, as_of=known_at)
    before = resample(old, target)
    stored = reader.read_bars(kind, inst_id, target, start=asked.start, end=asked.end)
    differs = differing(stored, made, ScanRules())
    follows = differs & ~differing(stored, before, ScanRules()) & np.isin(stored.ts, before.ts)
    wanted = np.isin(made.ts, stored.ts[follows]) | ~np.isin(made.ts, stored.ts)
    kept = int(np.count_nonzero(differs & ~follows))
    if not wanted.any() and not kept:
        return None
    bars = replace(taken(made, wanted), origin=made.origin or stored.origin)
    return Following(target, f"derived from {source}", asked, bars, kept)


def follow(
    reader: MarketReader, writer: MarketWriter, kind: Kind, plan: Following, *, run_id: str = ""
) -> Repair:
    """Write what a coarser series has to follow, the old values to its revisions.

    Raises:
        DataError: the store cannot be read or written.
    """
    asked, step_ms = plan.range, plan.timeframe.step_ms

    def stored() -> Bars:
        return reader.read_bars(kind, plan.bars.inst_id, plan.timeframe, start=asked.start, end=asked.end)

    before = stored()
    if len(plan.bars):
        writer.write_bars(kind, plan.bars, source=plan.source, job=run_id)
    after = stored()
    inserted, revised = changed_bars(before, after)
    return Repair(
        range=asked,
        asked=(asked.end - asked.start) // step_ms,
        inserted=len(inserted),
        revised=len(revised),
        source=plan.source,
        before=range_health(before, start=asked.start, end=asked.end),
        after=range_health(after, start=asked.start, end=asked.end),
        changed=np.sort(np.concatenate((inserted, revised))),
        stored=after.ts,
        confirmed=(),
        same=np.empty(0, np.int64),
        refused=0,
        outcome="partial" if plan.kept else "repaired",
        error=None,
        kept=plan.kept,
    )
